package main

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// From the first start on an empty database to the reason why an application was signed out: the binary serves, an admin works in
// one browser, a person uses the application in another, and the application is the demo's, with what the form gave it.
func TestAnAdminFindsOutWhyAnApplicationWasSignedOut(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			admin := newDemoTab(t)
			person := admin.another()
			for _, b := range []*demoTab{admin, person} {
				if scripts {
					break
				}
				if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
					t.Fatal(err)
				}
			}
			proveTheDashboard(t, admin, person, map[bool]string{true: "proof", false: "proof-plain"}[scripts])
		})
	}
}

const proofPassword = "copper-lantern-drifts-41"

func proveTheDashboard(t *testing.T, admin, person *demoTab, pictures string) {
	listen, callbackAt := freeAddress(t), freeAddress(t)
	issuer := "http://" + strings.Replace(listen, "127.0.0.1", "localhost", 1)
	app := "http://" + callbackAt
	database := filepath.Join(t.TempDir(), "regrant.db")

	// The first start, and the first admin.
	setup := startProgram(t, "", regexp.MustCompile(`http://\S+/setup/\S+`), "regrant", "serve", "--db", database, "--listen", listen)
	if !strings.HasPrefix(setup, issuer+"/setup/") {
		t.Fatalf("the setup link is %s", setup)
	}
	admin.open(setup)
	admin.picture(pictures + "-01-setup")
	admin.fill("#name", "Ann Admin")
	admin.fill("#email", "ann@example.com")
	admin.fill("#password", proofPassword)
	admin.click(`form[action*="/setup/"] button[type=submit]`)
	admin.arrive(issuer + "/admin/welcome")
	admin.picture(pictures + "-02-welcome")

	// An application by the form, with what the demo's needs.
	admin.click(`main a[href$="/admin/clients/new"]`)
	admin.arrive(issuer + "/admin/clients/new")
	admin.click(`input[name=kind][value=web_server]`)
	admin.fill("#name", "Notes")
	admin.fill("#redirect_uris", app+"/callback")
	admin.picture(pictures + "-03-new-client")
	admin.click(`form[action$="/admin/clients/new"] button[type=submit]`)
	admin.reach("#client-secret")
	id, secret := admin.text(`document.getElementById("client-id").textContent`), admin.text(`document.getElementById("client-secret").textContent`)
	admin.picture(pictures + "-04-client")
	if secret == "" || strings.Contains(admin.text(`location.href`), secret) {
		t.Fatalf("the secret is %q at %s", secret, admin.text(`location.href`))
	}

	// The application with these values; a person signs in to it and allows it.
	command := admin.text(`document.getElementById("demo-1").textContent`)
	if !strings.Contains(command, id) {
		t.Fatalf("the page offers %s", command)
	}
	startProgram(t, secret, regexp.MustCompile(`Redirect URI +`+regexp.QuoteMeta(app+"/callback")), "sh", "-c", "exec "+command)
	person.open(app)
	person.await("The eight steps, before they happen")
	person.click(`.acts form[action$="/act/sign-in"] button`)
	person.fill("#email", "ann@example.com")
	person.fill("#password", proofPassword)
	person.click(`form[action$="/login"] button[type=submit]`)
	person.reach(`button[name=decision][value=allow]`)
	person.picture(pictures + "-05-consent")
	person.allow()
	person.picture(pictures + "-06-signed-in")
	grant := person.text(`document.querySelector(".story a").href`)
	if !strings.HasPrefix(grant, issuer+"/admin/grants/") {
		t.Fatalf("the application's page leads to %s", grant)
	}

	// The sign-in stands in the list, and its timeline grows.
	admin.open(issuer + "/admin/grants")
	admin.awaitText("main", "Notes")
	admin.picture(pictures + "-07-grants")
	admin.click(`main a[href$="` + strings.TrimPrefix(grant, issuer) + `"]`)
	admin.arrive(grant)
	admin.awaitText(".timeline", "Signed in and allowed")
	if n := admin.count(".timeline li", "Refreshed"); n != 0 {
		t.Errorf("%d refreshes before the first", n)
	}
	for _, step := range []struct {
		act, title         string
		refreshes, retries int
	}{
		{"refresh", "Refreshed, and nobody was asked", 1, 0},
		{"lose", "The answer was lost, and nothing with it", 2, 1},
		{"twice", "Two tabs refreshed at once", 3, 2},
	} {
		person.click(`.acts form[data-act="` + step.act + `"] button`)
		person.await(step.title)
		admin.eventually(func() bool {
			return admin.count(".timeline li", "Refreshed") == step.refreshes && admin.count(".timeline li", "Retry answered with the same token") == step.retries
		}, "the timeline after "+step.act)
	}
	admin.picture(pictures + "-08-timeline")
	person.picture(pictures + "-09-application")

	// The admin revokes it, and the application is refused.
	admin.click(`main a[href$="/revoke"]`)
	admin.reach(`form[action$="/revoke"] button[type=submit]`)
	admin.picture(pictures + "-10-revoke")
	admin.click(`form[action$="/revoke"] button[type=submit]`)
	admin.arrive(grant)
	admin.awaitText("main", "The sign-in was revoked.")
	admin.picture(pictures + "-11-revoked")
	person.click(`.acts form[data-act="call"] button`)
	person.await("401: the token is dead")
	person.click(`.acts form[data-act="refresh"] button`)
	person.await("The sign-in is over")
	person.picture(pictures + "-12-refused")
	if held := person.text(`document.querySelector(".holds").innerText`); !strings.Contains(held, "No tokens.") {
		t.Errorf("the application still holds: %s", held)
	}
	if next := person.text(`document.querySelector(".acts .next").closest("form").action`); next != app+"/act/sign-in" {
		t.Errorf("the application proposes %s", next)
	}

	// The request id of its error tells why.
	request := person.text(`[...document.querySelectorAll(".stage .refusals code")].at(-1).textContent`)
	admin.open(issuer + "/admin/refusals")
	admin.fill("#request_id", request)
	admin.click(`form:has(#request_id) button[type=submit]`)
	admin.arrive(issuer + "/admin/refusals?request_id=" + request)
	admin.awaitText(".refusal", request)
	if why := admin.text(`document.querySelector(".refusal").innerText`); !strings.Contains(why, "by an admin") {
		t.Errorf("the answer to why: %s", why)
	}
	admin.picture(pictures + "-13-why")
	admin.click(`.refusal a[href*="/admin/grants/"]`)
	admin.arrive(grant)
	admin.awaitText(".timeline", "Ann Admin")
	admin.awaitText(".timeline", request)
	admin.picture(pictures + "-14-end")

	// And the person signs in again.
	person.click(`.acts form[action$="/act/sign-in"] button`)
	person.allow()
	admin.open(issuer + "/admin/grants")
	admin.awaitText("main", "Notes")
}

