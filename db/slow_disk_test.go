package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/oauth"
	"regrant/db"
	"regrant/db/faultdisk"
)

// slowDisk is a service whose syncs take as long as they are told to.
type slowDisk struct {
	*script
	apps  []*application
	delay atomic.Int64 // nanoseconds
	syncs atomic.Int64 // of the WAL
}

func newSlowDisk(t *testing.T, applications int) *slowDisk {
	t.Helper()
	s := &slowDisk{script: newScript(t, "a slow disk", 8)}
	t.Cleanup(s.remove)
	if !s.open() {
		t.Fatal("it does not open")
	}
	s.db.Hurry(2000, 4000)
	for range applications {
		a, err := s.join(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.apps = append(s.apps, a)
	}
	s.disk.Judge(func(c faultdisk.Call) faultdisk.Fault {
		if c.Kind == faultdisk.Sync {
			if c.WAL() {
				s.syncs.Add(1)
			}
			time.Sleep(time.Duration(s.delay.Load()))
		}
		return faultdisk.Fault{}
	})
	return s
}

// refreshAll has every application refresh, again and again, as long as more allows it. Some may be refused as busy.
func (s *slowDisk) refreshAll(more func() bool) (rotations, refused int64) {
	s.t.Helper()
	var done, busy atomic.Int64
	var all sync.WaitGroup
	for _, a := range s.apps {
		all.Go(func() {
			for more() {
				switch err := s.refresh(context.Background(), a); {
				case err == nil:
					done.Add(1)
				case errors.Is(err, db.ErrBusy):
					busy.Add(1)
				default:
					s.t.Errorf("refresh: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	return done.Load(), busy.Load()
}

func TestF10_ManyRotationsShareOneSyncOfASlowDisk(t *testing.T) {
	s := newSlowDisk(t, 64)
	s.delay.Store(int64(20 * time.Millisecond))
	before := s.syncs.Load()
	left := atomic.Int64{}
	left.Store(int64(many(6400, 1600, 640)))

	n, _ := s.refreshAll(func() bool { return left.Add(-1) >= 0 })

	syncs := s.syncs.Load() - before
	t.Logf("%d rotations, %d syncs", n, syncs)
	if n < 20*syncs {
		t.Errorf("%d rotations a sync, want 20", n/syncs)
	}
}

// TestF10_ASlowDiskKeepsTheRate measures the store by itself: signing would take the two cores.
func TestF10_ASlowDiskKeepsTheRate(t *testing.T) {
	if !full() {
		t.Skip("a figure, for REGRANT_FAULTS=full")
	}
	s := newSlowDisk(t, 128)
	states, err := s.db.Grants(t.Context(), oauth.GrantFilter{PersonID: faultPerson, Limit: 1000})
	if err != nil || len(states) != 128 {
		t.Fatal(len(states), err)
	}
	for _, delay := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond} {
		s.delay.Store(int64(delay))
		begun := time.Now()
		var done, busy atomic.Int64
		var all sync.WaitGroup
		for i := range states {
			all.Go(func() {
				for time.Since(begun) < 10*time.Second {
					r := nextGeneration(&states[i])
					switch err := s.db.RotateRefreshToken(t.Context(), r); {
					case err == nil:
						states[i].Generation, states[i].CurrentHash = states[i].Generation+1, r.CurrentHash
						done.Add(1)
					case errors.Is(err, db.ErrBusy):
						busy.Add(1)
					default:
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		rate := float64(done.Load()) / time.Since(begun).Seconds()
		t.Logf("%v a sync: %.0f rotations a second, %d refused as busy", delay, rate, busy.Load())
		if want := 20 / delay.Seconds(); rate < want {
			t.Errorf("want %.0f", want)
		}
		if busy.Load() > 0 && delay <= 50*time.Millisecond {
			t.Error("want none refused")
		}
	}
}

func nextGeneration(s *oauth.RefreshState) *oauth.Rotation {
	now := time.Now().UTC()
	return &oauth.Rotation{
		Read: s, CurrentHash: fmt.Appendf(nil, "hash %d", s.Generation+1), PreviousHash: s.CurrentHash, Nonce: []byte("nonce"), WindowKeyID: 7,
		WindowEnd: 1_000_000, RotatedAt: now, IdleDeadline: now.Add(time.Hour), UsedAt: now, IP: device.IP, UserAgent: device.UserAgent, Ring: s.Ring,
	}
}

// TestF10_WhatASyncHoldsUpIsRefusedSoon has one sync take as long as it takes. What it holds up ends within its time, what it
// was to make durable waits for it.
func TestF10_WhatASyncHoldsUpIsRefusedSoon(t *testing.T) {
	callers := many(20_000, 3000, 1500)
	s := newSlowDisk(t, 1)
	if err := s.refresh(t.Context(), s.apps[0]); err != nil { // which opens the window, a write of its own
		t.Fatal(err)
	}
	release := make(chan struct{})
	reached := make(chan struct{}, 1)
	s.disk.Judge(func(c faultdisk.Call) faultdisk.Fault {
		if c.Kind == faultdisk.Sync && c.WAL() {
			select {
			case reached <- struct{}{}:
			default:
			}
			<-release
		}
		return faultdisk.Fault{}
	})
	ctx := t.Context()
	first := make(chan error, 1)
	go func() { first <- s.refresh(ctx, s.apps[0]) }()
	<-reached
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	used := memory.HeapInuse + memory.StackInuse

	var refused, busy, accepted atomic.Int64
	var longest atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			begun := time.Now()
			err := s.db.PutSetting(ctx, "x", []byte("x"))
			switch {
			case err == nil:
				accepted.Add(1)
				return
			case errors.Is(err, db.ErrBusy):
				busy.Add(1)
			}
			refused.Add(1)
			for took := int64(time.Since(begun)); ; {
				old := longest.Load()
				if took <= old || longest.CompareAndSwap(old, took) {
					return
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		all.Wait() // which would hang if anybody waited for the disk
		close(ended)
	}()
	grown := int64(0)
	for watching := true; watching; {
		select {
		case <-ended:
			watching = false
		case <-time.After(50 * time.Millisecond):
		}
		runtime.ReadMemStats(&memory)
		grown = max(grown, int64(memory.HeapInuse+memory.StackInuse)-int64(used))
	}
	close(release)

	if err := <-first; err != nil {
		t.Errorf("what the sync was for: %v", err)
	}
	if refused.Load() != int64(callers) || busy.Load() != int64(callers) || accepted.Load() != 0 {
		t.Errorf("of %d writes %d were refused, %d of them as busy, and %d accepted", callers, refused.Load(), busy.Load(), accepted.Load())
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		err := s.refresh(ctx, s.apps[0])
		if err == nil {
			break
		}
		if !errors.Is(err, db.ErrBusy) || time.Now().After(deadline) {
			t.Fatalf("afterwards: %v", err)
		}
	}
	took := time.Duration(longest.Load())
	t.Logf("%d writes refused, the last after %v; memory grew by %d MB", callers, took.Round(time.Millisecond), grown>>20)
	if full() && (took > time.Second || grown > 100<<20) {
		t.Error("want a second and 100 MB at most")
	}
	if took > 20*time.Second {
		t.Error("that is not soon")
	}
}
