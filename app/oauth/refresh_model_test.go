package oauth_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// TestRefreshTokensDoWhatTheModelSays drives the real engine on the real store through random histories and compares each
// answer with [model]. A failure prints the shortest history that shows it. To try more: RAPID_CHECKS=100000.
func TestRefreshTokensDoWhatTheModelSays(t *testing.T) {
	dir := inMemory(t)
	histories(t, 1200)
	rapid.Check(t, func(t *rapid.T) {
		h := &history{world: newWorld(t, dir), model: newModel(), t: t}
		defer func() { h.db.Close() }()
		h.aNewGrant(t)
		t.Repeat(map[string]func(*rapid.T){
			"a new grant":                              h.aNewGrant,
			"the application refreshes":                h.refreshes(""),
			"it refreshes once more":                   h.refreshes(""),
			"it refreshes, and the answer is lost":     h.refreshes("lost"),
			"it refreshes many times":                  h.refreshesOften,
			"it refreshes twice at once":               h.refreshesTwice,
			"it asks for less":                         h.refreshes("read"),
			"it asks for too much":                     h.asksTooMuch,
			"a thief uses an old token":                h.replay,
			"a thief uses the token of now":            h.steal,
			"another client presents a token":          h.mismatch,
			"the client revokes a token":               h.revokes,
			"an admin ends a grant":                    h.adminEnds,
			"a person is disabled, then enabled":       h.disablesPerson,
			"a client is disabled, or enabled again":   h.switchesClient,
			"an admin changes a client":                h.changesClient,
			"a client's secret has leaked":             h.leaks,
			"time passes":                              h.timePasses(time.Second, 4*time.Second, 9*time.Second, 11*time.Second, time.Minute),
			"much time passes":                         h.timePasses(20*time.Minute, 50*time.Minute),
			"a moment passes without a beat":           h.aMoment,
			"the server freezes":                       h.freezes,
			"the wall clock is stepped":                h.steps,
			"the server crashes and starts again":      h.crashes,
			"the server stops and starts again":        h.stops,
			"what waits is written, the rest is swept": h.writesAndSweeps,
			"": h.invariants,
		})
		h.theEnd()
	})
}

// history is one run: the real thing, and beside it the model.
type history struct {
	*world
	*model
	t *rapid.T
}

func (h *history) some(t *rapid.T) *modelGrant {
	g := h.grants[rapid.IntRange(0, len(h.grants)-1).Draw(t, "grant")]
	t.Logf("%s, generation %d", g, g.current())
	return g
}

func (g *modelGrant) String() string { return g.client + " of " + g.person }

func (h *history) aNewGrant(t *rapid.T) {
	if len(h.grants) == 5 {
		t.Skip("enough grants")
	}
	client := rapid.SampledFrom([]string{"standard", "strict", "multi-process", "no-rotation", "short-lived"}).Draw(t, "client")
	person := rapid.SampledFrom(people).Draw(t, "person")
	if h.off[client] {
		t.Skip("the client is disabled")
	}
	h.moment(time.Millisecond) // what was revoked before has to be older
	token, id := h.world.grant(client, person)
	h.model.grant(client, person, token, id)
}

// present presents a generation and holds the answer against the model.
func (h *history) present(g *modelGrant, generation int, scope string) outcome {
	h.Helper()
	want := h.judge(g, generation)
	if surely, perhaps := h.expired(g); want != suspended && surely && !g.dead {
		want = refused
	} else if want != suspended && perhaps && !g.dead {
		return h.presentInDoubt(g, generation, scope, want)
	}
	response, err := h.refresh(g.client, g.tokens[generation], scope)
	h.compare(g, want, response, err)
	return want
}

// presentInDoubt is for moments at which the deadline depends on which clock is believed: the engine decides, and then
// has to stand by it.
func (h *history) presentInDoubt(g *modelGrant, generation int, scope string, orElse outcome) outcome {
	h.Helper()
	response, err := h.refresh(g.client, g.tokens[generation], scope)
	if codeOf(err) == oauth.InvalidGrant {
		g.dead = h.isRevoked(g)
		return refused
	}
	h.compare(g, orElse, response, err)
	return orElse
}

