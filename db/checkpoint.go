package db

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"
)

// The WAL is bounded in three steps, so that a commit almost never waits for a checkpoint. A second connection copies
// pages into the database as they come (PASSIVE) and syncs them, which SQLite leaves to the checkpoint that has copied all:
// beside a busy writer that would be the writer's own. Once the WAL is long, the writer, which then has little left to copy
// and to sync, makes the next commit start it anew (RESTART); early, because overwriting a file syncs faster than growing
// it. SQLite's own checkpoint inside a commit is the backstop.
const (
	walPageSize      = 4096
	walLimit         = 64 << 20
	backstopFrames   = 14_000 // 55 MiB; what is written between two looks comes on top
	restartFrames    = 4000
	restartTail      = 100  // frames that came during a PASSIVE checkpoint and may be left to the writer
	restartRounds    = 5    // checkpoints more, at most, until so few are left
	checkpointWrites = 2000 // writes between two PASSIVE checkpoints
	lookWrites       = 250  // writes between two looks at the length of the WAL
)

// pace is how often checkpoints come. Tests make it faster.
type pace struct{ writes, frames, look, backstop int }

var usualPace = pace{writes: checkpointWrites, frames: restartFrames, look: lookWrites, backstop: backstopFrames}

var errReadersInTheWay = errors.New("readers or writers were in the way of the checkpoint")

// Checkpoint copies the WAL into the database file. With truncate it also empties the WAL, so that pages of deleted rows,
// which secure_delete has overwritten in the database, are in no file any more; that needs a moment without readers
// and is a fault when none comes. It holds up the writes meanwhile.
func (d *DB) Checkpoint(ctx context.Context, truncate bool) error {
	return d.alone(ctx, "checkpoint", func(s *session) error {
		if !truncate {
			_, _, err := checkpoint(ctx, s, d.meter, "PASSIVE", time.Second)
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
func checkpoint(ctx context.Context, s *session, m *Meter, mode string, wait time.Duration) (busy bool, frames int, err error) {
	began := time.Now()
	defer func() { m.checkpoint(mode, time.Since(began), busy, err) }()
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
	meter   *Meter
	session *session
	kick    chan struct{}
	stopped chan struct{}
	db      *DB
	file    byHand // the database, to sync it; nil where SQLite's locks would not survive its closing
	pace    pace
	long    atomic.Bool // the WAL should start anew

	// of the writer's goroutine
	writes    int
	unseen    int // writes since the last look
	notBefore time.Time
}

func (c *checkpointer) run() {
	defer close(c.stopped)
	for range c.kick {
		if c.db.hasFailed() {
			continue
		}
		if c.session == nil {
			s, err := openSession(context.Background(), c.pool, nil)
			if err != nil {
				continue // the writer meets the same fault and reports it
			}
			c.session = s
		}
		if err := c.copy(); err != nil {
			c.db.note(err)
			if c.db.hasFailed() {
				continue
			}
			c.session.discard()
			c.session = nil
		}
	}
	if c.db.hasFailed() {
		return
	}
	if c.session != nil {
		c.session.discard()
	}
	_ = c.pool.Close()
	if c.file != nil {
		_ = c.file.Close()
	}
}

// copy brings the database up to the WAL, and asks for a restart of a long one when the writer has next to nothing left to copy.
func (c *checkpointer) copy() error {
	before := 0
	for round := 0; ; round++ {
		_, frames, err := checkpoint(context.Background(), c.session, c.meter, "PASSIVE", time.Minute)
		if err != nil {
			return err
		}
		if c.db.hasFailed() {
			return nil
		}
		if c.file != nil {
			if err := c.file.Sync(); err != nil {
				c.db.fail() // SQLite's own sync may not hear of it any more
				return err
			}
		}
		switch {
		case frames < c.pace.frames:
			return nil
		case frames-before <= restartTail, round == restartRounds:
			c.long.Store(true)
			return nil
		}
		before = frames
	}
}

// wrote tells the checkpointer of n more writes.
func (c *checkpointer) wrote(n int) {
	c.unseen += n
	if c.writes += n; c.writes < c.pace.writes {
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
	c.stepIn(w)
	if !c.long.Load() || time.Now().Before(c.notBefore) || w.open() != nil {
		return
	}
	busy, _, err := checkpoint(context.Background(), w.session, w.meter, "RESTART", 50*time.Millisecond)
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

// stepIn copies the WAL on the writer's connection when the second one has not kept it short.
func (c *checkpointer) stepIn(w *writer) {
	if c.unseen < c.pace.look || w.open() != nil {
		return
	}
	c.unseen = 0
	n, err := frames(w.session)
	if err == nil && n >= c.pace.backstop {
		_, _, err = checkpoint(context.Background(), w.session, c.meter, "PASSIVE", time.Minute)
	}
	if err != nil {
		w.note(err)
	}
}

// frames gives the WAL's length in pages, as far as the index in memory knows it.
func frames(s *session) (n int, err error) {
	var blocked, copied int
	err = s.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(NOOP)").Scan(&blocked, &n, &copied)
	return n, err
}
