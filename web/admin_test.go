package web_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
)

// adminBrowser is the browser of an admin who has just signed in. Paths are those of this server without the issuer's.
type adminBrowser struct{ *browser }

// admin gives a signed-in admin; the first call makes the person, root@example.com, called ADM.
func (s *site) admin(t testing.TB) *adminBrowser {
	t.Helper()
	if _, made := s.person["ADM"]; !made {
		s.addAdmin("ADM", "root@example.com")
	}
	b := &adminBrowser{s.browser()}
	b.signIn("ADM")
	return b
}

func (s *site) addAdmin(name, email string) {
	s.t.Helper()
	p, err := s.people.Create(context.Background(), account.NewPerson{Email: email, Name: "Rosa Root", Role: account.RoleAdmin, Password: password}, by, s.clock.Wall())
	if err != nil {
		s.t.Fatal(err)
	}
	s.person[name] = p
}

func (b *adminBrowser) get(path string) answer {
	b.t.Helper()
	return b.browser.get(b.issuer + path)
}

// post sends a form with the token that the pages of this browser bear. Other hidden fields are the caller's to give.
func (b *adminBrowser) post(path string, fields url.Values) answer {
	b.t.Helper()
	token := hiddenValue(b.browser.get(b.issuer+"/logout").body, "form_token")
	if token == "" { // nobody is signed in
		token = hiddenValue(b.browser.get(b.issuer+"/login").body, "form_token")
	}
	form := url.Values{"form_token": {token}}
	for k, v := range fields {
		form[k] = v
	}
	return b.postForm(path, form)
}

func (b *adminBrowser) postForm(path string, form url.Values) answer {
	b.t.Helper()
	r, err := http.NewRequest("POST", b.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(r)
}

// follow goes where a 303 leads.
func (b *adminBrowser) follow(a answer) answer {
	b.t.Helper()
	if a.status != http.StatusSeeOther {
		b.t.Fatalf("%d instead of 303: %s", a.status, a.body)
	}
	return b.browser.get(a.header.Get("Location"))
}

func hiddenValue(page, name string) string {
	for _, m := range hiddenField.FindAllStringSubmatch(page, -1) {
		if m[1] == name {
			return m[2]
		}
	}
	return ""
}

func TestWEB_43_NobodyButAdminsSeesAnythingBelowAdmin(t *testing.T) {
	s := newSite(t, siteOptions{issuer: "https://as.test/t1"})
	root := s.admin(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	stranger := &adminBrowser{s.browser()}

	for _, path := range []string{"/admin", "/admin/nothing/here", "/admin/settings"} {
		if a := stranger.get(path); a.status != 303 || a.header.Get("Location") != "/t1/login?return="+url.QueryEscape(path) {
			t.Errorf("stranger, %s: %d %s", path, a.status, a.header.Get("Location"))
		}
		if a := alice.get(path); a.status != 403 {
			t.Errorf("person, %s: %d", path, a.status)
		}
	}
	if a := root.get("/admin/nothing/here"); a.status != 404 {
		t.Errorf("admin: %d", a.status)
	}
	if a := root.get("/admin"); a.status != 200 {
		t.Errorf("admin: %d", a.status)
	}
}

func TestWEB_40_ADangerousActAsksForAFreshProof(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)

	if a := root.get("/admin/keys/rotate"); a.status != 200 {
		t.Fatalf("fresh: %d", a.status)
	}
	s.clock.step(5 * time.Minute)
	a := root.get("/admin/keys/rotate")
	b := root.post("/admin/keys/rotate", nil)

	for _, a := range []answer{a, b} {
		if a.status != 303 || !slices.Contains([]string{"/confirm?return=%2Fadmin%2Fkeys%2Frotate"}, a.header.Get("Location")) {
			t.Errorf("after five minutes: %d %s", a.status, a.header.Get("Location"))
		}
	}
}

func TestWEB_40_WhatGivesPowerAsksForAFreshProof(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	if err := s.people.Disable(t.Context(), s.person["U2"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	s.clock.step(5 * time.Minute)

	for path, form := range map[string]url.Values{
		"/admin/people/" + s.person["U2"].ID + "/enable": nil,
		"/admin/clients/OFF/enable":                      nil,
		"/admin/apis/new":                                {"uri": {"https://new.test/"}, "name": {"New"}, "scope": {"new.read"}},
	} {
		if a := root.post(path, form); a.status != 303 || a.header.Get("Location") != "/confirm?return="+url.QueryEscape(path) {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
	page := root.get("/admin/settings")
	saved := root.post("/admin/settings", url.Values{"version": {hiddenValue(page.body, "version")}, "invite_domains": {"kept.test"}, "idle": {"30d"}, "absolute": {"180d"},
		"grace": {"10s"}, "access_token_lifetime": {"10m"}, "max_grants": {"50"}, "refresh_limit": {"0"}, "refresh": {"always"}, "on_reuse": {"revoke"}, "access_token_format": {"jwt"}, "id_token_alg": {"RS256"}})
	if saved.status != 403 || !strings.Contains(saved.body, "kept.test") || !strings.Contains(saved.body, "/confirm?return=") {
		t.Errorf("settings: %d %s", saved.status, saved.body)
	}

	person, err := s.people.Find(t.Context(), s.person["U2"].ID)
	if err != nil || person.Active() {
		t.Errorf("enabled without a proof: %v", err)
	}
	if c, err := s.db.Client(t.Context(), "OFF"); err != nil || c.DisabledAt == nil {
		t.Errorf("enabled without a proof: %v", err)
	}
	if kept, err := s.db.SiteSettings(t.Context()); err != nil || len(kept.InviteDomains) > 0 {
		t.Errorf("%v, %v", kept.InviteDomains, err)
	}
}
