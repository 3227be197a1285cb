package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"regrant/web/view"
)

// demoActs are the buttons that act on tokens, by their names in addresses.
var demoActs = map[string]func(*demo, context.Context, *demoVisitor, *demoTape) demoScene{
	"call": (*demo).call, "expire": (*demo).expire, "refresh": (*demo).refresh, "twice": (*demo).twice, "lose": (*demo).lose,
	"replay": (*demo).replay, "wider": (*demo).wider, "secret": (*demo).impostor, "sign-out": (*demo).signOut,
}

// call presents the access token to the API: steps 3 and 4, or 5 and 6.
func (d *demo) call(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	switch d.callAPI(ctx, v, t).Status {
	case http.StatusOK:
		return d.scene(d.opens.title, demoSays(d.opens.rule), "good", t)
	case http.StatusUnauthorized:
		return d.scene("demo.scene.refused.title", demoSays("demo.scene.refused.rule"), "warn", t)
	}
	return d.surprise(t)
}

func (d *demo) callAPI(ctx context.Context, v *demoVisitor, t *demoTape) *demoAnswer {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.opens.url, nil)
	if err != nil {
		return &demoAnswer{Err: err}
	}
	r.Header.Set("Authorization", "Bearer "+v.tokens.access)
	r.Header.Set("User-Agent", demoAgent)
	answer := t.send(d.http, r, nil, demoLeg{
		From: view.DemoApp, To: d.opens.party, Step: 3, Back: 4, Says: demoSays("demo.says.call"),
		Reads: func(a *demoAnswer) (demoText, string) {
			if a.Status == http.StatusOK {
				return demoSays(d.opens.gives), ""
			}
			if strings.Contains(a.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
				return demoSays("demo.says.invalid_token"), ""
			}
			return demoSays("demo.says.unexpected"), ""
		},
	})
	if answer.Status == http.StatusUnauthorized {
		t.change(answer.out, func(a *demoArrow) { a.Step = 5 })
		t.change(answer.in, func(a *demoArrow) { a.Step = 6 })
	}
	return answer
}

// expire lets time pass until the access token has expired, and presents it once more.
func (d *demo) expire(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	left := max(v.tokens.expires.Sub(d.clock.Wall()), 0).Truncate(time.Second) + time.Second
	if err := d.pass(ctx, t, left); err != nil || d.callAPI(ctx, v, t).Status != http.StatusUnauthorized {
		return d.surprise(t)
	}
	return d.scene("demo.scene.expired.title", demoSays("demo.scene.expired.rule", "Time", left), "warn", t)
}

// refresh gets new tokens: steps 7 and 8.
func (d *demo) refresh(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	token := v.tokens.current()
	answer := d.present(ctx, t, demoTry{tokens: v.tokens, token: token})
	tokens, err := readTokens(answer)
	if err != nil || d.hold(v.tokens, tokens) != nil {
		return d.otherwise(v, t, answer)
	}
	if tokens.RefreshToken == token {
		return d.kept(t)
	}
	return d.scene("demo.scene.refreshed.title", demoSays("demo.scene.refreshed.rule"), "good", t)
}

// twice presents the same refresh token two times at once, as two tabs do.
func (d *demo) twice(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	var tabs [2]*demoAnswer
	var both, gate sync.WaitGroup
	gate.Add(len(tabs))
	held, token := v.tokens, v.tokens.current()
	for i, who := range []string{"demo.who.first", "demo.who.second"} {
		both.Go(func() {
			tabs[i] = d.present(ctx, t, demoTry{tokens: held, token: token, who: who, gets: "demo.says.same_both", together: &gate})
		})
	}
	both.Wait()
	first, err := readTokens(tabs[0])
	second, err2 := readTokens(tabs[1])
	switch one := cmp.Or(first, second); {
	case one == nil || d.hold(v.tokens, one) != nil:
		return d.otherwise(v, t, tabs[0], tabs[1])
	case (err != nil) != (err2 != nil) && (tabs[0].says("invalid_grant") || tabs[1].says("invalid_grant")):
		return d.scene("demo.scene.twice_strict.title", demoSays("demo.scene.twice_strict.rule"), "warn", t)
	case err != nil || err2 != nil || first.RefreshToken != second.RefreshToken:
		return d.surprise(t)
	case one.RefreshToken == token:
		return d.kept(t)
	}
	return d.scene("demo.scene.twice.title", demoSays("demo.scene.twice.rule"), "good", t)
}

