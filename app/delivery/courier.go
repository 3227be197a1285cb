package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// The rhythm of the work.
const (
	lookEvery  = time.Second
	addresses  = 200 // looked at at a time
	atOnce     = 16  // addresses that are called at the same moment
	inARow     = 50  // deliveries to one address before another has its turn
	firstDelay = 5 * time.Second
	maxDelay   = 4 * time.Hour
)

// Courier takes deliveries out. It is safe for concurrent use.
type Courier struct {
	store Store
	make  Make
	send  Send
	now   func() time.Time
	alarm func(message string, args ...any)

	slots chan struct{}
	mu    sync.Mutex
	busy  map[string]bool // addresses that are being called

	taken, failed atomic.Int64
}

// Attempts says how many attempts were taken, and how many failed, since the start.
func (c *Courier) Attempts() (taken, failed int64) { return c.taken.Load(), c.failed.Load() }

// New gives the courier of a server.
func New(store Store, make_ Make, send Send, now func() time.Time, alarm func(message string, args ...any)) *Courier {
	return &Courier{store: store, make: make_, send: send, now: now, alarm: alarm, slots: make(chan struct{}, atOnce), busy: map[string]bool{}}
}

// Run delivers until ctx ends, and returns when nothing is under way any more.
func (c *Courier) Run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if _, err := c.begin(ctx, &work); err != nil && ctx.Err() == nil {
			c.alarm("background work failed", "doing", "look for deliveries", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Deliver delivers what is due now and returns when it has been tried.
func (c *Courier) Deliver(ctx context.Context) error {
	for {
		var work sync.WaitGroup
		n, err := c.begin(ctx, &work)
		work.Wait()
		if n == 0 || err != nil {
			return err
		}
	}
}

// begin calls every address that something is due for and that is not being called, and says how many. An address that hangs keeps the
// others waiting only while as many as there are slots do.
func (c *Courier) begin(ctx context.Context, work *sync.WaitGroup) (n int, err error) {
	urls, err := c.store.DueAddresses(ctx, c.now(), addresses)
	if err != nil {
		return 0, err
	}
	for _, url := range urls {
		if !c.take(url) {
			continue
		}
		n++
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			c.leave(url)
			return n, ctx.Err()
		}
		work.Go(func() {
			defer func() { c.leave(url); <-c.slots }()
			if err := c.call(ctx, url); err != nil && ctx.Err() == nil {
				c.alarm("background work failed", "doing", "deliver", "err", err)
			}
		})
	}
	return n, nil
}

func (c *Courier) take(url string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[url] {
		return false
	}
	c.busy[url] = true
	return true
}

func (c *Courier) leave(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, url)
}

// call delivers what is due for one address, the oldest first. Once the address turns out to take nothing, the rest waits as long as the
// one that found out: ten thousand rows for a server that hangs cost one call.
func (c *Courier) call(ctx context.Context, url string) error {
	for range inARow {
		d, err := c.store.NextDelivery(ctx, url, c.now())
		if err != nil || d == nil || ctx.Err() != nil {
			return err
		}
		next := c.now().Add(delay(d.Attempts))
		if err := c.store.ClaimDelivery(ctx, d.ID, d.Attempts, next); errors.Is(err, ErrMoved) {
			continue
		} else if err != nil {
			return err
		}
		why := c.try(ctx, d)
		if why == nil {
			c.taken.Add(1)
		}
		if why == nil || errors.Is(why, ErrMoot) {
			// A server that stops writes this down still, so that it is not sent twice.
			if err := c.store.Delivered(context.WithoutCancel(ctx), d.ID); err != nil {
				return err
			}
			continue
		}
		if ctx.Err() != nil {
			return nil // the server stops: nothing was found out
		}
		c.failed.Add(1)
		if err := c.store.DeliveryFailed(ctx, d.ID, why.Error(), c.now()); err != nil {
			return err
		}
		if errors.Is(why, ErrUnreachable) {
			return c.store.PostponeDeliveries(ctx, url, c.now(), next)
		}
	}
	return nil
}

func (c *Courier) try(ctx context.Context, d *Delivery) error {
	m, err := c.make(ctx, d)
	if errors.Is(err, ErrMoot) {
		return err
	}
	if err != nil {
		c.alarm("background work failed", "doing", "make a delivery", "kind", string(d.Kind), "client_id", d.ClientID, "err", err)
		return fmt.Errorf("it could not be made: %w", err)
	}
	return c.send(ctx, d.URL, m)
}

// delay is how long after an attempt the next one is due: 5 s, 20 s, a minute and more, up to 4 h, and up to a fifth longer, so that not
// all come back at once.
func delay(attempts int) time.Duration {
	d := firstDelay
	for range attempts {
		if d *= 4; d >= maxDelay {
			d = maxDelay
			break
		}
	}
	return d + rand.N(d/5)
}
