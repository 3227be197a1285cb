package web_test

import (
	"context"
	"sync"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web"
)

// faults makes one call of the stores fail, counted from when it was set.
type faults struct {
	mu    sync.Mutex
	calls []string // since then
	at    int      // 0: none
	err   error
	late  bool   // the call does what it should and fails all the same
	fired string // the method that failed
}

func (f *faults) set(at int, err error, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.at, f.err, f.late, f.fired = nil, at, err, late, ""
}

func (f *faults) seen() (calls []string, fired string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, f.fired
}

// around runs one call of a method, or makes it fail.
func (f *faults) around(method string, call func() error) error {
	f.mu.Lock()
	f.calls = append(f.calls, method)
	fails := len(f.calls) == f.at
	if fails {
		f.fired = method
	}
	err, late := f.err, f.late
	f.mu.Unlock()
	if !fails {
		return call()
	}
	if late {
		_ = call()
	}
	return err
}

func around[V any](f *faults, method string, call func() (V, error)) (v V, err error) {
	err = f.around(method, func() (err error) { v, err = call(); return err })
	if err != nil {
		var zero V
		v = zero
	}
	return v, err
}

// faultyStore is the part of [oauth.Store] that requests use.
type faultyStore struct {
	oauth.Store
	f *faults
}

func (s faultyStore) RecentClient(ctx context.Context, id string) (*oauth.Client, error) {
	return around(s.f, "RecentClient", func() (*oauth.Client, error) { return s.Store.RecentClient(ctx, id) })
}

func (s faultyStore) Client(ctx context.Context, id string) (*oauth.Client, error) {
	return around(s.f, "Client", func() (*oauth.Client, error) { return s.Store.Client(ctx, id) })
}

func (s faultyStore) Owner(ctx context.Context, id string) (*oauth.Owner, error) {
	return around(s.f, "Owner", func() (*oauth.Owner, error) { return s.Store.Owner(ctx, id) })
}

func (s faultyStore) SaveAuthorizationRequest(ctx context.Context, r *oauth.AuthorizationRequest, most int) error {
	return s.f.around("SaveAuthorizationRequest", func() error { return s.Store.SaveAuthorizationRequest(ctx, r, most) })
}

func (s faultyStore) AuthorizationRequest(ctx context.Context, id string) (*oauth.AuthorizationRequest, error) {
	return around(s.f, "AuthorizationRequest", func() (*oauth.AuthorizationRequest, error) { return s.Store.AuthorizationRequest(ctx, id) })
}

func (s faultyStore) EndAuthorizationRequest(ctx context.Context, r *oauth.AuthorizationRequest, e audit.Event) error {
	return s.f.around("EndAuthorizationRequest", func() error { return s.Store.EndAuthorizationRequest(ctx, r, e) })
}

func (s faultyStore) PushRequest(ctx context.Context, r *oauth.PushedRequest, bound oauth.WaitingBound) error {
	return s.f.around("PushRequest", func() error { return s.Store.PushRequest(ctx, r, bound) })
}

func (s faultyStore) PushedRequest(ctx context.Context, hash []byte) (*oauth.PushedRequest, error) {
	return around(s.f, "PushedRequest", func() (*oauth.PushedRequest, error) { return s.Store.PushedRequest(ctx, hash) })
}

func (s faultyStore) SaveDeviceAuthorization(ctx context.Context, d *oauth.DeviceAuthorization, bound oauth.WaitingBound) error {
	return s.f.around("SaveDeviceAuthorization", func() error { return s.Store.SaveDeviceAuthorization(ctx, d, bound) })
}

func (s faultyStore) DeviceAuthorization(ctx context.Context, hash []byte) (*oauth.DeviceAuthorization, error) {
	return around(s.f, "DeviceAuthorization", func() (*oauth.DeviceAuthorization, error) { return s.Store.DeviceAuthorization(ctx, hash) })
}

