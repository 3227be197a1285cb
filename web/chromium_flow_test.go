package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"regrant/app/oauth"
)

// TestChromium goes through the pages with a real browser, as a person does.
func TestChromium(t *testing.T) {
	chromium := startChromium(t)
	run := func(name string, test func(*testing.T)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
	run("sign in, untick a scope, consent, land on the client, sign out", func(t *testing.T) { wholeFlow(t, chromium, false) })
	run("WEB-14 the same without JavaScript", func(t *testing.T) { wholeFlow(t, chromium, true) })
	run("WEB-11 consent to https, and on from there", func(t *testing.T) { consentToHTTPS(t, chromium) })
	run("WEB-11 consent to an app's own scheme", func(t *testing.T) { consentToScheme(t, chromium) })
	run("WEB-11 a form-action would break it", func(t *testing.T) { formActionBreaks(t, chromium) })
	run("WEB-13 a sign-in in a popup reaches its opener", func(t *testing.T) { popup(t, chromium) })
	run("WEB-10 no page renders in a frame", func(t *testing.T) { frames(t, chromium) })
	run("WEB-20 a form of another site does nothing", func(t *testing.T) { realForeignForm(t, chromium) })
	run("every page is accessible, in light and dark, and fits 320 pixels", func(t *testing.T) { accessibility(t, chromium) })
}

// none fails when the browser complained.
func (b *tab) none() {
	b.t.Helper()
	if v := b.blocked(); len(v) > 0 {
		b.t.Errorf("the browser complains: %s", strings.Join(v, "; "))
	}
}

func wholeFlow(t *testing.T, chromium context.Context, withoutScripts bool) {
	s, client := front(t, nil), newRelyingParty(t)
	b := openTab(t, chromium)
	if withoutScripts {
		if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
	}
	az := s.az("PN", url.Values{"redirect_uri": {client.callback()}, "scope": {"openid profile email read"}, "state": {"é+&=%/?#"}})

	b.open(az)
	b.arrive(s.issuer+"/login?", "#email")
	b.signIn("alice@example.com", "wrong-wrong-wrong")
	b.arrive(s.issuer+"/login", "#password[aria-invalid]")
	if text := b.evaluate("document.body.innerText"); !strings.Contains(text, "do not match") {
		t.Errorf("after a wrong password: %s", text)
	}
	if got := b.evaluate("document.querySelector('#email').value"); got != "alice@example.com" {
		t.Errorf("the address must be typed again: %q", got)
	}
	b.signIn("alice@example.com", password)
	b.arrive(s.issuer+"/consent?", "[name=scope]")
	b.click(`input[name=scope][value=email]`) // what I don't want it to know
	b.click(`button[name=decision][value=allow]`)
	b.arrive(client.address, "#landed")

	answer := client.last()
	if answer.Get("code") == "" || answer.Get("state") != "é+&=%/?#" || answer.Get("iss") != s.issuer {
		t.Fatalf("the client got %v", answer)
	}
	token := s.post("/token", "PN", url.Values{"grant_type": {"authorization_code"}, "code": answer["code"], "redirect_uri": {client.callback()}, "code_verifier": {verifier}})
	if token.status != http.StatusOK || token.text(t, "scope") != "openid profile read" {
		t.Errorf("tokens: %d %s", token.status, token.body)
	}

	b.open(az) // signed in; a public client asks every time
	b.click(`button[name=decision][value=deny]`)
	b.arrive(client.address, "#landed")
	if answer := client.last(); answer.Get("error") != "access_denied" || answer.Get("state") != "é+&=%/?#" {
		t.Errorf("after refusing, the client got %v", answer)
	}

	b.open(s.issuer + "/")
	if text := b.evaluate("document.body.innerText"); !strings.Contains(text, "alice@example.com") {
		t.Errorf("home: %s", text)
	}
	b.open(s.issuer + "/logout")
	b.click(`form[action$="/logout"] button[type=submit]`)
	b.arrive(s.issuer+"/logout", `a[href$="/login"]`)
	if text := b.evaluate("document.body.innerText"); !strings.Contains(text, "You are signed out") {
		t.Errorf("after signing out: %s", text)
	}
	b.do(chromedp.NavigateBack()) // the page that was open before shows nothing of mine
	b.open(s.issuer + "/")
	if text := b.evaluate("document.body.innerText"); strings.Contains(text, "alice") {
		t.Errorf("home after signing out: %s", text)
	}
	if a := s.refresh("PN", token.text(t, "refresh_token")); a.status != http.StatusBadRequest {
		t.Errorf("the grant of the session outlived it: %d", a.status)
	}
	b.none()
}

func consentToHTTPS(t *testing.T, chromium context.Context) {
	s, after := front(t, nil), newRelyingParty(t)
	client := &relyingParty{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client.ServeHTTP(httptest.NewRecorder(), r)
		http.Redirect(w, r, after.address+"/welcome", http.StatusSeeOther) // the client's own way on, to another origin
	}))
	t.Cleanup(server.Close)
	s.addClient("HT", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{server.URL + "/cb"}, Scope: oauth.Scope{"openid"}})
	b := openTab(t, chromium)

	b.open(s.az("HT", url.Values{"redirect_uri": {server.URL + "/cb"}, "scope": {"openid"}}))
	b.signIn("alice@example.com", password)
	b.click(`button[name=decision][value=allow]`)
	b.arrive(after.address+"/welcome", "#landed")

	if client.last().Get("code") == "" {
		t.Errorf("the client got %v", client.last())
	}
	// Remembered: the sign-in form itself now leads to the client.
	other := openTab(t, chromium)
	other.open(s.az("HT", url.Values{"redirect_uri": {server.URL + "/cb"}, "scope": {"openid"}}))
	other.signIn("alice@example.com", password)
	other.arrive(after.address+"/welcome", "#landed")
	b.none()
	other.none()
}

