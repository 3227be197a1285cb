package web_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"regrant/app/oauth"
)

const (
	apiResource   = "https://api.test/"
	otherResource = "https://other.test/v1"
)

func requirementsRI(t *testing.T) {
	all := newSites(t)
	aud := func(t *testing.T, s *site, a answer) []string {
		t.Helper()
		wantOK(t, a)
		return audience(s.verified(a.text(t, "access_token")))
	}
	refreshFor := func(s *site, token string, set url.Values) answer {
		s.t.Helper()
		return s.post("/token", "CB", changed(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, set))
	}

	all.rule(t, "RI-01 a resource is taken at authorization, redemption, refresh and client_credentials", func(t *testing.T, s *site) {
		resource := url.Values{"resource": {apiResource}}
		first := s.exchange("CB", s.code("CB", url.Values{"resource": {apiResource}}), resource)
		if got := aud(t, s, first); !slices.Equal(got, []string{apiResource, s.issuer}) {
			t.Errorf("redemption: %q", got)
		}
		if got := aud(t, s, refreshFor(s, first.text(t, "refresh_token"), resource)); !slices.Equal(got, []string{apiResource, s.issuer}) {
			t.Errorf("refresh: %q", got)
		}
		if got := aud(t, s, s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "resource": {apiResource}})); !slices.Equal(got, []string{apiResource}) {
			t.Errorf("client_credentials: %q", got)
		}
		if got := aud(t, s, s.exchange("CB", s.code("CB", url.Values{"scope": {"read"}}), resource)); !slices.Equal(got, []string{apiResource}) { // named at redemption only
			t.Errorf("named late: %q", got)
		}
	})

	all.rule(t, "RI-02 a resource that is malformed or unknown is an invalid target", func(t *testing.T, s *site) {
		token := s.grant("CB", "openid read").text(t, "refresh_token")
		callback := s.code("CB", nil)
		for _, resource := range []string{"https://nope.test/", "api.test", "/api", "https://api.test/#f", "https://api.test/#", "urn:api", "https://user@api.test/", "https://", "x", " " + apiResource, apiResource + " ", "https://api.test/\u00e9"} {
			set := url.Values{"resource": {resource}}
			address, a := s.ask("CB", set)
			wantRedirectError(t, s, address, a, "invalid_target")
			wantError(t, s.exchange("CB", callback, set), "invalid_target")
			wantError(t, refreshFor(s, token, set), "invalid_target")
			wantError(t, s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "resource": {resource}}), "invalid_target")
			address, a = s.ask("CB", url.Values{"resource": {apiResource, resource}})
			wantRedirectError(t, s, address, a, "invalid_target")
		}
		wantOK(t, s.exchange("CB", callback, nil))
		wantOK(t, refreshFor(s, token, nil))
	})

	all.rule(t, "RI-03 RI-05 of several granted resources each token is for those named, with their scopes", func(t *testing.T, s *site) {
		code := s.code("CB", url.Values{"resource": {apiResource, otherResource}, "scope": {"openid read write list"}})
		first := s.exchange("CB", code, url.Values{"resource": {apiResource}})
		if got := aud(t, s, first); !slices.Equal(got, []string{apiResource, s.issuer}) || first.text(t, "scope") != "openid read write" {
			t.Errorf("redemption: %q, scope %q", got, first.text(t, "scope"))
		}
		second := refreshFor(s, first.text(t, "refresh_token"), url.Values{"resource": {otherResource}})
		if got := aud(t, s, second); !slices.Equal(got, []string{otherResource, s.issuer}) || second.text(t, "scope") != "openid list" {
			t.Errorf("refresh: %q, scope %q", got, second.text(t, "scope"))
		}
		wantError(t, refreshFor(s, second.text(t, "refresh_token"), nil), "invalid_target") // not merged silently
		third := refreshFor(s, second.text(t, "refresh_token"), url.Values{"resource": {apiResource}, "scope": {"read"}})
		if got := aud(t, s, third); !slices.Equal(got, []string{apiResource}) || third.text(t, "scope") != "read" {
			t.Errorf("narrowed: %q, scope %q", got, third.text(t, "scope"))
		}
		wantError(t, refreshFor(s, third.text(t, "refresh_token"), url.Values{"resource": {apiResource}, "scope": {"list"}}), "invalid_scope")
		wantOK(t, refreshFor(s, third.text(t, "refresh_token"), url.Values{"resource": {apiResource}}))
	})

	all.rule(t, "RI-04 a resource that was not granted is refused, and nothing is spent", func(t *testing.T, s *site) {
		code := s.code("CB", url.Values{"resource": {apiResource}, "scope": {"read list"}})
		for range 8 {
			wantError(t, s.exchange("CB", code, url.Values{"resource": {otherResource}}), "invalid_target")
			wantError(t, s.exchange("CB", code, url.Values{"resource": {apiResource, otherResource}}), "invalid_target")
		}
		tokens := s.exchange("CB", code, nil)
		wantOK(t, tokens)
		if tokens.text(t, "scope") != "read" {
			t.Errorf("scope is %q", tokens.text(t, "scope"))
		}
		s.register("MACHINE-LIST", oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantClientCredentials}, Scope: oauth.Scope{"list"}})
		wantError(t, s.post("/token", "MACHINE-LIST", url.Values{"grant_type": {"client_credentials"}, "resource": {apiResource}}), "invalid_target")
		wantOK(t, s.post("/token", "MACHINE-LIST", url.Values{"grant_type": {"client_credentials"}, "resource": {otherResource}}))
	})

	all.rule(t, "RT-20 a refresh for a resource that was not granted is refused, and the token lives", func(t *testing.T, s *site) {
		for _, granted := range []url.Values{{"resource": {apiResource}, "scope": {"openid read"}}, {"scope": {"openid read"}}} {
			tokens := s.tokens("CB", granted)
			for _, bad := range [][]string{{otherResource}, {apiResource, otherResource}, {"https://nope.test/"}, {"x"}} {
				wantError(t, refreshFor(s, tokens.text(t, "refresh_token"), url.Values{"resource": bad}), "invalid_target")
			}
			second := refreshFor(s, tokens.text(t, "refresh_token"), url.Values{"resource": {apiResource}})
			if got := aud(t, s, second); !slices.Equal(got, []string{apiResource, s.issuer}) {
				t.Errorf("audience %q", got)
			}
			s.wantAlive("CB", second)
		}
	})

	all.rule(t, "RI-06 case of scheme and host does not matter, everything else does", func(t *testing.T, s *site) {
		for _, same := range []string{"HTTPS://API.test/", "https://Api.Test/"} {
			tokens := s.tokens("CB", url.Values{"resource": {same}, "scope": {"read"}})
			if got := aud(t, s, tokens); !slices.Equal(got, []string{apiResource}) {
				t.Errorf("%s: %q", same, got)
			}
		}
		for _, other := range []string{"https://api.test", "https://api.test//", "https://api.test:443/", "https://api.test/?", "https://other.test/V1", otherResource + "/", strings.TrimSuffix(otherResource, "1"), "https://other.test/v1?x=1", "http://api.test/"} {
			address, a := s.ask("CB", url.Values{"resource": {other}})
			wantRedirectError(t, s, address, a, "invalid_target")
		}
	})
}
