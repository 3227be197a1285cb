package account

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// share is the part of the machine that hashing takes at most: one in share.
const share = 4

// restOf gives how long a slot has to rest, in parts of its work, so that all of them together leave the machine to others.
func restOf(parallel, cores int) float64 {
	return max(0, float64(share*parallel)/float64(cores)-1)
}

// turns says whose password is looked at next. Whoever is known goes before strangers. Strangers are served in the order in which they
// came; once as many wait as may, each that comes takes its chance with the others who is turned away, so that nobody keeps the places
// of all by coming back at once.
type turns struct {
	places int     // for those who wait
	rest   float64 // how long a slot rests for each second that it has worked

	mu      sync.Mutex
	free    int // slots that neither work nor rest; nobody waits while there is one
	waiting []*caller
}

// caller waits for a turn. The answer is nil or [ErrBusy], once.
type caller struct {
	known  bool
	answer chan error
}

// turn is the right to hash, taken with turns.enter and given back with leave.
type turn struct {
	of     *Hasher
	worked time.Duration
}

// enter waits for a turn. known says that the caller has proved something before: a browser of the person's own, a link, a session.
// It returns [ErrBusy] when too many wait, and ctx's error when that ends first.
func (h *Hasher) enter(ctx context.Context, known bool) (*turn, error) {
	if err := h.turns.wait(ctx, known); err != nil {
		return nil, err
	}
	return &turn{of: h}, nil
}

func (q *turns) wait(ctx context.Context, known bool) error {
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil
	}
	c := &caller{known: known, answer: make(chan error, 1)}
	q.waiting = append(q.waiting, c)
	if len(q.waiting) > q.places {
		q.turnAway()
	}
	q.mu.Unlock()

	select {
	case err := <-c.answer:
		return err
	case <-ctx.Done():
	}
	if !q.forget(c) && <-c.answer == nil {
		q.next() // its turn came at the same moment
	}
	return fmt.Errorf("wait to hash a password: %w", ctx.Err())
}

// turnAway answers one of the strangers, any of them, or the last caller when there are none.
func (q *turns) turnAway() {
	out, strangers := len(q.waiting)-1, 0
	for i, c := range q.waiting {
		if c.known {
			continue
		}
		if strangers++; rand.N(strangers) == 0 {
			out = i
		}
	}
	q.waiting[out].answer <- ErrBusy
	q.waiting = slices.Delete(q.waiting, out, out+1)
}

// forget takes a caller out of the queue, and reports whether it still was in it.
func (q *turns) forget(c *caller) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, c)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	return i >= 0
}

// next gives a slot to whoever is to have it.
func (q *turns) next() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.free++
		return
	}
	i := max(0, slices.IndexFunc(q.waiting, func(c *caller) bool { return c.known }))
	q.waiting[i].answer <- nil
	q.waiting = slices.Delete(q.waiting, i, i+1)
}

// leave gives the slot to the next caller once it has rested. Whoever leaves waits for nothing.
func (t *turn) leave() {
	q := &t.of.turns
	rest := time.Duration(float64(t.worked) * q.rest)
	if rest == 0 {
		q.next()
		return
	}
	time.AfterFunc(rest, q.next)
}

// works counts the time until the function that it returns is called.
func (t *turn) works() (done func()) {
	began := time.Now()
	return func() { t.worked += time.Since(began) }
}
