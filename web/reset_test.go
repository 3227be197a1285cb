package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
)

const otherPassword = "quilt-harbour-velvet-18"

// linkOn finds the link that a page shows this once.
func linkOn(t testing.TB, page answer) string {
	t.Helper()
	i := strings.Index(page.body, "https://")
	for ; i >= 0 && !strings.Contains(page.body[i:min(len(page.body), i+200)], "/rgl1_"); i = next(page.body, i) {
	}
	if page.status != http.StatusOK || i < 0 {
		t.Fatalf("%d, no link in %s", page.status, page.body)
	}
	link, _, _ := strings.Cut(page.body[i:], "<")
	return link
}

func next(s string, i int) int {
	j := strings.Index(s[i+1:], "https://")
	if j < 0 {
		return -1
	}
	return i + 1 + j
}

func TestWEB_42_AResetLinkSetsAPasswordOnceAndEndsEverything(t *testing.T) {
	s := newSite(t)
	root, alice, stranger := s.admin(t), s.browser(), s.browser()
	alice.signIn("U1")
	token := s.grant("CB", "openid read offline_access").text(t, "refresh_token")
	id := s.person["U1"].ID
	s.clock.jump(time.Second)

	made := root.post("/admin/people/"+id+"/reset-link", nil)
	link := linkOn(t, made)
	if !strings.HasPrefix(link, s.issuer+"/reset/rgl1_") || made.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %v", link, made.header)
	}
	if a := root.get("/admin/people/" + id); strings.Contains(a.body, "rgl1_") {
		t.Error("the link is shown a second time")
	}
	for range 3 { // programs that look into mails
		if a := stranger.get(link); a.status != http.StatusOK || !alice.signedIn() {
			t.Fatalf("%d", a.status)
		}
	}
	if a := stranger.submit(stranger.get(link), link, url.Values{"password": {"short"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "at least 15") {
		t.Errorf("%d", a.status)
	}
	page := stranger.get(link)
	a := stranger.submit(page, link, url.Values{"password": {otherPassword}})

	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/reset" || stranger.signedIn() {
		t.Fatalf("%d %s", a.status, a.header.Get("Location"))
	}
	if a := stranger.get(s.issuer + "/reset"); a.status != 200 || !strings.Contains(a.body, `href="/login"`) {
		t.Errorf("%d", a.status)
	}
	if alice.signedIn() {
		t.Error("a browser is still signed in")
	}
	if a := s.refresh("CB", token); a.status != http.StatusBadRequest || a.text(t, "error") != "invalid_grant" {
		t.Errorf("T24: a grant lives on: %d %s", a.status, a.body)
	}
	if a := s.attempt(s.browser(), "alice@example.com", password); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the old password: %d", a.status)
	}
	if a := s.attempt(s.browser(), "alice@example.com", otherPassword); a.status != http.StatusSeeOther {
		t.Errorf("the new password: %d", a.status)
	}
	for _, again := range []answer{stranger.get(link), stranger.submit(page, link, url.Values{"password": {password}})} {
		if again.status != http.StatusGone || !strings.Contains(again.body, "Ask your admin") {
			t.Errorf("a used link: %d", again.status)
		}
	}
	if strings.Contains(s.log.String(), link[strings.Index(link, "rgl1_")+5:]) {
		t.Error("the token of the link is in the log")
	}
}

func TestWEB_42_AResetLinkIsOverAfterThirtyMinutes(t *testing.T) {
	s := newSite(t)
	link := linkOn(t, s.admin(t).post("/admin/people/"+s.person["U1"].ID+"/reset-link", nil))
	s.clock.jump(30 * time.Minute)
	if a := s.browser().get(link); a.status != http.StatusGone {
		t.Errorf("%d", a.status)
	}
}

func TestWEB_42_ALinkPointsToTheIssuerWhateverTheRequestSays(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	form := url.Values{"form_token": {hiddenValue(root.get("/logout").body, "form_token")}}
	r, err := http.NewRequest("POST", s.issuer+"/admin/people/"+s.person["U1"].ID+"/reset-link", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.test"
	r.Header.Set("X-Forwarded-Host", "evil.test")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if a := root.send(r); strings.Contains(a.body, "evil.test") || !strings.HasPrefix(linkOn(t, a), s.issuer+"/reset/") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestWEB_35_AnExpiredPasswordIsChangedBeforeAnythingElse(t *testing.T) {
	s := newSite(t)
	root, alice := s.admin(t), s.browser()
	alice.signIn("U1")
	id := s.person["U1"].ID
	if a := root.post("/admin/people/"+id+"/expire-password", nil); a.status != http.StatusSeeOther || alice.signedIn() {
		t.Fatalf("%d", a.status)
	}
	s.clock.jump(time.Second)
	address, login := alice.login(s.az("CB", nil))
	_ = address

	page := alice.submit(login, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}})

	if page.status != http.StatusOK || alice.signedIn() || !strings.Contains(page.body, `action="/login/password"`) {
		t.Fatalf("%d %s", page.status, page.body)
	}
	// No step can be skipped: not by going on, nor by coming again.
	if a := alice.get(s.az("CB", nil)); strings.Contains(a.header.Get("Location"), "code=") || alice.signedIn() {
		t.Errorf("skipped: %s", a.header.Get("Location"))
	}
	for name, fields := range map[string]url.Values{
		"nothing":        {"password": {""}},
		"the same again": {"password": {password}},
		"another token":  {"password": {otherPassword}, "renewal": {"rgl1_ABCDEFGHIJKLMNOPQRSTUVWXYZ"}},
		"no token":       {"password": {otherPassword}, "renewal": {""}},
	} {
		if a := alice.submit(page, s.issuer+"/login/password", fields); a.status != http.StatusUnprocessableEntity || alice.signedIn() {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	thief := s.browser()
	stolen := url.Values{"password": {otherPassword}, "renewal": {hiddenValue(page.body, "renewal")}}
	if a := thief.submit(thief.get(s.issuer+"/login"), s.issuer+"/login/password", stolen); a.status != http.StatusUnprocessableEntity || thief.signedIn() {
		t.Errorf("in another browser: %d", a.status)
	}
	a := alice.submit(page, s.issuer+"/login/password", url.Values{"password": {otherPassword}})
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/consent?request=") {
		t.Fatalf("the authorization does not go on: %d %s", a.status, a.header.Get("Location"))
	}
	s.clock.jump(time.Second)
	consent := alice.get(a.header.Get("Location"))
	back := alice.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(consent.body)})
	u, err := url.Parse(back.header.Get("Location"))
	if err != nil || s.redeem("CB", u).status != http.StatusOK {
		t.Errorf("%d %s", back.status, back.header.Get("Location"))
	}
	if a := alice.submit(page, s.issuer+"/login/password", url.Values{"password": {password}}); a.status == http.StatusSeeOther {
		t.Error("the same form sets a password twice")
	}
	if p, err := s.people.Find(context.Background(), id); err != nil || p.PasswordExpiredAt != nil {
		t.Errorf("%+v %v", p, err)
	}
}