// lose refreshes, hangs up before it reads the answer, and tries again with the token that it still has.
func (d *demo) lose(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	try := demoTry{tokens: v.tokens, token: v.tokens.current(), gets: "demo.says.same_again"}
	lost := try
	lost.client = hangingUp()
	if answer := d.present(ctx, t, lost); !errors.Is(answer.Err, errHungUp) {
		return d.surprise(t)
	}
	try.who = "demo.who.retry"
	answer := d.present(ctx, t, try)
	tokens, err := readTokens(answer)
	switch {
	case answer.says("invalid_grant"):
		v.forget()
		return d.scene("demo.scene.lost_strict.title", demoSays("demo.scene.lost_strict.rule"), "bad", t)
	case err != nil || d.hold(v.tokens, tokens) != nil:
		return d.otherwise(v, t, answer)
	case tokens.RefreshToken == try.token:
		return d.kept(t)
	case d.client.grace == 0:
		return d.scene("demo.scene.lost.title", demoSays("demo.scene.lost_elsewhere.rule"), "good", t)
	}
	return d.scene("demo.scene.lost.title", demoSays("demo.scene.lost.rule", "Window", d.client.grace), "good", t)
}

// replay lets somebody else present the oldest refresh token, when its window is over. Then the application finds out.
func (d *demo) replay(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	for v.tokens.generation() < 2 { // one generation behind might be an answer that was lost; two are not
		token := v.tokens.current()
		answer := d.present(ctx, t, demoTry{tokens: v.tokens, token: token})
		tokens, err := readTokens(answer)
		if err != nil || d.hold(v.tokens, tokens) != nil {
			return d.otherwise(v, t, answer)
		}
		if tokens.RefreshToken == token {
			return d.kept(t)
		}
	}
	if !d.elsewhere() { // there, using the successors has closed the window just as well
		if err := d.pass(ctx, t, d.client.grace+time.Second); err != nil {
			return d.surprise(t)
		}
	}
	stranger := demoTry{tokens: v.tokens, token: v.tokens.refresh[0], who: "demo.who.stranger", says: "demo.says.refresh_stolen", tone: "bad", agent: "curl/8.10"}
	stolen := d.present(ctx, t, stranger)
	api := d.callAPI(ctx, v, t)
	own := d.present(ctx, t, demoTry{tokens: v.tokens, token: v.tokens.current()})
	tokens, err := readTokens(own)
	switch {
	case stolen.says("invalid_grant") && api.Status == http.StatusUnauthorized && own.says("invalid_grant"):
		v.forget()
		return d.scene("demo.scene.reused.title", demoSays("demo.scene.reused.rule", "Generation", 0), "bad", t)
	case stolen.says("invalid_grant") && err == nil && d.hold(v.tokens, tokens) == nil:
		return d.scene("demo.scene.spared.title", demoSays("demo.scene.spared.rule"), "warn", t)
	}
	return d.otherwise(v, t, stolen, own)
}

// kept is what happens where a client's policy does not rotate.
func (d *demo) kept(t *demoTape) demoScene {
	return d.scene("demo.scene.kept.title", demoSays("demo.scene.kept.rule"), "", t)
}

