package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/oauth"
)

// askedSecond signs in with the password alone, and gives the page that asks for a second factor.
func (b *browser) askedSecond(person string) answer {
	b.t.Helper()
	in := b.submit(b.get("/login?switch=1"), b.issuer+"/login", url.Values{"email": {b.person[person].Email}, "password": {password}})
	if in.status != http.StatusSeeOther || !strings.HasPrefix(in.header.Get("Location"), "/login/second?") {
		b.t.Fatalf("the password alone: %d to %s", in.status, in.header.Get("Location"))
	}
	return b.get(in.header.Get("Location"))
}

// showAt answers the question of a page at an address.
func (b *browser) showAt(page answer, address, credential string, more url.Values) answer {
	b.t.Helper()
	more.Set("credential", credential)
	return b.submit(page, address, more)
}

func (s *site) onlySession(person string) account.Session {
	s.t.Helper()
	sessions, err := s.people.Sessions(context.Background(), s.person[person].ID, s.clock.Wall())
	if err != nil || len(sessions) != 1 {
		s.t.Fatalf("%d sessions, %v", len(sessions), err)
	}
	return sessions[0]
}

func TestWEB_39_APasskeyIsTheSecondFactorAfterThePassword(t *testing.T) {
	s := newSite(t)
	a, stranger, b := s.authenticator(), s.authenticator(), s.browser()
	a.verifies = false
	s.enrol(a, "U1")
	s.enrol(stranger, "U2")
	page := b.askedSecond("U1")
	if options := s.optionsOf(page); !strings.Contains(options, b64.EncodeToString(a.made[0].id)) || strings.Contains(options, b64.EncodeToString(stranger.made[0].id)) {
		t.Errorf("the page asks for %s", options)
	}

	refuse := func(name string, page answer, credential string) {
		t.Helper()
		refused := b.showAt(page, "/login/second", credential, url.Values{})
		if refused.status != http.StatusUnprocessableEntity || !strings.Contains(refused.body, "That passkey was not accepted") {
			t.Errorf("%s: %d %s", name, refused.status, refused.body)
		}
	}
	refuse("another person's passkey", page, stranger.show(s.optionsOf(page)))
	stranger.otherUser = s.person["U1"].ID
	refuse("another person's passkey that claims to be hers", page, stranger.show(s.optionsOf(page)))
	login := s.browser().get("/login")
	refuse("an answer to the sign-in page", answer{body: strings.Replace(page.body, ceremonyOf(page), ceremonyOf(login), 1)}, a.show(s.optionsOf(login)))
	other := b.askedSecond("U1")
	refuse("an answer to another sign-in's question", answer{body: strings.Replace(page.body, ceremonyOf(page), ceremonyOf(other), 1)}, a.show(s.optionsOf(other)))

	credential := a.show(s.optionsOf(page))
	in := b.showAt(page, "/login/second", credential, url.Values{})

	if in.status != http.StatusSeeOther {
		t.Fatalf("%d %s", in.status, in.body)
	}
	if session := s.onlySession("U1"); strings.Join(session.AMR, " ") != "pwd hwk mfa" || session.ACR != account.ACRTwoFactors {
		t.Errorf("OI-08: %v %s", session.AMR, session.ACR)
	}
	if again := b.showAt(page, "/login/second", credential, url.Values{}); again.status == http.StatusUnprocessableEntity && strings.Contains(again.body, "/login/second") {
		t.Errorf("WEB-35: a finished sign-in is asked for a factor again: %s", again.body)
	}
}

func TestWEB_40_APasskeyConfirmsWhoSomebodyIs(t *testing.T) {
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	s.enrol(a, "U1")
	login := b.get("/login")
	b.showPasskey(login, a.show(s.optionsOf(login)))
	asked := func() answer {
		t.Helper()
		s.clock.jump(6 * time.Minute)
		to := b.get(passkeysPath + "/new")
		if !strings.Contains(to.header.Get("Location"), "/confirm?") {
			t.Fatalf("an old proof: %d to %s", to.status, to.header.Get("Location"))
		}
		page := b.get(to.header.Get("Location"))
		return answer{body: b.formOf(page, "/confirm")}
	}

	page := asked()
	credential := a.show(s.optionsOf(page))
	if in := b.showAt(page, "/confirm", credential, url.Values{}); in.header.Get("Location") != passkeysPath+"/new" {
		t.Fatalf("%d to %s: %s", in.status, in.header.Get("Location"), in.body)
	}
	if b.get(passkeysPath+"/new").status != http.StatusOK {
		t.Error("the proof does not count")
	}
	if again := b.showAt(page, "/confirm", credential, url.Values{}); again.status != http.StatusUnprocessableEntity {
		t.Errorf("a replay: %d to %s", again.status, again.header.Get("Location"))
	}

	a.verifies = false
	page = asked()
	alone := b.showAt(page, "/confirm", a.show(s.optionsOf(page)), url.Values{})
	if alone.status != http.StatusUnprocessableEntity || !strings.Contains(alone.body, "did not check that it is you") {
		t.Fatalf("a touch alone: %d %s", alone.status, alone.body)
	}
	page = answer{body: b.formOf(alone, "/confirm")}
	if wrong := b.showAt(page, "/confirm", a.show(s.optionsOf(page)), url.Values{"password": {"wrong-wrong-wrong"}}); wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a touch and a wrong password: %d", wrong.status)
	}
	if both := b.showAt(page, "/confirm", a.show(s.optionsOf(page)), url.Values{"password": {password}}); both.header.Get("Location") != passkeysPath+"/new" {
		t.Errorf("a touch and the password: %d %s", both.status, both.body)
	}
	if session := s.onlySession("U1"); strings.Join(session.AMR, " ") != "pwd hwk mfa" {
		t.Errorf("OI-08: %v", session.AMR)
	}
}

