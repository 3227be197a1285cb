package web

import (
	"context"
	"net/http"
	"time"
)

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) { writeHealth(w, http.StatusOK, "ok") }

// readyz says that the store can be read and written. Why not is for the log, not for the public.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.ready(ctx); err != nil {
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
