package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"regrant/app/oauth"
	"regrant/assets"
	"regrant/web/view"
)

const (
	demoClientID = "notes"
	demoAgent    = "notes/1.0"
	demoTimeout  = 15 * time.Second
)

// demoCSP is the policy of the product's pages (WEB-10). It has no form-action, since signing in leads to the server.
const demoCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; object-src 'none'; frame-ancestors 'none'"

// appHandler is the application: a page, a button each, and where the server sends browsers back to.
func (d *demo) appHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.show)
	mux.HandleFunc("GET /live", d.live)
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		d.locked(w, r, func(v *demoVisitor) { d.finish(finished(r), r.URL.Query(), v) })
		seeOther(w, "/")
	})
	mux.HandleFunc("POST /act/{name}", d.act)
	mux.Handle("GET /assets/", assets.Handler())
	own := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Only under its own name, so that no other site's name can be pointed here (DNS rebinding).
		if r.Host != d.app.host {
			http.Error(w, "this is "+d.app.url, http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", demoCSP)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		own.ServeHTTP(w, r)
	})
}

// locked does something with the visitor, one thing at a time, and tells the visitor's other tabs.
func (d *demo) locked(w http.ResponseWriter, r *http.Request, do func(*demoVisitor)) {
	v := d.visitors.of(w, r)
	v.mu.Lock()
	defer v.mu.Unlock()
	do(v)
	v.changed()
}

// finished is a context for what must be finished once it has begun, also when the browser goes away: tokens that arrive
// are kept.
func finished(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }

// act presses a button. Whoever is not signed in can only do that, or start over.
func (d *demo) act(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name == "sign-in" {
		d.locked(w, r, func(v *demoVisitor) { d.signIn(w, v) })
		return
	}
	do, known := demoActs[name]
	if (!known || !d.offers(name)) && name != "over" {
		http.NotFound(w, r)
		return
	}
	ctx := finished(r)
	d.locked(w, r, func(v *demoVisitor) {
		if name == "over" {
			d.startOver(ctx, v)
			return
		}
		if v.tokens == nil {
			return
		}
		tape := d.tapes.record()
		defer d.tapes.end(tape)
		v.put(do(d, ctx, v, tape))
		v.done[name] = true
	})
	seeOther(w, "/#scene")
}

// startOver ends what there is, and forgets it.
func (d *demo) startOver(ctx context.Context, v *demoVisitor) {
	if v.tokens != nil {
		form := url.Values{"token": {v.tokens.current()}}
		d.post(ctx, &demoTape{trace: newTrace()}, d.at.revoke, form, demoLeg{Reads: func(*demoAnswer) (demoText, string) { return demoText{}, "" }})
	}
	v.tokens, v.last, v.pending, v.scenes, v.seen, v.fresh = nil, nil, nil, nil, [9]bool{}, true
	clear(v.done)
}

// demoTry is one attempt to refresh.
type demoTry struct {
	tokens *demoTokens
	token  string
	scope  string
	who    string // key of the catalogue; empty: the application
	says   string // the same, of the request
	gets   string // the same, of tokens that come back
	tone   string
	secret string       // empty: the application's
	agent  string       // empty: the application's
	client *http.Client // nil: the application's

	together *sync.WaitGroup // see demoLeg
}

// present presents a refresh token at the token endpoint, RFC 6749 §6.
func (d *demo) present(ctx context.Context, t *demoTape, try demoTry) *demoAnswer {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {try.token}}
	if try.scope != "" {
		form.Set("scope", try.scope)
	}
	says := demoSays("demo.says.refresh")
	if try.says != "" {
		says = demoSays(try.says, "Scope", d.client.wider)
	}
	if try.gets == "" {
		try.gets = "demo.says.tokens"
	}
	leg := demoLeg{
		Who: try.who, Tone: try.tone, Together: try.together, Step: 7, Back: 8, Says: says,
		Token: demoToken(slices.Index(try.tokens.refresh, try.token), try.token),
	}
	next := len(try.tokens.refresh)
	leg.Reads = func(a *demoAnswer) (demoText, string) {
		if response, err := readTokens(a); err == nil {
			return demoSays(try.gets, "Life", time.Duration(response.ExpiresIn)*time.Second), ""
		}
		return demoRefusal(a), ""
	}
	leg.Gives = func(a *demoAnswer) *view.DemoToken {
		response, err := readTokens(a)
		if err != nil {
			return nil
		}
		return demoToken(next, response.RefreshToken)
	}
	return d.postAs(ctx, t, d.at.token, form, try, leg)
}

// demoRefusal says what an error of the token endpoint means, RFC 6749 §5.2.
func demoRefusal(a *demoAnswer) demoText {
	for code, key := range map[string]string{
		"invalid_grant": "demo.says.invalid_grant", "invalid_scope": "demo.says.invalid_scope", "invalid_client": "demo.says.invalid_client",
	} {
		if a.says(code) {
			return demoSays(key)
		}
	}
	return demoSays("demo.says.unexpected")
}

// post sends a form to the server as the application.
func (d *demo) post(ctx context.Context, t *demoTape, endpoint string, form url.Values, leg demoLeg) *demoAnswer {
	return d.postAs(ctx, t, endpoint, form, demoTry{}, leg)
}

// postAs sends a form with the client's credentials where its registration wants them, RFC 6749 §2.3.1.
func (d *demo) postAs(ctx context.Context, t *demoTape, endpoint string, form url.Values, try demoTry, leg demoLeg) *demoAnswer {
	secret := cmp.Or(try.secret, d.client.secret)
	if d.client.method != oauth.AuthBasic {
		form.Set("client_id", d.client.id)
	}
	if d.client.method == oauth.AuthPost {
		form.Set("client_secret", secret)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return &demoAnswer{Err: err}
	}
	client := try.client
	if client == nil {
		client = d.http
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", cmp.Or(try.agent, demoAgent))
	if d.client.method == oauth.AuthBasic {
		r.SetBasicAuth(url.QueryEscape(d.client.id), url.QueryEscape(secret))
	}
	leg.From, leg.To = view.DemoApp, view.DemoServer
	return t.send(client, r, form, leg)
}

// live tells a page when there is another version of it, as server-sent events.
func (d *demo) live(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Time{}); err != nil {
		http.Error(w, "no stream", http.StatusInternalServerError)
		return
	}
	changes, stop := d.visitors.of(w, r).watch()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for {
		select {
		case <-r.Context().Done():
			return
		case <-d.ending:
			return
		case version := <-changes:
			if _, err := fmt.Fprintf(w, "data: %s\n\n", version); err != nil || control.Flush() != nil {
				return
			}
		}
	}
}