// freeAddress gives an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startProgram starts a program and waits until it has printed what matches. The test stops it, and fails for what it logs as an error.
func startProgram(t *testing.T, stdin string, says *regexp.Regexp, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stderr, cmd.Stdin = t.TempDir(), &said, strings.NewReader(stdin)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if match := says.FindString(lines.Text()); match != "" {
				found <- match
				says = regexp.MustCompile(`^\x00$`) // once
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which Wait tells
		<-ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v %s", strings.Join(args, " "), err, said.String())
		}
		if strings.Contains(said.String(), "level=ERROR") || strings.Contains(said.String(), "panic") {
			t.Errorf("%s said: %s", strings.Join(args, " "), said.String())
		}
	})
	select {
	case match := <-found:
		return match
	case <-ended:
		t.Fatalf("%s ended", strings.Join(args, " "))
	case <-time.After(15 * time.Second):
		t.Fatalf("%s does not say %s", strings.Join(args, " "), says)
	}
	return ""
}

// another gives a browser of somebody else.
func (b *demoTab) another() *demoTab {
	b.t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(closeTab)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate("about:blank")); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1280, 900))
	return &demoTab{t: b.t, ctx: ctx, axe: b.axe}
}

// picture leaves a picture of the page for a person to look at, where git does not see it.
func (b *demoTab) picture(name string) {
	b.t.Helper()
	if found := b.text(`(window.complaints ?? []).join("; ")`); found != "" {
		b.t.Errorf("%s: %s", name, found)
	}
	const folder = "../../.screenshots"
	png, err := ask(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		png, err = ask(b.ctx, chromedp.FullScreenshot(100))
	}
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