func (s faultyStore) DeviceAuthorizationOf(ctx context.Context, code string) (*oauth.DeviceAuthorization, error) {
	return around(s.f, "DeviceAuthorizationOf", func() (*oauth.DeviceAuthorization, error) { return s.Store.DeviceAuthorizationOf(ctx, code) })
}

func (s faultyStore) PollDevice(ctx context.Context, hash []byte, at time.Time, tolerance, more time.Duration) (bool, error) {
	return around(s.f, "PollDevice", func() (bool, error) { return s.Store.PollDevice(ctx, hash, at, tolerance, more) })
}

func (s faultyStore) DenyDevice(ctx context.Context, id string, hash []byte, at time.Time, e audit.Event) error {
	return s.f.around("DenyDevice", func() error { return s.Store.DenyDevice(ctx, id, hash, at, e) })
}

func (s faultyStore) InitialToken(ctx context.Context, hash []byte) (*oauth.InitialToken, error) {
	return around(s.f, "InitialToken", func() (*oauth.InitialToken, error) { return s.Store.InitialToken(ctx, hash) })
}

func (s faultyStore) RegisterItself(ctx context.Context, r *oauth.SelfRegistration) error {
	return s.f.around("RegisterItself", func() error { return s.Store.RegisterItself(ctx, r) })
}

func (s faultyStore) KeepDocumentClient(ctx context.Context, k *oauth.DocumentClient) error {
	return s.f.around("KeepDocumentClient", func() error { return s.Store.KeepDocumentClient(ctx, k) })
}

func (s faultyStore) NoteDocument(ctx context.Context, id string, readAt, freshUntil time.Time) error {
	return s.f.around("NoteDocument", func() error { return s.Store.NoteDocument(ctx, id, readAt, freshUntil) })
}

func (s faultyStore) UpdateClient(ctx context.Context, c *oauth.Client, e audit.Event) error {
	return s.f.around("UpdateClient", func() error { return s.Store.UpdateClient(ctx, c, e) })
}

func (s faultyStore) DeleteClient(ctx context.Context, id string, e audit.Event) error {
	return s.f.around("DeleteClient", func() error { return s.Store.DeleteClient(ctx, id, e) })
}

func (s faultyStore) UseAssertion(ctx context.Context, id []byte, keepUntil time.Time) error {
	return s.f.around("UseAssertion", func() error { return s.Store.UseAssertion(ctx, id, keepUntil) })
}

func (s faultyStore) IssueCode(ctx context.Context, id string, code *oauth.AuthorizationCode, c *oauth.Consent, e *audit.Event) error {
	return s.f.around("IssueCode", func() error { return s.Store.IssueCode(ctx, id, code, c, e) })
}

func (s faultyStore) Consent(ctx context.Context, person, client string) (*oauth.Consent, error) {
	return around(s.f, "Consent", func() (*oauth.Consent, error) { return s.Store.Consent(ctx, person, client) })
}

func (s faultyStore) Code(ctx context.Context, hash []byte) (*oauth.AuthorizationCode, error) {
	return around(s.f, "Code", func() (*oauth.AuthorizationCode, error) { return s.Store.Code(ctx, hash) })
}

func (s faultyStore) CountCodeTry(ctx context.Context, hash []byte) error {
	return s.f.around("CountCodeTry", func() error { return s.Store.CountCodeTry(ctx, hash) })
}

func (s faultyStore) RedeemCode(ctx context.Context, r *oauth.Redemption) error {
	return s.f.around("RedeemCode", func() error { return s.Store.RedeemCode(ctx, r) })
}

func (s faultyStore) RefreshState(ctx context.Context, id [16]byte) (*oauth.RefreshState, error) {
	return around(s.f, "RefreshState", func() (*oauth.RefreshState, error) { return s.Store.RefreshState(ctx, id) })
}

func (s faultyStore) RotateRefreshToken(ctx context.Context, r *oauth.Rotation) error {
	return s.f.around("RotateRefreshToken", func() error { return s.Store.RotateRefreshToken(ctx, r) })
}

