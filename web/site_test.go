package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
	"regrant/web"
)

// password is what every person in these tests signs in with.
const password = "plum-thunder-orbit-93"

// site is a whole server over a real database file and real HTTPS, with a clock that tests move.
type site struct {
	t      testing.TB
	issuer string
	path   string // of the database file
	master *db.MasterKey
	db     *db.DB
	engine *oauth.Server
	server *web.Server
	people *account.People
	clock  *fakeClock
	log    *lockedBuffer
	http   *http.Client // follows no redirects, keeps no cookies
	secret map[string]string
	person map[string]account.Person
}

// siteOptions change what newSite makes.
type siteOptions struct {
	issuer string                        // default https://as.test
	store  func(oauth.Store) oauth.Store // wraps the store that the engine sees
	config func(*web.Config)
	engine func(*oauth.Config)
	time   oauth.TimeSource       // default: the site's own fake clock
	cost   account.Cost           // of a password's hash; default next to nothing
	trace  func(statement string) // is told of each statement
	master *db.MasterKey          // of a database that is sealed from its first key on
	queue  int                    // how many may wait for their password to be looked at; default as in production
}

// newSite starts a server with the fixtures of requirements.md part 0.
func newSite(t testing.TB, options ...siteOptions) *site {
	t.Helper()
	var o siteOptions
	if len(options) > 0 {
		o = options[0]
	}
	if o.issuer == "" {
		o.issuer = "https://as.test"
	}
	s := &site{
		t: t, issuer: o.issuer, path: filepath.Join(t.TempDir(), "regrant.db"), master: o.master, clock: newFakeClock(), log: &lockedBuffer{},
		secret: map[string]string{}, person: map[string]account.Person{},
	}
	if o.cost == (account.Cost{}) {
		// Cheap hashes: what a password costs is tested where passwords are.
		o.cost = account.Cost{Memory: 64, Iterations: 1, Lanes: 1}
		if o.master == nil {
			s.begin(o)
		}
	}
	ctx := context.Background()
	var err error
	if s.db, err = db.Open(ctx, s.path, db.Options{Server: true, Trace: o.trace, MasterKey: s.master}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.db.Close() })
	var store oauth.Store = s.db
	if o.store != nil {
		store = o.store(store)
	}
	var source oauth.TimeSource = s.clock
	if o.time != nil {
		source = o.time
	}
	log := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	of := oauth.Config{Issuer: o.issuer, Time: source, Alarm: log.Warn}
	if o.engine != nil {
		o.engine(&of)
	}
	if s.engine, err = oauth.New(ctx, of, store); err != nil {
		t.Fatal(err)
	}
	s.people = s.newPeople(o)
	config := web.Config{Issuer: o.issuer, Log: log, Now: s.clock.Wall, Store: s.db, Rehearsal: db.OpenRehearsal}
	if o.config != nil {
		o.config(&config)
	}
	handler, err := web.New(config, s.engine, s.people, s.db.SessionStore(s.clock.Wall), s.db.Ready)
	if err != nil {
		t.Fatal(err)
	}
	s.server = handler
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport)
	transport.TLSClientConfig.ServerName = "example.com" // the name in the certificate of httptest
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	transport.MaxIdleConnsPerHost = 100
	s.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if len(s.person) == 0 {
		s.fixtures()
	}
	return s
}

func (s *site) newPeople(o siteOptions) *account.People {
	s.t.Helper()
	hasher, err := account.NewHasher(account.HasherOptions{Cost: o.cost, Parallel: 2, Waiting: o.queue})
	if err != nil {
		s.t.Fatal(err)
	}
	return account.New(s.db, hasher, account.Options{Now: s.clock.Wall})
}

// template is what a site begins from: to make keys and a schema takes longer than most tests.
var template struct {
	once sync.Once
	file []byte // of the database, with keys and fixtures
	site *site  // that made it
}

