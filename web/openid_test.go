package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/app/account"
	"regrant/app/oauth"
)

func requirementsOI(t *testing.T) {
	all := newSites(t)

	all.rule(t, "OI-01 without openid there is no ID token", func(t *testing.T, s *site) {
		for scope, want := range map[string]bool{"openid": true, "read": false, "profile email": false, "read openid": true} {
			tokens := s.tokens("CB", url.Values{"scope": {scope}})
			if got := tokens.json(t, "id_token") != nil; got != want {
				t.Errorf("scope %q: ID token %v", scope, got)
			}
			if got := s.refresh("CB", tokens.text(t, "refresh_token")).json(t, "id_token") != nil; got != want {
				t.Errorf("scope %q, refreshed: ID token %v", scope, got)
			}
		}
	})

	all.rule(t, "OI-02 a nonce comes back as it went in, or not at all", func(t *testing.T, s *site) {
		for _, nonce := range []string{"n", strings.Repeat("n", 43), strings.Repeat("0-9_~", 200), `+/=&%"<>\`, "\u00fc \u2603", " "} {
			tokens := s.tokens("CB", url.Values{"nonce": {nonce}})
			if got := s.verified(tokens.text(t, "id_token"))["nonce"]; got != nonce {
				t.Errorf("nonce %q came back as %q", nonce, got)
			}
		}
		if got, there := s.verified(s.tokens("CB", url.Values{"nonce": nil}).text(t, "id_token"))["nonce"]; there {
			t.Errorf("nonce %q came from nowhere", got)
		}
	})

	all.rule(t, "OI-03 an ID token has its claims, and the hash of its access token", func(t *testing.T, s *site) {
		es256, _ := oauth.PolicyOf(oauth.PresetStandard)
		es256.IDTokenAlg = oauth.AlgES256
		s.register("OI03", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://app.test/cb"}, Policy: es256})
		for client, algorithm := range map[string]string{"CB": "RS256", "OI03": "ES256"} {
			tokens := s.exchange(client, s.code("CB", url.Values{"client_id": {client}, "max_age": {"1000"}}), nil)
			wantOK(t, tokens)
			id := tokens.text(t, "id_token")
			claims, header := s.verified(id), jwtPart(t, id, 0)
			now := float64(s.clock.Wall().Unix())
			for name, want := range map[string]any{"iss": s.issuer, "sub": s.person["U1"].ID, "aud": client, "iat": now, "auth_time": now, "at_hash": leftHalf(tokens.text(t, "access_token"))} {
				if claims[name] != want {
					t.Errorf("%s is %v, want %v", name, claims[name], want)
				}
			}
			if exp, _ := claims["exp"].(float64); exp <= now || exp > now+24*3600 {
				t.Errorf("exp is %v", claims["exp"])
			}
			if header["alg"] != algorithm || header["kid"] == nil {
				t.Errorf("header: %v", header)
			}
		}
	})

	alone(t, "OI-04 a subject is stable, says nothing, and is never given again", func(t *testing.T, s *site) {
		ctx := context.Background()
		subject := func(client string) string {
			return s.verified(s.grant(client, "openid").text(t, "id_token"))["sub"].(string)
		}
		old := subject("CB")
		if old != subject("CX") || len(old) > 255 || strings.Contains(old, "@") {
			t.Errorf("sub is %q", old)
		}
		if _, err := s.people.ChangeProfile(ctx, old, account.Profile{Email: "alice@new.example", Name: "Alice Baker"}, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		s.person["U1"] = account.Person{ID: old, Email: "alice@new.example"}
		if got := subject("CB"); got != old {
			t.Errorf("another address gave another sub: %q", got)
		}
		if err := s.people.Delete(ctx, old, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		s.addPerson("U1", "alice@new.example", "Alice Baker")
		if got := subject("CB"); got == old {
			t.Error("the sub of somebody who was deleted is given again")
		}
	})

	alone(t, "OI-08 how somebody signed in is told as it was", func(t *testing.T, s *site) {
		for _, wish := range []string{"", "urn:regrant:acr:1fa", "phr phrh urn:regrant:acr:2fa mfa"} {
			claims := s.verified(s.tokens("CB", url.Values{"acr_values": {wish}}).text(t, "id_token"))
			if amr, _ := claims["amr"].([]any); claims["acr"] != "urn:regrant:acr:1fa" || len(amr) != 1 || amr[0] != "pwd" {
				t.Errorf("acr_values %q: acr %v, amr %v", wish, claims["acr"], claims["amr"])
			}
		}
	})

	alone(t, "OI-08 an essential acr is met, or the authorization fails", func(t *testing.T, s *site) {
		ask := func(acr string) (string, *browser) {
			return s.az("TR", url.Values{"claims": {`{"id_token":{"acr":` + acr + `}}`}}), s.alice()
		}
		for _, acr := range []string{`{"essential":true,"values":["urn:regrant:acr:2fa","phr"]}`, `{"essential":true,"value":"mfa"}`} {
			address, b := ask(acr)
			wantRedirectError(t, s, address, b.get(address), "unmet_authentication_requirements")
			b = s.browser()
			a := b.submit(b.get(b.get(address).header.Get("Location")), s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}})
			wantRedirectError(t, s, address, a, "unmet_authentication_requirements")
		}
		for _, acr := range []string{`{"essential":true,"values":["mfa","urn:regrant:acr:1fa"]}`, `{"essential":true,"value":"urn:regrant:acr:1fa"}`, `{"essential":true}`, `{"values":["mfa"]}`, "null"} {
			address, b := ask(acr)
			wantCode(t, s, address, b.get(address))
		}
		for _, acr := range []string{`{"essential":"yes"}`, `{"essential":true,"values":"mfa"}`, "1", "[]"} {
			address, b := ask(acr)
			wantRedirectError(t, s, address, b.get(address), "invalid_request")
		}
	})

	all.rule(t, "OI-10 hints and languages do no harm", func(t *testing.T, s *site) {
		b := s.browser()
		address := s.az("CB", url.Values{
			"login_hint": {`alice"><script>alert(1)</script>`}, "ui_locales": {"xx-YY de \u00fc"}, "claims_locales": {"de"}, "display": {"popup"}, "acr_values": {"x y"},
		})
		page := b.get(b.get(address).header.Get("Location"))
		if page.status != http.StatusOK || strings.Contains(page.body, "<script>alert") || !strings.Contains(page.body, "alice&#34;&gt;&lt;script&gt;") {
			t.Errorf("%d %s", page.status, page.body)
		}
		wantResponse(t, s, address, b.walk(address, "U1").String())
	})

	alone(t, "OI-11 scopes give their claims and no others", func(t *testing.T, s *site) {
		ctx := context.Background()
		id := s.person["U1"].ID
		info := func(scope string) answer {
			t.Helper()
			a := s.userinfo(s.grant("CB", scope).text(t, "access_token"))
			wantOK(t, a)
			return a
		}
		for scope, want := range map[string]string{
			"openid": `{"sub":"` + id + `"}`, "openid profile": `{"sub":"` + id + `","name":"Alice Archer"}`, "openid email": `{"sub":"` + id + `","email":"alice@example.com","email_verified":false}`,
			"openid profile email phone address": `{"sub":"` + id + `","name":"Alice Archer","email":"alice@example.com","email_verified":false}`,
		} {
			if got := info(scope).body; got != want {
				t.Errorf("scope %q: %s, want %s", scope, got, want)
			}
		}
		change := func(p account.Profile) {
			t.Helper()
			if _, err := s.people.ChangeProfile(ctx, id, p, by, s.clock.Wall()); err != nil {
				t.Fatal(err)
			}
		}
		change(account.Profile{Name: "Alice Archer", Email: "alice@example.com", EmailVerified: true})
		if info("openid email").json(t, "email_verified") != true {
			t.Error("what an admin verified is not told")
		}
		change(account.Profile{Name: "Alice Archer", Email: "alice@new.example"})
		s.person["U1"] = account.Person{ID: id, Email: "alice@new.example"}
		if a := info("openid email"); a.json(t, "email_verified") != false || a.text(t, "email") != "alice@new.example" {
			t.Errorf("another address: %s", a.body)
		}
	})

	all.rule(t, "OI-14 OI-16 implicit and hybrid answers, other logins and unsigned ID tokens are not offered", func(t *testing.T, s *site) {
		for _, kind := range []string{"id_token", "id_token token", "code id_token", "code token", "code id_token token"} {
			address, a := s.ask("CB", url.Values{"response_type": {kind}})
			wantRedirectError(t, s, address, a, "unsupported_response_type")
		}
		for _, algorithm := range []string{"none", "None", "HS256", ""} {
			policy, _ := oauth.PolicyOf(oauth.PresetStandard)
			policy.IDTokenAlg = algorithm
			c := oauth.Client{Name: "x", AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://x.test/cb"}, Policy: policy}
			if _, err := oauth.RegisterClient(context.Background(), s.db, &c, s.clock.Wall(), by); err == nil {
				t.Errorf("a client may have ID tokens signed with %q", algorithm)
			}
		}
		address, a := s.ask("CB", url.Values{"registration": {"{}"}})
		wantRedirectError(t, s, address, a, "registration_not_supported")
	})

	all.rule(t, "JR-01 request objects are refused, never ignored", func(t *testing.T, s *site) {
		unsigned := "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9."
		for _, b := range []*browser{s.browser(), s.alice()} {
			for _, client := range []string{"CB", "PN", "TR"} {
				address := s.az(client, url.Values{"request": {unsigned}})
				wantRedirectError(t, s, address, b.get(address), "request_not_supported")
				for _, uri := range []string{"https://app.test/request.jwt", "http://169.254.169.254/"} {
					address = s.az(client, url.Values{"request_uri": {uri}})
					wantRedirectError(t, s, address, b.get(address), "request_uri_not_supported")
				}
				// One that looks pushed and was not: nothing beside it counts, so nobody knows where to send the person (PAR-05, PAR-06).
				wantPage(t, b.get(s.az(client, url.Values{"request_uri": {"urn:ietf:params:oauth:request_uri:x"}})))
			}
		}
		_, a := s.ask("CB", url.Values{"request": {unsigned}, "redirect_uri": {"https://evil.test/"}})
		wantPage(t, a)
	})
}
