package web_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func boundToBrowser(t *testing.T) {
	s := newSite(t)
	x, y := s.browser(), s.browser()
	y.signIn("U2")
	loginAddress, loginPage := x.login(s.az("CB", nil))
	credentials := url.Values{"email": {s.person["U1"].Email}, "password": {password}}

	if a := y.get(loginAddress); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
		t.Errorf("X's sign-in page in Y: %d", a.status)
	}
	if a := s.browser().get(loginAddress); a.status != http.StatusBadRequest {
		t.Errorf("X's sign-in page in a new browser: %d", a.status)
	}
	if a := y.submit(loginPage, s.issuer+"/login", credentials); a.status != http.StatusForbidden {
		t.Errorf("X's sign-in form in Y: %d", a.status)
	}
	own := hidden(y.get(s.issuer+"/logout"), "form_token")
	if a := y.form(s.issuer+"/login", merged(hidden(loginPage, "request"), own, credentials), sameOrigin); a.status != http.StatusBadRequest {
		t.Errorf("X's request in a form of Y: %d", a.status)
	}
	a := x.submit(loginPage, s.issuer+"/login", credentials)
	consentAddress := a.header.Get("Location")
	consentPage := x.get(consentAddress)
	if consentPage.status != http.StatusOK {
		t.Fatalf("X goes on: %d", consentPage.status)
	}
	if a := y.get(consentAddress); a.status != http.StatusBadRequest || strings.Contains(a.body, "Client CB") {
		t.Errorf("X's consent page in Y: %d", a.status)
	}
	allow := url.Values{"decision": {"allow"}, "scope": {"openid"}}
	if a := y.submit(consentPage, s.issuer+"/consent", allow); a.status != http.StatusForbidden {
		t.Errorf("X's consent form in Y: %d", a.status)
	}
	if a := y.form(s.issuer+"/consent", merged(hidden(consentPage, "request"), own, allow), sameOrigin); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
		t.Errorf("X's question answered with Y's token: %d %s", a.status, a.header.Get("Location"))
	}
	if a := y.form(s.issuer+"/login/continue", merged(hidden(consentPage, "request"), own, url.Values{"decision": {"continue"}}), sameOrigin); a.status != http.StatusBadRequest {
		t.Errorf("X's question continued by Y: %d", a.status)
	}
	if a := x.submit(consentPage, s.issuer+"/consent", allow); !strings.Contains(a.header.Get("Location"), "code=") {
		t.Errorf("X after all that: %d %s", a.status, a.header.Get("Location"))
	}
}

func editedFields(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	_, login := b.login(s.az("CB", url.Values{"scope": {"openid"}}))
	edited := url.Values{
		"scope": {"openid", "write", "offline_access"}, "code_challenge": {challenge("another-verifier-another-verifier-another-verif")}, "code_challenge_method": {"plain"},
		"redirect_uri": {"https://evil.test/cb"}, "client_id": {"CX"}, "state": {"evil"}, "nonce": {"evil"}, "person_id": {s.person["U2"].ID}, "sub": {s.person["U2"].ID},
		"trusted": {"1"}, "consent": {"1"}, "return_to": {"https://evil.test/"},
	}
	a := b.submit(login, s.issuer+"/login", merged(edited, url.Values{"email": {s.person["U1"].Email}, "password": {password}}))
	consent := b.get(a.header.Get("Location"))
	if strings.Contains(consent.body, "evil") || strings.Contains(consent.body, "Client CX") {
		t.Error("the consent page believes the sign-in form")
	}

	a = b.submit(consent, s.issuer+"/consent", merged(edited, url.Values{"decision": {"allow"}}))

	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Scheme+"://"+u.Host+u.Path != "https://app.test/cb" || strings.Contains(a.header.Get("Location"), "evil") {
		t.Fatalf("went to %d %s", a.status, a.header.Get("Location"))
	}
	token := s.redeem("CB", u) // with the verifier of the request as it was made
	if token.status != http.StatusOK || token.text(t, "scope") != "openid" {
		t.Fatalf("redeem: %d %s", token.status, token.body)
	}
	claims := idToken(t, token)
	if claims["nonce"] != "n-0S6_WzA2Mj" || claims["sub"] != s.person["U1"].ID {
		t.Errorf("ID token: %v", claims)
	}

	// The scope of an authorization cannot be emptied of openid, nor answered with what was not asked.
	_, consent = b.consent(s.az("PW", url.Values{"scope": {"openid read"}}))
	a = b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"write", "list"}})
	u, _ = url.Parse(a.header.Get("Location"))
	if token := s.redeem("PW", u); token.text(t, "scope") != "openid" {
		t.Errorf("granted %q", token.text(t, "scope"))
	}
	// Whatever else the button says, it is no consent.
	_, consent = b.consent(s.az("PW", nil))
	a = b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"ALLOW"}, "scope": {"openid"}})
	if !strings.Contains(a.header.Get("Location"), "error=access_denied") {
		t.Errorf("decision=ALLOW: %s", a.header.Get("Location"))
	}
}