func consentToScheme(t *testing.T, chromium context.Context) {
	s := front(t, nil)
	b := openTab(t, chromium)
	b.open(s.az("PN", url.Values{"redirect_uri": {"com.example.app:/cb"}, "scope": {"openid"}}))
	b.signIn("alice@example.com", password)
	b.click(`button[name=decision][value=allow]`)

	// Nothing on this machine answers to the scheme, so the browser stays where it is; what matters is that the server has
	// answered and that the policy did not stop the browser from asking the system.
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(s.log.String(), `"path":"/consent","status":303`) {
		if time.Now().After(deadline) {
			t.Fatal("the consent was not answered with a redirection")
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond) // for complaints to arrive
	b.none()
}

// formActionBreaks shows that the tests above can fail: with the policy of other pages, the browser goes nowhere.
func formActionBreaks(t *testing.T, chromium context.Context) {
	s := front(t, func(r *http.Response) error {
		if policy := r.Header.Get("Content-Security-Policy"); policy != "" {
			r.Header.Set("Content-Security-Policy", policy+"; form-action 'self'")
		}
		return nil
	})
	client := newRelyingParty(t)
	for _, uri := range []string{client.callback(), "com.example.app:/cb"} {
		b := openTab(t, chromium)
		b.open(s.az("PN", url.Values{"redirect_uri": {uri}, "scope": {"openid"}}))
		b.signIn("alice@example.com", password)
		b.click(`button[name=decision][value=allow]`)
		var complaints []string
		for deadline := time.Now().Add(10 * time.Second); len(complaints) == 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			complaints = b.blocked()
		}
		if !strings.Contains(strings.Join(complaints, " "), "form-action") || client.last() != nil {
			t.Errorf("%s: %v, the client got %v", uri, complaints, client.last())
		}
	}
}

