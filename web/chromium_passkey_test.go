package web_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"regrant/app/account"
)

// virtualAuthenticator is the browser's own in software: it verifies its user, and touches itself when it is told to.
type virtualAuthenticator struct {
	*tab
	id webauthn.AuthenticatorID
}

func (b *tab) virtualAuthenticator() *virtualAuthenticator {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.t.Fatal(err)
	}
	made, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	a := &virtualAuthenticator{b, made.AuthenticatorID}
	a.touched(false)
	return a
}

// touched says whether somebody touches the authenticator when it asks.
func (a *virtualAuthenticator) touched(yes bool) {
	a.t.Helper()
	_, err := chromedp.Call(a.ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: a.id, Enabled: yes})
	if err != nil {
		a.t.Fatal(err)
	}
}

// forget makes the browser one that nobody is signed in with.
func (b *tab) forget() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		b.t.Fatal(err)
	}
}

// TestChromiumPasskey adds a passkey, signs in with it by the button and by the autofill, and is refused once it is removed.
func TestChromiumPasskey(t *testing.T) {
	chromium := startChromium(t)
	s := front(t, nil)
	axe := axe(t)
	b := openTab(t, chromium)
	a := b.virtualAuthenticator()

	b.open(s.issuer + "/login")
	b.signIn("alice@example.com", password)
	b.arrive(s.issuer+"/account", "h1")
	b.open(s.issuer + "/account/security")
	b.open(s.issuer + passkeysPath + "/new")
	if name := b.evaluate("document.querySelector('#name').value"); name != "Chrome on Linux" {
		t.Errorf("the name is %q", name)
	}
	b.lookAt(axe, "/passkey-add")
	a.touched(true)
	b.click("passkey-button button")
	b.arrive(s.issuer+passkeysPath+"/new", "#recovery-codes")
	b.click("main a.wide")
	b.arrive(s.issuer+"/account/security", ".devices h3")
	b.lookAt(axe, "/passkeys-one")

	// The password is not the strongest proof any more.
	a.touched(false)
	b.open(s.issuer + passkeysPath + "/new")
	b.arrive(s.issuer+"/confirm", "#code")
	b.reach("passkey-button button:focus")
	b.lookAt(axe, "/confirm-passkey")
	a.touched(true)
	b.click("passkey-button button")
	b.arrive(s.issuer+passkeysPath+"/new", "#name")
	b.click("passkey-button button")
	b.reach(`[data-error="InvalidStateError"]`)
	k := s.onlyPasskey("U1")
	b.open(s.issuer + passkeysPath + "/" + k.ID + "/remove")
	b.lookAt(axe, "/passkey-remove")

	a.touched(false)
	b.forget()
	b.open(s.issuer + "/login")
	b.lookAt(axe, "/login-passkey")
	a.touched(true)
	b.click("passkey-button button")
	b.arrive(s.issuer+"/account", "h1")

	b.forget()
	b.open(s.issuer + "/login")
	b.arrive(s.issuer+"/account", "h1") // by the autofill, which the virtual authenticator answers at once
	sessions, err := s.people.Sessions(context.Background(), s.person["U1"].ID, s.clock.Wall())
	how := map[string]int{}
	for _, session := range sessions {
		how[strings.Join(session.AMR, " ")]++
	}
	if err != nil || len(how) != 1 || how["hwk mfa"] != 3 {
		t.Errorf("OI-08: sessions by how somebody signed in: %v %v", how, err)
	}

	a.touched(false)
	b.forget()
	b.open(s.issuer + "/login")
	b.signIn("alice@example.com", password)
	b.arrive(s.issuer+"/login/second", "#code")
	b.lookAt(axe, "/second-passkey")
	a.touched(true)
	b.click("passkey-button button")
	b.arrive(s.issuer+"/account", "h1")
	a.touched(false)
	b.forget()
	if err := s.passkeys().Remove(context.Background(), account.PasskeyRemoval{PersonID: k.PersonID, PasskeyID: k.ID}, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	b.open(s.issuer + "/login")
	a.touched(true)
	b.click("passkey-button button")
	b.arrive(s.issuer+"/login/passkey", ".notice[data-variant=danger]")
	a.touched(false)
	b.lookAt(axe, "/login-passkey-refused")
}
