package oauth_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"regrant/app/oauth"
)

// rounds is how often a race is run: a fiftieth with -short.
func rounds(n int) int {
	if testing.Short() {
		return max(n/50, 1)
	}
	return n
}

// atOnce runs functions that all begin at the same moment.
func atOnce(do ...func()) {
	begin := make(chan struct{})
	var all sync.WaitGroup
	for _, f := range do {
		all.Go(func() { <-begin; f() })
	}
	close(begin)
	all.Wait()
}

// presented is what came of one token that was presented.
type presented struct {
	response *oauth.TokenResponse
	err      error
}

// presentAtOnce presents one token n times at the same moment, beside what else is done then.
func (w *world) presentAtOnce(n int, client, token string, beside ...func()) []presented {
	answers := make([]presented, n)
	for i := range n {
		beside = append(beside, func() { answers[i].response, answers[i].err = w.refresh(client, token, "") })
	}
	atOnce(beside...)
	return answers
}

func TestFiftyUsesOfOneTokenAtOnceGiveOneSuccessor(t *testing.T) { // RT-12, T3
	w := newWorld(t, inMemory(t))
	defer w.close()
	token, id := w.grant("standard", "ann")
	for round := range rounds(1000) {
		successors, width := map[string]int{}, 50
		if round%5 > 0 && !full() {
			width = 2 + round%7
		}
		for _, p := range w.presentAtOnce(width, "standard", token) {
			if p.err != nil {
				t.Fatalf("round %d: %v", round, p.err)
			}
			successors[p.response.RefreshToken]++
		}
		if len(successors) != 1 || successors[token] != 0 {
			t.Fatalf("round %d: %d successors", round, len(successors))
		}
		for successor := range successors {
			token = successor
		}
		if state := w.state(id); int(state.Generation) != round+1 || !state.Alive() {
			t.Fatalf("round %d: generation %d", round, state.Generation)
		}
	}
	if !w.active("standard", token) {
		t.Error("the last successor is not active")
	}
}

func TestOfTwoUsesAtOnceAStrictClientGetsOneAnswerAndLosesTheGrant(t *testing.T) { // RT-12, T4
	w := newWorld(t, inMemory(t))
	defer w.close()
	for round := range rounds(1000) {
		token, id := w.grant("strict", "ann")
		answered, width := "", 2+round%7
		if full() {
			width = 50
		}
		for _, p := range w.presentAtOnce(width, "strict", token) {
			switch {
			case p.err == nil && answered != "":
				t.Fatalf("round %d: two answers", round)
			case p.err == nil:
				answered = p.response.RefreshToken
			case codeOf(p.err) != oauth.InvalidGrant:
				t.Fatalf("round %d: %v", round, p.err)
			}
		}
		if answered == "" {
			t.Fatalf("round %d: no answer", round)
		}
		if state := w.state(id); state.Alive() || state.RevokedReason != oauth.RevokedReuse || w.active("strict", answered) {
			t.Fatalf("round %d: the grant lives", round)
		}
	}
}

func TestARefreshSurvivesARotationOfTheClientsSecret(t *testing.T) { // F12
	w := newWorld(t, inMemory(t))
	defer w.close()
	token, id := w.grant("standard", "ann")
	for range rounds(1000) {
		var secret string
		var rotated error
		p := w.presentAtOnce(1, "standard", token, func() {
			_, secret, rotated = oauth.RotateClientSecret(context.Background(), w.db, "standard", oauth.SecretRotation{Overlap: oauth.SecretOverlap}, w.clock.Wall(), device)
		})[0]
		w.ok(errors.Join(rotated, p.err)) // the old secret lives on
		token, w.secret["standard"] = p.response.RefreshToken, secret
	}
	if state := w.state(id); int(state.Generation) != rounds(1000) || !state.Alive() {
		t.Errorf("generation %d", state.Generation)
	}
}

func TestTenThousandRotationsLeaveTheFileAtItsSize(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.close()
	ctx := context.Background()
	const grants = 50
	var tokens [grants]string
	rotate := func(each int) {
		var all sync.WaitGroup
		for i := range grants {
			all.Go(func() {
				for range each {
					response, err := w.refresh("standard", tokens[i], "")
					if err != nil {
						t.Error(err)
						return
					}
					tokens[i] = response.RefreshToken
				}
			})
		}
		all.Wait()
	}
	size := func() int64 {
		w.ok(w.engine.Flush(ctx))
		w.ok(w.db.Checkpoint(ctx, true))
		info, err := os.Stat(w.path)
		w.ok(err)
		return info.Size()
	}
	for i := range grants {
		tokens[i], _ = w.grant("standard", "ann")
	}
	rotate(20) // every ring is full
	before, longest := size(), int64(0)
	for range 10 {
		rotate(rounds(20))
		if info, err := os.Stat(w.path + "-wal"); err == nil {
			longest = max(longest, info.Size())
		}
		w.ok(w.engine.Flush(ctx))
	}
	after := size()
	t.Logf("%d bytes before, %d after, WAL at most %d", before, after, longest)
	if pages := (after - before) / 4096; pages > 4 {
		t.Errorf("the file grew by %d pages", pages)
	}
	if longest > 64<<20 {
		t.Errorf("the WAL grew to %d MiB", longest>>20)
	}
}

func (w *world) state(id string) *oauth.RefreshState {
	w.Helper()
	rows, err := w.db.Grants(context.Background(), oauth.GrantFilter{ID: id})
	w.ok(err)
	return &rows[0]
}
