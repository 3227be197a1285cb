package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"regrant/app/oauth"
)

func requirementsTK(t *testing.T) {
	all := newSites(t)

	all.rule(t, "TK-01 a grant type must be named, known and allowed", func(t *testing.T, s *site) {
		wantError(t, s.post("/token", "CB", nil), "invalid_request")
		for _, grantType := range []string{
			"password", "implicit", "Authorization_Code", "authorization_code ", "device_code", "urn:ietf:params:oauth:grant-type:device_code ", "urn:ietf:params:oauth:grant-type:token-exchange ", "urn:ietf:params:oauth:grant-type:token_exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token\x01",
		} {
			wantError(t, s.post("/token", "CB", url.Values{"grant_type": {grantType}, "username": {"alice@example.com"}, "password": {password}, "scope": {"openid"}}), "unsupported_grant_type")
		}
		s.register("MACHINE", oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantClientCredentials}})
		s.register("ONCE", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://once.test/cb"}, GrantTypes: []string{oauth.GrantAuthorizationCode}})
		for client, grantTypes := range map[string][]string{"MACHINE": {"authorization_code", "refresh_token"}, "ONCE": {"refresh_token", "client_credentials", exchangeGrant}, "PN": {"client_credentials"}, "CX": {"client_credentials"}, "RS": {"client_credentials", "refresh_token", "authorization_code"}} {
			for _, grantType := range grantTypes {
				wantError(t, s.post("/token", client, url.Values{"grant_type": {grantType}, "code": {"x"}, "refresh_token": {"x"}}), "unauthorized_client")
			}
		}
		// A code and a refresh token of others do not help.
		token := s.grant("CB", "read").text(t, "refresh_token")
		wantError(t, s.refresh("ONCE", token), "unauthorized_client")
		wantError(t, s.exchange("MACHINE", s.code("CB", nil), nil), "unauthorized_client")
		wantOK(t, s.refresh("CB", token))
	})

	all.rule(t, "TK-02 a success says what was issued, in the right types", func(t *testing.T, s *site) {
		check := func(a answer, members ...string) {
			t.Helper()
			wantOK(t, a)
			var m map[string]any
			if err := json.Unmarshal([]byte(a.body), &m); err != nil {
				t.Fatal(err)
			}
			if _, ok := m["access_token"].(string); !ok || m["token_type"] != "Bearer" || m["expires_in"] != float64(600) {
				t.Errorf("%v", m)
			}
			if scope, ok := m["scope"].(string); !ok || scope == "" {
				t.Errorf("scope is %v", m["scope"])
			}
			for _, name := range members {
				if text, ok := m[name].(string); !ok || text == "" {
					t.Errorf("%s is %v", name, m[name])
				}
			}
			if len(m) != 4+len(members) {
				t.Errorf("members: %v", m)
			}
		}
		first := s.grant("CB", "openid read")
		check(first, "refresh_token", "id_token")
		check(s.refresh("CB", first.text(t, "refresh_token")), "refresh_token", "id_token")
		check(s.grant("CB", "read"), "refresh_token")
		check(s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}}))
	})

	all.rule(t, "TK-03 a code of another client is refused and keeps working for its own", func(t *testing.T, s *site) {
		callback := s.code("CB", nil)
		for range 10 { // more often than tries are counted
			wantError(t, s.exchange("CX", callback, nil), "invalid_grant")
			wantError(t, s.exchange("PN", callback, nil), "invalid_grant")
		}
		tokens := s.exchange("CB", callback, nil)
		wantOK(t, tokens)
		wantError(t, s.exchange("CX", callback, nil), "invalid_grant") // used by now, and still not its own
		wantOK(t, s.refresh("CB", tokens.text(t, "refresh_token")))
	})

	codeRules(t, all)

	all.rule(t, "TK-08 a redirect URI at the token endpoint must be the one of the request", func(t *testing.T, s *site) {
		callback := s.code("CB", nil)
		for _, redirectURI := range []string{"https://app.test/cb/", "https://APP.test/cb", "https://app.test/cb?", "https://evil.test/cb"} {
			wantError(t, s.exchange("CB", callback, url.Values{"redirect_uri": {redirectURI}}), "invalid_grant")
		}
		wantOK(t, s.exchange("CB", callback, url.Values{"redirect_uri": nil}))
		callback = s.code("PN", nil)
		wantError(t, s.exchange("PN", callback, url.Values{"redirect_uri": {"http://127.0.0.1:49153/cb"}}), "invalid_grant") // the port is free at the request only
		wantOK(t, s.exchange("PN", callback, nil))

		s.register("LEGACY", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://legacy.test/cb"}, RedirectURIRequired: true})
		callback = s.code("CB", url.Values{"client_id": {"LEGACY"}, "redirect_uri": {"https://legacy.test/cb"}})
		wantError(t, s.exchange("LEGACY", callback, url.Values{"redirect_uri": nil}), "invalid_grant")
		wantOK(t, s.exchange("LEGACY", callback, nil))
	})

	all.rule(t, "TK-09 only forms are read", func(t *testing.T, s *site) {
		token := s.grant("CB", "read").text(t, "refresh_token")
		body := `{"grant_type":"refresh_token","refresh_token":"` + token + `"}`
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode()
		for _, c := range []struct{ contentType, body string }{
			{"application/json", body}, {"text/plain", form}, {"multipart/form-data; boundary=x", form}, {"", form}, {"application/x-www-form-urlencoded; charset=utf-16", form}, {"application/x-www-form-urlencoded-x", form}, {"*/*", form}, {"application/x-www-form-urlencoded, text/plain", form},
		} {
			wantErrorStatus(t, s.postBody("/token", c.body, "Content-Type", c.contentType, "Authorization", basic("CB", s.secret["CB"])), http.StatusUnsupportedMediaType, "invalid_request")
		}
		wantError(t, s.postBody("/token", body, "Authorization", basic("CB", s.secret["CB"])), "invalid_request")
		wantOK(t, s.postBody("/token", form, "Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "Authorization", basic("CB", s.secret["CB"])))
	})

	all.rule(t, "TK-10 a refresh token needs the grant type and the policy", func(t *testing.T, s *site) {
		code, refresh := []string{oauth.GrantAuthorizationCode}, []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
		offline, _ := oauth.PolicyOf(oauth.PresetStandard)
		offline.Refresh = oauth.RefreshOffline
		for _, c := range []struct {
			id         string
			grantTypes []string
			policy     oauth.Policy
			scope      string
			want       bool
		}{
			{"TK10-A", refresh, oauth.Policy{}, "openid read", true}, {"TK10-B", code, oauth.Policy{}, "openid read", false}, {"TK10-C", code, oauth.Policy{}, "openid offline_access", false},
			{"TK10-D", refresh, offline, "openid read", false}, {"TK10-E", refresh, offline, "openid offline_access", true}, {"TK10-F", refresh, oauth.Policy{}, "openid offline_access", true},
		} {
			s.register(c.id, oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://tk10.test/cb"}, GrantTypes: c.grantTypes, Policy: c.policy})
			tokens := s.exchange(c.id, s.code("CB", url.Values{"client_id": {c.id}, "redirect_uri": {"https://tk10.test/cb"}, "scope": {c.scope}, "prompt": {"consent"}}), nil)
			wantOK(t, tokens)
			if got := tokens.text(t, "refresh_token") != ""; got != c.want {
				t.Errorf("%s: refresh token %v, want %v", c.id, got, c.want)
			}
		}
		for _, scope := range []string{"", "read", "read write"} {
			a := s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
			wantOK(t, a)
			if a.json(t, "refresh_token") != nil || a.json(t, "id_token") != nil {
				t.Errorf("client_credentials gave %s", a.body)
			}
		}
		wantError(t, s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"offline_access"}}), "invalid_scope")
	})

	alone(t, "TK-11 nobody learns whether a code or token exists", func(t *testing.T, s *site) {
		used, expired, foreign := s.code("CB", nil), s.code("CB", nil), s.code("CX", nil)
		wantOK(t, s.exchange("CB", used, nil))
		revoked := s.grant("CB", "read").text(t, "refresh_token")
		s.post("/revoke", "CB", url.Values{"token": {revoked}})
		reused := s.grant("CB", "read").text(t, "refresh_token")
		s.refresh("CB", s.refresh("CB", reused).text(t, "refresh_token"))
		others := s.grant("CX", "read").text(t, "refresh_token")
		idle := s.grant("CB", "read").text(t, "refresh_token")
		s.pass(61 * time.Second)
		unknown, err := url.Parse("https://app.test/cb?code=rgc1_unknown")
		if err != nil {
			t.Fatal(err)
		}
		want := s.exchange("CB", unknown, nil)
		wantError(t, want, "invalid_grant")
		for name, a := range map[string]answer{"used": s.exchange("CB", used, nil), "expired": s.exchange("CB", expired, nil), "foreign": s.exchange("CB", foreign, nil),
			"wrong verifier": s.exchange("CB", expired, url.Values{"code_verifier": {"x"}})} {
			if a.body != want.body || a.status != want.status {
				t.Errorf("%s code: %s, unknown: %s", name, a.body, want.body)
			}
		}
		want = s.refresh("CB", "rgr1_unknown")
		wantError(t, want, "invalid_grant")
		answers := map[string]answer{"revoked": s.refresh("CB", revoked), "reused": s.refresh("CB", reused), "foreign": s.refresh("CB", others)}
		s.pass(31 * 24 * time.Hour)
		answers["expired"] = s.refresh("CB", idle)
		for name, a := range answers {
			if a.body != want.body || a.status != want.status {
				t.Errorf("%s refresh token: %s, unknown: %s", name, a.body, want.body)
			}
		}
	})
}
