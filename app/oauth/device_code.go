package oauth

import (
	"context"
	"errors"
)

const deviceCodeRefused = "The device code is invalid, was used before, or was issued to another client."

func errDeviceCode(rule Rule, detail string) error {
	return because(rule, &Error{Code: InvalidGrant, Description: deviceCodeRefused, Detail: detail})
}

// stillWaiting answers a poll that came before the person has decided, RFC 8628 §3.5. It is no refusal that anybody asks about.
func stillWaiting(code Code, description string) error {
	return &Error{Code: code, Description: description, garbage: true}
}

// redeemDeviceCode answers the grant of RFC 8628 §3.4. What the person has allowed waits as an authorization code would, under the hash
// of the device code, so that it is spent, checked and ended by the same rules.
func (s *Server) redeemDeviceCode(ctx context.Context, client *Client, r *TokenRequest) (*TokenResponse, error) {
	if r.DeviceCode == "" {
		return nil, refuse(InvalidRequest, "The device_code is missing.")
	}
	hash, now := hashDeviceCode(r.DeviceCode), s.clock.Now()
	d, err := s.store.DeviceAuthorization(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		return nil, &Error{Code: InvalidGrant, Description: deviceCodeRefused, Detail: "unknown device code", garbage: true}
	}
	if err != nil {
		return nil, fault("read device authorization", err)
	}
	switch {
	case d.ClientID != client.ID:
		return nil, errDeviceCode(RuleDeviceClient, "device code of another client")
	case d.DeniedAt != nil:
		return nil, because(RuleDenied, refuse(AccessDenied, "The person refused."))
	case !now.Deadline.Before(d.ExpiresAt):
		return nil, because(RuleDeviceExpired, refuse(ExpiredToken, "The device code has expired. Ask for another one."))
	case d.waits():
		early, err := s.store.PollDevice(ctx, hash, now.Wall, devicePollTolerance, deviceSlowDown)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil, ErrConflict // decided or gone at this moment
		case err != nil:
			return nil, fault("note a poll", err)
		case early:
			return nil, stillWaiting(SlowDown, "The device polls too often. Wait 5 seconds longer between two polls.")
		}
		return nil, stillWaiting(AuthorizationPending, "The person has not decided yet.")
	}
	code, err := s.store.Code(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		return nil, errDeviceCode(RuleDeviceSpent, "what was allowed was taken back, or is long over")
	}
	if err != nil {
		return nil, fault("read code", err)
	}
	if code.SpentAt != nil { // a poll whose answer got lost is as likely as a thief, who would need the client too
		return nil, ofCode(code, errDeviceCode(RuleDeviceSpent, "device code used before"))
	}
	response, err := s.redeemUnspent(ctx, client, code, r, now)
	return response, ofCode(code, toldDevice(err))
}

// toldDevice puts a refusal of a code into words of the device grant. Who lost access since has been refused, RFC 8628 §3.5.
func toldDevice(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Code != InvalidGrant {
		return err
	}
	if e.Description = deviceCodeRefused; e.refusal().Rule == RuleCodeAccess {
		e.Code, e.Description = AccessDenied, accessDenied
	}
	return err
}
