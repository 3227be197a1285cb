package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"regrant/app/oauth"
)

const (
	originsKept  = 500 * time.Millisecond
	originsLimit = 5 * time.Second
)

// publicOrigins remembers for a moment from which origins browsers may call the endpoints for programs.
func publicOrigins(engine *oauth.Server) *recent[[]string] {
	return &recent[[]string]{keep: originsKept, limit: originsLimit, ask: engine.PublicOrigins}
}

// allowedOrigin says whether a browser page from origin may read the answers of the endpoints for programs: the origins of
// the redirect URIs of public clients, and those that the operator names. null never is.
func (s *Server) allowedOrigin(ctx context.Context, origin string) (bool, error) {
	if origin == "" || origin == "null" {
		return false, nil
	}
	if slices.Contains(s.cfg.Origins, origin) {
		return true, nil
	}
	origins, err := s.origins.get(ctx)
	return err == nil && oauth.OriginAllowed(origins, origin), err
}

// shared lets browser-based clients call an endpoint (Fetch standard, CORS protocol). Cookies never travel along.
func (s *Server) shared(methods string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" && r.Method == http.MethodOptions {
			preflight(w, r, false, methods)
			return
		}
		if origin == "" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Origin")
		allowed, err := s.allowedOrigin(r.Context(), origin)
		if err != nil {
			s.writeOAuthError(w, r, err)
			return
		}
		if allowed {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, X-Request-Id, DPoP-Nonce")
		}
		if r.Method == http.MethodOptions {
			preflight(w, r, allowed, methods)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// public answers preflights of documents that everybody may read.
func public(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			preflight(w, r, true, "GET")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func preflight(w http.ResponseWriter, r *http.Request, allowed bool, methods string) {
	if allowed {
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, DPoP, MCP-Protocol-Version")
		h.Set("Access-Control-Max-Age", "600")
		h.Add("Vary", "Access-Control-Request-Method")
	}
	w.Header().Set("Allow", strings.Join([]string{methods, "OPTIONS"}, ", "))
	w.WriteHeader(http.StatusNoContent)
}
