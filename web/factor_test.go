package web_test

import (
	"context"
	"encoding/base32"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/settings"
)

// totpApp is the app of a person: it knows the secret and shows codes by the site's clock.
type totpApp struct {
	*site
	secret string
}

// code is what the app shows so many steps from now.
func (a totpApp) code(steps int) string {
	a.t.Helper()
	code, err := totp.GenerateCode(a.secret, a.clock.Wall().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		a.t.Fatal(err)
	}
	return code
}

var totpSecret = regexp.MustCompile(`<code id="totp-secret">([^<]+)</code>`)

// scan reads the secret that a page shows.
func (s *site) scan(page answer) totpApp {
	s.t.Helper()
	m := totpSecret.FindStringSubmatch(page.body)
	if m == nil {
		s.t.Fatalf("no secret on the page: %d %s", page.status, page.body)
	}
	return totpApp{s, strings.ToUpper(strings.ReplaceAll(m[1], " ", ""))}
}

var recoveryList = regexp.MustCompile(`(?s)<pre class="recovery-codes"[^>]*>(.*?)</pre>`)

func recoveryCodes(page answer) []string {
	m := recoveryList.FindStringSubmatch(page.body)
	if m == nil {
		return nil
	}
	return strings.Fields(m[1])
}

// enrolApp sets an authenticator app up for a person of the fixtures, in the past, so that its codes of now are unused.
func (s *site) enrolApp(person string) totpApp {
	s.t.Helper()
	p, err := s.people.Find(context.Background(), s.person[person].ID)
	if err != nil {
		s.t.Fatal(err)
	}
	past := s.clock.Wall().Add(-10 * time.Minute)
	app, err := s.people.NewTOTP(p, []byte("browser"), "test", past)
	if err != nil {
		s.t.Fatal(err)
	}
	code, err := totp.GenerateCode(app.Secret, past)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, _, err := s.people.EnrolTOTP(context.Background(), account.Session{PersonID: p.ID, AMR: []string{"pwd"}}, []byte("browser"), app.Sealed, code, by, past); err != nil {
		s.t.Fatal(err)
	}
	return totpApp{s, app.Secret}
}

// password posts the sign-in form of a page for a person and gives what it is answered with.
func (b *browser) password(page answer, person string, more ...url.Values) answer {
	b.t.Helper()
	form := url.Values{"email": {b.person[person].Email}, "password": {password}}
	for _, m := range more {
		for k, v := range m {
			form[k] = v
		}
	}
	return b.submit(page, b.issuer+"/login", form)
}

// wantStep checks that a sign-in goes on with another factor, and gives its page.
func (b *browser) wantStep(a answer, path string) answer {
	b.t.Helper()
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), path+"?") {
		b.t.Fatalf("%d to %q, not to %s: %s", a.status, a.header.Get("Location"), path, a.body)
	}
	if c := b.cookieOf(a, "_session"); c != nil {
		b.t.Fatal("a session began with one factor")
	}
	return b.get(a.header.Get("Location"))
}

// cookieOf gives the cookie of that kind that an answer sets.
func (b *browser) cookieOf(a answer, kind string) *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if strings.HasSuffix(c.Name, kind) {
			return c
		}
	}
	return nil
}

func (b *browser) second(page answer, code string) answer {
	b.t.Helper()
	return b.submit(page, b.issuer+"/login/second", url.Values{"code": {code}})
}

