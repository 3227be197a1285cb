package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/app/settings"
)

// enrolStep sets an authenticator app up in a sign-in that asks for one, and gives the app and the answer.
func (b *browser) enrolStep(page answer) (totpApp, answer) {
	b.t.Helper()
	app := b.scan(page)
	return app, b.submit(appForm(page), b.issuer+"/login/enrol", url.Values{"code": {app.code(0)}})
}

// appForm leaves a page with the form of the authenticator app, which comes after that of a passkey.
func appForm(page answer) answer {
	_, page.body, _ = strings.Cut(page.body, "</passkey-button>")
	return page
}

func TestWEB_35_WhoMustHaveASecondFactorAddsItBeforeAnySessionBegins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.setSecondFactor(settings.SecondFactorEveryone)
	b := s.browser()
	address := s.az("TR", nil)
	page := b.wantStep(b.password(b.get(b.get(address).header.Get("Location")), "U1"), "/login/enrol")
	if a := b.get(s.issuer + "/account/security"); a.status != http.StatusSeeOther {
		t.Errorf("before the factor was added: %d", a.status)
	}
	for _, code := range []string{"", "000000"} {
		if a := b.submit(appForm(page), s.issuer+"/login/enrol", url.Values{"code": {code}}); a.status != http.StatusUnprocessableEntity || s.scan(a).secret != s.scan(page).secret {
			t.Errorf("code %q: %d, or the secret is another one", code, a.status)
		}
	}
	if a := b.second(page, s.scan(page).code(0)); b.cookieOf(a, "_session") != nil {
		t.Error("an app that was not added lets in")
	}

	app, a := b.enrolStep(page)

	if a.status != http.StatusOK || len(recoveryCodes(a)) != 10 || b.cookieOf(a, "_session") == nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if again := b.submit(appForm(page), s.issuer+"/login/enrol", url.Values{"code": {app.code(1)}}); again.status != http.StatusSeeOther || recoveryCodes(again) != nil {
		t.Errorf("the same step again: %d", again.status)
	}
	if again := s.browser(); !strings.HasPrefix(again.password(again.get(s.issuer+"/login"), "U1").header.Get("Location"), "/login/second?") {
		t.Error("the app is not asked for at the next sign-in")
	}
}

