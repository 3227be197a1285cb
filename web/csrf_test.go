package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/app/oauth"
)

// foreign are the headers with which browsers mark a form or fetch of another site.
var foreign = map[string]http.Header{
	"cross-site form":         {"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Origin": {"https://evil.test"}},
	"cross-site fetch":        {"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}, "Origin": {"https://evil.test"}},
	"same-site sibling":       {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://sibling.test"}},
	"older browser":           {"Origin": {"https://evil.test"}},
	"sandboxed frame":         {"Origin": {"null"}},
	"sandboxed, newer":        {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"null"}},
	"http page of the host":   {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"http://as.test"}},
	"own origin, but foreign": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://as.test"}},
	"other port of the host":  {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://as.test:8443"}},
	"other port, older":       {"Origin": {"https://as.test:8443"}},
}

var sameOrigin = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://as.test"}}

// act is one form of ours, ready to be sent, and the check that it has done nothing.
type act struct {
	path    string
	fields  url.Values
	nothing func() bool
}

// acts are all forms that there are, as somebody in the middle of something has them open. A form that is added to routes.go
// must be added here: formsAreComplete looks.
func acts(s *site) (b *browser, list []act) {
	b = s.browser()
	b.signIn("U1")
	_, consent := b.consent(s.az("PW", nil))
	choose := b.get(s.az("PW", url.Values{"prompt": {"select_account"}}))
	chosen := b.get(choose.header.Get("Location"))
	logout := b.get(s.issuer + "/logout")
	codes := func() bool { return !strings.Contains(s.log.String(), "consent.given") && b.signedIn() }
	return b, []act{
		{"/consent", merged(hidden(consent, "request"), hidden(consent, "form_token"), url.Values{"decision": {"allow"}, "scope": {"openid"}}), codes},
		{"/consent", merged(hidden(consent, "request"), hidden(consent, "form_token"), url.Values{"decision": {"deny"}}), codes},
		{"/login/continue", merged(hidden(chosen, "request"), hidden(chosen, "form_token"), url.Values{"decision": {"continue"}}), codes},
		{"/login", merged(hidden(logout, "form_token"), url.Values{"email": {s.person["U2"].Email}, "password": {password}}), func() bool {
			return strings.Contains(b.get(s.issuer+"/").body, "alice")
		}},
		{"/logout", hidden(logout, "form_token"), b.signedIn},
	}
}

func foreignSites(t *testing.T) {
	s := newSite(t)
	b, list := acts(s)
	for name, header := range foreign {
		for _, act := range list {
			a := b.form(s.issuer+act.path, act.fields, header)

			if a.status != http.StatusForbidden || a.header.Get("Location") != "" {
				t.Errorf("%s to %s: %d %s", name, act.path, a.status, a.header.Get("Location"))
			}
			if set := a.header.Values("Set-Cookie"); len(set) > 0 {
				t.Errorf("%s to %s sets %v", name, act.path, set)
			}
			if !act.nothing() {
				t.Errorf("%s to %s acted", name, act.path)
			}
		}
	}
	for _, act := range list { // the same forms, from our own pages: the refusals above were for the headers alone
		if a := b.form(s.issuer+act.path, act.fields, sameOrigin); a.status != http.StatusSeeOther && !strings.Contains(a.body, "expired") {
			t.Errorf("own form to %s: %d %s", act.path, a.status, a.body)
		}
		if act.path == "/login" {
			break // the rest of the list belongs to who was signed in before
		}
	}
}

func formTokens(t *testing.T) {
	s := newSite(t)
	b, list := acts(s)
	other := hidden(s.browser().get(s.issuer+"/login"), "form_token").Get("form_token")
	session := b.cookie("_session")
	for _, act := range list {
		own := act.fields.Get("form_token")
		for name, tokens := range map[string][]string{
			"none": nil, "empty": {""}, "another browser's": {other}, "the session": {session}, "twice": {own, own}, "half": {own[:len(own)/2]},
			"extended": {"x" + own}, "the cookie": {b.cookie("_browser")}, "with a NUL": {own + "\x00"},
		} {
			fields := merged(act.fields, url.Values{"form_token": tokens})
			a := b.form(s.issuer+act.path, fields, sameOrigin)

			want := http.StatusForbidden
			if name == "with a NUL" {
				want = http.StatusBadRequest
			}
			if name == "half" && act.path == "/consent" {
				want = http.StatusUnprocessableEntity // the half that is this browser's, without the one that is this question's
			}
			if a.status != want || !act.nothing() {
				t.Errorf("%s with form token %s: %d, nothing done: %v", act.path, name, a.status, act.nothing())
			}
		}
	}
}

func getChangesNothing(t *testing.T) {
	s := newSite(t)
	b, list := acts(s)
	for _, act := range list {
		for _, method := range []string{"GET", "HEAD"} {
			r, err := http.NewRequest(method, s.issuer+act.path+"?"+act.fields.Encode(), nil)
			if err != nil {
				t.Fatal(err)
			}
			a := b.send(r)
			if strings.Contains(a.header.Get("Location"), "code=") || !act.nothing() {
				t.Errorf("%s %s acted: %d %s", method, act.path, a.status, a.header.Get("Location"))
			}
		}
	}
}

func loginCSRF(t *testing.T) {
	s := newSite(t)
	victim, attacker := s.browser(), s.browser()
	page := attacker.get(s.issuer + "/login")
	credentials := url.Values{"email": {s.person["U2"].Email}, "password": {password}}
	fields := merged(hidden(page, "form_token"), credentials)

	for name, header := range merge(foreign, map[string]http.Header{"no headers at all": nil, "as if it were our page": sameOrigin}) {
		a := victim.form(s.issuer+"/login", fields, header)
		if a.status != http.StatusForbidden || victim.cookie("_session") != "" || victim.signedIn() {
			t.Errorf("%s: %d, signed in as the attacker: %v", name, a.status, victim.signedIn())
		}
	}
	address, _ := attacker.login(s.az("CB", nil))
	if a := victim.get(address); a.status != http.StatusBadRequest {
		t.Errorf("the attacker's authorization in the victim's browser: %d", a.status)
	}
	if a := attacker.form(s.issuer+"/login", fields, sameOrigin); a.status != http.StatusSeeOther {
		t.Errorf("the form itself was good, but: %d", a.status)
	}
}

func merge(all ...map[string]http.Header) map[string]http.Header {
	out := map[string]http.Header{}
	for _, m := range all {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func consentOfAnother(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	_, page := b.consent(s.az("CB", nil))
	b.signIn("U2") // the same browser, another person

	a := b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid", "read"}})

	if a.status != http.StatusUnprocessableEntity || a.header.Get("Location") != "" || !strings.Contains(a.body, "bob<wbr>@example.com") {
		t.Errorf("U1's consent form sent as U2: %d %s", a.status, a.header.Get("Location"))
	}
	if a := b.submit(a, s.issuer+"/consent", url.Values{"decision": {"deny"}}); !strings.Contains(a.header.Get("Location"), "error=access_denied") {
		t.Errorf("U2's own answer: %d %s", a.status, a.header.Get("Location"))
	}

	stranger := s.browser()
	stranger.signIn("U2")
	_, page = b.consent(s.az("CB", nil))
	a = stranger.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid"}})
	if a.status != http.StatusForbidden {
		t.Errorf("U2's consent form sent from another browser of U2: %d", a.status)
	}

	_, page = b.consent(s.az("CB", nil))
	b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
	a = b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid"}})
	if a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "/login?") {
		t.Errorf("a consent form sent after signing out: %d %s", a.status, a.header.Get("Location"))
	}
}

func consentToAnotherQuestion(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	_, first := b.consent(s.az("CB", url.Values{"scope": {"openid"}}))
	_, second := b.consent(s.az("CP", url.Values{"scope": {"openid write"}}))
	yes := url.Values{"decision": {"allow"}, "scope": {"openid", "write"}}

	// The token of one question under the request of the other.
	a := b.form(s.issuer+"/consent", merged(hidden(second, "request"), hidden(first, "form_token"), yes), sameOrigin)
	if a.status != http.StatusUnprocessableEntity || strings.Contains(a.header.Get("Location"), "code=") {
		t.Errorf("a token of another question: %d %s", a.status, a.header.Get("Location"))
	}

	// The question grows while the page is open.
	s.change("CB", func(c *oauth.Client) { c.Name = "Renamed" })
	a = b.submit(first, s.issuer+"/consent", yes)
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Host != "app.test" {
		t.Fatalf("answer: %d %s", a.status, a.header.Get("Location"))
	}
	if token := s.redeem("CB", u); token.text(t, "scope") != "openid" {
		t.Errorf("more was granted than was asked for: %s", token.body)
	}
	// And one answer is all there is.
	if a := b.submit(first, s.issuer+"/consent", yes); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
		t.Errorf("the same answer again: %d %s", a.status, a.header.Get("Location"))
	}
}

func consentPage(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")

	_, page := b.consent(s.az("PN", url.Values{"scope": {"openid email read offline_access"}, "prompt": {"consent"}}))

	for _, want := range []string{
		"Client PN", "127.0.0.1:49152", "a program on this device", "alice<wbr>@example.com", "See your email address", "Stay signed in", "Up to 180 days, or 30 days without use",
		`name="scope" value="read"`, `name="decision" value="deny"`, `name="decision" value="allow"`, "api.test",
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the consent page lacks %q", want)
		}
	}
	if strings.Count(page.body, `name="decision" value="deny"`) != 1 || strings.Count(page.body, "<button") < 2 {
		t.Error("refusing is not as easy as allowing")
	}
}
