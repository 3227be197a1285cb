package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"regrant/app/oauth"
)

// complaints are what a browser says of a page: violations of its policy, errors of its scripts, and a page that is wider
// than the window.
const (
	noteComplaints = `window.complaints = [];
document.addEventListener("securitypolicyviolation", (e) => complaints.push(e.violatedDirective + " " + e.blockedURI));
addEventListener("error", (e) => complaints.push("error " + e.message));`
	tellComplaints = `complaints.concat(document.documentElement.scrollWidth > innerWidth ? ["wider than " + innerWidth] : []).join("; ")`
	runAxe         = `axe.run({resultTypes: ["violations"]}).then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" ")).join("\n"))`
)

func newDemoTab(t *testing.T) *demoTab {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" && os.Getenv("CI") == "true" {
		t.Fatal("chromium is not installed, and CI=true")
	}
	if path == "" {
		t.Skip("chromium is not installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	b := &demoTab{t: t, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // it starts with the context of its first step, and ends with that
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: noteComplaints}); err != nil {
		t.Fatal(err)
	}
	// The tests of the pages keep it there.
	if cache, err := os.UserCacheDir(); err == nil {
		files, _ := filepath.Glob(filepath.Join(cache, "regrant-tests", "axe-core-*.js"))
		for _, file := range files {
			if source, err := os.ReadFile(file); err == nil {
				b.axe = string(source)
			}
		}
	}
	if b.axe == "" {
		t.Log("axe-core is not at hand, so it is not run")
	}
	return b
}

// media sets the colour scheme, and whether things move.
func (b *demoTab) media(scheme, motion string) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
}

// look fails for what is wrong with the page in either scheme, on a desk and on a phone.
func (b *demoTab) look(name string) {
	b.t.Helper()
	for _, size := range []int64{900, 360, 1280} {
		b.do(chromedp.EmulateViewport(size, 800))
		if found := b.text(tellComplaints); found != "" {
			b.t.Errorf("%s at %d: %s", name, size, found)
		}
	}
	if b.axe == "" {
		return
	}
	if b.text("typeof axe") == "undefined" {
		b.text(b.axe + ";''")
	}
	// Colours on their way from light to dark are nobody's.
	b.text("{ const still = new CSSStyleSheet(); still.replaceSync('*, *::before, *::after { transition: none !important }'); document.adoptedStyleSheets = [still] }; ''")
	for _, scheme := range []string{"dark", "light"} {
		b.media(scheme, "reduce")
		if found := b.text(runAxe); found != "" {
			b.t.Errorf("%s, %s: %s", name, scheme, found)
		}
	}
	b.media("light", "no-preference")
}

// signIn goes from the application through the server's pages and back.
func (b *demoTab) signIn(d *demo) {
	b.t.Helper()
	b.click(`.acts form[action$="/act/sign-in"] button`)
	b.fill("#password", d.person.password)
	b.click(`form[action$="/login"] button[type=submit]`)
	b.allow()
}

func (b *demoTab) allow() {
	b.t.Helper()
	b.click(`button[name=decision][value=allow]`)
	b.await("Signed in, with two tokens")
}

