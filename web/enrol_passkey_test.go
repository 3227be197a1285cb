package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/settings"
)

// enrolAsked signs in with the password, and gives the page that asks for a second factor to be added.
func (b *browser) enrolAsked(login answer, person string) answer {
	b.t.Helper()
	return b.wantStep(b.password(login, person), "/login/enrol")
}

func TestWEB_35_WhoMustHaveASecondFactorMayAddAPasskeyBeforeAnySessionBegins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.setSecondFactor(settings.SecondFactorEveryone)
	a, b := s.authenticator(), s.browser()
	page := b.enrolAsked(b.get(b.get(s.az("TR", nil)).header.Get("Location")), "U1")
	if !strings.Contains(page.body, "a passkey, which is") || strings.Index(page.body, "<passkey-button") > strings.Index(page.body, `id="totp-secret"`) {
		t.Fatalf("both are not offered, or the passkey is not the first: %s", page.body)
	}
	other := s.browser()
	foreign := other.enrolAsked(other.get("/login"), "U1")
	for what, credential := range map[string]func() (answer, string){
		"no JSON":            func() (answer, string) { return page, "{" },
		"another's question": func() (answer, string) { return page, a.make(s.optionsOf(foreign)) },
		"another's ceremony": func() (answer, string) {
			return answer{body: strings.ReplaceAll(page.body, ceremonyOf(page), ceremonyOf(foreign))}, a.make(s.optionsOf(foreign))
		},
	} {
		form, made := credential()
		refused := b.showAt(form, "/login/enrol", made, url.Values{})
		if refused.status != http.StatusUnprocessableEntity || !strings.Contains(refused.body, "The passkey was not added") || b.cookieOf(refused, "_session") != nil {
			t.Errorf("%s: %d %s", what, refused.status, refused.body)
		}
	}

	made := a.make(s.optionsOf(page))
	codes := b.showAt(page, "/login/enrol", made, url.Values{})

	if codes.status != http.StatusOK || len(recoveryCodes(codes)) != account.RecoveryCodes || b.cookieOf(codes, "_session") == nil {
		t.Fatalf("%d %s", codes.status, codes.body)
	}
	if session := s.onlySession("U1"); strings.Join(session.AMR, " ") != "pwd hwk mfa" || session.ACR != account.ACRTwoFactors {
		t.Errorf("OI-08: %v %s", session.AMR, session.ACR)
	}
	if k := s.onlyPasskey("U1"); k.Name == "" {
		t.Error("the passkey has no name")
	}
	kinds := map[audit.Kind]bool{}
	for _, e := range s.lastEvents("U1", 3) {
		kinds[e.Kind] = true
	}
	if !kinds[audit.SignInSucceeded] || !kinds[audit.FactorAdded] || !kinds[audit.RecoveryCodesMade] {
		t.Errorf("the log says %v", kinds)
	}
	_, next, _ := strings.Cut(codes.body, `<a href="/login?request=`)
	next, _, _ = strings.Cut(next, `"`)
	if claims := s.claimsOf("TR", b.get("/login?request="+next)); claims["acr"] != account.ACRTwoFactors || methods(claims) != "pwd hwk mfa" {
		t.Errorf("AZ-19: %v %v", claims["acr"], claims["amr"])
	}
	if again := b.showAt(page, "/login/enrol", made, url.Values{}); again.status != http.StatusSeeOther || recoveryCodes(again) != nil {
		t.Errorf("the same step again: %d", again.status)
	}
	if late := other.showAt(foreign, "/login/enrol", s.authenticator().make(s.optionsOf(foreign)), url.Values{}); !strings.HasPrefix(late.header.Get("Location"), "/login/second?") {
		t.Errorf("another passkey in another sign-in, in place of the one that there is: %d to %s", late.status, late.header.Get("Location"))
	}
	third := s.browser()
	second := third.askedSecond("U1")
	if in := third.showAt(second, "/login/second", a.show(s.optionsOf(second)), url.Values{}); in.status != http.StatusSeeOther {
		t.Errorf("the next sign-in: %d %s", in.status, in.body)
	}
}

func TestWEB_35_OfTwentyFirstPasskeysInOneSignInOneIsAdded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.setSecondFactor(settings.SecondFactorEveryone)
	b := s.browser()
	page := b.enrolAsked(b.get("/login"), "U1")
	forms := make([]url.Values, 20)
	for i := range forms {
		forms[i] = url.Values{"credential": {s.authenticator().make(s.optionsOf(page))}}
	}

	var mu sync.Mutex
	var all sync.WaitGroup
	begin, shown := make(chan struct{}), 0
	for _, form := range forms {
		all.Go(func() {
			<-begin
			a := b.submit(page, "/login/enrol", form)
			mu.Lock()
			defer mu.Unlock()
			if recoveryCodes(a) != nil {
				shown++
			}
		})
	}
	close(begin)
	all.Wait()

	f, err := s.people.Factors(context.Background(), s.person["U1"].ID)
	if err != nil || shown != 1 || f.Passkeys != 1 || f.RecoveryCodes != account.RecoveryCodes {
		t.Errorf("%d got recovery codes; %+v %v", shown, f, err)
	}
}

func TestWEB_38_APasskeyAsTheFirstSecondFactorBringsRecoveryCodes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	b.signIn("U1")

	codes := recoveryCodes(b.addPasskey(a, "Laptop"))

	if len(codes) != account.RecoveryCodes {
		t.Fatalf("%d codes", len(codes))
	}
	signIn := func(code string) answer {
		other := s.browser()
		return other.second(other.askedSecond("U1"), code)
	}
	if in := signIn(codes[0]); in.status != http.StatusSeeOther {
		t.Errorf("a recovery code: %d", in.status)
	}
	if in := signIn(codes[0]); in.status != http.StatusUnprocessableEntity {
		t.Errorf("the same one again: %d", in.status)
	}
	s.clock.jump(time.Minute)
	login := b.get("/login?switch=1")
	if in := b.showPasskey(login, a.show(s.optionsOf(login))); in.status != http.StatusSeeOther {
		t.Fatalf("%d %s", in.status, in.body)
	}
	if more := b.addPasskey(s.authenticator(), "Phone"); more.status != http.StatusSeeOther || recoveryCodes(more) != nil {
		t.Errorf("another passkey: %d", more.status)
	}
	if in := signIn(codes[1]); in.status != http.StatusSeeOther {
		t.Errorf("an old code after another passkey: %d", in.status)
	}
}
