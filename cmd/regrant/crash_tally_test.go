package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// full says that the faults are to be tried as often as requirements.md part 5 asks for, as make faults does, and not as often as
// every run of the tests can afford. REGRANT_FAULTS is full, or a share of it such as 0.1.
func full() bool { return os.Getenv("REGRANT_FAULTS") != "" }

// often gives how often something is tried: in full, in every run, or with -short.
func often(inFull, always, short int) int {
	switch {
	case full():
		share, err := strconv.ParseFloat(os.Getenv("REGRANT_FAULTS"), 64)
		if err != nil {
			return inFull
		}
		return max(always, int(share*float64(inFull)))
	case testing.Short():
		return short
	}
	return always
}

// invariant is one of I1 to I9, requirements.md 5.1.
type invariant int

const (
	ackedStays     invariant = iota + 1 // no acknowledged rotation is lost
	lostHeals                           // the token of a lost answer, presented again, gives one successor
	noFalseReuse                        // nobody honest is signed out
	oneLives                            // of all generations one lives
	endsForEver                         // what was ended stays so
	onceIsOnce                          // what is good once is accepted once
	actsAreWhole                        // an act has happened, or has not
	fileIsWhole                         // pages, references, audit log
	faultsDoNotBar                      // no fault is told as invalid_grant or invalid_client
	afterInvariants
)

// tally counts what the invariants were held against, so that a test cannot pass for want of anything to look at.
type tally struct {
	t *testing.T

	mu       sync.Mutex
	checked  [afterInvariants]int
	violated [afterInvariants]int
}

// check counts one look at an invariant, and fails the test if it does not hold.
func (y *tally) check(i invariant, holds bool, format string, args ...any) bool {
	y.t.Helper()
	y.mu.Lock()
	y.checked[i]++
	if !holds {
		y.violated[i]++
	}
	y.mu.Unlock()
	if !holds {
		y.t.Errorf("I%d: %s", i, fmt.Sprintf(format, args...))
	}
	return holds
}

// report prints the counts. Each of the invariants that are named must have been looked at.
func (y *tally) report(looked ...invariant) {
	y.t.Helper()
	var all []string
	for i := ackedStays; i < afterInvariants; i++ {
		all = append(all, fmt.Sprintf("I%d %d/%d", i, y.violated[i], y.checked[i]))
	}
	y.t.Logf("violations/looks: %s", strings.Join(all, ", "))
	for _, i := range looked {
		if y.checked[i] == 0 {
			y.t.Errorf("nothing was held against I%d, so this proves nothing of it", i)
		}
	}
}
