package web_test

import (
	"context"
	"sync"
	"time"
)

// fakeClock moves only when a test moves it. Wall and monotonic time can be moved apart.
type fakeClock struct {
	mu   sync.Mutex
	wall time.Time
	mono time.Duration
}

func newFakeClock() *fakeClock {
	return &fakeClock{wall: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), mono: time.Hour}
}

func (c *fakeClock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *fakeClock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mono
}

// step moves the wall clock alone.
func (c *fakeClock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// pass lets time pass as it does while the server runs: with its beat each second for the first two minutes, which is longer
// than any window, and in one go after that.
func (s *site) pass(d time.Duration) {
	s.t.Helper()
	for beats := 0; d > 0; beats++ {
		part := min(d, time.Second)
		if beats > 120 {
			part = d
		}
		d -= part
		s.clock.jump(part)
		if err := s.engine.Beat(context.Background()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// jump lets time pass without a beat, as it does while the server is frozen.
func (c *fakeClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.mono = c.wall.Add(d), c.mono+d
}
