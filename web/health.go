package web

import (
	"cmp"
	"context"
	"net/http"
	"time"
)

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) { writeHealth(w, http.StatusOK, "ok") }

// Everybody may ask whether the server is ready, as often as they like, and each question takes the store's only writer:
// so it is put once a second.
const (
	readyKept  = time.Second
	readyLimit = 2 * time.Second
)

// readiness shares the answer of ready; that the store is not ready is an answer too.
func readiness(ready func(context.Context) error) *recent[error] {
	return &recent[error]{keep: readyKept, limit: readyLimit, ask: func(ctx context.Context) (error, error) { return ready(ctx), nil }}
}

// readyz says that the store can be read and written, or could a second ago. Why not is for the log, not for the public.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
	defer cancel()
	trouble, err := s.ready.get(ctx)
	if err = cmp.Or(err, trouble); err != nil {
		s.log.Error("not ready", "request_id", requestOf(r).id, "err", err.Error())
		w.Header().Set("Retry-After", "1")
		writeHealth(w, http.StatusServiceUnavailable, "unavailable")
		return
	}
	writeHealth(w, http.StatusOK, "ready")
}

func writeHealth(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(text + "\n"))
}
