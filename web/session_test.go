package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
)

func cookieAttributes(t *testing.T) {
	value := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // 256 bit in base64url
	for issuer, names := range map[string][]string{
		"https://as.test":       {"__Host-regrant_browser", "__Host-regrant_session"},
		"https://as.test/t1":    {"__Host-regrant_browser", "__Host-regrant_session"},
		"http://localhost:8080": {"regrant_8080_browser", "regrant_8080_session"},
	} {
		s := newSite(t, siteOptions{issuer: issuer})
		overTLS(s)
		seen := map[string]bool{}
		check := func(a answer) {
			for _, c := range (&http.Response{Header: a.header}).Cookies() {
				seen[c.Name] = true
				secure := strings.HasPrefix(issuer, "https")
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != secure {
					t.Errorf("%s: %s", issuer, c.Raw)
				}
				if c.MaxAge >= 0 && !value.MatchString(c.Value) || len(c.Raw) > 4096 {
					t.Errorf("%s: the value of %s", issuer, c.Raw)
				}
				if c.Name != names[0] && c.Name != names[1] {
					t.Errorf("%s: an unknown cookie: %s", issuer, c.Raw)
				}
			}
		}
		b := signedInOverAnyScheme(s, check)
		check(b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil))
		if !seen[names[0]] || !seen[names[1]] {
			t.Errorf("%s: cookies %v", issuer, seen)
		}
		for _, path := range []string{"/docs/start", "/nope", "/.well-known/jwks.json", "/healthz"} {
			if a := s.send("GET", path, "", nil); len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s sets %v", path, a.header.Values("Set-Cookie"))
			}
		}
		if a := s.refresh("CB", "garbage"); len(a.header.Values("Set-Cookie")) > 0 {
			t.Error("the token endpoint sets a cookie")
		}
	}
}

// signedInOverAnyScheme signs U1 in and shows every answer to check.
func signedInOverAnyScheme(s *site, check func(answer)) *browser {
	b := s.browser()
	page := b.get(s.issuer + "/login")
	check(page)
	a := b.submit(page, s.issuer+"/login", url.Values{"email": {s.person["U1"].Email}, "password": {password}})
	if a.status != http.StatusSeeOther {
		s.t.Fatalf("sign in: %d %s", a.status, a.body)
	}
	check(a)
	return b
}

func fixation(t *testing.T) {
	s := newSite(t)
	attacker := s.browser()
	attacker.signIn("U2")
	own, _ := url.Parse(s.issuer + "/")
	for name, planted := range map[string]string{"a living session": attacker.cookie("_session"), "an invented one": strings.Repeat("A", 43)} {
		victim := s.browser()
		victim.jar.SetCookies(own, []*http.Cookie{{Name: "__Host-regrant_session", Value: planted, Secure: true, Path: "/"}})
		victim.signIn("U1")

		if after := victim.cookie("_session"); after == planted || after == "" {
			t.Errorf("%s: the session was planted", name)
		}
		if !strings.Contains(victim.get(s.issuer+"/").body, "alice") {
			t.Errorf("%s: the victim is not signed in", name)
		}
		thief := s.browser()
		thief.jar.SetCookies(own, []*http.Cookie{{Name: "__Host-regrant_session", Value: planted, Secure: true, Path: "/"}})
		if body := thief.get(s.issuer + "/").body; strings.Contains(body, "alice") || strings.Contains(body, "bob") {
			t.Errorf("%s: the planted session is alive", name)
		}
	}

	b := s.browser()
	b.signIn("U1")
	first := b.cookie("_session")
	b.signIn("U1")
	if b.cookie("_session") == first {
		t.Error("signing in again kept the token of the session")
	}
	old := s.browser()
	old.jar.SetCookies(own, []*http.Cookie{{Name: "__Host-regrant_session", Value: first, Secure: true, Path: "/"}})
	if old.signedIn() {
		t.Error("the token of before still works")
	}
}

