package db

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/backup"
)

// TestABackupUnderLoadKeepsTheWALBounded measures only where there is quiet: REGRANT_FAULTS=full.
func TestABackupUnderLoadKeepsTheWALBounded(t *testing.T) { // F11
	megabytes, calm := 16, 200*time.Millisecond
	full := os.Getenv("REGRANT_FAULTS") == "full"
	if full {
		megabytes, calm = 1024, 5*time.Second
	}
	d := openTest(t, Options{Server: true})
	rotatable(t, d)
	for i := range megabytes {
		if err := d.PutSetting(t.Context(), fmt.Sprint("fill-", i), make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}

	var busy atomic.Bool // a backup is under way
	var stop atomic.Bool
	var mu sync.Mutex
	took := map[bool][]time.Duration{}
	most := map[bool]int64{}
	var work sync.WaitGroup
	for c := range 16 {
		work.Go(func() {
			mine := map[bool][]time.Duration{}
			for i := 0; !stop.Load(); i++ {
				during, begun := busy.Load(), time.Now()
				if _, err := rotate(t.Context(), d, (i*16+c)*7919%rotatedRows); err != nil {
					t.Error(err)
					return
				}
				mine[during] = append(mine[during], time.Since(begun))
				if c == 0 {
					size := walSize(t, d)
					mu.Lock()
					most[during] = max(most[during], size)
					mu.Unlock()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for during, all := range mine {
				took[during] = append(took[during], all...)
			}
		})
	}
	time.Sleep(calm)
	busy.Store(true)
	made, err := d.Backup(t.Context(), filepath.Join(t.TempDir(), "copy.db"), backup.ByCommand)
	busy.Store(false)
	time.Sleep(calm)
	stop.Store(true)
	work.Wait()
	if err != nil {
		t.Fatal(err)
	}

	p99 := func(all []time.Duration) time.Duration {
		slices.Sort(all)
		return all[len(all)*99/100]
	}
	t.Logf("%d MiB in %v, the snapshot held for %v; %d rotations meanwhile; p99 %v, without %v; WAL at most %d MiB, without %d MiB", made.Bytes>>20,
		made.Took.Round(time.Millisecond), made.Held.Round(time.Millisecond), len(took[true]), p99(took[true]), p99(took[false]), most[true]>>20, most[false]>>20)
	if len(took[true]) == 0 {
		t.Error("no write came through beside the backup")
	}
	if full && p99(took[true]) > 2*p99(took[false]) {
		t.Error("writes waited for the backup")
	}
	if err := d.Checkpoint(t.Context(), true); err != nil {
		t.Errorf("the WAL cannot start anew: %v", err)
	}
	if size := walSize(t, d); size != 0 {
		t.Errorf("the WAL has %d bytes", size)
	}
}
