package web

import (
	"net/http"
	"path"
	"strings"

	"regrant/app/oauth"
	"regrant/assets"
)

// routes is the whole table of what this server answers. Paths are below the issuer's path, but for the forms of the
// metadata that RFC 8414 §3.1 puts at the root of the host.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()

	calls := budget(s.cfg.TokenBudget, s.tooManyCalls)
	pages := budget(s.cfg.PageBudget, s.tooManyPages)

	// Programs, any of them. Client authentication is part of the request; no cookie is looked at.
	programWhile := func(offered func(http.Handler) http.Handler, path, methods string, h http.HandlerFunc) {
		handler := offered(s.shared(methods, calls(deadline(h))))
		for _, method := range strings.Split(methods, ", ") {
			mux.Handle(method+" "+path, handler)
		}
		mux.Handle("OPTIONS "+path, handler)
		mux.Handle(path, offered(s.shared(methods, s.methodNotAllowed(methods, s.jsonMethodNotAllowed))))
	}
	program := func(path, methods string, h http.HandlerFunc) {
		programWhile(func(next http.Handler) http.Handler { return next }, path, methods, h)
	}
	program(oauth.PathToken, "POST", s.token)
	program(oauth.PathPAR, "POST", s.par)
	program(oauth.PathRevoke, "POST", s.revoke)
	program(oauth.PathIntrospect, "POST", s.introspect)
	program(oauth.PathDeviceAuthorization, "POST", s.deviceAuthorization)
	program(oauth.PathUserInfo, "GET, POST", s.userinfo)
	programWhile(s.whileRegistering, oauth.PathRegister, "POST", s.register)
	programWhile(s.whileRegistering, oauth.PathRegister+"/{id}", "GET, PUT, DELETE", s.configuration)

	// Programs and browsers, public documents.
	s.document(mux, oauth.PathOAuthMetadata, s.metadata)
	s.document(mux, oauth.PathOIDCMetadata, s.metadata)
	s.document(mux, oauth.PathJWKS, s.jwks)
	s.document(mux, "/healthz", s.healthz)
	s.document(mux, "/readyz", s.readyz)
	mux.Handle("GET /assets/", assets.Handler())
	mux.Handle("GET /brand/{file}", deadline(http.HandlerFunc(s.brandFile)))

	// The browser's way into an authorization, and out of a session. The POST comes from other sites by design (OpenID Connect Core
	// §3.1.2.1, OpenID Connect RP-Initiated Logout §2).
	page := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, pages(deadline(h)))
	}
	page("GET "+oauth.PathAuthorize, inAuthorization(s.authorize))
	page("POST "+oauth.PathAuthorize, inAuthorization(s.authorizeByPost))
	mux.Handle(oauth.PathAuthorize, s.methodNotAllowed("GET, POST", s.pageMethodNotAllowed))
	page("GET "+oauth.PathEndSession, inAuthorization(s.logoutForClient))
	page("POST "+oauth.PathEndSession, inAuthorization(s.logoutForClientByPost))
	mux.Handle(oauth.PathEndSession, s.methodNotAllowed("GET, POST", s.pageMethodNotAllowed))

	// Reverse proxies, for each request of an application that they protect: without a budget, see forwardAuth.
	mux.Handle("GET "+oauth.PathForwardAuth, deadline(s.forwardAuth(pages)))
	mux.Handle(oauth.PathForwardAuth, s.methodNotAllowed("GET", s.pageMethodNotAllowed))

	// Pages for people. GET shows and changes nothing; POST comes from our own forms only, with a token of this browser.
	form := func(path string, show, act http.HandlerFunc) {
		methods := ""
		if show != nil {
			page("GET "+path, show)
			methods = "GET, "
		}
		page("POST "+path, s.ownForm(act))
		mux.Handle(path, s.methodNotAllowed(methods+"POST", s.pageMethodNotAllowed))
	}
	form("/login", inAuthorization(s.showLogin), inAuthorization(s.login))
	form("/login/passkey", inAuthorization(s.showLogin), inAuthorization(s.loginByPasskey))
	form("/login/continue", nil, inAuthorization(s.continueLogin))
	form("/login/password", nil, inAuthorization(s.renewPassword))
	form("/login/second", inAuthorization(s.showSecond), inAuthorization(s.second))
	form("/login/step-up", nil, inAuthorization(s.stepUp))
	form("/login/enrol", inAuthorization(s.showEnrol), inAuthorization(s.enrol))
	form("/confirm", s.showConfirm, s.confirm)
	form("/consent", inAuthorization(s.showConsent), inAuthorization(s.consent))
	form(oauth.PathDevice, s.showDevice, s.enterDevice)
	page("GET "+oauth.PathDevice+"/allowed", s.showDeviceAllowed)
	page("GET "+oauth.PathDevice+"/denied", s.showDeviceDenied)
	form("/logout", s.showLogout, inAuthorization(s.logout))
	form("/setup", s.showSetup, s.setUp)
	form("/setup/{token}", s.showSetup, s.setUp)
	form("/invite/{token}", s.showInvite, s.acceptInvite)
	form("/reset/{token}", s.showReset, s.reset)
	page("GET /reset", s.showPasswordSet)

	// Pages that ask for a mail, and that its links lead to. Without a mail server there are none.
	form("/forgot", s.showForgot, s.forgot)
	page("GET /forgot/sent", s.showForgotSent)
	form("/signup", s.showSignUp, s.signUp)
	page("GET /signup/sent", s.showSignUpSent)
	form("/signup/{token}", inAuthorization(s.showFinishSignUp), inAuthorization(s.finishSignUp))

	// Pages for admins, each below /admin and nobody else's.
	area := newAdminArea(s, page)
	s.adminOverview(area)
	s.adminRehearsal(area)
	s.adminPeople(area)
	s.adminGroups(area)
	s.adminRefusals(area)
	s.adminAudit(area)
	s.adminSettings(area)
	s.adminKeys(area)
	s.adminAPIs(area)
	s.adminGrant(area)
	s.adminClients(area)
	s.adminRegistration(area)
	s.adminGrants(area)

	// Pages of somebody's own account, each below /account and about nobody else.
	own := newAccountArea(s, page)
	s.accountApps(own)
	s.accountSessions(own)
	s.accountSecurity(own)
	s.accountPasskeys(own)
	s.accountEmail(own)
	s.accountActivity(own)
	s.accountProfile(own)
	page("GET /goodbye", s.showGoodbye)

	page("GET /{$}", s.home)
	page("GET /docs", s.docsHome)
	page("GET /docs/{name}", s.docsPage)
	mux.HandleFunc("GET /favicon.ico", s.favicon)
	mux.HandleFunc("/", s.notFound)

	return s.identify(s.protect(s.access(s.mount(routed(mux)))))
}

