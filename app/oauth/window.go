package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// windowKeyPeriod is for how long windows that open share a key, at most.
	windowKeyPeriod = time.Minute
	// windowKeyAhead is how long before that its successor is made, so that no rotation of a busy server waits for one.
	windowKeyAhead = 10 * time.Second
	// windowKeyWait is how long a rotation waits for a key. Then the disk is too slow, and the client had better come again.
	windowKeyWait = 500 * time.Millisecond
)

var errWindowKeyWait = errors.New("the window key is not stored in time")

// windowKeys are the random keys that successors are derived with. One is made for each minute in which rotations
// happen and is durable before the first rotation uses it; it is erased once the windows that use it are over. After that
// no old token leads to the live one, whoever has a copy of the file.
//
// The lock is never held while the store works: a store that hangs must not hang replays, which need no write.
type windowKeys struct {
	mu      sync.Mutex
	keys    map[int64]WindowKey
	current WindowKey
	made    time.Duration // monotonic
	making  *windowKeyMaking
	doomed  int64 // keys up to this id are not used any more; the store may still have them
}

// windowKeyMaking is one key on its way into the store, for all who wait for it.
type windowKeyMaking struct {
	done chan struct{}
	err  error // valid once done is closed
}

func loadWindowKeys(ctx context.Context, store Store) (*windowKeys, error) {
	stored, err := store.WindowKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read window keys: %w", err)
	}
	w := &windowKeys{keys: map[int64]WindowKey{}}
	for _, k := range stored {
		w.keys[k.ID] = k
		if k.ID > w.current.ID {
			w.current = WindowKey{ID: k.ID} // only its id counts: this process makes its own
		}
	}
	return w, nil
}

func (w *windowKeys) any() bool { return len(w.keys) > 0 }

func (w *windowKeys) find(id int64) (WindowKey, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k, ok := w.keys[id]
	return k, ok
}

// open gives the key of this minute and the end of a window that opens now. Callers that come at once wait for the one
// key, and when it cannot be stored all of them are told so at the same time. Key and end are taken under one lock, so
// that erase never takes away a key that is about to be used.
func (w *windowKeys) open(ctx context.Context, store Store, c *Clock, grace time.Duration) (WindowKey, ServiceTime, error) {
	for {
		w.mu.Lock()
		age := c.source.Monotonic() - w.made
		usable := w.current.Key != nil && age < windowKeyPeriod
		if (!usable || age >= windowKeyPeriod-windowKeyAhead) && w.making == nil {
			w.making = &windowKeyMaking{done: make(chan struct{})}
			// The others must not suffer when the one that came first hangs up.
			go w.make(context.WithoutCancel(ctx), store, c, w.making)
		}
		if usable {
			key, end := w.current, c.openWindow(grace)
			w.mu.Unlock()
			return key, end, nil
		}
		m := w.making
		w.mu.Unlock()
		if err := m.wait(ctx); err != nil {
			return WindowKey{}, 0, err
		}
	}
}

func (m *windowKeyMaking) wait(ctx context.Context) error {
	late := time.NewTimer(windowKeyWait)
	defer late.Stop()
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return errWindowKeyWait
	}
}

func (w *windowKeys) make(ctx context.Context, store Store, c *Clock, m *windowKeyMaking) {
	w.mu.Lock()
	id := w.current.ID + 1
	w.mu.Unlock()
	made := c.source.Monotonic()
	k, err := addWindowKey(ctx, store, WindowKey{ID: id, CreatedAt: c.Now().Service})

	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.current, w.made = k, made
		w.keys[k.ID] = k
	}
	w.making, m.err = nil, err
	close(m.done)
}

// addWindowKey stores k with new random bytes. Its id may be taken by a key whose commit was reported as failed and had
// happened all the same: then the next free one serves.
func addWindowKey(ctx context.Context, store Store, k WindowKey) (WindowKey, error) {
	k.Key = make([]byte, 32)
	rand.Read(k.Key)
	err := store.AddWindowKey(ctx, k)
	if !errors.Is(err, ErrExists) {
		return k, err
	}
	stored, err := store.WindowKeys(ctx)
	if err != nil {
		return k, err
	}
	for _, other := range stored {
		k.ID = max(k.ID, other.ID+1)
	}
	if err = store.AddWindowKey(ctx, k); errors.Is(err, ErrExists) {
		err = errors.New("window keys are made by somebody else too")
	}
	return k, err
}

// erase removes the keys whose windows are over: opened within a minute of the key, and open for MaxGrace at the most. When
// no window is open at all, every key goes.
func (w *windowKeys) erase(ctx context.Context, store Store, c *Clock) error {
	w.mu.Lock()
	now, idle := c.Now().Service, c.idle()
	for id, k := range w.keys {
		if idle || k.CreatedAt.Add(windowKeyPeriod+MaxGrace) < now {
			w.doomed = max(w.doomed, id)
		}
	}
	for id := range w.keys {
		if id <= w.doomed {
			delete(w.keys, id)
		}
	}
	if w.current.ID <= w.doomed {
		w.current.Key = nil
	}
	doomed := w.doomed
	w.mu.Unlock()
	if doomed == 0 {
		return nil
	}
	if err := store.EraseWindowKeys(ctx, doomed); err != nil {
		return err // the next beat tries again
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.doomed == doomed {
		w.doomed = 0
	}
	return nil
}
