package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

// demoBrowser is a person's browser in front of the demo.
type demoBrowser struct {
	*demo
	t    *testing.T
	http *http.Client
}

// newTestDemo starts a demo on ports of its own.
func newTestDemo(t *testing.T) *demo {
	t.Helper()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	cheap := account.Cost{Memory: 64, Iterations: 1, Lanes: 1} // what a password costs is tested where passwords are
	d, err := newDemo(t.Context(), "127.0.0.1:0", log, cheap)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.dir); !os.IsNotExist(err) {
			t.Errorf("the database is still there: %v", err)
		}
	})
	return d
}

func (d *demo) browser(t *testing.T) *demoBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &demoBrowser{d, t, &http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

// send does a request, follows redirections, and gives where that ended and the page there.
func (b *demoBrowser) send(method, address string, form url.Values) (*url.URL, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s: %d %s", method, address, response.StatusCode, body)
	}
	return response.Request.URL, string(body)
}

// press presses a button and gives the page after it.
func (b *demoBrowser) press(name string) string {
	b.t.Helper()
	_, page := b.send("POST", b.app.url+"/act/"+name, url.Values{})
	return page
}

// signIn goes through the server's pages, until it is back at the application.
func (b *demoBrowser) signIn(decision string) string {
	b.t.Helper()
	at, page := b.send("POST", b.app.url+"/act/sign-in", url.Values{})
	for range 4 {
		if at.Host == b.app.host {
			return page
		}
		form := url.Values{"email": {b.person.email}, "password": {b.person.password}}
		if at.Path == "/consent" {
			form = url.Values{"decision": {decision}}
			for _, m := range consentField.FindAllStringSubmatch(page, -1) {
				form.Add(m[1], m[2])
			}
		}
		for _, m := range formStart.FindAllStringSubmatch(page, -1) {
			if m[1] == at.Path {
				for _, f := range hiddenField.FindAllStringSubmatch(m[2], -1) {
					if f[1] != "scope" { // the one that cannot be unticked stands in the list already
						form.Set(f[1], f[2])
					}
				}
			}
		}
		at, page = b.send("POST", b.issuer+at.Path, form)
	}
	b.t.Fatal("the browser does not come back")
	return ""
}

// visitor is what the application keeps of this browser.
func (b *demoBrowser) visitor() *demoVisitor {
	b.t.Helper()
	b.visitors.mu.Lock()
	defer b.visitors.mu.Unlock()
	u, _ := url.Parse(b.app.url)
	for _, c := range b.http.Jar.Cookies(u) {
		if v := b.visitors.all[c.Value]; v != nil {
			return v
		}
	}
	b.t.Fatal("no visitor")
	return nil
}

// script is the scene that is shown, one message a line: the step, the way, and what the protocol says.
func (b *demoBrowser) script() []string {
	b.t.Helper()
	v := b.visitor()
	v.mu.Lock()
	defer v.mu.Unlock()
	var lines []string
	for _, a := range v.scenes[0].arrows {
		line := a.Line
		switch {
		case a.From == "":
			lines = append(lines, "time passes")
			continue
		case a.Lost:
			line = "lost"
		}
		lines = append(lines, fmt.Sprintf("%d %s>%s %s", a.Step, a.From, a.To, line))
	}
	return lines
}

func (b *demoBrowser) scene() string {
	v := b.visitor()
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.scenes[0].title.Key
}

// grant is the sign-in as the server has it.
func (b *demoBrowser) grant(id string) oauth.RefreshState {
	b.t.Helper()
	if err := b.engine.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	grants, err := b.store.Grants(b.t.Context(), oauth.GrantFilter{ID: id})
	if err != nil || len(grants) != 1 {
		b.t.Fatalf("%d grants, %v", len(grants), err)
	}
	return grants[0]
}

var (
	demoCalled  = []string{"3 app>api GET /notes", "0 api>server POST /introspect", "0 server>api 200 OK", "4 api>app 200 OK"}
	demoTooLate = []string{"5 app>api GET /notes", "0 api>server POST /introspect", "0 server>api 200 OK", "6 api>app 401 Unauthorized"}
	demoRenewed = []string{"7 app>server POST /token", "8 server>app 200 OK"}
	demoRefused = []string{"7 app>server POST /token", "0 server>app 400 Bad Request"}
)