func popup(t *testing.T, chromium context.Context) {
	for name, c := range map[string]struct {
		change func(*http.Response) error
		want   string
	}{
		"as it is": {nil, "landed"},
		"with same-origin everywhere": {func(r *http.Response) error {
			r.Header.Set("Cross-Origin-Opener-Policy", "same-origin")
			return nil
		}, ""},
	} {
		s, client := front(t, c.change), newRelyingParty(t)
		b := openTab(t, chromium)
		b.open(client.address + "/start")
		b.evaluate("window.got = ''; addEventListener('message', e => window.got = e.data); ''")
		opened := chromedp.WaitNewTarget(b.ctx, func(*target.Info) bool { return true })
		b.evaluate(fmt.Sprintf("window.open(%q, 'signin', 'width=500,height=600'); ''", s.az("PN", url.Values{"redirect_uri": {client.callback()}, "scope": {"openid"}})))
		ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(<-opened))
		if err := chromedp.Do(ctx); err != nil { // it is looked at for as long as the context of its first step lasts
			t.Fatal(err)
		}
		popup := &tab{t: t, ctx: ctx}
		popup.signIn("alice@example.com", password)
		popup.click(`button[name=decision][value=allow]`)
		for deadline := time.Now().Add(10 * time.Second); client.last() == nil && time.Now().Before(deadline); {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(300 * time.Millisecond)
		if got := b.evaluate("window.got"); got != c.want || client.last().Get("code") == "" {
			t.Errorf("%s: the opener got %q, the client %v", name, got, client.last())
		}
		cancel()
	}
}

func frames(t *testing.T, chromium context.Context) {
	s := front(t, nil)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>evil</title><link rel="icon" href="data:,"><iframe src="%s" width=600 height=600></iframe>`, r.URL.Query().Get("page"))
	}))
	t.Cleanup(evil.Close)
	b := openTab(t, chromium)
	b.open(s.issuer + "/login")
	b.signIn("alice@example.com", password)
	b.arrive(s.issuer+"/", `form[action$="/logout"], a[href$="/logout"]`)

	framed := func(address string) string {
		b.blocked()
		b.open(evil.URL + "/?page=" + url.QueryEscape(address))
		complaints := ""
		for deadline := time.Now().Add(2 * time.Second); complaints == "" && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			complaints = strings.Join(b.blocked(), " ")
		}
		return complaints
	}
	if got := framed(evil.URL + "/?page=about:blank"); got != "" {
		t.Fatalf("a page without protection does not render either: %s", got)
	}
	for _, address := range []string{"/", "/login", "/logout", "/docs/start", "/nope", strings.TrimPrefix(s.az("PN", nil), s.issuer), strings.TrimPrefix(s.az("PN", url.Values{"client_id": {"x"}}), s.issuer)} {
		if got := framed(s.issuer + address); !strings.Contains(got, "frame-ancestors") {
			t.Errorf("%s renders in a frame: %q", address, got)
		}
	}
}

func realForeignForm(t *testing.T, chromium context.Context) {
	s := front(t, nil)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>evil</title><link rel="icon" href="data:,"><form method="post" action="%s"><input name="email" value="bob@example.com"><input name="password" value="%s"><button id="go">Win a prize</button></form>`,
			r.URL.Query().Get("to"), password)
	}))
	t.Cleanup(evil.Close)
	b := openTab(t, chromium)
	b.open(s.issuer + "/login")
	b.signIn("alice@example.com", password)
	b.arrive(s.issuer+"/", `form[action$="/logout"], a[href$="/logout"]`)
	for _, path := range []string{"/logout", "/login", "/consent", "/login/continue"} {
		b.open(evil.URL + "/?to=" + url.QueryEscape(s.issuer+path))
		b.click("#go")
		b.arrive(s.issuer+path, "h1")
		if text := b.evaluate("document.body.innerText"); !strings.Contains(text, "This form could not be accepted") {
			t.Errorf("%s: %s", path, text)
		}
	}
	b.open(s.issuer + "/")
	if text := b.evaluate("document.body.innerText"); !strings.Contains(text, "alice@example.com") {
		t.Errorf("after all that: %s", text)
	}
	b.none()
}
