package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
)

func requirementsBR(t *testing.T) {
	all := newSites(t)

	all.rule(t, "BR-01 without credentials there is a challenge and no error", func(t *testing.T, s *site) {
		wantBearer(t, s.fetch("GET", s.issuer+"/userinfo"), http.StatusUnauthorized, "")
		wantBearer(t, s.postBody("/userinfo", ""), http.StatusUnauthorized, "")
		wantBearer(t, s.postBody("/userinfo", "access_token="), http.StatusUnauthorized, "")
	})

	alone(t, "BR-02 expired, revoked and made-up tokens are invalid, and two tokens are no request", func(t *testing.T, s *site) {
		expired, revoked, live := s.grant("CB", "openid").text(t, "access_token"), s.grant("CB", "openid").text(t, "access_token"), ""
		s.post("/revoke", "CB", url.Values{"token": {revoked}})
		s.pass(11 * time.Minute)
		live = s.grant("CB", "openid").text(t, "access_token")
		parts := strings.Split(live, ".")
		for _, token := range []string{expired, revoked, "garbage", "rga1_garbage", "a.b.c", live + "x", live[:len(live)-1], parts[0] + "." + parts[1] + ".", strings.ToUpper(live), live + " " + live, strings.Repeat("x", 20_000)} {
			wantBearer(t, s.userinfo(token), http.StatusUnauthorized, "invalid_token")
		}
		bearer := []string{"Authorization", "Bearer " + live}
		wantBearer(t, s.postBody("/userinfo", "access_token="+live, bearer...), http.StatusBadRequest, "invalid_request")
		wantBearer(t, s.postBody("/userinfo", "access_token="+live+"&access_token="+live), http.StatusBadRequest, "invalid_request")
		wantBearer(t, s.fetch("GET", s.issuer+"/userinfo", append(bearer, bearer...)...), http.StatusBadRequest, "invalid_request")
		wantBearer(t, s.fetch("GET", s.issuer+"/userinfo", "Authorization", "Bearer "), http.StatusBadRequest, "invalid_request")
		narrow := s.userinfo(s.grant("CB", "read").text(t, "access_token"))
		wantBearer(t, narrow, http.StatusForbidden, "insufficient_scope")
		if !strings.Contains(narrow.header.Get("WWW-Authenticate"), `scope="openid"`) {
			t.Errorf("WWW-Authenticate is %q", narrow.header.Get("WWW-Authenticate"))
		}
		wantOK(t, s.userinfo(live))
	})

	all.rule(t, "BR-03 a token in an address is not read", func(t *testing.T, s *site) {
		token := s.grant("CB", "openid").text(t, "access_token")
		wantBearer(t, s.fetch("GET", s.issuer+"/userinfo?access_token="+token), http.StatusUnauthorized, "")
		if a := s.postBody("/userinfo?access_token="+token, ""); a.status == http.StatusOK {
			t.Error("a POST took the token of the query")
		}
	})

	all.rule(t, "BR-04 the scheme is case-insensitive", func(t *testing.T, s *site) {
		token := s.grant("CB", "openid").text(t, "access_token")
		for _, scheme := range []string{"bearer", "BEARER", "bEaReR"} {
			wantOK(t, s.fetch("GET", s.issuer+"/userinfo", "authorization", scheme+" "+token))
		}
	})

	all.rule(t, "BR-05 userinfo takes only access tokens with openid that are meant for it", func(t *testing.T, s *site) {
		a := s.grant("CB", "openid read")
		code := s.code("CB", nil).Query().Get("code")
		for name, token := range map[string]string{"ID token": a.text(t, "id_token"), "refresh token": a.text(t, "refresh_token"), "code": code, "client secret": s.secret["CB"]} {
			if answer := s.userinfo(token); answer.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, answer.status, answer.body)
			}
		}
		for name, token := range map[string]string{
			"of an API": s.grant("CB", "read").text(t, "access_token"), "of a client": s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}}).text(t, "access_token"),
			"without openid": s.grant("CB", "email").text(t, "access_token"), "narrowed": s.post("/token", "CB", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.text(t, "refresh_token")}, "scope": {"read"}}).text(t, "access_token"),
		} {
			if answer := s.userinfo(token); answer.status != http.StatusForbidden && answer.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, answer.status, answer.body)
			}
		}
		wantOK(t, s.userinfo(a.text(t, "access_token")))
	})

	all.rule(t, "BR-06 a token counts only where it belongs", func(t *testing.T, s *site) {
		token := s.grant("CB", "openid").text(t, "access_token")
		for _, headers := range [][]string{
			{"Authorization", basic(token, "x")}, {"Authorization", basic("alice@example.com", token)}, {"Authorization", basic("x-access-token", token)}, {"Cookie", "access_token=" + token}, {"Cookie", "__Host-regrant_session=" + token},
			{"Authorization", "Token " + token}, {"Authorization", token}, {"X-Access-Token", token},
		} {
			wantBearer(t, s.fetch("GET", s.issuer+"/userinfo", headers...), http.StatusUnauthorized, "")
		}
		wantBearer(t, s.postBody("/userinfo", `{"access_token":"`+token+`"}`, "Content-Type", "application/json"), http.StatusUnauthorized, "")
		// Nor does it open a page for people.
		if a := s.fetch("GET", s.issuer+"/", "Authorization", "Bearer "+token); strings.Contains(a.body, "alice@example.com") {
			t.Error("an access token signs in")
		}
	})

	all.rule(t, "BR-07 no access token makes another token", func(t *testing.T, s *site) {
		token := s.grant("CB", "openid read write").text(t, "access_token")
		for _, form := range []url.Values{
			{"grant_type": {"client_credentials"}, "scope": {"write"}}, {"grant_type": {"refresh_token"}, "refresh_token": {token}}, {"grant_type": {"authorization_code"}, "code": {token}},
			{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token}},
		} {
			wantUnauthorized(t, s.postBody("/token", form.Encode(), "Authorization", "Bearer "+token))
			if a := s.post("/token", "CX", form); a.status == http.StatusOK {
				t.Errorf("%v: %s", form, a.body)
			}
		}
		wantUnauthorized(t, s.postBody("/introspect", "token="+token, "Authorization", "Bearer "+token))
	})

	all.rule(t, "BR-08 header, form body, GET and POST all work, and sub is the ID token's", func(t *testing.T, s *site) {
		for _, format := range []oauth.Format{oauth.FormatJWT, oauth.FormatOpaque} {
			policy, _ := oauth.PolicyOf(oauth.PresetStandard)
			policy.AccessTokenFormat = format
			id := "BR08-" + string(format)
			s.register(id, oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://br.test/cb"}, Policy: policy})
			a := s.exchange(id, s.code("CB", url.Values{"client_id": {id}, "redirect_uri": {"https://br.test/cb"}, "scope": {"openid"}}), nil)
			wantOK(t, a)
			token, sub := a.text(t, "access_token"), s.verified(a.text(t, "id_token"))["sub"]
			for name, answer := range map[string]answer{
				"GET": s.userinfo(token), "POST with header": s.postBody("/userinfo", "", "Authorization", "Bearer "+token), "POST with body": s.postBody("/userinfo", "access_token="+token),
				"POST without type": s.postBody("/userinfo", "", "Authorization", "Bearer "+token, "Content-Type", ""),
			} {
				wantOK(t, answer)
				if answer.text(t, "sub") != sub || sub != s.person["U1"].ID {
					t.Errorf("%s: sub is %q, want %q", name, answer.text(t, "sub"), sub)
				}
			}
		}
	})
}
