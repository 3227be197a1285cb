package db

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"
)

func TestAFullQueueIsBusyAtOnce(t *testing.T) {
	d := openTest(t, Options{QueueLength: 2, QueueWait: time.Minute})
	ctx := t.Context()
	release := hold(t, d)
	one := queued(t, d, ctx, put(ctx, "one"))
	two := queued(t, d, ctx, put(ctx, "two"))

	start := time.Now()
	err := d.write(ctx, "third", func(*Tx) error { t.Error("ran"); return nil })

	if !errors.Is(err, ErrBusy) || !errors.Is(err, ErrFault) || time.Since(start) > time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	release()
	if err := errors.Join(<-one, <-two); err != nil {
		t.Error(err)
	}
}

func TestAWriteWaitsNoLongerThanQueueWait(t *testing.T) {
	d := openTest(t, Options{QueueWait: 20 * time.Millisecond})
	release := hold(t, d)

	err := d.write(t.Context(), "late", func(*Tx) error { t.Error("ran"); return nil })
	if !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	release()
	if err := d.PutSetting(t.Context(), "next", []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestAWriteWhoseCallerHasGoneDoesNotBegin(t *testing.T) {
	d := openTest(t, Options{})
	release := hold(t, d)
	gone, leave := context.WithCancel(t.Context())
	result := queued(t, d, gone, func(*Tx) error { t.Error("ran"); return nil })

	leave()
	if err := <-result; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrFault) {
		t.Error(err)
	}
	release()
	if err := d.write(gone, "gone", func(*Tx) error { t.Error("ran"); return nil }); !errors.Is(err, ErrFault) {
		t.Error(err)
	}
}

func TestAWriteThatHasBegunIsNotTornByItsCallersContext(t *testing.T) {
	d := openTest(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())

	err := d.write(ctx, "begun", func(tx *Tx) error {
		cancel()
		return tx.PutSetting(ctx, "begun", []byte("x"))
	})

	if err != nil {
		t.Error(err)
	}
	wantSettings(t, d, map[string]bool{"begun": true})
}

func TestAForeignWriteLockIsAFaultOnceTheWaitIsOver(t *testing.T) {
	d := openTest(t, Options{BusyTimeout: 50 * time.Millisecond})
	other, err := sql.Open("sqlite", writerDSN(d.Path(), time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}

	err = d.PutSetting(t.Context(), "locked", []byte("x"))
	ready := d.Ready(t.Context())
	_, _, reading := d.Setting(t.Context(), "locked")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}

	if !errors.Is(err, ErrFault) || !isLocked(err) {
		t.Errorf("write: %v", err)
	}
	if !errors.Is(ready, ErrFault) {
		t.Errorf("ready: %v", ready)
	}
	if reading != nil {
		t.Errorf("a reader waits for no writer: %v", reading)
	}
	if err := errors.Join(d.Ready(t.Context()), d.PutSetting(t.Context(), "locked", []byte("x"))); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestDamageStopsAllWrites(t *testing.T) {
	d := openTest(t, Options{})
	damage := func() error { // what SQLite says of a file that is no database
		pool, err := sql.Open("sqlite", "file:writer_test.go?mode=ro")
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		return pool.Ping()
	}()
	if damage == nil {
		pool, _ := sql.Open("sqlite", "file:writer_test.go?mode=ro")
		defer pool.Close()
		_, damage = pool.Exec("SELECT * FROM sqlite_schema")
	}
	if !isDamage(damage) {
		t.Fatal(damage)
	}

	first := d.write(t.Context(), "meets it", func(*Tx) error { return damage })
	second := d.PutSetting(t.Context(), "after", []byte("x"))

	if !errors.Is(first, ErrFault) {
		t.Error(first)
	}
	if !errors.Is(second, ErrCorrupt) || !errors.Is(second, ErrFault) {
		t.Error(second)
	}
	if err := d.Ready(t.Context()); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

func TestCloseAnswersWhatIsQueuedAndRefusesWhatComesLater(t *testing.T) {
	d := openTest(t, Options{})
	release := hold(t, d)
	queuedBefore := queued(t, d, t.Context(), put(t.Context(), "kept"))
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	<-d.writer.stop

	release()
	if err := errors.Join(<-queuedBefore, <-closed); err != nil {
		t.Fatal(err)
	}
	if err := d.PutSetting(t.Context(), "late", []byte("x")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, _, err := d.Setting(t.Context(), "kept"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	wantSettings(t, openPath(t, d.Path(), Options{}), map[string]bool{"kept": true})
}

func TestAReadEndsAtItsDeadlineAndFreesTheWAL(t *testing.T) {
	d := openTest(t, Options{ReadTimeout: 100 * time.Millisecond, Readers: 1})
	start := time.Now()

	err := d.readers.run(t.Context(), "count for ever", func(s *session) error {
		var n int
		return s.QueryRowContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n`).Scan(&n)
	})

	if !errors.Is(err, ErrFault) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if _, _, err := d.Setting(t.Context(), "next"); err != nil {
		t.Errorf("the next read: %v", err)
	}
	if err := d.Checkpoint(t.Context(), true); err != nil {
		t.Errorf("the WAL is still held: %v", err)
	}
}

func TestASnapshotSeesOneCommit(t *testing.T) {
	d := openTest(t, Options{})
	if err := d.PutSetting(t.Context(), "n", []byte("1")); err != nil {
		t.Fatal(err)
	}
	get := func(s *session) string {
		v, err := s.queries.Setting(t.Context(), "n")
		if err != nil {
			t.Error(err)
		}
		return string(v)
	}

	for _, c := range []struct {
		begin bool
		want  string
	}{{true, "1"}, {false, "2"}} {
		var before, after string
		err := d.readers.run(t.Context(), "compare", func(s *session) error {
			if c.begin {
				if err := s.exec("BEGIN"); err != nil {
					return err
				}
				defer s.exec("ROLLBACK")
			}
			before = get(s)
			if err := d.PutSetting(t.Context(), "n", []byte("2")); err != nil {
				return err
			}
			after = get(s)
			return nil
		})
		if err != nil || before == "" || after != c.want {
			t.Errorf("begin %v: %q, then %q, %v", c.begin, before, after, err)
		}
	}
}

// A caller who writes by itself has begun, and could not give up. So it does not wait for the lock of another process: it queues.
func TestALoneWriteWaitsForAForeignLockNoLongerThanAQueuedOne(t *testing.T) {
	d := openTest(t, Options{BusyTimeout: 30 * time.Second, QueueWait: 100 * time.Millisecond})
	other, err := sql.Open("sqlite", writerDSN(d.Path(), time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	err = d.PutSetting(t.Context(), "locked", []byte("x"))
	waited := time.Since(began)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}

	if !errors.Is(err, ErrBusy) || waited > 10*time.Second {
		t.Errorf("after %v: %v", waited, err)
	}
	if err := d.PutSetting(t.Context(), "free", []byte("x")); err != nil {
		t.Errorf("after the lock: %v", err)
	}
	wantSettings(t, d, map[string]bool{"locked": false, "free": true})
}
