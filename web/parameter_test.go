package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/web"
)

// parameterRules are those of RFC 6749 §3.1 and §3.2 about parameters as such.
func parameterRules(t *testing.T, all sites) {
	all.rule(t, "GEN-09 a parameter without value is treated as omitted", func(t *testing.T, s *site) {
		_, a := s.ask("CB", url.Values{"prompt": {""}, "max_age": {""}, "resource": {""}, "request": {""}, "response_mode": {""}, "id_token_hint": {""}, "scope": {""}})
		wantSignIn(t, s, a)
		address, a := s.ask("CB", url.Values{"response_type": {""}})
		wantRedirectError(t, s, address, a, "invalid_request")
		address, a = s.ask("CB", url.Values{"code_challenge": {""}})
		wantRedirectError(t, s, address, a, "invalid_request")
		_, a = s.ask("CB", url.Values{"client_id": {""}})
		wantPage(t, a)

		first := s.tokens("CB", nil)
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {""}}
		wantError(t, s.post("/token", "CB", form), "invalid_request")
		wantError(t, s.post("/token", "CB", url.Values{"grant_type": {""}}), "invalid_request")
		wantError(t, s.post("/token", "CB", url.Values{"grant_type": {"authorization_code"}, "code": {""}}), "invalid_request")
		form = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.text(t, "refresh_token")}, "scope": {""}, "resource": {""}}
		second := s.post("/token", "CB", form)
		wantOK(t, second)
		if second.text(t, "scope") != first.text(t, "scope") {
			t.Errorf("scope is %q, want %q", second.text(t, "scope"), first.text(t, "scope"))
		}
	})

	all.rule(t, "GEN-10 unknown parameters are ignored", func(t *testing.T, s *site) {
		callback := s.code("CB", url.Values{"extra": {"foobar"}, "nonsense": {"ü"}})
		wantOK(t, s.exchange("CB", callback, url.Values{"foo": {"bar"}}))
	})

	all.rule(t, "GEN-11 a parameter that comes twice is an error, unless it may", func(t *testing.T, s *site) {
		for _, name := range []string{"state", "scope", "response_type", "code_challenge", "code_challenge_method", "nonce", "prompt", "foo"} {
			address, a := s.ask("CB", url.Values{name: {"a", "a"}})
			wantRedirectError(t, s, address, a, "invalid_request")
		}
		for _, twice := range []url.Values{{"redirect_uri": {"https://app.test/cb", "https://app.test/cb"}}, {"client_id": {"CB", "CB"}}, {"client_id": {"CB", "PN"}}} {
			_, a := s.ask("CB", twice)
			wantPage(t, a)
		}
		_, a := s.ask("CB", url.Values{"resource": {"https://api.test/", "https://other.test/v1"}})
		wantSignIn(t, s, a)

		token := s.grant("CB", "read").text(t, "refresh_token")
		good := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		for _, name := range []string{"grant_type", "refresh_token", "scope", "client_id", "foo"} {
			value := good.Get(name) + "x"
			twice := changed(url.Values{"grant_type": good["grant_type"], "refresh_token": good["refresh_token"]}, url.Values{name: {value, value}})
			if good.Has(name) {
				twice[name] = []string{good.Get(name), good.Get(name)}
			}
			wantError(t, s.post("/token", "CB", twice), "invalid_request")
		}
		for _, endpoint := range []string{"/revoke", "/introspect"} {
			wantError(t, s.post(endpoint, "CB", url.Values{"token": {token, token}}), "invalid_request")
			wantError(t, s.post(endpoint+"?token="+token, "CB", url.Values{"token": {token}}), "invalid_request")
		}
		wantError(t, s.post("/token?refresh_token="+token, "CB", good), "invalid_request")
		wantError(t, s.post("/token?grant_type=refresh_token", "CB", good), "invalid_request")
		wantOK(t, s.post("/token", "CB", good))
	})

	all.rule(t, "GEN-12 the query of a POST is never read", func(t *testing.T, s *site) {
		token := s.grant("CP", "read").text(t, "refresh_token")
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		secret := url.Values{"client_id": {"CP"}, "client_secret": {s.secret["CP"]}}
		wantError(t, s.postBody("/token?"+secret.Encode(), form.Encode()), "invalid_request")
		wantError(t, s.postBody("/token?"+form.Encode(), secret.Encode()), "invalid_request")
		wantError(t, s.postBody("/token?"+form.Encode()+"&"+secret.Encode(), ""), "invalid_request")
		wantError(t, s.postBody("/revoke?token="+token, secret.Encode()), "invalid_request")
		wantError(t, s.postBody("/introspect?"+secret.Encode(), "token="+token), "invalid_request")
		wantOK(t, s.refresh("CP", token))
	})

	all.rule(t, "GEN-13 what is not strictly decodable is refused, not repaired", func(t *testing.T, s *site) {
		junk := []string{"%ZZ", "%", "%4", "%00", "%ff%fe", "%c0%af", "%ed%a0%80", "%f5%80%80%80", "\xff", "a;b=c"}
		for _, value := range junk {
			for _, endpoint := range []string{"/token", "/revoke", "/introspect"} {
				wantError(t, s.postBody(endpoint, "grant_type=authorization_code&token=x&code="+value, "Authorization", basic("CB", s.secret["CB"])), "invalid_request")
				wantError(t, s.postBody(endpoint, "client_id="+value), "invalid_request")
				wantError(t, s.postBody(endpoint, value+"=x"), "invalid_request")
			}
			if value != "\xff" { // a client library writes no such address
				wantPage(t, s.fetch("GET", s.az("CB", nil)+"&x="+value))
				wantPage(t, s.fetch("GET", s.issuer+"/authorize?client_id="+value))
			}
		}
		for _, header := range []string{basic("CB\x00", "x"), "Basic " + strings.Repeat("A", 9000), "Basic", "Basic ", "basic ====", "Bearer x", "Digest x", "\u00e9", basic("CB", "%zz") + " x"} {
			wantUnauthorized(t, s.postBody("/token", "grant_type=client_credentials", "Authorization", header))
		}
	})

	originRules(t, all)
}

