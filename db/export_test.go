package db

import (
	"context"
	"database/sql"
	"errors"

	"regrant/app/oauth"
)

// Hurry makes checkpoints come after so many writes, and the WAL start anew after so many frames. It is for a store that has
// just been opened.
func (d *DB) Hurry(writes, frames int) {
	d.writer.wal.pace = pace{writes: writes, frames: frames, look: 4, backstop: 2 * frames}
}

// Tell runs a statement on the writer's connection.
func (d *DB) Tell(ctx context.Context, statement string) error {
	return d.alone(ctx, "tell", func(s *session) error {
		rows, err := s.conn.QueryContext(ctx, statement)
		if err != nil {
			return err
		}
		return rows.Close()
	})
}

// Bury closes what Close leaves open after ErrUnsynced, for a test process goes on.
func (d *DB) Bury() {
	d.Close()
	if !d.hasFailed() {
		return
	}
	for _, s := range []*session{d.writer.session, d.writer.wal.session} {
		if s != nil {
			s.discard()
		}
	}
	d.writer.pool.Close()
	d.writer.wal.pool.Close()
	if d.writer.wal.file != nil {
		d.writer.wal.file.Close()
	}
}

// WhileReading runs fn while a reader holds a snapshot from before.
func (d *DB) WhileReading(ctx context.Context, fn func()) error {
	return d.readers.run(ctx, "hold a snapshot", func(s *session) error {
		if err := s.exec("BEGIN"); err != nil {
			return err
		}
		defer s.exec("ROLLBACK")
		if _, err := s.queries.Setting(ctx, "none"); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		fn()
		return nil
	})
}

// RememberStates remembers rotations of n other tokens that are like s, and says how many states are remembered then.
func (d *DB) RememberStates(s *oauth.RefreshState, n int) int {
	for i := range n {
		like := *s
		like.TokenID = [16]byte{0: 0xff, 1: byte(i), 2: byte(i >> 8)}
		d.states.rotated(&oauth.Rotation{Read: &like})
	}
	d.states.mu.Lock()
	defer d.states.mu.Unlock()
	return len(d.states.byToken)
}

// AwaitCheckpoint returns when the checkpoint that was under way, if one was, has ended.
func (d *DB) AwaitCheckpoint() {
	for range 2 { // one may wait its turn; the second is taken in only after it
		d.writer.wal.kick <- struct{}{}
	}
}
