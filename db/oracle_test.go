package db_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// full says whether the counts of requirements.md 5.2 are wanted, rather than what a commit can wait for.
func full() bool { return os.Getenv("REGRANT_FAULTS") == "full" }

// many gives a count: for `make faults`, for an ordinary run, and with -short.
func many(faults, ordinary, short int) int {
	switch {
	case full():
		return faults
	case testing.Short():
		return short
	}
	return ordinary
}

// inMemory gives a directory where a commit costs no disk, if there is one.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "regrant")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// The world of these tests: one client, one person, and a file that has its keys already, since making them is slow.
const (
	faultIssuer   = "https://as.test"
	faultVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-test-verifier"
	faultClient   = "app"
	faultPerson   = "ann"
)

// prepared is that file, and the client's secret.
var prepared = sync.OnceValues(func() (file []byte, secret string) {
	dir, err := os.MkdirTemp("", "regrant")
	check(err)
	defer os.RemoveAll(dir)
	ctx, at := context.Background(), time.Now().UTC().Truncate(time.Microsecond)
	d, err := db.Open(ctx, filepath.Join(dir, "regrant.db"), db.Options{})
	check(err)
	_, err = oauth.New(ctx, oauth.Config{Issuer: faultIssuer}, d)
	check(err)
	p := account.Person{ID: faultPerson, Email: "ann@example.com", Name: "Ann", Role: account.RolePerson, PasswordHash: "x", CreatedAt: at}
	check(d.CreatePerson(ctx, p, audit.Event{At: at, Kind: audit.PersonCreated}))
	c := oauth.Client{ID: faultClient, Name: "App", RedirectURIs: []string{"https://app.test/cb"}, Scope: oauth.Scope{"email", "offline_access"}}
	c.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
	c.Policy.MaxGrants = 1000
	secret, err = oauth.RegisterClient(ctx, d, &c, at, audit.Origin{Actor: audit.ByCommand})
	check(err)
	check(d.Close())
	file, err = os.ReadFile(d.Path())
	check(err)
	return file, secret
})

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// application is what an honest client remembers of one grant. It writes down what it is about to do before it does it.
type application struct {
	code      string   // that was redeemed
	token     string   // the last one that was answered
	older     []string // those before it
	refreshes bool     // a refresh with token is under way
	ends      bool     // a revocation is under way
	ended     bool     // ... or has been answered
}

// service is a store with an engine, and applications that use it.
type service struct {
	db     *db.DB
	engine *oauth.Server

	mu   sync.Mutex
	apps []*application
}

// openService opens the file as `regrant serve` does.
func openService(ctx context.Context, path string, o db.Options) (*service, error) {
	o.Server = true
	d, err := db.Open(ctx, path, o)
	if err != nil {
		return nil, err
	}
	s := &service{db: d}
	if s.engine, err = oauth.New(ctx, oauth.Config{Issuer: faultIssuer}, d); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return s, nil
}

var device = audit.Origin{IP: "192.0.2.1", UserAgent: "app/1.0"}

func (s *service) credentials() oauth.ClientCredentials {
	_, secret := prepared()
	return oauth.ClientCredentials{ClientID: faultClient, Secret: secret, Method: oauth.AuthBasic}
}

// note changes what applications remember, between two power cuts.
func (s *service) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// memories gives what all remember.
func (s *service) memories() []application {
	all := make([]application, len(s.apps))
	for i, a := range s.apps {
		all[i] = *a
		all[i].older = slices.Clip(a.older)
	}
	return all
}

// issueCode gives a code as a sign-in makes one.
func (s *service) issueCode(ctx context.Context) (string, error) {
	code := rand.Text()
	hash, sum := sha256.Sum256([]byte(code)), sha256.Sum256([]byte(faultVerifier))
	now := time.Now().UTC().Truncate(time.Microsecond)
	return code, s.db.IssueCode(ctx, "", &oauth.AuthorizationCode{
		Hash: hash[:], ClientID: faultClient, PersonID: faultPerson, SessionID: "s", RedirectURI: "https://app.test/cb",
		Scope: oauth.Scope{"email", "offline_access"}, CodeChallenge: base64.RawURLEncoding.EncodeToString(sum[:]),
		Authentication: oauth.Authentication{AuthTime: now}, CreatedAt: now, ExpiresAt: now.Add(oauth.CodeLifetime),
	}, nil, nil)
}

func (s *service) redeem(ctx context.Context, code string) (*oauth.TokenResponse, error) {
	return s.engine.Token(ctx, oauth.TokenRequest{
		Client: s.credentials(), GrantType: oauth.GrantAuthorizationCode, Code: code, CodeVerifier: faultVerifier,
		RedirectURI: "https://app.test/cb", By: device,
	})
}

func (s *service) present(ctx context.Context, token string) (*oauth.TokenResponse, error) {
	return s.engine.Token(ctx, oauth.TokenRequest{
		Client: s.credentials(), GrantType: oauth.GrantRefreshToken, RefreshToken: token, By: device,
	})
}

