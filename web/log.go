package web

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/view"
)

// recorder remembers the status that a handler wrote.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// access logs each request, without its query, which may hold codes, and survives a panic of a handler.
func (s *Server) access(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		s.counters.flying.Add(1)
		defer s.counters.flying.Add(-1)
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.log.Error("panic", "request_id", requestOf(r).id, "path", outside(r.URL.Path, 200),
					"err", outside(fmt.Sprint(p), 500), "stack", string(debug.Stack()))
				s.broken(rec, r)
			}
			s.counters.answered(requestOf(r).route, cmp.Or(rec.status, http.StatusOK), time.Since(started))
			level := slog.LevelDebug
			if rec.status >= http.StatusInternalServerError {
				level = slog.LevelWarn
			}
			if s.log.Enabled(r.Context(), level) {
				s.log.Log(r.Context(), level, "request", "request_id", requestOf(r).id, "method", outside(r.Method, 20),
					"path", outside(r.URL.Path, 200), "status", rec.status, "duration", time.Since(started).String(), "ip", originOf(r).IP)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// broken answers a request whose handler panicked, in the language of who asked: JSON for programs (RFC 6749 §5.2), a page
// for people. When an answer has begun, it is cut off.
func (s *Server) broken(w *recorder, r *http.Request) {
	switch {
	case w.status != 0:
	case s.forPrograms(r.URL.Path):
		s.counters.refused(oauth.ServerError)
		writeJSON(w, http.StatusInternalServerError, oauthError{oauth.ServerError, "The server could not answer. This is a fault of its own."})
	default:
		s.writePage(w, r, pageError{status: http.StatusInternalServerError, problem: view.ProblemInternal})
	}
}

// secretText finds what may open something: this server's own secrets by their prefixes, and JWTs.
var secretText = regexp.MustCompile(`rg[racsldim]1_[0-9A-Za-z]+|eyJ[0-9A-Za-z_-]{10,}(\.[0-9A-Za-z_-]*)*`)

// outside makes text that a caller sent fit for the log and for events: without control characters, and without the secrets
// that programs put where none belong (WEB-46, WEB-47).
func outside(s string, max int) string {
	if strings.Contains(s, "1_") || strings.Contains(s, "eyJ") {
		s = secretText.ReplaceAllStringFunc(s, func(secret string) string { return secret[:min(5, len(secret))] + "…" })
	}
	return audit.Clean(s, max)
}
