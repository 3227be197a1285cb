package web_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var assetAddress = regexp.MustCompile(`/[^"]*assets/[^"]+\.css`)

// send sends a request without cookies.
func (s *site) send(method, path, contentType string, body io.Reader) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.issuer+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return s.do(r)
}

// overTLS lets a site whose issuer is http be reached as it is served, over TLS.
func overTLS(s *site) {
	next := s.http.Transport
	s.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL.Scheme = "https"
		return next.RoundTrip(r)
	})
}

// hidden gives one hidden field of a page, of the first form that has it.
func hidden(page answer, name string) url.Values {
	for _, m := range hiddenField.FindAllStringSubmatch(page.body, -1) {
		if m[1] == name {
			return url.Values{name: {m[2]}}
		}
	}
	return url.Values{}
}

func merged(all ...url.Values) url.Values {
	out := url.Values{}
	for _, v := range all {
		for name, values := range v {
			out[name] = values
		}
	}
	return out
}

func basePath(s *site) string {
	u, _ := url.Parse(s.issuer)
	return strings.TrimSuffix(u.Path, "/")
}

// signedIn says whether the server knows who sits at this browser.
func (b *browser) signedIn() bool {
	b.t.Helper()
	return strings.Contains(b.get(b.issuer+"/").body, ">You are signed in<")
}

// cookie gives the value of one of this browser's cookies, by the end of its name.
func (b *browser) cookie(name string) string {
	u, _ := url.Parse(b.issuer + "/")
	for _, c := range b.jar.Cookies(u) {
		if strings.HasSuffix(c.Name, name) {
			return c.Value
		}
	}
	return ""
}

// form makes a POST with the cookies of this browser and these headers instead of those that browsers send.
func (b *browser) form(address string, fields url.Values, header http.Header) answer {
	b.t.Helper()
	r, err := http.NewRequest("POST", b.absolute(address), strings.NewReader(fields.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header = header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(r)
}

// login opens an authorization and gives the address of its sign-in page and the page.
func (b *browser) login(address string) (string, answer) {
	b.t.Helper()
	a := b.get(address)
	location := a.header.Get("Location")
	if a.status != http.StatusSeeOther || !strings.Contains(location, "/login") {
		b.t.Fatalf("no sign-in page: %d %s", a.status, location)
	}
	return location, b.get(location)
}

// consent opens an authorization as who is signed in and gives the address of its consent page and the page.
func (b *browser) consent(address string) (string, answer) {
	b.t.Helper()
	a := b.get(address)
	location := a.header.Get("Location")
	if a.status != http.StatusSeeOther || !strings.Contains(location, "/consent") {
		b.t.Fatalf("no consent page: %d %s", a.status, location)
	}
	return location, b.get(location)
}
