package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestWEB_40_AProofIsFreshForFiveMinutesAndOfThisSession(t *testing.T) {
	s := newSite(t)
	root, other := s.admin(t), s.admin(t)
	danger := "/admin/people/" + s.person["U1"].ID + "/disable"
	if a := root.get(danger); a.status != http.StatusOK {
		t.Fatalf("right after the sign-in: %d", a.status)
	}
	s.clock.jump(5 * time.Minute)
	ask := root.get(danger)
	if ask.status != http.StatusSeeOther || ask.header.Get("Location") != "/confirm?return="+url.QueryEscape(danger) {
		t.Fatalf("%d %s", ask.status, ask.header.Get("Location"))
	}
	page := root.follow(ask)
	before := root.cookie("_session")

	if a := root.submit(page, s.issuer+"/confirm", url.Values{"password": {"wrong-wrong-wrong"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "not your password") {
		t.Errorf("a wrong password: %d", a.status)
	}
	if a := root.submit(page, s.issuer+"/confirm", url.Values{"password": {""}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("no password: %d", a.status)
	}
	if a := root.get(danger); a.status != http.StatusSeeOther {
		t.Errorf("after a wrong password: %d", a.status)
	}
	a := root.submit(page, s.issuer+"/confirm", url.Values{"password": {password}})

	if a.status != http.StatusSeeOther || a.header.Get("Location") != danger {
		t.Fatalf("%d %s", a.status, a.header.Get("Location"))
	}
	if after := root.cookie("_session"); after == before || after == "" {
		t.Error("WEB-26: the session has the same token")
	}
	if a := root.get(danger); a.status != http.StatusOK {
		t.Errorf("fresh again: %d", a.status)
	}
	if a := other.get(danger); a.status != http.StatusSeeOther {
		t.Errorf("another session of the same admin: %d", a.status)
	}
	s.clock.jump(5*time.Minute - time.Second)
	if a := root.get(danger); a.status != http.StatusOK {
		t.Errorf("after 4:59: %d", a.status)
	}
	s.clock.jump(time.Second)
	if a := root.get(danger); a.status != http.StatusSeeOther {
		t.Errorf("after 5:00: %d", a.status)
	}
	s.clock.step(-time.Hour)
	if a := root.get(danger); a.status != http.StatusSeeOther {
		t.Errorf("a proof from the future: %d", a.status)
	}
}

func TestWEB_40_WhatGivesPowerAsksForAProof(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	// An application can get tokens, and an address that counts as verified is who somebody is to every application.
	pages := []string{"/admin/clients/new", "/admin/people/" + s.person["U1"].ID + "/edit", "/admin/people/new", "/admin/people/invite"}
	for _, page := range pages {
		if a := root.get(page); a.status != http.StatusOK {
			t.Errorf("right after the sign-in: %s %d", page, a.status)
		}
	}
	s.clock.jump(5 * time.Minute)
	for _, page := range pages {
		want := "/confirm?return=" + url.QueryEscape(page)
		if a := root.get(page); a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("GET %s: %d %s", page, a.status, a.header.Get("Location"))
		}
		if a := root.post(page, nil); a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("POST %s: %d %s", page, a.status, a.header.Get("Location"))
		}
	}
}

func TestWEB_40_AStolenTokenOfBeforeTheProofIsDead(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	thief := &adminBrowser{s.browser()}
	u, _ := url.Parse(s.issuer + "/")
	thief.jar.SetCookies(u, root.jar.Cookies(u))
	if a := thief.get("/admin/people"); a.status != http.StatusOK {
		t.Fatalf("%d", a.status)
	}

	root.submit(root.get("/confirm?return=/admin/people"), s.issuer+"/confirm", url.Values{"password": {password}})

	if a := thief.get("/admin/people"); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/login") {
		t.Errorf("%d", a.status)
	}
	if a := root.get("/admin/people"); a.status != http.StatusOK {
		t.Errorf("%d", a.status)
	}
}

