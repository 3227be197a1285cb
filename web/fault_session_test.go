package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
)

// session is one person and one application from the first page to the last token. Each step is tried until no fault meets it.
type session struct {
	*browser
	f         *faults
	address   string
	page      answer
	at        string // where the browser is
	code      string
	tokens    []string
	access    string
	untouched *family // of a client without rotation
	calls     []string
	fired     string
}

// newSession makes what a session needs while nothing fails yet.
func newSession(t *testing.T, s *site, f *faults) *session {
	t.Helper()
	f.set(0, nil, false)
	mine := s.in(t)
	n := &session{f: f, untouched: mine.browser().grantTo("touch", "U2", "openid read offline_access")}
	mine.pass(61 * time.Minute)                                                                                                                               // the next rotation makes a window key, and the next use of that token is written
	_ = mine.db.WithdrawConsent(t.Context(), mine.person["U1"].ID, "CB", mine.clock.Wall(), audit.Event{At: mine.clock.Wall(), Kind: audit.ConsentWithdrawn}) // the first time there is none
	n.browser = mine.browser()
	n.address = mine.az("CB", url.Values{"scope": {"openid read offline_access"}})
	f.set(0, nil, false)
	return n
}

func (n *session) run() {
	n.t.Helper()
	n.step("authorize", n.pageOrRedirect, func() answer { return n.get(n.address) }, func(a answer) bool { return n.went(a, "/login?") })
	n.step("sign-in page", n.pageOrRedirect, func() answer { return n.get(n.at) }, n.shown)
	n.step("sign in", n.pageOrRedirect, func() answer {
		return n.submit(n.page, n.issuer+"/login", url.Values{"email": {n.person["U1"].Email}, "password": {password}})
	}, func(a answer) bool { return n.went(a, "/consent?") || n.went(a, "/login?") })
	n.step("consent page", n.pageOrRedirect, func() answer { return n.get(n.at) }, n.shown)
	n.step("consent", n.pageOrRedirect, func() answer {
		return n.submit(n.page, n.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(n.page.body)})
	}, func(a answer) bool { return n.went(a, "code=") })
	to, err := url.Parse(n.at)
	if err != nil {
		n.t.Fatal(err)
	}
	n.code = to.Query().Get("code")

	refresh := func(generation int) func() answer {
		return func() answer { return n.refresh("CB", n.tokens[generation]) }
	}
	asked := func(asker string, token func() string) func() answer {
		return func() answer { return n.post("/introspect", asker, url.Values{"token": {token()}}) }
	}
	active := func(a answer) bool { return a.status == http.StatusOK && a.json(n.t, "active") == true }
	n.json("wrong verifier", func() answer {
		return n.post("/token", "CB", url.Values{"grant_type": {"authorization_code"}, "code": {n.code}, "code_verifier": {strings.Repeat("x", 43)}, "redirect_uri": {"https://app.test/cb"}})
	}, invalidGrant)
	n.json("code", func() answer {
		return n.post("/token", "CB", url.Values{"grant_type": {"authorization_code"}, "code": {n.code}, "code_verifier": {verifier}, "redirect_uri": {"https://app.test/cb"}})
	}, n.kept)
	n.json("refresh", refresh(0), n.kept)
	n.json("replay", refresh(0), func(a answer) bool { return a.status == http.StatusOK && a.text(n.t, "refresh_token") == n.tokens[1] })
	n.json("refresh again", refresh(1), n.kept)
	n.json("refresh without rotation", func() answer { return n.refresh("touch", n.untouched.tokens[0]) }, func(a answer) bool { return a.status == http.StatusOK })
	n.json("introspect the access token", asked("RS", func() string { return n.access }), active)
	n.json("introspect the refresh token", asked("CB", func() string { return n.tokens[2] }), active)
	n.json("userinfo", func() answer {
		r, err := http.NewRequest("GET", n.issuer+"/userinfo", nil)
		if err != nil {
			n.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+n.access)
		return n.do(r)
	}, func(a answer) bool { return a.status == http.StatusOK && a.text(n.t, "sub") == n.person["U1"].ID })
	n.json("reuse", refresh(0), invalidGrant)
	n.json("after reuse", refresh(2), invalidGrant)
	n.json("introspect what has ended", asked("RS", func() string { return n.access }), func(a answer) bool { return a.status == http.StatusOK && a.json(n.t, "active") == false })
	n.json("revoke an access token", func() answer { return n.post("/revoke", "touch", url.Values{"token": {n.untouched.access[0]}}) }, empty)
	n.json("revoke", func() answer { return n.post("/revoke", "touch", url.Values{"token": {n.untouched.tokens[0]}}) }, empty)
	n.step("sign-out page", n.wantPage503, func() answer { return n.get(n.issuer + "/logout") }, n.shown)
	n.step("sign out", n.wantPage503, func() answer { return n.submit(n.page, n.issuer+"/logout", nil) }, func(a answer) bool { return n.went(a, "/logout") })
	n.calls, n.fired = n.f.seen()
	n.f.set(0, nil, false)
	n.untouched.dead()
}

func empty(a answer) bool { return a.status == http.StatusOK && a.body == "" }

func invalidGrant(a answer) bool {
	return a.status == http.StatusBadRequest && strings.Contains(a.body, `"invalid_grant"`)
}

// step does one thing. If a fault met it, the answer has to say so, and the same thing has to work the second time.
func (n *session) step(name string, faulted func(string, answer), do func() answer, done func(answer) bool) {
	n.t.Helper()
	_, before := n.f.seen()
	a := do()
	_, fired := n.f.seen()
	if before == "" && fired != "" && !done(a) { // what a fault did not stop is fine as well
		faulted(name+", "+fired, a)
		a = do()
	}
	if !done(a) {
		n.t.Fatalf("%s (%s has failed): %d %s %s", name, fired, a.status, a.header.Get("Location"), a.body)
	}
}

func (n *session) json(name string, do func() answer, done func(answer) bool) {
	n.t.Helper()
	n.step(name, func(what string, a answer) {
		n.t.Helper()
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.text(n.t, "error") != "temporarily_unavailable" || a.header.Get("WWW-Authenticate") != "" {
			n.t.Errorf("%s: a fault is told as %d %v %s", what, a.status, a.header, a.body)
		}
	}, do, done)
}

func (n *session) wantPage503(what string, a answer) {
	n.t.Helper()
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "<html") || strings.Contains(a.body, "disk") {
		n.t.Errorf("%s: a fault is told as %d %v %s", what, a.status, a.header, a.body)
	}
}

// pageOrRedirect takes the page, or an error at the client once its address is proven.
func (n *session) pageOrRedirect(what string, a answer) {
	n.t.Helper()
	if a.status != http.StatusSeeOther {
		n.wantPage503(what, a)
		return
	}
	if code := wantRedirect(n.t, n.site, n.address, a).Get("error"); code != "temporarily_unavailable" && code != "server_error" {
		n.t.Errorf("%s: a fault is told as %q", what, code)
	}
}

func (n *session) went(a answer, to string) bool {
	n.at = a.header.Get("Location")
	return a.status == http.StatusSeeOther && strings.Contains(n.at, to)
}

func (n *session) shown(a answer) bool {
	n.page = a
	return a.status == http.StatusOK && strings.Contains(a.body, "<form")
}

func (n *session) kept(a answer) bool {
	if a.status != http.StatusOK {
		return false
	}
	n.tokens, n.access = append(n.tokens, a.text(n.t, "refresh_token")), a.text(n.t, "access_token")
	return true
}
