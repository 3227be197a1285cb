package web_test

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
)

// requirementsAuthorizationAnswers proves what comes back from an authorization.
func requirementsAuthorizationAnswers(t *testing.T) {
	all := newSites(t)

	all.rule(t, "AZ-08 a malformed scope is refused, unknown scopes are dropped, and nothing left is refused", func(t *testing.T, s *site) {
		for _, scope := range []string{`openid "x"`, `openid \`, "openid\tread", "openid\nread", "öffnen", "openid\u00a0read"} {
			address, a := s.ask("CB", url.Values{"scope": {scope}})
			wantRedirectError(t, s, address, a, "invalid_scope")
		}
		s.register("READER", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://reader.test/cb"}, Scope: oauth.Scope{"openid", "read"}})
		reader := url.Values{"client_id": {"READER"}, "redirect_uri": {"https://reader.test/cb"}}
		for asked, want := range map[string]string{"openid nope": "openid", "openid read write": "openid read", "read  openid read": "read openid", "OpenID read": "read"} {
			tokens := s.exchange("READER", s.code("CB", changed(url.Values{"scope": {asked}}, reader)), nil)
			wantOK(t, tokens)
			if got := tokens.text(t, "scope"); got != want {
				t.Errorf("scope %q gave %q, want %q", asked, got, want)
			}
		}
		for _, scope := range []string{"nope", "write", "nope write list", "READ"} {
			address, a := s.ask("CB", changed(url.Values{"scope": {scope}}, reader))
			wantRedirectError(t, s, address, a, "invalid_scope")
		}
	})

	all.rule(t, "AZ-09 state comes back byte by byte, and only if it went in", func(t *testing.T, s *site) {
		b := s.alice()
		for _, state := range []string{"+ & = %", "ümlaut \u2603 \U0001f600", strings.Repeat("a", 4<<10), "%41%zz", `"<script>alert(1)</script>`, "a#b?c=d&iss=https://evil.test&code=x", "\r\nSet-Cookie: a=b", "a;b", "  "} {
			for client, answer := range map[string]func(string) answer{"TR": b.get, "CB": s.browser().get} {
				set := url.Values{"state": {state}}
				if client == "CB" {
					set.Set("scope", `"`)
				}
				address := s.az(client, set)
				q := wantRedirect(t, s, address, answer(address))
				if q.Get("state") != state {
					t.Errorf("%s: state %q came back as %q", client, state, q.Get("state"))
				}
			}
		}
		address := s.az("TR", url.Values{"state": nil})
		if q := wantRedirect(t, s, address, b.get(address)); q.Has("state") {
			t.Errorf("state %q came from nowhere", q.Get("state"))
		}
	})

	all.rule(t, "AZ-10 an authorization request may come as a POST, which becomes a GET", func(t *testing.T, s *site) {
		b := s.alice()
		address := s.az("TR", nil)
		query := address[strings.IndexByte(address, '?')+1:]
		a := s.postBody("/authorize", query, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test") // from another site no cookie arrives
		if a.status != http.StatusSeeOther || !strings.HasPrefix(b.absolute(a.header.Get("Location")), s.issuer+"/authorize?") {
			t.Fatalf("POST: %d %q", a.status, a.header.Get("Location"))
		}
		for _, c := range a.header.Values("Set-Cookie") {
			t.Errorf("a cross-site POST sets a cookie: %s", c)
		}
		wantCode(t, s, address, b.get(a.header.Get("Location"))) // and the GET, in the person's browser, goes on
		if b.get(s.issuer+"/").body == s.browser().get(s.issuer+"/").body {
			t.Error("the person is signed out")
		}
		// What the GET refuses is refused, by the same rules.
		wantPage(t, b.get(s.postBody("/authorize", "client_id=nope&redirect_uri=https://evil.test").header.Get("Location")))
		wantPage(t, b.get(s.postBody("/authorize", query+"&redirect_uri=https://evil.test").header.Get("Location")))
		twice := s.postBody("/authorize", query+"&response_type=code")
		wantRedirectError(t, s, address, b.get(twice.header.Get("Location")), "invalid_request")
		wantPage(t, s.postBody("/authorize", query+"&x=%ZZ"))
		wantPageStatus(t, s.postBody("/authorize", `{"client_id":"TR"}`, "Content-Type", "application/json"), http.StatusUnsupportedMediaType)
		wantPageStatus(t, s.postBody("/authorize", query+"&x="+strings.Repeat("x", 40<<10)), http.StatusRequestEntityTooLarge)
	})

	alone(t, "AZ-13 a code lives for a minute and works once", func(t *testing.T, s *site) {
		late, just := s.code("CB", nil), s.code("CB", nil)
		s.pass(59 * time.Second)
		wantOK(t, s.exchange("CB", just, nil))
		s.pass(2 * time.Second)
		wantError(t, s.exchange("CB", late, nil), "invalid_grant")
	})

	alone(t, "AZ-13 a code bears the sign-in, the scope, the resource and the nonce of its request", func(t *testing.T, s *site) {
		b := s.browser()
		before := s.clock.Wall().Unix()
		b.walk(s.az("CB", nil), "U1")
		s.pass(time.Minute)
		callback := b.walk(s.az("CB", url.Values{"nonce": {"mine"}, "scope": {"openid list"}, "resource": {"https://other.test/v1"}}), "U1")
		s.pass(30 * time.Second)
		a := s.exchange("CB", callback, nil)
		wantOK(t, a)
		id, access := s.verified(a.text(t, "id_token")), s.verified(a.text(t, "access_token"))
		if id["nonce"] != "mine" || id["sub"] != s.person["U1"].ID || int64(id["auth_time"].(float64)) != before {
			t.Errorf("ID token: %v", id)
		}
		if access["scope"] != "openid list" || audience(access)[0] != "https://other.test/v1" || int64(access["auth_time"].(float64)) != before {
			t.Errorf("access token: %v", access)
		}
	})

	alone(t, "AZ-14 what is stored leads to no code", func(t *testing.T, s *site) {
		callback := s.code("CB", nil)
		code := callback.Query().Get("code")
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(s.path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(b, []byte("SQLite format")) && suffix == "" {
				t.Fatal("not the database")
			}
			if bytes.Contains(b, []byte(code)) || bytes.Contains(b, []byte(strings.TrimPrefix(code, "rgc1_"))) {
				t.Errorf("the code stands in the database%s", suffix)
			}
		}
		if strings.Contains(s.log.String(), code) {
			t.Error("the code stands in the log")
		}
		wantOK(t, s.exchange("CB", callback, nil))
	})

	all.rule(t, "AZ-18 the pages of an authorization load nothing foreign and tell nobody where they are", func(t *testing.T, s *site) {
		b := s.browser()
		login := b.get(b.get(s.az("CB", nil)).header.Get("Location"))
		consent := b.get(b.submit(login, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}}).header.Get("Location"))
		for name, page := range map[string]answer{"sign-in": login, "consent": consent, "error": b.get(s.issuer + "/authorize")} {
			if got := page.header.Get("Referrer-Policy"); got != "same-origin" && got != "no-referrer" {
				t.Errorf("%s: Referrer-Policy is %q", name, got)
			}
			policy := page.header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "http") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: Content-Security-Policy is %q", name, policy)
			}
			for _, m := range reference.FindAllStringSubmatch(page.body, -1) {
				if !strings.HasPrefix(b.absolute(m[1]), "https://as.test/") && !strings.HasPrefix(m[1], "#") {
					t.Errorf("%s refers to %q", name, m[1])
				}
			}
		}
	})

	all.rule(t, "ISS-01 iss stands in every authorization response", func(t *testing.T, s *site) {
		b := s.alice()
		for code, set := range map[string]url.Values{
			"invalid_request": {"code_challenge": nil}, "unsupported_response_type": {"response_type": {"token"}}, "invalid_scope": {"scope": {`"`}}, "invalid_target": {"resource": {"https://nope.test/"}},
			"consent_required": {"prompt": {"none"}}, "request_not_supported": {"request": {"x"}}, "request_uri_not_supported": {"request_uri": {"https://x.test"}}, "registration_not_supported": {"registration": {"{}"}},
		} {
			address := s.az("PN", set)
			wantRedirectError(t, s, address, b.get(address), code)
		}
		address, a := s.ask("CB", url.Values{"prompt": {"none"}})
		wantRedirectError(t, s, address, a, "login_required")
		address = s.az("TR", nil)
		wantCode(t, s, address, b.get(address))
		address = s.az("PN", nil)
		page := b.get(b.get(address).header.Get("Location"))
		wantRedirectError(t, s, address, b.submit(page, s.issuer+"/consent", url.Values{"decision": {"deny"}}), "access_denied")
	})
	browserRules(t, all)
}