func (s faultyStore) TouchRefreshToken(ctx context.Context, r *oauth.Rotation) error {
	return s.f.around("TouchRefreshToken", func() error { return s.Store.TouchRefreshToken(ctx, r) })
}

func (s faultyStore) RevokeReused(ctx context.Context, r *oauth.RefreshState, class oauth.ReuseClass, at time.Time, e audit.Event) error {
	return s.f.around("RevokeReused", func() error { return s.Store.RevokeReused(ctx, r, class, at, e) })
}

func (s faultyStore) Grant(ctx context.Context, id string) (*oauth.GrantState, error) {
	return around(s.f, "Grant", func() (*oauth.GrantState, error) { return s.Store.Grant(ctx, id) })
}

func (s faultyStore) RevokeGrant(ctx context.Context, id string, reason oauth.RevokedReason, at time.Time, e audit.Event) (bool, error) {
	return around(s.f, "RevokeGrant", func() (bool, error) { return s.Store.RevokeGrant(ctx, id, reason, at, e) })
}

func (s faultyStore) RevokeAccessToken(ctx context.Context, jti string, expires time.Time, e audit.Event) error {
	return s.f.around("RevokeAccessToken", func() error { return s.Store.RevokeAccessToken(ctx, jti, expires, e) })
}

func (s faultyStore) AccessTokenRevoked(ctx context.Context, jti string) (bool, error) {
	return around(s.f, "AccessTokenRevoked", func() (bool, error) { return s.Store.AccessTokenRevoked(ctx, jti) })
}

func (s faultyStore) AddWindowKey(ctx context.Context, k oauth.WindowKey) error {
	return s.f.around("AddWindowKey", func() error { return s.Store.AddWindowKey(ctx, k) })
}

// faultyPeople is the part of [account.Store] that requests use.
type faultyPeople struct {
	account.Store
	f *faults
}

func (s faultyPeople) PersonByID(ctx context.Context, id string) (account.Person, error) {
	return around(s.f, "PersonByID", func() (account.Person, error) { return s.Store.PersonByID(ctx, id) })
}

func (s faultyPeople) Delay(ctx context.Context, g account.Guess) (account.Standing, error) {
	return around(s.f, "Delay", func() (account.Standing, error) { return s.Store.Delay(ctx, g) })
}

func (s faultyPeople) CountGuess(ctx context.Context, g account.Guess) (account.Guessed, error) {
	return around(s.f, "CountGuess", func() (account.Guessed, error) { return s.Store.CountGuess(ctx, g) })
}

func (s faultyPeople) FailSignIn(ctx context.Context, g account.Guess, e audit.Event) error {
	return s.f.around("FailSignIn", func() error { return s.Store.FailSignIn(ctx, g, e) })
}

func (s faultyPeople) FinishSignIn(ctx context.Context, f account.Finish, e audit.Event) error {
	return s.f.around("FinishSignIn", func() error { return s.Store.FinishSignIn(ctx, f, e) })
}

func (s faultyPeople) TouchSession(ctx context.Context, id string, now, idle time.Time) error {
	return s.f.around("TouchSession", func() error { return s.Store.TouchSession(ctx, id, now, idle) })
}

func (s faultyPeople) EndSession(ctx context.Context, person, session string, e audit.Event) error {
	return s.f.around("EndSession", func() error { return s.Store.EndSession(ctx, person, session, e) })
}

// faultySessions keeps browser sessions.
type faultySessions struct {
	web.SessionStore
	f *faults
}

func (s faultySessions) FindCtx(ctx context.Context, token string) (b []byte, found bool, err error) {
	err = s.f.around("FindCtx", func() (err error) { b, found, err = s.SessionStore.FindCtx(ctx, token); return err })
	return b, found && err == nil, err
}

func (s faultySessions) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	return s.f.around("CommitCtx", func() error { return s.SessionStore.CommitCtx(ctx, token, b, expiry) })
}

func (s faultySessions) DeleteCtx(ctx context.Context, token string) error {
	return s.f.around("DeleteCtx", func() error { return s.SessionStore.DeleteCtx(ctx, token) })
}
