package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/app/account"
)

func TestOI_10_PagesOfAnAuthorizationSpeakAsItsClientAsksUnlessThePersonHasChosen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	speaks := func(what string, page answer, language string) {
		t.Helper()
		if page.status >= 500 || !strings.Contains(page.body, `<html lang="`+language+`"`) {
			t.Errorf("%s: %d, not in %s: %.200s", what, page.status, language, page.body)
		}
	}
	for asked, language := range map[string]string{
		"de": "de", "fr-CA de-AT en": "de", "en de": "en", "": "en", "fr": "en", "de;q=0,en <script> \u00fc, ": "en", "-- de": "de",
		strings.Repeat("x-y ", 500) + "de": "en", strings.Repeat("\xff", 40): "en",
	} {
		b := s.browser()
		speaks("asked for "+asked, b.get(b.get(s.az("CB", url.Values{"ui_locales": {asked}})).header.Get("Location")), language)
	}

	s.enrolApp("U2")
	b := s.browser()
	address := s.az("CB", url.Values{"ui_locales": {"de"}})
	login := b.get(b.get(address).header.Get("Location"))
	speaks("another page of this browser", b.get("/login"), "en")
	speaks("a refusal", b.password(login, "U1", url.Values{"password": {"wrong-wrong-wrong"}}), "de")
	speaks("the second factor", b.wantStep(b.password(login, "U2"), "/login/second"), "de")
	in := b.password(login, "U1")
	if in.status != http.StatusSeeOther {
		t.Fatalf("%d %s", in.status, in.body)
	}
	speaks("the consent", b.get(in.header.Get("Location")), "de")
	speaks("what is no page of the authorization", b.get("/account/security"), "en")

	id := s.person["U1"].ID
	p, err := s.people.Find(context.Background(), id)
	if err == nil {
		err = s.people.ChangePreferences(context.Background(), id, account.Preferences{Name: p.Name, Language: "en", Version: p.Version}, by, s.clock.Wall())
	}
	if err != nil {
		t.Fatal(err)
	}
	speaks("the consent of who has chosen English", b.get(in.header.Get("Location")), "en")
}

func TestOI_10_ThePageAfterASignOutSpeaksAsTheOneBeforeIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	german := func(what string, page answer) answer {
		t.Helper()
		if page.status != http.StatusOK || !strings.Contains(page.body, `<html lang="de"`) {
			t.Errorf("%s: %d, not in German: %.200s", what, page.status, page.body)
		}
		return page
	}
	b, hint := s.leaving("gone")
	next := func(a answer) answer { return b.get(a.header.Get("Location")) }
	german("by an ID token", next(b.get(s.endSession(url.Values{"id_token_hint": {hint}, "ui_locales": {"de"}}))))
	b.signIn("U1")
	page := german("the question", b.get(s.endSession(url.Values{"ui_locales": {"de"}})))
	german("by a click", next(b.submit(page, s.issuer+"/logout", nil)))

	id := s.person["U1"].ID
	p, err := s.people.Find(context.Background(), id)
	if err == nil {
		err = s.people.ChangePreferences(context.Background(), id, account.Preferences{Name: p.Name, Language: "de", Version: p.Version}, by, s.clock.Wall())
	}
	if err != nil {
		t.Fatal(err)
	}
	b.signIn("U1")
	german("of who has chosen German", next(b.submit(b.get("/logout"), s.issuer+"/logout", nil)))
}