// browserRules prove that an authorization stays in the browser and with the question that it began with.
func browserRules(t *testing.T, all sites) {
	all.rule(t, "AZ-15 another browser cannot go on with a request, and forms cannot change it", func(t *testing.T, s *site) {
		mine, other := s.browser(), s.browser()
		address := s.az("CB", nil)
		loginAddress := mine.get(address).header.Get("Location")
		wantPage(t, other.get(loginAddress))
		login := mine.get(loginAddress)
		other.get(s.issuer + "/login")
		stolen := other.submit(other.get(s.issuer+"/login"), s.issuer+"/login", url.Values{
			"email": {"bob@example.com"}, "password": {password}, "request": {login.request(t)}})
		wantPage(t, stolen)
		a := mine.submit(login, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}})
		wantConsent(t, s, a)
		other.signIn("U2")
		wantPage(t, other.get(a.header.Get("Location")))
		consent := mine.get(a.header.Get("Location"))
		fields := url.Values{"request": {consent.request(t)}, "decision": {"allow"}, "scope": {"openid", "read"}}
		wantPage(t, other.submit(other.get(s.issuer+"/logout"), s.issuer+"/consent", fields))
		// Hidden fields that somebody adds or edits mean nothing.
		fields = url.Values{
			"decision": {"allow"}, "scope": {"openid", "read", "write", "list", "offline_access"}, "redirect_uri": {"https://evil.test/cb"}, "client_id": {"CX"}, "state": {"evil"},
			"code_challenge": {challenge("evil")}, "nonce": {"evil"}, "resource": {"https://other.test/v1"}, "response_type": {"token"}, "sub": {s.person["U2"].ID},
		}
		a = mine.submit(consent, s.issuer+"/consent", fields)
		wantCode(t, s, address, a)
		callback, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		tokens := s.exchange("CB", callback, nil)
		wantOK(t, tokens)
		id := s.verified(tokens.text(t, "id_token"))
		if tokens.text(t, "scope") != "openid read" || id["nonce"] == "evil" || id["sub"] != s.person["U1"].ID {
			t.Errorf("the form changed the request: %s, %v", tokens.text(t, "scope"), id)
		}
		// It is over, for everybody.
		wantPage(t, mine.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid"}}))
		wantPage(t, mine.get(loginAddress))
	})

	all.rule(t, "AZ-15 a consent form answers for the person and the question that it showed", func(t *testing.T, s *site) {
		b := s.alice()
		address := b.get(s.az("PN", nil)).header.Get("Location")
		page := b.get(address)
		b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
		b.signIn("U2")
		a := b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid", "read"}})
		if a.status != http.StatusUnprocessableEntity || a.header.Get("Location") != "" {
			t.Errorf("what Alice was asked counts for Bob: %d %q", a.status, a.header.Get("Location"))
		}
		for _, broken := range []url.Values{{"form_token": {""}}, {"form_token": {}}, {"form_token": {"x.y"}}} {
			if a := b.submit(b.get(address), s.issuer+"/consent", changed(url.Values{"decision": {"allow"}, "scope": {"openid"}}, broken)); a.header.Get("Location") != "" {
				t.Errorf("a form with %v is answered with %q", broken, a.header.Get("Location"))
			}
		}
	})

	all.rule(t, "AZ-19 authorizations in several tabs do not mix", func(t *testing.T, s *site) {
		b := s.browser()
		one, two := s.az("PN", url.Values{"scope": {"openid read"}, "nonce": {"one"}}), s.az("CX", url.Values{"scope": {"openid list"}, "nonce": {"two"}})
		loginOne, loginTwo := b.get(one).header.Get("Location"), b.get(two).header.Get("Location")
		pageTwo, pageOne := b.get(loginTwo), b.get(loginOne)
		consentTwo := b.get(b.submit(pageTwo, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}}).header.Get("Location"))
		consentOne := b.get(b.submit(pageOne, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}}).header.Get("Location"))
		allow := func(page answer) *url.URL {
			u, err := url.Parse(b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(page.body)}).header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		callbackTwo, callbackOne := allow(consentTwo), allow(consentOne)
		wantResponse(t, s, one, callbackOne.String())
		wantResponse(t, s, two, callbackTwo.String())
		wantError(t, s.exchange("CX", callbackOne, nil), "invalid_grant")
		wantError(t, s.exchange("PN", callbackTwo, nil), "invalid_grant")
		for client, c := range map[string]struct {
			callback     *url.URL
			scope, nonce string
		}{"PN": {callbackOne, "openid read", "one"}, "CX": {callbackTwo, "openid list", "two"}} {
			a := s.exchange(client, c.callback, nil)
			wantOK(t, a)
			if id := s.verified(a.text(t, "id_token")); a.text(t, "scope") != c.scope || id["nonce"] != c.nonce || id["aud"] != client {
				t.Errorf("%s: scope %q, ID token %v", client, a.text(t, "scope"), id)
			}
		}
	})
}

// request gives the handle of the authorization that a page stands in.
func (a answer) request(t testing.TB) string {
	t.Helper()
	for _, m := range hiddenField.FindAllStringSubmatch(a.body, -1) {
		if m[1] == "request" {
			return m[2]
		}
	}
	t.Fatalf("the page has no request: %s", a.body)
	return ""
}

// grants says how many grants a client has.
func (s *site) grants(client string) int {
	s.t.Helper()
	list, err := s.db.Grants(context.Background(), oauth.GrantFilter{ClientID: client})
	if err != nil {
		s.t.Fatal(err)
	}
	return len(list)
}
