package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
)

// metadataPaths are where an issuer's document stands: RFC 8414 §3.1 and OpenID Connect Discovery §4.
func (s *site) metadataPaths() []string {
	base := strings.TrimPrefix(s.issuer, "https://as.test")
	paths := []string{base + "/.well-known/openid-configuration", base + "/.well-known/oauth-authorization-server"}
	if base != "" {
		paths = append(paths, "/.well-known/oauth-authorization-server"+base, "/.well-known/openid-configuration"+base)
	}
	return paths
}

// document reads the metadata.
func (s *site) document() (m map[string]any) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.fetch("GET", s.issuer+"/.well-known/oauth-authorization-server").body), &m); err != nil {
		s.t.Fatal(err)
	}
	return m
}

// list reads a member that is a list of strings.
func list(m map[string]any, member string) (values []string) {
	all, _ := m[member].([]any)
	for _, v := range all {
		values = append(values, v.(string))
	}
	return values
}

func requirementsMETA(t *testing.T) {
	all := newSites(t)

	all.rule(t, "META-01 META-02 every form of the metadata's address gives the same document", func(t *testing.T, s *site) {
		want := ""
		for _, path := range s.metadataPaths() {
			a := s.fetch("GET", "https://as.test"+path)
			if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
				t.Fatalf("%s: %d %s", path, a.status, a.header.Get("Content-Type"))
			}
			if want == "" {
				want = a.body
			}
			if a.body != want {
				t.Errorf("%s differs", path)
			}
		}
		for _, path := range []string{"/.well-known/oauth-authorization-server/other", "/.well-known/openid-configuration/t1/", "/other/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/t1/x"} {
			if a := s.fetch("GET", "https://as.test"+path); a.status != http.StatusNotFound {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})

	all.rule(t, "META-03 the issuer is one and the same everywhere", func(t *testing.T, s *site) {
		callback := s.code("CB", nil)
		tokens := s.exchange("CB", callback, nil)
		for where, got := range map[string]any{
			"metadata": s.document()["issuer"], "ID token": s.verified(tokens.text(t, "id_token"))["iss"], "access token": s.verified(tokens.text(t, "access_token"))["iss"], "authorization response": callback.Query().Get("iss"),
			"introspection": s.post("/introspect", "RS", url.Values{"token": {tokens.text(t, "access_token")}}).json(t, "iss"),
		} {
			if got != s.issuer {
				t.Errorf("%s: %v, want %s", where, got, s.issuer)
			}
		}
		for _, bad := range []string{"https://as.test/", "http://as.test", "https://as.test?x", "https://as.test#x", "https://u@as.test", "HTTPS://as.test", "as.test", "", "https://", "ftp://as.test", "https://as.test/t1/", "http://127.0.0.2"} {
			if oauth.ValidateIssuer(bad) == nil {
				t.Errorf("issuer %q is accepted", bad)
			}
		}
		for _, good := range []string{s.issuer, "http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080", "https://as.test:8443/a/b"} {
			if err := oauth.ValidateIssuer(good); err != nil {
				t.Errorf("issuer %q: %v", good, err)
			}
		}
	})

	all.rule(t, "META-04 META-05 META-07 what is required stands there, and what defaults wrongly is said", func(t *testing.T, s *site) {
		m := s.document()
		for _, member := range []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported", "grant_types_supported", "response_modes_supported",
			"token_endpoint_auth_methods_supported", "revocation_endpoint_auth_methods_supported", "introspection_endpoint_auth_methods_supported", "revocation_endpoint", "introspection_endpoint", "userinfo_endpoint", "scopes_supported", "pushed_authorization_request_endpoint", "dpop_signing_alg_values_supported"} {
			if m[member] == nil {
				t.Errorf("%s is missing", member)
			}
		}
		for member, want := range map[string]any{"request_uri_parameter_supported": false, "request_parameter_supported": false, "claims_parameter_supported": true, "authorization_response_iss_parameter_supported": true, "require_pushed_authorization_requests": false} {
			if m[member] != want {
				t.Errorf("%s is %v, want %v", member, m[member], want)
			}
		}
		if !slices.Contains(list(m, "id_token_signing_alg_values_supported"), "RS256") {
			t.Error("RS256 is missing")
		}
	})

	all.rule(t, "META-06 no member is empty or unregistered", func(t *testing.T, s *site) {
		registered := strings.Fields(`issuer authorization_endpoint token_endpoint jwks_uri registration_endpoint scopes_supported response_types_supported response_modes_supported grant_types_supported
			token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported service_documentation ui_locales_supported op_policy_uri op_tos_uri revocation_endpoint revocation_endpoint_auth_methods_supported
			revocation_endpoint_auth_signing_alg_values_supported introspection_endpoint introspection_endpoint_auth_methods_supported introspection_endpoint_auth_signing_alg_values_supported introspection_signing_alg_values_supported code_challenge_methods_supported userinfo_endpoint device_authorization_endpoint acr_values_supported subject_types_supported id_token_signing_alg_values_supported
			display_values_supported claim_types_supported claims_supported claims_locales_supported claims_parameter_supported request_parameter_supported request_uri_parameter_supported require_request_uri_registration
			authorization_response_iss_parameter_supported prompt_values_supported pushed_authorization_request_endpoint require_pushed_authorization_requests dpop_signing_alg_values_supported end_session_endpoint backchannel_logout_supported backchannel_logout_session_supported`)
		for member, value := range s.document() {
			if !slices.Contains(registered, member) {
				t.Errorf("%s is not registered for servers of this kind", member)
			}
			if values, ok := value.([]any); value == nil || value == "" || ok && len(values) == 0 {
				t.Errorf("%s is empty", member)
			}
		}
	})

	all.rule(t, "META-08 every endpoint is https, below the issuer, and answers", func(t *testing.T, s *site) {
		for member, value := range s.document() {
			if !strings.HasSuffix(member, "_endpoint") && member != "jwks_uri" && member != "service_documentation" {
				continue
			}
			if address, _ := value.(string); !strings.HasPrefix(address, s.issuer+"/") {
				t.Errorf("%s is %v", member, value)
			} else if a := s.fetch("GET", address); a.status == http.StatusNotFound || a.status >= 500 {
				t.Errorf("%s: %d", member, a.status)
			}
		}
	})

	behaviourRules(t)

	alone(t, "META-10 the key set is public, and a new key is known before it signs", func(t *testing.T, s *site) {
		check := func(want int) {
			t.Helper()
			var set struct{ Keys []map[string]any }
			if err := json.Unmarshal([]byte(s.fetch("GET", s.issuer+"/.well-known/jwks.json").body), &set); err != nil {
				t.Fatal(err)
			}
			if len(set.Keys) != want {
				t.Fatalf("%d keys, want %d", len(set.Keys), want)
			}
			seen := map[any]bool{}
			for _, key := range set.Keys {
				for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth", "x5c"} {
					if key[private] != nil {
						t.Errorf("the key set has %s", private)
					}
				}
				if key["use"] != "sig" || key["kid"] == nil || key["kid"] == "" || seen[key["kid"]] || key["alg"] != map[any]any{"EC": "ES256", "RSA": "RS256"}[key["kty"]] {
					t.Errorf("key: %v", key)
				}
				seen[key["kid"]] = true
			}
		}
		kids := func(a answer) [2]any {
			return [2]any{jwtPart(t, a.text(t, "access_token"), 0)["kid"], jwtPart(t, a.text(t, "id_token"), 0)["kid"]}
		}
		check(2)
		first := s.grant("CB", "openid read")
		if _, err := oauth.RotateSigningKeys(context.Background(), s.db, s.clock.Wall(), by); err != nil {
			t.Fatal(err)
		}
		if err := s.engine.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		check(4)
		second := s.grant("CB", "openid read")
		if kids(first) != kids(second) {
			t.Error("a new key signs before caches know it")
		}
		s.pass(oauth.JWKSMaxAge + time.Second)
		third := s.grant("CB", "openid read")
		if now := kids(third); now[0] == kids(first)[0] || now[1] == kids(first)[1] {
			t.Error("the new keys do not sign")
		}
		for _, a := range []answer{second, third} {
			s.verified(a.text(t, "id_token"))
			s.verified(a.text(t, "access_token"))
		}
		wantOK(t, s.userinfo(third.text(t, "access_token")))
		s.pass(oauth.MaxAccessTokenLifetime + 10*time.Minute)
		for range 2 {
			if err := s.engine.Sweep(context.Background()); err != nil {
				t.Fatal(err)
			}
			if err := s.engine.Reload(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		check(2)
		if _, err := s.verify(third.text(t, "id_token")); err != nil {
			t.Errorf("the newer key is gone: %v", err)
		}
		if _, err := s.verify(first.text(t, "id_token")); err == nil {
			t.Error("the old key is still published")
		}
	})

	all.rule(t, "META-11 documents may be cached for an hour, and have a tag", func(t *testing.T, s *site) {
		for _, path := range append(s.metadataPaths(), strings.TrimPrefix(s.issuer, "https://as.test")+"/.well-known/jwks.json") {
			a := s.fetch("GET", "https://as.test"+path)
			tag := a.header.Get("ETag")
			age, err := time.ParseDuration(strings.TrimPrefix(a.header.Get("Cache-Control"), "public, max-age=") + "s")
			if err != nil || age <= 0 || age > time.Hour || tag == "" || a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %v", path, a.header)
			}
			if again := s.fetch("GET", "https://as.test"+path, "If-None-Match", tag); again.status != http.StatusNotModified || again.body != "" {
				t.Errorf("%s with its tag: %d", path, again.status)
			}
			if again := s.fetch("GET", "https://as.test"+path, "If-None-Match", `"other"`); again.status != http.StatusOK {
				t.Errorf("%s with another tag: %d", path, again.status)
			}
		}
	})

	all.rule(t, "META-13 MCP-01 a client that insists on PKCE finds it", func(t *testing.T, s *site) {
		if methods := list(s.document(), "code_challenge_methods_supported"); !slices.Equal(methods, []string{"S256"}) {
			t.Errorf("code_challenge_methods_supported is %v", methods)
		}
	})
}
