package web_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var linked = regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)

// noUploads sends files in every way to every route, and asks for what was sent and for files beside the database.
func noUploads(t *testing.T) {
	s := newSite(t)
	const picture = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	parts := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.svg\"\r\nContent-Type: image/svg+xml\r\n\r\n" + picture + "\r\n--x--\r\n"
	routes := []string{"/token", "/revoke", "/introspect", "/userinfo", "/authorize", "/login", "/login/continue", "/login/password", "/setup/x", "/invite/x", "/reset/x", "/consent", "/logout",
		"/", "/docs", "/docs/clients", "/assets/a.svg", "/assets/", "/healthz", "/readyz", "/favicon.ico", "/.well-known/jwks.json", "/upload"}
	for _, path := range routes {
		for _, method := range []string{"POST", "PUT", "PATCH"} {
			for kind, body := range map[string]string{"multipart/form-data; boundary=x": parts, "image/svg+xml": picture, "text/html": picture} {
				a := s.send(method, path, kind, strings.NewReader(body))
				if a.status < 400 || a.status >= 500 {
					t.Errorf("%s %s with %s: %d", method, path, kind, a.status)
				}
				if strings.Contains(a.body, "alert(1)") {
					t.Errorf("%s %s gives back what was sent", method, path)
				}
			}
		}
	}

	if err := os.WriteFile(filepath.Join(filepath.Dir(s.path), "a.svg"), []byte(picture), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/assets/", "/assets", "/assets/a.svg", "/a.svg", "/assets/%2e%2e/a.svg", "/assets/..%2fa.svg",
		"/regrant.db", "/assets/regrant.db", "/assets/css/", "/docs/a.svg"} {
		if a := s.send("GET", path, "", nil); a.status != http.StatusNotFound || strings.Contains(a.body, "alert(1)") {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	found := linked.FindAllStringSubmatch(s.send("GET", "/", "", nil).body, -1)
	if len(found) < 2 {
		t.Fatalf("the page names %d assets", len(found))
	}
	for _, m := range found {
		if a := s.send("GET", m[1], "", nil); a.status != http.StatusOK || strings.Contains(a.header.Get("Content-Type"), "html") {
			t.Errorf("%s: %d %s", m[1], a.status, a.header.Get("Content-Type"))
		}
	}
}

// oddJWTs bends real tokens out of shape and shows them wherever the server reads a JWT.
func oddJWTs(t *testing.T) {
	s := newSite(t)
	b := s.alice()
	callback, err := url.Parse(b.get(s.az("TR", url.Values{"scope": {"openid"}})).header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	tokens := s.exchange("TR", callback, nil)
	access, id := tokens.text(t, "access_token"), tokens.text(t, "id_token")
	if a := s.userinfo(access); a.status != http.StatusOK {
		t.Fatalf("the token as it is: %d", a.status)
	}

	for name, token := range odd(t, access) {
		a := s.postBody("/userinfo", url.Values{"access_token": {token}}.Encode())
		if a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("userinfo, %s: %d %q", name, a.status, a.header.Get("WWW-Authenticate"))
		}
		if a := s.post("/introspect", "TR", url.Values{"token": {token}}); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"active":false}` {
			t.Errorf("introspection, %s: %d %s", name, a.status, a.body)
		}
		if a := s.post("/revoke", "TR", url.Values{"token": {token}}); a.status != http.StatusOK {
			t.Errorf("revocation, %s: %d", name, a.status)
		}
	}
	for name, token := range odd(t, id) {
		address := s.az("TR", url.Values{"id_token_hint": {token}})
		wantRedirectError(t, s, address, b.get(address), "invalid_request")
		if t.Failed() {
			t.Fatalf("id_token_hint, %s", name)
		}
	}
	if a := s.userinfo(access); a.status != http.StatusOK {
		t.Errorf("the token afterwards: %d", a.status)
	}
}

// odd gives a token with what WEB-63 forbids.
func odd(t *testing.T, token string) map[string]string {
	t.Helper()
	parts := strings.Split(token, ".")
	with := func(name string, value any) string {
		header := maps.Clone(jwtPart(t, token, 0))
		header[name] = value
		b, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b) + "." + parts[1] + "." + parts[2]
	}
	return map[string]string{
		"more than 8 KiB":         parts[0] + "." + parts[1] + strings.Repeat("A", 9<<10) + "." + parts[2],
		"a long header":           with("x", strings.Repeat("A", 9<<10)),
		"a long signature":        token + strings.Repeat("A", 9<<10),
		"four parts":              token + ".x",
		"five parts":              token + ".x.x",
		"six parts":               token + ".x.x.x",
		"thousands of dots":       parts[0] + strings.Repeat(".", 8000),
		"zip":                     with("zip", "DEF"),
		"crit":                    with("crit", []string{"exp"}),
		"crit of what is unknown": with("crit", []string{"https://evil.test/x"}),
		"crit of nothing":         with("crit", []string{}),
		"b64":                     with("b64", false),
	}
}
