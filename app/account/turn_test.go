package account

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// queue is a hasher with one slot, which is taken, and so many places.
func queue(places int) (*Hasher, *turn) {
	h := &Hasher{turns: turns{places: places, free: 1}}
	first, err := h.enter(context.Background(), false)
	if err != nil {
		panic(err)
	}
	return h, first
}

func TestTurns(t *testing.T) {
	t.Run("WEB-32 a slot rests so that hashing takes at most a quarter of the machine", func(t *testing.T) {
		for _, c := range []struct {
			parallel, cores int
			rest            float64
		}{{1, 1, 3}, {1, 2, 1}, {3, 6, 1}, {3, 4, 2}, {4, 8, 1}, {4, 16, 0}, {4, 64, 0}} {
			rest := restOf(c.parallel, c.cores)
			if rest != c.rest {
				t.Errorf("%d of %d: %v", c.parallel, c.cores, rest)
			}
			if part := float64(c.parallel) / (1 + rest) / float64(c.cores); part > 0.2501 {
				t.Errorf("%d of %d take %v of the machine", c.parallel, c.cores, part)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			h, first := queue(1)
			h.turns.rest = 1.5
			first.worked = 20 * time.Millisecond
			began := time.Now()
			first.leave()
			if gone := time.Since(began); gone != 0 {
				t.Errorf("who leaves waits %v", gone)
			}
			second, err := h.enter(t.Context(), false)
			if gone := time.Since(began); err != nil || gone != 30*time.Millisecond {
				t.Errorf("the next has its turn after %v, %v", gone, err)
			}
			second.leave() // without having worked
			if _, err := h.enter(t.Context(), false); err != nil || time.Since(began) != 30*time.Millisecond {
				t.Errorf("the third after %v, %v", time.Since(began), err)
			}
		})
	})

	t.Run("WEB-36 a browser that is known goes before strangers and is not turned away for them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h, slot := queue(2)
			type result struct {
				name string
				turn *turn
				err  error
			}
			results := make(chan result, 10)
			come := func(name string, known bool) {
				go func() {
					turn, err := h.enter(context.Background(), known)
					results <- result{name, turn, err}
				}()
				synctest.Wait()
			}
			served := func(want string) {
				t.Helper()
				slot.leave()
				r := <-results
				if r.name != want || r.err != nil {
					t.Fatalf("got %s, %v; want %s", r.name, r.err, want)
				}
				slot = r.turn
			}
			come("stranger", false)
			come("known", true)
			served("known")
			come("known", true)
			for range 20 {
				come("stranger", false)
				if r := <-results; r.name != "stranger" || !errors.Is(r.err, ErrBusy) {
					t.Fatalf("turned away: %s, %v", r.name, r.err)
				}
			}
			served("known")
			served("stranger")
			// Where all are known, whoever comes last is turned away.
			come("first", true)
			come("second", true)
			come("third", true)
			if r := <-results; r.name != "third" || !errors.Is(r.err, ErrBusy) {
				t.Errorf("turned away: %s, %v", r.name, r.err)
			}
			for range 2 {
				slot.leave()
				slot = (<-results).turn
			}
		})
	})

	t.Run("WEB-32 of those who wait and those who come each may be turned away", func(t *testing.T) {
		waited, came := 0, 0
		for range 100 {
			synctest.Test(t, func(t *testing.T) {
				h, slot := queue(1)
				results := make(chan error, 1)
				go func() {
					turn, err := h.enter(context.Background(), false)
					results <- err
					if err == nil {
						turn.leave()
					}
				}()
				synctest.Wait()
				late := make(chan error, 1)
				go func() {
					turn, err := h.enter(context.Background(), false)
					late <- err
					if err == nil {
						turn.leave()
					}
				}()
				synctest.Wait()
				slot.leave()
				switch first, second := <-results, <-late; {
				case errors.Is(first, ErrBusy) && second == nil:
					waited++
				case first == nil && errors.Is(second, ErrBusy):
					came++
				default:
					t.Fatal(first, second)
				}
			})
		}
		if waited < 20 || came < 20 { // one in 10^9 runs by chance
			t.Errorf("%d who waited and %d who came", waited, came)
		}
	})

	t.Run("a turn that comes while its caller goes is given on", func(t *testing.T) {
		for range 200 {
			synctest.Test(t, func(t *testing.T) {
				h, slot := queue(1)
				ctx, cancel := context.WithCancel(context.Background())
				gone := make(chan *turn, 1)
				go func() {
					turn, _ := h.enter(ctx, false)
					gone <- turn
				}()
				synctest.Wait()
				cancel() // wakes the caller, who has not run yet
				slot.leave()
				if turn := <-gone; turn != nil {
					turn.leave()
				}
				synctest.Wait()
				if h.turns.free != 1 || len(h.turns.waiting) != 0 {
					t.Fatalf("%d free, %d wait", h.turns.free, len(h.turns.waiting))
				}
			})
		}
	})
}