func TestTheDemoShowsWhatHappens(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	page := b.signIn("allow")
	if !strings.Contains(page, "Alice Archer") {
		t.Error("the application does not know who signed in")
	}
	tokens := *b.visitor().tokens
	check := func(act, scene string, generation int, want ...string) {
		t.Helper()
		if got := b.scene(); got != "demo.scene."+scene+".title" {
			t.Errorf("%s: scene %s", act, got)
		}
		if got := b.script(); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", act, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		v := b.visitor()
		if v.tokens != nil && v.tokens.generation() != generation {
			t.Errorf("%s: the application counts generation %d, not %d", act, v.tokens.generation(), generation)
		}
		if g := b.grant(tokens.grant); int(g.Generation) != generation {
			t.Errorf("%s: the server has generation %d, not %d", act, g.Generation, generation)
		}
	}
	check("sign in", "signed_in", 0,
		"1 app>server GET /authorize", "0 server>app 303 See Other", "0 app>server POST /login", "0 server>app 303 See Other",
		"0 app>server POST /consent", "0 server>app 303 See Other", "0 app>server POST /token", "2 server>app 200 OK", "0 app>server GET /userinfo", "0 server>app 200 OK")

	b.press("call")
	check("call", "called", 0, demoCalled...)
	b.press("expire")
	check("expire", "expired", 0, append([]string{"time passes"}, demoTooLate...)...)
	if d.clock.Ahead() < 20*time.Second || d.clock.Ahead() > 31*time.Second {
		t.Errorf("the clock is %s ahead", d.clock.Ahead())
	}
	b.press("refresh")
	check("refresh", "refreshed", 1, demoRenewed...)
	b.press("call")
	check("call again", "called", 1, demoCalled...)
	b.press("twice")
	check("twice", "twice", 2, "7 app>server POST /token", "7 app>server POST /token", "8 server>app 200 OK", "8 server>app 200 OK")
	b.press("lose")
	check("lose", "lost", 3, "7 app>server POST /token", "8 server>app lost", "7 app>server POST /token", "8 server>app 200 OK")
	b.press("refresh")
	check("refresh with what the retry got", "refreshed", 4, demoRenewed...)
	b.press("wider")
	check("wider", "wider", 4, demoRefused...)
	b.press("secret")
	check("secret", "secret", 4, "7 app>server POST /token", "0 server>app 401 Unauthorized")
	b.press("call")
	check("call after refusals", "called", 4, demoCalled...)

	var kinds []oauth.RingKind
	for _, e := range b.grant(tokens.grant).Ring.Entries() {
		kinds = append(kinds, e.Kind)
	}
	const rotation, replay = oauth.RingRotation, oauth.RingReplay
	if want := []oauth.RingKind{rotation, rotation, replay, rotation, replay, rotation}; !slices.Equal(kinds, want) {
		t.Errorf("the server remembers %v, not %v", kinds, want)
	}

	page = b.press("replay")
	check("replay", "reused", 4, slices.Concat([]string{"time passes"}, demoRefused, demoTooLate, demoRefused)...)
	if b.visitor().tokens != nil {
		t.Error("the application keeps tokens that are dead")
	}
	g := b.grant(tokens.grant)
	if g.RevokedReason != oauth.RevokedReuse || g.ReuseClass != oauth.ReuseTheft {
		t.Errorf("the grant ended by %s, %s", g.RevokedReason, g.ReuseClass)
	}
	for _, want := range []string{"Ended: reuse, theft", "grant.refresh_token_reused", "No tokens."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// A replay right after the sign-in needs generations first, and is a theft all the same.
func TestTheDemoReplaysWhatItHas(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	b.signIn("allow")
	id := b.visitor().tokens.grant

	b.press("replay")

	want := slices.Concat(demoRenewed, demoRenewed, []string{"time passes"}, demoRefused, demoTooLate, demoRefused)
	if got := b.script(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if g := b.grant(id); g.ReuseClass != oauth.ReuseTheft {
		t.Errorf("class %s", g.ReuseClass)
	}
}

func TestTheDemoSignsOut(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	b.signIn("allow")
	id := b.visitor().tokens.grant

	b.press("sign-out")

	if got, want := b.script(), append([]string{"0 app>server POST /revoke", "0 server>app 200 OK"}, demoTooLate...); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if g := b.grant(id); g.RevokedReason != oauth.RevokedClient {
		t.Errorf("the grant ended by %q", g.RevokedReason)
	}
	before := len(b.visitor().scenes)
	b.press("refresh") // without tokens there is nothing to do
	if len(b.visitor().scenes) != before {
		t.Error("a button acted without a sign-in")
	}
	page := b.press("over")
	if !strings.Contains(page, "before they happen") || len(b.visitor().scenes) != 0 {
		t.Error("starting over leaves things behind")
	}
	b.signIn("deny")
	if b.scene() != "demo.scene.denied.title" || b.visitor().tokens != nil {
		t.Errorf("after “don't allow”: %s", b.scene())
	}
	if !slices.Contains(b.script(), "0 app>server POST /login") {
		t.Error("after starting over, the password was not asked for")
	}
}

// When somebody else ends the sign-in, the application finds out at its next refresh.
func TestTheDemoNoticesTheEnd(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	b.signIn("allow")
	id, at := b.visitor().tokens.grant, d.clock.Wall()
	event := audit.Event{At: at, Kind: audit.GrantRevoked, Origin: operator(), GrantID: id, Result: string(oauth.RevokedAdmin)}
	if _, err := d.store.RevokeGrant(t.Context(), id, oauth.RevokedAdmin, at, event); err != nil {
		t.Fatal(err)
	}

	b.press("call")
	if got := b.script(); !slices.Equal(got, demoTooLate) {
		t.Errorf("call: %q", got)
	}
	b.press("refresh")
	if got := b.script(); !slices.Equal(got, demoRefused) || b.scene() != "demo.scene.over.title" || b.visitor().tokens != nil {
		t.Errorf("refresh: %q %s", got, b.scene())
	}
}