func TestWEB_40_TheProofIsThrottledAsSignInsAre(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	page := root.get("/confirm")
	guess := func(pw string) answer {
		return root.submit(page, s.issuer+"/confirm", url.Values{"password": {pw}})
	}
	for range 5 {
		if a := guess("wrong-wrong-wrong"); a.status != http.StatusUnprocessableEntity {
			t.Fatalf("%d", a.status)
		}
	}
	if a := guess(password); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "Too many attempts") {
		t.Errorf("%d", a.status)
	}
	if a := root.get("/admin/people"); a.status != http.StatusOK {
		t.Errorf("being throttled ends the session: %d", a.status)
	}
}

func TestReturnsStayOnOwnPages(t *testing.T) {
	for _, issuer := range []string{"https://as.test", "https://as.test/t1"} {
		s := newSite(t, siteOptions{issuer: issuer})
		base := strings.TrimPrefix(issuer, "https://as.test")
		root := s.admin(t)
		for to, want := range map[string]string{
			"/admin/people?q=a%20b&role=admin": "/admin/people?q=a%20b&role=admin", "/admin": "/admin", "/account": "/account", "/admin/keys/rotate": "/admin/keys/rotate",
			"": "/admin", "/": "/admin", "//evil.test": "/admin", "//evil.test/admin": "/admin", "/\\evil.test/admin": "/admin", "https://evil.test/admin": "/admin",
			"/admin/../../evil": "/admin", "/admin//evil.test": "/admin", "/adminevil": "/admin", "/admin\\evil": "/admin", "admin": "/admin", "/login": "/admin",
			"/admin/%2e%2e/x": "/admin", "/admin/\r\nSet-Cookie: a=b": "/admin", "javascript:alert(1)": "/admin", "/admin/%5cevil.test": "/admin", "/logout": "/admin",
		} {
			b := s.browser()
			a := b.submit(b.get(issuer+"/login?return="+url.QueryEscape(to)), issuer+"/login", url.Values{"email": {"root@example.com"}, "password": {password}})
			if a.status != http.StatusSeeOther || a.header.Get("Location") != base+want {
				t.Errorf("sign-in with %q: %d to %q", to, a.status, a.header.Get("Location"))
			}
			if a := b.get(issuer + "/login?return=" + url.QueryEscape(to)); a.status != http.StatusSeeOther || a.header.Get("Location") != base+want {
				t.Errorf("signed in, with %q: %d to %q", to, a.status, a.header.Get("Location"))
			}
			a = root.submit(root.get("/confirm?return="+url.QueryEscape(to)), issuer+"/confirm", url.Values{"password": {password}})
			if a.status != http.StatusSeeOther || a.header.Get("Location") != base+want {
				t.Errorf("proof with %q: %d to %q", to, a.status, a.header.Get("Location"))
			}
		}
	}
}

func TestASignInLeadsToWhereSomebodyBelongs(t *testing.T) {
	s := newSite(t)
	root, alice := s.admin(t), s.browser()
	alice.signIn("U1")
	if a := root.get("/login"); a.header.Get("Location") != "/admin" {
		t.Errorf("an admin who is signed in: %d %s", a.status, a.header.Get("Location"))
	}
	if a := alice.get(s.issuer + "/login"); a.header.Get("Location") != "/account" {
		t.Errorf("a person who is signed in: %d %s", a.status, a.header.Get("Location"))
	}
	if a := alice.get(s.issuer + "/login?switch=1"); a.status != http.StatusOK {
		t.Errorf("another account: %d", a.status)
	}
	if a := root.get("/"); !strings.Contains(a.body, `href="/admin"`) {
		t.Error("the home page of an admin does not lead to /admin")
	}
	if a := alice.get(s.issuer + "/"); !strings.Contains(a.body, `href="/account"`) {
		t.Error("the home page of a person does not lead to /account")
	}
	if a := alice.get(s.issuer + "/"); strings.Contains(a.body, `href="/admin"`) {
		t.Error("the home page of a person leads to /admin")
	}
}
