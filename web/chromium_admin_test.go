package web_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"regrant/app/oauth"
)

// screenshots is where the browser's tests leave pictures of the pages for a person to look at; git ignores it.
const screenshots = "../.screenshots"

// TestChromiumSeesEveryAdminPage goes to every page below /admin that a link leads to, with data as a small team has it: each is
// accessible and fits 320 pixels in both schemes, and leaves its picture.
func TestChromiumSeesEveryAdminPage(t *testing.T) {
	chromium := startChromium(t)
	s := front(t, nil)
	showcase(t, s)
	b := openTabFor(t, chromium, 15*time.Minute)
	s.limit("TR", s.group("Staff", "staff", "U1", "U2"))
	b.open(s.issuer + "/login")
	b.signIn("root@example.com", password)
	b.arrive(s.issuer+"/admin", "h1")
	axe := axe(t)

	b.open(s.issuer + "/admin/registration/token") // what is shown once, no link leads to
	b.fill("name", "Kraftfahrzeughaftpflichtversicherung")
	b.click(`form[action$="/admin/registration/token"] button[type=submit]`)
	b.reach("#token")
	b.lookAt(axe, "/admin/registration/token/made")

	seen := map[string]bool{}
	for queue := []string{"/admin"}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		if kind := kindOfPage(path); seen[kind] {
			continue
		} else {
			seen[kind] = true
		}
		b.open(s.issuer + path)
		b.lookAt(axe, path)
		queue = append(queue, b.linksBelow("/admin")...)
	}

	for _, kind := range []string{"/admin", "/admin/grants", "/admin/grants/*", "/admin/clients/*", "/admin/people/*", "/admin/audit", "/admin/keys", "/admin/settings", "/admin/refusals"} {
		if !seen[kind] {
			t.Errorf("no link leads to %s", kind)
		}
	}
	t.Logf("%d kinds of pages", len(seen))
}

var idInPath = regexp.MustCompile(`/([0-9]+|[A-Z0-9]{20,}|[^/]*[0-9][^/]{5,}|grafana|[A-Z]{2,3})(/|$)`)

// kindOfPage is a path without its query, with a star for each id.
func kindOfPage(path string) string {
	path, query, _ := strings.Cut(path, "?")
	for range 2 {
		path = idInPath.ReplaceAllString(path, "/*$2")
	}
	if strings.Contains(query, "ids=") || strings.Contains(query, "id=") && strings.HasSuffix(path, "/revoke") {
		path += "?ids"
	}
	return path
}

// linksBelow gives the addresses of ours that links of the page lead to, downloads left out.
func (b *tab) linksBelow(prefix string) []string {
	b.t.Helper()
	all := strings.Fields(b.evaluate(`[...document.querySelectorAll("a[href]")].filter(a => !a.hasAttribute("download") && a.origin == location.origin).map(a => a.pathname + a.search).join(" ")`))
	return slices.DeleteFunc(all, func(link string) bool {
		path, _, _ := strings.Cut(link, "?")
		return path != prefix && !strings.HasPrefix(path, prefix+"/") || strings.Contains(path, "export")
	})
}

// lookAt fails for what is wrong with the page in either scheme, on a desk and on a phone, and takes its pictures.
func (b *tab) lookAt(axe, name string) {
	b.t.Helper()
	b.none()
	if title := b.evaluate("document.title"); strings.HasPrefix(title, " ") || strings.Count(b.evaluate("document.querySelectorAll('h1').length + ''"), "1") != 1 {
		b.t.Errorf("%s: title %q, or not one h1", name, title)
	}
	file := strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune("/?&=%:", r) {
			return '-'
		}
		return r
	}, kindOfPage(name)), "-")
	// Colours on their way from light to dark are nobody's.
	b.evaluate("{ const still = new CSSStyleSheet(); still.replaceSync('*, *::before, *::after { transition: none !important }'); document.adoptedStyleSheets = [still] }; ''")
	for _, scheme := range []string{"light", "dark"} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
			b.t.Fatal(err)
		}
		if axe != "" {
			if b.evaluate("typeof axe") == "undefined" {
				b.evaluate(axe + ";''")
			}
			found, err := ask(b.ctx, chromedp.Evaluate[string](axeRun, chromedp.EvalAwaitPromise))
			if err != nil || found != "" {
				b.t.Errorf("%s, %s: %v %s", name, scheme, err, found)
			}
			b.blocked() // of axe's own making
		}
		for _, width := range []int64{1280, 360, 320} {
			b.do(chromedp.EmulateViewport(width, 800))
			if wide, err := ask(b.ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth")); err != nil || wide > int(width) {
				b.t.Errorf("%s is %d pixels wide at %d: %v: %s", name, wide, width, err, b.evaluate(tooWide))
			}
			if width != 320 {
				b.picture(file + "-" + scheme + map[bool]string{true: "-phone"}[width < 400])
			}
		}
	}
}