func TestOI_08_AClientThatNeedsTwoFactorsIsSatisfiedByAPasskey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	b.signIn("U1") // before there is a passkey
	s.enrol(a, "U1")
	s.change("TR", func(c *oauth.Client) { c.SecondFactor = true })
	before := b.cookie("_session")
	page := b.get(b.get(s.az("TR", nil)).header.Get("Location"))
	if page.status != http.StatusOK || strings.Contains(page.body, `type="password"`) {
		t.Fatalf("%d %s", page.status, page.body)
	}
	other := b.get(b.get(s.az("TR", url.Values{"nonce": {"other"}})).header.Get("Location"))
	foreign := answer{body: strings.Replace(page.body, ceremonyOf(page), ceremonyOf(other), 1)}
	if refused := b.showAt(foreign, "/login/step-up", a.show(s.optionsOf(other)), url.Values{}); refused.status != http.StatusUnprocessableEntity || !strings.Contains(refused.body, "That passkey was not accepted") {
		t.Errorf("an answer for another authorization: %d %s", refused.status, refused.body)
	}
	if session := s.onlySession("U1"); session.ACR != account.ACRSingleFactor {
		t.Errorf("a refused passkey counts: %v", session.AMR)
	}

	credential := a.show(s.optionsOf(page))
	in := b.showAt(page, "/login/step-up", credential, url.Values{})

	if in.status != http.StatusSeeOther || b.cookie("_session") == before {
		t.Fatalf("WEB-26: %d, or the session has the same token: %s", in.status, in.body)
	}
	if claims := s.claimsOf("TR", b.get(in.header.Get("Location"))); claims["acr"] != account.ACRTwoFactors || methods(claims) != "pwd hwk mfa" {
		t.Errorf("%v %v", claims["acr"], claims["amr"])
	}
	if again := b.showAt(page, "/login/step-up", credential, url.Values{}); again.status == http.StatusSeeOther && strings.Contains(again.header.Get("Location"), "code=") {
		t.Errorf("a replay leads on: %s", again.header.Get("Location"))
	}
}

func TestWEB_34_WhoHasASecondFactorShowsItBeforeTheirPasswordChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.authenticator(), &adminBrowser{s.browser()}
	b.signIn("U1") // with the password alone, a moment ago
	k := s.enrol(a, "U1")
	const address = "/account/security/password"
	asked := func(what string, got answer, path string) {
		t.Helper()
		if got.status != http.StatusSeeOther || got.header.Get("Location") != "/confirm?return="+url.QueryEscape(path) {
			t.Errorf("%s: %d to %s", what, got.status, got.header.Get("Location"))
		}
	}
	asked("the form", b.get(address), address)
	asked("after a report", b.get(address+"?after=report"), address+"?after=report")
	asked("the change", b.post(address, passwordForm(password, otherPassword, true)), address)
	for _, path := range []string{
		passkeysPath + "/new", passkeysPath + "/" + k.ID + "/remove", "/account/security/totp", "/account/security/totp/remove", "/account/security/recovery",
		"/account/email", "/account/profile/delete",
	} {
		asked("GET "+path, b.get(path), path)
		asked("POST "+path, b.post(path, url.Values{"confirm": {"alice@example.com"}, "email": {"alice@other.example"}}), path)
	}
	s.browser().askedSecond("U1") // the password is as it was

	page := b.get("/confirm?return=" + url.QueryEscape(address))
	proven := b.showAt(answer{body: b.formOf(page, "/confirm")}, "/confirm", a.show(s.optionsOf(page)), url.Values{})

	if proven.header.Get("Location") != address {
		t.Fatalf("%d %s", proven.status, proven.body)
	}
	if form := b.get(address); form.status != http.StatusOK || !strings.Contains(form.body, `name="current"`) {
		t.Errorf("the current password is not asked for: %d", form.status)
	}
	if wrong := b.post(address, passwordForm("wrong-wrong-wrong", otherPassword, true)); wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a passkey and a wrong password: %d", wrong.status)
	}
	if changed := b.post(address, passwordForm(password, otherPassword, true)); changed.status != http.StatusSeeOther || changed.header.Get("Location") != "/account/security" {
		t.Errorf("%d %s", changed.status, changed.body)
	}
}

func TestWEB_36_APasskeyThatChecksNobodyGivesBackNoGuessAtThePassword(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	s.enrol(a, "U1")
	login := b.get("/login")
	b.showPasskey(login, a.show(s.optionsOf(login))) // a device of the person's from now on
	s.clock.jump(6 * time.Minute)
	a.verifies = false
	page := answer{body: b.formOf(b.get("/confirm?return="+passkeysPath+"/new"), "/confirm")}
	with := func(password string) int {
		return b.showAt(page, "/confirm", a.show(s.optionsOf(page)), url.Values{"password": {password}}).status
	}
	fresh := func() {
		t.Helper()
		page = answer{body: b.formOf(b.get("/confirm?return="+passkeysPath+"/new"), "/confirm")}
	}

	for i := range 5 {
		if got := with("wrong-wrong-wrong"); got != http.StatusUnprocessableEntity {
			t.Fatalf("guess %d: %d", i+1, got)
		}
		fresh()
	}
	if got := with(password); got != http.StatusTooManyRequests {
		t.Errorf("the sixth guess, right: %d", got)
	}
	s.clock.jump(2 * time.Second)
	fresh()
	if got := with(password); got != http.StatusSeeOther {
		t.Errorf("after the wait: %d", got)
	}
}