// begin gives the site a database with the fixtures.
func (s *site) begin(o siteOptions) {
	s.t.Helper()
	template.once.Do(func() {
		first := &site{
			t: s.t, path: filepath.Join(s.t.TempDir(), "regrant.db"), clock: newFakeClock(), secret: map[string]string{}, person: map[string]account.Person{},
		}
		var err error
		if first.db, err = db.Open(context.Background(), first.path, db.Options{Server: true}); err != nil {
			s.t.Fatal(err)
		}
		defer first.db.Close()
		if first.engine, err = oauth.New(context.Background(), oauth.Config{Issuer: "https://as.test", Time: first.clock}, first.db); err != nil {
			s.t.Fatal(err)
		}
		first.people = first.newPeople(o)
		first.fixtures()
		if err := first.db.Close(); err != nil {
			s.t.Fatal(err)
		}
		if template.file, err = os.ReadFile(first.path); err != nil {
			s.t.Fatal(err)
		}
		template.site = first
	})
	if template.site == nil {
		s.t.Fatal("an earlier test could not make the template")
	}
	if err := os.WriteFile(s.path, template.file, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.secret, s.person = maps.Clone(template.site.secret), maps.Clone(template.site.person)
}

// by is who makes the fixtures.
var by = audit.Origin{Actor: audit.ByCommand, ActorID: "test"}

func (s *site) fixtures() {
	s.t.Helper()
	s.addPerson("U1", "alice@example.com", "Alice Archer")
	s.addPerson("U2", "bob@example.com", "Bob Baker")
	s.addAPI("RS", "https://api.test/", "read", "write")
	s.addAPI("RS2", "https://other.test/v1", "list")
	scope := oauth.Scope{"openid", "profile", "email", "groups", "offline_access", "read", "write", "list"}
	all := []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
	s.addClient("CB", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://app.test/cb"}, Scope: scope, GrantTypes: append(all, oauth.GrantClientCredentials)})
	s.addClient("CP", oauth.Client{AuthMethod: oauth.AuthPost, RedirectURIs: []string{"https://post.test/cb"}, Scope: scope})
	s.addClient("CX", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://foreign.test/cb"}, Scope: scope})
	s.addClient("PN", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/cb"}, Scope: scope})
	s.addClient("PW", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"https://spa.test/cb", "https://spa.test/cb?x=1"}, Scope: scope})
	s.addClient("TR", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://trusted.test/cb"}, Scope: scope, Trusted: true})
	s.addClient("OFF", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://off.test/cb"}, Scope: scope})
	s.change("OFF", func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now })
}

func (s *site) addPerson(name, email, fullName string) {
	s.t.Helper()
	p, err := s.people.Create(context.Background(), account.NewPerson{Email: email, Name: fullName, Password: password}, by, s.clock.Wall())
	if err != nil {
		s.t.Fatal(err)
	}
	s.person[name] = p
}

// addAPI registers a resource server; its client's id and secret stand under name in s.secret, as "id secret".
func (s *site) addAPI(name, resource string, scope ...string) {
	s.t.Helper()
	client, secret, err := oauth.RegisterAPI(context.Background(), s.db, &oauth.API{Resource: resource, Name: name, Scope: scope}, s.clock.Wall(), by)
	if err != nil {
		s.t.Fatal(err)
	}
	s.secret[name] = secret
	s.secret[name+".id"] = client.ID
	if err := s.engine.Reload(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) addClient(id string, c oauth.Client) {
	s.t.Helper()
	c.ID, c.Name = id, "Client "+id
	secret, err := oauth.RegisterClient(context.Background(), s.db, &c, s.clock.Wall(), by)
	if err != nil {
		s.t.Fatal(err)
	}
	s.secret[id] = secret
}

// change changes a client's registration.
func (s *site) change(id string, change func(*oauth.Client)) {
	s.t.Helper()
	_, err := oauth.ChangeClient(context.Background(), s.db, id, func(c *oauth.Client) error { change(c); return nil }, s.clock.Wall(), by)
	if err != nil {
		s.t.Fatal(err)
	}
}

// rename gives a client a name past the rule for names, as a database may hold from before there was one.
func (s *site) rename(id, name string) {
	s.t.Helper()
	c, err := s.db.Client(context.Background(), id)
	if err == nil {
		c.Name = name
		err = s.db.UpdateClient(context.Background(), c, audit.Event{At: s.clock.Wall(), Kind: audit.ClientUpdated, Origin: by, ClientID: id, Result: "ok"})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// answer is what came back, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// json gives a member of the body.
func (a answer) json(t testing.TB, member string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("not JSON: %s", a.body)
	}
	return m[member]
}

func (a answer) text(t testing.TB, member string) string {
	t.Helper()
	v, _ := a.json(t, member).(string)
	return v
}

// do sends one request.
func (s *site) do(r *http.Request) answer {
	s.t.Helper()
	a, err := s.try(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *site) try(r *http.Request) (answer, error) {
	response, err := s.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// post sends a form to an endpoint for programs as client: by Basic, in the body, or by client_id alone, as it is registered.
func (s *site) post(path, client string, form url.Values) answer {
	s.t.Helper()
	return s.do(s.request(path, client, form))
}

func (s *site) request(path, client string, form url.Values) *http.Request {
	body := url.Values{}
	for k, v := range form {
		body[k] = v
	}
	basic := false
	switch client {
	case "":
	case "CP":
		body.Set("client_id", client)
		body.Set("client_secret", s.secret[client])
	case "PN", "PW":
		body.Set("client_id", client)
	default:
		basic = true
	}
	r, err := http.NewRequest("POST", s.issuer+path, strings.NewReader(body.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		id := client
		if other, ok := s.secret[client+".id"]; ok {
			id = other
		}
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(s.secret[client]))
	}
	return r
}

// lockedBuffer collects the log of a site.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
