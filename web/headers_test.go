package web_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateHeaders = flag.Bool("update-headers", false, "write testdata/headers.txt anew")

// watched are the headers that matter to whoever receives a response. Those that differ at each run are left out.
var watched = []string{
	"Content-Type", "Cache-Control", "Pragma", "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy",
	"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy", "Strict-Transport-Security",
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Allow", "WWW-Authenticate", "Retry-After", "Vary",
	"Server", "X-Powered-By",
}

// exchange is one response of the crawl.
type exchange struct {
	name string
	answer
}

// crawl meets every kind of response that the server has.
func crawl(s *site) []exchange {
	var all []exchange
	add := func(name string, a answer) answer { all = append(all, exchange{name, a}); return a }
	b := s.browser()
	get := func(name, path string) answer { return add(name, b.get(s.issuer+path)) }

	get("home, nobody signed in", "/")
	get("sign-in page", "/login")
	get("sign-out page, nobody signed in", "/logout")
	get("documentation, first page", "/docs")
	get("documentation", "/docs/start")
	get("documentation, unknown page", "/docs/nope")
	get("favicon", "/favicon.ico")
	get("unknown page", "/nope")
	get("consent page of nothing", "/consent?request=nope")

	add("page for an unknown client", b.get(s.az("CB", url.Values{"client_id": {"nope"}})))
	add("page for a wrong redirect URI", b.get(s.az("CB", url.Values{"redirect_uri": {"https://evil.test/cb"}})))
	add("page for a malformed query", b.get(s.issuer+"/authorize?client_id=%ZZ"))
	add("page for a query that is too long", b.get(s.issuer+"/authorize?state="+strings.Repeat("x", 33<<10-100)))
	add("error to the client", b.get(s.az("CB", url.Values{"response_type": {"token"}})))
	toLogin := add("to the sign-in page", b.get(s.az("CB", nil)))
	login := add("sign-in page for a client", b.get(toLogin.header.Get("Location")))
	wrong := url.Values{"email": {"alice@example.com"}, "password": {"wrong"}}
	add("wrong password", b.submit(login, s.issuer+"/login", wrong))
	add("nothing typed", b.submit(login, s.issuer+"/login", nil))
	stale := add("stale sign-in form", b.submit(answer{}, s.issuer+"/login", wrong))
	add("stale sign-out form", b.submit(answer{}, s.issuer+"/logout", nil))
	right := url.Values{"email": {"alice@example.com"}, "password": {password}}
	toConsent := add("to the consent page", b.submit(stale, s.issuer+"/login", merged(right, hidden(login, "request"))))
	consent := add("consent page", b.get(toConsent.header.Get("Location")))
	add("consent page, form of another", b.submit(consent, s.issuer+"/consent", url.Values{"form_token": {hidden(login, "form_token").Get("form_token") + ".x"}}))
	add("code to the client", b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}}))
	add("consent page that is over", b.get(toConsent.header.Get("Location")))
	choose := b.get(s.az("CB", url.Values{"prompt": {"select_account"}}))
	chosen := add("choose an account", b.get(choose.header.Get("Location")))
	add("another account", b.submit(chosen, s.issuer+"/login/continue", url.Values{"decision": {"switch"}}))
	get("home, signed in", "/")
	logout := get("sign-out page", "/logout")
	add("signed out", b.submit(logout, s.issuer+"/logout", nil))
	for _, path := range []string{"/authorize", "/login", "/login/continue", "/consent", "/logout"} {
		add("PUT "+path, s.send("PUT", path, "", nil))
	}
	add("a page with a body of another kind", s.send("POST", "/login", "text/plain", strings.NewReader("a=b")))
	add("TRACE", s.send("TRACE", "/", "", nil))
	add("authorization by POST", s.send("POST", "/authorize", "application/x-www-form-urlencoded", strings.NewReader("client_id=CB")))

	token := add("tokens", s.redeem("CB", b.walk(s.az("CB", url.Values{"scope": {"openid"}}), "U1")))
	bearer := func(name, value string) {
		r, _ := http.NewRequest("GET", s.issuer+"/userinfo", nil)
		if value != "" {
			r.Header.Set("Authorization", "Bearer "+value)
		}
		add(name, s.do(r))
	}
	bearer("userinfo", token.text(s.t, "access_token"))
	bearer("userinfo without a token", "")
	bearer("userinfo with garbage", "garbage")
	add("token endpoint, unknown token", s.refresh("CB", "garbage"))
	r := s.request("/token", "CB", url.Values{"grant_type": {"refresh_token"}})
	r.SetBasicAuth("CB", "wrong")
	add("token endpoint, wrong secret", s.do(r))
	add("token endpoint, GET", s.send("GET", "/token", "", nil))
	add("token endpoint, JSON", s.send("POST", "/token", "application/json", strings.NewReader("{}")))
	add("token endpoint, too large", s.send("POST", "/token", "application/x-www-form-urlencoded", strings.NewReader(strings.Repeat("x", 65<<10))))
	add("introspection", s.post("/introspect", "RS", url.Values{"token": {token.text(s.t, "access_token")}}))
	add("revocation", s.post("/revoke", "CB", url.Values{"token": {token.text(s.t, "refresh_token")}}))
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/jwks.json", "/healthz", "/readyz"} {
		get(path, path)
		add("POST "+path, s.send("POST", path, "", nil))
	}
	asset := assetAddress.FindString(login.body)
	add("asset", b.get(asset))
	add("unknown asset", s.send("GET", "/assets/nope.css", "", nil))
	return all
}

