package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// crashOp is an act of the server that is to be cut at each of its moments.
type crashOp struct {
	name       string
	write      string // as the store calls it
	statements int    // of that write; 0: only the ends of it are moments
	request    string // as crash_point_faults.go names it
	victims    []string
}

var crashOps = []crashOp{
	{"refresh", "rotate refresh token", 1, "POST /token?grant_type=refresh_token", nil},
	{"redeem", "redeem code", 8, "POST /token?grant_type=authorization_code", []string{"code", "code", "code"}},
	{"revoke", "revoke grant", 4, "POST /revoke?token", []string{"revoke", "revoke", "revoke"}},
	{"revoke access", "revoke access token", 4, "POST /revoke?token", []string{"access", "access", "access"}},
	{"reset", "reset password by link", 0, "", []string{"reset"}}, // of which each costs a password hash
}

// points are the moments of an act.
func (o crashOp) points() (all []string) {
	if o.statements == 0 {
		return []string{o.write + ": begun", o.write + ": before commit", o.write + ": committed", o.write + ": answered"}
	}
	all = append(all, o.request+": request received", o.write+": queued", o.write+": begun")
	if o.statements == 1 { // and nothing to undo but that: it needs no savepoint
		all = append(all, o.write+": joined")
	} else {
		all = append(all, o.write+": savepoint", o.write+": released")
	}
	for n := range o.statements {
		all = append(all, fmt.Sprintf("%s: statement %d", o.write, n+1))
	}
	all = append(all, o.write+": before commit", "batch: before commit", o.write+": committed", "batch: committed",
		o.write+": answered", "batch: answered")
	for _, moment := range []string{"before the first byte", "after the first byte", "in the header", "before the body", "in the body",
		"before the last byte", "after the last byte"} {
		all = append(all, o.request+": "+moment)
	}
	return all
}

// withFaults builds the program with the tag faults, for a server to run.
func withFaults(t *testing.T, env ...string) realServer {
	t.Helper()
	program := filepath.Join(t.TempDir(), "regrant")
	build := exec.Command("go", "build", "-tags", "faults", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return realServer{program: program, env: env}
}

// TestF2_ACrashAtEachMomentLosesNothing has the server die at each statement of an act, before and after its commit, and at each part
// of its answer.
func TestF2_ACrashAtEachMomentLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("the server that crashes is not watched by the race detector")
	}
	t.Parallel()
	armed := filepath.Join(t.TempDir(), "crash at")
	runs := often(200, 1, 1)
	c := newCrashSite(t, 10, mixed, withFaults(t, "REGRANT_CRASH_AT="+armed))
	crashes := map[string]int{}
	for run := range runs {
		for _, op := range crashOps {
			for i, point := range op.points() {
				c.dieAt(armed, op, point)
				crashes[op.name]++
				if last := run == runs-1 && i == len(op.points())-1; last || crashes[op.name]%100 == 99 {
					c.probeCopies()
				}
				c.server.start()
				c.verifyAll()
				if t.Failed() {
					t.Fatalf("run %d, %s", run, point)
				}
			}
		}
	}
	c.examine()
	t.Logf("crashes: %v", crashes)
	c.tally.report(ackedStays, lostHeals, oneLives, endsForEver, onceIsOnce, fileIsWhole, faultsDoNotBar)
}

// inCompany says whether a moment is one of several writes in one transaction.
func inCompany(point string) bool {
	return strings.HasPrefix(point, "batch") || strings.HasSuffix(point, "savepoint") || strings.HasSuffix(point, "released") || strings.HasSuffix(point, "joined")
}

// dieAt has the server die at a moment of an act.
func (c *crashSite) dieAt(armed string, op crashOp, point string) {
	c.t.Helper()
	who, kinds := c.applications, op.victims
	switch {
	case inCompany(point):
		kinds = slices.Concat(kinds, kinds) // who meets whom is chance
	case len(kinds) > 0:
		who, kinds = nil, kinds[:1]
	default:
		who = who[:1]
	}
	victims := c.prepare(kinds...)
	if err := os.WriteFile(armed, []byte(point), 0o600); err != nil {
		c.t.Fatal(err)
	}
	done := allWork(who, nil)
	wait := c.attack(context.Background(), victims, time.Millisecond)
	select {
	case <-c.server.ended:
	case <-time.After(10 * time.Second):
		c.t.Errorf("%s: the server does not come to %q", op.name, point)
	}
	c.server.stop()
	wait()
	done()
	if err := os.Remove(armed); err != nil {
		c.t.Error(err)
	}
	c.readLog()
}