// idToken gives the claims of the ID token of a token response, unverified.
func idToken(t *testing.T, a answer) map[string]any {
	t.Helper()
	parts := strings.Split(a.text(t, "id_token"), ".")
	if len(parts) != 3 {
		t.Fatalf("no ID token: %s", a.body)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func tabs(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	_, one := b.login(s.az("CB", url.Values{"scope": {"openid read"}, "nonce": {"one"}, "state": {"one"}}))
	_, two := b.login(s.az("CP", url.Values{"scope": {"openid email"}, "nonce": {"two"}, "state": {"two"}}))
	_, three := b.login(s.az("CB", url.Values{"scope": {"openid profile"}, "nonce": {"three"}, "state": {"three"}, "prompt": {"consent"}}))
	credentials := url.Values{"email": {s.person["U1"].Email}, "password": {password}}

	second := b.get(b.submit(two, s.issuer+"/login", credentials).header.Get("Location"))
	third := b.get("/consent?request=" + hidden(three, "request").Get("request"))
	first := b.get("/consent?request=" + hidden(one, "request").Get("request"))
	answers := map[string]answer{}
	for name, page := range map[string]answer{"three": third, "one": first, "two": second} {
		answers[name] = b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(page.body)})
	}

	for name, want := range map[string]struct{ client, other, host, scope string }{
		"one": {"CB", "CP", "app.test", "openid read"}, "two": {"CP", "CB", "post.test", "openid email"}, "three": {"CB", "CP", "app.test", "openid profile"},
	} {
		u, err := url.Parse(answers[name].header.Get("Location"))
		if err != nil || u.Host != want.host || u.Query().Get("state") != name {
			t.Errorf("tab %s went to %s", name, u)
			continue
		}
		if a := s.redeem(want.other, u); a.status != http.StatusBadRequest {
			t.Errorf("tab %s: its code was redeemed by %s", name, want.other)
		}
		a := s.redeem(want.client, u)
		if a.status != http.StatusOK || a.text(t, "scope") != want.scope || idToken(t, a)["nonce"] != name || idToken(t, a)["aud"] != want.client {
			t.Errorf("tab %s: %d %s", name, a.status, a.body)
		}
	}
}

