package web_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"regrant/app/oauth"
)

// elsewhere are the pages that other tests go through with what they need: an authenticator, a mail.
var elsewhere = regexp.MustCompile(`^/account/(email|security/(passkeys|totp|recovery))`)

// TestChromiumSeesEveryAccountPage goes to every page below /account that a link leads to: each is accessible and fits 320 pixels in
// both schemes, and leaves its picture; then each once more in German on a phone.
func TestChromiumSeesEveryAccountPage(t *testing.T) {
	chromium := startChromium(t)
	s := front(t, nil)
	s.addClient("GL", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://client.test/cb"}, Scope: append(slices.Clone(oauth.DefaultScope), "read", "write")})
	s.change("GL", func(c *oauth.Client) { c.Name = "Team notes & „files“ with a rather long name for its purpose" })
	for range 5 {
		s.pass(time.Minute)
		s.lives("GL", "U1", "build-farm/2.4 (linux)")
	}
	phone := s.as("U1")
	phone.allow("CB", "openid profile read")
	phone.allow("TR", offline)
	phone.post("/account/grants/"+s.grantsOfPerson("U1", "TR")[0]+"/end", nil)
	phone.post("/account/security/password", passwordForm("wrong-wrong-wrong", otherPassword, true))
	if err := s.engine.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := openTabFor(t, chromium, 10*time.Minute)
	b.open(s.issuer + "/login")
	b.signIn("alice@example.com", password)
	b.arrive(s.issuer+"/account", "h1")
	axe := axe(t)

	var paths []string
	seen := map[string]bool{}
	for queue := []string{"/account", "/account/security/password?after=report", "/goodbye"}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		kind := kindOfPage(path)
		if strings.Contains(path, "after=report") {
			kind += "-reported"
		}
		if seen[kind] {
			continue
		}
		seen[kind] = true
		if elsewhere.MatchString(path) || strings.HasSuffix(kind, "/end") && kind != "/account/apps/*/end" { // the same page with other words
			continue
		}
		paths = append(paths, path)
		b.open(s.issuer + path)
		b.lookAt(axe, kind)
		queue = append(queue, b.linksBelow("/account")...)
	}

	for _, kind := range []string{"/account", "/account/apps/*", "/account/grants/*/end", "/account/grants/*/report", "/account/sessions", "/account/sessions/*/end",
		"/account/security", "/account/security/password", "/account/activity", "/account/profile", "/account/profile/delete"} {
		if !seen[kind] {
			t.Errorf("no link leads to %s", kind)
		}
	}
	s.exec("UPDATE people SET language = 'de', time_zone = 'Europe/Berlin' WHERE email = 'alice@example.com'")
	b.do(chromedp.EmulateViewport(360, 800))
	for _, path := range paths {
		if path == "/goodbye" {
			continue // nobody's page
		}
		b.open(s.issuer + path)
		if language := b.evaluate("document.documentElement.lang"); language != "de" {
			t.Errorf("%s is in %q", path, language)
		}
		if wide, err := ask(b.ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth")); err != nil || wide > 360 {
			t.Errorf("%s is %d pixels wide in German: %v: %s", path, wide, err, b.evaluate(tooWide))
		}
		b.picture(strings.Trim(strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(kindOfPage(path)), "-") + "-german-phone")
	}
}