// otherwise is a scene whose answers are not those that the button is about: the sign-in may have ended, or the client itself
// may be unwelcome.
func (d *demo) otherwise(v *demoVisitor, t *demoTape, answers ...*demoAnswer) demoScene {
	for _, a := range answers {
		switch {
		case a.says("invalid_grant"):
			v.forget()
			return d.scene("demo.scene.over.title", demoSays("demo.scene.over.rule"), "bad", t)
		case a.says("invalid_client"):
			return d.scene("demo.scene.client.title", demoSays("demo.scene.client.rule"), "bad", t)
		}
	}
	return d.surprise(t)
}

// wider asks at a refresh for more than the person allowed.
func (d *demo) wider(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	answer := d.present(ctx, t, demoTry{
		tokens: v.tokens, token: v.tokens.current(), scope: v.tokens.scope + " " + d.client.wider, says: "demo.says.refresh_wider",
	})
	if !answer.says("invalid_scope") {
		return d.otherwise(v, t, answer)
	}
	return d.scene("demo.scene.wider.title", demoSays("demo.scene.wider.rule", "Scope", d.client.wider), "warn", t)
}

// impostor refreshes with a secret that is not the application's.
func (d *demo) impostor(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	answer := d.present(ctx, t, demoTry{
		tokens: v.tokens, token: v.tokens.current(), who: "demo.who.impostor", tone: "bad", secret: "rgs1_this-is-not-the-secret-of-this-application", says: "demo.says.refresh_impostor",
	})
	if !answer.says("invalid_client") {
		return d.otherwise(v, t, answer)
	}
	return d.scene("demo.scene.secret.title", demoSays("demo.scene.secret.rule"), "warn", t)
}

// signOut gives the refresh token back (RFC 7009), shows what that does to the access token, and forgets both.
func (d *demo) signOut(ctx context.Context, v *demoVisitor, t *demoTape) demoScene {
	form := url.Values{"token": {v.tokens.current()}, "token_type_hint": {"refresh_token"}}
	answer := d.post(ctx, t, d.at.revoke, form, demoLeg{
		Says: demoSays("demo.says.revoke"), Token: demoToken(v.tokens.generation(), v.tokens.current()),
		Reads: func(*demoAnswer) (demoText, string) { return demoSays("demo.says.revoked"), "" },
	})
	left := v.tokens.expires.Sub(d.clock.Wall())
	if answer.says("invalid_client") {
		return d.otherwise(v, t, answer)
	}
	if answer.Status != http.StatusOK || d.callAPI(ctx, v, t).Status != http.StatusUnauthorized {
		return d.surprise(t)
	}
	v.forget()
	if left <= 0 {
		return d.scene("demo.scene.signed_out_late.title", demoSays("demo.scene.signed_out_late.rule"), "good", t)
	}
	return d.scene("demo.scene.signed_out.title", demoSays("demo.scene.signed_out.rule", "Left", left), "good", t)
}

// pass lets time pass for all parties, and says so.
func (d *demo) pass(ctx context.Context, t *demoTape, span time.Duration) error {
	t.add(&demoArrow{Says: demoSays("demo.says.pass", "Time", span)})
	return d.clock.pass(ctx, span, d.engine.Beat)
}

// errHungUp is why an answer was not read.
var errHungUp = errors.New("the application hung up")

// hangingUp gives a client that does what a phone in a tunnel does: it sends its request, and when the answer is there, its
// connection is gone before a byte of it was read.
func hangingUp() *http.Client {
	return &http.Client{Timeout: demoTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &hangUp{Conn: c, wire: bufio.NewReader(c)}, nil
		},
	}}
}

// hangUp is a connection that closes when there is something to read.
type hangUp struct {
	net.Conn
	wire *bufio.Reader
}

// Read waits for the answer and gives none of it.
func (c *hangUp) Read([]byte) (int, error) {
	if _, err := c.wire.Peek(1); err != nil {
		return 0, err
	}
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, as from a network that breaks; else it is an ordinary close
	}
	return 0, errors.Join(errHungUp, c.Conn.Close())
}
