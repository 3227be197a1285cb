package db

import (
	"context"
	"sync/atomic"
	"time"
)

// Emptying the WAL of erased keys costs a sync, and the writes wait meanwhile.
const (
	emptyWait  = 100 * time.Millisecond // longest wait for readers
	emptyPause = 30 * time.Second       // between two attempts; Sweep, which makes them, comes each minute
)

// erasure is what is left to do for keys that are in no table any more: the WAL may still hold pages with them, and does so
// until it is truncated. Only the writer's goroutine writes it.
type erasure struct {
	pending atomic.Bool
	tried   time.Time
}

// emptyWAL truncates the WAL if it may hold erased keys. A reader in the way is no failure: the keys are gone from the tables,
// and the next [DB.Sweep] tries again. At most one attempt is made in emptyPause, unless it is to be now.
func (d *DB) emptyWAL(ctx context.Context, now bool) error {
	if !d.erased.pending.Load() {
		return nil
	}
	return d.alone(ctx, "empty the WAL", func(s *session) error {
		if !now && time.Since(d.erased.tried) < emptyPause {
			return nil
		}
		d.erased.tried = time.Now()
		_, err := d.truncate(ctx, s, emptyWait)
		return err
	})
}

// truncate is of the writer's goroutine. Thus no key is erased between the checkpoint and the note that none is left.
func (d *DB) truncate(ctx context.Context, s *session, wait time.Duration) (busy bool, err error) {
	busy, _, err = checkpoint(ctx, s, d.meter, "TRUNCATE", wait)
	if err == nil && !busy {
		d.erased.pending.Store(false)
	}
	return busy, err
}
