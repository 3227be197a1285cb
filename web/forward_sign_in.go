package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"regrant/app/oauth"
)

// forwardCookies are those that a proxy sets for us on an application's site. With https they have the __Host- prefix; with http on
// loopback the port is in their names, since ports share cookies.
type forwardCookies struct {
	cookies
	session string
	state   string // begins the name of one for each sign-in that was begun, so that tabs don't end each other's
}

const (
	forwardStateLifetime = time.Hour // as long as an authorization request waits for the person
	maxForwardStates     = 8         // of one browser
	maxForwardStateBytes = 4 << 10   // of all of them: applications refuse headers of 8 KiB and more
)

func newForwardCookies(app *oauth.ForwardApp) forwardCookies {
	c := forwardCookies{session: "__Host-regrant-forward", cookies: cookies{secure: true}}
	if u, err := url.Parse(app.Origin); err == nil && u.Scheme == "http" {
		port := u.Port()
		if port == "" {
			port = "80"
		}
		c = forwardCookies{session: "regrant-forward-" + port}
	}
	c.state = c.session + "-state-"
	return c
}

// forwardSignIn sends a browser to the sign-in, RFC 6749 §4.1.1. What the answer has to fit waits in a cookie.
func (s *Server) forwardSignIn(w http.ResponseWriter, r *http.Request, f *forwarded) {
	state, verifier := randomText(16), randomText(32)
	challenge := sha256.Sum256([]byte(verifier))
	f.cookies.forgetStates(w, r)
	f.cookies.write(w, f.cookies.state+state, verifier+"."+base64.RawURLEncoding.EncodeToString([]byte(f.back())), forwardStateLifetime)
	s.forwardTo(w, oauth.PathAuthorize, url.Values{
		"response_type": {"code"}, "client_id": {f.app.ClientID}, "redirect_uri": {f.app.RedirectURI}, "scope": {f.app.Scope.String()}, "state": {state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	})
}

// forgetStates takes away sign-ins that were begun and not finished, once there are many: a browser's headers have their bound.
func (c forwardCookies) forgetStates(w http.ResponseWriter, r *http.Request) {
	var begun []string
	size := 0
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, c.state) {
			begun, size = append(begun, cookie.Name), size+len(cookie.Name)+len(cookie.Value)
		}
	}
	if len(begun) < maxForwardStates && size < maxForwardStateBytes {
		return
	}
	for _, name := range begun {
		c.write(w, name, "", -1)
	}
}

func randomText(size int) string {
	b := make([]byte, size)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// begun gives what waits for the answer with this state. Whose browser did not begin it has none: nobody can be signed in as somebody else.
func (c forwardCookies) begun(r *http.Request, state string) (verifier, back string, ok bool) {
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(state); err != nil || len(raw) != 16 {
		return "", "", false
	}
	verifier, path, ok := strings.Cut(c.read(r, c.state+state), ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(path)
	if !ok || err != nil {
		return "", "", false
	}
	kept := &forwarded{}
	kept.path, kept.query = forwardedPath(string(raw))
	return verifier, kept.back(), true
}

// forwardCallback takes the answer to a sign-in, RFC 6749 §4.1.2: it has to come to the browser that began it, and from here (RFC 9207 §2.4).
// A fault leaves everything as it was, so that the same request may come again.
func (s *Server) forwardCallback(w http.ResponseWriter, r *http.Request, f *forwarded) {
	query, err := parseForm(f.query)
	for _, name := range []string{"code", "state", "iss", "error"} {
		if err != nil || len(query[name]) > 1 {
			s.forwardProblem(w, r, http.StatusBadRequest, "forward.failed", "Origin", f.app.Origin, "Code", oauth.InvalidRequest)
			return
		}
	}
	state := query.Get("state")
	verifier, back, ok := f.cookies.begun(r, state)
	if !ok {
		s.forwardStray(w, r, f)
		return
	}
	if query.Get("iss") != s.oauth.Issuer() {
		s.forwardProblem(w, r, http.StatusBadRequest, "forward.failed", "Origin", f.app.Origin, "Code", oauth.InvalidRequest)
		return
	}
	if code := query.Get("error"); code != "" {
		f.cookies.write(w, f.cookies.state+state, "", -1)
		s.forwardProblem(w, r, http.StatusForbidden, "forward.failed", "Origin", f.app.Origin, "Code", outside(headerText(code), 100))
		return
	}
	cookie, err := s.oauth.ForwardRedeem(r.Context(), f.app, query.Get("code"), verifier, originOf(r))
	if e := oauth.AsError(err); err != nil && isFault(e) {
		s.forwardFault(w, r, err)
		return
	} else if err != nil {
		s.logError(r, http.StatusBadRequest, e)
		f.cookies.write(w, f.cookies.state+state, "", -1)
		s.forwardProblem(w, r, http.StatusBadRequest, "forward.failed", "Origin", f.app.Origin, "Code", e.Code)
		return
	}
	if before := f.cookies.read(r, f.cookies.session); before != "" { // nobody will come with it again
		if err := s.oauth.ForwardEnd(r.Context(), f.app, before, originOf(r)); err != nil {
			s.logError(r, http.StatusFound, oauth.AsError(err))
		}
	}
	f.cookies.write(w, f.cookies.state+state, "", -1)
	f.cookies.write(w, f.cookies.session, cookie, min(f.app.Lifetime, browserCookieLifetime))
	forwardRedirect(w, f.app.Origin+back)
}

// forwardStray answers a callback that this browser does not wait for: an old one, as from its history, or somebody else's.
func (s *Server) forwardStray(w http.ResponseWriter, r *http.Request, f *forwarded) {
	cookie := f.cookies.read(r, f.cookies.session)
	if cookie != "" {
		_, err := s.oauth.ForwardSession(r.Context(), f.app, cookie, originOf(r))
		if err != nil && isFault(oauth.AsError(err)) {
			s.forwardFault(w, r, err)
			return
		}
		if err == nil {
			forwardRedirect(w, f.app.Origin+"/")
			return
		}
	}
	s.forwardProblem(w, r, http.StatusBadRequest, "forward.state", "Origin", f.app.Origin)
}

// forwardSignOut ends a sign-in to the application and leads to the sign-out here, which asks. Only a person who goes there from the
// application ends it: a link on another site leads to the question and no further, and a picture in a page is no way to go there.
func (s *Server) forwardSignOut(w http.ResponseWriter, r *http.Request, f *forwarded) {
	cookie := f.cookies.read(r, f.cookies.session)
	own := slices.Contains([]string{"", "same-origin", "none"}, r.Header.Get("Sec-Fetch-Site"))
	if cookie != "" && own && f.navigation {
		if err := s.oauth.ForwardEnd(r.Context(), f.app, cookie, originOf(r)); err != nil && isFault(oauth.AsError(err)) {
			s.forwardFault(w, r, err)
			return
		}
		f.cookies.write(w, f.cookies.session, "", -1)
	}
	s.forwardTo(w, oauth.PathEndSession, url.Values{"client_id": {f.app.ClientID}})
}
