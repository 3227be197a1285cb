package oauth_test

import (
	"time"
)

// model is part 2 of the requirements in the plainest words, without nonces, hashes, keys or a store. It shares nothing with
// the engine but the times and policies that it is told.
type model struct {
	wall    time.Time
	highest time.Time     // that the wall clock ever said
	service time.Duration // in which the server was there to answer
	saved   time.Duration // what a crash leaves of it
	off     map[string]bool
	grants  []*modelGrant
}

// modelGrant is one grant, with the one application that holds its token honestly.
type modelGrant struct {
	id, client, person string
	rules              modelRules
	tokens             []string    // by generation
	made               []time.Time // when, in whole seconds of the wall clock
	windowEnd          time.Duration
	replays            int
	dead               bool

	// Deadlines lie somewhere between two moments when the wall clock has been wrong.
	idle, absolute span

	held    int           // the generation that the application has
	asked   bool          // it has sent that token and got no answer,
	askedAt time.Duration // for the first time then, in service time
	honest  bool          // it is the only holder and has always tried again in time
}

type span struct{ earliest, latest time.Time }

// modelRules are what a policy says.
type modelRules struct {
	grace, idle, absolute time.Duration
	rotates               bool
	stale                 int // generations
}

var modelRulesOf = map[string]modelRules{
	"standard":      {10 * time.Second, 30 * day, 180 * day, true, 0},
	"strict":        {0, 30 * day, 180 * day, true, 0},
	"multi-process": {60 * time.Second, 30 * day, 180 * day, true, 8},
	"no-rotation":   {10 * time.Second, 30 * day, 180 * day, false, 0},
	"short-lived":   {10 * time.Second, time.Hour, 5 * time.Hour, true, 0},
}

const day = 24 * time.Hour

func newModel() *model { return &model{wall: epoch, highest: epoch, off: map[string]bool{}} }

func (m *model) now() span { return span{m.wall, m.highest} }

func (s span) add(d time.Duration) span { return span{s.earliest.Add(d), s.latest.Add(d)} }

func (m *model) grant(client, person, token, id string) {
	rules := modelRulesOf[client]
	g := &modelGrant{
		id: id, client: client, person: person, rules: rules, tokens: []string{token}, made: []time.Time{m.wall.Truncate(time.Second)},
		idle: m.now().add(rules.idle), absolute: m.now().add(rules.absolute), honest: true,
	}
	m.grants = append(m.grants, g)
}

// outcome is what has to become of a token that is presented.
type outcome string

const (
	rotated   outcome = "the next generation"
	repeated  outcome = "the same successor again"
	renewed   outcome = "the same token again"
	refused   outcome = "refused, nothing changes"
	revoked   outcome = "refused, the grant ends"
	suspended outcome = "the client is disabled, nothing changes"
)

func (o outcome) answered() bool { return o == rotated || o == repeated || o == renewed }

func (g *modelGrant) current() int { return len(g.tokens) - 1 }

// judge says what has to become of a generation that is presented now.
func (m *model) judge(g *modelGrant, generation int) outcome {
	behind := g.current() - generation
	switch {
	case m.off[g.client]:
		return suspended
	case g.dead:
		return refused
	case behind == 0 && g.rules.rotates:
		return rotated
	case behind == 0:
		return renewed
	case behind == 1 && m.window(g) && g.replays < 100:
		return repeated
	case behind == 1 && m.window(g):
		return refused
	case behind <= g.rules.stale && m.wall.Sub(g.made[generation]) < 10*time.Minute:
		return refused
	}
	return revoked
}

// window says whether the previous generation may come again. Without grace there is none, and no credit either.
func (m *model) window(g *modelGrant) bool { return g.rules.grace > 0 && m.service < g.windowEnd }

// expired says whether a deadline is over: surely, or perhaps, depending on which clock is believed.
func (m *model) expired(g *modelGrant) (surely, perhaps bool) {
	now := m.now()
	for _, deadline := range []span{g.idle, g.absolute} {
		surely = surely || !now.earliest.Before(deadline.latest)
		perhaps = perhaps || !now.latest.Before(deadline.earliest)
	}
	return surely, perhaps
}

// happened writes down what an outcome changes; token is what came back.
func (m *model) happened(g *modelGrant, o outcome, token string) {
	switch o {
	case rotated:
		g.tokens, g.made = append(g.tokens, token), append(g.made, m.wall.Truncate(time.Second))
		g.windowEnd, g.replays = m.service+g.rules.grace, 0
		g.idle = m.now().add(g.rules.idle)
	case repeated:
		g.replays++
	case renewed: // written once an hour
		idle := m.now().add(g.rules.idle)
		g.idle.latest = idle.latest
		if lag := idle.earliest.Add(-time.Hour); lag.After(g.idle.earliest) {
			g.idle.earliest = lag
		}
	case revoked:
		g.dead = true
	}
}

// inTime says whether the application does what 1.24 calls honest when it sends its token now.
func (m *model) inTime(g *modelGrant) bool {
	return !g.asked || !g.rules.rotates || max(m.service-g.askedAt, 0) < g.rules.grace
}

func (m *model) pass(d time.Duration) {
	m.step(d)
	m.service += d
}

// step moves the wall clock alone; so does a stop or a freeze, for a model that counts service.
func (m *model) step(d time.Duration) {
	m.wall = m.wall.Add(d)
	if m.wall.After(m.highest) {
		m.highest = m.wall
	}
}

func (m *model) save()  { m.saved = m.service }
func (m *model) crash() { m.service = m.saved }

// end ends every grant of a person or client.
func (m *model) end(of func(*modelGrant) bool) {
	for _, g := range m.grants {
		if of(g) {
			g.dead = true
		}
	}
}
