package main

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"testing"
	"time"

	"regrant/db"
)

// TestF18_Soak is make soak: mixed load for REGRANT_SOAK, by a wall clock that jitters, with a kill every ten minutes.
func TestF18_Soak(t *testing.T) {
	text := os.Getenv("REGRANT_SOAK")
	if text == "" {
		t.Skip("it takes hours: make soak DURATION=1h")
	}
	duration, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	life := min(10*time.Minute, max(duration/4, time.Minute)) // of a process
	c := newCrashSite(t, 200, mixed, withFaults(t, "REGRANT_CLOCK_JITTER=2s"))
	for _, a := range c.applications {
		a.rest = 50 * time.Millisecond
	}
	var rotations int64
	var slopes []float64
	began := time.Now()
	for kill := 0; time.Since(began) < duration; kill++ {
		turned, slope := c.live(life, kill)
		rotations, slopes = rotations+turned, append(slopes, slope)
		c.probeCopies()
		c.server.start()
		c.verifyAll()
		c.examine()
		grants, size := c.sizes()
		t.Logf("%s: killed %d times, ready after %s; %d rotations; %d grants in %d KiB; memory %+.1f MiB an hour", time.Since(began).Round(time.Second), kill+1,
			c.server.took.Round(time.Millisecond), rotations, grants, size>>10, slope)
		if t.Failed() {
			t.FailNow()
		}
	}
	sum := 0.0
	for _, s := range slopes {
		sum += s
	}
	if mean := sum / float64(len(slopes)); duration >= time.Hour && mean > 8 {
		t.Errorf("memory grows by %.1f MiB an hour", mean)
	}
	c.tally.report(ackedStays, lostHeals, noFalseReuse, oneLives, endsForEver, onceIsOnce, actsAreWhole, fileIsWhole, faultsDoNotBar)
}

// live lets everybody work for a process's life and then kills it. The slope is that of its memory after the first third, in MiB an
// hour.
func (c *crashSite) live(life time.Duration, turn int) (rotations int64, slope float64) {
	c.t.Helper()
	done, watched := allWork(c.applications, nil), c.watchMemory(life/3)
	began := time.Now()
	for i := 0; time.Since(began) < life; i++ {
		wait := c.attack(context.Background(), c.prepare(kindsOf(turn+i)...), 5*time.Second)
		time.Sleep(5 * time.Second)
		wait()
	}
	slope = slopeOf(watched())
	c.server.stop()
	rotations = done()
	c.readLog()
	return rotations, slope
}

type sample struct{ x, y float64 }

// watchMemory gives the least memory of each half minute after the first time, in hours and MiB, until the function that it returns
// is called. The least, because a password that is checked takes 19 MiB for a moment.
func (c *crashSite) watchMemory(first time.Duration) (samples func() []sample) {
	var (
		all   []sample
		over  = make(chan struct{})
		done  sync.WaitGroup
		began = time.Now()
	)
	done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-time.After(time.Second):
			}
			at, mib := time.Since(began), float64(c.memory("VmRSS:"))/(1<<20)
			if at < first {
				continue
			}
			if i%30 == 0 || len(all) == 0 {
				all = append(all, sample{at.Hours(), mib})
			}
			if last := &all[len(all)-1]; mib < last.y {
				*last = sample{at.Hours(), mib}
			}
		}
	})
	return func() []sample { close(over); done.Wait(); return all }
}

// slopeOf is that of the line of least squares.
func slopeOf(all []sample) float64 {
	var x, y, xx, xy float64
	for _, s := range all {
		x, y, xx, xy = x+s.x, y+s.y, xx+s.x*s.x, xy+s.x*s.y
	}
	n := float64(len(all))
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}

// sizes are those of the database: its grants, and its file once the WAL is in it.
func (c *crashSite) sizes() (grants, size int64) {
	c.t.Helper()
	c.store(func(d *db.DB) {
		if err := d.Checkpoint(c.t.Context(), false); err != nil {
			c.t.Error(err)
		}
	})
	q, err := sql.Open("sqlite", "file:"+c.server.db+"?mode=ro")
	if err != nil {
		c.t.Fatal(err)
	}
	defer q.Close()
	if err := q.QueryRow("SELECT COUNT(*) FROM grants").Scan(&grants); err != nil {
		c.t.Fatal(err)
	}
	info, err := os.Stat(c.server.db)
	if err != nil {
		c.t.Fatal(err)
	}
	return grants, info.Size()
}
