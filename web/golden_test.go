package web_test

import (
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// golden compares what a server says with a file that people have read.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is meant, run with -update and read the change.\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

// TestGoldenMetadata shows each change of what this server says of itself.
func TestGoldenMetadata(t *testing.T) {
	for name, issuer := range map[string]string{"metadata.json": "https://as.test", "metadata-path.json": "https://as.test/t1"} {
		s := newSite(t, siteOptions{issuer: issuer})
		golden(t, name, s.fetch("GET", s.issuer+"/.well-known/oauth-authorization-server").body+"\n")
	}
}

// TestGoldenClaims shows each change of what the tokens say. What is random stands there by its name; the clock stands still.
func TestGoldenClaims(t *testing.T) {
	s := newSite(t)
	tokens := s.tokens("CB", url.Values{"scope": {"openid profile email offline_access read"}, "prompt": {"consent"}, "max_age": {"1000"}})
	refreshed := s.refresh("CB", tokens.text(t, "refresh_token"))
	machine := s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	introspected := s.post("/introspect", "RS", url.Values{"token": {tokens.text(t, "access_token")}})

	golden(t, "id_token.json", s.shown(t, tokens.text(t, "id_token")))
	golden(t, "id_token-refreshed.json", s.shown(t, refreshed.text(t, "id_token")))
	golden(t, "access_token.json", s.shown(t, tokens.text(t, "access_token")))
	golden(t, "access_token-client.json", s.shown(t, machine.text(t, "access_token")))
	golden(t, "introspection.json", pretty(t, known(t, introspected.body, s)))
	golden(t, "userinfo.json", pretty(t, known(t, s.userinfo(tokens.text(t, "access_token")).body, s)))
}

// shown writes header and claims of a verified JWT.
func (s *site) shown(t *testing.T, token string) string {
	t.Helper()
	s.verified(token)
	both := map[string]any{"header": jwtPart(t, token, 0), "claims": jwtPart(t, token, 1)}
	b, err := json.Marshal(both)
	if err != nil {
		t.Fatal(err)
	}
	return pretty(t, known(t, string(b), s))
}

// known puts names where a value is random.
func known(t *testing.T, body string, s *site) any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	var walk func(m map[string]any)
	walk = func(m map[string]any) {
		for name, value := range m {
			if inner, ok := value.(map[string]any); ok {
				walk(inner)
				continue
			}
			switch text, _ := value.(string); {
			case text == "":
			case name == "jti", name == "kid", name == "at_hash", name == "grant_id", name == "sid":
				m[name] = name + "…"
			case text == s.person["U1"].ID:
				m[name] = "U1"
			}
		}
	}
	walk(v)
	return v
}

func pretty(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}