func originRules(t *testing.T, all sites) {
	preflight := func(s *site, path, origin string) answer {
		s.t.Helper()
		return s.fetch("OPTIONS", s.issuer+path, "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
	}
	allowed := func(a answer) string { return a.header.Get("Access-Control-Allow-Origin") }
	check := func(t *testing.T, s *site, good []string, bad []string) {
		for _, path := range []string{"/token", "/par", "/revoke", "/userinfo"} {
			for _, origin := range good {
				a := preflight(s, path, origin)
				if a.status != http.StatusNoContent || allowed(a) != origin || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization, Content-Type, Accept, DPoP") {
					t.Errorf("preflight of %s from %s: %d %v", path, origin, a.status, a.header)
				}
				a = s.postBody(path, "", "Origin", origin)
				if !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "DPoP-Nonce") || allowed(a) != origin || !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
					t.Errorf("%s from %s: %d %v", path, origin, a.status, a.header)
				}
				if a.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s allows cookies to %s", path, origin)
				}
			}
			for _, origin := range bad {
				for _, a := range []answer{preflight(s, path, origin), s.postBody(path, "", "Origin", origin)} {
					if allowed(a) != "" || a.header.Get("Access-Control-Allow-Methods") != "" {
						t.Errorf("%s is shared with %q: %v", path, origin, a.header)
					}
				}
			}
		}
	}
	foreign := []string{
		"null", "https://evil.test", "https://spa.test.evil.test", "http://spa.test", "https://SPA.test", "https://spa.test:444", "https://app.test", "https://spa.test/",
		"http://127.0.0.1.evil.test", "http://127.0.0.1:0", "http://127.0.0.1:99999", "http://localhost:3000", "https://127.0.0.1", "com.example.app://", "*",
	}
	all.rule(t, "GEN-14 browsers may call from where public clients live, and from nowhere else", func(t *testing.T, s *site) {
		check(t, s, []string{"https://spa.test", "http://127.0.0.1", "http://127.0.0.1:5173", "http://[::1]:8080"}, foreign)
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"} {
			if a := s.fetch("GET", s.issuer+path, "Origin", "https://evil.test"); allowed(a) != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: %v", path, a.header)
			}
			a := s.fetch("OPTIONS", s.issuer+path, "Origin", "https://evil.test", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "mcp-protocol-version")
			if a.status != http.StatusNoContent || allowed(a) != "*" {
				t.Errorf("preflight of %s: %d %v", path, a.status, a.header)
			}
		}
		for _, path := range []string{"/authorize", "/login", "/consent", "/logout", "/", strings.TrimPrefix(s.az("PW", nil), s.issuer)} {
			for _, a := range []answer{s.fetch("GET", s.issuer+path, "Origin", "https://spa.test"), preflight(s, path, "https://spa.test")} {
				for name := range a.header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s answers with %s", path, name)
					}
				}
			}
		}
	})
	named := siteOptions{config: func(c *web.Config) { c.Origins = []string{"https://inspector.test", "null"} }}
	alone(t, "GEN-14 the operator may name more origins, but never null", func(t *testing.T, s *site) {
		check(t, s, []string{"https://inspector.test", "https://spa.test"}, []string{"https://evil.test", "http://inspector.test", "null"})
	}, named)
}
