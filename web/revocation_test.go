package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"regrant/app/oauth"
)

// revoked wants the answer to a revocation: 200 and nothing else, RFC 7009 §2.2.
func (s *site) revoked(client string, form url.Values) {
	s.t.Helper()
	a := s.post("/revoke", client, form)
	if a.status != http.StatusOK || a.body != "" || a.header.Get("Cache-Control") != "no-store" {
		s.t.Fatalf("revoke: %d %q %v", a.status, a.body, a.header)
	}
}

// wantDead wants everything of a token response dead.
func (s *site) wantDead(client string, responses ...answer) {
	s.t.Helper()
	for i, a := range responses {
		if s.active("RS", a.text(s.t, "access_token")) {
			s.t.Errorf("access token %d is active", i)
		}
		if client != "PN" && s.active(client, a.text(s.t, "refresh_token")) {
			s.t.Errorf("refresh token %d is active", i)
		}
		wantError(s.t, s.refresh(client, a.text(s.t, "refresh_token")), "invalid_grant")
	}
}

func (s *site) wantAlive(client string, response answer) {
	s.t.Helper()
	if !s.active("RS", response.text(s.t, "access_token")) {
		s.t.Error("the access token is not active")
	}
	wantOK(s.t, s.refresh(client, response.text(s.t, "refresh_token")))
}

func requirementsRV(t *testing.T) {
	all := newSites(t)

	all.rule(t, "RV-01 the client authenticates as at the token endpoint", func(t *testing.T, s *site) {
		tokens := s.grant("CB", "read")
		form := url.Values{"token": {tokens.text(t, "refresh_token")}}
		wantUnauthorized(t, s.postBody("/revoke", form.Encode(), "Authorization", basic("CB", "wrong")))
		wantUnauthorized(t, s.postBody("/revoke", form.Encode()))
		wantUnauthorized(t, s.postBody("/revoke", changed(url.Values{"client_id": {"CB"}}, form).Encode()))
		s.wantAlive("CB", tokens)
		native := s.grant("PN", "read")
		s.revoked("PN", url.Values{"token": {native.text(t, "refresh_token")}})
		s.wantDead("PN", native)
	})

	all.rule(t, "RV-02 what is unknown, over or garbage is answered like a success", func(t *testing.T, s *site) {
		tokens := s.grant("CB", "read")
		s.revoked("CB", url.Values{"token": {tokens.text(t, "refresh_token")}})
		for _, token := range []string{tokens.text(t, "refresh_token"), tokens.text(t, "access_token"), "x", "rgr1_x", "rga1_x", "a.b.c", "\u00e9", tokens.text(t, "refresh_token") + "x", s.secret["CB"]} {
			for range 2 {
				s.revoked("CB", url.Values{"token": {token}})
			}
		}
	})

	all.rule(t, "RV-03 a token must come", func(t *testing.T, s *site) {
		wantError(t, s.post("/revoke", "CB", nil), "invalid_request")
		wantError(t, s.post("/revoke", "CB", url.Values{"token": {""}, "token_type_hint": {"refresh_token"}}), "invalid_request")
	})

	all.rule(t, "RV-04 a hint changes nothing", func(t *testing.T, s *site) {
		for _, hint := range []string{"access_token", "refresh_token", "id_token", "nonsense", ""} {
			tokens := s.grant("CB", "read")
			s.revoked("CB", url.Values{"token": {tokens.text(t, "access_token")}, "token_type_hint": {hint}})
			if s.active("RS", tokens.text(t, "access_token")) {
				t.Errorf("hint %q kept the access token alive", hint)
			}
			s.revoked("CB", url.Values{"token": {tokens.text(t, "refresh_token")}, "token_type_hint": {hint}})
			s.wantDead("CB", tokens)
		}
	})

	all.rule(t, "RV-05 an ID token cannot be revoked, and the answer says so", func(t *testing.T, s *site) {
		tokens := s.grant("CB", "openid read")
		wantError(t, s.post("/revoke", "CB", url.Values{"token": {tokens.text(t, "id_token")}}), "unsupported_token_type")
		s.wantAlive("CB", tokens)
	})

	all.rule(t, "RV-06 any generation of a refresh token ends everything", func(t *testing.T, s *site) {
		for _, client := range []string{"CB", "PN"} {
			for which := range 3 {
				first := s.grant(client, "openid read")
				second := s.refresh(client, first.text(t, "refresh_token"))
				third := s.refresh(client, second.text(t, "refresh_token"))
				wantOK(t, third)
				generations := []answer{first, second, third}
				s.revoked(client, url.Values{"token": {generations[which].text(t, "refresh_token")}})
				s.wantDead(client, generations...)
				wantBearer(t, s.userinfo(third.text(t, "access_token")), http.StatusUnauthorized, "invalid_token")
			}
		}
	})

	all.rule(t, "RV-07 an access token dies alone", func(t *testing.T, s *site) {
		for _, format := range []oauth.Format{oauth.FormatJWT, oauth.FormatOpaque} {
			policy, _ := oauth.PolicyOf(oauth.PresetStandard)
			policy.AccessTokenFormat = format
			id := "RV07-" + string(format)
			s.register(id, oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://rv.test/cb"}, Policy: policy})
			first := s.exchange(id, s.code("CB", url.Values{"client_id": {id}, "redirect_uri": {"https://rv.test/cb"}}), nil)
			wantOK(t, first)
			second := s.refresh(id, first.text(t, "refresh_token"))
			s.revoked(id, url.Values{"token": {first.text(t, "access_token")}})
			if s.active("RS", first.text(t, "access_token")) || s.active(id, first.text(t, "access_token")) {
				t.Errorf("%s: the access token is active", format)
			}
			wantBearer(t, s.userinfo(first.text(t, "access_token")), http.StatusUnauthorized, "invalid_token")
			s.wantAlive(id, second)
		}
	})

	all.rule(t, "RV-08 a foreign token is not revoked, and nobody learns that it is foreign", func(t *testing.T, s *site) {
		tokens := s.grant("CB", "openid read")
		for _, client := range []string{"CX", "PN", "RS"} {
			for _, member := range []string{"refresh_token", "access_token"} {
				s.revoked(client, url.Values{"token": {tokens.text(t, member)}})
			}
		}
		s.wantAlive("CB", tokens)
	})

	alone(t, "RV-11 an expired refresh token still ends its grant", func(t *testing.T, s *site) {
		policy, _ := oauth.PolicyOf(oauth.PresetStandard)
		policy.Idle, policy.AccessTokenLifetime = time.Minute, time.Hour
		s.register("SHORT", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://short.test/cb"}, Policy: policy})
		first := s.exchange("SHORT", s.code("CB", url.Values{"client_id": {"SHORT"}, "redirect_uri": {"https://short.test/cb"}}), nil)
		wantOK(t, first)
		s.pass(2 * time.Minute)
		if !s.active("RS", first.text(t, "access_token")) {
			t.Fatal("the access token should outlive the idle deadline")
		}
		s.revoked("SHORT", url.Values{"token": {first.text(t, "refresh_token")}})
		s.wantDead("SHORT", first)
	})

	all.rule(t, "RV-12 other sign-ins of the same person stay", func(t *testing.T, s *site) {
		mine, laptop, native, other := s.grant("CB", "read"), s.grant("CB", "read"), s.grant("PN", "read"), s.grant("CX", "read")
		s.revoked("CB", url.Values{"token": {mine.text(t, "refresh_token")}})
		s.wantDead("CB", mine)
		s.wantAlive("CB", laptop)
		s.wantAlive("PN", native)
		s.wantAlive("CX", other)
	})
}
