package assets

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// Prefix is the path below which [Handler] serves, relative to the issuer's path.
const Prefix = "/assets/"

// Handler serves the assets below [Prefix] for GET and HEAD, with conditional requests and ranges (RFC 9110 §13, §14).
// A name carries the hash of its content, so an answer never changes and may be kept for ever (RFC 8246). Anything else
// is 404.
func Handler() http.Handler {
	files := all().byServed
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		a, ok := files[strings.TrimPrefix(r.URL.Path, Prefix)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		a.serve(w, r)
	})
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", a.etag)
	h.Set("X-Content-Type-Options", "nosniff")
	body := a.body
	if a.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			// Other bytes need another validator (RFC 9110 §8.8.3.3).
			h.Set("ETag", strings.TrimSuffix(a.etag, `"`)+`-gzip"`)
			h.Set("Content-Encoding", "gzip")
			body = a.gzipped()
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reads Accept-Encoding as RFC 9110 §12.5.3 means it, but for "*": whoever wants gzip names it.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		_, q, given := strings.Cut(strings.ReplaceAll(weight, " ", ""), "q=")
		return !given || strings.Trim(q, "0.") != ""
	}
	return false
}
