package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
)

const otherVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-other-verifier"

func requirementsPK(t *testing.T) {
	all := newSites(t)

	all.rule(t, "PK-01 every client sends a challenge", func(t *testing.T, s *site) {
		for _, client := range []string{"CB", "CP", "PN", "PW", "TR"} {
			address, a := s.ask(client, url.Values{"code_challenge": nil, "code_challenge_method": nil})
			wantRedirectError(t, s, address, a, "invalid_request")
		}
	})

	all.rule(t, "PK-02 S256 is the only method, and it must be named", func(t *testing.T, s *site) {
		for _, set := range []url.Values{
			{"code_challenge_method": {"plain"}}, {"code_challenge_method": nil}, {"code_challenge_method": {""}}, {"code_challenge_method": {"s256"}}, {"code_challenge_method": {"S512"}},
			{"code_challenge_method": {"plain"}, "code_challenge": {verifier}}, {"code_challenge": nil, "code_challenge_method": {"S256"}},
		} {
			address, a := s.ask("CB", set)
			wantRedirectError(t, s, address, a, "invalid_request")
		}
	})

	all.rule(t, "PK-03 challenge and verifier have their exact form", func(t *testing.T, s *site) {
		good := challenge(verifier)
		for _, c := range []string{good[:42], good + "A", good[:42] + "=", good[:41] + "+/", good[:42] + " ", good[:42] + "\u00e9", good[:42] + "~", strings.Repeat("A", 42) + "B", strings.Repeat("A", 128)} {
			address, a := s.ask("CB", url.Values{"code_challenge": {c}})
			wantRedirectError(t, s, address, a, "invalid_request")
		}
		for _, v := range []string{verifier[:42], strings.Repeat("a", 129), strings.Repeat("a", 42) + "+", strings.Repeat("a", 42) + "=", strings.Repeat("a", 42) + " ", strings.Repeat("a", 42) + "\u00e9"} {
			callback := s.code("CB", url.Values{"code_challenge": {challenge(v)}})
			wantError(t, s.exchange("CB", callback, url.Values{"code_verifier": {v}}), "invalid_grant")
		}
		for _, v := range []string{strings.Repeat("a", 43), strings.Repeat("~", 128), "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~0123456789-abcd"} {
			callback := s.code("CB", url.Values{"code_challenge": {challenge(v)}})
			wantOK(t, s.exchange("CB", callback, url.Values{"code_verifier": {v}}))
		}
	})

	all.rule(t, "PK-04 without its verifier a code gives nothing, and five tries are all", func(t *testing.T, s *site) {
		for _, set := range []url.Values{{"code_verifier": nil}, {"code_verifier": {""}}, {"code_verifier": {otherVerifier}}, {"code_verifier": {challenge(verifier)}}, {"code_verifier": {strings.ToUpper(verifier)}}, {"code_verifier": {verifier + "x"}}} {
			callback := s.code("CB", nil)
			wantError(t, s.exchange("CB", callback, set), "invalid_grant")
			wantOK(t, s.exchange("CB", callback, nil)) // kept
		}
		callback := s.code("CB", nil)
		for range 4 {
			wantError(t, s.exchange("CB", callback, url.Values{"code_verifier": {otherVerifier}}), "invalid_grant")
		}
		wantOK(t, s.exchange("CB", callback, nil))
		callback = s.code("CB", nil)
		for range 5 {
			wantError(t, s.exchange("CB", callback, url.Values{"code_verifier": {otherVerifier}}), "invalid_grant")
		}
		wantError(t, s.exchange("CB", callback, nil), "invalid_grant")
	})

	all.rule(t, "PK-05 a verifier without a challenge is a downgrade", func(t *testing.T, s *site) {
		s.register("WAIVED", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://waived.test/cb"}, PKCEWaived: true})
		waived := url.Values{"client_id": {"WAIVED"}, "redirect_uri": {"https://waived.test/cb"}, "code_challenge": nil, "code_challenge_method": nil}
		callback := s.code("CB", waived)
		wantError(t, s.exchange("WAIVED", callback, nil), "invalid_grant")
		wantError(t, s.exchange("WAIVED", callback, url.Values{"code_verifier": nil, "redirect_uri": nil}), "invalid_grant") // nothing proves where it went
		wantOK(t, s.exchange("WAIVED", callback, url.Values{"code_verifier": nil}))
		// A client that may leave it out is held to it when it does not.
		delete(waived, "code_challenge")
		delete(waived, "code_challenge_method")
		callback = s.code("CB", waived)
		wantError(t, s.exchange("WAIVED", callback, url.Values{"code_verifier": nil}), "invalid_grant")
		wantError(t, s.exchange("WAIVED", callback, url.Values{"code_verifier": {otherVerifier}}), "invalid_grant")
		wantOK(t, s.exchange("WAIVED", callback, nil))
		address, a := s.ask("CB", changed(url.Values{"code_challenge_method": {"plain"}}, waived))
		wantRedirectError(t, s, address, a, "invalid_request")
		public := oauth.Client{ID: "x", Name: "x", AuthMethod: oauth.AuthNone, RedirectURIs: []string{"https://x.test/cb"}, PKCEWaived: true}
		public.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
		if err := public.Validate(); err == nil {
			t.Error("a public client may leave PKCE out")
		}
	})

	alone(t, "PK-06 the verifier is checked on every way to a code", func(t *testing.T, s *site) {
		b := s.browser()
		ways := []struct {
			name, client string
			set          url.Values
		}{
			{"first consent", "CB", nil}, {"remembered consent", "CB", nil}, {"signing in again", "CB", url.Values{"prompt": {"login"}}}, {"asked again", "CB", url.Values{"prompt": {"consent"}}}, {"too old", "CB", url.Values{"max_age": {"0"}}},
			{"trusted", "TR", nil}, {"without prompt", "TR", url.Values{"prompt": {"none"}}}, {"public", "PN", nil},
		}
		for _, way := range ways {
			s.pass(time.Second) // the session becomes older than the request
			callback := b.walk(s.az(way.client, way.set), "U1")
			for _, set := range []url.Values{{"code_verifier": {otherVerifier}}, {"code_verifier": nil}} {
				if a := s.exchange(way.client, callback, set); a.status != 400 || a.text(t, "error") != "invalid_grant" {
					t.Errorf("%s: %d %s", way.name, a.status, a.body)
				}
			}
			wantOK(t, s.exchange(way.client, callback, nil))
		}
	}, ticking())

	all.rule(t, "PK-07 the challenge is echoed nowhere", func(t *testing.T, s *site) {
		b := s.browser()
		login := b.get(b.get(s.az("PN", nil)).header.Get("Location"))
		a := b.submit(login, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}})
		consent := b.get(a.header.Get("Location"))
		done := b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid"}})
		callback, err := url.Parse(done.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		tokens := s.exchange("PN", callback, nil)
		wantOK(t, tokens)
		for name, text := range map[string]string{"sign-in page": login.body, "step": a.header.Get("Location"), "consent page": consent.body, "response": callback.String(), "token response": tokens.body, "log": s.log.String()} {
			if strings.Contains(text, challenge(verifier)) || strings.Contains(text, verifier) {
				t.Errorf("%s tells it", name)
			}
		}
	})

	all.rule(t, "PK-08 both metadata documents name S256 alone", func(t *testing.T, s *site) {
		for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
			a := s.fetch("GET", s.issuer+path)
			if methods, _ := a.json(t, "code_challenge_methods_supported").([]any); len(methods) != 1 || methods[0] != "S256" {
				t.Errorf("%s: %v", path, methods)
			}
		}
	})
}