func promptLogin(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	_, before := b.login(s.az("CB", nil))
	credentials := url.Values{"email": {s.person["U1"].Email}, "password": {password}}
	loginForm := merged(hidden(before, "request"), hidden(before, "form_token"), credentials)
	b.form(s.issuer+"/login", loginForm, sameOrigin)
	page := b.get("/consent?request=" + hidden(before, "request").Get("request"))
	a := b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid"}})
	u, _ := url.Parse(a.header.Get("Location"))
	first := idToken(t, s.redeem("CB", u))
	s.pass(time.Minute)

	// Signed in and consented, yet:
	address, login := b.login(s.az("CB", url.Values{"prompt": {"login"}, "scope": {"openid"}}))
	request := hidden(login, "request")
	if !strings.Contains(login.body, `name="password"`) {
		t.Fatal("no sign-in page")
	}
	if a := b.get("/consent?" + request.Encode()); !strings.HasPrefix(a.header.Get("Location"), "/login?") {
		t.Errorf("the consent page with a stale session: %d %s", a.status, a.header.Get("Location"))
	}
	if a := b.form(s.issuer+"/consent", merged(request, hidden(page, "form_token"), url.Values{"decision": {"allow"}}), sameOrigin); !strings.HasPrefix(a.header.Get("Location"), "/login?") {
		t.Errorf("a consent with a stale session: %d %s", a.status, a.header.Get("Location"))
	}
	if a := b.form(s.issuer+"/login/continue", merged(request, hidden(login, "form_token"), url.Values{"decision": {"continue"}}), sameOrigin); !strings.HasPrefix(a.header.Get("Location"), "/login?") {
		t.Errorf("continue with a stale session: %d %s", a.status, a.header.Get("Location"))
	}
	if a := b.form(s.issuer+"/login", loginForm, sameOrigin); a.status != http.StatusBadRequest {
		t.Errorf("the sign-in form of before, sent again: %d", a.status)
	}
	if a := b.submit(login, s.issuer+"/login", url.Values{"email": {s.person["U1"].Email}, "password": {""}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a sign-in without a password: %d", a.status)
	}
	if a := b.get(address); !strings.Contains(a.body, `name="password"`) {
		t.Error("one of those was taken for a sign-in")
	}

	s.pass(time.Second)
	a = b.submit(login, s.issuer+"/login", credentials)
	u, _ = url.Parse(a.header.Get("Location"))
	second := s.redeem("CB", u)
	if second.status != http.StatusOK {
		t.Fatalf("after the password: %s", a.header.Get("Location"))
	}
	if was, is := first["auth_time"], idToken(t, second)["auth_time"]; is == nil || was != nil && is.(float64) <= was.(float64) {
		t.Errorf("auth_time was %v and is %v", was, is)
	}
}

func authorizeByPost(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	address := s.az("CB", nil)
	u, _ := url.Parse(address)
	for name, header := range foreign {
		a := s.do(crossSitePost(t, s.issuer+"/authorize", u.RawQuery, header)) // Lax cookies do not travel along

		if a.status != http.StatusSeeOther || len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %d, sets %v", name, a.status, a.header.Values("Set-Cookie"))
		}
		to, err := url.Parse(b.absolute(a.header.Get("Location")))
		if err != nil || !strings.HasPrefix(to.String(), s.issuer+"/authorize?") || to.Query().Encode() != u.Query().Encode() {
			t.Errorf("%s: to %s", name, to)
		}
		// The GET that follows has the cookies, and behaves as it always does: it asks.
		next := b.get(to.String())
		if !strings.Contains(next.header.Get("Location"), "/consent?") || !b.signedIn() {
			t.Errorf("%s: %d to %s", name, next.status, next.header.Get("Location"))
		}
	}
	if got := b.walk(b.absolute(s.do(crossSitePost(t, s.issuer+"/authorize", u.RawQuery, foreign["cross-site form"])).header.Get("Location")), "U1"); got.Query().Get("state") != u.Query().Get("state") || got.Query().Get("code") == "" {
		t.Errorf("the whole way: %s", got)
	}
	for body, want := range map[string]int{strings.Repeat("x", 40<<10): http.StatusRequestEntityTooLarge, strings.Repeat("x", 70<<10): http.StatusRequestEntityTooLarge, "a=%ZZ": 400, "a=%00": 400, "a=%FF": 400} {
		if a := s.do(crossSitePost(t, s.issuer+"/authorize", body, nil)); a.status != want || a.header.Get("Location") != "" {
			t.Errorf("%.10s…: %d", body, a.status)
		}
	}
	// A repeated parameter is as wrong in a form as in a query.
	a := s.do(crossSitePost(t, s.issuer+"/authorize", u.RawQuery+"&redirect_uri=https://app.test/cb", nil))
	if a := b.get(a.header.Get("Location")); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
		t.Errorf("redirect_uri twice: %d %s", a.status, a.header.Get("Location"))
	}
}

func crossSitePost(t *testing.T, address, body string, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}