func headersOfEveryResponse(t *testing.T) {
	for _, issuer := range []string{"https://as.test", "https://as.test/t1"} {
		s := newSite(t, siteOptions{issuer: issuer})
		all := crawl(s)

		var snapshot strings.Builder
		for _, e := range all {
			checkHeaders(t, s, e)
			fmt.Fprintf(&snapshot, "%s\n  %d\n", e.name, e.status)
			for _, name := range watched {
				for _, value := range e.header.Values(name) {
					fmt.Fprintf(&snapshot, "  %s: %s\n", name, strings.ReplaceAll(value, s.issuer, "ISSUER"))
				}
			}
			snapshot.WriteString("\n")
		}
		const golden = "testdata/headers.txt"
		if *updateHeaders {
			if err := os.WriteFile(golden, []byte(snapshot.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), snapshot.String()); diff != "" {
			t.Errorf("%s: headers differ from %s (-want +got):\n%s", issuer, golden, diff)
		}
	}
}

// checkHeaders holds a response against the rules themselves, so that a careless -update-headers cannot bless a mistake.
func checkHeaders(t *testing.T, s *site, e exchange) {
	h := e.header
	want := func(name, value string) {
		if got := h.Get(name); got != value {
			t.Errorf("%s: %s is %q, want %q", e.name, name, got, value)
		}
	}
	want("X-Content-Type-Options", "nosniff")
	want("X-Frame-Options", "DENY")
	want("Referrer-Policy", "same-origin")
	want("Strict-Transport-Security", "max-age=63072000")
	want("Access-Control-Allow-Credentials", "")
	want("Server", "")
	if h.Get("X-Request-Id") == "" || h.Get("Permissions-Policy") == "" {
		t.Errorf("%s: no X-Request-Id or no Permissions-Policy", e.name)
	}
	policy := map[string]string{}
	for _, directive := range strings.Split(h.Get("Content-Security-Policy"), "; ") {
		name, value, _ := strings.Cut(directive, " ")
		policy[name] = value
	}
	none := []string{"default-src", "base-uri", "frame-ancestors"}
	if strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		none = append(none, "object-src")
		for name, value := range map[string]string{"script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "font-src": "'self'", "connect-src": "'self'"} {
			if policy[name] != value {
				t.Errorf("%s: %s is %q, want %q", e.name, name, policy[name], value)
			}
		}
		if h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: a page may be cached: %q", e.name, h.Get("Cache-Control"))
		}
		// WEB-11: only where a form's answer may lead to a client is there no form-action.
		inFlow := strings.Contains(e.body, ` action="`+basePath(s)+`/login"`) || strings.Contains(e.body, ` action="`+basePath(s)+`/consent"`) ||
			strings.Contains(e.body, ` action="`+basePath(s)+`/login/continue"`)
		if action, sent := policy["form-action"]; sent == inFlow || sent && action != "'self'" {
			t.Errorf("%s: form-action %q sent: %v, in an authorization: %v", e.name, action, sent, inFlow)
		}
	}
	for _, name := range none {
		if policy[name] != "'none'" {
			t.Errorf("%s: %s is %q", e.name, name, policy[name])
		}
	}
	if unsafe := h.Get("Content-Security-Policy"); strings.Contains(unsafe, "unsafe") || strings.Contains(unsafe, "*") {
		t.Errorf("%s: Content-Security-Policy: %s", e.name, unsafe)
	}
	if strings.HasPrefix(h.Get("Content-Type"), "application/json") && !slices.Contains([]string{"no-store", "public, max-age=300", "public, max-age=3600"}, h.Get("Cache-Control")) {
		t.Errorf("%s: Cache-Control: %q", e.name, h.Get("Cache-Control"))
	}
	if e.status == http.StatusMethodNotAllowed && h.Get("Allow") == "" {
		t.Errorf("%s: 405 without Allow", e.name)
	}
	if location := h.Get("Location"); location != "" && h.Get("Cache-Control") != "no-store" && strings.Contains(location, "=") {
		t.Errorf("%s: a redirection with parameters may be cached", e.name)
	}
}
