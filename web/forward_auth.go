package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"regrant/app/oauth"
)

// Forward auth: a reverse proxy holds a request of an application and asks here whose it is. Everything that is answered below may be
// shown, and set as a cookie, on the application's own site.

// forwardSignOut is the path of the application that ends a sign-in to it; [oauth.ForwardCallback] is the one that begins it.
const forwardSignOut = "/.regrant/sign-out"

// forwardApps remembers for a moment which applications proxies may ask about.
func forwardApps(engine *oauth.Server) *recent[map[string]*oauth.ForwardApp] {
	return &recent[map[string]*oauth.ForwardApp]{keep: originsKept, limit: originsLimit, ask: engine.ForwardApps}
}

// forwarded is what the proxy says of the request that it holds.
type forwarded struct {
	app         *oauth.ForwardApp
	cookies     forwardCookies
	path, query string
	navigation  bool // a browser goes to a page, and can be sent to a sign-in
	answer      string
}

// What the query parameter redirect asks for. nginx passes on no answer of its auth_request but the status, so it asks twice.
const (
	forwardByStatus   = "no"     // 401 where somebody has to sign in
	forwardByRedirect = "always" // nobody is let in: who is signed in is led back to where they were
)

// forwardAuth answers a proxy: 200 and who it is, or what the proxy is to show instead. pages is the budget of what people do here;
// the questions of a proxy have none, since a page may be a hundred of them.
func (s *Server) forwardAuth(pages func(http.Handler) http.Handler) http.HandlerFunc {
	callback, signOut := pages(s.forwardedTo(s.forwardCallback)), pages(s.forwardedTo(s.forwardSignOut))
	check := s.forwardedTo(s.forwardCheck)
	return inAuthorization(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Del("Strict-Transport-Security") // is for the application to decide about its site
		switch path, _ := forwardedPath(r.Header.Get("X-Forwarded-Uri")); path {
		case oauth.ForwardCallback:
			callback.ServeHTTP(w, r)
		case forwardSignOut:
			signOut.ServeHTTP(w, r)
		default:
			check.ServeHTTP(w, r)
		}
	})
}

// forwardedTo reads what the proxy says before h answers.
func (s *Server) forwardedTo(h func(http.ResponseWriter, *http.Request, *forwarded)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method"} {
			if values := r.Header.Values(name); len(values) != 1 || values[0] == "" || strings.Contains(values[0], ",") && name != "X-Forwarded-Uri" {
				s.forwardProblem(w, r, http.StatusBadRequest, "forward.headers", "Header", name)
				return
			}
		}
		origin, ok := oauth.WebOrigin(r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host"))
		if !ok {
			s.forwardProblem(w, r, http.StatusBadRequest, "forward.headers", "Header", "X-Forwarded-Host")
			return
		}
		apps, err := s.forward.get(r.Context())
		if err != nil {
			s.forwardFault(w, r, err)
			return
		}
		app := apps[origin]
		switch {
		case app == nil:
			s.log.Info("forward auth: no application has this origin", "request_id", requestOf(r).id, "origin", outside(origin, 200))
			s.forwardProblem(w, r, http.StatusForbidden, "forward.unknown", "Origin", outside(origin, 200), "URI", outside(origin, 200)+oauth.ForwardCallback)
			return
		case app.Wrong != "":
			s.log.Warn("forward auth: the client is not set up for it", "request_id", requestOf(r).id, "client_id", app.ClientID, "why", app.Wrong)
			s.forwardProblem(w, r, http.StatusForbidden, "forward.wrong", "Origin", app.Origin, "Why", app.Wrong)
			return
		}
		f := &forwarded{app: app, cookies: newForwardCookies(app), navigation: isNavigation(r), answer: r.URL.Query().Get("redirect")}
		f.path, f.query = forwardedPath(r.Header.Get("X-Forwarded-Uri"))
		h(w, r, f)
	})
}

// isNavigation says whether the request that a proxy holds is that of a browser on its way to a page.
func isNavigation(r *http.Request) bool {
	if method := r.Header.Get("X-Forwarded-Method"); method != http.MethodGet && method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return prefers(r, "text/html", "application/json")
}

