package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestNotYouOnTheConsentPageLeadsToTheSignInForm(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	consent := b.get(b.get(s.az("CB", nil)).header.Get("Location"))

	a := b.submit(consent, s.issuer+"/login/continue", url.Values{"decision": {"switch"}})
	form := b.get(a.header.Get("Location"))

	if form.status != http.StatusOK || !strings.Contains(form.body, `name="password"`) {
		t.Fatalf("%d, no sign-in form at %s", form.status, a.header.Get("Location"))
	}
	next := b.submit(form, s.issuer+"/login", url.Values{"email": {s.person["U2"].Email}, "password": {password}})
	if page := b.get(next.header.Get("Location")); !strings.Contains(page.body, s.person["U2"].Name) {
		t.Error("the consent page is not the second person's")
	}
}

func TestTheSignInFormAnswersWhatWasTyped(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	// Two tabs of a trusted client, whose requests end without a consent page.
	first, second := b.get(s.az("TR", nil)).header.Get("Location"), b.get(s.az("TR", nil)).header.Get("Location")
	form := b.get(second)
	b.submit(b.get(first), s.issuer+"/login", url.Values{"email": {s.person["U1"].Email}, "password": {password}})

	wrong := b.submit(form, s.issuer+"/login", url.Values{"email": {s.person["U2"].Email}, "password": {"not the password"}})
	if wrong.status != http.StatusUnprocessableEntity {
		t.Fatalf("AZ-19: a wrong password was answered with %d to %s", wrong.status, wrong.header.Get("Location"))
	}

	right := b.submit(form, s.issuer+"/login", url.Values{"email": {s.person["U2"].Email}, "password": {password}})
	callback, err := url.Parse(right.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	tokens := s.redeem("TR", callback)
	if sub := idToken(t, tokens)["sub"]; sub != s.person["U2"].ID {
		t.Errorf("the code is of %v, not of whom signed in", sub)
	}
}

func TestGEN04_OptionsDoesNothing(t *testing.T) {
	s := newSite(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")

	r := s.request("/token", "CB", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	r.Method = http.MethodOptions
	a := s.do(r)

	if a.status != http.StatusNoContent || a.header.Get("Allow") == "" || a.body != "" {
		t.Errorf("%d %q", a.status, a.body)
	}
}

func TestCA07_TheRightSecretIsWelcomeWhateverOthersAtTheAddressTried(t *testing.T) {
	s := newSite(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")
	for range 100 {
		r := s.request("/token", "CB", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})
		r.SetBasicAuth("CB", "wrong")
		s.do(r)
	}

	if a := s.refresh("CB", token); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}
