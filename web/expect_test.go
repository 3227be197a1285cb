package web_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// The short forms of the list of requirements, as assertions.

// wantOK is OK: 200 and JSON that nobody may cache.
func wantOK(t testing.TB, a answer) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d, want 200: %s", a.status, a.body)
	}
	wantPrivateJSON(t, a)
}

func wantPrivateJSON(t testing.TB, a answer) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q, want application/json", got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q, want no-store", got)
	}
	if a.header.Get("Location") != "" {
		t.Errorf("an answer to a program redirects to %q", a.header.Get("Location"))
	}
	if !json.Valid([]byte(a.body)) {
		t.Errorf("not JSON: %q", a.body)
	}
}

// wantError is E400(code).
func wantError(t testing.TB, a answer, code string) {
	t.Helper()
	wantErrorStatus(t, a, http.StatusBadRequest, code)
}

func wantErrorStatus(t testing.TB, a answer, status int, code string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d %s: %s", a.status, status, code, a.body)
	}
	wantPrivateJSON(t, a)
	var body map[string]string
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("the error is not an object of strings: %s", a.body)
	}
	if body["error"] != code {
		t.Errorf("error is %q, want %q (%s)", body["error"], code, body["error_description"])
	}
	for name, value := range body {
		if name != "error" && name != "error_description" && name != "error_uri" {
			t.Errorf("the error tells %q", name)
		}
		if !isErrorText(value) {
			t.Errorf("%s has a character that RFC 6749 §5.2 does not allow: %q", name, value)
		}
	}
}

// isErrorText holds a text to %x20-21 / %x23-5B / %x5D-7E.
func isErrorText(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) < 0
}

// wantUnauthorized is E401.
func wantUnauthorized(t testing.TB, a answer) {
	t.Helper()
	wantErrorStatus(t, a, http.StatusUnauthorized, "invalid_client")
	if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
		t.Errorf("WWW-Authenticate is %q, want Basic realm=…", got)
	}
}

// wantRedirectError is ER(code): the answer to an authorization request whose client and redirect URI are proven.
func wantRedirectError(t testing.TB, s *site, address string, a answer, code string) {
	t.Helper()
	q := wantRedirect(t, s, address, a)
	if got := q.Get("error"); got != code {
		t.Errorf("error is %q, want %q (%s)", got, code, q.Get("error_description"))
	}
	if q.Has("code") {
		t.Error("an error brings a code")
	}
	if !isErrorText(q.Get("error_description")) {
		t.Errorf("error_description has a character that RFC 6749 §4.1.2.1 does not allow: %q", q.Get("error_description"))
	}
}

// wantCode gives the code of a successful answer to an authorization request.
func wantCode(t testing.TB, s *site, address string, a answer) (code string) {
	t.Helper()
	q := wantRedirect(t, s, address, a)
	if q.Get("code") == "" || q.Has("error") {
		t.Fatalf("no code: %v", q)
	}
	for name := range q {
		if name != "code" && name != "state" && name != "iss" && name != "x" {
			t.Errorf("the response has the parameter %q", name)
		}
	}
	return q.Get("code")
}

// wantRedirect wants the browser sent to the client, with state and iss exactly once, and gives the response parameters.
func wantRedirect(t testing.TB, s *site, address string, a answer) url.Values {
	t.Helper()
	if a.status != http.StatusSeeOther && a.status != http.StatusFound {
		t.Fatalf("status %d, want a redirect to the client: %s", a.status, a.body)
	}
	return wantResponse(t, s, address, a.header.Get("Location"))
}

// wantResponse checks an authorization response against its request.
func wantResponse(t testing.TB, s *site, address, location string) url.Values {
	t.Helper()
	request, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if redirectURI := request.Query().Get("redirect_uri"); redirectURI != "" && !strings.HasPrefix(location, redirectURI) {
		t.Fatalf("sent to %q, want %q", location, redirectURI)
	}
	to, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	if to.Fragment != "" {
		t.Errorf("the response has a fragment: %q", location)
	}
	q := to.Query()
	for name, values := range q {
		if len(values) != 1 {
			t.Errorf("the response has %s %d times: %q", name, len(values), location)
		}
	}
	if got := q.Get("iss"); got != s.issuer {
		t.Errorf("iss is %q, want %q", got, s.issuer)
	}
	if want := request.Query()["state"]; len(want) < 2 && strings.Join(q["state"], "") != strings.Join(want, "") {
		t.Errorf("state is %q, want %q", q["state"], want)
	}
	for _, name := range []string{"access_token", "id_token", "refresh_token", "token_type"} {
		if q.Has(name) {
			t.Errorf("the response has %s", name)
		}
	}
	return q
}

var (
	reference = regexp.MustCompile(`(?i)\s(?:href|src|action|formaction)="([^"]*)"`)
	script    = regexp.MustCompile(`(?i)<script\b[^>]*>`)
)

// wantPage is PAGE: what a person sees instead of being sent to an address that nobody has proven.
func wantPage(t testing.TB, a answer) {
	t.Helper()
	wantPageStatus(t, a, http.StatusBadRequest)
}

func wantPageStatus(t testing.TB, a answer, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want a page with %d; Location %q", a.status, status, a.header.Get("Location"))
	}
	for _, name := range []string{"Location", "Refresh", "Link"} {
		if got := a.header.Get(name); got != "" {
			t.Errorf("the page has %s: %q", name, got)
		}
	}
	if got := a.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type is %q", got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	if strings.Contains(strings.ToLower(a.body), "http-equiv") {
		t.Error("the page refreshes itself")
	}
	for _, m := range reference.FindAllStringSubmatch(a.body, -1) {
		if to := html.UnescapeString(m[1]); !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "#") || strings.HasPrefix(to, "//") {
			t.Errorf("the page refers to %q", to)
		}
	}
	for _, tag := range script.FindAllString(a.body, -1) {
		if !strings.Contains(tag, " src=") {
			t.Errorf("the page has an inline script: %s", tag)
		}
	}
}

// wantSignIn wants a valid authorization request on its way to the sign-in page.
func wantSignIn(t testing.TB, s *site, a answer) {
	t.Helper()
	wantStep(t, s, a, "/login?request=")
}

// wantConsent wants the browser sent to the consent page.
func wantConsent(t testing.TB, s *site, a answer) {
	t.Helper()
	wantStep(t, s, a, "/consent?request=")
}

func wantStep(t testing.TB, s *site, a answer, path string) {
	t.Helper()
	base := strings.TrimPrefix(s.issuer, "https://as.test")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), base+path) {
		t.Fatalf("status %d, Location %q, want a redirect to %s: %s", a.status, a.header.Get("Location"), path, a.body)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
}

// wantBearer is an answer of RFC 6750 §3: the status and the error of its challenge, "" for none.
func wantBearer(t testing.TB, a answer, status int, code string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d %s: %s", a.status, status, code, a.body)
	}
	challenge := a.header.Get("WWW-Authenticate")
	if !strings.HasPrefix(challenge, "Bearer realm=") {
		t.Errorf("WWW-Authenticate is %q, want Bearer realm=…", challenge)
	}
	if code == "" && strings.Contains(challenge, "error") {
		t.Errorf("without credentials there is nothing to call wrong: %q", challenge)
	}
	if code != "" && !strings.Contains(challenge, `error="`+code+`"`) {
		t.Errorf("WWW-Authenticate is %q, want error=%q", challenge, code)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
}
