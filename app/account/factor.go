package account

import (
	"context"
	"slices"
	"time"

	"regrant/app/audit"
)

// How factors are told to clients: the methods of RFC 8176, and the classes of one factor and of two.
const (
	AMRPassword    = "pwd"
	AMROneTime     = "otp" // a code of an authenticator app
	AMRHardwareKey = "hwk" // a passkey that stays in its device
	AMRSoftwareKey = "swk" // a passkey that is synced
	AMRMultiFactor = "mfa" // two factors were shown

	ACRSingleFactor = "urn:regrant:acr:1fa"
	ACRTwoFactors   = "urn:regrant:acr:2fa"
)

// acrOf gives the class of what was shown.
func acrOf(amr []string) string {
	if slices.Contains(amr, AMRMultiFactor) {
		return ACRTwoFactors
	}
	return ACRSingleFactor
}

// Factors are what a person can prove who they are with, besides a password.
type Factors struct {
	TOTP          bool // an authenticator app
	Passkeys      int
	RecoveryCodes int // that were not used yet
}

// Second reports whether there is a second factor. Recovery codes are none: they stand in for one.
func (f Factors) Second() bool { return f.TOTP || f.Passkeys > 0 }

// Strongest reports whether what was shown is the strongest that the person has: a passkey, else an authenticator app, else the
// password. A recovery code stands in for what was lost, so it counts as strongest too (WEB-40).
func (f Factors) Strongest(amr []string) bool {
	shown := func(method string) bool { return slices.Contains(amr, method) }
	switch {
	case !f.Second(), shown(AMRHardwareKey), shown(AMRSoftwareKey):
		return true
	case shown(AMROneTime):
		return f.Passkeys == 0
	}
	return shown(AMRMultiFactor)
}

// Factors says which factors the person has; of somebody who does not exist, none.
func (p *People) Factors(ctx context.Context, personID string) (Factors, error) {
	return p.store.Factors(ctx, personID)
}

// Sealer gives what secrets of factors are sealed with.
func (p *People) Sealer() *Sealer { return p.sealer }

// FactorRemoval is the removal of a factor by the person.
type FactorRemoval struct {
	PersonID  string
	SessionID string // in which the person stands; it goes on
}

// RemoveTOTP takes the authenticator app away, and with the last second factor the recovery codes, and ends all else that the
// person has: the other sessions and all grants (T25). That it is the person who asks
// was proven before ([Session.Fresh]). [ErrNotFound] for a second caller.
func (p *People) RemoveTOTP(ctx context.Context, r FactorRemoval, o audit.Origin, now time.Time) error {
	o.Actor, o.ActorID = audit.ByPerson, r.PersonID
	e := event(audit.FactorRemoved, r.PersonID, o, now, "factor", "totp")
	return p.store.RemoveTOTP(ctx, r, e)
}

// ResetFactors takes every second factor of a person away, for somebody who has lost them, and ends all that they have (T25).
// [ErrNotFound], [ErrUnchanged] if there is none.
func (p *People) ResetFactors(ctx context.Context, id string, o audit.Origin, now time.Time) error {
	return p.store.ResetFactors(ctx, id, event(audit.FactorReset, id, o, now))
}
