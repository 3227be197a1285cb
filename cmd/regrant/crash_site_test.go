package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// crashSite is a server that is killed, and those who use it: the oracle of requirements.md 5.1. What each of them has asked for
// and was told is in a log, which is on the disk before a request is sent and after an answer has come whole.
type crashSite struct {
	t            *testing.T
	server       *realServer
	http         *http.Client
	tally        *tally
	clients      map[string]*crashClient // by policy
	person       account.Person          // whose the grants of the applications are
	applications []*honestApplication
	victims      []*victim
	log          *journal
	large        bool // the database is, so that reading all of it takes long

	quiet sync.RWMutex // locked while nobody shall ask anything

	mu     sync.Mutex
	reuses int // grants that were ended for reuse, as they should: of strict clients whose answer was lost
}

// crashClient is a client that is registered with the server.
type crashClient struct {
	id, secret string
	strict     bool // without grace, a lost answer costs the grant
}

// crashPolicies are the clients of a site, by the flags that make them.
var crashPolicies = map[string][]string{
	"standard":      {"--policy", "standard"},
	"multi-process": {"--policy", "multi-process"},
	"strict":        {"--policy", "strict"},
	"brief":         {"--policy", "standard", "--grace", briefGrace.String()},
}

// briefGrace is a window that is over sooner than a freeze.
const briefGrace = 8 * time.Second

// mixed are the policies of a site's applications: of ten, eight are standard.
func mixed(i int) string {
	switch i % 10 {
	case 8:
		return "multi-process"
	case 9:
		return "strict"
	}
	return "standard"
}

// newCrashSite starts a server with so many applications.
func newCrashSite(t *testing.T, applications int, policy func(i int) string, server realServer) *crashSite {
	t.Helper()
	c := &crashSite{
		t: t, tally: &tally{t: t}, clients: map[string]*crashClient{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: applications + 16}, Timeout: time.Minute},
	}
	t.Cleanup(c.http.CloseIdleConnections)
	server.flags = append(server.flags, "--token-budget", "0", "--page-budget", "0", "--trusted-proxy", "127.0.0.1", "--log-level", "warn")
	c.server = startRealServer(t, &server)
	for policy, flags := range crashPolicies {
		id, secret := c.server.client(scriptCallback, append(flags, "--trusted", "--max-grants", "1000", "--access-token-lifetime", "10m")...)
		c.clients[policy] = &crashClient{id: id, secret: secret, strict: policy == "strict"}
	}
	c.store(func(d *db.DB) {
		people, err := d.ListPeople(t.Context(), "", 1)
		if err != nil || len(people) != 1 {
			t.Fatal(len(people), err)
		}
		c.person = people[0]
	})
	c.log = newJournal(t)
	var asks []crashAsk
	for i := range applications {
		asks = append(asks, crashAsk{c.clients[policy(i)], c.person.ID})
	}
	for i, token := range c.grants(asks...) {
		c.applications = append(c.applications, &honestApplication{
			crashSite: c, name: fmt.Sprint("application-", i), client: asks[i].client, held: held{acked: []string{token}},
		})
	}
	return c
}

// store opens the database beside the server.
func (c *crashSite) store(do func(*db.DB)) {
	c.t.Helper()
	d, err := db.Open(c.t.Context(), c.server.db, db.Options{QueueWait: time.Minute, BusyTimeout: time.Minute}) // a busy server leaves little room
	if err != nil {
		c.t.Fatal(err)
	}
	defer d.Close()
	do(d)
}

// crashAsk is a grant that somebody wants.
type crashAsk struct {
	client *crashClient
	person string
}

