package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"regrant/app/oauth"
)

// payloads are texts that would act if they became markup: XSS corpus of WEB-12.
var payloads = []string{
	`<script>alert(1)</script>`,
	`"><script>alert(1)</script>`,
	`'><img src=x onerror=alert(1)>`,
	`" autofocus onfocus="alert(1)`,
	`</title><svg/onload=alert(1)>`,
	`<a href="javascript:alert(1)">x</a>`,
	`javascript:alert(1)//`,
	`{{constructor.constructor('alert(1)')()}}`,
	`--><!--<script>alert(1)</script>`,
	"\u2028</script><script>alert(1)</script>",
	`<meta http-equiv="refresh" content="0;url=https://evil.test">`,
	`<base href="https://evil.test/">`,
	`&lt;script&gt;alert(1)&lt;/script&gt;`,
}

// inert fails when a page holds anything that runs, loads or leads where ours don't.
func inert(t *testing.T, s *site, where string, a answer) {
	t.Helper()
	if a.status >= 500 {
		t.Errorf("%s: status %d", where, a.status)
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		if strings.Contains(a.body, "<script") && !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: markup as %q", where, a.header.Get("Content-Type"))
		}
		return
	}
	root, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	for node := range root.Descendants() {
		if node.Type == html.CommentNode {
			t.Errorf("%s: a comment: %s", where, node.Data)
		}
		if node.Type != html.ElementNode {
			continue
		}
		if slices.Contains([]string{"base", "iframe", "object", "embed", "img", "style", "math"}, node.Data) {
			t.Errorf("%s: <%s>", where, node.Data)
		}
		attributes := map[string]string{}
		for _, a := range node.Attr {
			attributes[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "http-equiv" || a.Key == "srcdoc" {
				t.Errorf("%s: <%s %s=%q>", where, node.Data, a.Key, a.Val)
			}
			if slices.Contains([]string{"href", "src", "action", "formaction"}, a.Key) && !ownAddress(s, a.Val) {
				t.Errorf("%s: <%s %s=%q>", where, node.Data, a.Key, a.Val)
			}
		}
		if node.Data == "script" && (node.FirstChild != nil || attributes["src"] == "") {
			t.Errorf("%s: an inline script", where)
		}
	}
}

func ownAddress(s *site, address string) bool {
	u, err := url.Parse(address)
	return err == nil && !strings.ContainsAny(address, "\\\t\r\n") && (u.Scheme == "" && u.Host == "" && u.Opaque == "" || strings.HasPrefix(address, s.issuer+"/"))
}

