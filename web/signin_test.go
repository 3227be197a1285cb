package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// attempt tries to sign in from a browser that was never here.
func (s *site) attempt(b *browser, email, pw string) answer {
	s.t.Helper()
	return b.submit(b.get(s.issuer+"/login"), s.issuer+"/login", url.Values{"email": {email}, "password": {pw}})
}

func noEnumeration(t *testing.T) {
	s := newSite(t)
	ctx := context.Background()
	s.addPerson("OFF", "off@example.com", "Off")
	if err := s.people.Disable(ctx, s.person["OFF"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	s.addPerson("GONE", "gone@example.com", "Gone")
	if err := s.people.Delete(ctx, s.person["GONE"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]struct{ email, password string }{
		"unknown": {"nobody@example.com", password}, "known": {"bob@example.com", "wrong-wrong-wrong"}, "disabled": {"off@example.com", password},
		"disabled, wrong": {"off@example.com", "wrong-wrong-wrong"}, "deleted": {"gone@example.com", password}, "no address": {"not an address", password},
	}
	var first string
	for attempt := range 4 {
		for name, kind := range kinds {
			b := s.browser()
			a := s.attempt(b, kind.email, kind.password)
			s.clock.jump(31 * time.Second) // so that the address itself is not what is throttled
			a.header.Del("X-Request-Id")
			a.header.Del("Date")
			body := strings.NewReplacer(kind.email, "EMAIL", hidden(a, "form_token").Get("form_token"), "TOKEN").Replace(a.body)
			body = pageChallenge.ReplaceAllString(ceremonyField.ReplaceAllString(body, ""), "")
			a.header.Del("Content-Length") // holds the length of the address
			got := fmt.Sprint(a.status, a.header, body)
			if attempt == 0 && first == "" {
				first = got
			}
			if attempt == 0 && got != first {
				t.Errorf("%s differs:\n%s\n%s", name, got, first)
			}
			if a.status != http.StatusUnprocessableEntity {
				t.Errorf("%s, attempt %d: %d", name, attempt, a.status)
			}
			if b.cookie("_session") != "" {
				t.Errorf("%s is signed in", name)
			}
		}
	}
	// Throttled alike, too.
	for name, kind := range kinds {
		for range 9 {
			s.attempt(s.browser(), kind.email, kind.password)
		}
		if a := s.attempt(s.browser(), kind.email, kind.password); a.status != http.StatusTooManyRequests {
			t.Errorf("%s is not throttled: %d", name, a.status)
		}
	}
}

func throttling(t *testing.T) {
	s := newSite(t)
	known := s.browser()
	known.signIn("U1") // a device that has been here
	known.submit(known.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
	spellings := []string{"alice@example.com", "ALICE@example.com", " alice@Example.COM ", "Alice@EXAMPLE.com", "alice@example.com\t"}

	stranger := s.browser()
	for _, email := range spellings {
		if a := s.attempt(stranger, email, "wrong-wrong-wrong"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a first wrong password as %q: %d", email, a.status)
		}
	}
	a := s.attempt(s.browser(), "alice@example.com", password)
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if a.status != http.StatusTooManyRequests || err != nil || wait < 1 {
		t.Errorf("the sixth guess: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	if !strings.Contains(a.body, "Too many attempts") {
		t.Error("the page does not say why")
	}
	if a := s.attempt(known, "alice@example.com", password); a.status != http.StatusSeeOther || !known.signedIn() {
		t.Errorf("the owner at a known device: %d", a.status)
	}
	s.clock.jump(time.Duration(wait) * time.Second)
	if a := s.attempt(s.browser(), "alice@example.com", password); a.status != http.StatusSeeOther {
		t.Errorf("the owner at a new device after the wait: %d", a.status)
	}
	// Being throttled ends nothing: T22.
	if token := s.redeem("CB", known.walk(s.az("CB", nil), "U1")); token.status != http.StatusOK {
		t.Errorf("redeem: %d", token.status)
	}
}

func answersToForms(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	_, login := b.login(s.az("CB", nil))
	a := b.submit(login, s.issuer+"/login", url.Values{"email": {s.person["U1"].Email}, "password": {password}})
	if a.status != http.StatusSeeOther {
		t.Errorf("sign-in: %d", a.status)
	}
	consent := b.get(a.header.Get("Location"))
	if a = b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid"}}); a.status != http.StatusSeeOther {
		t.Errorf("consent: %d", a.status)
	}
	if a = b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil); a.status != http.StatusSeeOther {
		t.Errorf("sign-out: %d", a.status)
	}
	// No spelling of a path makes a browser or client carry a form elsewhere.
	for _, path := range []string{"//login", "/./login", "/x/../login", "/login/", "//token", "/x/../token", "/token/", "//consent", "/docs/../login"} {
		r, err := http.NewRequest("POST", s.issuer+"/", strings.NewReader("email=a&password=b"))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Opaque = "//as.test" + path
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := s.do(r); a.status >= 300 && a.status < 400 {
			t.Errorf("POST %s: %d to %s", path, a.status, a.header.Get("Location"))
		}
	}
}

func noOpenRedirector(t *testing.T) {
	evil := []string{
		"//evil.test", `/\evil.test`, `\\evil.test`, "https:evil.test", "https://evil.test", "/%09/evil.test", "/\t/evil.test", "javascript:alert(1)", "\x01https://evil.test",
		"///evil.test", "https://as.test@evil.test", "https://as.test.evil.test", "data:text/html,x", "/..//evil.test", "/%2f/evil.test", "http:///evil.test",
	}
	names := []string{"return", "return_to", "next", "redirect", "redirect_uri", "url", "continue", "post_logout_redirect_uri", "request", "rd", "locale", "lang", "ui_locales", "state"}
	if testing.Short() {
		evil = evil[:5]
	}
	for _, issuer := range issuers {
		s := newSite(t, siteOptions{issuer: issuer})
		for _, to := range evil {
			query := url.Values{}
			for _, name := range names {
				query.Set(name, to)
			}
			b := s.browser()
			check := func(where string, a answer) {
				t.Helper()
				location := a.header.Get("Location")
				if location == "" {
					return
				}
				u, err := url.Parse(b.absolute(location))
				if err != nil || u.Host != "as.test" || u.Scheme != "https" || strings.HasPrefix(location, "//") || strings.HasPrefix(location, `/\`) {
					t.Errorf("%s with %q: to %q", where, to, location)
				}
			}
			for _, path := range []string{"/", "/login", "/logout", "/consent", "/docs", "/favicon.ico", "/login/continue"} {
				check(path, b.get(s.issuer+path+"?"+query.Encode()))
			}
			without := merged(query)
			without.Del("request")
			check("sign-in", b.submit(b.get(s.issuer+"/login?"+without.Encode()), s.issuer+"/login", merged(without, url.Values{"email": {s.person["U1"].Email}, "password": {password}})))
			if !b.signedIn() {
				t.Fatal("not signed in, so nothing was shown")
			}
			check("switch", b.submit(b.get(s.issuer+"/logout"), s.issuer+"/login/continue", merged(query, url.Values{"decision": {"switch"}})))
			check("sign-out", b.submit(b.get(s.issuer+"/logout?"+query.Encode()), s.issuer+"/logout", query))

			for _, base := range []string{"", "/docs", "/docs/", "/assets"} { // as a path, as it stands
				r, err := http.NewRequest("GET", s.issuer+"/", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.URL.Opaque = "//as.test" + base + "/" + strings.NewReplacer("\t", "%09", "\x01", "%01", "\\", "%5C").Replace(to)
				if a, err := s.try(r); err == nil {
					check(r.URL.Opaque, a)
				}
			}
		}
	}
}

func corsOfPages(t *testing.T) {
	s := newSite(t)
	for _, origin := range []string{"https://spa.test", "https://evil.test", "null", "https://as.test", "http://127.0.0.1:3000"} {
		for _, path := range []string{"/", "/login", "/consent", "/logout", "/authorize", "/docs/start", "/nope"} {
			for _, method := range []string{"GET", "OPTIONS", "POST"} {
				r, err := http.NewRequest(method, s.issuer+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Origin", origin)
				r.Header.Set("Access-Control-Request-Method", "POST")
				a := s.do(r)
				for name := range a.header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s from %s: %s: %s", method, path, origin, name, a.header.Get(name))
					}
				}
			}
		}
	}
}