// setSecondFactor changes who has to show two factors.
func (s *site) setSecondFactor(rule settings.SecondFactor) {
	s.t.Helper()
	now, err := s.db.SiteSettings(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	now.SecondFactor = rule
	if _, err := settings.Save(context.Background(), s.db, now, settings.LogoChange{}, s.clock.Wall(), by); err != nil {
		s.t.Fatal(err)
	}
}

func TestWEB_35_NoSessionBeginsBeforeTheSecondFactor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U1")
	b := s.browser()
	login := b.get(s.issuer + "/login?return=/account")

	page := b.wantStep(b.password(login, "U1"), "/login/second")

	for _, path := range []string{"/account/security", "/confirm", "/account/security/totp"} {
		if a := b.get(s.issuer + path); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/login") {
			t.Errorf("%s after the password alone: %d", path, a.status)
		}
	}
	for what, code := range map[string]string{"empty": "", "words": "let me in", "five digits": "12345", "a wrong recovery code": "aaaa-aaaa-aaaa-aaaa"} {
		if a := b.second(page, code); a.status != http.StatusUnprocessableEntity || b.cookieOf(a, "_session") != nil || !strings.Contains(a.body, `id="code-error"`) {
			t.Errorf("%s: %d", what, a.status)
		}
	}
	a := b.second(page, app.code(0))
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/account" || b.cookieOf(a, "_session") == nil {
		t.Fatalf("the right code: %d %s %s", a.status, a.header.Get("Location"), a.body)
	}
	if a := b.get(s.issuer + "/account/security"); a.status != http.StatusOK {
		t.Errorf("signed in: %d", a.status)
	}
	// The step is over: repeating it begins nothing, and leads whoever has finished it to where they belong.
	if again := b.second(page, app.code(1)); again.status != http.StatusSeeOther || again.header.Get("Location") != "/account" || b.cookieOf(again, "_session") != nil {
		t.Errorf("the same step again: %d %s", again.status, again.header.Get("Location"))
	}
	b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
	if again := b.second(page, app.code(1)); again.status != http.StatusUnprocessableEntity || !strings.Contains(again.body, "had expired") || b.cookieOf(again, "_session") != nil {
		t.Errorf("the same step after signing out: %d", again.status)
	}
}

func TestWEB_35_StepsBelongToTheirBrowserAndTime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U1")
	b, thief := s.browser(), s.browser()
	signIn := func() (string, answer) {
		a := b.password(b.get(s.issuer+"/login?switch=1"), "U1")
		return a.header.Get("Location"), b.wantStep(a, "/login/second")
	}
	over := func(what string, a answer) {
		t.Helper()
		if b.cookieOf(a, "_session") != nil || !strings.Contains(a.body, `name="password"`) {
			t.Errorf("%s: %d %s", what, a.status, a.header.Get("Location"))
		}
	}

	address, page := signIn()
	over("another browser looks", thief.get(s.issuer+address))
	u, _ := url.Parse(address)
	over("another browser posts", thief.submit(thief.get(s.issuer+"/login"), s.issuer+"/login/second", url.Values{"step": {u.Query().Get("step")}, "code": {app.code(0)}}))
	over("a step that nobody has", b.submit(page, s.issuer+"/login/second", url.Values{"step": {"AAAA"}, "code": {app.code(0)}}))
	over("no step", b.submit(page, s.issuer+"/login/second", url.Values{"step": {""}, "code": {app.code(0)}}))
	if a := b.submit(page, s.issuer+"/login/enrol", url.Values{"code": {app.code(0)}, "enrolment": {"x"}}); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/login/second?") {
		t.Errorf("adding another app in place of showing the one that there is: %d %s", a.status, a.header.Get("Location"))
	}

	s.clock.jump(10*time.Minute - time.Second)
	if a := b.get(s.issuer + address); a.status != http.StatusOK || !strings.Contains(a.body, `name="code"`) {
		t.Errorf("after 9:59: %d", a.status)
	}
	s.clock.jump(time.Second)
	over("after ten minutes", b.second(page, app.code(0)))

	for what, ends := range map[string]func() error{
		"disabled": func() error { return s.people.Disable(context.Background(), s.person["U1"].ID, by, s.clock.Wall()) },
		"password set": func() error {
			return s.people.SetPassword(context.Background(), s.person["U1"].ID, password, by, s.clock.Wall())
		},
		"sessions end": func() error {
			_, err := s.people.EndOtherSessions(context.Background(), s.person["U1"].ID, "", by, s.clock.Wall())
			return err
		},
		"expired": func() error {
			return s.people.ExpirePassword(context.Background(), s.person["U1"].ID, by, s.clock.Wall())
		},
		"factors reset": func() error {
			return s.people.ResetFactors(context.Background(), s.person["U1"].ID, by, s.clock.Wall())
		},
	} {
		_, page := signIn()
		if err := ends(); err != nil {
			t.Fatal(err)
		}
		s.clock.jump(30 * time.Second)
		over(what, b.second(page, app.code(0)))
		switch what {
		case "disabled":
			if err := s.people.Enable(context.Background(), s.person["U1"].ID, by, s.clock.Wall()); err != nil {
				t.Fatal(err)
			}
		case "expired":
			if err := s.people.SetPassword(context.Background(), s.person["U1"].ID, password, by, s.clock.Wall()); err != nil {
				t.Fatal(err)
			}
		case "factors reset":
			app = s.enrolApp("U1")
		}
		s.clock.jump(30 * time.Second)
	}
}

