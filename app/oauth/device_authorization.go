package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"time"
	"unicode"

	"regrant/app/audit"
)

const (
	// DeviceCodeLifetime is how long a person may take to bring the user code to a browser, RFC 8628 §3.2.
	DeviceCodeLifetime = 15 * time.Minute

	deviceInterval      = 5 * time.Second        // between two polls, RFC 8628 §3.2
	deviceSlowDown      = 5 * time.Second        // more of it for good, after a poll that came too early: RFC 8628 §3.5
	devicePollTolerance = 500 * time.Millisecond // for what a network does to a device that keeps the interval

	// Bounds of what waits, as those of pushed requests.
	maxDevices          = 10_000
	maxDevicesByClient  = 5_000
	maxDevicesByAddress = 300
	tooManyDevicesWait  = time.Minute // some more have been decided or have expired by then

	// userCodeLetters have no vowels, so that no word comes of them: RFC 8628 §6.1. Eight of twenty are 34 bits.
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeSize    = 8
)

// DeviceAuthorization is a device that waits for a person to allow it, RFC 8628 §3.1. Its device code is stored as a hash.
type DeviceAuthorization struct {
	Hash          []byte
	UserCode      string // without its hyphen
	ClientID      string
	Holder        string // whose share of the table it takes: the client's, or that of an address
	Authenticated bool   // the client has proven who it is
	Scope         Scope
	Resources     []string
	IP            string
	UserAgent     string
	Interval      time.Duration // that must lie between two polls
	PolledAt      *time.Time
	AllowedAt     *time.Time
	DeniedAt      *time.Time
	CreatedAt     time.Time
	ExpiresAt     time.Time
}

// waits says whether nobody has decided.
func (d *DeviceAuthorization) waits() bool { return d.AllowedAt == nil && d.DeniedAt == nil }

// DeviceStore is what the device grant needs of a database, as [Store] says it.
type DeviceStore interface {
	// SaveDeviceAuthorization keeps one that waits; [ErrExists] if its user code is taken, [ErrTooMany] if its holder has bound.Holder
	// that wait. The table holds at most bound.All: what has expired makes way first, then the oldest of clients that did not
	// authenticate.
	SaveDeviceAuthorization(ctx context.Context, d *DeviceAuthorization, bound WaitingBound) error
	// DeviceAuthorization gives one by the hash of its device code, decided and expired ones too.
	DeviceAuthorization(ctx context.Context, hash []byte) (*DeviceAuthorization, error)
	// DeviceAuthorizationOf gives one by its user code.
	DeviceAuthorizationOf(ctx context.Context, userCode string) (*DeviceAuthorization, error)
	// PollDevice notes a poll of one that waits, and when the last one was less than its interval, less tolerance, ago, it makes the
	// interval longer by more. Of polls that come at once, all but one are too early.
	PollDevice(ctx context.Context, hash []byte, at time.Time, tolerance, more time.Duration) (early bool, err error)
	// DenyDevice ends the pending authorization request and refuses the device; [ErrSpent] if either ended before.
	DenyDevice(ctx context.Context, requestID string, hash []byte, at time.Time, event audit.Event) error
}

// DeviceRequest is what an authorization request for a device is about. It is kept with the request.
type DeviceRequest struct {
	Hash      []byte
	UserCode  string
	IP        string
	UserAgent string
	ExpiresAt time.Time
}

// DeviceResponse answers a device authorization request, RFC 8628 §3.2.
type DeviceResponse struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"` // seconds
	Interval                int64  `json:"interval"`   // seconds
}

// AuthorizeDevice begins an authorization for a device, RFC 8628 §3.1. The client authenticates as at the token endpoint.
func (s *Server) AuthorizeDevice(ctx context.Context, credentials ClientCredentials, q url.Values, by audit.Origin) (*DeviceResponse, error) {
	client, err := s.AuthenticateClient(ctx, credentials, by)
	var response *DeviceResponse
	if err == nil {
		response, err = s.authorizeDevice(ctx, client, q, by)
	}
	return response, s.remember(PathDeviceAuthorization, client, by, err)
}

func (s *Server) authorizeDevice(ctx context.Context, client *Client, q url.Values, by audit.Origin) (*DeviceResponse, error) {
	if client.DisabledAt != nil {
		return nil, because(RuleClientDisabled, refusef(UnauthorizedClient, "The client is disabled.", "client_id=%s", client.ID))
	}
	if !client.Allows(GrantDeviceCode) {
		return nil, refusef(UnauthorizedClient, "The client may not use the device grant.", "client_id=%s", client.ID)
	}
	var p Parameters
	if err := p.readScope(s.registry(), q, client); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	for range maxRetries {
		secret, hash := newDeviceCode()
		d := &DeviceAuthorization{
			Hash: hash, UserCode: newUserCode(), ClientID: client.ID, Holder: "address " + addressGroup(by.IP), Scope: p.Scope, Resources: p.Resources,
			IP: by.IP, UserAgent: by.UserAgent, Interval: deviceInterval, CreatedAt: now.Wall, ExpiresAt: now.Deadline.Add(DeviceCodeLifetime),
		}
		bound := WaitingBound{All: maxDevices, Holder: maxDevicesByAddress}
		if !client.Public() {
			d.Holder, d.Authenticated, bound.Holder = "client "+client.ID, true, maxDevicesByClient
		}
		err := s.store.SaveDeviceAuthorization(ctx, d, bound)
		if errors.Is(err, ErrExists) {
			continue
		}
		if errors.Is(err, ErrTooMany) {
			return nil, because(RuleDeviceTooMany, &Error{Code: TemporarilyUnavailable, RetryAfter: tooManyDevicesWait, Description: "Too many devices wait for a person. Try again later."})
		}
		if err != nil {
			return nil, fault("save device authorization", err)
		}
		shown := SpellUserCode(d.UserCode)
		return &DeviceResponse{
			DeviceCode: secret, UserCode: shown, VerificationURI: s.issuer + PathDevice, VerificationURIComplete: s.issuer + PathDevice + "?user_code=" + shown,
			ExpiresIn: int64(DeviceCodeLifetime / time.Second), Interval: int64(deviceInterval / time.Second),
		}, nil
	}
	return nil, fault("make a user code", errors.New("every one is taken"))
}

