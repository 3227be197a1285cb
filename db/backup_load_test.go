package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// underWay is what happens beside the rotations of a test: "" for nothing.
type underWay struct{ phase atomic.Value }

func nothing() *underWay {
	var u underWay
	u.set("")
	return &u
}

func (u *underWay) set(phase string) { u.phase.Store(phase) }
func (u *underWay) now() string      { return u.phase.Load().(string) }

// rotating lets so many callers rotate until stop is called, and gives how long each took and how long the WAL was, by what was under way.
func rotating(t *testing.T, d *DB, callers int, beside *underWay) (stop func() (took map[string][]time.Duration, longest map[string]int64)) {
	var over atomic.Bool
	var mu sync.Mutex
	took, longest := map[string][]time.Duration{}, map[string]int64{}
	var work sync.WaitGroup
	for c := range callers {
		work.Go(func() {
			mine := map[string][]time.Duration{}
			for i := 0; !over.Load(); i++ {
				phase, begun := beside.now(), time.Now()
				if _, err := rotate(t.Context(), d, (i*callers+c)*7919%rotatedRows); err != nil {
					t.Error(err)
					return
				}
				mine[phase] = append(mine[phase], time.Since(begun))
				if c == 0 {
					size := walSize(t, d)
					mu.Lock()
					longest[phase] = max(longest[phase], size)
					mu.Unlock()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for phase, all := range mine {
				took[phase] = append(took[phase], all...)
			}
		})
	}
	return func() (map[string][]time.Duration, map[string]int64) {
		over.Store(true)
		work.Wait()
		for _, all := range took {
			slices.Sort(all)
		}
		return took, longest
	}
}

// p99 of what is sorted.
func p99(all []time.Duration) time.Duration { return all[len(all)*99/100] }

func p99Ratio(all, without []time.Duration) float64 { return float64(p99(all)) / float64(p99(without)) }

// TestABackupUnderLoadKeepsTheWALBounded measures only where there is quiet: REGRANT_FAULTS=full.
func TestABackupUnderLoadKeepsTheWALBounded(t *testing.T) { // F11
	megabytes, calm := 16, 200*time.Millisecond
	full := os.Getenv("REGRANT_FAULTS") == "full"
	if full {
		megabytes, calm = 1024, 5*time.Second
	}
	d := openTest(t, Options{Server: true, QueueWait: time.Minute})
	rotatable(t, d)
	for i := range megabytes {
		if err := d.PutSetting(t.Context(), fmt.Sprint("fill-", i), make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	beside := nothing()
	stop := rotating(t, d, 16, beside)
	time.Sleep(calm)
	made, err := Backup(t.Context(), d.Path(), filepath.Join(t.TempDir(), "copy.db"), BackupOptions{Progress: func(doing string, _, _ int) { beside.set(doing) }})
	beside.set("")
	time.Sleep(calm)
	took, longest := stop()
	if err != nil {
		t.Fatal(err)
	}

	t.Logf("%d MiB in %v, the snapshot held for %v", made.Bytes>>20, made.Took.Round(time.Millisecond), made.Held.Round(time.Millisecond))
	for _, phase := range []string{"copy", "verify", "sync"} {
		if all := took[phase]; len(all) > 0 {
			t.Logf("%s: %d rotations, p99 %v, %.2f times that without a backup; WAL at most %d MiB, without %d MiB", phase, len(all), p99(all), p99Ratio(all, took[""]),
				longest[phase]>>20, longest[""]>>20)
		}
	}
	meanwhile := slices.Sorted(slices.Values(slices.Concat(took["copy"], took["verify"], took["sync"])))
	if len(meanwhile) == 0 {
		t.Fatal("no write came through beside the backup")
	}
	ratio := p99Ratio(meanwhile, took[""])
	t.Logf("p99 %v beside the backup, %v without: %.2f times", p99(meanwhile), p99(took[""]), ratio)
	if full && ratio > 2 {
		t.Error("writes waited for the backup")
	}
	wantEmptyWAL(t, d)
}

// wantEmptyWAL has the WAL start anew, now that nobody is in the way. A checkpoint on its way may be, for as long as its disk takes.
func wantEmptyWAL(t *testing.T, d *DB) {
	t.Helper()
	err := d.Checkpoint(t.Context(), true)
	for range 20 {
		if err == nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
		err = d.Checkpoint(t.Context(), true)
	}
	if size := walSize(t, d); err != nil || size != 0 {
		t.Errorf("the WAL cannot start anew, and has %d bytes: %v", size, err)
	}
}

// TestAReadThatNeverEndsHoldsTheWALForItsTimeOnly has a read that is stuck over its snapshot. Its deadline ends it.
func TestAReadThatNeverEndsHoldsTheWALForItsTimeOnly(t *testing.T) { // F11
	d := openTest(t, Options{Server: true, ReadTimeout: 500 * time.Millisecond})
	rotatable(t, d)
	wantEmptyWAL(t, d)
	d.writer.wal.pace = pace{writes: 20, frames: 60, look: 4, backstop: 120}
	beside := nothing()
	beside.set("stuck")
	stop := rotating(t, d, 4, beside)
	err := d.readers.run(t.Context(), "be stuck", func(s *session) error {
		var n int
		if err := s.exec("BEGIN"); err != nil {
			return err
		}
		if err := s.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM rotated").Scan(&n); err != nil {
			return err
		}
		return s.QueryRowContext(t.Context(), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n").Scan(&n)
	})
	if !errors.Is(err, ErrFault) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the read that never ends: %v", err)
	}
	held := walSize(t, d)
	beside.set("")
	time.Sleep(6 * time.Second)
	took, longest := stop()

	t.Logf("%d rotations beside a stuck read, WAL %d KiB; %d after it, WAL at most %d KiB", len(took["stuck"]), held>>10, len(took[""]), longest[""]>>10)
	// Held all the time, it would have grown with each rotation. A second may go by until the writer tries again to start it anew.
	if each := held / int64(len(took["stuck"])); longest[""] > held+each*int64(len(took[""]))*2/3 {
		t.Errorf("the WAL goes on growing, to %d KiB", longest[""]>>10)
	}
	wantEmptyWAL(t, d)
}

// TestF11_AReaderOfAnotherProcessHoldsNoWriteUp is a figure: nobody can take its snapshot from it, so the WAL grows until it goes, an
// alert tells of that (assets/docs/alerts.yml), and that is all.
func TestF11_AReaderOfAnotherProcessHoldsNoWriteUp(t *testing.T) {
	hold := time.Second
	full := os.Getenv("REGRANT_FAULTS") == "full"
	if full {
		hold = time.Minute
	}
	d := openTest(t, Options{Server: true})
	rotatable(t, d)
	beside := nothing()
	stop := rotating(t, d, 16, beside)
	time.Sleep(hold / 4)
	pool, err := sql.Open("sqlite", readerDSN(d.Path(), longWait))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	stuck, err := pool.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := stuck.QueryRow("SELECT COUNT(*) FROM rotated").Scan(&n); err != nil {
		t.Fatal(err)
	}
	beside.set("held")
	time.Sleep(hold)
	beside.set("gone")
	if err := stuck.Rollback(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(hold / 4)
	took, longest := stop()

	ratio := p99Ratio(took["held"], took[""])
	t.Logf("held for %v: %d rotations, p99 %v, %.2f times that without; WAL %d MiB, without %d MiB", hold, len(took["held"]), p99(took["held"]), ratio,
		longest["held"]>>20, longest[""]>>20)
	if full && ratio > 2 {
		t.Error("writes waited for the reader")
	}
	wantEmptyWAL(t, d)
}