func textFromOutside(t *testing.T) {
	s := newSite(t)
	s.addClient("XSS", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://xss.test/cb"}, Scope: oauth.Scope{"openid", "profile"}})
	az := func(set url.Values) string {
		return s.az("XSS", merged(url.Values{"redirect_uri": {"https://xss.test/cb"}, "scope": {"openid profile"}}, set))
	}
	corpus := payloads
	if testing.Short() {
		corpus = corpus[:4]
	}
	for i, payload := range corpus {
		person := "X" + string(rune('a'+i))
		s.rename("XSS", payload)
		name := strings.ReplaceAll(payload, "\u2028", "")
		s.addPerson(person, person+"@example.com", name)
		b := s.browser()

		_, login := b.login(az(url.Values{"login_hint": {payload}, "state": {payload}, "ui_locales": {payload}, "display": {payload}}))
		inert(t, s, "sign-in page with "+payload, login)
		if !strings.Contains(login.body, html.EscapeString(payload[:5])) && !strings.Contains(login.body, payload[:1]) {
			t.Errorf("the sign-in page does not show the client's name %q", payload)
		}
		wrong := b.submit(login, s.issuer+"/login", url.Values{"email": {payload}, "password": {payload}})
		inert(t, s, "wrong password with "+payload, wrong)
		a := b.submit(login, s.issuer+"/login", url.Values{"email": {s.person[person].Email}, "password": {password}})
		consent := b.get(a.header.Get("Location"))
		if consent.status != http.StatusOK {
			t.Fatalf("consent page: %d", consent.status)
		}
		inert(t, s, "consent page with "+payload, consent)
		if root, err := html.Parse(strings.NewReader(consent.body)); err != nil || !strings.Contains(textOf(root), payload[:4]) {
			t.Errorf("the consent page does not show %q as text", payload)
		}
		denied := b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"deny"}, "scope": {payload}})
		if u, err := url.Parse(denied.header.Get("Location")); err != nil || u.Host != "xss.test" || u.Query().Get("state") != payload || u.Query().Get("error") != "access_denied" {
			t.Errorf("state %q came back in %q", payload, denied.header.Get("Location"))
		}
		inert(t, s, "home of "+payload, b.get(s.issuer+"/"))
		inert(t, s, "sign-out page of "+payload, b.get(s.issuer+"/logout"))

		q := url.QueryEscape(payload)
		for _, address := range []string{
			"/login?error=" + q + "&error_description=" + q + "&request=" + q + "&switch=" + q, "/consent?request=" + q, "/?" + q, "/logout?post_logout_redirect_uri=" + q,
			"/authorize?client_id=" + q, "/authorize?client_id=CB&redirect_uri=" + q, "/authorize?client_id=CB&client_id=" + q, "/" + url.PathEscape(payload),
			"/docs/" + url.PathEscape(payload), "/assets/" + url.PathEscape(payload), "/authorize?" + q + "&" + q,
		} {
			r, err := http.NewRequest("GET", s.issuer+address, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("User-Agent", name)
			r.Header.Set("Accept-Language", payload)
			r.Header.Set("Referer", "https://evil.test/"+payload)
			inert(t, s, address, b.send(r))
		}
		for _, set := range []url.Values{{"scope": {payload}}, {"response_type": {payload}}, {"prompt": {payload}}, {"response_mode": {payload}}, {"max_age": {payload}}} {
			a := b.get(az(set))
			u, err := url.Parse(a.header.Get("Location"))
			if err != nil || a.status == http.StatusSeeOther && u.Host != "xss.test" && !strings.HasPrefix(u.Path, "/login") && !strings.HasPrefix(u.Path, "/consent") {
				t.Errorf("%v: %d to %q", set, a.status, a.header.Get("Location"))
			}
			for _, c := range u.Query().Get("error_description") {
				if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
					t.Errorf("%v: error_description holds %q", set, c)
				}
			}
		}
		for _, path := range []string{"/token", "/revoke", "/introspect"} {
			a := s.post(path, "CB", url.Values{"grant_type": {payload}, "token": {payload}, "scope": {payload}})
			if got := a.header.Get("Content-Type"); got != "application/json" && a.body != "" {
				t.Errorf("%s: Content-Type %q", path, got)
			}
			if strings.Contains(a.body, "<") {
				t.Errorf("%s: %s", path, a.body)
			}
		}
	}
}

func textOf(root *html.Node) string {
	var b strings.Builder
	for node := range root.Descendants() {
		if node.Type == html.TextNode {
			b.WriteString(node.Data)
		}
	}
	return b.String()
}

func headerInjection(t *testing.T) {
	s := newSite(t)
	for _, text := range []string{"a\r\nSet-Cookie: evil=1", "a\nLocation: https://evil.test", "\r\n\r\n<script>alert(1)</script>", "a\u0085b", "a\tb"} {
		b := s.browser()
		for _, set := range []url.Values{{"state": {text}, "response_type": {"token"}}, {"state": {text}, "prompt": {"none"}}, {"redirect_uri": {"https://app.test/cb" + text}}, {text: {"a", "b"}}, {"client_id": {text}}} {
			a := b.get(s.az("CB", set))
			for name, values := range a.header {
				for _, v := range values {
					if strings.ContainsAny(v, "\r\n") || strings.Contains(v, "evil=1") && name == "Set-Cookie" {
						t.Errorf("%q: %s: %q", text, name, v)
					}
				}
			}
			if location := a.header.Get("Location"); location != "" {
				u, err := url.Parse(location)
				if err != nil || u.Host != "app.test" {
					t.Errorf("%q: to %q", text, location)
				} else if set.Get("state") != "" && u.Query().Get("state") != text {
					t.Errorf("state %q came back as %q", text, u.Query().Get("state"))
				}
			}
		}
		a := s.post("/token", "CB", url.Values{"grant_type": {text}, text: {"a", "b"}})
		if a.status != http.StatusBadRequest || strings.ContainsAny(a.header.Get("WWW-Authenticate"), "\r\n") {
			t.Errorf("%q: %d", text, a.status)
		}
	}
}

func nothingForeign(t *testing.T) {
	s := newSite(t)
	for _, e := range crawl(s) {
		inert(t, s, e.name, e.answer)
		if strings.HasPrefix(e.header.Get("Content-Type"), "text/html") && e.header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: Referrer-Policy %q", e.name, e.header.Get("Referrer-Policy"))
		}
	}
}