// presentPatiently is present for when nothing fails any more. On a machine that is held up a request waits too long for the disk, and
// is told so, which is no answer yet.
func (s *service) presentPatiently(ctx context.Context, token string) (response *oauth.TokenResponse, err error) {
	for range 100 {
		if response, err = s.present(ctx, token); err == nil || verdict(err) {
			break
		}
	}
	return response, err
}

func (s *service) active(ctx context.Context, token string) (bool, error) {
	answer, err := s.engine.Introspect(ctx, s.credentials(), token, device)
	if err != nil {
		return false, err
	}
	return answer.Active, nil
}

// join signs in and gives the new application.
func (s *service) join(ctx context.Context) (*application, error) {
	code, err := s.issueCode(ctx)
	if err != nil {
		return nil, err
	}
	response, err := s.redeem(ctx, code)
	if err != nil {
		return nil, err
	}
	a := &application{code: code, token: response.RefreshToken}
	s.note(func() { s.apps = append(s.apps, a) })
	return a, nil
}

func (s *service) refresh(ctx context.Context, a *application) error {
	s.note(func() { a.refreshes = true })
	response, err := s.present(ctx, a.token)
	if err != nil {
		return err // it may have happened
	}
	s.note(func() {
		a.refreshes = false
		if a.token != response.RefreshToken {
			a.older, a.token = append(a.older, a.token), response.RefreshToken
		}
	})
	return nil
}

func (s *service) revoke(ctx context.Context, a *application) error {
	s.note(func() { a.ends = true })
	if err := s.engine.Revoke(ctx, s.credentials(), a.token, device); err != nil {
		return err
	}
	s.note(func() { a.ended = true })
	return nil
}

// verdict says whether an error tells an application that its token is no good. A fault never does.
func verdict(err error) bool {
	var e *oauth.Error
	return errors.As(err, &e) && e.Code != oauth.TemporarilyUnavailable && e.Code != oauth.ServerError
}

// violation is a broken rule of the oracle (requirements.md 5.1).
type violation struct{ rule, what string }

func (v violation) String() string { return v.rule + ": " + v.what }

// examine opens what a fault has left as a server that starts again does, and holds it to what the applications remember.
func examine(ctx context.Context, path string, apps []application, rng *mathrand.Rand) (found []violation) {
	violated := func(rule, format string, args ...any) {
		found = append(found, violation{rule, fmt.Sprintf(format, args...)})
	}
	s, err := openService(ctx, path, db.Options{})
	if err != nil {
		return append(found, violation{"I8", err.Error()})
	}
	defer s.db.Close()
	for what, look := range map[string]func(context.Context) ([]string, error){"integrity_check": s.db.CheckIntegrity, "foreign_key_check": s.db.CheckReferences} {
		if wrong, err := look(ctx); err != nil || len(wrong) > 0 {
			violated("I8", "%s: %v %v", what, wrong, err)
		}
	}
	if _, err := s.db.VerifyAudit(ctx); err != nil {
		violated("I8", "the audit chain: %v", err)
	}
	for i, a := range apps {
		alive, err := s.active(ctx, a.token)
		if err != nil {
			violated("I9", "application %d: %v", i, err)
			continue
		}
		switch {
		case a.ended && alive:
			violated("I5", "application %d: its revocation is undone", i)
		case a.ended, a.ends:
			if response, err := s.presentPatiently(ctx, a.token); a.ended && err == nil {
				violated("I5", "application %d: its revoked token gave %v", i, response)
			}
		case a.refreshes:
			first, err := s.presentPatiently(ctx, a.token)
			if err != nil {
				violated("I2", "application %d: its answer was lost, and the next try gets %v", i, err)
				continue
			}
			if second, err := s.presentPatiently(ctx, a.token); err != nil || second.RefreshToken != first.RefreshToken {
				violated("I2", "application %d: two successors, or none: %v", i, err)
			}
		case !alive:
			violated("I1", "application %d: its last token is not the current one", i)
		case rng.IntN(4) == 0:
			if _, err := s.presentPatiently(ctx, a.token); err != nil {
				violated("I1", "application %d: its last token gets %v", i, err)
			}
		}
		if n := len(a.older); n > 0 {
			if alive, err := s.active(ctx, a.older[rng.IntN(n)]); err != nil || alive {
				violated("I4", "application %d: an older token is alive: %v", i, err)
			}
		}
	}
	// The last, since they revoke.
	for i, a := range apps {
		switch {
		case rng.IntN(8) == 0:
			if _, err := s.redeem(ctx, a.code); !verdict(err) {
				violated("I6", "application %d: its code once more: %v", i, err)
			}
		case len(a.older) > 2 && rng.IntN(8) == 0:
			if _, err := s.presentPatiently(ctx, a.older[rng.IntN(len(a.older)-2)]); !verdict(err) {
				violated("I4", "application %d: an older token gets %v", i, err)
			}
		}
	}
	return found
}
