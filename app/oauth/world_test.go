package oauth_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// world is an engine over a real database file with a clock that tests move, for what is too much to do over HTTP.
type world struct {
	tester
	path    string
	db      *db.DB
	engine  *oauth.Server
	clock   *clock
	secret  map[string]string // by client; "api.id" is the client of the API
	staff   string            // the group of a client that is limited to one
	session string            // in which the next grants are made, without offline_access; "": with it, in one that is not there
}

// tester is what testing.T and rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// policies are the clients of every world, by id.
var policies = map[string]func(*oauth.Policy){
	"standard":      func(*oauth.Policy) {},
	"strict":        func(p *oauth.Policy) { *p, _ = oauth.PolicyOf(oauth.PresetStrict) },
	"multi-process": func(p *oauth.Policy) { *p, _ = oauth.PolicyOf(oauth.PresetMultiProcess) },
	"no-rotation":   func(p *oauth.Policy) { p.RotationOff = true },
	"short-lived":   func(p *oauth.Policy) { p.Idle, p.Absolute = time.Hour, 5*time.Hour },
}

var people = []string{"ann", "bob", "cleo"}

// template is the file from which every world begins: making keys is slow.
var template = sync.OnceValues(func() (map[string]string, []byte) {
	dir, err := os.MkdirTemp("", "regrant")
	check(err)
	defer os.RemoveAll(dir)
	ctx, at, by := context.Background(), epoch, audit.Origin{Actor: audit.ByCommand}
	d, err := db.Open(ctx, filepath.Join(dir, "regrant.db"), db.Options{})
	check(err)
	_, err = oauth.New(ctx, oauth.Config{Issuer: issuer, Time: newClock()}, d)
	check(err)
	for _, id := range people {
		p := account.Person{ID: id, Email: id + "@example.com", Name: id, Role: account.RolePerson, PasswordHash: "x", CreatedAt: at}
		check(d.CreatePerson(ctx, p, audit.Event{At: at, Kind: audit.PersonCreated}))
	}
	api, secret, err := oauth.RegisterAPI(ctx, d, &oauth.API{Resource: "https://api.test/", Name: "API", Scope: oauth.Scope{"read", "write"}}, at, by)
	check(err)
	secrets := map[string]string{"api.id": api.ID, api.ID: secret}
	for id, change := range policies {
		c := oauth.Client{ID: id, Name: id, RedirectURIs: []string{"https://app.test/cb"}, Scope: oauth.Scope{"read", "write", "offline_access"}}
		c.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
		change(&c.Policy)
		secrets[id], err = oauth.RegisterClient(ctx, d, &c, at, by)
		check(err)
	}
	check(d.Close())
	b, err := os.ReadFile(d.Path())
	check(err)
	return secrets, b
})

func check(err error) {
	if err != nil {
		panic(err)
	}
}

const issuer = "https://as.test"

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// newWorld makes a world in dir.
func newWorld(t tester, dir string) *world {
	t.Helper()
	secrets, b := template()
	w := &world{tester: t, path: filepath.Join(dir, "regrant.db"), clock: newClock(), secret: maps.Clone(secrets)}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(w.path + suffix)
	}
	w.ok(os.WriteFile(w.path, b, 0o600))
	w.open()
	return w
}

// inMemory gives a directory where a commit costs no disk, if there is one.
func inMemory(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "regrant")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (w *world) open() {
	w.Helper()
	var err error
	w.db, err = db.Open(context.Background(), w.path, db.Options{Server: true})
	w.ok(err)
	w.start(w.db)
}

// start makes a new engine, as a restart of the process does.
func (w *world) start(store oauth.Store) {
	w.Helper()
	var err error
	w.clock.restart()
	w.engine, err = oauth.New(context.Background(), oauth.Config{Issuer: issuer, Time: w.clock}, store)
	w.ok(err)
}

func (w *world) close() {
	w.Helper()
	w.ok(w.db.Close())
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-test-verifier"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// grant makes a grant and gives its first refresh token and its id.
func (w *world) grant(client, person string) (token, id string) {
	w.Helper()
	response, err := w.redeem(client, person)
	w.ok(err)
	answer, err := w.engine.Introspect(context.Background(), w.credentials(client), response.AccessToken, device)
	w.ok(err)
	return response.RefreshToken, answer.GrantID
}

// tryGrant says what becomes of a code that was issued to somebody.
func (w *world) tryGrant(client, person string) error {
	w.Helper()
	_, err := w.redeem(client, person)
	return err
}

func (w *world) redeem(client, person string) (*oauth.TokenResponse, error) {
	w.Helper()
	ctx, now := context.Background(), w.clock.Wall()
	secret := rand.Text()
	hash := sha256.Sum256([]byte(secret))
	session, scope := "session of "+person, oauth.Scope{"read", "write", "offline_access"}
	if w.session != "" {
		session, scope = w.session, scope[:2]
	}
	w.ok(w.db.IssueCode(ctx, "", &oauth.AuthorizationCode{
		Hash: hash[:], ClientID: client, PersonID: person, SessionID: session, RedirectURI: "https://app.test/cb",
		Scope: scope, CodeChallenge: challenge(),
		Authentication: oauth.Authentication{AuthTime: now}, CreatedAt: now, ExpiresAt: w.engine.Now().Deadline.Add(oauth.CodeLifetime),
	}, nil, nil))
	return w.engine.Token(ctx, oauth.TokenRequest{
		Client: w.credentials(client), GrantType: oauth.GrantAuthorizationCode, Code: secret, CodeVerifier: verifier, By: device,
	})
}

var device = audit.Origin{IP: "192.0.2.1", UserAgent: "app/1.0"}

func (w *world) credentials(client string) oauth.ClientCredentials {
	return oauth.ClientCredentials{ClientID: client, Secret: w.secret[client], Method: oauth.AuthBasic}
}

// refresh presents a refresh token.
func (w *world) refresh(client, token, scope string) (*oauth.TokenResponse, error) {
	return w.engine.Token(context.Background(), oauth.TokenRequest{
		Client: w.credentials(client), GrantType: oauth.GrantRefreshToken, RefreshToken: token, Scope: scope, By: device,
	})
}

// active says what introspection says of a token to its own client.
func (w *world) active(client, token string) bool {
	w.Helper()
	answer, err := w.engine.Introspect(context.Background(), w.credentials(client), token, device)
	w.ok(err)
	return answer.Active
}

func (w *world) event(kind audit.Kind) audit.Event {
	return audit.Event{At: w.clock.Wall(), Kind: kind, Origin: audit.Origin{Actor: audit.ByCommand}}
}

// clock moves only when a test moves it; wall and monotonic time can be moved apart.
type clock struct {
	mu   sync.Mutex
	wall time.Time
	mono time.Duration
}

func newClock() *clock { return &clock{wall: epoch} }

func (c *clock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *clock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mono
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.mono = c.wall.Add(d), c.mono+d
}

func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// restart is what a new process knows of the monotonic clock of the old one.
func (c *clock) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mono = 0
}
