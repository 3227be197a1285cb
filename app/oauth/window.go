package oauth

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

// windowKeyPeriod is for how long windows that open share a key.
const windowKeyPeriod = time.Minute

// windowKeys are the random keys that successors are derived with. One is made for each minute in which rotations
// happen and is durable before the first rotation uses it; it is erased once the windows that use it are over. After that
// no old token leads to the live one, whoever has a copy of the file.
type windowKeys struct {
	mu      sync.Mutex
	keys    map[int64]WindowKey
	current WindowKey
	made    time.Duration // monotonic
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
// that makes the key. Key and end are taken under one lock, so that erase never takes away a key that is about to be used.
func (w *windowKeys) open(ctx context.Context, store Store, c *Clock, grace time.Duration) (WindowKey, ServiceTime, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mono := c.source.Monotonic()
	if w.current.Key == nil || mono-w.made >= windowKeyPeriod {
		k := WindowKey{ID: w.current.ID + 1, Key: make([]byte, 32), CreatedAt: c.Now().Service}
		rand.Read(k.Key)
		if err := store.AddWindowKey(ctx, k); err != nil {
			return WindowKey{}, 0, err
		}
		w.current, w.made = k, mono
		w.keys[k.ID] = k
	}
	return w.current, c.openWindow(grace), nil
}

// erase removes the keys whose windows are over: opened within a minute of the key, and open for MaxGrace at the most. When
// no window is open at all, every key goes.
func (w *windowKeys) erase(ctx context.Context, store Store, c *Clock) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var upTo int64
	now, idle := c.Now().Service, c.idle()
	for id, k := range w.keys {
		if idle || k.CreatedAt.Add(windowKeyPeriod+MaxGrace) < now {
			upTo = max(upTo, id)
		}
	}
	if upTo == 0 {
		return nil
	}
	if err := store.EraseWindowKeys(ctx, upTo); err != nil {
		return err
	}
	for id := range w.keys {
		if id <= upTo {
			delete(w.keys, id)
		}
	}
	if w.current.ID <= upTo {
		w.current.Key = nil
	}
	return nil
}