// document is something that everybody may read.
func (s *Server) document(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.Handle("GET "+path, public(h))
	mux.Handle("OPTIONS "+path, public(h))
	mux.Handle(path, s.methodNotAllowed("GET", s.jsonMethodNotAllowed))
}

// forPrograms says whether who asks for a path reads JSON rather than pages.
func (s *Server) forPrograms(path string) bool {
	switch strings.TrimPrefix(path, s.base) {
	case oauth.PathToken, oauth.PathPAR, oauth.PathRevoke, oauth.PathIntrospect, oauth.PathUserInfo, oauth.PathDeviceAuthorization, oauth.PathJWKS, "/healthz", "/readyz":
		return true
	}
	return strings.Contains(path, "/.well-known/") || strings.HasPrefix(strings.TrimPrefix(path, s.base), oauth.PathRegister)
}

// mount puts the routes below the issuer's path, and the inserted forms of the metadata at the root.
func (s *Server) mount(mux http.Handler) http.Handler {
	if s.base == "" {
		return s.refuse(mux)
	}
	root := http.NewServeMux()
	root.Handle(s.base+"/", http.StripPrefix(s.base, mux))
	root.HandleFunc("GET "+s.base, func(w http.ResponseWriter, _ *http.Request) { s.redirect(w, s.base+"/") })
	s.document(root, oauth.PathOAuthMetadata+s.base, s.metadata)
	s.document(root, oauth.PathOIDCMetadata+s.base, s.metadata)
	s.document(root, "/healthz", s.healthz)
	s.document(root, "/readyz", s.readyz)
	root.HandleFunc("/", s.notFound)
	return s.refuse(routed(root))
}

// routed notes which route a request took, for whoever counts.
func routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if q := requestOf(r); q.route == "" { // the innermost knows best
				q.route = r.Pattern
			}
		}()
		mux.ServeHTTP(w, r)
	})
}

// refuse answers what no route should see: TRACE and CONNECT, and paths that ServeMux would redirect to their clean form
// with 307, which makes clients send their credentials once more (RFC 9700 §4.12).
func (s *Server) refuse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case r.Method == http.MethodTrace || r.Method == http.MethodConnect:
			s.methodNotAllowed("GET, POST", s.pageMethodNotAllowed).ServeHTTP(w, r)
		case p != path.Clean(p) && p != path.Clean(p)+"/" || p == s.base+"/assets":
			s.notFound(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// methodNotAllowed answers every other method, RFC 9110 §15.5.6.
func (s *Server) methodNotAllowed(allow string, write http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		write(w, r)
	})
}
