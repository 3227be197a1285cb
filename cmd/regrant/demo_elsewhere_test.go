package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// guest starts the application alone, as another client of this demo's server, and gives a browser in front of it.
func (d *demo) guest(t *testing.T, scope string, change func(*oauth.Client)) *demoBrowser {
	t.Helper()
	policy, _ := oauth.PolicyOf(oauth.PresetStandard)
	c := &oauth.Client{Name: "Guest", AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"http://127.0.0.1/callback"}, Policy: policy}
	change(c)
	secret, err := oauth.RegisterClient(t.Context(), d.store, c, d.clock.Wall(), operator())
	if err != nil {
		t.Fatal(err)
	}
	if scope == "" {
		scope = oauth.DefaultScope.String()
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	alone, err := newDemoElsewhere(t.Context(), "127.0.0.1:0", d.issuer, demoClient{id: c.ID, secret: secret, method: c.AuthMethod, scope: scope, wider: "everything"}, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- alone.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	alone.person = d.person
	return alone.browser(t)
}

// At a server elsewhere each button does over HTTP what it does at the demo's own, whichever way the client proves who it is.
func TestTheDemoRunsAtAServerElsewhere(t *testing.T) {
	home := newTestDemo(t)
	for _, method := range []oauth.AuthMethod{oauth.AuthBasic, oauth.AuthPost, oauth.AuthNone} {
		t.Run(string(method), func(t *testing.T) {
			b := home.guest(t, "", func(c *oauth.Client) {
				c.AuthMethod, c.Policy.AccessTokenLifetime = method, time.Minute
			})
			page := b.signIn("allow")
			if b.scene() != "demo.scene.signed_in.title" || !strings.Contains(page, "Alice Archer") {
				t.Fatalf("after the sign-in: %s", b.scene())
			}
			id := b.visitor().tokens.grant
			for _, want := range []string{b.callback(), b.client.id, home.issuer + "/admin/grants/" + id} {
				if !strings.Contains(page, want) {
					t.Errorf("the page does not say %s", want)
				}
			}
			for act, want := range map[string]bool{"expire": false, "secret": method != oauth.AuthNone, "replay": true} {
				if got := strings.Contains(page, `action="/act/`+act+`"`); got != want {
					t.Errorf("%s is offered: %v", act, got)
				}
			}
			steps := []struct {
				act, scene string
				generation uint32
				script     []string
			}{
				{"call", "called_userinfo", 0, []string{"3 app>server GET /userinfo", "4 server>app 200 OK"}},
				{"refresh", "refreshed", 1, demoRenewed},
				{"twice", "twice", 2, []string{"7 app>server POST /token", "7 app>server POST /token", "8 server>app 200 OK", "8 server>app 200 OK"}},
				{"lose", "lost", 3, []string{"7 app>server POST /token", "8 server>app lost", "7 app>server POST /token", "8 server>app 200 OK"}},
				{"wider", "wider", 3, demoRefused},
				{"secret", "secret", 3, []string{"7 app>server POST /token", "0 server>app 401 Unauthorized"}},
				{"replay", "reused", 3, slices.Concat(demoRefused, []string{"5 app>server GET /userinfo", "6 server>app 401 Unauthorized"}, demoRefused)},
			}
			for _, step := range steps {
				if step.act == "secret" && method == oauth.AuthNone {
					continue
				}
				b.press(step.act)
				if got := b.scene(); got != "demo.scene."+step.scene+".title" {
					t.Fatalf("%s: scene %s", step.act, got)
				}
				if got := b.script(); !slices.Equal(got, step.script) {
					t.Errorf("%s: %q", step.act, got)
				}
				if g := home.browser(t).grant(id); g.Generation != step.generation {
					t.Errorf("%s: generation %d, not %d", step.act, g.Generation, step.generation)
				}
			}
			if g := home.browser(t).grant(id); g.RevokedReason != oauth.RevokedReuse {
				t.Errorf("the grant ended by %q", g.RevokedReason)
			}
		})
	}
}

// What a button does depends on the client's policy, and the application tells what came back.
func TestTheDemoTellsWhatAPolicyDoes(t *testing.T) {
	home := newTestDemo(t)
	preset := func(name oauth.Preset) func(*oauth.Client) {
		return func(c *oauth.Client) { c.Policy, _ = oauth.PolicyOf(name) }
	}
	public := func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone }
	for name, c := range map[string]struct {
		scope  string
		change []func(*oauth.Client)
		acts   []string
		scene  string
		signed bool // in, at the end
	}{
		"strict, two tabs":         {"", []func(*oauth.Client){preset(oauth.PresetStrict)}, []string{"twice"}, "twice_strict.title", true},
		"strict, the end of it":    {"", []func(*oauth.Client){preset(oauth.PresetStrict)}, []string{"twice", "refresh"}, "over.title", false},
		"strict, a lost response":  {"", []func(*oauth.Client){preset(oauth.PresetStrict)}, []string{"lose"}, "lost_strict.title", false},
		"multi-process, a replay":  {"", []func(*oauth.Client){public, preset(oauth.PresetMultiProcess)}, []string{"replay", "refresh", "replay"}, "spared.title", true},
		"reuse is reported":        {"", []func(*oauth.Client){func(c *oauth.Client) { c.Policy.OnReuse = oauth.ReuseReports }}, []string{"replay"}, "spared.title", true},
		"no rotation, a refresh":   {"", []func(*oauth.Client){func(c *oauth.Client) { c.Policy.RotationOff = true }}, []string{"refresh"}, "kept.title", true},
		"no rotation, two tabs":    {"", []func(*oauth.Client){func(c *oauth.Client) { c.Policy.RotationOff = true }}, []string{"twice"}, "kept.title", true},
		"no rotation, a replay":    {"", []func(*oauth.Client){func(c *oauth.Client) { c.Policy.RotationOff = true }}, []string{"replay"}, "kept.title", true},
		"no rotation, lost":        {"", []func(*oauth.Client){func(c *oauth.Client) { c.Policy.RotationOff = true }}, []string{"lose"}, "kept.title", true},
		"opaque access tokens":     {"", []func(*oauth.Client){func(c *oauth.Client) { c.Policy.AccessTokenFormat = oauth.FormatOpaque }}, []string{"refresh", "call", "sign-out"}, "signed_out.title", false},
		"only with offline_access": {"openid profile", []func(*oauth.Client){func(c *oauth.Client) { c.Policy.Refresh = oauth.RefreshOffline }}, nil, "no_refresh.title", false},
		"no scope is left":         {"payroll", nil, nil, "no_scope.title", false},
		"signing out":              {"openid", nil, []string{"sign-out"}, "signed_out.title", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := home.guest(t, c.scope, func(client *oauth.Client) {
				for _, change := range c.change {
					change(client)
				}
			})
			b.signIn("allow")
			for _, act := range c.acts {
				b.press(act)
			}
			v := b.visitor()
			if got := b.scene(); got != "demo.scene."+c.scene || (v.tokens != nil) != c.signed {
				t.Errorf("scene %s, signed in: %v\n%s", got, v.tokens != nil, strings.Join(b.script(), "\n"))
			}
		})
	}
}

