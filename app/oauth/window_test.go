package oauth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// keyStore keeps window keys as the real one does and fails as a test wants.
type keyStore struct {
	Store
	mu     sync.Mutex
	keys   map[int64]WindowKey
	adds   int
	before func() error // called before a key is kept
	after  error        // reported although the key was kept
}

func (s *keyStore) AddWindowKey(_ context.Context, k WindowKey) error {
	s.mu.Lock()
	s.adds++
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.keys {
		if id >= k.ID {
			return ErrExists
		}
	}
	s.keys[k.ID] = k
	return after
}

func (s *keyStore) WindowKeys(context.Context) ([]WindowKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []WindowKey
	for _, k := range s.keys {
		keys = append(keys, k)
	}
	return keys, nil
}

func (s *keyStore) EraseWindowKeys(_ context.Context, upTo int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.keys {
		if id <= upTo {
			delete(s.keys, id)
		}
	}
	return s.after
}

func newWindowKeys(t *testing.T) (*windowKeys, *keyStore, *steppedTime, *Clock) {
	store, source := &keyStore{keys: map[int64]WindowKey{}}, newSteppedTime()
	w, err := loadWindowKeys(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	clock, _ := NewClock(source, ClockState{}, 0)
	return w, store, source, clock
}

var errDisk = errors.New("disk full")

func TestOneWindowKeyServesAMinute(t *testing.T) {
	w, store, source, clock := newWindowKeys(t)
	first, end, err := w.open(t.Context(), store, clock, 10*time.Second)
	if err != nil || end != ServiceTime(0).Add(10*time.Second) {
		t.Fatal(end, err)
	}
	source.pass(time.Second)
	same, end, _ := w.open(t.Context(), store, clock, 10*time.Second)
	if same.ID != first.ID || end != ServiceTime(0).Add(11*time.Second) {
		t.Error("a second later:", same.ID, end)
	}
	source.pass(time.Minute)
	if next, _, _ := w.open(t.Context(), store, clock, 10*time.Second); next.ID != first.ID+1 {
		t.Error("a minute later the key is", next.ID)
	}
}

func TestAllWhoWaitForAWindowKeyHearOfOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, store, _, clock := newWindowKeys(t)
		const callers = 30
		release := make(chan struct{})
		store.before = func() error { <-release; return errDisk }
		errs := make(chan error, callers)
		for range callers {
			go func() {
				_, _, err := w.open(t.Context(), store, clock, time.Second)
				errs <- err
			}()
		}
		synctest.Wait()
		w.find(1) // a replay is not held up
		close(release)

		for range callers {
			if err := <-errs; !errors.Is(err, errDisk) {
				t.Error(err)
			}
		}
		if store.adds != 1 {
			t.Errorf("%d tries: the callers waited one behind the other", store.adds)
		}
		store.before = nil
		if _, _, err := w.open(t.Context(), store, clock, time.Second); err != nil {
			t.Error("after the fault:", err)
		}
	})
}

func TestACallerWhoHangsUpDoesNotFailTheOthers(t *testing.T) {
	w, store, _, clock := newWindowKeys(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	store.before = func() error { close(arrived); <-release; return nil }
	ctx, hangUp := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() { _, _, err := w.open(ctx, store, clock, time.Second); first <- err }()
	<-arrived
	go func() { _, _, err := w.open(t.Context(), store, clock, time.Second); second <- err }()

	hangUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error("the first:", err)
	}
	close(release)

	if err := <-second; err != nil {
		t.Error("the second:", err)
	}
}

func TestAWindowKeyThatWasStoredAlthoughAFaultWasReportedBlocksNobody(t *testing.T) {
	w, store, _, clock := newWindowKeys(t)
	store.after = errDisk
	if _, _, err := w.open(t.Context(), store, clock, time.Second); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	store.after = nil

	k, _, err := w.open(t.Context(), store, clock, time.Second)

	if err != nil || k.ID != 2 {
		t.Fatal(k.ID, err)
	}
}

func TestWindowKeysAreErasedWhenTheirWindowsAreOverAndNotBefore(t *testing.T) {
	w, store, source, clock := newWindowKeys(t)
	open := func() int64 {
		k, _, err := w.open(t.Context(), store, clock, MaxGrace)
		if err != nil {
			t.Fatal(err)
		}
		return k.ID
	}
	beat := func(seconds int) {
		for range seconds {
			source.pass(time.Second)
			state, _, _ := clock.beat()
			clock.saved(state)
			if err := w.erase(t.Context(), store, clock); err != nil {
				t.Fatal(err)
			}
		}
	}
	first := open()
	beat(59)
	last := open() // the last window of the first key
	beat(59)
	if _, ok := w.find(first); !ok || last != first {
		t.Fatal("the key of an open window was erased")
	}
	second := open()
	beat(3)
	if _, ok := w.find(first); ok {
		t.Error("the first key outlives its windows")
	}
	if _, ok := w.find(second); !ok {
		t.Error("the second key went with the first")
	}
	beat(60)
	if keys, _ := store.WindowKeys(t.Context()); len(keys) != 0 {
		t.Errorf("an idle server keeps %d keys", len(keys))
	}
	if open() <= second {
		t.Error("an id came twice")
	}
}

func TestAnEraseThatFailsIsTriedAgain(t *testing.T) {
	w, store, source, clock := newWindowKeys(t)
	if _, _, err := w.open(t.Context(), store, clock, time.Second); err != nil {
		t.Fatal(err)
	}
	source.pass(2 * time.Second)
	state, _, _ := clock.beat()
	clock.saved(state)
	broken := &eraseFails{store}
	if err := w.erase(t.Context(), broken, clock); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}

	if err := w.erase(t.Context(), store, clock); err != nil {
		t.Fatal(err)
	}

	if keys, _ := store.WindowKeys(t.Context()); len(keys) != 0 {
		t.Error("the key is still there")
	}
}

type eraseFails struct{ *keyStore }

func (eraseFails) EraseWindowKeys(context.Context, int64) error { return errDisk }

// F10: on a disk that takes seconds, whoever needs a new key is turned away within one; and a server that is busy has the next key
// before it needs it, so that nobody waits.
func TestF10_NobodyWaitsLongForAWindowKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, store, source, clock := newWindowKeys(t)
		slow := func() error { time.Sleep(5 * time.Second); return nil }
		store.before = slow
		began := time.Now()
		if _, _, err := w.open(t.Context(), store, clock, time.Second); !errors.Is(err, errWindowKeyWait) || time.Since(began) > time.Second {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		time.Sleep(5 * time.Second)
		first, _, err := w.open(t.Context(), store, clock, time.Second)
		if err != nil {
			t.Fatal("the key is there now:", err)
		}

		source.pass(windowKeyPeriod - windowKeyAhead)
		began = time.Now()
		same, _, err := w.open(t.Context(), store, clock, time.Second)
		if err != nil || same.ID != first.ID || time.Since(began) != 0 {
			t.Fatalf("while the next is made: key %d after %v: %v", same.ID, time.Since(began), err)
		}
		time.Sleep(6 * time.Second)
		source.pass(windowKeyAhead)
		next, _, err := w.open(t.Context(), store, clock, time.Second)
		if err != nil || next.ID == first.ID || time.Since(began) != 6*time.Second {
			t.Errorf("a minute later: key %d after %v: %v", next.ID, time.Since(began), err)
		}
		store.before = nil
		synctest.Wait()
	})
}