func (h *history) compare(g *modelGrant, want outcome, response *oauth.TokenResponse, err error) {
	h.Helper()
	if want.answered() != (err == nil) {
		h.Fatalf("%s, generation %d: the model says %q, the server %v", g, g.current(), want, err)
	}
	token := ""
	if err == nil {
		token = response.RefreshToken
	}
	switch code := codeOf(err); {
	case want == suspended && code != oauth.UnauthorizedClient, (want == refused || want == revoked) && code != oauth.InvalidGrant:
		h.Fatalf("%s: %q was told as %v", g, want, err)
	case want == rotated && slices.Contains(g.tokens, token):
		h.Fatalf("%s: a generation came twice", g)
	case (want == repeated || want == renewed) && token != g.tokens[g.current()]:
		h.Fatalf("%s: a second successor", g)
	}
	h.happened(g, want, token)
	if h.isRevoked(g) != g.dead {
		h.Fatalf("%s: %q, and revoked is %v", g, want, !g.dead)
	}
}

func (h *history) isRevoked(g *modelGrant) bool {
	h.Helper()
	state, err := h.db.Grant(context.Background(), g.id)
	h.ok(err)
	return !state.Alive()
}

// refreshes is the honest application: it presents what it holds, and holds what comes back unless that is lost.
func (h *history) refreshes(how string) func(*rapid.T) {
	return func(t *rapid.T) { h.refreshOf(t, h.some(t), how) }
}

func (h *history) refreshOf(t *rapid.T, g *modelGrant, how string) {
	scope := ""
	if how == "read" {
		scope = "read"
	}
	promised := g.honest && h.inTime(g) && !g.dead && !h.off[g.client]
	if _, perhaps := h.expired(g); perhaps {
		promised = false
	}
	if g.replays >= 99 {
		t.Skip("it has asked often enough")
	}
	if !h.inTime(g) {
		g.honest = false
	}
	got := h.present(g, g.held, scope)
	if promised && !got.answered() {
		h.Fatalf("%s: an honest application is signed out", g)
	}
	if !got.answered() {
		return
	}
	if how == "lost" {
		if !g.asked {
			g.asked, g.askedAt = true, h.service
		}
		return
	}
	g.asked, g.held = false, g.current()
}

func (h *history) refreshesOften(t *rapid.T) {
	g := h.some(t)
	for range rapid.IntRange(1, 12).Draw(t, "times") {
		h.refreshOf(t, g, "")
	}
}

func (h *history) refreshesTwice(t *rapid.T) {
	g := h.some(t)
	first := h.judge(g, g.held)
	if _, perhaps := h.expired(g); perhaps || first != rotated {
		t.Skip("nothing to race for")
	}
	var responses [2]*oauth.TokenResponse
	var errs [2]error
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() { responses[i], errs[i] = h.refresh(g.client, g.tokens[g.held], "") })
	}
	both.Wait()
	if g.rules.grace == 0 {
		if (errs[0] == nil) == (errs[1] == nil) {
			h.Fatalf("%s: of two uses of one token %v and %v", g, errs[0], errs[1])
		}
		winner := responses[0]
		if errs[0] != nil {
			winner = responses[1]
		}
		h.happened(g, rotated, winner.RefreshToken)
		h.happened(g, revoked, "")
		if !h.isRevoked(g) {
			h.Fatalf("%s: it survived two uses of one token", g)
		}
		return
	}
	if err := errors.Join(errs[:]...); err != nil {
		h.Fatalf("%s: %v", g, err)
	}
	if responses[0].RefreshToken != responses[1].RefreshToken {
		h.Fatalf("%s: two successors", g)
	}
	h.happened(g, rotated, responses[0].RefreshToken)
	h.happened(g, repeated, "")
	g.asked, g.held = false, g.current()
}