func sessionTimeouts(t *testing.T) {
	for role, life := range map[account.Role]struct{ idle, absolute time.Duration }{
		account.RolePerson: {12 * time.Hour, 30 * 24 * time.Hour}, account.RoleAdmin: {30 * time.Minute, 12 * time.Hour},
	} {
		s := newSite(t)
		p, err := s.people.Create(context.Background(), account.NewPerson{Email: "a@example.com", Password: password, Role: role}, by, s.clock.Wall())
		if err != nil {
			t.Fatal(err)
		}
		s.person["A"] = p
		idle, busy := s.browser(), s.browser()
		idle.signIn("A")
		s.clock.jump(life.idle - time.Minute)
		if !idle.signedIn() {
			t.Errorf("%s: over before it was idle for %s", role, life.idle)
		}
		s.clock.jump(life.idle - time.Minute)
		if !idle.signedIn() {
			t.Errorf("%s: being used does not prolong it", role)
		}
		s.clock.jump(life.idle + time.Minute)
		if idle.signedIn() {
			t.Errorf("%s: idle for %s and still signed in", role, life.idle)
		}

		busy.signIn("A")
		began := s.clock.Wall()
		for s.clock.Wall().Sub(began) < life.absolute-life.idle/2 {
			if !busy.signedIn() {
				t.Fatalf("%s: over after %s", role, s.clock.Wall().Sub(began))
			}
			s.clock.jump(life.idle / 2)
		}
		if s.clock.jump(life.absolute - s.clock.Wall().Sub(began) + time.Second); busy.signedIn() {
			t.Errorf("%s: signed in for more than %s", role, life.absolute)
		}
		if a := busy.get(s.az("CB", nil)); !strings.Contains(a.header.Get("Location"), "/login?") {
			t.Errorf("%s: an authorization went on without a session: %s", role, a.header.Get("Location"))
		}
	}
}

func signOutEndsSession(t *testing.T) {
	s := newSite(t)
	b, thief := s.browser(), s.browser()
	b.signIn("U1")
	own, _ := url.Parse(s.issuer + "/")
	thief.jar.SetCookies(own, b.jar.Cookies(own)) // a copy of every cookie
	if !thief.signedIn() {
		t.Fatal("the copy does not work, so its end proves nothing")
	}

	a := b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)

	if a.status != http.StatusSeeOther || b.cookie("_session") != "" || b.signedIn() {
		t.Errorf("signed out: %d, cookie left: %v", a.status, b.cookie("_session") != "")
	}
	if thief.signedIn() {
		t.Error("the cookie works after signing out")
	}
	if a := b.submit(b.get(s.issuer+"/login"), s.issuer+"/logout", nil); a.status != http.StatusSeeOther {
		t.Errorf("signing out twice: %d", a.status)
	}
}

func signOutEndsGrants(t *testing.T) {
	s := newSite(t)
	b, elsewhere := s.browser(), s.browser()
	withSession := s.redeem("CB", b.walk(s.az("CB", nil), "U1"))
	offline := s.redeem("CP", b.walk(s.az("CP", url.Values{"scope": {"openid read offline_access"}, "prompt": {"consent"}}), "U1"))
	other := s.redeem("CB", elsewhere.walk(s.az("CB", nil), "U1"))
	pending := b.walk(s.az("CB", nil), "U1") // a code that nobody has redeemed yet

	b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)

	if a := s.refresh("CB", withSession.text(t, "refresh_token")); a.status != http.StatusBadRequest || a.text(t, "error") != "invalid_grant" {
		t.Errorf("the grant of the session outlived it: %d %s", a.status, a.body)
	}
	if s.active("RS", withSession.text(t, "access_token")) {
		t.Error("the access token of the session outlived it")
	}
	if a := s.redeem("CB", pending); a.status != http.StatusBadRequest {
		t.Errorf("a code of the session outlived it: %d", a.status)
	}
	if a := s.refresh("CP", offline.text(t, "refresh_token")); a.status != http.StatusOK {
		t.Errorf("a grant with offline_access ended: %d %s", a.status, a.body)
	}
	if a := s.refresh("CB", other.text(t, "refresh_token")); a.status != http.StatusOK {
		t.Errorf("a grant of another session ended: %d %s", a.status, a.body)
	}

	// A session that expires ends nothing.
	s.clock.jump(13 * time.Hour)
	if elsewhere.signedIn() {
		t.Fatal("the session has not expired")
	}
	if a := s.refresh("CB", s.grantIn(elsewhere).text(t, "refresh_token")); a.status != http.StatusOK {
		t.Errorf("refresh: %d", a.status)
	}
}

// grantIn makes a grant in this browser and lets its session expire.
func (s *site) grantIn(b *browser) answer {
	a := s.redeem("CB", b.walk(s.az("CB", nil), "U1"))
	s.clock.jump(13 * time.Hour)
	if b.signedIn() {
		s.t.Fatal("the session has not expired")
	}
	return a
}

