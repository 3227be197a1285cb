package web

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"
)

// browserCookieLifetime is as long as browsers keep a cookie at most.
const browserCookieLifetime = 400 * 24 * time.Hour

// cookies are those that this server sets: the session, a random value that is the browser's own, and for a moment which notice
// the next page is to show. With https they have the __Host- prefix; with http on loopback the port is in their names, since ports share cookies.
type cookies struct {
	session, browser, notice string
	secure                   bool
}

func newCookies(issuer *url.URL) cookies {
	if issuer.Scheme == "https" {
		return cookies{
			session: "__Host-regrant_session", browser: "__Host-regrant_browser", notice: "__Host-regrant_notice", secure: true,
		}
	}
	port := issuer.Port()
	if port == "" {
		port = "80"
	}
	prefix := "regrant_" + port
	return cookies{session: prefix + "_session", browser: prefix + "_browser", notice: prefix + "_notice"}
}

// read gives a cookie that came exactly once, else "".
func (c cookies) read(r *http.Request, name string) string {
	if found := r.CookiesNamed(name); len(found) == 1 {
		return found[0].Value
	}
	return ""
}

// write sets a cookie; one without a lifetime ends with the browser, and a negative lifetime takes it away.
func (c cookies) write(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode, MaxAge: int(lifetime / time.Second),
	}
	if lifetime < 0 {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// browser gives the random value that is this browser's own and sets it at the first visit. Authorization requests and forms
// are bound to it.
func (s *Server) browser(w http.ResponseWriter, r *http.Request) string {
	q := requestOf(r)
	if q.browser != "" {
		return q.browser
	}
	c := s.sessions.cookies
	value := c.read(r, c.browser)
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(value); err != nil || len(raw) != 32 {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		value = base64.RawURLEncoding.EncodeToString(fresh)
		c.write(w, c.browser, value, browserCookieLifetime)
	}
	q.browser = value
	return value
}