func TestWEB_35_ThePolicyCoversRolesRenewalsAndInvitations(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.admin(t)
	s.setSecondFactor(settings.SecondFactorAdmins)
	if b := s.browser(); b.cookieOf(b.password(b.get(s.issuer+"/login"), "U1"), "_session") == nil {
		t.Error("a person has to add a factor that admins need")
	}
	root := s.browser()
	form := url.Values{"email": {"root@example.com"}}
	root.wantStep(root.password(root.get(s.issuer+"/login"), "U1", form), "/login/enrol")

	s.setSecondFactor(settings.SecondFactorEveryone)
	if err := s.people.ExpirePassword(context.Background(), s.person["U1"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	alice := s.browser()
	renewal := alice.password(alice.get(s.issuer+"/login"), "U1")
	if renewal.status != http.StatusOK || !strings.Contains(renewal.body, "new-password") {
		t.Fatalf("an expired password: %d", renewal.status)
	}
	s.clock.jump(time.Second)
	alice.wantStep(alice.submit(renewal, s.issuer+"/login/password", url.Values{"password": {otherPassword}}), "/login/enrol")

	links := account.NewLinks(s.people, s.db, s.issuer)
	_, link, err := links.Invite(context.Background(), account.Invitation{Email: "new@example.com"}, by, s.clock.Wall())
	if err != nil {
		t.Fatal(err)
	}
	invited := s.browser()
	invited.wantStep(invited.submit(invited.get(link), link, url.Values{"name": {"New"}, "password": {password}}), "/login/enrol")
	if p, err := s.people.Find(context.Background(), "new@example.com"); err != nil || p.Name != "New" {
		t.Errorf("%v", err)
	}
}

func TestWEB_42_NeitherAResetNorARenewalSkipsTheSecondFactor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U1")
	links := account.NewLinks(s.people, s.db, s.issuer)
	_, link, err := links.ResetLink(context.Background(), s.person["U1"].ID, by, s.clock.Wall())
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	if a := b.submit(b.get(link), link, url.Values{"password": {otherPassword}}); a.status != http.StatusSeeOther || b.cookieOf(a, "_session") != nil {
		t.Fatalf("%d", a.status)
	}
	s.clock.jump(time.Second)
	page := b.wantStep(b.password(b.get(s.issuer+"/login"), "U1", url.Values{"password": {otherPassword}}), "/login/second")
	if a := b.second(page, app.code(0)); a.status != http.StatusSeeOther {
		t.Fatalf("%d", a.status)
	}

	// Whoever knows an expired password alone does not choose the next one.
	if err := s.people.ExpirePassword(context.Background(), s.person["U1"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	s.clock.jump(time.Minute)
	page = b.wantStep(b.password(b.get(s.issuer+"/login?return=/account/security"), "U1", url.Values{"password": {otherPassword}, "stay": {"on"}}), "/login/second")
	renewal := b.second(page, app.code(0))
	if renewal.status != http.StatusOK || !strings.Contains(renewal.body, "new-password") || b.cookieOf(renewal, "_session") != nil {
		t.Fatalf("%d %s", renewal.status, renewal.body)
	}
	s.clock.jump(time.Second)
	a := b.submit(renewal, s.issuer+"/login/password", url.Values{"password": {"lantern-gravel-orchid-47"}})
	session := b.cookieOf(a, "_session")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/account/security" || session == nil || session.MaxAge <= 0 {
		t.Fatalf("%d %s %v", a.status, a.header.Get("Location"), session)
	}
	sessions, err := s.people.Sessions(context.Background(), s.person["U1"].ID, s.clock.Wall())
	if err != nil || len(sessions) != 1 || sessions[0].ACR != account.ACRTwoFactors {
		t.Errorf("%+v %v", sessions, err)
	}
}

// claimsOf gives the ID token of a redirection with a code.
func (s *site) claimsOf(client string, a answer) map[string]any {
	s.t.Helper()
	callback, err := url.Parse(a.header.Get("Location"))
	if err != nil || callback.Query().Get("code") == "" {
		s.t.Fatalf("no code: %d %s", a.status, a.header.Get("Location"))
	}
	tokens := s.exchange(client, callback, nil)
	wantOK(s.t, tokens)
	return s.verified(tokens.text(s.t, "id_token"))
}

func methods(claims map[string]any) string {
	var amr []string
	list, _ := claims["amr"].([]any)
	for _, m := range list {
		amr = append(amr, m.(string))
	}
	return strings.Join(amr, " ")
}

func TestOI_08_AClientThatNeedsTwoFactorsStepsUpASessionThatHadOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signIn("U1") // before there is an app
	app := s.enrolApp("U1")
	if claims := s.claimsOf("TR", b.get(s.az("TR", nil))); claims["acr"] != account.ACRSingleFactor || methods(claims) != "pwd" {
		t.Fatalf("one factor: %v %v", claims["acr"], claims["amr"])
	}
	s.change("TR", func(c *oauth.Client) { c.SecondFactor = true })
	silent := s.az("TR", url.Values{"prompt": {"none"}})
	wantRedirectError(t, s, silent, b.get(silent), "login_required")
	s.pass(time.Minute)
	before := b.cookie("_session")
	address := s.az("TR", nil)
	page := b.get(b.get(address).header.Get("Location"))
	if page.status != http.StatusOK || !strings.Contains(page.body, `action="/login/step-up"`) || strings.Contains(page.body, `type="password"`) {
		t.Fatalf("%d %s", page.status, page.body)
	}
	for _, code := range []string{"", "000000"} {
		if a := b.submit(page, s.issuer+"/login/step-up", url.Values{"code": {code}}); a.status != http.StatusUnprocessableEntity {
			t.Errorf("code %q: %d", code, a.status)
		}
	}
	code := app.code(0)
	a := b.submit(page, s.issuer+"/login/step-up", url.Values{"code": {code}})
	if after := b.cookie("_session"); after == before {
		t.Error("WEB-26: the session has the same token")
	}
	claims := s.claimsOf("TR", b.get(a.header.Get("Location")))
	if claims["acr"] != account.ACRTwoFactors || methods(claims) != "pwd otp mfa" {
		t.Errorf("two factors: %v %v", claims["acr"], claims["amr"])
	}
	// The password is as old as it was: a code alone satisfies neither prompt=login nor max_age (OI-06), nor is it a proof (WEB-40).
	wantSignIn(t, s, b.get(s.az("TR", url.Values{"max_age": {"30"}})))
	wantSignIn(t, s, b.get(s.az("TR", url.Values{"prompt": {"login"}})))
	s.pass(5 * time.Minute)
	if a := b.get("/account/security/totp/remove"); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/confirm?") {
		t.Errorf("%d", a.status)
	}
	other := s.browser()
	step := other.wantStep(other.password(other.get(other.get(address).header.Get("Location")), "U1"), "/login/second")
	if a := other.second(step, code); a.status != http.StatusUnprocessableEntity {
		t.Errorf("WEB-37: the code of the step-up, again: %d", a.status)
	}
}

