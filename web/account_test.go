package web_test

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
)

func TestWEB_43_EverybodySeesTheirOwnAccountAndNobodyElses(t *testing.T) {
	s := newSite(t, siteOptions{issuer: "https://as.test/t1"})
	root, alice, stranger := s.admin(t), &adminBrowser{s.browser()}, &adminBrowser{s.browser()}
	alice.signIn("U1")

	for _, path := range []string{"/account", "/account/security", "/account/nothing/here"} {
		if a := stranger.get(path); a.status != 303 || a.header.Get("Location") != "/t1/login?return="+url.QueryEscape(path) {
			t.Errorf("stranger, %s: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
	if a := alice.get("/account/nothing/here"); a.status != 404 {
		t.Errorf("a page that is not there: %d", a.status)
	}
	if a := alice.get("/account/security"); a.status != 200 || !strings.Contains(a.body, "alice@example.com") || strings.Contains(a.body, `href="/t1/admin"`) {
		t.Errorf("a person: %d %s", a.status, a.body)
	}
	if a := root.get("/account/security"); a.status != 200 || !strings.Contains(a.body, `href="/t1/admin"`) {
		t.Errorf("an admin does not get back to the dashboard: %d", a.status)
	}
	if a := root.get("/admin"); !strings.Contains(a.body, `href="/t1/account"`) {
		t.Errorf("the dashboard does not lead to the account: %d", a.status)
	}
}

func TestWEB_40_AProofForOnesOwnAccountLeadsBackThere(t *testing.T) {
	s := newSite(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	before := alice.cookie("_session")
	page := alice.get("/confirm?return=" + url.QueryEscape("/account/security/password"))

	wrong := alice.submit(page, s.issuer+"/confirm", url.Values{"password": {"wrong-wrong-wrong"}})
	a := alice.submit(page, s.issuer+"/confirm", url.Values{"password": {password}})

	if wrong.status != 422 {
		t.Errorf("a wrong password: %d", wrong.status)
	}
	if a.status != 303 || a.header.Get("Location") != "/account/security/password" {
		t.Errorf("%d to %s", a.status, a.header.Get("Location"))
	}
	if after := alice.cookie("_session"); after == before || after == "" {
		t.Error("WEB-26: the session has the same token")
	}
	for _, to := range []string{"/admin", "https://evil.test/account", "/confirm"} {
		page := alice.get("/confirm?return=" + url.QueryEscape(to))
		if a := alice.submit(page, s.issuer+"/confirm", url.Values{"password": {password}}); a.header.Get("Location") != "/account" {
			t.Errorf("return %s leads to %s", to, a.header.Get("Location"))
		}
	}
}

// passwordForm is what somebody types to change their password.
func passwordForm(current, chosen string, endOthers bool) url.Values {
	form := url.Values{"current": {current}, "password": {chosen}}
	if endOthers {
		form.Set("end_others", "on")
	}
	return form
}

func TestWEB_34_APasswordIsChangedForTheCurrentOne(t *testing.T) {
	s := newSite(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	const address = "/account/security/password"
	page := alice.get(address)
	if !strings.Contains(page.body, `name="end_others" type="checkbox" checked`) {
		t.Errorf("T24: ending the others is not on: %s", page.body)
	}
	before := alice.cookie("_session")
	s.clock.jump(time.Minute)

	for name, c := range map[string]struct {
		form url.Values
		says string
	}{
		"a wrong current password":   {passwordForm("wrong-wrong-wrong", otherPassword, true), "not your password"},
		"no current password":        {passwordForm("", otherPassword, true), "sign in with now"},
		"a short one (WEB-30)":       {passwordForm(password, "short", true), "characters"},
		"a guessable one (WEB-31)":   {passwordForm(password, "alice.example.com", true), "guess"},
		"no other one":               {passwordForm(password, "", true), "characters"},
		"one of 257 characters":      {passwordForm(password, strings.Repeat("ab", 129), true), "characters"},
		"a wrong one and a poor one": {passwordForm("wrong-wrong-wrong", "short", false), "characters"},
	} {
		if a := alice.post(address, c.form); a.status != 422 || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := alice.post(address, passwordForm("wrong-wrong-wrong", otherPassword, false)); strings.Contains(a.body, `name="end_others" type="checkbox" checked`) {
		t.Error("what was chosen is lost")
	}
	a := alice.post(address, passwordForm(password, otherPassword, true))

	if a.status != 303 || a.header.Get("Location") != "/account/security" {
		t.Fatalf("%d to %s: %s", a.status, a.header.Get("Location"), a.body)
	}
	if a := alice.follow(a); a.status != 200 || !strings.Contains(a.body, "Your password is changed") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if after := alice.cookie("_session"); after == before || after == "" {
		t.Error("WEB-26: the session has the same token")
	}
	old := &adminBrowser{s.browser()}
	if a := old.submit(old.get("/login"), s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}}); a.status != 422 {
		t.Errorf("the old password: %d", a.status)
	}
	if a := old.submit(old.get("/login"), s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {otherPassword}}); a.status != 303 {
		t.Errorf("the new password: %d", a.status)
	}
}

func TestT24_AChangeOfPasswordEndsTheOthersIfThatIsTicked(t *testing.T) {
	for name, ends := range map[string]bool{"ticked": true, "not ticked": false} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			alice, elsewhere := &adminBrowser{s.browser()}, &adminBrowser{s.browser()}
			alice.signIn("U1")
			elsewhere.signIn("U1")
			here := s.redeem("CB", alice.walk(s.az("CB", url.Values{"scope": {"openid read offline_access"}}), "U1"))
			there := s.redeem("CB", elsewhere.walk(s.az("CB", url.Values{"scope": {"openid read offline_access"}, "prompt": {"consent"}}), "U1"))
			s.clock.jump(time.Second)

			if a := alice.post("/account/security/password", passwordForm(password, otherPassword, ends)); a.status != 303 {
				t.Fatalf("%d %s", a.status, a.body)
			}

			if a := elsewhere.get("/account/security"); (a.status == 303) != ends {
				t.Errorf("the other browser: %d", a.status)
			}
			if a := alice.get("/account/security"); a.status != 200 {
				t.Errorf("this browser: %d", a.status)
			}
			if a := s.refresh("CB", there.text(t, "refresh_token")); (a.status == 400 && a.text(t, "error") == "invalid_grant") != ends {
				t.Errorf("the application elsewhere: %d %s", a.status, a.body)
			}
			if s.active("RS", there.text(t, "access_token")) == ends {
				t.Error("the access token elsewhere")
			}
			if a := s.refresh("CB", here.text(t, "refresh_token")); a.status != 200 {
				t.Errorf("the application here: %d %s", a.status, a.body)
			}
		})
	}
}