// newDeviceCode makes a device code and its hash, which is in a domain of its own: no device code can be redeemed as an
// authorization code.
func newDeviceCode() (secret string, hash []byte) {
	secret, _ = newSecret(deviceCodePrefix)
	return secret, hashDeviceCode(secret)
}

func hashDeviceCode(secret string) []byte { return hashSecret("regrant-device:" + secret) }

func newUserCode() string {
	b := make([]byte, userCodeSize)
	for i := range b {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(userCodeLetters)))) // crypto/rand does not fail
		b[i] = userCodeLetters[n.Int64()]
	}
	return string(b)
}

// SpellUserCode writes a user code as people read it: BCDF-GHJK.
func SpellUserCode(code string) string {
	if len(code) != userCodeSize {
		return code
	}
	return code[:userCodeSize/2] + "-" + code[userCodeSize/2:]
}

// readUserCode reads what a person typed: case, hyphens and spaces do not matter, RFC 8628 §6.1.
func readUserCode(typed string) (string, bool) {
	code := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '_' || r == '.':
			return -1
		}
		return r
	}, typed)
	if len(code) != userCodeSize {
		return "", false
	}
	for i := range len(code) {
		if strings.IndexByte(userCodeLetters, code[i]) < 0 {
			return "", false
		}
	}
	return code, true
}

// LooksLikeUserCode says whether what a person typed can be a user code at all. What cannot is a slip and no guess.
func LooksLikeUserCode(typed string) bool {
	_, ok := readUserCode(typed)
	return ok
}

// errUserCode is the one answer to every user code that leads nowhere.
func errUserCode() error {
	return &Error{Code: InvalidRequest, Err: ErrUserCode, Description: "The code is not known, was used before, or has expired."}
}

// BeginDevice takes the user code that a person brings from a device (RFC 8628 §3.3) and begins the authorization in their browser,
// by the same steps as any other: they sign in, are shown who asks for what, and decide. An [*Error] that wraps [ErrUserCode] says that
// there is no such code; one with RetryAfter, that too many wrong ones came from there (RFC 8628 §5.1).
func (s *Server) BeginDevice(ctx context.Context, typed string, browserHash []byte, who *SignedIn, by audit.Origin) (*Progress, error) {
	code, ok := readUserCode(typed)
	if !ok {
		return nil, errUserCode()
	}
	now, address := s.clock.Now(), addressGroup(by.IP)
	if wait, ok := s.guesses.take(address, now.Wall); !ok {
		return nil, &Error{Code: TemporarilyUnavailable, RetryAfter: wait, Description: "Too many wrong codes.", garbage: true}
	}
	d, client, err := s.waitingDevice(ctx, code, now)
	if !errors.Is(err, ErrUserCode) { // it was right, or the store cannot say: no wrong guess
		s.guesses.giveBack(address, now.Wall)
	}
	if err != nil {
		return nil, err
	}
	request := newAuthorizationRequest(client, &Parameters{
		Scope: d.Scope, ScopeAsked: true, Resources: d.Resources,
		PromptConsent: true, // RFC 8628 §5.4: whoever made the person come here must not get in unseen
		Device:        &DeviceRequest{Hash: d.Hash, UserCode: d.UserCode, IP: d.IP, UserAgent: d.UserAgent, ExpiresAt: d.ExpiresAt},
	}, browserHash, by.IP, now.Wall)
	if d.ExpiresAt.Before(request.ExpiresAt) { // nobody is to allow what waits for an answer no more
		request.ExpiresAt = d.ExpiresAt
	}
	if who != nil {
		request.AuthTimeBefore = who.AuthTime
	}
	progress, err := s.proceed(ctx, client, request, who, by, false)
	if err != nil {
		return nil, s.remember(PathDevice, client, by, err)
	}
	if err := s.store.SaveAuthorizationRequest(ctx, request, maxPendingRequests); err != nil {
		return nil, fault("save authorization request", err)
	}
	return progress, nil
}

// waitingDevice gives the device that shows a code, and its client. A code that leads nowhere wraps [ErrUserCode].
func (s *Server) waitingDevice(ctx context.Context, code string, now Instant) (*DeviceAuthorization, *Client, error) {
	d, err := s.store.DeviceAuthorizationOf(ctx, code)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, errUserCode()
	}
	if err != nil {
		return nil, nil, fault("read device authorization", err)
	}
	if !d.waits() || !now.Deadline.Before(d.ExpiresAt) {
		return nil, nil, errUserCode()
	}
	client, err := s.store.Client(ctx, d.ClientID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, errUserCode()
	}
	if err != nil {
		return nil, nil, fault("read client", err)
	}
	if client.DisabledAt != nil || !client.Allows(GrantDeviceCode) {
		return nil, nil, errUserCode()
	}
	return d, client, nil
}

// denyDevice ends a request for a device with a refusal, of which the device hears at its next poll.
func (s *Server) denyDevice(ctx context.Context, client *Client, r *AuthorizationRequest, event audit.Event) (*Progress, error) {
	err := s.store.DenyDevice(ctx, r.ID, r.Device.Hash, s.clock.Now().Wall, event)
	if err != nil {
		return nil, endedRequest(err)
	}
	return &Progress{Step: StepDevice, Request: r, Client: client}, nil
}
