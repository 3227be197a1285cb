package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// certified is the binary as the OpenID Foundation's conformance suite meets it: over HTTPS, with clients that an operator made for it.
type certified struct {
	*realServer
	certificate string // its file
	ops         string // where it tells its metrics
	metadata    map[string]any
	provider    *oidc.Provider
	signedIn    []*http.Cookie // of a browser in which Alice has signed in
	receiver    string         // where clients are told that a session has ended: receiver/NAME
	told        sync.Map       // NAME → chan url.Values

	mu      sync.Mutex
	waiting []waiting
}

// module is a test of one of the foundation's plans, by the name that it has there.
type module struct {
	name string
	run  func(*party)
}

// waiting is the rest of a module that waits for something to expire. All of them wait together, when the others are done.
type waiting struct {
	name  string
	until time.Time
	run   func(*testing.T)
}

// TestCertification puts to the server what the plans of the OpenID Foundation's suite put to it. assets/docs says how to run the suite itself.
func TestCertification(t *testing.T) {
	t.Parallel()
	s := newCertified(t)
	s.openRegistration()
	t.Run("plans", func(t *testing.T) {
		for plan, modules := range map[string][]module{
			"oidcc-config-certification-test-plan":                          configModules,
			"oidcc-basic-certification-test-plan":                           basicModules,
			"oidcc-formpost-basic-certification-test-plan":                  basicModules,
			"oidcc-rp-initiated-logout-certification-test-plan":             logoutModules,
			"oidcc-backchannel-rp-initiated-logout-certification-test-plan": backchannelModules,
		} {
			t.Run(plan, func(t *testing.T) {
				t.Parallel()
				first, second := s.registerForPlan(plan), s.registerForPlan(plan)
				for _, m := range modules {
					t.Run(m.name, func(t *testing.T) {
						t.Parallel()
						p := first.of(t)
						p.second = second.of(t)
						m.run(p)
					})
				}
			})
		}
		t.Run("fapi2-security-profile-final-test-plan", s.testFAPI)
		t.Run(dynamicPlan, s.testDynamic)
	})
	if testing.Short() {
		t.Log("what waits for something to expire takes a minute and a half, and is left to the run without the race detector")
		return
	}
	slices.SortFunc(s.waiting, func(a, b waiting) int { return a.until.Compare(b.until) })
	for _, w := range s.waiting {
		t.Run(w.name, func(t *testing.T) {
			time.Sleep(time.Until(w.until))
			w.run(t)
		})
	}
}

// of is the party in another test, with a browser of its own in which the person has signed in.
func (p *party) of(t *testing.T) *party {
	t.Helper()
	other := *p
	other.t, other.browser = t, p.certified.browser(t, p.signedIn)
	return &other
}

// after goes on with the module once so much time has passed.
func (p *party) after(d time.Duration, run func(*party)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, waiting{strings.Replace(p.t.Name(), "TestCertification/plans", "later", 1), time.Now().Add(d), func(t *testing.T) { run(p.of(t)) }})
}

// registerForPlan makes a client as an operator would for the suite, which knows PKCE in one module only.
func (s *certified) registerForPlan(plan string) *party {
	s.t.Helper()
	switch {
	case strings.Contains(plan, "formpost"):
		p := s.register("client_secret_basic", "--no-pkce", "--form-post")
		p.mode = "form_post"
		return p
	case strings.Contains(plan, "backchannel"):
		name, told := rand.Text(), make(chan url.Values, 1)
		s.told.Store(name, told)
		p := s.register("client_secret_basic", "--no-pkce", "--backchannel-logout-uri", s.receiver+"/"+name, "--backchannel-logout-session-required")
		p.told = told
		return p
	}
	return s.register("client_secret_basic", "--no-pkce")
}

func newCertified(t *testing.T) *certified {
	t.Helper()
	dir := t.TempDir()
	if err := makeCertificate(dir+"/cert.pem", dir+"/key.pem", 1); err != nil {
		t.Fatal(err)
	}
	s := &certified{certificate: dir + "/cert.pem"}
	s.receiver = s.receive(t)
	s.ops = freeAddress(t)
	s.realServer = startRealServer(t, &realServer{
		flags: []string{"--ops-listen", s.ops, "--tls-cert", dir + "/cert.pem", "--tls-key", dir + "/key.pem", "--outbound-allow", "127.0.0.0/8"},
		env:   []string{"SSL_CERT_FILE=" + dir + "/cert.pem"},
	})
	s.metadata = s.document(t, "/.well-known/openid-configuration")
	var err error
	if s.provider, err = oidc.NewProvider(s.trusting(t.Context()), s.issuer); err != nil {
		t.Fatal(err)
	}
	p := s.register("client_secret_basic", "--no-pkce")
	p.t, p.browser = t, s.browser(t, nil)
	p.authorize().code(p)
	address, err := url.Parse(s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	s.signedIn = p.browser.Jar.Cookies(address)
	return s
}

// receive takes what the server posts to clients.
func (s *certified) receive(t *testing.T) (address string) {
	t.Helper()
	return s.serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told, ok := s.told.Load(strings.TrimPrefix(r.URL.Path, "/"))
		if err := r.ParseForm(); err != nil || !ok || r.Method != http.MethodPost {
			http.Error(w, "not here", http.StatusBadRequest)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		told.(chan url.Values) <- r.PostForm
	}))
}

// serveTLS is a server that the server may call, by HTTPS with a certificate that it trusts.
func (s *certified) serveTLS(t *testing.T, handler http.Handler) (address string) {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(s.certificate, strings.Replace(s.certificate, "cert", "key", 1))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// trusting is a context in which go-oidc takes the server's certificate.
func (s *certified) trusting(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, insecure)
}

// browser is one with these cookies. It stops where the server sends it elsewhere.
func (s *certified) browser(t *testing.T, cookies []*http.Cookie) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(address, cookies)
	return &http.Client{Jar: jar, Transport: insecure.Transport, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host != address.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// document fetches JSON.
func (s *certified) document(t *testing.T, path string) map[string]any {
	t.Helper()
	response, err := insecure.Get(s.issuer + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "application/json" {
		t.Fatalf("%s: %d %s", path, response.StatusCode, kind)
	}
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// supports tells whether the metadata lists a value.
func (s *certified) supports(member, value string) bool {
	all, _ := s.metadata[member].([]any)
	return slices.Contains(all, any(value))
}

// verify checks a JWT with the server's keys, and gives its claims.
func (p *party) verify(token string, claims any) {
	p.t.Helper()
	keys := oidc.NewRemoteKeySet(p.trusting(p.t.Context()), p.metadata["jwks_uri"].(string))
	payload, err := keys.VerifySignature(p.trusting(p.t.Context()), token)
	if err == nil {
		err = json.Unmarshal(payload, claims)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// newKey is a client's own key.
func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
