package main

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// From an admin's invitation to "This wasn't me": the binary serves and sends its mails, a person enrols a passkey and signs in
// without a password, an application is allowed, found under Apps and reported, and is out.
func TestAPersonEndsAnApplicationThatIsNotTheirs(t *testing.T) {
	person := newDemoTab(t)
	person.do(chromedp.EmulateViewport(1280, 900))
	mails := newSMTPServer(t, func(s *smtpServer) { s.user, s.password = "regrant", "velvet lantern" })
	t.Setenv("SSL_CERT_FILE", mails.cert)
	t.Setenv("REGRANT_SMTP_PASSWORD", "velvet lantern")
	listen, callbackAt, database := freeAddress(t), freeAddress(t), filepath.Join(t.TempDir(), "regrant.db")
	issuer, app := "http://"+strings.Replace(listen, "127.0.0.1", "localhost", 1), "http://"+callbackAt
	setup := startProgram(t, "", regexp.MustCompile(`http://\S+/setup/\S+`), "regrant", "serve", "--db", database, "--listen", listen,
		"--smtp-addr", mails.addr, "--smtp-user", "regrant", "--mail-from", "Acme <id@acme.example>")

	// The invitation arrives, and its link leads to a password.
	admin := newFormBrowser(t)
	admin.submit(setup, "/setup/", url.Values{"name": {"Ann"}, "email": {"ann@example.com"}, "password": {proofPassword}})
	admin.submit(issuer+"/admin/people/invite", "/admin/people/invite", url.Values{"email": {"dora@example.com"}, "name": {"Dora Dale"}, "role": {"person"}})
	link := regexp.MustCompile(`(?m)^http://\S+/invite/\S+$`).FindString(mails.text(t, "dora@example.com", "invit"))
	person.open(link)
	person.picture("people-01-invitation")
	person.fill("#password", proofPassword)
	person.click(`form[action*="/invite/"] button[type=submit]`)
	person.arrive(issuer + "/account")
	person.picture("people-02-no-apps")

	// A passkey, and a sign-in with nothing else.
	touched := person.authenticator()
	person.open(issuer + "/account/security")
	person.click(`main a[href$="/account/security/passkeys/new"]`)
	person.arrive(issuer + "/account/security/passkeys/new")
	person.picture("people-03-new-passkey")
	touched(true)
	person.click(`passkey-button button`)
	person.reach(`main:not(:has(passkey-button))`)
	touched(false)
	person.picture("people-04-passkey-added")
	person.open(issuer + "/account/security")
	person.reach(`main a[href*="/account/security/passkeys/"][href$="/remove"]`)
	person.picture("people-04-security")
	mails.text(t, "dora@example.com", "passkey")
	person.open(issuer + "/logout")
	person.click(`form[action$="/logout"] button[type=submit]`)
	person.reach(`main a[href$="/login"]`)

	// The application of the demo, which the person allows.
	id, secret := proofClient(t, database, app+"/callback")
	startProgram(t, secret, regexp.MustCompile(`Redirect URI +`+regexp.QuoteMeta(app+"/callback")), "regrant", "demo", "--server", issuer,
		"--client-id", id, "--client-secret-stdin", "--listen", callbackAt)
	person.open(app)
	person.await("The eight steps, before they happen")
	person.click(`.acts form[action$="/act/sign-in"] button`)
	person.reach(`passkey-button:not([hidden]) button`)
	person.picture("people-05-sign-in")
	touched(true)
	person.click(`passkey-button button`)
	person.reach(`button[name=decision][value=allow]`)
	person.allow()

	// It stands under Apps, and the person does not know it.
	person.open(issuer + "/account")
	person.awaitText("main", "Notes")
	person.picture("people-06-apps")
	person.click(`main a[href$="/report"]`)
	person.reach(`main form[action$="/report"] button[type=submit]`)
	person.picture("people-07-not-me")
	person.click(`form[action$="/report"] button[type=submit]`)
	person.arrive(issuer + "/account/security/password?after=report")
	person.picture("people-08-new-password")

	// The application is out for good, the person is told by mail, and the admin sees what it was.
	person.open(app)
	person.click(`.acts form[data-act="refresh"] button`)
	person.await("The sign-in is over")
	if said := person.text(`document.querySelector(".stage .sequence").innerText`); !strings.Contains(said, "invalid_grant") {
		t.Errorf("the application was told: %s", said)
	}
	person.picture("people-09-out")
	if told := mails.text(t, "dora@example.com", "Notes"); !strings.Contains(told, issuer) {
		t.Errorf("the mail: %s", told)
	}
	if page := admin.get(issuer + "/admin/grants?state=revoked"); !strings.Contains(page, "Dora Dale") {
		t.Error("the admin does not see it")
	}
}

// proofClient registers the application of the demo at the command line and gives its id and secret.
func proofClient(t *testing.T, database, redirectURI string) (id, secret string) {
	t.Helper()
	out, err := exec.Command("regrant", "client", "create", "--db", database, "--json", "--name", "Notes", "--redirect-uri", redirectURI,
		"--scope", "openid profile email offline_access", "--policy", "standard").Output()
	var client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err == nil {
		err = json.Unmarshal(out, &client)
	}
	if err != nil || client.Secret == "" {
		t.Fatalf("client create: %s %v", out, err)
	}
	return client.ID, client.Secret
}

// authenticator gives the browser one in software that verifies its user. It is touched when it asks once the function says so; the
// autofill of the sign-in page asks as soon as that is open.
func (b *demoTab) authenticator() (touched func(bool)) {
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
	touched = func(yes bool) {
		b.t.Helper()
		_, err := chromedp.Call(b.ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: made.AuthenticatorID, Enabled: yes})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	touched(false)
	return touched
}

// text waits for a mail to that address that speaks of something, and gives its plain text.
func (s *smtpServer) text(t *testing.T, to, about string) string {
	t.Helper()
	seen := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		all := s.received
		s.mu.Unlock()
		seen = ""
		for _, mail := range all {
			header, parts := mail.read(t)
			seen += mail.to + ": " + header.Get("Subject") + "\n"
			if mail.to == to && strings.Contains(strings.ToLower(parts["text/plain"]), strings.ToLower(about)) {
				return parts["text/plain"]
			}
		}
	}
	t.Fatalf("no mail to %s about %q among\n%s", to, about, seen)
	return ""
}
