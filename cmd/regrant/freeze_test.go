package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestF14_AFreezeCountsAsDowntime freezes a server with one processor and little memory, and then lets it be dead, each time for longer
// than its windows are open: who asks again for an answer that was lost just before gets it, and a window that was closed stays so.
func TestF14_AFreezeCountsAsDowntime(t *testing.T) {
	if testing.Short() {
		t.Skip("a program that watches for races takes more memory than this one may")
	}
	t.Parallel()
	away := briefGrace + time.Second
	if full() {
		away = 30 * time.Second
	}
	c := newCrashSite(t, often(200, 24, 24), func(int) string { return "brief" },
		realServer{env: []string{"GOMEMLIMIT=128MiB", "GOMAXPROCS=1"}, starved: true})
	half := len(c.applications) / 2
	working, waiting := c.applications[:half], c.applications[half:]
	late := waiting[len(waiting)-1]
	waiting = waiting[:len(waiting)-1]

	// Somebody waits too long while the server is there: that window is over, and stays so.
	late.loseAnswer(late.held.last())
	time.Sleep(briefGrace + 500*time.Millisecond)

	for _, what := range []string{"frozen", "dead"} {
		stop := make(chan struct{})
		done := allWork(working, stop)
		var signIns sync.WaitGroup
		for range 4 { // a password hash takes 19 MiB
			signIns.Go(func() {
				if err := c.browser().signIn("alice@example.com", realPassword); err != nil {
					t.Error(err)
				}
			})
		}
		signIns.Wait() // before the windows open that have to last
		c.loseAnswers(waiting).Wait()
		if what == "frozen" {
			c.signal(syscall.SIGSTOP)
			time.Sleep(away)
			c.signal(syscall.SIGCONT)
			time.Sleep(200 * time.Millisecond) // for what waited in its sockets
		} else {
			c.server.stop()
			time.Sleep(away)
			c.server.start()
			answer := c.refresh(late.client, late.held.last())
			c.tally.check(oneLives, answer.refused(), "a window that was over is open again: %+v", answer)
		}
		close(stop)
		done()
		c.readLog()
		c.verifyAll(waiting...) // first: their windows go on
		c.verifyAll(working...)
		t.Logf("%s for %s: at most %d MiB", what, away, c.peak()>>20)
		if peak := c.peak(); peak > 256<<20 {
			t.Errorf("%s: %d MiB", what, peak>>20)
		}
	}

	c.examine()
	c.tally.report(ackedStays, lostHeals, noFalseReuse, oneLives, fileIsWhole, faultsDoNotBar)
}

// loseAnswers has applications refresh, and the answers lost.
func (c *crashSite) loseAnswers(who []*honestApplication) *sync.WaitGroup {
	var all sync.WaitGroup
	for _, a := range who {
		all.Go(func() {
			token := a.held.last()
			c.log.write(a.name, "intent", token)
			if !a.loseAnswer(token) {
				c.t.Errorf("%s: no answer to lose", a.name)
			}
		})
	}
	return &all
}

func (c *crashSite) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.server.process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// peak is the most memory that the server has had, in bytes; 0 where nobody says so.
func (c *crashSite) peak() int64 { return c.memory("VmHWM:") }

// memory is a line of proc_pid_status(5), in bytes.
func (c *crashSite) memory(field string) (n int64) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", c.server.process.Pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), field); found {
			if _, err := fmt.Sscan(rest, &n); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	return n << 10
}