// tooWide names what stands out of the page at the right.
const tooWide = `[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".table, pre, .tabs"))
	.slice(0, 5).map(e => e.tagName + "#" + e.id + "." + e.getAttribute("class")).join(" ")`

func (b *tab) picture(name string) {
	b.t.Helper()
	png, err := ask(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		png, err = ask(b.ctx, chromedp.FullScreenshot(100))
	}
	if err == nil {
		err = os.MkdirAll(screenshots, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(screenshots, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Errorf("picture of %s: %v", name, err)
	}
}

// showcase fills a site with what a small team has after a while: people, applications of each kind, sign-ins on several devices,
// and every way in which a grant lives and ends.
func showcase(t *testing.T, s *site) {
	t.Helper()
	s.addAdmin("ADM", "root@example.com")
	names := map[string]string{"U3": "Maximiliane von Donaudampfschiff", "U4": "Chidi Anagonye", "U5": "Zoë Ångström"}
	for id, name := range names {
		s.addPerson(id, strings.ToLower(strings.Fields(name)[0])+"@example.com", name)
	}
	client := func(id, name string, c oauth.Client) {
		c.ID, c.Name = id, name
		secret, err := oauth.RegisterClient(context.Background(), s.db, &c, s.clock.Wall(), by)
		if err != nil {
			t.Fatal(err)
		}
		s.secret[id] = secret
	}
	scope := append(slices.Clone(oauth.DefaultScope), "read", "write")
	shared, _ := oauth.PolicyOf(oauth.PresetMultiProcess)
	client("grafana", "Grafana", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://client.test/cb"}, Scope: scope})
	client("GL", "Team <b>notes</b> & „files“ with a rather long name", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://client.test/cb"}, Scope: scope})
	client("CLI", "Command line of the build farm", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1/cb"}, Scope: scope, Policy: shared})

	agents := []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
		"grafana/11.3", "build-farm/2.4 (linux)",
	}
	for i, person := range []string{"U1", "U2", "U3", "U4", "U5", "U1", "U3"} {
		s.pass(3 * time.Minute)
		for _, id := range []string{"grafana", "GL"} {
			token := s.lives(id, person, agents[i%len(agents)])
			switch i {
			case 1: // lost response
				s.present(id, token, agents[1])
				s.present(id, s.present(id, token, agents[1]).text(t, "refresh_token"), agents[1])
			case 2: // theft
				newer := s.present(id, token, agents[2]).text(t, "refresh_token")
				s.present(id, newer, agents[2])
				s.pass(2 * time.Minute)
				s.present(id, token, "curl/8.5.0")
				s.present(id, newer, agents[2])
			case 3: // narrowed, from elsewhere, refused
				s.from("/token", id, agents[0], url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"openid"}})
				s.from("/token", id, agents[0], url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"openid admin"}})
			}
		}
	}
	s.from("/token", "grafana", agents[2], url.Values{"grant_type": {"authorization_code"}, "code": {"rgc1_nothing"}, "redirect_uri": {"https://client.test/cb"}})
	if _, err := s.people.Find(context.Background(), "chidi@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := s.people.Disable(context.Background(), s.person["U4"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	countHours(t, s, s.clock.Wall())
}

// lives gives the refresh token of a new sign-in that was refreshed a few times.
func (s *site) lives(client, person, agent string) string {
	s.t.Helper()
	b := s.browser()
	callback := b.walk(s.az(client, url.Values{"scope": {"openid profile email offline_access read"}, "redirect_uri": {"https://client.test/cb"}, "prompt": {"consent"}}), person)
	a := s.from("/token", client, agent, url.Values{"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {"https://client.test/cb"}, "code_verifier": {verifier}})
	for range 4 {
		s.pass(10 * time.Second)
		token := a.text(s.t, "refresh_token")
		if token == "" {
			s.t.Fatalf("%s: %d %s", client, a.status, a.body)
		}
		a = s.present(client, token, agent)
	}
	return a.text(s.t, "refresh_token")
}

func (s *site) present(client, token, agent string) answer {
	s.t.Helper()
	return s.from("/token", client, agent, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// from posts as a client whose program names itself so.
func (s *site) from(path, client, agent string, form url.Values) answer {
	s.t.Helper()
	r := s.request(path, client, form)
	r.Header.Set("User-Agent", agent)
	return s.do(r)
}