func TestAZ_19_SecondFactorsInSeveralTabsKeepTheirAuthorizations(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U1")
	b := s.browser()
	first, second := s.az("TR", url.Values{"state": {"one"}}), s.az("TR", url.Values{"state": {"two"}, "nonce": {"other"}})
	tabOne := b.wantStep(b.password(b.get(b.get(first).header.Get("Location")), "U1"), "/login/second")
	tabTwo := b.wantStep(b.password(b.get(b.get(second).header.Get("Location")), "U1"), "/login/second")
	own := b.wantStep(b.password(b.get(s.issuer+"/login?return=/account/security"), "U1"), "/login/second")

	if a := b.second(tabOne, "000000"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Client TR") {
		t.Errorf("a wrong code forgets what it is for: %d", a.status)
	}
	wantCode(t, s, second, b.second(tabTwo, app.code(0)))
	wantCode(t, s, first, b.second(tabOne, app.code(1)))
	s.clock.jump(time.Minute)
	if a := b.second(own, app.code(0)); a.header.Get("Location") != "/account/security" {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
}

func TestWEB_37_ACodeOfTheAppIsGoodOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U1")
	b := s.browser()
	step := func() answer {
		return b.wantStep(b.password(b.get(s.issuer+"/login?switch=1"), "U1"), "/login/second")
	}
	code := app.code(0)
	if a := b.second(step(), code); a.status != http.StatusSeeOther {
		t.Fatalf("%d", a.status)
	}
	for what, replayed := range map[string]string{"the same code": code, "the step before": app.code(-1)} {
		if a := b.second(step(), replayed); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "used before") {
			t.Errorf("%s: %d", what, a.status)
		}
	}
	if a := b.second(step(), app.code(2)); a.status != http.StatusUnprocessableEntity {
		t.Errorf("two steps ahead: %d", a.status)
	}
	if a := b.second(step(), app.code(1)); a.status != http.StatusSeeOther {
		t.Errorf("the next step: %d", a.status)
	}
	s.clock.jump(5 * time.Minute)
	if a := b.second(step(), app.code(-2)); a.status != http.StatusUnprocessableEntity {
		t.Errorf("two steps back: %d", a.status)
	}
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(app.secret); err != nil || len(raw) != 20 {
		t.Errorf("the secret has %d bytes, %v", len(raw), err)
	}
}

