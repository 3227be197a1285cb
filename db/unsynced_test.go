package db_test

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"sync/atomic"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"regrant/db"
	"regrant/db/faultdisk"
)

// TestF6_ASyncThatFailsIsNeverTriedAgain has each sync of the database file fail once. SQLite alone would lose answers then: a
// checkpoint that did not reach the end of the WAL left pages unsynced, the next one meets the error, and the one after that,
// which does not write those pages again, is told that all is well and lets the WAL begin anew.
func TestF6_ASyncThatFailsIsNeverTriedAgain(t *testing.T) {
	ctx := context.Background()
	for _, file := range []string{"regrant.db", "regrant.db-wal"} {
		s := newScript(t, "a sync of "+file+" fails", 6)
		if !s.open() {
			t.Fatal("it does not open")
		}
		var own []*application
		for range 4 {
			a, err := s.join(ctx)
			if err != nil {
				t.Fatal(err)
			}
			own = append(own, a)
		}
		var failing, failed atomic.Bool
		var later atomic.Int64 // syncs that began when the one that failed had been noticed
		s.disk.Judge(func(c faultdisk.Call) faultdisk.Fault {
			switch {
			case c.Kind != faultdisk.Sync || c.File != file:
			case failed.Load():
				select {
				case <-s.db.Failed():
					later.Add(1)
				default:
				}
			case failing.Load():
				failed.Store(true)
				return faultdisk.Fault{Code: sqlite3.SQLITE_IOERR_FSYNC}
			}
			return faultdisk.Fault{}
		})
		// A reader in the way leaves a checkpoint behind that has written pages and not synced them.
		err := s.db.WhileReading(ctx, func() {
			for _, a := range own {
				if err := s.refresh(ctx, a); err != nil {
					t.Error(err)
				}
			}
			if err := s.db.Checkpoint(ctx, false); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		failing.Store(true)
		refresh := func() {
			for range 50 {
				for _, a := range own {
					if err := s.refresh(ctx, a); err != nil && !isFault(err) {
						t.Fatal(err)
					}
				}
			}
		}

		refresh()

		if !failed.Load() {
			t.Fatalf("%s: no sync of it came", s.name)
		}
		// A checkpoint may have been on its way to one, which is harmless: no commit begins any more that could start the WAL anew on
		// its word. Whatever begins afterwards must not come to any.
		s.db.AwaitCheckpoint()
		if n := later.Swap(0); n > 1 {
			t.Errorf("%s: it was tried %d times more", s.name, n)
		}
		refresh()
		if n := later.Load(); n > 0 {
			t.Errorf("%s: when nothing was on its way any more, it was tried %d times", s.name, n)
		}
		select {
		case <-s.db.Failed():
		default:
			t.Errorf("%s: nobody is told", s.name)
		}
		for what, err := range map[string]error{
			"write": s.db.PutSetting(ctx, "x", []byte("x")), "ready": s.db.Ready(ctx), "read": func() error { _, _, err := s.db.Setting(ctx, "x"); return err }(),
		} {
			if !errors.Is(err, db.ErrUnsynced) {
				t.Errorf("%s: %s gives %v", s.name, what, err)
			}
		}
		rng := mathrand.New(mathrand.NewPCG(7, 7))
		for range many(200, 10, 3) {
			s.leaves("while it waits for the restart", rng)
		}
		s.disk.Judge(nil)
		if !s.recovers() {
			t.Errorf("%s: it goes on without a restart", s.name)
		}
		for range many(200, 10, 3) {
			s.leaves("after the restart", rng)
		}
		s.remove()
	}
}
