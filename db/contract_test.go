package db_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// The contract of [oauth.Store], for every engine: whoever opens a new store for each test may run it.

type contractStore interface {
	oauth.Store
	account.Store
	Events(ctx context.Context, f db.EventFilter, limit int) ([]audit.Event, error)
	VerifyAudit(ctx context.Context) (int64, error)
}

func TestSQLiteKeepsTheContractOfTheStore(t *testing.T) {
	testContract(t, func(t *testing.T) (contractStore, *sql.DB) {
		path := filepath.Join(t.TempDir(), "regrant.db")
		db.BeginAt(t, path)
		d, err := db.Open(t.Context(), path, db.Options{})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close(); d.Close() })
		return d, raw
	})
}

// testContract opens a new, empty store for each rule, and another way to read it for what the contract lets nobody read yet.
func testContract(t *testing.T, open func(*testing.T) (contractStore, *sql.DB)) {
	for _, part := range []struct {
		of    string
		rules map[string]func(*world)
	}{
		{"clients", clientRules}, {"APIs", apiRules}, {"keys", keyRules}, {"authorization requests", requestRules},
		{"pushed requests", pushedRules}, {"devices", deviceRules}, {"registrations", registrationRules}, {"codes", codeRules}, {"redemption", redemptionRules}, {"consents", consentRules}, {"rotation", rotationRules},
		{"reuse", reuseRules}, {"grants", grantRules}, {"revocation", revocationRules}, {"access tokens", accessTokenRules},
		{"the clock", clockRules}, {"write-behind", behindRules}, {"sweeping", sweepRules},
		{"where grants are listed", listedRules},
	} {
		for rule, check := range part.rules {
			t.Run(part.of+"/"+rule, func(t *testing.T) {
				t.Parallel()
				store, raw := open(t)
				w := &world{T: t, contractStore: store, raw: raw, now: start}
				check(w)
				// Whatever ends a grant also moves it to another list.
				same(t, w.read("SELECT COUNT(*) FROM grants WHERE (state = 'revoked') <> (revoked_at IS NOT NULL)"), 0)
				_, err := w.VerifyAudit(t.Context())
				w.ok(err)
			})
		}
	}
}

var start = time.Date(2026, 11, 22, 12, 0, 0, 123_456_000, time.UTC)

// world is a store with what a test needs to say about it.
type world struct {
	*testing.T
	contractStore
	raw *sql.DB
	now time.Time
}

// read gives the one number that a query of the tables themselves finds.
func (w *world) read(query string, args ...any) (n int) {
	w.Helper()
	w.ok(w.raw.QueryRowContext(w.Context(), query, args...).Scan(&n))
	return n
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(err, target error) {
	w.Helper()
	if !errors.Is(err, target) {
		w.Fatalf("got %v, want %v", err, target)
	}
}

// must gives the value of a call that has to succeed.
func must[V any](v V, err error) V {
	if err != nil {
		panic(fmt.Sprintf("unexpected error: %v", err))
	}
	return v
}

func (w *world) event(kind audit.Kind) audit.Event {
	return audit.Event{At: w.now, Kind: kind, Origin: audit.Origin{Actor: audit.ByServer}, Result: "ok"}
}

// events says how many events of that kind were recorded.
func (w *world) events(kind audit.Kind) int {
	w.Helper()
	events, err := w.Events(w.Context(), db.EventFilter{Kind: kind}, 10_000)
	w.ok(err)
	return len(events)
}

func (w *world) person() *oauth.Owner {
	w.Helper()
	id := rand.Text()
	w.ok(w.CreatePerson(w.Context(), account.Person{
		ID: id, Email: id + "@example.com", Name: "Ann", Role: account.RolePerson, PasswordHash: "x", CreatedAt: w.now,
	}, w.event(audit.PersonCreated)))
	return must(w.Owner(w.Context(), id))
}

func (w *world) client() *oauth.Client {
	w.Helper()
	c := fullClient(rand.Text())
	w.ok(w.CreateClient(w.Context(), c, w.event(audit.ClientCreated)))
	return must(w.Client(w.Context(), c.ID))
}

func fullClient(id string) *oauth.Client {
	ends := start.Add(time.Hour)
	policy, _ := oauth.PolicyOf(oauth.PresetMultiProcess)
	policy.RotationOff, policy.ScopesOnRefresh, policy.RefreshLimit, policy.OnReuse = true, oauth.Scope{"read"}, 7, oauth.ReuseReports
	policy.Refresh, policy.AccessTokenFormat, policy.IDTokenAlg = oauth.RefreshOffline, oauth.FormatOpaque, "ES256"
	return &oauth.Client{
		ID: id, Name: "App " + id, AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://a.example/cb", "https://b.example/cb?x=y"},
		GrantTypes: []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}, Scope: oauth.Scope{"openid", "read"},
		Trusted: true, PKCEWaived: true, RedirectURIRequired: true, SecondFactor: true, PARRequired: true, DPoPRequired: true, FormPost: true,
		Secret:    &oauth.ClientSecret{Hash: []byte("new"), Hint: "abcd", CreatedAt: start},
		OldSecret: &oauth.ClientSecret{Hash: []byte("old"), Hint: "wxyz", CreatedAt: start.Add(-time.Hour), EndsAt: &ends},
		JWKS:      `{"keys":[]}`, JWKSURI: "https://a.example/jwks.json", AuthSigningAlg: "ES256",
		PostLogoutRedirectURIs: []string{"https://a.example/bye", "https://b.example/bye?x=y"}, BackchannelLogoutURI: "https://a.example/out", LogoutSessionRequired: true,
		WebhookURL: "https://a.example/hook", SecurityEventURL: "https://a.example/event", SecurityEventAuthorization: []byte("header"),
		WebhookSecret: &oauth.SealedSecret{Sealed: []byte("new"), CreatedAt: start}, OldWebhookSecret: &oauth.SealedSecret{Sealed: []byte("old"), CreatedAt: start.Add(-time.Hour), EndsAt: &ends},
		About: oauth.About{LogoURI: "https://a.example/logo.png"}, RegistrationHash: []byte("registration"),
		Policy: policy, CreatedAt: start, UpdatedAt: start,
	}
}