func TestAnInvitationMakesAnAccountAndSignsIn(t *testing.T) {
	s := newSite(t)
	root, carl := s.admin(t), s.browser()
	link := linkOn(t, root.post("/admin/people/invite", url.Values{"email": {"Carl@Example.com"}, "name": {"Carl"}, "role": {"person"}}))
	if a := root.get("/admin/people/invite"); !strings.Contains(a.body, "carl@") || strings.Contains(a.body, "rgl1_") {
		t.Error("the waiting invitation is not listed, or its link is shown again")
	}
	page := carl.get(link)
	if page.status != http.StatusOK || !strings.Contains(page.body, "carl@example.com") {
		t.Fatalf("%d", page.status)
	}
	if a := carl.submit(page, link, url.Values{"name": {"Carl C."}, "password": {"short"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="Carl C."`) {
		t.Errorf("%d", a.status)
	}

	// What the form says of address and role counts for nothing.
	a := carl.submit(page, link, url.Values{"name": {"Carl C."}, "password": {otherPassword}, "email": {"evil@example.com"}, "role": {"admin"}})

	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/account" || !carl.signedIn() {
		t.Fatalf("%d %s", a.status, a.header.Get("Location"))
	}
	p, err := s.people.Find(context.Background(), "carl@example.com")
	if err != nil || p.Role != account.RolePerson || p.Name != "Carl C." {
		t.Errorf("%+v %v", p, err)
	}
	if a := s.browser().get(link); a.status != http.StatusGone || !strings.Contains(a.body, "invited you") {
		t.Errorf("a used invitation: %d", a.status)
	}
	if a := root.get("/admin/people/invite"); strings.Contains(a.body, "carl@") {
		t.Error("an accepted invitation still waits")
	}
}

func TestAnInvitationIsWithdrawnAndKeepsToTheDomains(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	link := linkOn(t, root.post("/admin/people/invite", url.Values{"email": {"carl@example.com"}, "role": {"admin"}}))
	waiting, err := s.links().Invitations(context.Background(), s.clock.Wall(), 10)
	if err != nil || len(waiting) != 1 {
		t.Fatal(waiting, err)
	}
	path := "/admin/people/invitations/" + waiting[0].ID + "/withdraw"
	if a := root.post(path, nil); a.status != http.StatusSeeOther {
		t.Fatalf("%d", a.status)
	}
	if a := s.browser().get(link); a.status != http.StatusGone {
		t.Errorf("%d", a.status)
	}
	if a := root.follow(root.post(path, nil)); !strings.Contains(a.body, "over already") {
		t.Error("a second withdrawal does not say so")
	}

	s.allowOnly("acme.example")
	a := root.post("/admin/people/invite", url.Values{"email": {"carl@example.com"}, "name": {"Carl"}, "role": {"admin"}})
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "do not allow") || !strings.Contains(a.body, `value="carl@example.com"`) || !strings.Contains(a.body, `value="Carl"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	linkOn(t, root.post("/admin/people/invite", url.Values{"email": {"carl@acme.example"}}))
	if a := root.post("/admin/people/invite", url.Values{"email": {"alice@example.com"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("%d", a.status)
	}
}

func TestWEB_20_LinksAreUsedFromOurOwnPagesOnly(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	setup := s.setupLink()
	_, invite, err := s.links().Invite(context.Background(), account.Invitation{Email: "carl@example.com"}, by, s.clock.Wall())
	if err != nil {
		t.Fatal(err)
	}
	_, reset, err := s.links().ResetLink(context.Background(), s.person["U1"].ID, by, s.clock.Wall())
	if err != nil {
		t.Fatal(err)
	}
	token := hidden(b.get(setup), "form_token")
	for _, link := range []string{setup, invite, reset, s.issuer + "/login/password"} {
		fields := merged(rootFields, token)
		for name, header := range foreign {
			if a := b.form(link, fields, header); a.status != http.StatusForbidden || b.signedIn() {
				t.Errorf("%s to %s: %d", name, link, a.status)
			}
		}
		fields.Set("form_token", "forged")
		if a := b.form(link, fields, sameOrigin); a.status != http.StatusForbidden || b.signedIn() {
			t.Errorf("a forged token to %s: %d", link, a.status)
		}
	}
	for _, link := range []string{setup, invite, reset} {
		if a := b.get(link); a.status != http.StatusOK {
			t.Errorf("%s was used up: %d", link, a.status)
		}
	}
}
