package web

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// recent asks a question once for all who want to know at the same time, and keeps the answer for a moment. A question that
// failed is asked again by the next who wants to know.
type recent[V any] struct {
	keep  time.Duration // how old an answer may be
	limit time.Duration // how long the question may take
	ask   func(context.Context) (V, error)

	mu   sync.Mutex
	last *asked[V]
}

// asked is one question, on its way until done is closed.
type asked[V any] struct {
	done  chan struct{}
	value V
	err   error
	until time.Time
}

// get gives an answer that is not older than keep, or says why there is none. Who stops waiting does not stop the question
// of the others.
func (c *recent[V]) get(ctx context.Context) (V, error) {
	a := c.current(ctx)
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

func (c *recent[V]) current(ctx context.Context) *asked[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || c.last.over() {
		c.last = &asked[V]{done: make(chan struct{})}
		go c.answer(context.WithoutCancel(ctx), c.last)
	}
	return c.last
}

func (c *recent[V]) answer(ctx context.Context, a *asked[V]) {
	defer close(a.done)
	defer func() {
		if p := recover(); p != nil {
			a.err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	if a.value, a.err = c.ask(ctx); a.err == nil {
		a.until = time.Now().Add(c.keep)
	}
}

func (a *asked[V]) over() bool {
	select {
	case <-a.done:
		return !time.Now().Before(a.until)
	default:
		return false
	}
}

// forget makes the next who wants to know ask again. A question that is on its way may have been too early, so its answer is not
// kept either.
func (c *recent[V]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = nil
}