func TestWEB_37_CodesAreTriedFiveTimesInFiveMinutesAndNotByStrangersAgainstTheOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	app := s.enrolApp("U1")
	own, thief := s.browser(), s.browser()
	step := func(b *browser) answer {
		return b.wantStep(b.password(b.get(s.issuer+"/login?switch=1"), "U1"), "/login/second")
	}
	if a := own.second(step(own), app.code(0)); a.status != http.StatusSeeOther { // a device of the person from now on
		t.Fatalf("%d", a.status)
	}
	s.clock.jump(time.Minute)
	page := step(thief)
	for i := range 5 {
		if a := thief.second(page, "000000"); a.status != http.StatusUnprocessableEntity {
			t.Fatalf("guess %d: %d", i+1, a.status)
		}
	}
	a := thief.second(page, app.code(0))
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || thief.cookieOf(a, "_session") != nil {
		t.Errorf("the sixth guess, right: %d", a.status)
	}
	s.clock.jump(4*time.Minute + 58*time.Second)
	if a := thief.second(step(thief), app.code(0)); a.status != http.StatusTooManyRequests {
		t.Errorf("another step, before five minutes are over: %d", a.status)
	}
	if a := own.second(step(own), app.code(0)); a.status != http.StatusSeeOther {
		t.Errorf("the owner's own device must wait for the stranger: %d %s", a.status, a.body)
	}
}

func TestWEB_38_RecoveryCodesStandInOnceAndAreShownOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	page := b.get("/account/security/totp")
	app := s.scan(page)
	if a := b.submit(page, "/account/security/totp", url.Values{"code": {"000000"}}); a.status != http.StatusUnprocessableEntity || s.scan(a).secret != app.secret {
		t.Fatalf("a wrong first code: %d, or the secret is another one", a.status)
	}
	before := b.get("/account/security")
	if strings.Contains(before.body, "recovery") {
		t.Error("recovery codes are offered before there is a factor")
	}

	a := b.submit(page, "/account/security/totp", url.Values{"code": {app.code(0)}})

	codes := recoveryCodes(a)
	if a.status != http.StatusOK || len(codes) != 10 {
		t.Fatalf("%d, %d codes: %s", a.status, len(codes), a.body)
	}
	_, file, _ := strings.Cut(a.body, `href="data:text/plain;charset=utf-8,`)
	file, _, _ = strings.Cut(file, `"`)
	text, err := url.PathUnescape(html.UnescapeString(file))
	for _, code := range codes {
		if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.ReplaceAll(code, "-", ""))); err != nil || len(raw) < 8 {
			t.Errorf("%s has less than 64 bit", code)
		}
		if err != nil || !strings.Contains(text, code) {
			t.Errorf("the file lacks %s: %v", code, err)
		}
	}
	if again := b.submit(page, "/account/security/totp", url.Values{"code": {app.code(1)}}); recoveryCodes(again) != nil {
		t.Error("the codes are shown twice")
	}
	if a := b.get("/account/security"); !strings.Contains(a.body, "10 codes are left") {
		t.Errorf("%d", a.status)
	}
	signIn := func(code string) answer {
		other := s.browser()
		return other.second(other.wantStep(other.password(other.get(s.issuer+"/login"), "U1"), "/login/second"), code)
	}
	if a := signIn(strings.ToUpper(strings.ReplaceAll(codes[0], "-", " "))); a.status != http.StatusSeeOther {
		t.Errorf("a recovery code, typed otherwise: %d", a.status)
	}
	if a := signIn(codes[0]); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the same one again: %d", a.status)
	}
	if a := b.get("/account/security"); !strings.Contains(a.body, "9 codes are left") {
		t.Error("the code was not used up")
	}
	fresh := recoveryCodes(b.submit(b.get("/account/security/recovery"), "/account/security/recovery", nil))
	if len(fresh) != 10 {
		t.Fatalf("%d new codes", len(fresh))
	}
	if made := s.events("U1", audit.RecoveryCodesMade); len(made) != 2 || !strings.Contains(made[0].Detail, "replaced=true") || !strings.Contains(made[1].Detail, "replaced=false") {
		t.Errorf("WEB-34: the mail about new codes follows the log, which says %+v", made)
	}
	if a := signIn(codes[1]); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an old code after new ones were made: %d", a.status)
	}
	if a := signIn(fresh[0]); a.status != http.StatusSeeOther {
		t.Errorf("a new code: %d", a.status)
	}
}