func TestWEB_36_GuessesAtTheCurrentPasswordAreThrottled(t *testing.T) {
	s := newSite(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	const address = "/account/security/password"
	for range 5 {
		if a := alice.post(address, passwordForm("wrong-wrong-wrong", otherPassword, true)); a.status != 422 {
			t.Fatalf("%d", a.status)
		}
	}

	a := alice.post(address, passwordForm(password, otherPassword, true))

	if a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d", a.status)
	}
	other := &adminBrowser{s.browser()}
	other.signIn("U1") // guesses in a stolen session do not keep the owner out
}

func TestAPersonWithoutAPasswordGetsOneForAProof(t *testing.T) {
	s := newSite(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	s.exec("UPDATE people SET password_hash = '' WHERE email = 'alice@example.com'") // as for somebody who signs in with passkeys only
	const address = "/account/security/password"
	if a := alice.get("/account/security"); !strings.Contains(a.body, "You have no password") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.clock.jump(5 * time.Minute)
	if a := alice.post(address, passwordForm("", otherPassword, true)); a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/confirm?return=") {
		t.Errorf("without a proof: %d %s", a.status, a.body)
	}
	if a := alice.get(address); a.status != 303 {
		t.Errorf("without a proof: %d", a.status)
	}
	s.clock.step(-time.Minute)

	if a := alice.get(address); a.status != 200 || strings.Contains(a.body, `name="current"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := alice.post(address, passwordForm("", otherPassword, true)); a.status != 303 || a.header.Get("Location") != "/account/security" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := alice.post(address, passwordForm("", "another-password-of-hers", true)); a.status != 422 {
		t.Errorf("once there is one, it is asked for: %d", a.status)
	}
}

// exec changes what no page changes.
func (s *site) exec(statement string) {
	s.t.Helper()
	q, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		s.t.Fatal(err)
	}
	defer q.Close()
	if _, err := q.Exec(statement); err != nil {
		s.t.Fatal(err)
	}
}

func TestTheActivitySaysWhatWasWrongAtASignIn(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	for result, want := range map[string]string{
		"wrong password": "with a wrong password", "wrong code": "a wrong code", "passkey refused": "A passkey was not accepted", "disabled": "while your account was switched off",
	} {
		if err := s.db.Audit(t.Context(), audit.Event{At: s.clock.Wall(), Kind: audit.SignInFailed, PersonID: s.person["U1"].ID, Result: result}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(alice.get("/account/activity").body, want); n != 1 {
			t.Errorf("%s: %q %d times", result, want, n)
		}
	}
	for reason, want := range map[string]string{"factor": "a second factor was removed", "access_lost": "no access to it any more"} {
		if err := s.db.Audit(t.Context(), audit.Event{At: s.clock.Wall(), Kind: audit.GrantRevoked, PersonID: s.person["U1"].ID, ClientID: "CB", Result: reason}); err != nil {
			t.Fatal(err)
		}
		if a := alice.get("/account/activity"); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s", reason, a.body)
		}
	}
}
