package web_test

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// browser is a browser of one person: it keeps cookies and fills in forms.
type browser struct {
	*site
	jar http.CookieJar
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{s, jar}
}

func (b *browser) send(r *http.Request) answer {
	b.t.Helper()
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	a := b.do(r)
	b.jar.SetCookies(r.URL, (&http.Response{Header: a.header}).Cookies())
	return a
}

func (b *browser) get(address string) answer {
	b.t.Helper()
	r, err := http.NewRequest("GET", b.absolute(address), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(r)
}

func (b *browser) absolute(address string) string {
	base, _ := url.Parse(b.issuer + "/")
	u, err := base.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

var formElement = regexp.MustCompile(`(?s)<form[^>]* action="([^"]+)"[^>]*>(.*?)</form>`)

// formOf gives the inside of the form of a page that posts to action, or the whole page if there is none.
func (b *browser) formOf(page answer, action string) string {
	for _, m := range formElement.FindAllStringSubmatch(page.body, -1) {
		if b.absolute(m[1]) == b.absolute(action) {
			return m[2]
		}
	}
	return page.body
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// submit posts the form of a page with its hidden fields and these.
func (b *browser) submit(page answer, action string, fields url.Values) answer {
	b.t.Helper()
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(b.formOf(page, action), -1) {
		form.Add(m[1], html.UnescapeString(m[2]))
	}
	for k, v := range fields {
		form[k] = v
	}
	r, err := http.NewRequest("POST", b.absolute(action), strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(r)
}

// signIn signs a person in to the server itself.
func (b *browser) signIn(person string) {
	b.t.Helper()
	page := b.get(b.issuer + "/login?switch=1")
	a := b.submit(page, b.issuer+"/login", url.Values{"email": {b.person[person].Email}, "password": {password}})
	if a.status != http.StatusSeeOther {
		b.t.Fatalf("sign in: %d %s", a.status, a.body)
	}
}
