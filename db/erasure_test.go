package db

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"regrant/app/oauth"
)

func windowKey(id int64) oauth.WindowKey {
	return oauth.WindowKey{ID: id, Key: bytes.Repeat(fmt.Appendf(nil, "window %d!", id), 4)[:32]}
}

func addWindowKeys(t *testing.T, d *DB, ids ...int64) {
	t.Helper()
	for _, id := range ids {
		if err := d.AddWindowKey(t.Context(), windowKey(id)); err != nil {
			t.Fatal(err)
		}
		if err := d.PutSetting(t.Context(), "rotation", fmt.Append(nil, id)); err != nil { // the server is at work
			t.Fatal(err)
		}
	}
}

func eraseWindowKeys(t *testing.T, d *DB, upTo int64) {
	t.Helper()
	if err := d.EraseWindowKeys(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}
}

// sweepLater sweeps as if the time between two attempts at the WAL were over.
func sweepLater(t *testing.T, d *DB) {
	t.Helper()
	err := d.alone(t.Context(), "wait", func(*session) error {
		d.erased.tried = time.Now().Add(-emptyPause)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Sweep(t.Context(), time.Now(), 100); err != nil {
		t.Fatal(err)
	}
}

// inFilesAre fails the test unless the files hold exactly those of the keys.
func inFilesAre(t *testing.T, d *DB, when string, want map[int64]bool) {
	t.Helper()
	for id, want := range want {
		if got := inFiles(t, d, string(windowKey(id).Key)); got != want {
			t.Errorf("%s: key %d in the files: %t, want %t", when, id, got, want)
		}
	}
}

// S1: a server that is never idle has a current key all the time.
func TestErasedKeysLeaveTheWALOfAServerThatIsNeverIdle(t *testing.T) {
	d := openTest(t, Options{})
	addWindowKeys(t, d, 1, 2, 3)
	inFilesAre(t, d, "at first", map[int64]bool{1: true, 2: true, 3: true})

	eraseWindowKeys(t, d, 1)
	inFilesAre(t, d, "after the first erasure", map[int64]bool{1: false, 2: true, 3: true})

	addWindowKeys(t, d, 4, 5)
	eraseWindowKeys(t, d, 4)
	inFilesAre(t, d, "a moment after an attempt", map[int64]bool{4: true, 5: true})
	if _, err := d.Sweep(t.Context(), time.Now(), 100); err != nil {
		t.Fatal(err)
	}
	inFilesAre(t, d, "a sweep a moment after an attempt", map[int64]bool{4: true, 5: true})

	sweepLater(t, d)
	inFilesAre(t, d, "a sweep later", map[int64]bool{1: false, 2: false, 3: false, 4: false, 5: true})
}

func TestErasedKeysLeaveTheWALOfAnIdleServerWhenTheReaderIsGone(t *testing.T) {
	d := openTest(t, Options{})
	addWindowKeys(t, d, 1, 2)
	reader, err := d.readers.pool.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRow("SELECT COUNT(*) FROM window_keys").Scan(&n); err != nil || n != 2 {
		t.Fatal(n, err)
	}

	start := time.Now()
	eraseWindowKeys(t, d, 2)
	sweepLater(t, d)
	if took := time.Since(start); took > 20*emptyWait {
		t.Errorf("two attempts under a reader took %v, want about %v each", took, emptyWait)
	}
	inFilesAre(t, d, "under a reader", map[int64]bool{1: true, 2: true})

	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	sweepLater(t, d)
	inFilesAre(t, d, "without a reader", map[int64]bool{1: false, 2: false})
	if d.erased.pending.Load() {
		t.Error("it would try again")
	}
}

func TestAServerEmptiesTheWALOnceThatAnotherMayHaveLeft(t *testing.T) {
	d := openTest(t, Options{Server: true})
	if !d.erased.pending.Load() {
		t.Fatal("a killed server's WAL stays")
	}
	if err := d.PutSetting(t.Context(), "key", []byte("value")); err != nil {
		t.Fatal(err)
	}

	if _, err := d.Sweep(t.Context(), time.Now(), 100); err != nil {
		t.Fatal(err)
	}

	if size := walSize(t, d); size != 0 || d.erased.pending.Load() {
		t.Errorf("the WAL has %d bytes", size)
	}
}
