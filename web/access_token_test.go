package web_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"regrant/app/oauth"
)

func requirementsJAT(t *testing.T) {
	all := newSites(t)

	all.rule(t, "JAT-01 an access token says what it is and who signed it", func(t *testing.T, s *site) {
		tokens := s.grant("CB", "openid read")
		header := jwtPart(t, tokens.text(t, "access_token"), 0)
		if header["typ"] != "at+jwt" || header["alg"] != "ES256" || header["kid"] == nil || header["kid"] == "" || len(header) != 3 {
			t.Errorf("header: %v", header)
		}
		s.verified(tokens.text(t, "access_token"))
	})

	alone(t, "JAT-02 every claim is there, and the sign-in stays that of the grant", func(t *testing.T, s *site) {
		signedIn := s.clock.Wall().Unix()
		tokens := s.grant("CB", "openid read")
		for round := range 3 {
			claims := s.verified(tokens.text(t, "access_token"))
			now := float64(s.clock.Wall().Unix())
			for name, want := range map[string]any{"iss": s.issuer, "sub": s.person["U1"].ID, "client_id": "CB", "iat": now, "exp": now + 600, "scope": "openid read", "auth_time": float64(signedIn)} {
				if claims[name] != want {
					t.Errorf("round %d: %s is %v, want %v", round, name, claims[name], want)
				}
			}
			if claims["jti"] == nil || claims["jti"] == "" || claims["acr"] != "urn:regrant:acr:1fa" || len(audience(claims)) == 0 {
				t.Errorf("round %d: %v", round, claims)
			}
			if amr, _ := claims["amr"].([]any); len(amr) != 1 || amr[0] != "pwd" {
				t.Errorf("round %d: amr is %v", round, claims["amr"])
			}
			s.pass(time.Hour)
			tokens = s.refresh("CB", tokens.text(t, "refresh_token"))
			wantOK(t, tokens)
		}
	})

	all.rule(t, "JAT-03 the audience is the API, and the issuer for userinfo", func(t *testing.T, s *site) {
		for _, c := range []struct {
			scope     string
			resources []string
			want      []string
		}{
			{"read", nil, []string{"https://api.test/"}}, {"read write", nil, []string{"https://api.test/"}}, {"list", nil, []string{"https://other.test/v1"}}, {"openid read", nil, []string{"https://api.test/", s.issuer}}, {"openid", nil, []string{s.issuer}}, {"email", nil, []string{s.issuer}},
			{"read list", nil, []string{s.issuer}}, {"openid read list", nil, []string{s.issuer}}, {"read", []string{"https://api.test/"}, []string{"https://api.test/"}}, {"openid read list", []string{"https://other.test/v1"}, []string{"https://other.test/v1", s.issuer}},
		} {
			tokens := s.tokens("CB", url.Values{"scope": {c.scope}, "resource": c.resources})
			if got := audience(s.verified(tokens.text(t, "access_token"))); !slices.Equal(got, c.want) {
				t.Errorf("scope %q, resource %q: audience %q, want %q", c.scope, c.resources, got, c.want)
			}
		}
		machine := s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
		if got := audience(s.verified(machine.text(t, "access_token"))); !slices.Equal(got, []string{"https://api.test/"}) {
			t.Errorf("client_credentials: audience %q", got)
		}
	})

	all.rule(t, "JAT-04 ID token and access token are no substitutes", func(t *testing.T, s *site) {
		tokens := s.grant("CB", "openid read")
		id, access := tokens.text(t, "id_token"), tokens.text(t, "access_token")
		wantBearer(t, s.userinfo(id), 401, "invalid_token")
		s.wantInactive("RS", "ID token", id)
		s.wantInactive("CB", "ID token", id)
		if jwtPart(t, id, 0)["typ"] == jwtPart(t, access, 0)["typ"] || slices.Contains(audience(s.verified(access)), "CB") {
			t.Error("one looks like the other")
		}
		policy, _ := oauth.PolicyOf(oauth.PresetStandard)
		policy.IDTokenAlg = oauth.AlgES256 // the algorithm of access tokens
		s.register("JAT04", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://jat.test/cb"}, Policy: policy})
		id = s.exchange("JAT04", s.code("CB", url.Values{"client_id": {"JAT04"}, "redirect_uri": {"https://jat.test/cb"}}), nil).text(t, "id_token")
		wantBearer(t, s.userinfo(id), 401, "invalid_token")
		s.wantInactive("JAT04", "ID token", id)
		address, a := s.ask("TR", url.Values{"id_token_hint": {access}})
		wantRedirectError(t, s, address, a, "invalid_request")
	})

	alone(t, "JAT-05 access tokens are short-lived, an hour at most, and may be opaque", func(t *testing.T, s *site) {
		set := func(change func(*oauth.Policy)) error {
			_, err := oauth.ChangeClient(context.Background(), s.db, "CB", func(c *oauth.Client) error { change(&c.Policy); return nil }, s.clock.Wall(), by)
			return err
		}
		for _, lifetime := range []time.Duration{0, time.Hour + time.Second, -time.Minute, 24 * time.Hour} {
			var e *oauth.Error
			if err := set(func(p *oauth.Policy) { p.AccessTokenLifetime = lifetime }); !errors.As(err, &e) || e.Code != oauth.InvalidClientMetadata {
				t.Errorf("lifetime %s: %v", lifetime, err)
			}
		}
		if err := set(func(p *oauth.Policy) {
			p.AccessTokenLifetime, p.AccessTokenFormat = time.Hour, oauth.FormatOpaque
		}); err != nil {
			t.Fatal(err)
		}
		tokens := s.grant("CB", "openid read")
		if tokens.json(t, "expires_in") != float64(3600) || tokens.text(t, "access_token")[:5] != "rga1_" {
			t.Errorf("%s", tokens.body)
		}
		s.pass(time.Hour - time.Second)
		if !s.active("RS", tokens.text(t, "access_token")) {
			t.Error("it is over too early")
		}
		s.pass(time.Second)
		s.wantInactive("RS", "expired", tokens.text(t, "access_token"))
	})

	all.rule(t, "JAT-06 an access token says no more of the person than it must", func(t *testing.T, s *site) {
		tokens := s.tokens("CB", url.Values{"scope": {"openid profile email read offline_access"}, "prompt": {"consent"}})
		allowed := []string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr", "amr", "grant_id"}
		for name, value := range s.verified(tokens.text(t, "access_token")) {
			if !slices.Contains(allowed, name) {
				t.Errorf("%s is %v", name, value)
			}
		}
	})

	all.rule(t, "JAT-07 a token that a client has for itself cannot be a person's", func(t *testing.T, s *site) {
		a := s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}})
		claims := s.verified(a.text(t, "access_token"))
		if claims["sub"] != "CB" || claims["client_id"] != "CB" || claims["auth_time"] != nil || claims["amr"] != nil || claims["grant_id"] != nil {
			t.Errorf("claims: %v", claims)
		}
	})
}