// A person presses each button and sees its messages, one by one and none of them missing, without a page being loaded.
func TestADemoInARealBrowser(t *testing.T) {
	b := newDemoTab(t)
	d := newTestDemo(t)
	b.do(chromedp.EmulateViewport(1280, 800))
	b.open(d.app.url)
	b.await("The eight steps, before they happen")
	b.look("the outlook")

	b.signIn(d)
	b.text(`window.sameDocument = "yes"`)
	for _, step := range []struct {
		act, title string
		arrows     int
		shows      string // in the words of the diagram
	}{
		{"call", "The API answered", 4, "200 OK"},
		{"expire", "The access token has expired", 5, "401 Unauthorized"},
		{"refresh", "Refreshed, and nobody was asked", 2, "200 OK"},
		{"twice", "Two tabs refreshed at once", 4, "Second tab"},
		{"lose", "The answer was lost, and nothing with it", 4, "the application hung up"},
		{"wider", "More than was allowed: refused", 2, "invalid_scope"},
		{"secret", "Wrong secret: refused", 2, "invalid_client"},
		{"replay", "An old token came back: all of it ends", 9, "Somebody with a copy"},
	} {
		if next := b.text(`document.querySelector(".acts .next").closest("form").dataset.act`); next != step.act {
			t.Errorf("before %s the page proposes %s", step.act, next)
		}
		b.click(`.acts form[data-act="` + step.act + `"] button`)
		b.await(step.title)
		if said := b.text(`document.getElementById("said").textContent`); !strings.HasPrefix(said, step.title) {
			t.Errorf("%s: a screen reader hears %q", step.act, said)
		}
		if moving := b.text(`getComputedStyle(document.querySelector(".stage .sequence > li:last-child .shaft")).animationName`); !strings.HasPrefix(moving, "demo-draw") {
			t.Errorf("%s: the last arrow is not drawn: %s", step.act, moving)
		}
		if got := b.text(`String(document.querySelectorAll(".stage .sequence > li").length)`); got != fmt.Sprint(step.arrows) {
			t.Errorf("%s: %s messages, not %d", step.act, got, step.arrows)
		}
		if got := b.text(`document.querySelector(".stage .sequence").innerText`); !strings.Contains(got, step.shows) {
			t.Errorf("%s: the diagram lacks %q: %s", step.act, step.shows, got)
		}
		// An arrow runs from the middle of one party to the middle of another, whatever the width.
		if off := b.text(offCentre); off != "" {
			t.Errorf("%s: %s", step.act, off)
		}
		if step.act == "twice" || step.act == "replay" {
			b.text(`document.querySelectorAll(".stage details").forEach((d) => d.open = true); ''`)
			b.look(step.title)
		}
	}
	if b.text(`window.sameDocument ?? "no"`) != "yes" {
		t.Error("a button loaded the page anew")
	}

	// Whoever is still signed in to the server only has to allow it again.
	b.click(`.acts form[action$="/act/sign-in"] button`)
	b.allow()
	if left := b.text(`document.querySelector("life-left .left").textContent`); left != "30" && left != "29" && left != "28" {
		t.Errorf("%s seconds left of a new access token", left)
	}
	if focused := b.text(`document.querySelector('.acts form[data-act="sign-out"] button').focus(); document.activeElement.innerText`); focused != "Sign out" {
		t.Errorf("the keyboard is at %q", focused)
	}
	b.do(chromedp.KeyEvent("\r"))
	b.await("Signed out, everywhere at once")
	b.look("signed out")
}

// offCentre names arrows whose ends are not at the lifelines.
const offCentre = `(() => {
  const middle = Object.fromEntries([...document.querySelectorAll(".parties > div")].map((p) => {
    const box = p.getBoundingClientRect();
    return [p.dataset.party, box.left + box.width / 2];
  }));
  const off = [];
  for (const li of document.querySelectorAll(".stage .sequence > li[data-span]")) {
    const box = li.querySelector(".shaft").getBoundingClientRect();
    const [left, right] = li.dataset.span.split("-");
    if (Math.abs(box.left - middle[left]) > 2 || Math.abs(box.right - middle[right]) > 2) off.push(li.dataset.span + " " + box.left + " " + box.right);
  }
  return off.join("; ");
})()`

// Without scripts the buttons are forms, and the page after each shows the same.
func TestTheDemoWorksWithoutScripts(t *testing.T) {
	b := newDemoTab(t)
	d := newTestDemo(t)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(360, 740))
	b.open(d.app.url)
	b.signIn(d)
	for act, title := range map[string]string{"call": "The API answered", "twice": "Two tabs refreshed at once"} {
		b.click(`.acts form[data-act="` + act + `"] button`)
		b.await(title)
	}
	if at := b.text("location.hash"); at != "#scene" {
		t.Errorf("the page opens at %q", at)
	}
}

// At a server elsewhere there are two parties, and the arrows run between them.
func TestADemoAtAServerElsewhereInARealBrowser(t *testing.T) {
	b := newDemoTab(t)
	home := newTestDemo(t)
	d := home.guest(t, "", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone }).demo
	b.do(chromedp.EmulateViewport(1280, 800))
	b.open(d.app.url)
	b.await("The eight steps, before they happen")
	b.look("the outlook")
	b.signIn(d)
	for _, step := range []struct{ act, title string }{
		{"call", "The userinfo endpoint answered"}, {"lose", "The answer was lost, and nothing with it"}, {"wider", "More than was allowed: refused"},
		{"replay", "An old token came back: all of it ends"},
	} {
		b.click(`.acts form[data-act="` + step.act + `"] button`)
		b.await(step.title)
		if off := b.text(offCentre); off != "" {
			t.Errorf("%s: %s", step.act, off)
		}
	}
	b.look("an old token came back")
	why := b.text(`document.querySelector(".stage .refusals a").href`)
	if !strings.HasPrefix(why, home.issuer+"/admin/refusals?request_id=") {
		t.Errorf("why: %s", why)
	}
}
