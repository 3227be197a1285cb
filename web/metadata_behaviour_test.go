package web_test

import (
	"context"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"regrant/app/oauth"
	"regrant/assets"
)

// behaviourRules drive META-09 from the document: what it lists works, and what it does not list is refused.
func behaviourRules(t *testing.T) {
	all := newSites(t)
	check := func(t *testing.T, m map[string]any, member string, superset []string, works func(value string) bool) {
		t.Helper()
		listed := list(m, member)
		if len(listed) == 0 {
			t.Errorf("%s lists nothing", member)
		}
		for _, value := range listed {
			if !works(value) {
				t.Errorf("%s lists %q, which does not work", member, value)
			}
		}
		for _, value := range superset {
			if !slices.Contains(listed, value) && works(value) {
				t.Errorf("%s does not list %q, which works", member, value)
			}
		}
	}

	all.rule(t, "META-09 what the document says of authorization requests is so", func(t *testing.T, s *site) {
		m, b := s.document(), s.alice()
		// accepted says whether a request changed by set is not refused, or only for want of what the person must do.
		accepted := func(set url.Values, refusals ...string) bool {
			address := s.az("PN", set)
			a := b.get(address)
			if a.status == http.StatusOK && set.Get("response_mode") == "form_post" {
				a.header.Set("Location", "https://form.test/?"+formFields(a.body).Encode())
				a.status = http.StatusSeeOther
			}
			u, err := url.Parse(a.header.Get("Location"))
			if err != nil || a.status != http.StatusSeeOther {
				t.Fatalf("%v: %d %s", set, a.status, a.body)
			}
			code := u.Query().Get("error")
			if code != "" && !slices.Contains(append(refusals, "consent_required", "login_required"), code) {
				t.Errorf("%v: error %s", set, code)
			}
			return code == "" || code == "consent_required" || code == "login_required"
		}
		check(t, m, "response_types_supported", []string{"token", "id_token", "none", "code token", "code id_token", "code id_token token", "id_token token"}, func(v string) bool {
			return accepted(url.Values{"response_type": {v}}, "unsupported_response_type")
		})
		s.addClient("META09-modes", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"https://modes.test/cb"}, FormPost: true})
		check(t, m, "response_modes_supported", []string{"query", "form_post", "fragment", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt", "web_message"}, func(v string) bool {
			return accepted(url.Values{"response_mode": {v}, "client_id": {"META09-modes"}, "redirect_uri": {"https://modes.test/cb"}, "scope": {"openid"}}, "invalid_request")
		})
		check(t, m, "code_challenge_methods_supported", []string{"plain", "S512"}, func(v string) bool {
			return accepted(url.Values{"code_challenge_method": {v}}, "invalid_request")
		})
		check(t, m, "prompt_values_supported", []string{"create", "signup", "admin_consent"}, func(v string) bool {
			return accepted(url.Values{"prompt": {v}}, "invalid_request")
		})
		check(t, m, "scopes_supported", []string{"phone", "address", "roles", "admin", "*"}, func(v string) bool {
			return accepted(url.Values{"scope": {v}, "prompt": {"consent"}}, "invalid_scope")
		})
		for member, parameter := range map[string]string{"request_parameter_supported": "request", "request_uri_parameter_supported": "request_uri"} {
			if got := accepted(url.Values{parameter: {"https://x.test/r"}}, parameter+"_not_supported"); got != m[member] {
				t.Errorf("%s is %v, and %s is accepted: %v", member, m[member], parameter, got)
			}
		}
	})

	all.rule(t, "META-09 what the document says of grant types and client authentication is so", func(t *testing.T, s *site) {
		m := s.document()
		check(t, m, "grant_types_supported", []string{
			"password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:saml2-bearer", "urn:openid:params:grant-type:ciba",
		}, func(v string) bool {
			a := answer{}
			switch v {
			case "authorization_code":
				a = s.exchange("CB", s.code("CB", nil), nil)
			case "refresh_token":
				a = s.refresh("CB", s.grant("CB", "read").text(t, "refresh_token"))
			case deviceGrant:
				s.devices()
				asked, b := s.device("TV", "openid"), s.browser()
				b.decide(b.bring(asked.text(t, "user_code"), "U1"), "allow")
				a = s.poll("TV", asked.text(t, "device_code"))
			case exchangeGrant:
				wantError(t, s.swap("CB", s.front("read").text(t, "access_token"), nil), "unauthorized_client")
				s.services()
				a = s.swap("RS", s.front("read").text(t, "access_token"), nil)
			default:
				a = s.post("/token", "CB", url.Values{"grant_type": {v}, "username": {"alice@example.com"}, "password": {password}})
			}
			if a.status != http.StatusOK {
				wantError(t, a, "unsupported_grant_type")
			}
			return a.status == http.StatusOK
		})
		methods := []string{"none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
		for member, endpoint := range map[string]string{"token_endpoint_auth_methods_supported": "/token", "revocation_endpoint_auth_methods_supported": "/revoke", "introspection_endpoint_auth_methods_supported": "/introspect", "": "/par"} {
			if member == "" { // RFC 9126 §2: as at the token endpoint
				member = "token_endpoint_auth_methods_supported"
			}
			check(t, m, member, methods, func(method string) bool {
				id := "META09-" + endpoint[1:] + "-" + method
				c := oauth.Client{ID: id, Name: id, AuthMethod: oauth.AuthMethod(method), RedirectURIs: []string{"https://meta.test/cb"}}
				if strings.HasSuffix(method, "_jwt") {
					c.JWKS = jwkSet(t, testKeys()["ES256"])
				}
				secret, err := oauth.RegisterClient(context.Background(), s.db, &c, s.clock.Wall(), by)
				if err != nil {
					return false
				}
				form, headers := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "token": {"x"}, "client_id": {id}, "response_type": {"code"}, "redirect_uri": {"https://meta.test/cb"}, "scope": {"openid"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}}, []string{}
				switch method {
				case "client_secret_basic":
					headers = []string{"Authorization", basic(id, secret)}
				case "client_secret_post":
					form.Set("client_secret", secret)
				case "private_key_jwt":
					form.Set("client_assertion", sign(t, testKeys()["ES256"], s.assertionClaims(id)))
					form.Set("client_assertion_type", oauth.AssertionType)
				}
				a := s.postBody(endpoint, form.Encode(), headers...)
				if a.status == http.StatusUnauthorized {
					return false
				}
				if endpoint == "/token" { // past the authentication
					wantError(t, a, "invalid_grant")
				} else if a.status != http.StatusOK && a.status != http.StatusCreated {
					t.Errorf("%s by %s: %d", endpoint, method, a.status)
				}
				return true
			})
		}
		for endpoint, path := range map[string]string{"token": "/token", "revocation": "/revoke", "introspection": "/introspect"} {
			member := endpoint + "_endpoint_auth_signing_alg_values_supported"
			check(t, m, member, []string{"none", "HS256", "HS384", "HS512", "RS384", "RS512", "PS384", "PS512", "ES384", "ES512"}, func(alg string) bool {
				k := keyFor(t, alg)
				c := signingClient(t, testKeys()["ES256"], testKeys()["RS256"], testKeys()["EdDSA"], k)
				c.ID, c.Name = "META09-"+alg+"-"+endpoint, alg
				if _, err := oauth.RegisterClient(context.Background(), s.db, &c, s.clock.Wall(), by); err != nil {
					t.Fatal(err)
				}
				raw := unsigned(t, s.assertionClaims(c.ID))
				if alg != "none" {
					raw = sign(t, k, s.assertionClaims(c.ID))
				}
				return s.postBody(path, proven(raw, changed(url.Values{"token": {"x"}}, machineForm))).status == http.StatusOK
			})
		}
	})

	all.rule(t, "META-09 what the document says of ID tokens and claims is so", func(t *testing.T, s *site) {
		m := s.document()
		seen := map[string]bool{}
		check(t, m, "id_token_signing_alg_values_supported", []string{"none", "HS256", "HS512", "RS384", "RS512", "PS256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519"}, func(algorithm string) bool {
			policy, _ := oauth.PolicyOf(oauth.PresetStandard)
			policy.IDTokenAlg = algorithm
			id := "META09-" + algorithm
			c := oauth.Client{ID: id, Name: id, AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://alg.test/cb"}, Scope: oauth.Scope{"openid", "profile", "email", "groups"}, Policy: policy}
			secret, err := oauth.RegisterClient(context.Background(), s.db, &c, s.clock.Wall(), by)
			if err != nil {
				return false
			}
			s.secret[id] = secret
			tokens := s.exchange(id, s.code("CB", url.Values{"client_id": {id}, "redirect_uri": {"https://alg.test/cb"}, "scope": {"openid profile email groups"}, "max_age": {"1000"}}), nil)
			wantOK(t, tokens)
			for name := range s.verified(tokens.text(t, "id_token")) {
				seen[name] = true
			}
			info := s.userinfo(tokens.text(t, "access_token"))
			for _, name := range []string{"sub", "name", "email", "email_verified", "groups", "phone_number", "address", "picture", "locale", "preferred_username", "updated_at"} {
				seen[name] = seen[name] || info.json(t, name) != nil
			}
			return jwtPart(t, tokens.text(t, "id_token"), 0)["alg"] == algorithm
		})
		var told []string
		for name := range seen {
			if seen[name] {
				told = append(told, name)
			}
		}
		listed := list(m, "claims_supported")
		slices.Sort(told)
		slices.Sort(listed)
		if !slices.Equal(told, listed) {
			t.Errorf("told: %v\nlisted: %v", told, listed)
		}
		if got := list(m, "subject_types_supported"); !slices.Equal(got, []string{"public"}) {
			t.Errorf("subject types: %v", got)
		}
		locales := list(m, "ui_locales_supported")
		for accept, want := range map[string]string{"": locales[0], "fr, ja": locales[0]} {
			if !strings.Contains(s.fetch("GET", s.issuer+"/login", "Accept-Language", accept).body, `<html lang="`+want+`"`) {
				t.Errorf("Accept-Language %q: the page is not in %s, the first language listed", accept, want)
			}
		}
		for _, tag := range locales {
			if !strings.Contains(s.fetch("GET", s.issuer+"/login", "Accept-Language", "fr, "+tag).body, `<html lang="`+tag+`"`) {
				t.Errorf("%s is listed, and the page is in another language", tag)
			}
		}
		files, err := fs.Glob(assets.Text(), "*.toml")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if tag, main := strings.CutSuffix(file, ".toml"); main && !strings.Contains(tag, ".") && !slices.Contains(locales, tag) {
				t.Errorf("there are texts in %s, which is not listed", tag)
			}
		}
	})

	all.rule(t, "META-09 what comes later is neither listed nor there", func(t *testing.T, s *site) {
		for member, path := range map[string]string{
			"registration_endpoint":               "/register",
			"backchannel_authentication_endpoint": "/ciba", "check_session_iframe": "/check_session", "client_id_metadata_document_supported": "", "tls_client_certificate_bound_access_tokens": "", "mtls_endpoint_aliases": "",
		} {
			if value, listed := s.document()[member]; listed {
				t.Errorf("%s is %v", member, value)
			}
			if path != "" {
				if a := s.post(path, "CB", url.Values{"client_id": {"CB"}}); a.status != http.StatusNotFound {
					t.Errorf("%s: %d", path, a.status)
				}
			}
		}
	})
}