// forwardCheck answers the question of the proxy. A cookie that is good comes before a token, which may be the application's own affair.
func (s *Server) forwardCheck(w http.ResponseWriter, r *http.Request, f *forwarded) {
	var err error = &oauth.Error{Code: oauth.InvalidToken, Description: "Nobody is signed in."}
	if cookie := f.cookies.read(r, f.cookies.session); cookie != "" {
		var who *oauth.Forwarded
		if who, err = s.oauth.ForwardSession(r.Context(), f.app, cookie, originOf(r)); err == nil {
			s.forwardTell(w, r, f, who)
			return
		}
		if isFault(oauth.AsError(err)) {
			s.forwardFault(w, r, err)
			return
		}
	}
	presented, bad := accessToken(w, r)
	if errors.Is(bad, errNoToken) {
		if f.navigation && f.answer != forwardByStatus {
			s.forwardSignIn(w, r, f)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="regrant"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if bad == nil {
		var who *oauth.Forwarded
		if who, bad = s.oauth.ForwardBearer(r.Context(), f.app, presented, originOf(r)); bad == nil {
			s.forwardTell(w, r, f, who)
			return
		}
	}
	e := oauth.AsError(bad)
	if isFault(e) {
		s.forwardFault(w, r, bad)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="regrant", error="invalid_token", error_description="`+e.Description+`"`)
	s.writeOAuthErrorStatus(w, r, http.StatusUnauthorized, e)
}

// forwardTell lets a request in and says whose it is. What is not known is told as empty, so that a proxy that replaces only what it is
// told replaces these too.
func (s *Server) forwardTell(w http.ResponseWriter, r *http.Request, f *forwarded, who *oauth.Forwarded) {
	if f.answer == forwardByRedirect {
		if method := r.Header.Get("X-Forwarded-Method"); method != http.MethodGet && method != http.MethodHead {
			s.forwardProblem(w, r, http.StatusConflict, "forward.meanwhile", "Origin", f.app.Origin) // a form cannot be led back
			return
		}
		forwardRedirect(w, f.app.Origin+f.back())
		return
	}
	groups := make([]string, 0, len(who.Groups))
	size := 0
	for _, group := range who.Groups {
		// The list is read by its commas: a group whose name has one would read as two others.
		if group = headerText(group); group != "" && !strings.Contains(group, ",") {
			groups, size = append(groups, group), size+len(group)+1
		}
	}
	if size > maxForwardedGroups {
		groups = nil
	}
	h := w.Header()
	h.Set("Remote-User", headerText(who.Subject))
	h.Set("Remote-Email", headerText(who.Email))
	h.Set("Remote-Name", headerText(who.Name))
	h.Set("Remote-Groups", strings.Join(groups, ","))
	w.WriteHeader(http.StatusOK)
}

// maxForwardedGroups bounds Remote-Groups, bytes: proxies and applications refuse headers of more than 8 KiB. Of somebody who is in more,
// nothing is told rather than a part.
const maxForwardedGroups = 4 << 10

// headerText gives a text as it may stand in a header field, in UTF-8, without what no one can see.
func headerText(text string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == unicode.ReplacementChar || !unicode.IsGraphic(c) {
			return -1
		}
		return c
	}, text))
}

// maxForwardedPath bounds the address to which somebody returns after the sign-in, bytes: it waits in a cookie.
const maxForwardedPath = 2000

// forwardedPath takes what a proxy says apart. What is no path and query of a site, or too long to be kept, is its root.
func forwardedPath(uri string) (path, query string) {
	plain := func(s string) bool {
		return strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' || c == '#' }) < 0
	}
	path, query, _ = strings.Cut(uri, "?")
	if !strings.HasPrefix(path, "/") || !plain(path) || len(path) > maxForwardedPath {
		path = "/"
	}
	if !plain(query) {
		query = ""
	}
	return path, query
}

// back is where a request was on its way to, on its own site. It stands behind the origin that is registered, so it leads nowhere else.
func (f *forwarded) back() string {
	switch whole := f.path + "?" + f.query; {
	case strings.HasPrefix(f.path, "/.regrant/"):
		return "/"
	case f.query == "" || len(whole) > maxForwardedPath:
		return f.path
	default:
		return whole
	}
}

// forwardRedirect sends the browser on. It is a 302, which proxies and what is built around them know best.
func forwardRedirect(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusFound)
}

// forwardFault answers trouble of the server: it is no verdict on anybody's sign-in.
func (s *Server) forwardFault(w http.ResponseWriter, r *http.Request, err error) {
	e := oauth.AsError(err)
	s.logError(r, http.StatusServiceUnavailable, e)
	w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
	s.forwardProblem(w, r, http.StatusServiceUnavailable, "forward.unavailable")
}

// forwardProblem says what is wrong in plain text: pages of ours would need their looks from our site.
func (s *Server) forwardProblem(w http.ResponseWriter, r *http.Request, status int, key string, values ...any) {
	text := s.frame(r).Text
	said := text.T(key, values...) + "\n\n" + text.T("error.request_id") + ": " + requestOf(r).id + "\n"
	writeBody(w, status, "text/plain; charset=utf-8", []byte(said))
}

// forwardTo sends a browser to an address of ours.
func (s *Server) forwardTo(w http.ResponseWriter, path string, query url.Values) {
	forwardRedirect(w, s.cfg.Issuer+path+"?"+query.Encode())
}
