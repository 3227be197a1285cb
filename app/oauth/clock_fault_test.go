package oauth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"regrant/app/oauth"
)

// TestF9_AClockThatIsWrongRevivesNothingStretchesNoWindowAndRevokesNobody drives a server whose wall clock is stepped by a second to
// ten years, frozen, and set back while it is down. Beside it stands the true time, which no server has.
func TestF9_AClockThatIsWrongRevivesNothingStretchesNoWindowAndRevokesNobody(t *testing.T) {
	dir := inMemory(t)
	n := 60
	if os.Getenv("REGRANT_FAULTS") == "full" {
		n = 5000
	}
	histories(t, n)
	tally := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		h := &wrongClock{world: newWorld(t, dir), t: t, tally: tally}
		defer func() { h.db.Close() }()
		h.aNewGrant(t)
		t.Repeat(map[string]func(*rapid.T){
			"a new grant":                           h.aNewGrant,
			"the application refreshes":             h.refreshes,
			"it refreshes, soon after":              h.refreshes,
			"it tries again within the window":      h.triesAgain,
			"a thief comes when the window is over": h.comesTooLate,
			"an expired token is tried again":       h.triesExpired,
			"the wall clock is stepped":             h.isStepped,
			"it is stepped once more":               h.isStepped,
			"it is set right":                       h.isSetRight,
			"seconds pass":                          func(t *rapid.T) { h.passes(time.Duration(rapid.IntRange(1, 15).Draw(t, "seconds")) * time.Second) },
			"much time passes": func(t *rapid.T) {
				h.passes(rapid.SampledFrom([]time.Duration{time.Hour + time.Minute, 25 * time.Hour, 31 * day}).Draw(t, "for"))
			},
			"the server freezes":                     h.freezes,
			"it stops or dies, and the clock is set": h.restarts,
			"":                                       h.invariants,
		})
		h.isSetRight(nil)
		for _, g := range h.grants {
			h.uses(g)
		}
		h.invariants(t)
	})
	t.Logf("%v", tally)
	if testing.Short() {
		return // a few histories need not hold everything
	}
	for _, what := range []string{"refreshed", "expired", "tried again", "too late", "expired, tried again", "from the future", "restarted with a clock set back"} {
		if tally[what] == 0 {
			t.Errorf("no history has it that a token is %q", what)
		}
	}
}

// wrongClock is one run. The wall clock shows true time plus offset.
type wrongClock struct {
	*world
	t      *rapid.T
	tally  map[string]int
	truth  time.Duration
	offset time.Duration
	lo, hi time.Duration // that the offset ever was: no deadline is off by more than between them
	grants []*clockedGrant
	access []string
}

type clockedGrant struct {
	id, client, previous, token string
	rules                       modelRules
	born, used                  time.Duration // true time
	served                      time.Duration // since the rotation, while the server was there
	stolen                      bool          // and so it is revoked
	expired                     bool          // the server has said so, and it was true
}

func (h *wrongClock) spread() time.Duration { return h.hi - h.lo }

func (h *wrongClock) aNewGrant(t *rapid.T) {
	if len(h.grants) == 4 {
		t.Skip("enough grants")
	}
	client := rapid.SampledFrom([]string{"standard", "multi-process", "short-lived"}).Draw(t, "client")
	h.clock.pass(time.Millisecond)
	h.truth += time.Millisecond
	token, id := h.world.grant(client, people[0])
	h.grants = append(h.grants, &clockedGrant{id: id, client: client, token: token, rules: modelRulesOf[client], born: h.truth, used: h.truth})
}

func (h *wrongClock) some(t *rapid.T) *clockedGrant {
	return h.grants[rapid.IntRange(0, len(h.grants)-1).Draw(t, "grant")]
}

// alive says whether nobody has revoked it. Of a grant that expired a month ago nothing is left.
func (h *wrongClock) alive(g *clockedGrant) bool {
	state, err := h.db.Grant(context.Background(), g.id)
	if errors.Is(err, oauth.ErrNotFound) && h.left(g)+30*day <= h.spread() {
		return true
	}
	h.ok(err)
	return state.Alive()
}