func (w *world) newCode(o *oauth.Owner, c *oauth.Client) *oauth.AuthorizationCode {
	hash := make([]byte, 32)
	rand.Read(hash)
	return &oauth.AuthorizationCode{
		Hash: hash, ClientID: c.ID, PersonID: o.ID, SessionID: "session", RedirectURI: "https://a.example/cb?x=y",
		Scope: oauth.Scope{"openid", "read"}, Resources: []string{"https://api.example/", "https://b.example/?q=1"}, Nonce: "n 1",
		CodeChallenge: "challenge", DPoPKey: "thumbprint",
		Authentication: oauth.Authentication{AuthTime: w.now.Add(-time.Minute), ACR: "acr", AMR: []string{"pwd", "otp"}},
		IP:             "192.0.2.1", UserAgent: "agent 1", CreatedAt: w.now, ExpiresAt: w.now.Add(oauth.CodeLifetime),
	}
}

func (w *world) code(o *oauth.Owner, c *oauth.Client) *oauth.AuthorizationCode {
	w.Helper()
	code := w.newCode(o, c)
	w.ok(w.IssueCode(w.Context(), "", code, nil, nil))
	return code
}

func (w *world) redemption(code *oauth.AuthorizationCode, o *oauth.Owner, c *oauth.Client) *oauth.Redemption {
	r := &oauth.Redemption{
		CodeHash: code.Hash, At: w.now, OwnerVersion: o.Version, ClientVersion: c.Version, MaxGrants: 50,
		Grant: oauth.Grant{
			ID: rand.Text(), PersonID: o.ID, ClientID: c.ID, SessionID: code.SessionID, Scope: code.Scope, Resources: code.Resources,
			Authentication: code.Authentication, IP: code.IP, UserAgent: code.UserAgent, Offline: true,
			CreatedAt: w.now, EndsAt: w.now.Add(180 * 24 * time.Hour), Version: 1,
		},
		Refresh: &oauth.RefreshState{
			Epoch: 3, CurrentHash: []byte("hash 0"), RotatedAt: w.now, IdleDeadline: w.now.Add(30 * 24 * time.Hour),
			AbsoluteDeadline: w.now.Add(180 * 24 * time.Hour), LastUsedAt: w.now, LastIP: "192.0.2.2", LastUserAgent: "agent 2",
		},
		Event:   w.event(audit.GrantCreated),
		Evicted: func(id string) audit.Event { e := w.event(audit.GrantEvicted); e.GrantID = id; return e },
	}
	rand.Read(r.Refresh.TokenID[:])
	return r
}

// grant makes a grant with a refresh token and gives it as it is stored.
func (w *world) grant(o *oauth.Owner, c *oauth.Client) *oauth.RefreshState {
	w.Helper()
	r := w.redemption(w.code(o, c), o, c)
	w.ok(w.RedeemCode(w.Context(), r))
	return must(w.RefreshState(w.Context(), r.Refresh.TokenID))
}

func (w *world) rotation(s *oauth.RefreshState) *oauth.Rotation {
	return &oauth.Rotation{
		Read: s, Epoch: s.Epoch, CurrentHash: fmt.Appendf(nil, "hash %d", s.Generation+1), PreviousHash: s.CurrentHash, Nonce: []byte("nonce"), WindowKeyID: 7,
		WindowEnd: 1_000_000, RotatedAt: w.now, IdleDeadline: w.now.Add(31 * 24 * time.Hour), UsedAt: w.now, IP: "192.0.2.3",
		UserAgent: "agent 3", Ring: s.Ring.Append(oauth.RingEntry{At: w.now.Truncate(time.Millisecond), Kind: oauth.RingRotation}),
	}
}

// dead fails the test unless every way to ask says that the grant has ended.
func (w *world) dead(s *oauth.RefreshState) {
	w.Helper()
	if must(w.RefreshState(w.Context(), s.TokenID)).Alive() || must(w.Grant(w.Context(), s.ID)).Alive() {
		w.Fatal("the grant is alive")
	}
	now := must(w.RefreshState(w.Context(), s.TokenID))
	w.want(w.RotateRefreshToken(w.Context(), w.rotation(now)), oauth.ErrConflict)
	w.want(w.TouchRefreshToken(w.Context(), w.rotation(now)), oauth.ErrConflict)
}

func (w *world) alive(s *oauth.RefreshState) {
	w.Helper()
	if !must(w.RefreshState(w.Context(), s.TokenID)).Alive() || !must(w.Grant(w.Context(), s.ID)).Alive() {
		w.Fatal("the grant is dead")
	}
}

const racers = 24

// race lets many do the same at once and says how many got nil; every other one must get an error that is lost.
func (w *world) race(do func(i int) error, lost error) (won int) {
	w.Helper()
	errs := make([]error, racers)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			<-begin
			errs[i] = do(i)
		})
	}
	close(begin)
	all.Wait()
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, lost) {
			w.Fatalf("a loser got %v, want %v", err, lost)
		}
	}
	return won
}
