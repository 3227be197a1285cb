package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestChromiumComesIn goes the ways by which people come in, from the first start on, and looks at each page of them: the first
// admin, an invited person, a link for a password, a password that has to be changed, and the proof before a dangerous act.
func TestChromiumComesIn(t *testing.T) {
	chromium := startChromium(t)
	s := front(t, nil)
	axe := axe(t)
	setup := s.setupLink()
	b := openTabFor(t, chromium, 8*time.Minute)

	b.open(s.issuer + "/")
	b.lookAt(axe, "/first-start")
	b.open(setup)
	b.lookAt(axe, "/setup")
	b.fill("name", "Rosa Root", "email", "root@example.com", "password", "rosarootrosaroot")
	if kind := b.evaluate("document.querySelector('[data-reveal]').click(); document.querySelector('#password').type"); kind != "text" {
		t.Errorf("the password is not revealed: %s", kind)
	}
	b.click("main button[type=submit]")
	b.arrive(setup, "#password-error")
	if focus, name := b.evaluate("document.activeElement.id"), b.evaluate("document.querySelector('#name').value"); focus != "password" || name != "Rosa Root" {
		t.Errorf("focus is at %q, the name is %q", focus, name)
	}
	b.lookAt(axe, "/setup-refused")
	b.fill("password", password)
	b.do(chromedp.KeyEvent("\r"))
	b.arrive(s.issuer+"/admin/welcome", "h1")
	b.lookAt(axe, "/welcome")

	b.open(s.issuer + "/admin/people/invite")
	b.fill("email", "carl@example.com", "name", "Carl")
	b.click("main button[type=submit]")
	b.arrive(s.issuer+"/admin/people/invite", "#link")
	invite := b.evaluate("document.querySelector('#link').textContent")
	b.lookAt(axe, "/invitation-made")
	b.open(invite)
	b.lookAt(axe, "/invitation-elsewhere") // while somebody else is signed in
	carl := openTabFor(t, chromium, 8*time.Minute)
	carl.open(invite)
	carl.fill("password", otherPassword)
	carl.click("main button[type=submit]")
	carl.arrive(s.issuer+"/account", "h1")
	carl.open(invite)
	carl.lookAt(axe, "/invitation-over")

	s.clock.jump(6 * time.Minute)
	id := s.personID("carl@example.com")
	b.open(s.issuer + "/admin/people/" + id + "/reset-link")
	b.arrive(s.issuer+"/confirm", "#password")
	b.lookAt(axe, "/admin-confirm")
	b.fill("password", password)
	b.click("main button[type=submit]")
	b.arrive(s.issuer+"/admin/people/"+id+"/reset-link", "form")
	b.click("main button[type=submit]")
	b.arrive(s.issuer+"/admin/people/", "#link")
	reset := b.evaluate("document.querySelector('#link').textContent")
	carl.open(reset)
	carl.lookAt(axe, "/reset")
	carl.fill("password", password)
	carl.click("main button[type=submit]")
	carl.arrive(s.issuer+"/reset", `a[href$="/login"]`)
	carl.lookAt(axe, "/reset-done")

	s.clock.jump(time.Second)
	b.open(s.issuer + "/admin/people/" + id + "/expire-password")
	b.click("main button[type=submit]")
	b.arrive(s.issuer+"/admin/people/"+id, "[role=status]")
	carl.open(s.issuer + "/login")
	carl.signIn("carl@example.com", password)
	carl.arrive(s.issuer+"/login", "[name=renewal]")
	carl.lookAt(axe, "/password-expired")
	carl.fill("password", otherPassword)
	carl.click("main button[type=submit]")
	carl.arrive(s.issuer+"/account", "h1")
	if !strings.Contains(carl.evaluate("document.body.textContent"), "carl") {
		t.Error("not signed in after the change")
	}
}
