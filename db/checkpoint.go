package db

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"
)

// The WAL is bounded in three steps, so that a commit almost never waits for a checkpoint. A second connection copies
// pages into the database as they come (PASSIVE). Once the WAL is long, the writer, which then has little left to copy,
// makes the next commit start it anew (RESTART); early, because overwriting a file syncs faster than growing it.
// SQLite's own checkpoint inside a commit is the backstop.
const (
	walPageSize      = 4096
	walLimit         = 64 << 20
	autocheckpoint   = walLimit/walPageSize - 384 // frames, less what one large commit may add
	restartFrames    = 4000
	checkpointWrites = 2000 // writes between two PASSIVE checkpoints
)

var errReadersInTheWay = errors.New("readers or writers were in the way of the checkpoint")

// Checkpoint copies the WAL into the database file. With truncate it also empties the WAL, so that pages of deleted rows,
// which secure_delete has overwritten in the database, are in no file any more; that needs a moment without readers
// and is a fault when none comes. It holds up the writes meanwhile.
func (d *DB) Checkpoint(ctx context.Context, truncate bool) error {
	return d.alone(ctx, "checkpoint", func(s *session) error {
		if !truncate {
			_, _, err := checkpoint(ctx, s, "PASSIVE", time.Second)
			return err
		}
		busy, err := d.truncate(ctx, s, time.Second)
		if err == nil && busy {
			err = fault("TRUNCATE", errReadersInTheWay)
		}
		return err
	})
}

// checkpoint waits for other connections at most for the time given. frames is the WAL's length in pages.
func checkpoint(ctx context.Context, s *session, mode string, wait time.Duration) (busy bool, frames int, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	s.ctx = ctx
	defer func() { s.ctx = context.Background() }()
	var blocked, copied int
	err = s.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&blocked, &frames, &copied)
	if errors.Is(err, context.DeadlineExceeded) {
		return true, 0, nil
	}
	return blocked != 0, frames, err
}

// checkpointer is the second connection.
type checkpointer struct {
	pool    *sql.DB
	session *session
	kick    chan struct{}
	stopped chan struct{}
	long    atomic.Bool // the WAL should start anew

	// of the writer's goroutine
	writes    int
	notBefore time.Time
}

func (c *checkpointer) run() {
	defer close(c.stopped)
	for range c.kick {
		if c.session == nil {
			s, err := openSession(context.Background(), c.pool)
			if err != nil {
				continue // the writer meets the same fault and reports it
			}
			c.session = s
		}
		_, frames, err := checkpoint(context.Background(), c.session, "PASSIVE", time.Minute)
		if err != nil {
			c.session.discard()
			c.session = nil
			continue
		}
		if frames >= restartFrames {
			c.long.Store(true)
		}
	}
	if c.session != nil {
		c.session.discard()
	}
	_ = c.pool.Close()
}

// wrote tells the checkpointer of n more writes.
func (c *checkpointer) wrote(n int) {
	if c.writes += n; c.writes < checkpointWrites {
		return
	}
	c.writes = 0
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// makeRoom starts the WAL anew if it is long, between two transactions of the writer.
func (c *checkpointer) makeRoom(w *writer) {
	if !c.long.Load() || time.Now().Before(c.notBefore) || w.open() != nil {
		return
	}
	busy, _, err := checkpoint(context.Background(), w.session, "RESTART", 50*time.Millisecond)
	if err != nil {
		w.note(err)
	}
	if busy || err != nil {
		// A reader holds the WAL. Commits go on, and must not pay for another try each.
		c.notBefore = time.Now().Add(time.Second)
		return
	}
	c.long.Store(false)
}
