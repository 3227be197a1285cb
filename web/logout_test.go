package web_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
)

// endSession is the address of a logout request; a nil value removes a parameter.
func (s *site) endSession(set url.Values) string {
	return s.issuer + "/end_session?" + changed(url.Values{}, set).Encode()
}

// signedInHere says whether somebody is signed in in this browser, which may be nobody's business to ask: as U1.
func (b *browser) signedInHere() bool {
	b.t.Helper()
	u, err := url.Parse(b.get(b.az("TR", url.Values{"prompt": {"none"}})).header.Get("Location"))
	if err != nil {
		b.t.Fatal(err)
	}
	return u.Query().Has("code")
}

// wantAsked wants a page that asks whether to sign out, and nobody signed out by it.
func (b *browser) wantAsked(a answer, status int) {
	b.t.Helper()
	wantPageStatus(b.t, a, status)
	if !strings.Contains(a.body, "Sign out?") || !b.signedInHere() {
		b.t.Errorf("%d %s", a.status, a.body)
	}
}

// wantSignedOut wants the browser on the way to an address, and nobody signed in in it.
func (b *browser) wantSignedOut(a answer, to string) {
	b.t.Helper()
	if a.status != http.StatusSeeOther || a.header.Get("Location") != to {
		b.t.Errorf("%d to %q, want 303 to %q: %s", a.status, a.header.Get("Location"), to, a.body)
	}
	if b.signedInHere() {
		b.t.Error("somebody is still signed in")
	}
}

const bye = "https://app.test/bye"

// leaving makes a client that may have the browser back after a sign-out, a browser in which U1 is signed in to it, and gives the ID token.
func (s *site) leaving(id string) (b *browser, hint string) {
	s.t.Helper()
	s.addClient(id, oauth.Client{
		AuthMethod: oauth.AuthBasic, Trusted: true, RedirectURIs: []string{"https://app.test/cb"},
		PostLogoutRedirectURIs: []string{bye, "https://app.test/bye?a=b", "com.example.app:/bye"},
	})
	b = s.browser()
	return b, s.idToken(b, id)
}

// idToken signs U1 in to TR, or a client of [site.leaving], in a browser.
func (s *site) idToken(b *browser, client string) string {
	s.t.Helper()
	set := url.Values{"scope": {"openid"}}
	if client != "TR" {
		set["client_id"], set["redirect_uri"] = []string{client}, []string{"https://app.test/cb"}
	}
	a := s.exchange(client, b.walk(s.az("TR", set), "U1"), nil)
	wantOK(s.t, a)
	return a.text(s.t, "id_token")
}

