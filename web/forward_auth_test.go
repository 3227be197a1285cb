package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

const wiki = "https://wiki.test"

// protect registers the application of an origin that a proxy protects.
func (s *site) protect(id, origin string) {
	s.t.Helper()
	s.addClient(id, oauth.Client{
		AuthMethod: oauth.AuthBasic, RedirectURIs: []string{origin + "/.regrant/callback"}, Trusted: true, Scope: oauth.Scope{"openid", "profile", "email", "groups"},
		GrantTypes: []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials},
	})
	s.change(id, func(c *oauth.Client) { c.Policy.RotationOff = true })
}

// visitor is a browser at an application that a proxy protects.
type visitor struct {
	*browser
	origin string
	query  string // of the address at which the proxy asks
}

func (s *site) visitor(origin string) *visitor {
	return &visitor{browser: s.browser(), origin: origin}
}

// request is what the proxy asks when the browser goes to a page. headers are further ones, as name and value; "" leaves one out.
func (v *visitor) request(path string, headers ...string) *http.Request {
	v.t.Helper()
	r, err := http.NewRequest("GET", v.issuer+"/forward-auth"+v.query, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	scheme, host, _ := strings.Cut(v.origin, "://")
	all := append([]string{
		"X-Forwarded-Proto", scheme, "X-Forwarded-Host", host, "X-Forwarded-Method", "GET", "X-Forwarded-Uri", path,
		"Accept", "text/html,*/*;q=0.8", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none",
	}, headers...)
	for i := 0; i < len(all); i += 2 {
		if r.Header.Set(all[i], all[i+1]); all[i+1] == "" {
			r.Header.Del(all[i])
		}
	}
	for _, c := range v.jar.Cookies(v.at("/")) {
		r.AddCookie(c)
	}
	return r
}

func (v *visitor) at(path string) *url.URL {
	u, err := url.Parse(v.origin + path)
	if err != nil {
		v.t.Fatal(err)
	}
	return u
}

func (v *visitor) visit(path string, headers ...string) answer {
	v.t.Helper()
	a := v.do(v.request(path, headers...))
	v.jar.SetCookies(v.at("/"), (&http.Response{Header: a.header}).Cookies())
	return a
}

// begin goes to a page and through the sign-in, and gives the address to which that leads.
func (v *visitor) begin(path, person string) *url.URL {
	v.t.Helper()
	a := v.visit(path)
	if a.status != http.StatusFound || !strings.HasPrefix(a.header.Get("Location"), v.issuer+"/authorize?") {
		v.t.Fatalf("nobody is sent to a sign-in: %d %v %s", a.status, a.header, a.body)
	}
	return v.walk(a.header.Get("Location"), person)
}

// signedIn signs a person in to the application and gives the cookie.
func (v *visitor) signedIn(person string) string {
	v.t.Helper()
	if a := v.visit(v.begin("/", person).RequestURI()); a.status != http.StatusFound {
		v.t.Fatalf("callback: %d %s", a.status, a.body)
	}
	v.wantIn("/")
	return v.cookie()
}

func (v *visitor) cookie() string {
	for _, c := range v.jar.Cookies(v.at("/")) {
		if c.Name == "__Host-regrant-forward" {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) wantIn(path string) answer {
	v.t.Helper()
	a := v.visit(path)
	if a.status != http.StatusOK || a.header.Get("Remote-User") == "" || a.header.Get("Set-Cookie") != "" {
		v.t.Fatalf("not let in: %d %v %s", a.status, a.header, a.body)
	}
	return a
}

// wantOut wants nobody let in, whoever asks: a page is led to the sign-in, a program hears 401.
func (v *visitor) wantOut() {
	v.t.Helper()
	if a := v.visit("/"); a.status != http.StatusFound || a.header["Remote-User"] != nil {
		v.t.Errorf("let in: %d %v", a.status, a.header)
	}
	if a := v.visit("/", "Sec-Fetch-Mode", "cors"); a.status != http.StatusUnauthorized || a.header["Remote-User"] != nil {
		v.t.Errorf("let in: %d %v", a.status, a.header)
	}
}

// grants are the living ones of a client.
func (s *site) living(client string) (ids []string) {
	s.t.Helper()
	grants, err := s.db.Grants(context.Background(), oauth.GrantFilter{ClientID: client})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, g := range grants {
		if g.Alive() {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

func TestForwardAuth(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{issuer: "https://as.test/t1"})
	s.protect("WIKI", wiki)
	s.protect("OTHER", "https://other-wiki.test:8443")
	s.addAPI("API", wiki, "wiki")
	for id, change := range map[string]func(*oauth.Client){
		"ROTATES":  func(c *oauth.Client) { c.Policy.RotationOff = false },
		"OFFLINE":  func(c *oauth.Client) { c.Policy.Refresh = oauth.RefreshOffline },
		"BOUND":    func(c *oauth.Client) { c.DPoPRequired = true },
		"PUSHED":   func(c *oauth.Client) { c.PARRequired = true },
		"NOOPENID": func(c *oauth.Client) { c.Scope = oauth.Scope{"profile"} },
		"TWIN":     func(c *oauth.Client) {},
	} {
		s.protect(id, "https://"+strings.ToLower(id)+".test")
		s.change(id, change)
	}
	s.protect("TWIN2", "https://twin.test")
	for id, origin := range map[string]string{"SELF": wiki, "SELF2": "https://self.test"} { // whom nobody knows names the sites of others
		s.addClient(id, oauth.Client{
			AuthMethod: oauth.AuthBasic, RedirectURIs: []string{origin + "/.regrant/callback"}, Scope: oauth.Scope{"openid"}, Source: oauth.SourceDynamic,
		})
		s.change(id, func(c *oauth.Client) { c.Policy.RotationOff = true })
	}
	if _, err := s.people.ChangeProfile(t.Context(), s.person["U1"].ID, account.Profile{Name: "Zoë Archer", Email: "alice@example.com", EmailVerified: true}, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	s.group("Staff", "staff", "U1")
	s.group("Comma", "x,admins", "U1")
	s.group("Editors", "éditeurs", "U1")

	t.Run("a sign-in leads back to the page, and each request says whose it is", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		a := v.visit("/page?q=a%20b&x=,")
		if a.status != http.StatusFound || a.header.Get("Strict-Transport-Security") != "" {
			t.Fatalf("%d %v", a.status, a.header)
		}
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := to.Query()
		if q.Get("client_id") != "WIKI" || q.Get("redirect_uri") != wiki+"/.regrant/callback" || q.Get("scope") != "openid profile email groups" || q.Get("code_challenge_method") != "S256" || len(q.Get("state")) != 22 {
			t.Errorf("asks for %v", q)
		}
		state := a.header.Get("Set-Cookie")
		for _, part := range []string{"__Host-regrant-forward-state-" + q.Get("state") + "=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax", "; Max-Age=3600"} {
			if !strings.Contains(state, part) || strings.Contains(state, "Domain") {
				t.Errorf("%q is not in %s", part, state)
			}
		}
		a = v.visit(v.walk(to.String(), "U1").RequestURI())
		if a.status != http.StatusFound || a.header.Get("Location") != wiki+"/page?q=a%20b&x=," {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
		cookies := (&http.Response{Header: a.header}).Cookies()
		if len(cookies) != 2 || cookies[0].MaxAge != -1 || !strings.HasPrefix(cookies[1].Value, "rgr1_") || !cookies[1].HttpOnly || !cookies[1].Secure || cookies[1].MaxAge != 180*24*3600 || cookies[1].SameSite != http.SameSiteLaxMode {
			t.Errorf("cookies: %v", cookies)
		}
		a = v.wantIn("/page")
		for name, want := range map[string]string{"Remote-User": v.person["U1"].ID, "Remote-Email": "alice@example.com", "Remote-Name": "Zoë Archer", "Remote-Groups": "staff,éditeurs", "Cache-Control": "no-store"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if v.query = "?redirect=always"; v.visit("/page?x").header.Get("Location") != wiki+"/page?x" {
			t.Error("who is signed in is not led back")
		}
		if a := v.visit("/page", "X-Forwarded-Method", "POST"); a.status != http.StatusConflict || !strings.Contains(a.body, "send the form again") {
			t.Errorf("a form is led back: %d", a.status)
		}
	})

	t.Run("what is not known is told as empty", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		v.signedIn("U2")
		a := v.visit("/", "Remote-User", "root", "Remote-Email", "root@example.com", "Remote-Groups", "admins")
		if a.header.Get("Remote-User") != v.person["U2"].ID || a.header.Get("Remote-Name") != "Bob Baker" {
			t.Errorf("%v", a.header)
		}
		for _, name := range []string{"Remote-Email", "Remote-Groups"} { // the address of U2 is not verified
			if got := a.header.Values(name); len(got) != 1 || got[0] != "" {
				t.Errorf("%s: %q", name, got)
			}
		}
	})

	t.Run("only pages are sent to a sign-in", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		for name, headers := range map[string][]string{
			"a script": {"Sec-Fetch-Mode", "cors"}, "a form": {"X-Forwarded-Method", "POST"}, "a program": {"Sec-Fetch-Mode", "", "Accept", "*/*"},
			"one that takes JSON": {"Sec-Fetch-Mode", "", "Accept", "application/json, text/html;q=0.5"},
		} {
			if a := v.visit("/", headers...); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") != `Bearer realm="regrant"` || a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %d %v", name, a.status, a.header)
			}
		}
		if a := v.visit("/", "Sec-Fetch-Mode", ""); a.status != http.StatusFound {
			t.Errorf("an older browser: %d", a.status)
		}
		v.query = "?redirect=no"
		if a := v.visit("/"); a.status != http.StatusUnauthorized || a.header.Get("Set-Cookie") != "" {
			t.Errorf("redirect=no: %d", a.status)
		}
	})

	t.Run("no address leads to another site", func(t *testing.T) {
		for path, want := range map[string]string{
			"//evil.test/x": "//evil.test/x", "/\\evil.test": "/", "https://evil.test/": "/", "@evil.test/": "/", ".evil.test/": "/", "/a\tb": "/", "/?next=https://evil.test": "/?next=https://evil.test",
			"/.regrant/callback/x": "/", "/" + strings.Repeat("a", 3000): "/", "/a?" + strings.Repeat("b", 3000): "/a", "/a#b": "/",
		} {
			v := s.in(t).visitor(wiki)
			to := v.begin(path, "U1")
			a := v.visit(to.RequestURI())
			if a.status != http.StatusFound || a.header.Get("Location") != wiki+want {
				t.Errorf("%.40q: %d %s", path, a.status, a.header.Get("Location"))
			}
			u, err := url.Parse(a.header.Get("Location"))
			if err != nil || u.Host != "wiki.test" || u.User != nil {
				t.Errorf("%.40q leads to %v", path, u)
			}
		}
	})

	t.Run("the answer to a sign-in has to come to the browser that began it, from here, and once", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		refused := func(name string, by *visitor, to *url.URL, set url.Values, status int) {
			t.Helper()
			back := *to
			back.RawQuery = changed(to.Query(), set).Encode()
			before := v.living("WIKI")
			a := by.visit(back.RequestURI())
			if a.status != status || a.header.Get("Location") != "" || strings.Contains(strings.Join(a.header.Values("Set-Cookie"), " "), "rgr1_") {
				t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
			}
			if after := v.living("WIKI"); !slices.Equal(before, after) {
				t.Errorf("%s: %v became %v", name, before, after)
			}
		}
		to := v.begin("/", "U1")
		refused("another browser", s.in(t).visitor(wiki), to, nil, http.StatusBadRequest)
		refused("another state", v, to, url.Values{"state": {"AAAAAAAAAAAAAAAAAAAAAA"}}, http.StatusBadRequest)
		refused("no state", v, to, url.Values{"state": nil}, http.StatusBadRequest)
		refused("two codes", v, to, url.Values{"code": {"a", "b"}}, http.StatusBadRequest)
		refused("another issuer", v, to, url.Values{"iss": {"https://as.test"}}, http.StatusBadRequest)
		refused("no issuer", v, to, url.Values{"iss": nil}, http.StatusBadRequest)
		if a := v.visit(to.RequestURI()); a.status != http.StatusFound {
			t.Fatalf("the right one: %d %s", a.status, a.body)
		}
		mine := len(v.living("WIKI"))
		if a := v.visit(to.RequestURI()); a.status != http.StatusFound || a.header.Get("Location") != wiki+"/" || len(v.living("WIKI")) != mine {
			t.Errorf("a callback out of the history: %d %v", a.status, a.header)
		}

		// Somebody else's code in a sign-in of this browser: PKCE tells.
		stolen := s.in(t).visitor(wiki).begin("/", "U2")
		refused("a code of another sign-in", v, v.begun(), url.Values{"code": {stolen.Query().Get("code")}}, http.StatusBadRequest)
		refused("a denial", v, v.begun(), url.Values{"code": nil, "error": {"access_denied"}}, http.StatusForbidden)
		refused("an unknown code", v, v.begun(), url.Values{"code": {"rgc1_nothing"}}, http.StatusBadRequest)
	})

	t.Run("a code that comes twice ends its sign-in", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		to := v.begin("/", "U1")
		thief := &visitor{browser: &browser{v.site, v.copied()}, origin: wiki} // who has the code and the cookie
		if a := v.visit(to.RequestURI()); a.status != http.StatusFound {
			t.Fatalf("%d %s", a.status, a.body)
		}
		v.wantIn("/")
		if a := thief.visit(to.RequestURI()); a.status != http.StatusBadRequest {
			t.Errorf("replayed: %d %s", a.status, a.body)
		}
		v.wantOut()
	})

	t.Run("the cookie of another application, or of none, lets nobody in", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		other := s.in(t).visitor("https://other-wiki.test:8443")
		cookie := v.signedIn("U1")
		other.signedIn("U1")
		for name, value := range map[string]string{"another application's": other.cookie(), "changed": flipped(cookie), "cut off": cookie[:40], "an access token": v.machine("WIKI")} {
			thief := s.in(t).visitor(wiki)
			thief.jar.SetCookies(thief.at("/"), []*http.Cookie{{Name: "__Host-regrant-forward", Value: value, Secure: true, Path: "/"}})
			if thief.wantOut(); t.Failed() {
				t.Fatal(name)
			}
		}
		r := v.request("/")
		r.AddCookie(&http.Cookie{Name: "__Host-regrant-forward", Value: cookie})
		if a := v.do(r); a.status != http.StatusFound {
			t.Errorf("the cookie twice: %d", a.status)
		}
		v.wantIn("/")
		other.wantIn("/")
	})

	t.Run("the host and the scheme are those of the application", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		v.signedIn("U1")
		for name, headers := range map[string][]string{
			"another host": {"X-Forwarded-Host", "evil.test"}, "another port": {"X-Forwarded-Host", "wiki.test:444"}, "http": {"X-Forwarded-Proto", "http"}, "a suffix": {"X-Forwarded-Host", "wiki.test.evil.test"},
			"a client that registered itself": {"X-Forwarded-Host", "self.test"},
		} {
			if a := v.visit("/", headers...); a.status != http.StatusForbidden || a.header["Remote-User"] != nil || !strings.Contains(a.body, "/.regrant/callback and --no-rotation") {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		for name, headers := range map[string][]string{
			"no host": {"X-Forwarded-Host", ""}, "two hosts": {"X-Forwarded-Host", "wiki.test, evil.test"}, "a user": {"X-Forwarded-Host", "wiki.test@evil.test"}, "no scheme": {"X-Forwarded-Proto", ""},
			"another scheme": {"X-Forwarded-Proto", "ftp"}, "no address": {"X-Forwarded-Uri", ""}, "no method": {"X-Forwarded-Method", ""},
		} {
			if a := v.visit("/", headers...); a.status != http.StatusBadRequest || a.header["Remote-User"] != nil {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		for name, headers := range map[string][]string{"the usual port": {"X-Forwarded-Host", "wiki.test:443"}, "capitals": {"X-Forwarded-Host", "Wiki.TEST"}, "a WebSocket": {"X-Forwarded-Proto", "wss"}} {
			if a := v.visit("/", headers...); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	})

	t.Run("a client that cannot stand for it is told of", func(t *testing.T) {
		for host, why := range map[string]string{
			"rotates": "--no-rotation", "offline": "--refresh always", "bound": "--no-dpop", "pushed": "--no-require-par", "noopenid": "openid", "twin": "has the same redirect URI",
		} {
			mine := s.in(t)
			if a := mine.visitor("https://" + host + ".test").visit("/"); a.status != http.StatusForbidden || !strings.Contains(a.body, why) || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%s: %d %s", host, a.status, a.body)
			}
			if log := mine.log.String(); !strings.Contains(log, why) {
				t.Errorf("%s: the log says nothing", host)
			}
		}
	})

	t.Run("signing out ends the sign-in and leads to the sign-out here", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		cookie := v.signedIn("U1")
		thief := &visitor{browser: &browser{v.site, v.copied()}, origin: wiki}
		if a := v.visit("/.regrant/sign-out", "Sec-Fetch-Site", "cross-site"); a.status != http.StatusFound || a.header.Get("Location") != v.issuer+"/end_session?client_id=WIKI" {
			t.Errorf("%d %v", a.status, a.header)
		}
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors"}, {"Accept", "image/*", "Sec-Fetch-Mode", "", "Sec-Fetch-Site", ""},
		} {
			if a := v.visit("/.regrant/sign-out", header...); a.status != http.StatusFound {
				t.Errorf("%v: %d %v", header, a.status, a.header)
			}
		}
		if v.wantIn("/"); v.cookie() != cookie {
			t.Error("a link of another site, or a picture, signs out")
		}
		if a := v.visit("/.regrant/sign-out"); a.status != http.StatusFound || a.header.Get("Location") != v.issuer+"/end_session?client_id=WIKI" || v.cookie() != "" {
			t.Errorf("%d %v", a.status, a.header)
		}
		thief.wantOut()
		if page := v.get(v.issuer + "/end_session?client_id=WIKI"); page.status != http.StatusOK || !strings.Contains(page.body, "<form") {
			t.Errorf("%d %s", page.status, page.body)
		}
	})

	t.Run("a sign-in after another replaces it", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		v.signedIn("U1")
		first := v.living("WIKI")
		to := v.begun()
		if a := v.visit(to.RequestURI()); a.status != http.StatusFound {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if v.wantIn("/"); len(v.living("WIKI")) != len(first) {
			t.Errorf("%d grants, then %d", len(first), len(v.living("WIKI")))
		}
	})

	t.Run("sign-ins that nobody finishes don't pile up", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		for range 30 {
			v.visit("/")
		}
		if n := len(v.jar.Cookies(v.at("/"))); n > 8 {
			t.Errorf("%d cookies", n)
		}
	})

	t.Run("a bearer token has to be alive and meant for the application", func(t *testing.T) {
		v := s.in(t).visitor(wiki)
		cookie := v.signedIn("U1")
		mine := v.post("/token", "WIKI", refreshForm(cookie)).text(t, "access_token")
		asks := func(token string, headers ...string) answer {
			return s.in(t).visitor(wiki).visit("/api", append([]string{"Sec-Fetch-Mode", "", "Authorization", "Bearer " + token}, headers...)...)
		}
		if a := asks(mine); a.status != http.StatusOK || a.header.Get("Remote-User") != v.person["U1"].ID || a.header.Get("Remote-Email") != "alice@example.com" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("its own: %d %v", a.status, a.header)
		}
		if a := asks(v.machine("WIKI")); a.status != http.StatusOK || a.header.Get("Remote-User") != "WIKI" || len(a.header["Remote-Email"]) != 1 {
			t.Errorf("a program's: %d %v", a.status, a.header)
		}
		s.change("CB", func(c *oauth.Client) { c.Scope = append(c.Scope, "wiki") })
		there := v.redeem("CB", s.in(t).browser().walk(v.az("CB", url.Values{"scope": {"openid wiki"}, "resource": {wiki}}), "U2"))
		if a := asks(there.text(t, "access_token")); a.status != http.StatusOK || a.header.Get("Remote-User") != v.person["U2"].ID || a.header.Get("Remote-Name") != "" {
			t.Errorf("of another client, for this application: %d %v", a.status, a.header)
		}
		elsewhere := v.grant("CB", "openid read")
		for name, token := range map[string]string{
			"for another API": elsewhere.text(t, "access_token"), "an ID token": elsewhere.text(t, "id_token"), "a refresh token": cookie, "garbage": "x", "changed": flipped(mine),
			"of another application": s.in(t).machine("OTHER"),
		} {
			a := asks(token)
			if a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), `Bearer realm="regrant", error="invalid_token"`) || a.header["Remote-User"] != nil {
				t.Errorf("%s: %d %v", name, a.status, a.header)
			}
		}
		if a := asks("", "Authorization", "DPoP "+mine); a.status != http.StatusUnauthorized {
			t.Errorf("by DPoP: %d %v", a.status, a.header)
		}
		if a := v.visit("/api", "Authorization", "Basic eDp5"); a.status != http.StatusOK {
			t.Errorf("the application's own Basic: %d", a.status)
		}
		if a := v.visit("/api", "Authorization", "Bearer its-own"); a.status != http.StatusOK || a.header.Get("Remote-User") != v.person["U1"].ID {
			t.Errorf("the application's own token beside the cookie: %d", a.status)
		}
		if a := v.post("/revoke", "WIKI", url.Values{"token": {mine}}); a.status != http.StatusOK {
			t.Fatal(a.status)
		}
		if a := asks(mine); a.status != http.StatusUnauthorized {
			t.Errorf("revoked: %d", a.status)
		}
	})
}

// begun is a sign-in that was begun and whose answer is on its way.
func (v *visitor) begun() *url.URL {
	v.t.Helper()
	fresh := &visitor{browser: &browser{v.site, v.copied()}, origin: v.origin}
	jar := v.site.browser().jar // without the session of the application
	for _, c := range v.jar.Cookies(v.at("/")) {
		if c.Name != "__Host-regrant-forward" {
			jar.SetCookies(v.at("/"), []*http.Cookie{c})
		}
	}
	issuer, _ := url.Parse(v.issuer)
	jar.SetCookies(issuer, v.jar.Cookies(issuer))
	fresh.jar = jar
	to := fresh.begin("/", "U1")
	for _, c := range jar.Cookies(v.at("/")) {
		v.jar.SetCookies(v.at("/"), []*http.Cookie{c})
	}
	return to
}

// copied is a jar with the same cookies.
func (v *visitor) copied() http.CookieJar {
	jar := v.site.browser().jar
	issuer, _ := url.Parse(v.issuer)
	jar.SetCookies(issuer, v.jar.Cookies(issuer))
	jar.SetCookies(v.at("/"), v.jar.Cookies(v.at("/")))
	return jar
}

// flipped is a token with one character changed.
func flipped(token string) string {
	at, other := len(token)-10, "A"
	if token[at:at+1] == other {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

// machine is an access token of a client for itself.
func (s *site) machine(client string) string {
	s.t.Helper()
	return s.post("/token", client, url.Values{"grant_type": {"client_credentials"}}).text(s.t, "access_token")
}

func TestForwardAuthAsksWhatIsStoredNow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.protect("WIKI", wiki)
	staff := s.group("Staff", "staff", "U1", "U2")
	s.limit("WIKI", staff)
	s.addAPI("API", wiki, "wiki")
	s.change("CB", func(c *oauth.Client) { c.Scope = append(c.Scope, "wiki") })
	elsewhere := s.redeem("CB", s.browser().walk(s.az("CB", url.Values{"scope": {"openid wiki"}, "resource": {wiki}}), "U1")).text(t, "access_token")
	wantBearer := func(what, token string, status int) {
		t.Helper()
		if a := s.visitor(wiki).visit("/", "Authorization", "Bearer "+token); a.status != status {
			t.Errorf("%s: %d %v", what, a.status, a.header)
		}
	}
	wantBearer("a member, by another client", elsewhere, http.StatusOK)
	wantBearer("a program, which is no member", s.machine("WIKI"), http.StatusUnauthorized)

	v := s.visitor(wiki)
	v.signedIn("U1")
	s.part(staff, "U1")
	v.wantOut()
	wantBearer("nobody's member, by another client", elsewhere, http.StatusUnauthorized)
	if got := v.begin2("/"); !strings.Contains(got.body, "not for your account") {
		t.Errorf("who may not use it any more sees %d %s", got.status, got.body)
	}
	s.join(staff, "U1")
	if a := v.wantIn("/"); a.header.Get("Remote-Groups") != "staff" {
		t.Errorf("groups: %q", a.header.Get("Remote-Groups"))
	}

	s.change("WIKI", func(c *oauth.Client) { c.Scope = oauth.Scope{"openid"} })
	if a := v.wantIn("/"); a.header.Get("Remote-Groups") != "" || a.header.Get("Remote-Name") != "" {
		t.Errorf("a scope that was taken away is told: %v", a.header)
	}

	// What the dashboard ends is over with the next request.
	if ids := s.living("WIKI"); len(ids) != 1 || s.engine.EndGrant(t.Context(), ids[0], audit.Origin{Actor: audit.ByPerson, ActorID: s.person["U2"].ID}) != nil {
		t.Fatal("the grant is not in the list, or cannot be ended")
	}
	v.wantOut()

	v.signedIn("U1")
	s.pass(20 * 24 * time.Hour)
	v.wantIn("/")
	s.pass(20 * 24 * time.Hour) // the use in between counts: it is idle for 30 days
	v.wantIn("/")
	s.pass(31 * 24 * time.Hour)
	v.wantOut()

	v = s.visitor(wiki)
	v.signedIn("U1")
	for range 10 {
		s.pass(19 * 24 * time.Hour)
		if a := v.visit("/"); a.status != http.StatusOK {
			break
		}
	}
	v.wantOut() // 190 days: the absolute lifetime is 180

	v = s.visitor(wiki)
	v.signedIn("U2")
	if err := s.people.Disable(t.Context(), s.person["U2"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	v.wantOut()

	v = s.visitor(wiki)
	v.signedIn("U1")
	s.change("WIKI", func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now })
	if a := v.visit("/"); a.status != http.StatusForbidden && a.status != http.StatusFound || a.header.Get("Remote-User") != "" {
		t.Errorf("the client is disabled: %d %v", a.status, a.header)
	}
}

// begin2 goes to a page of somebody who is signed in here, and gives what the server shows them.
func (v *visitor) begin2(path string) answer {
	v.t.Helper()
	a := v.visit(path)
	for range 3 {
		if a.status != http.StatusFound && a.status != http.StatusSeeOther {
			break
		}
		a = v.get(a.header.Get("Location"))
	}
	return a
}

func TestForwardAuthWritesAUseOnceAnHour(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.protect("WIKI", wiki)
	v := s.visitor(wiki)
	v.signedIn("U1")
	used := func() time.Time {
		t.Helper()
		grants, err := s.db.Grants(t.Context(), oauth.GrantFilter{ClientID: "WIKI"})
		if err != nil || len(grants) != 1 {
			t.Fatal(err, len(grants))
		}
		return grants[0].LastUsedAt
	}
	first := used()
	s.pass(59 * time.Minute)
	if v.wantIn("/"); !used().Equal(first) {
		t.Error("each request is written down")
	}
	s.pass(2 * time.Minute)
	if v.wantIn("/"); !used().After(first) {
		t.Error("no request is written down")
	}
}

func TestForwardAuthTakesAFaultForNoVerdict(t *testing.T) { // GEN-00
	t.Parallel()
	s, f := newSite(t), &faults{}
	s.protect("WIKI", wiki)
	s.stop()
	s.startOver(func(d *db.DB) stores {
		return stores{faultyStore{d, f}, faultyPeople{d, f}, faultySessions{d.SessionStore(s.clock.Wall), f}}
	})
	v := s.visitor(wiki)
	// each tries an act with every call of the store that it makes failing once, and then without.
	each := func(name string, status int, act func() answer) {
		t.Helper()
		for at := 1; at < 30; at++ {
			f.set(at, errors.New("disk"), false)
			a := act()
			calls, fired := f.seen()
			f.set(0, nil, false)
			if fired == "" {
				if a.status != status || at == 1 {
					t.Errorf("%s (%v): %d %s", name, calls, a.status, a.body)
				}
				return
			}
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.header.Get("Set-Cookie") != "" || strings.Contains(a.body, "disk") {
				t.Errorf("%s, %s fails: %d %v %s", name, fired, a.status, a.header, a.body)
			}
		}
	}
	to := v.begin("/", "U1")
	each("callback", http.StatusFound, func() answer { return v.visit(to.RequestURI()) })
	s.pass(2 * time.Hour)
	each("session", http.StatusOK, func() answer { return v.visit("/") })
	token := v.post("/token", "WIKI", refreshForm(v.cookie())).text(t, "access_token")
	each("bearer", http.StatusOK, func() answer { return s.visitor(wiki).visit("/", "Authorization", "Bearer "+token) })
	each("sign-out", http.StatusFound, func() answer { return v.visit("/.regrant/sign-out") })
}
