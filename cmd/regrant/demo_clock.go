package main

import (
	"context"
	"sync/atomic"
	"time"

	"regrant/app/oauth"
)

// demoClock is the machine's clock, and how far the demo is ahead of it. All parties of the demo live by it, so a token
// that expires when time passes has really expired.
type demoClock struct {
	machine oauth.TimeSource
	ahead   atomic.Int64 // nanoseconds
}

func newDemoClock() *demoClock { return &demoClock{machine: oauth.SystemTime()} }

// Ahead says how far the demo is ahead of the machine.
func (c *demoClock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

// Wall is the time of day of the demo, in UTC.
func (c *demoClock) Wall() time.Time { return c.machine.Wall().Add(c.Ahead()) }

// Monotonic is the time since the demo began.
func (c *demoClock) Monotonic() time.Duration { return c.machine.Monotonic() + c.Ahead() }

// pass lets d pass at once, but second by second: the server takes a longer silence for an outage, and would extend by it
// every window that is open.
func (c *demoClock) pass(ctx context.Context, d time.Duration, beat func(context.Context) error) error {
	for d > 0 {
		step := min(d, time.Second)
		c.ahead.Add(int64(step))
		d -= step
		if err := beat(ctx); err != nil {
			return err
		}
	}
	return nil
}