func requirementsLO(t *testing.T) {
	all := newSites(t)
	base := func(s *site) string { return strings.TrimPrefix(s.issuer, "https://as.test") }

	all.rule(t, "LO-01 a request that says nothing is asked about, by GET and by POST", func(t *testing.T, s *site) {
		for _, query := range []url.Values{{}, {"state": {"x"}}, {"logout_hint": {s.person["U1"].Email}}, {"client_id": {"CB"}}} {
			b := s.alice()
			page := b.get(s.endSession(query))
			b.wantAsked(page, http.StatusOK)
			b.wantSignedOut(b.submit(page, s.issuer+"/logout", nil), base(s)+"/logout")
			if page := b.get(s.issuer + "/logout"); !strings.Contains(page.body, "You are signed out") {
				t.Errorf("%v: %s", query, page.body)
			}
			if page := b.get(s.endSession(query)); page.status != http.StatusOK || !strings.Contains(page.body, "You are signed out") {
				t.Errorf("%v, signed out: %d %s", query, page.status, page.body)
			}
		}
		form := url.Values{"state": {"a b"}, "client_id": {"CB"}, "strange": {"x"}}
		a := s.postBody("/end_session", form.Encode(), "Sec-Fetch-Site", "cross-site", "Origin", "https://app.test")
		if a.status != http.StatusSeeOther || a.header.Get("Location") != base(s)+"/end_session?client_id=CB&state=a+b" {
			t.Errorf("POST: %d to %q", a.status, a.header.Get("Location"))
		}
		for _, method := range []string{"PUT", "DELETE"} {
			if a := s.fetch(method, s.issuer+"/end_session"); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, POST" {
				t.Errorf("%s: %d", method, a.status)
			}
		}
	})

	all.rule(t, "LO-01 a request that cannot be read ends nothing", func(t *testing.T, s *site) {
		b, hint := s.leaving("LO01")
		for _, query := range []string{
			"id_token_hint=" + hint + "&client_id=LO01&client_id=LO01", "id_token_hint=" + hint + "&id_token_hint=" + hint, "id_token_hint=" + hint + "&state=%zz",
			"id_token_hint=" + hint + "&state=" + strings.Repeat("x", 8193), "id_token_hint=" + hint + "&post_logout_redirect_uri=" + bye + "&post_logout_redirect_uri=" + bye,
		} {
			wantPage(t, b.get(s.issuer+"/end_session?"+query))
		}
		if a := b.get(s.endSession(url.Values{"id_token_hint": {hint}, "ui_locales": {strings.Repeat("de ", 20_000)}})); a.status != http.StatusRequestURITooLong {
			t.Errorf("a long one: %d", a.status)
		}
		if !b.signedInHere() {
			t.Error("somebody was signed out")
		}
	})

	all.rule(t, "LO-02 LO-04 an ID token of this session signs out at once, and leads to a registered address with the state", func(t *testing.T, s *site) {
		for i, c := range []struct{ uri, state, want string }{
			{bye, "", bye}, {bye, "a&b=ü", bye + "?state=a%26b%3D%C3%BC"}, {"https://app.test/bye?a=b", "x", "https://app.test/bye?a=b&state=x"},
			{"com.example.app:/bye", "y", "com.example.app:/bye?state=y"}, {"", "x", base(s) + "/logout"},
		} {
			b, hint := s.leaving("LO02-" + strconv.Itoa(i))
			query := url.Values{"id_token_hint": {hint}, "client_id": {"LO02-" + strconv.Itoa(i)}, "post_logout_redirect_uri": {c.uri}, "state": {c.state}}
			if i == 0 {
				query["client_id"] = nil // it stands in the ID token
			}
			b.wantSignedOut(b.get(s.endSession(query)), c.want)
			if a := b.get(s.endSession(query)); a.header.Get("Location") != c.want { // nobody is signed in: the same answer
				t.Errorf("again: %d to %q", a.status, a.header.Get("Location"))
			}
		}
	})

	all.rule(t, "LO-02 no other address is gone to, and the person is asked and told", func(t *testing.T, s *site) {
		b, hint := s.leaving("LO02")
		other := s.idToken(b, "TR")
		parts := strings.Split(hint, ".")
		unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
		tokens := s.exchange("LO02", b.walk(s.az("CB", url.Values{"client_id": {"LO02"}}), "U1"), nil)
		for _, query := range []url.Values{
			{"post_logout_redirect_uri": {bye + "?x=y"}}, {"post_logout_redirect_uri": {bye + "/"}}, {"post_logout_redirect_uri": {bye + "?"}}, {"post_logout_redirect_uri": {"HTTPS://app.test/bye"}},
			{"post_logout_redirect_uri": {"https://evil.test/"}}, {"post_logout_redirect_uri": {"//evil.test"}}, {"post_logout_redirect_uri": {"https://app.test/cb"}}, {"post_logout_redirect_uri": {bye + "#x"}},
			{"post_logout_redirect_uri": {bye + " https://app.test/bye?a=b"}}, {"post_logout_redirect_uri": {"javascript:alert(1)"}},
			{"id_token_hint": nil}, {"id_token_hint": {"bad"}}, {"id_token_hint": {unsigned}}, {"id_token_hint": {parts[0] + "." + parts[1] + "." + parts[2][1:] + "A"}},
			{"id_token_hint": {tokens.text(t, "access_token")}}, {"id_token_hint": {other}, "client_id": {"LO02"}}, {"id_token_hint": {other}}, {"client_id": {"CB"}}, {"client_id": {"nobody"}},
			{"client_id": {"OFF"}, "id_token_hint": nil}, {"id_token_hint": {"bad"}, "client_id": {"LO02"}},
		} {
			page := b.get(s.endSession(changed(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}, "state": {"x"}}, query)))
			b.wantAsked(page, http.StatusBadRequest)
			if !strings.Contains(page.body, "invalid_request") || strings.Contains(page.body, "evil") || strings.Contains(page.body, `name="post_logout_redirect_uri"`) {
				t.Errorf("%v: %s", query, page.body)
			}
			anonymous := s.browser().get(s.endSession(changed(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}, "state": {"x"}}, query)))
			wantPageStatus(t, anonymous, http.StatusBadRequest)
		}
	})

	all.rule(t, "LO-02 client_id alone leads back after a confirmation", func(t *testing.T, s *site) {
		b, _ := s.leaving("LO02-id")
		query := url.Values{"client_id": {"LO02-id"}, "post_logout_redirect_uri": {bye}, "state": {"x&y"}}
		page := b.get(s.endSession(query))
		b.wantAsked(page, http.StatusOK)
		if !strings.Contains(page.body, "Client LO02-id") {
			t.Error("the page does not say who asks")
		}
		if policy := page.header.Get("Content-Security-Policy"); strings.Contains(policy, "form-action") {
			t.Errorf("a browser would not follow to the application: %s", policy)
		}
		b.wantSignedOut(b.submit(page, s.issuer+"/logout", nil), bye+"?state=x%26y")
		page = b.get(s.endSession(query)) // nobody is signed in: a click, since nothing else proves that somebody wants to go there
		wantPageStatus(t, page, http.StatusOK)
		if a := b.submit(page, s.issuer+"/logout", nil); a.header.Get("Location") != bye+"?state=x%26y" {
			t.Errorf("back: %d to %q", a.status, a.header.Get("Location"))
		}
		b.signIn("U1")
		a := b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", url.Values{"client_id": {"LO02-id"}, "post_logout_redirect_uri": {"https://evil.test/"}})
		b.wantSignedOut(a, base(s)+"/logout")
	})

	all.rule(t, "LO-03 the ID token of somebody else or of another session is asked about", func(t *testing.T, s *site) {
		b, hint := s.leaving("LO03")
		query := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}}
		other := s.alice() // the same person in another browser
		other.wantAsked(other.get(s.endSession(query)), http.StatusOK)
		b.wantSignedOut(b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil), base(s)+"/logout")
		b.signIn("U1") // the same person in the same browser, later
		b.wantAsked(b.get(s.endSession(query)), http.StatusOK)
		b.signIn("U2")
		page := b.get(s.endSession(query))
		b.wantAsked(page, http.StatusOK)
		if !strings.Contains(page.body, s.person["U2"].Name) {
			t.Error("the page does not say who is signed in")
		}
		b.wantSignedOut(b.submit(page, s.issuer+"/logout", nil), bye)
	})

	alone(t, "LO-03 an ID token that has expired, or whose key signs no more, is still proof", func(t *testing.T, s *site) {
		b, hint := s.leaving("LO03")
		if _, err := oauth.RotateSigningKeys(context.Background(), s.db, s.clock.Wall(), by); err != nil {
			t.Fatal(err)
		}
		if err := s.engine.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.pass(oauth.JWKSMaxAge + 30*time.Minute)
		b.wantSignedOut(b.get(s.endSession(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}})), bye)
	})

	all.rule(t, "LO-05 nothing that another site can send without a click or an ID token ends a session; the cookie is SameSite=Lax, see WEB-26", func(t *testing.T, s *site) {
		b, hint := s.leaving("LO05")
		for _, path := range []string{"/logout", "/end_session"} {
			b.get(s.issuer + path)
			r, _ := http.NewRequest("POST", s.issuer+path, strings.NewReader("client_id=LO05"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			if a := b.send(r); path == "/logout" && a.status != http.StatusForbidden {
				t.Errorf("%s: %d", path, a.status)
			}
		}
		r, _ := http.NewRequest("HEAD", s.endSession(url.Values{"id_token_hint": {hint}}), nil)
		b.send(r)
		if !b.signedInHere() {
			t.Error("somebody was signed out")
		}
	})

	all.rule(t, "LO-08 sid is that of the session: the same for every application and refresh, another after a sign-out", func(t *testing.T, s *site) {
		b, first := s.leaving("LO08-a")
		sid := s.verified(first)["sid"]
		s.addClient("LO08-b", oauth.Client{AuthMethod: oauth.AuthBasic, Trusted: true, RedirectURIs: []string{"https://app.test/cb"}})
		tokens := s.exchange("LO08-b", b.walk(s.az("CB", url.Values{"client_id": {"LO08-b"}, "scope": {"openid"}}), "U1"), nil)
		refreshed := s.refresh("LO08-b", tokens.text(t, "refresh_token"))
		for _, a := range []answer{tokens, refreshed} {
			if got := s.verified(a.text(t, "id_token"))["sid"]; got != sid || sid == nil || sid == "" {
				t.Errorf("sid is %v, and %v at another application", sid, got)
			}
		}
		if got := s.verified(s.idToken(s.browser(), "LO08-a"))["sid"]; got == sid {
			t.Error("another browser has the same sid")
		}
		b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
		if got := s.verified(s.idToken(b, "LO08-a"))["sid"]; got == sid {
			t.Error("the next sign-in has the same sid")
		}
	})

	alone(t, "LO-08 two people in one browser, whose cookies are partly cleared, never share a session", func(t *testing.T, s *site) {
		b, hint := s.leaving("LO08")
		for _, forgotten := range []string{"", "browser", "session"} {
			kept := s.browser()
			for _, c := range b.jar.Cookies(mustURL(t, s.issuer+"/")) {
				if forgotten == "" || !strings.Contains(c.Name, forgotten) {
					kept.jar.SetCookies(mustURL(t, s.issuer+"/"), []*http.Cookie{c})
				}
			}
			kept.signIn("U2")
			a := s.exchange("LO08", kept.walk(s.az("CB", url.Values{"client_id": {"LO08"}, "scope": {"openid"}}), "U2"), nil)
			wantOK(t, a)
			if claims := s.verified(a.text(t, "id_token")); claims["sub"] != s.person["U2"].ID || claims["sid"] == s.verified(hint)["sid"] {
				t.Errorf("without the cookie %q: %v", forgotten, claims)
			}
		}
	})

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