func (h *history) asksTooMuch(t *rapid.T) {
	g := h.some(t)
	want := h.judge(g, g.held)
	if _, perhaps := h.expired(g); perhaps || !want.answered() {
		t.Skip("it would get nothing")
	}
	if _, err := h.refresh(g.client, g.tokens[g.held], "read email"); codeOf(err) != oauth.InvalidScope {
		h.Fatalf("%s: %v", g, err)
	}
}

func (h *history) replay(t *rapid.T) {
	g := h.some(t)
	if g.current() == 0 {
		t.Skip("there is no older token")
	}
	g.honest = false
	behind := rapid.SampledFrom([]int{1, 2, 8, 9, g.current()}).Draw(t, "generations behind")
	h.present(g, max(0, g.current()-behind), "")
}

func (h *history) steal(t *rapid.T) {
	g := h.some(t)
	g.honest = false
	h.present(g, g.current(), "")
}

func (h *history) mismatch(t *rapid.T) {
	g := h.some(t)
	other := "standard"
	if g.client == other {
		other = "strict"
	}
	if h.off[other] {
		t.Skip("the other is disabled")
	}
	token := rapid.SampledFrom(g.tokens).Draw(t, "token")
	if _, err := h.refresh(other, token, ""); codeOf(err) != oauth.InvalidGrant {
		h.Fatalf("%s: another client got %v", g, err)
	}
}

func (h *history) revokes(t *rapid.T) {
	g := h.some(t)
	generation := rapid.IntRange(0, g.current()).Draw(t, "generation")
	h.ok(h.engine.Revoke(context.Background(), h.credentials(g.client), g.tokens[generation], device))
	g.dead = true
}

func (h *history) adminEnds(t *rapid.T) {
	g := h.some(t)
	_, err := h.db.RevokeGrant(context.Background(), g.id, oauth.RevokedAdmin, h.clock.Wall(), h.event(audit.GrantRevoked))
	h.ok(err)
	g.dead = true
}

func (h *history) disablesPerson(t *rapid.T) {
	person := rapid.SampledFrom(people).Draw(t, "person")
	h.ok(h.db.DisablePerson(context.Background(), person, h.event(audit.PersonDisabled)))
	h.ok(h.db.EnablePerson(context.Background(), person, h.event(audit.PersonEnabled)))
	h.end(func(g *modelGrant) bool { return g.person == person })
}

func (h *history) switchesClient(t *rapid.T) {
	client := h.some(t).client
	h.off[client] = !h.off[client]
	h.change(client, func(c *oauth.Client) {
		c.DisabledAt = nil
		if now := h.clock.Wall(); h.off[client] {
			c.DisabledAt = &now
		}
	})
}

func (h *history) changesClient(t *rapid.T) {
	h.change(h.some(t).client, func(c *oauth.Client) { c.Name += "'" })
}

func (h *history) change(client string, change func(*oauth.Client)) {
	h.Helper()
	_, err := oauth.ChangeClient(context.Background(), h.db, client, func(c *oauth.Client) error { change(c); return nil }, h.clock.Wall(), device)
	h.ok(err)
}

func (h *history) leaks(t *rapid.T) {
	client := h.some(t).client
	_, secret, err := oauth.RotateClientSecret(context.Background(), h.db, client, oauth.SecretRotation{Leaked: true}, h.clock.Wall(), device)
	h.ok(err)
	h.secret[client] = secret
	h.end(func(g *modelGrant) bool { return g.client == client })
}

func (h *history) timePasses(choices ...time.Duration) func(*rapid.T) {
	return func(t *rapid.T) { h.pass(rapid.SampledFrom(choices).Draw(t, "for")) }
}

