package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/oauth"
)

// slowOrigins is a store that takes its time over the origins of public clients.
type slowOrigins struct {
	oauth.Store
	slow    *atomic.Bool
	asked   *atomic.Int64
	release chan struct{}
}

func (s slowOrigins) Clients(ctx context.Context) ([]oauth.Client, error) {
	if !s.slow.Load() {
		return s.Store.Clients(ctx)
	}
	s.asked.Add(1)
	select {
	case <-s.release:
		return s.Store.Clients(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// corsWaiters proves that a slow store holds nobody longer than they wish to wait.
func corsWaiters(t *testing.T) {
	slow, asked, release := &atomic.Bool{}, &atomic.Int64{}, make(chan struct{})
	s := newSite(t, siteOptions{store: func(store oauth.Store) oauth.Store { return slowOrigins{store, slow, asked, release} }})
	handler := withReady(t, s, s.db.Ready)
	call := func(ctx context.Context) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, "POST", "/token", nil)
		r.Header.Set("Origin", "https://spa.test")
		handler.ServeHTTP(w, r)
		return w
	}

	slow.Store(true)
	began := time.Now()
	var patient, hasty sync.WaitGroup
	for range 5 {
		patient.Go(func() {
			if w := call(t.Context()); w.Header().Get("Access-Control-Allow-Origin") != "https://spa.test" {
				t.Errorf("who waited: %d %v", w.Code, w.Header())
			}
		})
		hasty.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if w := call(ctx); w.Code != http.StatusServiceUnavailable {
				t.Errorf("who did not wait: %d", w.Code)
			}
		})
	}
	hasty.Wait()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("who did not wish to wait waited %s", took)
	}
	close(release)
	patient.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times at once", n)
	}
}