// A scope that the client lacks is left out, and the page says so.
func TestTheDemoSaysWhichScopesItDidNotGet(t *testing.T) {
	home := newTestDemo(t)
	b := home.guest(t, "openid email offline_access", func(c *oauth.Client) { c.Scope = oauth.Scope{"openid", "offline_access"} })

	page := b.signIn("allow")

	if !strings.Contains(page, "Regrant left out “email”") {
		t.Errorf("scene %s", b.scene())
	}
}

// Whoever is refused gets the way to the reason: the request id of the very answer, and the page of the dashboard for it.
func TestTheDemoLeadsToTheReasonOfARefusal(t *testing.T) {
	home := newTestDemo(t)
	for name, b := range map[string]*demoBrowser{"its own server": home.browser(t), "a server elsewhere": home.guest(t, "", func(*oauth.Client) {})} {
		t.Run(name, func(t *testing.T) {
			b.signIn("allow")
			id, at := b.visitor().tokens.grant, home.clock.Wall()
			event := audit.Event{At: at, Kind: audit.GrantRevoked, Origin: operator(), GrantID: id, Result: string(oauth.RevokedAdmin)}
			if _, err := home.store.RevokeGrant(t.Context(), id, oauth.RevokedAdmin, at, event); err != nil {
				t.Fatal(err)
			}
			for _, act := range []string{"twice", "wider", "lose", "replay", "refresh"} {
				v := b.visitor()
				held := v.tokens
				page := b.press(act)
				want := "demo.scene.over.title"
				if act == "lose" {
					want = "demo.scene.lost_strict.title"
				}
				if b.scene() != want || v.tokens != nil {
					t.Errorf("%s: %s", act, b.scene())
				}
				told := 0
				for _, a := range v.scenes[0].arrows {
					if a.Refused.Code != "" {
						told++
						if link := home.issuer + "/admin/refusals?request_id=" + a.Refused.RequestID; a.Refused.RequestID == "" || !strings.Contains(page, `href="`+link+`"`) {
							t.Errorf("%s: the page lacks %s", act, link)
						}
					}
				}
				if told == 0 {
					t.Errorf("%s: no refusal on the tape", act)
				}
				v.tokens = held // as an application that did not understand
			}
		})
	}
}