func (h *history) pass(d time.Duration) {
	for beats := 0; d > 0; beats++ {
		part := min(d, time.Second)
		if beats > 65 { // every window is over, so nothing is missed
			part = d
		}
		d -= part
		h.clock.pass(part)
		h.model.pass(part)
		h.beat()
	}
}

func (h *history) beat() {
	h.Helper()
	h.ok(h.engine.Beat(context.Background()))
	h.save()
}

func (h *history) aMoment(t *rapid.T) {
	h.moment(time.Duration(rapid.IntRange(1, 900).Draw(t, "milliseconds")) * time.Millisecond)
}

func (h *history) moment(d time.Duration) {
	h.clock.pass(d)
	h.model.pass(d)
	h.engine.Now()
}

func (h *history) freezes(t *rapid.T) {
	d := time.Duration(rapid.IntRange(4, 4000).Draw(t, "seconds")) * time.Second
	h.clock.pass(d)
	h.step(d)
	h.engine.Now()
}

func (h *history) steps(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Second, -time.Second, 4 * time.Minute, -4 * time.Minute, time.Hour, -time.Hour}).Draw(t, "by")
	h.clock.step(d)
	h.step(d)
}

func (h *history) restarts(t *rapid.T) {
	down := time.Duration(rapid.SampledFrom([]int{0, 1, 15, 4000}).Draw(t, "seconds down")) * time.Second
	reopen := rapid.IntRange(0, 3).Draw(t, "file opened again if 3") == 3 // it is slow, and seldom matters
	if reopen {
		h.close()
	}
	h.clock.step(down)
	h.step(down)
	if reopen {
		h.open()
		return
	}
	h.start(h.db)
}

func (h *history) crashes(t *rapid.T) {
	h.crash()
	h.restarts(t)
	h.save()
}

func (h *history) stops(t *rapid.T) {
	h.beat()
	h.ok(h.engine.Flush(context.Background()))
	h.restarts(t)
}

func (h *history) writesAndSweeps(*rapid.T) {
	h.ok(h.engine.Flush(context.Background()))
	h.ok(h.engine.Sweep(context.Background()))
}

// invariants hold after every step: of all tokens of a grant the current one is alive, or none.
func (h *history) invariants(t *rapid.T) {
	for _, g := range h.grants {
		if h.off[g.client] {
			continue
		}
		surely, perhaps := h.expired(g)
		for generation := max(0, g.current()-2); generation <= g.current(); generation++ {
			alive := h.active(g.client, g.tokens[generation])
			switch {
			case alive && (generation < g.current() || g.dead || surely):
				h.Fatalf("%s: generation %d of %d is alive, dead is %v", g, generation, g.current(), g.dead)
			case !alive && generation == g.current() && !g.dead && !perhaps:
				h.Fatalf("%s: the current token is not alive", g)
			}
		}
	}
}

// theEnd tries every token that ever was, oldest last, since that ends what is alive.
func (h *history) theEnd() {
	for client := range h.off {
		if h.off[client] {
			h.off[client] = false
			h.change(client, func(c *oauth.Client) { c.DisabledAt = nil })
		}
	}
	for _, g := range h.grants {
		for generation := g.current(); generation >= 0; generation-- {
			h.present(g, generation, "")
		}
		h.invariants(h.t)
	}
	_, err := h.db.VerifyAudit(context.Background())
	h.ok(err)
}

func codeOf(err error) oauth.Code {
	var e *oauth.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return oauth.Code(fmt.Sprint(err))
	}
	return ""
}

// histories sets their number, a twentieth of it with -short, unless somebody has asked for another.
func histories(t *testing.T, n int) {
	chosen := os.Getenv("RAPID_CHECKS") != ""
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "rapid.checks" })
	if chosen {
		return
	}
	if testing.Short() {
		n /= 4 // and rapid itself takes a fifth
	}
	// The same histories each time, so that a change is told by what it changed; RAPID_CHECKS asks for others.
	for name, value := range map[string]string{"rapid.checks": strconv.Itoa(n), "rapid.seed": "20261122"} {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
}
