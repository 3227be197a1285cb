package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// requirementsPrompt proves when somebody must sign in, choose or consent: OpenID Connect Core §3.1.2.1. The clock of each site
// moves by hand, so each rule has its own.
func requirementsPrompt(t *testing.T) {
	credentials := url.Values{"email": {"alice@example.com"}, "password": {password}}
	authTime := func(t *testing.T, s *site, client string, callback *url.URL) time.Time {
		t.Helper()
		a := s.exchange(client, callback, nil)
		wantOK(t, a)
		seconds, _ := s.verified(a.text(t, "id_token"))["auth_time"].(float64)
		return time.Unix(int64(seconds), 0).UTC()
	}

	alone(t, "OI-05 prompt=none shows nothing", func(t *testing.T, s *site) {
		b := s.browser()
		none := url.Values{"prompt": {"none"}}
		for _, client := range []string{"CB", "TR"} {
			address := s.az(client, none)
			wantRedirectError(t, s, address, b.get(address), "login_required")
		}
		b.signIn("U1")
		address := s.az("CB", none)
		wantRedirectError(t, s, address, b.get(address), "consent_required")
		address = s.az("TR", none)
		wantCode(t, s, address, b.get(address))
		b.walk(s.az("CB", nil), "U1")
		address = s.az("CB", none)
		wantCode(t, s, address, b.get(address))
		for _, more := range []string{"none login", "consent none", "none none", "none select_account"} {
			address = s.az("CB", url.Values{"prompt": {more}})
			wantRedirectError(t, s, address, b.get(address), "invalid_request")
		}
		s.pass(time.Minute)
		address = s.az("TR", url.Values{"prompt": {"none"}, "max_age": {"30"}})
		wantRedirectError(t, s, address, b.get(address), "login_required")
		wantPage(t, b.get(s.az("TR", url.Values{"prompt": {"none"}, "redirect_uri": {"https://evil.test/"}})))
	})

	alone(t, "OI-06 prompt=login wants the password now, and nothing older will do", func(t *testing.T, s *site) {
		b := s.browser()
		b.walk(s.az("CB", nil), "U1")
		s.pass(time.Minute)
		before := s.clock.Wall()
		address := s.az("CB", url.Values{"prompt": {"login"}})
		a := b.get(address)
		wantSignIn(t, s, a)
		location := a.header.Get("Location")
		page := b.get(location)
		for range 3 { // the session of before, reloads and the back button do not help
			if again := b.get(location); again.status != http.StatusOK {
				t.Fatalf("the sign-in page: %d %q", again.status, again.header.Get("Location"))
			}
			wantSignIn(t, s, b.get(address))
		}
		if a := b.submit(page, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {"wrong"}}); a.status != http.StatusUnprocessableEntity {
			t.Fatalf("a wrong password: %d", a.status)
		}
		if a := b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid", "read"}}); a.header.Get("Location") != "" && a.status == http.StatusSeeOther {
			wantSignIn(t, s, a)
		}
		s.pass(time.Second)
		a = b.submit(page, s.issuer+"/login", credentials)
		wantCode(t, s, address, a)
		callback, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if got := authTime(t, s, "CB", callback); got.Before(before) {
			t.Errorf("auth_time is %s, before the request of %s", got, before)
		}
		// The form of then, sent again, answers nothing new.
		s.pass(time.Second)
		wantPage(t, b.submit(page, s.issuer+"/login", credentials))
		address = s.az("CB", url.Values{"prompt": {"login"}})
		wantSignIn(t, s, b.get(address))
	})

	alone(t, "OI-06 prompt=consent shows the consent page, and prompt=select_account asks who goes on", func(t *testing.T, s *site) {
		b := s.browser()
		b.walk(s.az("CB", nil), "U1")
		s.pass(time.Second)
		for _, client := range []string{"CB", "TR"} {
			wantConsent(t, s, b.get(s.az(client, url.Values{"prompt": {"consent"}})))
		}
		address := s.az("CB", url.Values{"prompt": {"select_account"}})
		a := b.get(address)
		wantSignIn(t, s, a)
		page := b.get(a.header.Get("Location"))
		if page.status != http.StatusOK {
			t.Fatalf("the page that asks: %d", page.status)
		}
		wantSignIn(t, s, b.get(s.az("TR", url.Values{"prompt": {"select_account"}})))
		wantCode(t, s, address, b.submit(page, s.issuer+"/login/continue", url.Values{"decision": {"continue"}}))
		// Somebody else instead.
		address = s.az("CB", url.Values{"prompt": {"select_account"}})
		page = b.get(b.get(address).header.Get("Location"))
		other := b.submit(page, s.issuer+"/login/continue", url.Values{"decision": {"other"}})
		s.pass(time.Second)
		login := b.get(other.header.Get("Location"))
		a = b.submit(login, s.issuer+"/login", url.Values{"email": {"bob@example.com"}, "password": {password}})
		wantConsent(t, s, a)
		consent := b.get(a.header.Get("Location"))
		a = b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid", "read"}})
		callback, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.verified(s.exchange("CB", callback, nil).text(t, "id_token"))["sub"]; got != s.person["U2"].ID {
			t.Errorf("sub is %v, want Bob's", got)
		}
	})

	alone(t, "OI-07 max_age bounds how old a sign-in may be", func(t *testing.T, s *site) {
		b := s.browser()
		b.walk(s.az("CB", nil), "U1")
		signedIn := s.clock.Wall().Truncate(time.Second)
		s.pass(2 * time.Second)
		address := s.az("CB", url.Values{"max_age": {"10000"}})
		a := b.get(address)
		wantCode(t, s, address, a)
		callback, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if got := authTime(t, s, "CB", callback); !got.Equal(signedIn) {
			t.Errorf("auth_time is %s, want %s", got, signedIn)
		}
		for _, age := range []string{"1", "0", "2"} {
			wantSignIn(t, s, b.get(s.az("CB", url.Values{"max_age": {age}})))
		}
		address = s.az("CB", url.Values{"max_age": {"1"}})
		page := b.get(b.get(address).header.Get("Location"))
		s.pass(5 * time.Second)
		wantCode(t, s, address, b.submit(page, s.issuer+"/login", credentials))
		for _, age := range []string{"-1", "x", "1.5", "NaN", "1e3", "99999999999999999999", " 1", "0x10"} {
			address, a := s.ask("CB", url.Values{"max_age": {age}})
			wantRedirectError(t, s, address, a, "invalid_request")
		}
	})

	alone(t, "OI-09 a hint names who must be signed in, however old it is", func(t *testing.T, s *site) {
		bobs := s.browser()
		hintBob := s.exchange("CB", bobs.walk(s.az("CB", nil), "U2"), nil).text(t, "id_token")
		hintAlice := s.grant("CB", "openid").text(t, "id_token")
		s.pass(48 * time.Hour) // expired
		b := s.alice()
		for _, client := range []string{"TR"} {
			address := s.az(client, url.Values{"prompt": {"none"}, "id_token_hint": {hintAlice}})
			wantCode(t, s, address, b.get(address))
			address = s.az(client, url.Values{"prompt": {"none"}, "id_token_hint": {hintBob}})
			wantRedirectError(t, s, address, b.get(address), "login_required")
		}
		wantSignIn(t, s, b.get(s.az("TR", url.Values{"id_token_hint": {hintBob}})))
		address := s.az("TR", url.Values{"id_token_hint": {hintBob}})
		page := b.get(b.get(address).header.Get("Location"))
		s.pass(time.Second)
		wantRedirectError(t, s, address, b.submit(page, s.issuer+"/login", credentials), "login_required") // Alice is not Bob
		for what, forged := range forgeries(t, s, hintAlice) {
			if what == "another type" {
				continue // the type of an ID token is JWT, so that changes its signature only
			}
			address := s.az("TR", url.Values{"id_token_hint": {forged}})
			wantRedirectError(t, s, address, b.get(address), "invalid_request")
		}
		address = s.az("TR", url.Values{"id_token_hint": {"garbage"}})
		wantRedirectError(t, s, address, b.get(address), "invalid_request")
	})

	alone(t, "OI-13 without offline_access there is a refresh token by the client's policy", func(t *testing.T, s *site) {
		online := s.tokens("CB", url.Values{"scope": {"openid read"}})
		wantOK(t, s.refresh("CB", online.text(t, "refresh_token")))
		address, a := s.ask("CB", url.Values{"scope": {"openid offline_access"}, "response_type": {"token"}})
		wantRedirectError(t, s, address, a, "unsupported_response_type")
		offline := s.tokens("CB", url.Values{"scope": {"openid offline_access"}, "prompt": {"consent"}})
		if offline.text(t, "scope") != "openid offline_access" || offline.text(t, "refresh_token") == "" {
			t.Errorf("%s", offline.body)
		}
	})
}
