package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"regrant/app/oauth"
)

// metadata serves RFC 8414 and OpenID Connect Discovery, which are one document here.
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	writePublicJSON(w, r, s.oauth.Metadata(), 5*time.Minute)
}

// jwks serves the public keys, RFC 7517 §5.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	writePublicJSON(w, r, s.oauth.JWKS(), oauth.JWKSMaxAge)
}

// writePublicJSON writes what everybody may read and cache.
func writePublicJSON(w http.ResponseWriter, r *http.Request, body any, age time.Duration) {
	b, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		panic("web.writePublicJSON: " + err.Error()) // unreachable: our own structs
	}
	sum := sha256.Sum256(b)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(age/time.Second)))
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
}