// left is how long it may still be used, in true time.
func (h *wrongClock) left(g *clockedGrant) time.Duration {
	return min(g.rules.idle-(h.truth-g.used), g.rules.absolute-(h.truth-g.born))
}

// refresh presents a token until it is answered: on a machine that is held up a request waits too long for the disk, and is told so.
func (h *wrongClock) refresh(client, token, scope string) (response *oauth.TokenResponse, err error) {
	for range 100 {
		if response, err = h.world.refresh(client, token, scope); err == nil || codeOf(err) != oauth.TemporarilyUnavailable {
			break
		}
	}
	return response, err
}

// uses presents the token of now and holds the answer against true time.
func (h *wrongClock) uses(g *clockedGrant) bool {
	response, err := h.refresh(g.client, g.token, "")
	left := h.left(g)
	if err == nil {
		switch {
		case g.expired:
			h.Fatalf("%s: expired, and alive again", g.client)
		case g.stolen:
			h.Fatalf("%s: revoked, and alive again", g.client)
		case left < -h.spread()-time.Second:
			h.Fatalf("%s: accepted %s after its end; the clock was off by %s", g.client, -left, h.spread())
		}
		h.tally["refreshed"]++
		g.previous, g.token, g.used, g.served = g.token, response.RefreshToken, h.truth, 0
		h.access = append(h.access, response.AccessToken)
		if iat := issuedAt(response.AccessToken); h.offset == 0 && iat.Sub(epoch.Add(h.truth)) > time.Minute {
			h.Fatalf("the clock is right, and iat is %s ahead", iat.Sub(epoch.Add(h.truth)))
		}
		return true
	}
	if codeOf(err) != oauth.InvalidGrant {
		h.Fatalf("%s: %v", g.client, err)
	}
	switch {
	case !g.stolen && !h.alive(g):
		h.Fatalf("%s: revoked by nothing but the clock", g.client)
	case !g.stolen && left > h.spread()+time.Second:
		h.Fatalf("%s: refused %s before its end; the clock was off by %s", g.client, left, h.spread())
	case !g.stolen && left <= 0:
		h.tally["expired"]++
		g.expired = g.expired || h.remembered()
	}
	return false
}

// remembered lets the server write what it has said. A clock that is in doubt is not believed yet, and so not remembered (T47).
func (h *wrongClock) remembered() bool {
	h.ok(h.engine.Beat(context.Background()))
	h.ok(h.engine.Flush(context.Background()))
	state, _, err := h.db.Clock(context.Background())
	h.ok(err)
	return !state.Mark.Before(h.clock.Wall().Truncate(time.Microsecond))
}

func (h *wrongClock) refreshes(t *rapid.T) { h.uses(h.some(t)) }

func (h *wrongClock) triesExpired(t *rapid.T) {
	g := h.some(t)
	if !g.expired {
		t.Skip("it is not expired")
	}
	h.tally["expired, tried again"]++
	h.uses(g)
}

// triesAgain is a lost answer: within the window the successor is the same, whatever the wall clock did.
func (h *wrongClock) triesAgain(t *rapid.T) {
	g := h.some(t)
	if g.previous == "" || g.stolen || g.served >= g.rules.grace {
		t.Skip("no window is open")
	}
	again, err := h.refresh(g.client, g.previous, "")
	if err == nil {
		h.tally["tried again"]++
		if again.RefreshToken != g.token {
			h.Fatalf("%s: a second successor", g.client)
		}
		return
	}
	if left := h.left(g); !h.alive(g) || left > h.spread()+time.Second {
		h.Fatalf("%s: refused within its window, %s before its end: %v", g.client, left, err)
	}
}

// comesTooLate presents the previous token when the window has been open for its whole grace.
func (h *wrongClock) comesTooLate(t *rapid.T) {
	g := h.some(t)
	if g.previous == "" || g.stolen || g.served <= g.rules.grace {
		t.Skip("the window is not over")
	}
	if _, err := h.refresh(g.client, g.previous, ""); codeOf(err) != oauth.InvalidGrant {
		h.Fatalf("%s: a window of %s is open after %s: %v", g.client, g.rules.grace, g.served, err)
	}
	h.tally["too late"]++
	g.stolen = g.stolen || !h.alive(g)
}

