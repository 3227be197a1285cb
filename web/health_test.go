package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/web"
)

// withReady is a site's server whose store answers readiness as ready does.
func withReady(t *testing.T, s *site, ready func(context.Context) error) http.Handler {
	t.Helper()
	config := web.Config{Issuer: s.issuer, Log: slog.New(slog.NewJSONHandler(s.log, nil)), Now: s.clock.Wall, Store: s.db}
	handler, err := web.New(config, s.engine, s.people, s.db.SessionStore(s.clock.Wall), ready)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func askReady(ctx context.Context, handler http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/readyz", nil))
	return w
}

func readinessShared(t *testing.T) {
	var asked, atOnce atomic.Int64
	handler := withReady(t, newSite(t), func(ctx context.Context) error {
		if asked.Add(1); atOnce.Add(1) > 1 {
			t.Error("the store is asked twice at once")
		}
		defer atOnce.Add(-1)
		time.Sleep(20 * time.Millisecond)
		return ctx.Err()
	})

	began := time.Now()
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context()) // who goes away takes no answer from the others
			defer cancel()
			if w := askReady(ctx, handler); w.Code != http.StatusOK {
				t.Errorf("%d", w.Code)
			}
		})
	}
	all.Wait()

	if most := 1 + int64(time.Since(began)/time.Second); asked.Load() > most {
		t.Errorf("the store was asked %d times, want %d at the most", asked.Load(), most)
	}
	time.Sleep(1100 * time.Millisecond)
	before := asked.Load()
	if askReady(t.Context(), handler); asked.Load() != before+1 {
		t.Error("the answer is kept for ever")
	}
}

func notReady(t *testing.T) {
	s := newSite(t)
	var asked atomic.Int64
	handler := withReady(t, s, func(context.Context) error { asked.Add(1); return errors.New("the disk is full") })
	for range 20 {
		w := askReady(t.Context(), handler)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "disk") {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	}
	if asked.Load() > 3 {
		t.Errorf("a store in trouble was asked %d times", asked.Load())
	}
	if line := s.logged(t, "not ready"); line["err"] != "the disk is full" {
		t.Errorf("logged as %v", line)
	}

	stuck := make(chan struct{})
	defer close(stuck)
	handler = withReady(t, s, func(context.Context) error { <-stuck; return nil })
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if w := askReady(ctx, handler); w.Code != http.StatusServiceUnavailable || time.Since(began) > time.Second {
		t.Errorf("who waits no longer: %d after %s", w.Code, time.Since(began))
	}
	if w := askReady(t.Context(), handler); w.Code != http.StatusServiceUnavailable || time.Since(began) > 5*time.Second {
		t.Errorf("a store that does not answer: %d after %s", w.Code, time.Since(began))
	}
}