// codes makes codes that nobody had to sign in for.
func (c *crashSite) codes(d *db.DB, asks ...crashAsk) []string {
	c.t.Helper()
	codes, sum := make([]string, len(asks)), sha256.Sum256([]byte(scriptVerifier))
	var all sync.WaitGroup
	for i, ask := range asks {
		all.Go(func() {
			codes[i] = rand.Text()
			hash, at := sha256.Sum256([]byte(codes[i])), now()
			if err := d.IssueCode(c.t.Context(), "", &oauth.AuthorizationCode{
				Hash: hash[:], ClientID: ask.client.id, PersonID: ask.person, SessionID: "s", RedirectURI: scriptCallback, Scope: oauth.Scope{"email", "offline_access"},
				CodeChallenge:  base64.RawURLEncoding.EncodeToString(sum[:]),
				Authentication: oauth.Authentication{AuthTime: at}, CreatedAt: at, ExpiresAt: at.Add(oauth.CodeLifetime),
			}, nil, nil); err != nil {
				c.t.Error(err)
			}
		})
	}
	all.Wait()
	return codes
}

// grants makes grants and gives their first refresh tokens.
func (c *crashSite) grants(asks ...crashAsk) []string {
	c.t.Helper()
	var codes []string
	c.store(func(d *db.DB) { codes = c.codes(d, asks...) })
	tokens := make([]string, len(codes))
	atMost(16, len(codes), func(i int) {
		a := c.redeem(asks[i].client, codes[i])
		if a.status != http.StatusOK {
			c.t.Errorf("redeem: %+v", a)
		}
		tokens[i] = a.refresh
	})
	if c.t.Failed() {
		c.t.FailNow()
	}
	return tokens
}

// atMost does n things, so many at a time.
func atMost(width, n int, do func(i int)) {
	slots := make(chan struct{}, width)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	all.Wait()
}

// tokenAnswer is what came of a request; err is set unless the answer came whole.
type tokenAnswer struct {
	status  int
	refresh string
	access  string
	code    string // of an error
	active  bool
	err     error
}

func (a tokenAnswer) ok() bool { return a.err == nil && a.status == http.StatusOK }

// gone says that the server could not answer: nobody was told anything.
func (a tokenAnswer) gone() bool { return a.err != nil || a.status >= http.StatusInternalServerError }

func (a tokenAnswer) refused() bool {
	return a.err == nil && a.status == http.StatusBadRequest && a.code == string(oauth.InvalidGrant)
}

func redemption(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {scriptVerifier}, "redirect_uri": {scriptCallback}}
}

func refreshOf(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

func (c *crashSite) redeem(client *crashClient, code string) tokenAnswer {
	return c.post(client, "/token", redemption(code))
}

func (c *crashSite) refresh(client *crashClient, token string) tokenAnswer {
	return c.post(client, "/token", refreshOf(token))
}

// active says what introspection says of a token.
func (c *crashSite) active(client *crashClient, token string) bool {
	c.t.Helper()
	a := c.post(client, "/introspect", url.Values{"token": {token}})
	if !a.ok() {
		c.t.Fatalf("introspect: %+v", a)
	}
	return a.active
}

func (c *crashSite) request(client *crashClient, path string, form url.Values) *http.Request {
	r, err := http.NewRequest(http.MethodPost, "http://"+c.server.listen+path, strings.NewReader(form.Encode()))
	if err != nil {
		panic("crashSite.request: " + err.Error()) // unreachable
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(client.id), url.QueryEscape(client.secret))
	return r
}

func (c *crashSite) post(client *crashClient, path string, form url.Values) tokenAnswer {
	response, err := c.http.Do(c.request(client, path, form))
	if err != nil {
		return tokenAnswer{err: err}
	}
	return readAnswer(response)
}

func readAnswer(response *http.Response) tokenAnswer {
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return tokenAnswer{err: err}
	}
	var body struct {
		RefreshToken string `json:"refresh_token"`
		AccessToken  string `json:"access_token"`
		Error        string `json:"error"`
		Active       bool   `json:"active"`
	}
	if len(b) > 0 {
		err = json.Unmarshal(b, &body)
	}
	return tokenAnswer{response.StatusCode, body.RefreshToken, body.AccessToken, body.Error, body.Active, err}
}

// crashOrigin is who does what the tests do past the server.
func crashOrigin() audit.Origin { return audit.Origin{Actor: audit.ByCommand, ActorID: "crash"} }
