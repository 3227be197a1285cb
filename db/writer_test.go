package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

var errRefused = errors.New("refused by the data")

// hold keeps the writer busy until the returned function is called, so that what is written meanwhile is one batch.
func hold(t *testing.T, d *DB) (release func()) {
	t.Helper()
	running, free := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- d.alone(context.Background(), "hold", func(*session) error {
			close(running)
			<-free
			return nil
		})
	}()
	<-running
	return sync.OnceFunc(func() {
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// queued starts a write and returns when it waits in the queue.
func queued(t *testing.T, d *DB, ctx context.Context, fn func(*Tx) error) (result chan error) {
	t.Helper()
	before := len(d.writer.queue)
	result = make(chan error, 1)
	go func() { result <- d.write(ctx, "test", fn) }()
	for deadline := time.Now().Add(5 * time.Second); len(d.writer.queue) == before; {
		if time.Now().After(deadline) {
			t.Fatal("the write did not reach the queue")
		}
		time.Sleep(50 * time.Microsecond)
	}
	return result
}

func put(ctx context.Context, name string) func(*Tx) error {
	return func(tx *Tx) error { return tx.PutSetting(ctx, name, []byte("x")) }
}

func wantSettings(t *testing.T, d *DB, want map[string]bool) {
	t.Helper()
	for name, there := range want {
		_, found, err := d.Setting(t.Context(), name)
		if err != nil || found != there {
			t.Errorf("setting %q: found %v, %v; want %v", name, found, err, there)
		}
	}
}

func TestWaitingWritesShareOneCommitAndNoneIsAnsweredBeforeIt(t *testing.T) {
	d := openTest(t, Options{})
	release := hold(t, d)
	ctx := t.Context()
	var mark *session
	lastRuns, mayEnd := make(chan struct{}), make(chan struct{})

	first := queued(t, d, ctx, func(tx *Tx) error {
		mark = d.writer.session
		return put(ctx, "first")(tx)
	})
	last := queued(t, d, ctx, func(tx *Tx) error {
		// The first one's row can be seen here, so this is the same transaction.
		if _, err := tx.Setting(ctx, "first"); err != nil || mark != d.writer.session {
			return fmt.Errorf("not the transaction of the first: %w", err)
		}
		close(lastRuns)
		<-mayEnd
		return put(ctx, "last")(tx)
	})
	release()
	<-lastRuns

	select {
	case err := <-first:
		t.Fatalf("answered before the commit: %v", err)
	default:
	}
	wantSettings(t, d, map[string]bool{"first": false, "last": false})
	close(mayEnd)
	if err := errors.Join(<-first, <-last); err != nil {
		t.Fatal(err)
	}
	wantSettings(t, d, map[string]bool{"first": true, "last": true})
}

func TestAnErrorUndoesItsOwnChangesOnly(t *testing.T) {
	d := openTest(t, Options{})
	ctx := t.Context()
	for _, size := range []int{1, 3} {
		release := hold(t, d)
		var neighbours []chan error
		if size > 1 {
			neighbours = append(neighbours, queued(t, d, ctx, put(ctx, "before")))
		}
		runs := 0
		refused := queued(t, d, ctx, func(tx *Tx) error {
			runs++
			if err := put(ctx, "refused")(tx); err != nil {
				return err
			}
			return fmt.Errorf("redeem: %w", errRefused)
		})
		if size > 1 {
			neighbours = append(neighbours, queued(t, d, ctx, put(ctx, "after")))
		}
		release()

		if err := <-refused; !errors.Is(err, errRefused) || errors.Is(err, ErrFault) || runs != 1 {
			t.Errorf("batch of %d: %v after %d runs", size, err, runs)
		}
		for _, n := range neighbours {
			if err := <-n; err != nil {
				t.Error(err)
			}
		}
		wantSettings(t, d, map[string]bool{"refused": false, "before": size > 1, "after": size > 1})
	}
}

func TestAViolatedConstraintHurtsNoNeighbour(t *testing.T) {
	d := openTest(t, Options{})
	ctx := t.Context()
	release := hold(t, d)

	before := queued(t, d, ctx, put(ctx, "before"))
	wrong := queued(t, d, ctx, func(tx *Tx) error { return tx.PutSetting(ctx, "null", nil) })
	after := queued(t, d, ctx, put(ctx, "after"))
	release()

	if err := <-wrong; err == nil || errors.Is(err, ErrFault) {
		t.Errorf("null value: %v", err)
	}
	if err := errors.Join(<-before, <-after); err != nil {
		t.Error(err)
	}
	wantSettings(t, d, map[string]bool{"before": true, "null": false, "after": true})
}

func TestAFaultIsRunAgainAloneSoThatNoNeighbourSuffers(t *testing.T) {
	ctx := t.Context()
	noTable := func(d *DB) error {
		_, err := d.writer.session.ExecContext(ctx, "INSERT INTO nowhere VALUES (1)")
		return err
	}
	for name, c := range map[string]struct {
		fail func(*DB) error
		runs int
	}{
		"an error of SQLite": {noTable, 2},
		"a deadline":         {func(*DB) error { return context.DeadlineExceeded }, 2},
		"a panic":            {func(*DB) error { panic("boom") }, 1},
		// SQLite rolls the whole transaction back by itself here.
		"a rollback from within": {func(d *DB) error { return errors.Join(d.writer.session.exec("ROLLBACK"), noTable(d)) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			d := openTest(t, Options{})
			release := hold(t, d)
			runs := map[string]int{}
			count := func(name string) func(*Tx) error {
				return func(tx *Tx) error { runs[name]++; return put(ctx, name)(tx) }
			}

			before := queued(t, d, ctx, count("before"))
			bad := queued(t, d, ctx, func(tx *Tx) error {
				if err := count("bad")(tx); err != nil {
					return err
				}
				return c.fail(d)
			})
			refused := queued(t, d, ctx, func(*Tx) error { return errRefused })
			after := queued(t, d, ctx, count("after"))
			release()

			err := <-bad
			if !errors.Is(err, ErrFault) || !strings.HasPrefix(err.Error(), "test: ") {
				t.Errorf("got %v, want a fault", err)
			}
			if err := <-refused; err != errRefused {
				t.Error(err)
			}
			if err := errors.Join(<-before, <-after); err != nil {
				t.Error(err)
			}
			wantSettings(t, d, map[string]bool{"before": true, "bad": false, "after": true})
			if runs["bad"] != c.runs || runs["before"] != 2 || runs["after"] != 1 {
				t.Errorf("runs: %v", runs)
			}
			if err := d.PutSetting(ctx, "later", []byte("x")); err != nil {
				t.Errorf("the writer did not recover: %v", err)
			}
		})
	}
}

func TestAFullDiskIsAFaultAndHealsByItself(t *testing.T) {
	d := openTest(t, Options{})
	ctx := t.Context()
	limit := func(pages int) {
		if err := d.alone(ctx, "limit", func(s *session) error {
			return s.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite takes the present size as the least
	release := hold(t, d)

	big := queued(t, d, ctx, func(tx *Tx) error { return tx.PutSetting(ctx, "big", make([]byte, 1<<20)) })
	small := queued(t, d, ctx, put(ctx, "small"))
	release()

	if err := <-big; !errors.Is(err, ErrFault) {
		t.Errorf("full disk: %v", err)
	}
	if err := <-small; err != nil {
		t.Errorf("a write that fits: %v", err)
	}
	limit(1 << 20)
	if err := d.PutSetting(ctx, "big", make([]byte, 1<<20)); err != nil {
		t.Errorf("after space was made: %v", err)
	}
}

func TestAFailedCommitIsAFaultForAllOfIt(t *testing.T) {
	d := openTest(t, Options{})
	ctx := t.Context()
	if err := d.alone(ctx, "prepare", func(s *session) error {
		return errors.Join(s.exec("CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT"),
			s.exec("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED) STRICT"))
	}); err != nil {
		t.Fatal(err)
	}
	release := hold(t, d)

	one := queued(t, d, ctx, put(ctx, "one"))
	orphan := queued(t, d, ctx, func(*Tx) error {
		_, err := d.writer.session.ExecContext(ctx, "INSERT INTO child VALUES (7)")
		return err
	})
	release()

	if err := <-one; !errors.Is(err, ErrFault) {
		t.Error(err)
	}
	if err := <-orphan; !errors.Is(err, ErrFault) {
		t.Error(err)
	}
	wantSettings(t, d, map[string]bool{"one": false})
	if err := d.PutSetting(ctx, "later", []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	d := openTest(t, Options{})
	rotatable(t, d)
	const callers, each = 32, 50

	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if i%10 == 9 { // a refusal now and then, after a change that must not last
					err := d.write(t.Context(), "refused", func(*Tx) error {
						_, err := d.writer.session.ExecContext(t.Context(), "UPDATE rotated SET generation = 0 WHERE id = $1", rotatedID(c%4))
						return errors.Join(err, errRefused)
					})
					if !errors.Is(err, errRefused) {
						t.Error(err)
					}
				}
				if _, err := rotate(t.Context(), d, c%4); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()

	var total int
	if err := d.readers.pool.QueryRow("SELECT SUM(generation) FROM rotated").Scan(&total); err != nil {
		t.Fatal(err)
	}
	if total != callers*each {
		t.Errorf("%d rotations are left of %d", total, callers*each)
	}
}