func TestOI_08_AClientThatNeedsTwoFactorsLeadsThroughAddingOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.change("TR", func(c *oauth.Client) { c.SecondFactor = true })
	b := s.browser()
	b.signIn("U1")
	address := s.az("TR", nil)
	login := b.get(b.get(address).header.Get("Location"))
	if login.status != http.StatusOK || !strings.Contains(login.body, "asks for two factors") {
		t.Fatalf("%d %s", login.status, login.body)
	}
	s.pass(time.Second)
	_, codes := b.enrolStep(b.wantStep(b.password(login, "U1"), "/login/enrol"))
	_, next, found := strings.Cut(codes.body, `<a href="/login?request=`)
	next, _, _ = strings.Cut(next, `"`)
	if !found {
		t.Fatalf("the codes lead nowhere: %s", codes.body)
	}
	if claims := s.claimsOf("TR", b.get("/login?request="+next)); claims["acr"] != account.ACRTwoFactors || methods(claims) != "pwd otp mfa" {
		t.Errorf("%v %v", claims["acr"], claims["amr"])
	}
	// Nobody else is asked to.
	other := s.browser()
	other.signIn("U2")
	if claims := s.claimsOf("CB", other.walkTo(s.az("CB", nil))); claims["acr"] != account.ACRSingleFactor {
		t.Errorf("another client: %v", claims["acr"])
	}
}

