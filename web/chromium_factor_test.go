package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/settings"
)

// scanned reads the secret of an authenticator app from the page.
func (b *tab) scanned(s *site) totpApp {
	b.t.Helper()
	return totpApp{s, strings.ToUpper(strings.ReplaceAll(b.evaluate("document.querySelector('#totp-secret').textContent"), " ", ""))}
}

// TestChromiumSignsInWithTwoFactors adds an authenticator app, keeps the recovery codes, signs in with it and proves with it who one
// is; and is made to add one where everybody must.
func TestChromiumSignsInWithTwoFactors(t *testing.T) {
	chromium := startChromium(t)
	s := front(t, nil)
	axe := axe(t)
	b := openTabFor(t, chromium, 8*time.Minute)

	b.open(s.issuer + "/login?return=/account/security")
	b.lookAt(axe, "/login-stay")
	b.signIn("alice@example.com", password)
	b.arrive(s.issuer+"/account/security", "h1")
	b.lookAt(axe, "/account-security-without")
	b.open(s.issuer + "/account/security/totp")
	app := b.scanned(s)
	b.lookAt(axe, "/account-totp")
	b.fill("code", "000000")
	b.click("main button[type=submit]")
	b.arrive(s.issuer+"/account/security/totp", "#code-error")
	if focus := b.evaluate("document.activeElement.id"); focus != "code" {
		t.Errorf("focus is at %q", focus)
	}
	b.lookAt(axe, "/account-totp-refused")
	b.fill("code", app.code(0))
	b.click("main button[type=submit]")
	b.arrive(s.issuer+"/account/security/totp", "#recovery-codes")
	b.lookAt(axe, "/recovery-codes")
	codes := strings.Fields(b.evaluate("document.querySelector('#recovery-codes').textContent"))
	_, file, _ := strings.Cut(b.evaluate("document.querySelector('a[download]').getAttribute('href')"), ",")
	if text, err := url.PathUnescape(file); err != nil || len(codes) != 10 || !strings.Contains(text, codes[9]) {
		t.Errorf("%d codes, and the file has %q: %v", len(codes), text, err)
	}
	b.click("main a.wide")
	b.arrive(s.issuer+"/account/security", "h1")
	b.lookAt(axe, "/account-security-with")
	b.open(s.issuer + "/account/security/recovery")
	b.lookAt(axe, "/account-recovery")
	s.clock.jump(6 * time.Minute)
	b.open(s.issuer + "/account/security/totp/remove")
	b.arrive(s.issuer+"/confirm", "#code")
	b.lookAt(axe, "/confirm-second")
	b.fill("password", password, "code", app.code(0))
	b.click("main button[type=submit]")
	b.arrive(s.issuer+"/account/security/totp/remove", "button[data-variant=danger]")
	b.lookAt(axe, "/account-totp-remove")

	again := openTabFor(t, chromium, 8*time.Minute)
	again.open(s.issuer + "/login")
	again.signIn("alice@example.com", password)
	again.arrive(s.issuer+"/login/second", "#code")
	again.lookAt(axe, "/second")
	again.fill("code", "000000")
	again.click("main button[type=submit]")
	again.arrive(s.issuer+"/login/second", "#code-error")
	again.lookAt(axe, "/second-refused")
	again.fill("code", codes[0])
	again.click("main button[type=submit]")
	again.arrive(s.issuer+"/account", "h1")

	s.setSecondFactor(settings.SecondFactorEveryone)
	bob := openTabFor(t, chromium, 8*time.Minute)
	key := bob.virtualAuthenticator()
	bob.open(s.issuer + "/login")
	bob.signIn("bob@example.com", password)
	bob.arrive(s.issuer+"/login/enrol", "#code")
	bob.lookAt(axe, "/enrol")
	bob.fill("code", "000000")
	bob.click("form:not(.passkey) button[type=submit]")
	bob.arrive(s.issuer+"/login/enrol", "#code-error")
	key.touched(true)
	bob.click("passkey-button button")
	bob.arrive(s.issuer+"/login/enrol", "#recovery-codes")
	bob.click("main a.wide")
	bob.arrive(s.issuer+"/account", "h1")
}
