package main

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestF1_KillingTheServerLosesNothing kills it in the middle of rotations, revocations, acts of admins and things that are good once,
// again and again, and after each start the oracle holds it to I1 to I9.
func TestF1_KillingTheServerLosesNothing(t *testing.T) {
	shortest, longest := 100*time.Millisecond, 400*time.Millisecond
	if full() {
		shortest, longest = 200*time.Millisecond, 3*time.Second
	}
	c := newCrashSite(t, often(200, 100, 20), mixed, realServer{})
	c.kill(often(1000, 12, 2), shortest, longest)
	c.tally.report(ackedStays, lostHeals, oneLives, endsForEver, fileIsWhole, faultsDoNotBar)
}

// TestF1_ALargeDatabaseIsSoonThereAgain kills a server with a gigabyte, which has to be ready within a second.
func TestF1_ALargeDatabaseIsSoonThereAgain(t *testing.T) {
	if !full() {
		t.Skip("it takes minutes: make faults")
	}
	c := newCrashSite(t, 100, mixed, realServer{})
	c.fill(1 << 30)
	starts := c.kill(often(100, 20, 20), 200*time.Millisecond, 3*time.Second)
	if p99 := starts[len(starts)*99/100]; p99 > time.Second {
		t.Errorf("it takes %s (p99) until the server is ready again", p99)
	}
	c.tally.report(ackedStays, lostHeals, oneLives, endsForEver, fileIsWhole, faultsDoNotBar)
}

// kill lets everybody work until the server is killed, so often, and holds what starts again to the invariants. It gives how long the
// starts took, the shortest first.
func (c *crashSite) kill(kills int, shortest, longest time.Duration) (starts []time.Duration) {
	c.t.Helper()
	var rotations int64
	for kill := range kills {
		rotations += c.untilKilled(shortest+rand.N(longest-shortest), c.prepare(kindsOf(kill)...))
		last := kill == kills-1
		if !c.large && kill%5 == 0 || last {
			c.probeCopies()
		}
		if kill%50 == 30 {
			time.Sleep(11 * time.Second) // longer than the window of most of these clients
		}
		c.server.start()
		starts = append(starts, c.server.took)
		var check sync.WaitGroup
		if last || !c.large && (full() || kill%5 == 0) {
			check.Go(c.examine)
		}
		c.verifyAll()
		check.Wait()
		if c.t.Failed() {
			c.t.Fatalf("after %d kills", kill+1)
		}
		if kill%100 == 99 {
			c.t.Logf("%d kills", kill+1)
		}
	}
	slices.Sort(starts)
	c.t.Logf("%d kills, %d acknowledged rotations of %d applications; ready again after %s (median), %s (p99)", kills, rotations, len(c.applications),
		starts[len(starts)/2].Round(time.Millisecond), starts[len(starts)*99/100].Round(time.Millisecond))
	if rotations < int64(kills) {
		c.t.Error("so little was done between two kills that this proves nothing")
	}
	return starts
}

// fill makes the file as long as that, with grants like the first and a token each, of people who have 25 of them, while the server is
// away.
func (c *crashSite) fill(size int64) {
	c.t.Helper()
	c.large = true
	c.server.stop()
	q, err := sql.Open("sqlite", "file:"+c.server.db+"?_pragma=synchronous(OFF)&_pragma=cache_size(-400000)")
	if err != nil {
		c.t.Fatal(err)
	}
	columns := func(table string, but ...string) string {
		var list string
		err := q.QueryRow("SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info(?) WHERE name NOT IN (?, ?))", table, but[0], but[len(but)-1]).Scan(&list)
		if err != nil {
			c.t.Fatal(err)
		}
		return list
	}
	grant, token, person := columns("grants", "id", "person_id"), columns("refresh_tokens", "token_id", "grant_id"), columns("people", "id", "email")
	for length := int64(0); length < size; {
		for _, statement := range []string{
			"INSERT INTO people (id, email, " + person + ") WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT p.id, p.id || '@example.com', " + person + " FROM " +
				"(SELECT 'filler-' || lower(hex(randomblob(8))) AS id FROM n) p, (SELECT " + person + " FROM people LIMIT 1)",
			"INSERT INTO grants (id, person_id, " + grant + ") SELECT lower(hex(randomblob(10))), p.id, " + grant + " FROM " +
				"(SELECT id FROM people WHERE id LIKE 'filler-%' ORDER BY rowid DESC LIMIT 4000) p, (SELECT " + grant + " FROM grants LIMIT 25)",
			"INSERT INTO refresh_tokens (token_id, grant_id, " + token + ") SELECT randomblob(16), g.id, " + token +
				" FROM grants g, (SELECT " + token + " FROM refresh_tokens LIMIT 1) WHERE NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.id)",
			"PRAGMA wal_checkpoint(TRUNCATE)",
		} {
			if _, err := q.Exec(statement); err != nil {
				c.t.Fatalf("%.60s: %v", statement, err)
			}
		}
		info, err := os.Stat(c.server.db)
		if err != nil {
			c.t.Fatal(err)
		}
		length = info.Size()
	}
	if err := q.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.server.start()
	grants, length := c.sizes()
	c.t.Logf("%d grants in %d MiB", grants, length>>20)
}

// kindsOf gives the victims of a kill.
func kindsOf(kill int) []string {
	return append(slices.Clone(victimsAlways), victimsByCommand[kill%len(victimsByCommand)], victimsByPage[kill/2%len(victimsByPage)])
}

// untilKilled lets everybody work until the server is killed.
func (c *crashSite) untilKilled(after time.Duration, victims []*victim) (rotations int64) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	wait := c.attack(ctx, victims, after)
	done := allWork(c.applications, nil)
	time.Sleep(after)
	c.server.stop()
	cancel()
	wait()
	rotations = done()
	c.readLog()
	return rotations
}

// allWork lets applications work until the server is gone or until ends. done waits for that.
func allWork(applications []*honestApplication, until <-chan struct{}) (done func() (rotations int64)) {
	var all sync.WaitGroup
	var rotations atomic.Int64
	for _, a := range applications {
		all.Go(func() { rotations.Add(int64(a.work(until))) })
	}
	return func() int64 {
		all.Wait()
		return rotations.Load()
	}
}
