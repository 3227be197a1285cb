package main

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"slices"
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
	first := 2 * life                                         // of the first one, with which the others are compared
	server, ops := withFaults(t, "REGRANT_CLOCK_JITTER=2s"), freeAddress(t)
	server.flags = []string{"--ops-listen", ops}
	c := newCrashSite(t, 200, mixed, server)
	for _, a := range c.applications {
		a.rest = 50 * time.Millisecond
	}
	c.fill(1)       // so that SQLite's caches hold what they may within minutes, instead of growing as long as the file does
	c.large = false // all of it is looked at
	var rotations int64
	var slopes []float64
	var most float64
	began := time.Now()
	for kill := 0; time.Since(began) < duration+first-life; kill++ {
		span := life
		if kill == 0 {
			span = first
		}
		turned, own, resident := c.live(span, kill, ops)
		rotations += turned
		c.probeCopies()
		c.server.start()
		c.verifyAll()
		c.examine()
		grants, size := c.sizes()
		t.Logf("%s: killed %d times, ready after %s; %d rotations; %d grants in %d KiB; memory at most %.1f MiB, %+.1f an hour; resident %.1f, %+.1f", time.Since(began).Round(time.Second), kill+1,
			c.server.took.Round(time.Millisecond), rotations, grants, size>>10,
			mostOf(own), slopeOf(own), mostOf(resident), slopeOf(resident))
		if peak := mostOf(resident); peak > 200 { // garbage and what is free included; 147 was the most seen
			t.Errorf("%.1f MiB are resident", peak)
		}
		slopes = append(slopes, slopeOf(own))
		if kill == 0 {
			most = mostOf(own)
		} else if peak := mostOf(own); peak > most+4 {
			t.Errorf("a process that did the same for half as long holds %.1f MiB, the first one held %.1f", peak, most)
		}
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

// live lets everybody work for a process's life and then kills it. It takes its memory after the first third: hours, MiB.
func (c *crashSite) live(life time.Duration, turn int, ops string) (rotations int64, own, resident []sample) {
	c.t.Helper()
	done := allWork(c.applications, nil)
	began := time.Now()
	for i := 0; time.Since(began) < life; i++ {
		wait := c.attack(context.Background(), c.prepare(kindsOf(turn+i)...), 5*time.Second)
		time.Sleep(5 * time.Second)
		wait()
		if at := time.Since(began); at > life/3 {
			own = append(own, sample{at.Hours(), c.ownMemory(ops) / (1 << 20)})
			resident = append(resident, sample{at.Hours(), float64(c.memory("VmRSS:")) / (1 << 20)})
		}
	}
	c.server.stop()
	rotations = done()
	c.readLog()
	return rotations, own, resident
}

// ownMemory is the memory that the server holds when nobody asks it for anything, in bytes: all that is resident, without what of Go's heap is
// garbage or free. That is there for the next one who needs some, follows the moment (a password that is checked takes 19 MiB), and is
// bounded by what is live. It is the least of several looks.
func (c *crashSite) ownMemory(ops string) float64 {
	c.t.Helper()
	c.quiet.Lock()
	defer c.quiet.Unlock()
	least := c.lookAtMemory(ops)
	for range 4 {
		time.Sleep(200 * time.Millisecond)
		least = min(least, c.lookAtMemory(ops))
	}
	return least
}

func (c *crashSite) lookAtMemory(ops string) float64 {
	c.t.Helper()
	if _, err := fetch("http://"+ops+"/debug/pprof/heap?gc=1", "", "", http.StatusOK); err != nil {
		c.t.Fatal(err)
	}
	m := scraped(c.t, ops)
	heap := m.value("go_memstats_heap_sys_bytes") - m.value("go_memstats_heap_released_bytes")
	return float64(c.memory("VmRSS:")) - heap + m.value("go_gc_heap_live_bytes")
}

type sample struct{ x, y float64 }

// mostOf is the highest of the samples.
func mostOf(all []sample) float64 {
	most := 0.0
	for _, s := range all {
		most = max(most, s.y)
	}
	return most
}

// slopeOf is the median of the slopes between any two (Theil and Sen's), which no peak moves.
func slopeOf(all []sample) float64 {
	var slopes []float64
	for i, a := range all {
		for _, b := range all[i+1:] {
			slopes = append(slopes, (b.y-a.y)/(b.x-a.x))
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	slices.Sort(slopes)
	return slopes[len(slopes)/2]
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