func (h *wrongClock) isStepped(t *rapid.T) {
	by := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 4 * time.Minute, 10 * time.Minute, time.Hour, day, 30 * day, 365 * day, 10 * 365 * day}).Draw(t, "by")
	if rapid.Bool().Draw(t, "back") {
		by = -by
	}
	h.sets(h.offset + by)
}

func (h *wrongClock) isSetRight(*rapid.T) { h.sets(0) }

func (h *wrongClock) sets(offset time.Duration) {
	const most = 10 * 365 * day
	offset = max(-most, min(offset, most))
	h.clock.step(offset - h.offset)
	h.offset, h.lo, h.hi = offset, min(h.lo, offset), max(h.hi, offset)
}

// passes lets time pass as it does while the server runs: with a beat each second until every window is over, then in one go.
func (h *wrongClock) passes(d time.Duration) {
	for beats := 0; d > 0; beats++ {
		part := time.Second
		if beats > 65 {
			part = d
		}
		part = min(part, d)
		d -= part
		h.clock.pass(part)
		h.truth += part
		h.ok(h.engine.Beat(context.Background()))
		for _, g := range h.grants {
			g.served += part
		}
	}
	h.ok(h.engine.Sweep(context.Background()))
}

func (h *wrongClock) freezes(t *rapid.T) {
	d := time.Duration(rapid.IntRange(4, 100_000).Draw(t, "seconds")) * time.Second
	h.clock.pass(d)
	h.truth += d
	h.engine.Now()
}

// restarts ends the server, in peace or not, and starts it when the clock says something else.
func (h *wrongClock) restarts(t *rapid.T) {
	if rapid.Bool().Draw(t, "in peace") {
		ctx, stop := context.WithCancel(context.Background())
		stop()
		h.engine.Run(ctx) // writes once more
	}
	down := time.Duration(rapid.SampledFrom([]int{0, 15, 4000}).Draw(t, "seconds down")) * time.Second
	h.truth += down
	h.clock.step(down)
	before := h.offset
	if rapid.Bool().Draw(t, "set meanwhile") {
		h.isStepped(t)
	}
	if h.offset < before {
		h.tally["restarted with a clock set back"]++
	}
	h.start(h.db)
}

func (h *wrongClock) invariants(*rapid.T) {
	for _, g := range h.grants {
		if !g.stolen && !h.alive(g) {
			h.Fatalf("%s: revoked by nothing but the clock", g.client)
		}
		if g.expired && h.active(g.client, g.token) {
			h.Fatalf("%s: expired, and alive again", g.client)
		}
	}
	if h.offset != 0 || len(h.access) == 0 {
		return
	}
	// After recovery: what was issued while the clock was ahead is no token of now.
	for _, token := range h.access[max(0, len(h.access)-3):] {
		if issuedAt(token).Sub(epoch.Add(h.truth)) > time.Minute {
			h.tally["from the future"]++
			if h.active("standard", token) {
				h.Fatalf("an access token that is issued %s from now is active", issuedAt(token).Sub(epoch.Add(h.truth)))
			}
		}
	}
}

// issuedAt reads the iat of a JWT.
func issuedAt(token string) time.Time {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	check(err)
	var claims struct{ IAT int64 }
	check(json.Unmarshal(payload, &claims))
	return time.Unix(claims.IAT, 0).UTC()
}

// F9, T47: an idle server writes nothing, but what it has told somebody is on the disk.
func TestAnExpiryThatWasToldHoldsWhenTheServerDiesAndItsClockGoesBack(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	token, _ := w.grant("short-lived", people[0])
	for range 70 {
		w.clock.pass(time.Minute)
		w.ok(w.engine.Beat(ctx))
	}
	if _, err := w.refresh("short-lived", token, ""); codeOf(err) != oauth.InvalidGrant {
		t.Fatal(err)
	}
	w.ok(w.engine.Flush(ctx))

	w.clock.step(-2 * time.Hour)
	w.start(w.db)

	if _, err := w.refresh("short-lived", token, ""); codeOf(err) != oauth.InvalidGrant {
		t.Errorf("it lives again: %v", err)
	}
}
