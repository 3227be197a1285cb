package oauth

import (
	"cmp"
	"sync"
	"time"
)

// How often one address may try user codes, RFC 8628 §5.1: so many at once, and one more each while.
const (
	maxUserCodeTries = 5
	userCodeTryEvery = time.Minute
	maxGuessers      = 50_000 // addresses remembered
)

// guesses bounds how many user codes an address may try. A code that leads somewhere costs nothing. It bounds other things that can be
// tried, too.
type guesses struct {
	mu    sync.Mutex
	tries map[string]guess
	most  int           // at once; 0: as many as user codes
	every time.Duration // one more each while; 0: as user codes
}

type guess struct {
	n     int       // tries that count
	since time.Time // when the oldest of them began to be forgotten
}

// take counts a try, or says how long to wait before the next.
func (g *guesses) take(address string, now time.Time) (wait time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tries == nil {
		g.tries = map[string]guess{}
	}
	t := g.at(address, now)
	if t.n >= cmp.Or(g.most, maxUserCodeTries) {
		return t.since.Add(g.rhythm()).Sub(now), false
	}
	if len(g.tries) >= maxGuessers {
		g.forget(now)
	}
	if t.n == 0 {
		t.since = now
	}
	t.n++
	g.tries[address] = t
	return 0, true
}

// giveBack takes a try back that was no guess.
func (g *guesses) giveBack(address string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.at(address, now); t.n > 1 {
		t.n--
		g.tries[address] = t
		return
	}
	delete(g.tries, address)
}

func (g *guesses) rhythm() time.Duration { return cmp.Or(g.every, userCodeTryEvery) }

// at is what counts at a later time. A clock that goes back forgets nothing.
func (g *guesses) at(address string, now time.Time) guess {
	t, every := g.tries[address], g.rhythm()
	if passed := int(now.Sub(t.since) / every); t.n > 0 && passed > 0 {
		t.n = max(t.n-passed, 0)
		t.since = t.since.Add(time.Duration(passed) * every)
	}
	return t
}

// forget drops who may try again; where that is nobody, everybody.
func (g *guesses) forget(now time.Time) {
	for address := range g.tries {
		if g.at(address, now).n == 0 {
			delete(g.tries, address)
		}
	}
	if len(g.tries) >= maxGuessers {
		clear(g.tries)
	}
}
