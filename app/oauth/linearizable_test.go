package oauth_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"regrant/app/oauth"
)

// full says that what is random is to be tried as often as requirements.md part 5 asks for (make faults).
func full() bool { return os.Getenv("REGRANT_FAULTS") == "full" }

// use is what one of several holders of a grant does with a token of it: it refreshes, or it revokes.
type use struct {
	token   int // by the order in which the tokens were first seen
	revokes bool
}

// What came of a use, where it was no token.
const (
	wasRefused = -1
	wasBusy    = -2 // the store was: nothing has changed, and it may be tried again
)

// grantModel is a grant as if one request came after the other. Time stands still, so a window ends only when its successor is used.
func grantModel(grace bool) porcupine.Model {
	type grant struct {
		current, previous int // previous: -1 for none
		ended             bool
	}
	return porcupine.Model{
		Init: func() any { return grant{0, -1, false} },
		Step: func(state, input, output any) (bool, any) {
			g, u, got := state.(grant), input.(use), output.(int)
			switch {
			case got == wasBusy:
				return true, g
			case u.revokes:
				g.ended = true
				return true, g
			case g.ended:
				return got == wasRefused, g
			case u.token == g.current:
				return got > g.current, grant{current: got, previous: g.current}
			case u.token == g.previous && grace:
				return got == g.current, g
			}
			g.ended = true // two hold it
			return got == wasRefused, g
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %v", input, output) },
	}
}

// TestF12_RefreshesAtOnceAreAsIfOneCameAfterTheOther has several holders of one grant refresh, replay and revoke at the same time, and
// finds for each recorded history an order in which the model gives the same answers.
func TestF12_RefreshesAtOnceAreAsIfOneCameAfterTheOther(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	histories, kinds := rounds(300), map[string]int{}
	if full() {
		histories = 10_000
	}
	for n := range histories {
		client := []string{"standard", "strict"}[n%2]
		token, _ := w.grant(client, "ann")
		h := w.record(client, token, uint64(n))
		h.explain(t)
		h.count(kinds)
	}
	t.Logf("%d histories: %v", histories, kinds)
	for _, kind := range []string{"rotated", "repeated", "refused", "revoked"} {
		if kinds[kind] < histories/4 && !testing.Short() {
			t.Errorf("%s only %d times", kind, kinds[kind])
		}
	}
}

// TestF12_ManyGrantsAtOnceDoNotDisturbEachOther does the same with hundreds of grants at the same time, of which the writer takes many
// into one transaction.
func TestF12_ManyGrantsAtOnceDoNotDisturbEachOther(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	grants := 500
	if testing.Short() {
		grants = 50
	}
	again := 1
	if full() {
		again = 20
	}
	kinds := map[string]int{}
	for round := range again {
		recorded, tokens := make([]*recording, grants), make([]string, grants)
		clients := []string{"standard", "standard", "strict"}
		person := ""
		for i := range grants {
			if i%25 == 0 {
				person = w.somebody() // nobody has more than fifty of one client
			}
			tokens[i], _ = w.grant(clients[i%3], person)
		}
		var all []func()
		for i := range grants {
			all = append(all, func() { recorded[i] = w.record(clients[i%3], tokens[i], uint64(round*grants+i)) })
		}
		atOnce(all...)
		for _, h := range recorded {
			h.explain(t)
			h.count(kinds)
		}
	}
	t.Logf("%d times %d grants: %v", again, grants, kinds)
	if full() && kinds["busy"] > 0 {
		t.Errorf("%d faults", kinds["busy"])
	}
}

// recording is what several holders did with one grant.
type recording struct {
	client     string
	mu         sync.Mutex
	tokens     []string
	operations []porcupine.Operation
}

// explain finds the order, or fails and draws the history.
func (h *recording) explain(t *testing.T) {
	t.Helper()
	model := grantModel(h.client == "standard")
	result, info := porcupine.CheckOperationsVerbose(model, h.operations, time.Minute)
	if result == porcupine.Ok {
		return
	}
	page, err := os.CreateTemp("", "history-*.html")
	if err == nil {
		err = porcupine.Visualize(model, info, page)
	}
	if err != nil {
		t.Error(err)
	}
	t.Fatalf("no order of the requests of a %s client gives these answers (%s), drawn in %s: %s", h.client, result, page.Name(), h)
}

func (h *recording) count(kinds map[string]int) {
	for _, o := range h.operations {
		kinds[h.kind(o)]++
	}
}

// record lets up to six holders use a grant, each up to five times.
func (w *world) record(client, token string, chance uint64) *recording {
	w.Helper()
	h := &recording{client: client, tokens: []string{token}}
	r := rand.New(rand.NewPCG(20261122, chance))
	began := time.Now()
	var all []func()
	for id := range 2 + r.IntN(5) {
		// Chance is drawn here, so that only what the machine does differs between two runs.
		type plan struct {
			revokes bool
			behind  int
		}
		plans := make([]plan, 1+r.IntN(5))
		for i := range plans {
			plans[i].revokes = r.IntN(30) == 0
			switch dice := r.IntN(30); {
			case dice < 5:
				plans[i].behind = 1
			case dice == 5:
				plans[i].behind = 2
			}
		}
		all = append(all, func() {
			for _, p := range plans {
				h.mu.Lock()
				newest := len(h.tokens) - 1
				u := use{token: max(0, newest-p.behind), revokes: p.revokes}
				presented := h.tokens[u.token]
				h.mu.Unlock()
				o := porcupine.Operation{ClientId: id, Input: u, Call: time.Since(began).Nanoseconds()}
				got, err := w.use(client, presented, u)
				o.Return = time.Since(began).Nanoseconds()
				switch {
				case err != nil:
					o.Output = wasBusy
				case got == "":
					o.Output = wasRefused
				default:
					o.Output = h.note(got)
				}
				h.mu.Lock()
				h.operations = append(h.operations, o)
				h.mu.Unlock()
			}
		})
	}
	atOnce(all...)
	return h
}

// holders is how many do something at the same time, less than the writer's queue is long.
var holders = make(chan struct{}, 512)

// use does what is to be done and gives the token that came, "" for a refusal. The error is the store's.
func (w *world) use(client, token string, u use) (string, error) {
	w.Helper()
	holders <- struct{}{}
	defer func() { <-holders }()
	if u.revokes {
		return "", w.engine.Revoke(context.Background(), w.credentials(client), token, device)
	}
	response, err := w.refresh(client, token, "")
	switch codeOf(err) {
	case "":
		return response.RefreshToken, nil
	case oauth.InvalidGrant:
		return "", nil
	case oauth.TemporarilyUnavailable:
		return "", err
	}
	w.Errorf("refresh: %v", err)
	return "", err
}

// note gives the number of a token, and a new one to a token that nobody has seen.
func (h *recording) note(token string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := slices.Index(h.tokens, token)
	if n < 0 {
		n = len(h.tokens)
		h.tokens = append(h.tokens, token)
	}
	return n
}

func (h *recording) kind(o porcupine.Operation) string {
	switch u, got := o.Input.(use), o.Output.(int); {
	case got == wasBusy:
		return "busy"
	case u.revokes:
		return "revoked"
	case got == wasRefused:
		return "refused"
	}
	first := slices.IndexFunc(h.operations, func(other porcupine.Operation) bool { return other.Output == o.Output })
	if h.operations[first].Call == o.Call {
		return "rotated"
	}
	return "repeated"
}

func (h *recording) String() string {
	text := ""
	for _, o := range h.operations {
		text += fmt.Sprintf("\n%d–%d holder %d %+v: %v", o.Call, o.Return, o.ClientId, o.Input, o.Output)
	}
	return text
}
