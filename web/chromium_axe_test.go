package web_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"regrant/app/oauth"
)

const axeVersion = "4.14.1"

// axe gives the source of axe-core, from a folder of this user's or by npm, or "" where neither has it.
func axe(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	folder := filepath.Join(cache, "regrant-tests")
	name := filepath.Join(folder, "axe-core-"+axeVersion+".js")
	if source, err := os.ReadFile(name); err == nil {
		return string(source)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Log("npm is not installed, so axe-core is not run")
		return ""
	}
	work := t.TempDir()
	pack := exec.CommandContext(t.Context(), npm, "pack", "--silent", "axe-core@"+axeVersion)
	pack.Dir = work
	if out, err := pack.CombinedOutput(); err != nil {
		t.Logf("npm cannot fetch axe-core, so it is not run: %v %s", err, out)
		return ""
	}
	unpack := exec.CommandContext(t.Context(), "tar", "xzf", "axe-core-"+axeVersion+".tgz", "package/axe.min.js")
	unpack.Dir = work
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack axe-core: %v %s", err, out)
	}
	source, err := os.ReadFile(filepath.Join(work, "package", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o700); err == nil {
		part := filepath.Join(work, "axe")
		if os.WriteFile(part, source, 0o600) == nil {
			_ = os.Rename(part, name) // only to spare the next run the way
		}
	}
	return string(source)
}

// violations are what axe finds on the page that is open, one a line.
const axeRun = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" ")).join("\n"))`

func accessibility(t *testing.T, chromium context.Context) {
	s, client := front(t, nil), newRelyingParty(t)
	s.devices()
	s.change("PN", func(c *oauth.Client) { c.Name = "An application with a rather long name for its purpose" })
	source := axe(t)
	b := openTab(t, chromium)
	az := func(set url.Values) string {
		return s.az("PN", merged(url.Values{"redirect_uri": {client.callback()}, "scope": {"openid profile email read write list offline_access"}, "prompt": {"consent"}}, set))
	}
	look := func(page string) {
		t.Helper()
		b.none()
		// Colours on their way from light to dark are nobody's.
		b.evaluate("{ const still = new CSSStyleSheet(); still.replaceSync('*, *::before, *::after { transition: none !important }'); document.adoptedStyleSheets = [still] }; ''")
		for _, scheme := range []string{"light", "dark"} {
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
			if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
				t.Fatal(err)
			}
			if source == "" {
				continue
			}
			if loaded := b.evaluate("typeof axe"); loaded == "undefined" {
				b.evaluate(source + ";''")
			}
			found, err := ask(b.ctx, chromedp.Evaluate[string](axeRun, chromedp.EvalAwaitPromise))
			if err != nil || found != "" {
				t.Errorf("%s, %s: %v %s", page, scheme, err, found)
			}
			b.blocked() // of axe's own making
		}
		b.do(chromedp.EmulateViewport(320, 640))
		if wide, err := ask(b.ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth")); err != nil || wide > 320 {
			t.Errorf("%s is %d pixels wide at 320: %v", page, wide, err)
		}
		b.do(chromedp.EmulateViewport(1280, 800))
	}

	for _, path := range []string{"/", "/login", "/logout", "/docs/start", "/nope", "/consent?request=gone"} {
		b.open(s.issuer + path)
		look(path)
	}
	b.open(az(url.Values{"client_id": {"nope"}}))
	look("unknown client")
	b.open(az(url.Values{"redirect_uri": {"https://evil.test/cb"}}))
	look("wrong redirect URI")
	b.open(az(nil))
	look("sign-in for a client")
	b.signIn("alice@example.com", "wrong-wrong-wrong")
	b.arrive(s.issuer+"/login", "#password[aria-invalid]")
	look("wrong password")
	b.signIn("alice@example.com", password)
	b.arrive(s.issuer+"/consent", "[name=scope]")
	look("consent to a program on this device")
	b.open(az(url.Values{"redirect_uri": {"com.example.app:/cb"}}))
	look("consent to an app")
	b.open(s.az("CB", nil))
	look("consent to a web application")
	b.open(az(url.Values{"prompt": {"select_account"}}))
	look("choose an account")
	b.open(az(url.Values{"prompt": {"login"}}))
	look("sign in again")
	b.open(s.device("TV", "openid profile read offline_access").text(t, "verification_uri_complete"))
	look("code of a device, filled in")
	b.evaluate("document.querySelector('#user_code').value = 'BCDF-GHJK'; document.querySelector('[type=submit]').click(); ''")
	b.arrive(s.issuer+"/device", "#user_code[aria-invalid]")
	look("wrong code of a device")
	b.open(s.device("TV", "openid profile read offline_access").text(t, "verification_uri_complete"))
	b.evaluate("document.querySelector('[type=submit]').click(); ''")
	b.arrive(s.issuer+"/consent", ".device-code")
	look("consent to a device")
	b.evaluate("document.querySelector('[value=allow]').click(); ''")
	b.arrive(s.issuer+"/device/allowed", "main a")
	look("device allowed")
	b.open(s.issuer + "/")
	look("home, signed in")
	b.open(s.issuer + "/logout")
	look("sign out?")
	for _, path := range docsPages(b, s) {
		b.open(s.issuer + path)
		look(path)
	}
}

// docsPages gives the addresses of all pages of the documentation.
func docsPages(b *tab, s *site) []string {
	b.t.Helper()
	b.open(s.issuer + "/docs")
	links := strings.Fields(b.evaluate(`[...new Set([...document.querySelectorAll('a[href*="/docs/"]')].map(a => new URL(a.href).pathname))].join(" ")`))
	if len(links) == 0 {
		b.t.Error("the documentation has no pages")
	}
	return links
}