// walkTo goes through the consent of whoever is signed in.
func (b *browser) walkTo(address string) answer {
	b.t.Helper()
	consent := b.get(b.get(address).header.Get("Location"))
	return b.submit(consent, b.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid", "read"}})
}

func TestOI_08_AskedForClassesAreMetOrRefusedAndNeverPretended(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	essential := func(acr string) url.Values {
		return url.Values{"claims": {`{"id_token":{"acr":{"essential":true,"value":"` + acr + `"}}}`}}
	}
	voluntary := url.Values{"acr_values": {account.ACRTwoFactors}}
	b := s.browser()
	b.signIn("U1")
	address := s.az("TR", essential(account.ACRTwoFactors))
	wantRedirectError(t, s, address, b.get(address), "unmet_authentication_requirements")
	address = s.az("TR", essential("urn:example:gold"))
	wantRedirectError(t, s, address, b.get(address), "unmet_authentication_requirements")
	if claims := s.claimsOf("TR", b.get(s.az("TR", voluntary))); claims["acr"] != account.ACRSingleFactor {
		t.Errorf("voluntary, without a second factor: %v", claims["acr"])
	}

	app := s.enrolApp("U1")
	if claims := s.claimsOf("TR", b.get(s.az("TR", url.Values{"acr_values": {account.ACRTwoFactors}, "prompt": {"none"}}))); claims["acr"] != account.ACRSingleFactor {
		t.Errorf("voluntary with prompt=none: %v", claims["acr"])
	}
	for _, asked := range []url.Values{voluntary, essential(account.ACRTwoFactors)} {
		page := b.get(b.get(s.az("TR", asked)).header.Get("Location"))
		if !strings.Contains(page.body, `action="/login/step-up"`) {
			t.Fatalf("%v: %d", asked, page.status)
		}
	}
	page := b.get(b.get(s.az("TR", essential(account.ACRTwoFactors))).header.Get("Location"))
	a := b.submit(page, s.issuer+"/login/step-up", url.Values{"code": {app.code(0)}})
	if claims := s.claimsOf("TR", b.get(a.header.Get("Location"))); claims["acr"] != account.ACRTwoFactors {
		t.Errorf("stepped up: %v", claims["acr"])
	}
	if claims := s.claimsOf("TR", b.get(s.az("TR", essential(account.ACRSingleFactor)))); claims["acr"] != account.ACRSingleFactor {
		t.Errorf("essential one factor, with two shown: %v", claims["acr"])
	}
	if account.ACRSingleFactor != oauth.ACRSingleFactor || account.ACRTwoFactors != oauth.ACRTwoFactors {
		t.Error("the classes of sign-ins are not those that clients may ask for")
	}
}

func TestWEB_40_AWeakerFactorThanTheStrongestIsNoProof(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signIn("U1") // with the password alone, a moment ago
	remove := "/account/security/totp/remove"
	app := s.enrolApp("U1")
	ask := b.get(remove)
	if ask.status != http.StatusSeeOther || ask.header.Get("Location") != "/confirm?return="+url.QueryEscape(remove) {
		t.Fatalf("%d %s", ask.status, ask.header.Get("Location"))
	}
	page := b.get(ask.header.Get("Location"))
	before := b.cookie("_session")
	for what, form := range map[string]url.Values{
		"password alone": {"password": {password}}, "code alone": {"code": {app.code(0)}},
		"wrong code": {"password": {password}, "code": {"000000"}}, "wrong password": {"password": {"wrong-wrong-wrong"}, "code": {app.code(0)}},
	} {
		if a := b.submit(page, s.issuer+"/confirm", form); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", what, a.status)
		}
	}
	if a := b.get(remove); a.status != http.StatusSeeOther {
		t.Fatalf("%d", a.status)
	}
	a := b.submit(page, s.issuer+"/confirm", url.Values{"password": {password}, "code": {app.code(0)}})
	if a.status != http.StatusSeeOther || a.header.Get("Location") != remove || b.cookie("_session") == before {
		t.Fatalf("%d %s %s", a.status, a.header.Get("Location"), a.body)
	}
	if a := b.get(remove); a.status != http.StatusOK {
		t.Errorf("after the proof: %d", a.status)
	}
}

func TestT25_RemovingTheAppEndsAllButTheSessionInWhichItIsDone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U1")
	here, elsewhere := s.browser(), s.browser()
	for i, b := range []*browser{here, elsewhere} {
		step := b.wantStep(b.password(b.get(s.issuer+"/login"), "U1"), "/login/second")
		if a := b.second(step, app.code(i)); a.status != http.StatusSeeOther {
			t.Fatalf("%d", a.status)
		}
	}
	family := func(b *browser) string {
		callback, err := url.Parse(b.get(s.az("TR", url.Values{"scope": {"openid offline_access read"}})).header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		tokens := s.exchange("TR", callback, nil)
		wantOK(t, tokens)
		return tokens.text(t, "refresh_token")
	}
	mine, theirs := family(here), family(elsewhere)

	a := here.submit(here.get("/account/security/totp/remove"), "/account/security/totp/remove", url.Values{})

	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/account/security" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for what, token := range map[string]string{"here": mine, "elsewhere": theirs} {
		if a := s.post("/token", "TR", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}); a.status != http.StatusBadRequest || a.text(t, "error") != "invalid_grant" {
			t.Errorf("a grant from %s: %d %s", what, a.status, a.body)
		}
	}
	if a := here.get("/account/security"); a.status != http.StatusOK {
		t.Errorf("the browser in which it was done: %d", a.status)
	}
	if a := elsewhere.get("/account/security"); a.status != http.StatusSeeOther {
		t.Errorf("a browser elsewhere: %d", a.status)
	}
	if f, err := s.people.Factors(context.Background(), s.person["U1"].ID); err != nil || f != (account.Factors{}) {
		t.Errorf("%+v %v", f, err)
	}
}

