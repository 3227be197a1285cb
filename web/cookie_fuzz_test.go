package web

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"regrant/app/oauth"
)

// FuzzCookies: a cookie counts only where it came once and whole, and a browser has one value in one spelling (WEB-25, WEB-29; 6 in
// requirements.md part 3).
func FuzzCookies(f *testing.F) {
	issuer, err := url.Parse("https://as.test")
	if err != nil {
		f.Fatal(err)
	}
	c := newCookies(issuer)
	good := base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	for _, value := range []string{good, good[:42], good + "A", good[:42] + "Z", `"` + good + `"`, good + "=", good + "\n", good[:20] + "\r\n" + good[20:], strings.Repeat("A", 5000), "", "\xff", "a=b"} {
		f.Add(c.browser + "=" + value)
		f.Add(c.session + "=" + value)
		f.Add(c.browser + "=" + value + "; " + c.browser + "=" + good)
		f.Add(c.browser + "=" + good + "; " + c.session + "=" + value + "; " + strings.ToLower(c.browser) + "=x")
	}
	f.Add(";;;" + strings.Repeat(" a=b;", 200))
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = []string{header}
		for _, name := range []string{c.session, c.browser, c.notice} {
			value := c.read(r, name)
			if value == "" {
				continue
			}
			if len(r.CookiesNamed(name)) != 1 || !strings.Contains(header, name+"=") || !strings.Contains(header, value) || strings.ContainsAny(value, "\r\n;\x00") {
				t.Fatalf("%q gives %s the value %q", header, name, value)
			}
		}

		s, w := &Server{sessions: &sessions{cookies: c}}, httptest.NewRecorder()
		value := s.browser(w, r)

		raw, err := base64.RawURLEncoding.Strict().DecodeString(value)
		if err != nil || len(raw) != 32 || len(value) != 43 {
			t.Fatalf("%q gives the browser %q", header, value)
		}
		set := w.Result().Cookies()
		if kept := value == c.read(r, c.browser); kept == (len(set) == 1) || len(set) > 1 {
			t.Fatalf("%q gives the browser %q and sets %v", header, value, set)
		}
		for _, cookie := range set {
			if cookie.Value != value || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" {
				t.Fatalf("%q sets %v", header, cookie)
			}
		}
	})
}

// FuzzClientAuthentication: a client that is named was named by one method only, and both halves are as they were sent (CA-02, CA-03;
// 65 in requirements.md part 3).
func FuzzClientAuthentication(f *testing.F) {
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	for _, header := range []string{"", basic("CB:s"), basic("CB:"), basic(":"), "Bearer x", "Basic", basic("CB:s") + ", " + basic("CX:s")} {
		for _, body := range []string{
			"", "client_id=CB", "client_id=CX", "client_id=CB&client_secret=s", "client_secret=s", "client_id=CB&client_assertion=x", "client_assertion=x&client_secret=s",
			"client_id=CB&client_id=CB", "client_id=%00", "client_id=CB%ff", "client_id=+CB+", "client_id=&client_secret=",
		} {
			f.Add(header, body)
		}
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if header != "" {
			r.Header["Authorization"] = []string{header}
		}
		form, bad := readForm(httptest.NewRecorder(), r)
		if bad != nil {
			if e := oauth.AsError(bad.err); e.Code != oauth.InvalidRequest || bad.status < 400 || bad.status > 499 {
				t.Fatalf("%q: %d %v", body, bad.status, bad.err)
			}
			return
		}
		c, err := clientCredentials(r, form)
		if err != nil {
			if code := oauth.AsError(err).Code; c != (oauth.ClientCredentials{}) || code != oauth.InvalidClient && code != oauth.InvalidRequest {
				t.Fatalf("%q, %q: %+v, %v", header, body, c, err)
			}
			return
		}
		if c.ClientID == "" || form.Get("client_assertion") != "" && c.Method != oauth.AuthPrivateKeyJWT {
			t.Fatalf("%q, %q: nobody is let in as %+v", header, body, c)
		}
		switch c.Method {
		case oauth.AuthBasic:
			if header == "" || form.Get("client_secret") != "" || form.Get("client_id") != "" && form.Get("client_id") != c.ClientID {
				t.Fatalf("%q, %q: %+v", header, body, c)
			}
		case oauth.AuthPost:
			if header != "" || c.ClientID != form.Get("client_id") || c.Secret != form.Get("client_secret") || c.Secret == "" {
				t.Fatalf("%q, %q: %+v", header, body, c)
			}
		case oauth.AuthPrivateKeyJWT:
			if header != "" || c.Secret != "" || c.Assertion == "" || c.Assertion != form.Get("client_assertion") || form.Get("client_id") != "" && form.Get("client_id") != c.ClientID {
				t.Fatalf("%q, %q: %+v", header, body, c)
			}
		case oauth.AuthNone:
			if header != "" || c.Secret != "" || c.ClientID != form.Get("client_id") {
				t.Fatalf("%q, %q: %+v", header, body, c)
			}
		default:
			t.Fatalf("%q, %q: no such method %q", header, body, c.Method)
		}
	})
}
