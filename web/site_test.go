package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

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
	db     *db.DB
	engine *oauth.Server
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
	time   oauth.TimeSource // default: the site's own fake clock
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
		t: t, issuer: o.issuer, path: filepath.Join(t.TempDir(), "regrant.db"), clock: newFakeClock(), log: &lockedBuffer{},
		secret: map[string]string{}, person: map[string]account.Person{},
	}
	ctx := context.Background()
	var err error
	if s.db, err = db.Open(ctx, s.path, db.Options{Server: true}); err != nil {
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
	if s.engine, err = oauth.New(ctx, oauth.Config{Issuer: o.issuer, Time: source, Alarm: log.Warn}, store); err != nil {
		t.Fatal(err)
	}
	// Cheap hashes: what a password costs is tested where passwords are.
	hasher, err := account.NewHasher(account.HasherOptions{Cost: account.Cost{Memory: 64, Iterations: 1, Lanes: 1}, Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	s.people = account.New(s.db, hasher, account.Options{})
	config := web.Config{Issuer: o.issuer, Log: log, Now: s.clock.Wall, Store: s.db, Rehearsal: db.OpenRehearsal}
	if o.config != nil {
		o.config(&config)
	}
	handler, err := web.New(config, s.engine, s.people, s.db.SessionStore(s.clock.Wall), s.db.Ready)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport)
	transport.TLSClientConfig.ServerName = "example.com" // the name in the certificate of httptest
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	transport.MaxIdleConnsPerHost = 100
	s.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.fixtures()
	return s
}

// by is who makes the fixtures.
var by = audit.Origin{Actor: audit.ByCommand, ActorID: "test"}

func (s *site) fixtures() {
	s.t.Helper()
	s.addPerson("U1", "alice@example.com", "Alice Archer")
	s.addPerson("U2", "bob@example.com", "Bob Baker")
	s.addAPI("RS", "https://api.test/", "read", "write")
	s.addAPI("RS2", "https://other.test/v1", "list")
	scope := oauth.Scope{"openid", "profile", "email", "offline_access", "read", "write", "list"}
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

// browser is a browser of one person: it keeps cookies and fills in forms.
type browser struct {
	*site
	jar http.CookieJar
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{s, jar}
}

func (b *browser) send(r *http.Request) answer {
	b.t.Helper()
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	a := b.do(r)
	b.jar.SetCookies(r.URL, (&http.Response{Header: a.header}).Cookies())
	return a
}

func (b *browser) get(address string) answer {
	b.t.Helper()
	r, err := http.NewRequest("GET", b.absolute(address), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(r)
}

func (b *browser) absolute(address string) string {
	base, _ := url.Parse(b.issuer + "/")
	u, err := base.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

var formElement = regexp.MustCompile(`(?s)<form[^>]* action="([^"]+)"[^>]*>(.*?)</form>`)

// formOf gives the inside of the form of a page that posts to action, or the whole page if there is none.
func (b *browser) formOf(page answer, action string) string {
	for _, m := range formElement.FindAllStringSubmatch(page.body, -1) {
		if b.absolute(m[1]) == b.absolute(action) {
			return m[2]
		}
	}
	return page.body
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// submit posts the form of a page with its hidden fields and these.
func (b *browser) submit(page answer, action string, fields url.Values) answer {
	b.t.Helper()
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(b.formOf(page, action), -1) {
		form.Add(m[1], html.UnescapeString(m[2]))
	}
	for k, v := range fields {
		form[k] = v
	}
	r, err := http.NewRequest("POST", b.absolute(action), strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(r)
}

// signIn signs a person in to the server itself.
func (b *browser) signIn(person string) {
	b.t.Helper()
	page := b.get(b.issuer + "/login?switch=1")
	a := b.submit(page, b.issuer+"/login", url.Values{"email": {b.person[person].Email}, "password": {password}})
	if a.status != http.StatusSeeOther {
		b.t.Fatalf("sign in: %d %s", a.status, a.body)
	}
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-test-verifier"

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// az is the valid baseline of an authorization request, changed by set; a nil value removes a parameter.
func (s *site) az(client string, set url.Values) string {
	uri := map[string]string{"CB": "https://app.test/cb", "CP": "https://post.test/cb", "CX": "https://foreign.test/cb", "PN": "http://127.0.0.1:49152/cb", "PW": "https://spa.test/cb", "TR": "https://trusted.test/cb", "OFF": "https://off.test/cb"}[client]
	q := url.Values{
		"client_id": {client}, "redirect_uri": {uri}, "response_type": {"code"}, "scope": {"openid read"}, "state": {"st-" + rand.Text()[:8]},
		"nonce": {"n-0S6_WzA2Mj"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	for k, v := range set {
		q[k] = v
		if v == nil {
			delete(q, k)
		}
	}
	return s.issuer + "/authorize?" + q.Encode()
}

// walk goes through sign-in and consent, as person, until the browser leaves for the client, and gives that address.
func (b *browser) walk(address, person string) *url.URL {
	b.t.Helper()
	a := b.get(address)
	for range 10 {
		if a.status != http.StatusSeeOther {
			b.t.Fatalf("walk: %d %s", a.status, a.body)
		}
		location := a.header.Get("Location")
		if !strings.HasPrefix(b.absolute(location), b.issuer+"/login") && !strings.HasPrefix(b.absolute(location), b.issuer+"/consent") {
			u, err := url.Parse(location)
			if err != nil {
				b.t.Fatal(err)
			}
			return u
		}
		page := b.get(location)
		switch {
		case page.status != http.StatusOK:
			a = page
		case strings.Contains(page.body, `name="password"`):
			a = b.submit(page, b.issuer+"/login", url.Values{"email": {b.person[person].Email}, "password": {password}})
		default:
			a = b.submit(page, b.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(page.body)})
		}
	}
	b.t.Fatal("walk: no end of pages")
	return nil
}

var scopeField = regexp.MustCompile(`name="scope" value="([^"]+)"`)

func ticked(body string) []string {
	var scope []string
	for _, m := range scopeField.FindAllStringSubmatch(body, -1) {
		scope = append(scope, m[1])
	}
	return scope
}

// redeem exchanges the code in an authorization response.
func (s *site) redeem(client string, callback *url.URL) answer {
	s.t.Helper()
	redirect := *callback
	redirect.RawQuery = ""
	return s.post("/token", client, url.Values{
		"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {redirect.String()}, "code_verifier": {verifier},
	})
}

// grant makes a grant of U1 for client by the whole flow in a browser of its own and gives the first token response.
func (s *site) grant(client, scope string) answer {
	s.t.Helper()
	a := s.redeem(client, s.browser().walk(s.az(client, url.Values{"scope": {scope}}), "U1"))
	if a.status != http.StatusOK {
		s.t.Fatalf("redeem: %d %s", a.status, a.body)
	}
	return a
}

// refresh presents a refresh token.
func (s *site) refresh(client, token string) answer {
	s.t.Helper()
	return s.post("/token", client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// active says whether a token introspects as active: access tokens asked by RS, refresh tokens by their client.
func (s *site) active(asker, token string) bool {
	s.t.Helper()
	a := s.post("/introspect", asker, url.Values{"token": {token}})
	if a.status != http.StatusOK {
		s.t.Fatalf("introspect: %d %s", a.status, a.body)
	}
	active, _ := a.json(s.t, "active").(bool)
	return active
}

// fakeClock moves only when a test moves it. Wall and monotonic time can be moved apart.
type fakeClock struct {
	mu   sync.Mutex
	wall time.Time
	mono time.Duration
}

func newFakeClock() *fakeClock {
	return &fakeClock{wall: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), mono: time.Hour}
}

func (c *fakeClock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *fakeClock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mono
}

// step moves the wall clock alone.
func (c *fakeClock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// pass lets time pass as it does while the server runs: with its beat each second for the first two minutes, which is longer
// than any window, and in one go after that.
func (s *site) pass(d time.Duration) {
	s.t.Helper()
	for beats := 0; d > 0; beats++ {
		part := min(d, time.Second)
		if beats > 120 {
			part = d
		}
		d -= part
		s.clock.jump(part)
		if err := s.engine.Beat(context.Background()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// jump lets time pass without a beat, as it does while the server is frozen.
func (c *fakeClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.mono = c.wall.Add(d), c.mono+d
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