func TestT25_AResetByAnAdminEndsEverything(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U1")
	b, root := s.browser(), s.admin(t)
	step := b.wantStep(b.password(b.get(s.issuer+"/login"), "U1"), "/login/second")
	b.second(step, app.code(0))
	callback, _ := url.Parse(b.get(s.az("TR", url.Values{"scope": {"openid offline_access read"}})).header.Get("Location"))
	tokens := s.exchange("TR", callback, nil)
	wantOK(t, tokens)
	address := "/admin/people/" + s.person["U1"].ID
	if page := root.get(address); !strings.Contains(page.body, "Authenticator app, 10 recovery codes") || !strings.Contains(page.body, address+"/reset-factors") {
		t.Fatalf("the page does not say which factors there are: %d", page.status)
	}

	a := root.submit(root.get(address+"/reset-factors"), s.issuer+address+"/reset-factors", nil)

	if a.status != http.StatusSeeOther || a.header.Get("Location") != address {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := s.post("/token", "TR", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.text(t, "refresh_token")}}); a.status != http.StatusBadRequest || a.text(t, "error") != "invalid_grant" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.get("/account/security"); a.status != http.StatusSeeOther {
		t.Errorf("the session: %d", a.status)
	}
	s.clock.jump(time.Second)
	b.signIn("U1") // with the password alone
	err := s.people.ResetFactors(context.Background(), s.person["U1"].ID, audit.Origin{Actor: audit.ByCommand}, s.clock.Wall())
	if !errors.Is(err, account.ErrUnchanged) {
		t.Errorf("a second reset: %v", err)
	}
}

func TestWEB_27_StayingSignedInIsAChoice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U2")
	s.admin(t)
	stays, leaves, second, adm := s.browser(), s.browser(), s.browser(), s.browser()
	on := url.Values{"stay": {"on"}}
	cookie := stays.cookieOf(stays.password(stays.get(s.issuer+"/login"), "U1", on), "_session")
	if cookie == nil || cookie.MaxAge != 30*24*3600 {
		t.Errorf("ticked: %v", cookie)
	}
	cookie = leaves.cookieOf(leaves.password(leaves.get(s.issuer+"/login"), "U1"), "_session")
	if cookie == nil || cookie.MaxAge != 0 || !cookie.Expires.IsZero() {
		t.Errorf("unticked: %v", cookie)
	}
	step := second.wantStep(second.password(second.get(s.issuer+"/login"), "U2", on), "/login/second")
	if cookie = second.cookieOf(second.second(step, app.code(0)), "_session"); cookie == nil || cookie.MaxAge != 30*24*3600 {
		t.Errorf("ticked, after a second factor: %v", cookie)
	}
	cookie = adm.cookieOf(adm.password(adm.get(s.issuer+"/login"), "U1", url.Values{"stay": {"on"}, "email": {"root@example.com"}}), "_session")
	if cookie == nil || cookie.MaxAge != 0 {
		t.Errorf("ticked by an admin: %v", cookie)
	}
	s.clock.jump(31 * time.Minute)
	if a := adm.get("/admin"); a.status != http.StatusSeeOther {
		t.Errorf("an admin after half an hour: %d", a.status)
	}
	s.clock.jump(12 * time.Hour)
	if a := leaves.get("/account/security"); a.status != http.StatusSeeOther {
		t.Errorf("unticked, after half a day without use: %d", a.status)
	}
	s.clock.jump(17 * 24 * time.Hour)
	if a := stays.get("/account/security"); a.status != http.StatusOK {
		t.Errorf("ticked, after 17 days without use: %d", a.status)
	}
	s.clock.jump(13 * 24 * time.Hour)
	if a := stays.get("/account/security"); a.status != http.StatusSeeOther {
		t.Errorf("ticked, after 30 days: %d", a.status)
	}
}