// A client whose secret is wrong is told so, at the first exchange and later.
func TestTheDemoTellsThatTheClientIsRefused(t *testing.T) {
	home := newTestDemo(t)
	b := home.guest(t, "", func(*oauth.Client) {})
	b.signIn("allow")
	b.client.secret = "rgs1_rotated-since-then"

	for _, act := range []string{"refresh", "twice", "replay", "wider", "sign-out"} {
		b.press(act)
		if b.scene() != "demo.scene.client.title" || b.visitor().tokens == nil {
			t.Errorf("%s: %s", act, b.scene())
		}
	}
	b.signIn("allow")
	if b.scene() != "demo.scene.client.title" {
		t.Errorf("after another sign-in: %s", b.scene())
	}
}

// The application believes only a server that is at its own issuer.
func TestTheDemoReadsWhatAServerSaysOfItself(t *testing.T) {
	answer := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, strings.ReplaceAll(body, "SELF", "http://"+r.Host))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	metadata := `{"issuer":"SELF","authorization_endpoint":"SELF/authorize","token_endpoint":"SELF/token"}`
	for name, c := range map[string]struct{ server, want string }{
		"another issuer":  {answer(200, strings.Replace(metadata, "SELF", "https://elsewhere.example", 1)), `calls itself "https://elsewhere.example"; name it so: --server "https://elsewhere.example"`},
		"not found":       {answer(404, "nothing here"), "there is no OpenID Connect server: /.well-known/openid-configuration answers 404 Not Found"},
		"a redirection":   {answer(301, metadata), "answers 301"},
		"a page":          {answer(200, "<html>"), "there is no OpenID Connect server"},
		"no endpoints":    {answer(200, `{"issuer":"SELF"}`), "there is no OpenID Connect server"},
		"nobody":          {"http://127.0.0.1:1", "does not answer (dial tcp 127.0.0.1:1: connect: connection refused); is the server running?"},
		"no address":      {"localhost:8080", "is not an address such as http://localhost:8080"},
		"with a query":    {"http://localhost:8080/?a=b", "is not an address"},
		"good":            {answer(200, metadata), ""},
		"good with slash": {answer(200, metadata) + "/", ""},
	} {
		d, err := newDemoElsewhere(t.Context(), "127.0.0.1:0", c.server, demoClient{id: "x"}, slog.New(slog.DiscardHandler))
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %v", name, err)
		case err == nil:
			if u, _ := url.Parse(c.server); d.server.host != u.Host || d.at.token != strings.TrimSuffix(c.server, "/")+"/token" {
				t.Errorf("%s: %+v %+v", name, d.server, d.at)
			}
			d.close()
		}
	}
}
