package web

import "net/http"

// The content security policies, WEB-10 and WEB-11. Nothing is inline and nothing comes from elsewhere. On pages whose
// form's answer leads to the client there is no form-action: browsers apply it to the whole chain of redirects, so any
// list would break sign-ins.
const (
	cspNothing = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
	cspPage    = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
	cspForm = cspPage + "; form-action 'self'"
)

// inAuthorization lets what opened a sign-in as a popup keep its hold of it: browsers look at each response on the way, the
// redirections too (WEB-13).
func inAuthorization(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Opener-Policy", "unsafe-none")
		next(w, r)
	}
}

// protect sets on every response what a browser must know of it; pages relax it where they must.
func (s *Server) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", cspNothing)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), "+
			"publickey-credentials-create=(self), publickey-credentials-get=(self)")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=63072000")
		}
		next.ServeHTTP(w, r)
	})
}