func personEndsSessions(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(*site) error{
		"disable": func(s *site) error { return s.people.Disable(ctx, s.person["U1"].ID, by, s.clock.Wall()) },
		"disable and enable": func(s *site) error {
			if err := s.people.Disable(ctx, s.person["U1"].ID, by, s.clock.Wall()); err != nil {
				return err
			}
			return s.people.Enable(ctx, s.person["U1"].ID, by, s.clock.Wall())
		},
		"delete": func(s *site) error { return s.people.Delete(ctx, s.person["U1"].ID, by, s.clock.Wall()) },
		"new password": func(s *site) error {
			return s.people.SetPassword(ctx, s.person["U1"].ID, "another-plum-orbit-77", by, s.clock.Wall())
		},
	} {
		s := newSite(t)
		b, other, bystander := s.browser(), s.browser(), s.browser()
		token := s.redeem("CB", b.walk(s.az("CB", nil), "U1"))
		other.signIn("U1")
		bystander.signIn("U2")
		_, consent := b.consent(s.az("PW", nil))
		s.clock.jump(time.Second)

		if err := end(s); err != nil {
			t.Fatal(err)
		}

		if b.signedIn() || other.signedIn() {
			t.Errorf("%s: still signed in", name)
		}
		if !bystander.signedIn() {
			t.Errorf("%s: signed out somebody else", name)
		}
		if a := b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid"}}); strings.Contains(a.header.Get("Location"), "code=") {
			t.Errorf("%s: a page that was open still gave a code", name)
		}
		if a := s.refresh("CB", token.text(t, "refresh_token")); a.status != http.StatusBadRequest || a.text(t, "error") != "invalid_grant" {
			t.Errorf("%s: refresh %d %s", name, a.status, a.body)
		}
		if s.active("RS", token.text(t, "access_token")) {
			t.Errorf("%s: the access token is active", name)
		}
	}
}

func cookieFuzz(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	good, device := b.cookie("_session"), b.cookie("_browser")
	const name = "__Host-regrant_session"
	headers := []string{
		name + "=", name, "=" + good, name + `="` + good, name + "=" + good + good, name + "=" + good[:42], name + "=" + good[:42] + "\x7f", name + "=" + good + "=",
		name + "=" + good + "%00", name + "=" + good + "; " + name + "=" + good, name + "=" + good + "; " + name + "=x", name + "=x; " + name + "=" + good,
		name + "=" + strings.Repeat("A", 43), name + "=" + strings.Repeat("A", 8<<10), name + "={\"session\":1}", name + "=../../etc/passwd", name + "=' OR 1=1--",
		strings.ToLower(name) + "=" + good, "regrant_443_session=" + good, "__Secure-regrant_session=" + good, "Host-regrant_session=" + good,
		name + "=\xff\xfe", ";;;;", ";" + strings.Repeat(" a=b;", 500), name + "=" + device,
	}
	for i := range good {
		flipped := []byte(good)
		flipped[i] = map[bool]byte{true: 'A', false: 'B'}[flipped[i] != 'A']
		headers = append(headers, name+"="+string(flipped))
	}
	for _, header := range headers {
		for _, path := range []string{"/", "/logout", "/authorize?" + strings.SplitN(s.az("CB", nil), "?", 2)[1]} {
			r, err := http.NewRequest("GET", s.issuer+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header["Cookie"] = []string{header}
			a, err := s.try(r)
			if err != nil {
				continue // our own client would not send it
			}
			if a.status >= 500 || strings.Contains(a.body, "alice") || strings.Contains(a.header.Get("Location"), "/consent") || strings.Contains(a.header.Get("Location"), "code=") {
				t.Errorf("%s with %.80q: %d %s", path, header, a.status, a.header.Get("Location"))
			}
		}
	}
	for _, header := range []string{"__Host-regrant_browser=", "__Host-regrant_browser=x", "__Host-regrant_browser=" + device + "; __Host-regrant_browser=" + device, "__Host-regrant_browser=" + strings.Repeat("A", 4<<10)} {
		r, _ := http.NewRequest("GET", s.issuer+"/login", nil)
		r.Header["Cookie"] = []string{header}
		if a := s.do(r); a.status != http.StatusOK || len(a.header.Values("Set-Cookie")) != 1 {
			t.Errorf("%.60q: %d, sets %v", header, a.status, a.header.Values("Set-Cookie"))
		}
	}
	if !b.signedIn() {
		t.Error("the good cookie does not work any more")
	}
}
