package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
)

func requirementsLO(t *testing.T) {
	// kept makes two grants in one browser: one lives with the session, one does not.
	kept := func(s *site, b *browser) (online, offline answer) {
		s.t.Helper()
		online = s.exchange("CB", b.walk(s.az("CB", url.Values{"scope": {"openid read"}}), "U1"), nil)
		offline = s.exchange("CB", b.walk(s.az("CB", url.Values{"scope": {"openid read offline_access"}, "prompt": {"consent"}}), "U1"), nil)
		wantOK(s.t, online)
		wantOK(s.t, offline)
		return online, offline
	}

	alone(t, "LO-06 signing out ends the session and what lives with it", func(t *testing.T, s *site) {
		b, elsewhere := s.browser(), s.grant("CB", "openid read")
		online, offline := kept(s, b)
		stolen := b.jar.Cookies(mustURL(t, s.issuer+"/"))
		a := b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
		if a.status != http.StatusSeeOther {
			t.Fatalf("sign out: %d", a.status)
		}
		cleared := false
		for _, c := range a.header.Values("Set-Cookie") {
			cleared = cleared || strings.HasPrefix(c, "__Host-regrant_session=;") && strings.Contains(c, "Max-Age=0")
		}
		if !cleared {
			t.Errorf("the cookie is not taken away: %q", a.header.Values("Set-Cookie"))
		}
		again := s.browser() // the cookie of before opens nothing
		again.jar.SetCookies(mustURL(t, s.issuer+"/"), stolen)
		address := s.az("TR", url.Values{"prompt": {"none"}})
		wantRedirectError(t, s, address, again.get(address), "login_required")
		s.wantDead("CB", online)
		s.wantAlive("CB", offline)
		s.wantAlive("CB", elsewhere)
	})

	alone(t, "LO-06 ending a session from elsewhere does the same", func(t *testing.T, s *site) {
		b := s.browser()
		online, offline := kept(s, b)
		sessions, err := s.people.Sessions(context.Background(), s.person["U1"].ID, s.clock.Wall())
		if err != nil || len(sessions) != 1 {
			t.Fatalf("sessions: %v %v", sessions, err)
		}
		if err := s.people.EndSession(context.Background(), s.person["U1"].ID, sessions[0].ID, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		address := s.az("TR", url.Values{"prompt": {"none"}})
		wantRedirectError(t, s, address, b.get(address), "login_required")
		s.wantDead("CB", online)
		s.wantAlive("CB", offline)
	})

	alone(t, "LO-06 a code of an ended session gives nothing that would outlive it", func(t *testing.T, s *site) {
		b := s.browser()
		callback := b.walk(s.az("CB", nil), "U1")
		b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
		if a := s.exchange("CB", callback, nil); a.status == http.StatusOK {
			s.wantDead("CB", a)
		}
	})

	alone(t, "LO-06 the expiry of a session ends no grant", func(t *testing.T, s *site) {
		policy, _ := oauth.PolicyOf(oauth.PresetStandard)
		policy.Idle, policy.Absolute = 100*24*time.Hour, 180*24*time.Hour
		s.change("CB", func(c *oauth.Client) { c.Policy = policy })
		b := s.browser()
		online, offline := kept(s, b)
		s.pass(40 * 24 * time.Hour)
		address := s.az("TR", url.Values{"prompt": {"none"}})
		wantRedirectError(t, s, address, b.get(address), "login_required")
		if _, err := s.people.Sweep(context.Background(), s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		wantOK(t, s.refresh("CB", online.text(t, "refresh_token")))
		wantOK(t, s.refresh("CB", offline.text(t, "refresh_token")))
	})
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
