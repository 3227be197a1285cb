package db_test

import (
	"fmt"
	mathrand "math/rand/v2"
	"sync/atomic"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"regrant/db/faultdisk"
)

// TestF4_ADiskThatFillsUpAtAnyWriteLosesNothing has the disk be full from one call of a session on: within a commit, a
// checkpoint, the start, a new beginning of the WAL. TestF5 is the same for a disk that turns read-only; where that makes a sync
// fail, only a restart helps (doc.go).
func TestF4_ADiskThatFillsUpAtAnyWriteLosesNothing(t *testing.T) {
	restarts := stopsTakingWrites(t, func(s *script, rng *mathrand.Rand, c faultdisk.Call) faultdisk.Fault {
		if c.Kind != faultdisk.Write {
			return faultdisk.Fault{}
		}
		return faultdisk.Fault{Code: sqlite3.SQLITE_FULL, Part: rng.IntN(c.Length)}
	})
	if restarts > 0 {
		t.Errorf("%d times it needed a restart", restarts)
	}
}

func TestF5_ADiskThatTurnsReadOnlyAtAnyWriteLosesNothing(t *testing.T) {
	stopsTakingWrites(t, func(s *script, _ *mathrand.Rand, _ faultdisk.Call) faultdisk.Fault {
		s.disk.ReadOnly(true)
		return faultdisk.Fault{}
	})
}

func stopsTakingWrites(t *testing.T, fail func(*script, *mathrand.Rand, faultdisk.Call) faultdisk.Fault) (restarts int) {
	points, unopened := 0, 0
	every := many(3, 60, 150)
	for k := 1; ; k += every {
		rng := mathrand.New(mathrand.NewPCG(uint64(k), 10))
		s := newScript(t, fmt.Sprintf("from call %d on", k), uint64(k))
		turn := make(chan struct{}, 1) // for rng
		var calls atomic.Int64
		s.disk.Judge(func(c faultdisk.Call) faultdisk.Fault {
			if calls.Add(1) < int64(k) {
				return faultdisk.Fault{}
			}
			turn <- struct{}{}
			defer func() { <-turn }()
			return fail(s, rng, c)
		})
		if s.open() {
			s.run()
		}
		reached := calls.Load() >= int64(k)
		s.disk.Judge(nil)
		s.disk.ReadOnly(false)
		if s.service == nil {
			unopened++
			if !s.open() {
				s.errorf("it cannot be opened afterwards")
				s.remove()
				return restarts
			}
		}
		s.leaves("in the session", rng)
		if s.recovers() {
			restarts++
		}
		s.leaves("afterwards", rng)
		s.remove()
		if !reached || t.Failed() && !full() {
			break
		}
		points++
	}
	t.Logf("%d points, %d refused to start, %d needed a restart", points, unopened, restarts)
	return restarts
}
