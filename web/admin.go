package web

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/backup"
	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/app/settings"
	"regrant/web/view"
)

// Store is what the pages need of a database, besides what the engine and the people ask of theirs.
type Store interface {
	oauth.Store
	account.LinkStore
	account.PasskeyStore
	account.Directory
	account.GroupStore
	audit.Reader
	settings.Store
	backup.Store
	delivery.Desk
	oauth.APIKeeper
	oauth.PolicyEvidence
	oauth.ClientUsage
	oauth.TimelineStore // with oauth.RefusalLog
	oauth.GrantChanger
	oauth.BulkRevoker // with oauth.GrantLister
	oauth.AppStore
	oauth.KeyKeeper
}

// admin is an admin at a page, or an auditor at one that auditors may read.
type admin struct {
	account.Person
	Session account.Session
	Fresh   bool // has proven who they are within [account.FreshFor] (WEB-40)
}

type adminHandler func(w http.ResponseWriter, r *http.Request, a *admin)

// adminArea registers what only admins may do, and only admins and auditors may see. Every path below /admin goes through it, those that nobody has
// registered too, so a page that is forgotten here is not there (WEB-43).
type adminArea struct {
	s     *Server
	route func(pattern string, h http.HandlerFunc)
}

func newAdminArea(s *Server, route func(string, http.HandlerFunc)) *adminArea {
	area := &adminArea{s: s, route: route}
	area.page("/admin/", func(w http.ResponseWriter, r *http.Request, _ *admin) { s.notFound(w, r) })
	return area
}

// page is a page that shows something, to auditors too.
func (area *adminArea) page(path string, show adminHandler) { area.readable(path, show, nil) }

// act is a form's address that has no page of its own.
func (area *adminArea) act(path string, act adminHandler) { area.methods(path, nil, act) }

// readable is a form that says how things are, too: auditors may look at it.
func (area *adminArea) readable(path string, show, act adminHandler) {
	area.methodsOf(path, show, act, area.s.readers, area.s.ownForm)
}

// danger is a form whose act cannot be taken back or gives somebody power: it is shown and done only shortly after the admin has
// proven who they are.
func (area *adminArea) danger(path string, show, act adminHandler) {
	area.methods(path, area.s.freshOnly(show), area.s.freshOnly(act))
}

func (area *adminArea) methods(path string, show, act adminHandler) {
	area.methodsOf(path, show, act, area.s.adminOnly, area.s.ownForm)
}

// methodsOf is methods for other readers, and with another way to read the form. Only admins act, whoever reads.
func (area *adminArea) methodsOf(path string, show, act adminHandler, readers func(adminHandler) http.HandlerFunc, own func(http.HandlerFunc) http.HandlerFunc) {
	var get, post http.HandlerFunc
	if show != nil {
		get = readers(show)
	}
	if act != nil {
		post = own(area.s.adminOnly(act))
	}
	area.s.methods(area.route, path, get, post)
}

// methods registers one pattern for all methods: patterns with a method would be more special than "/admin/{id}" in one way and
// less in another, which ServeMux refuses. get or post may be nil.
func (s *Server) methods(route func(string, http.HandlerFunc), path string, get, post http.HandlerFunc) {
	allow := "GET, POST"
	switch {
	case get == nil:
		allow = "POST"
	case post == nil:
		allow = "GET"
	}
	other := s.methodNotAllowed(allow, s.pageMethodNotAllowed)
	route(path, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case get != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			get(w, r)
		case post != nil && r.Method == http.MethodPost:
			post(w, r)
		default:
			other.ServeHTTP(w, r)
		}
	})
}

// adminOnly lets admins in, and nobody else.
func (s *Server) adminOnly(h adminHandler) http.HandlerFunc {
	return s.only(func(r account.Role) bool { return r == account.RoleAdmin }, h)
}

// readers lets in who may read the pages of admins.
func (s *Server) readers(h adminHandler) http.HandlerFunc { return s.only(account.Role.Reads, h) }

// only lets some roles in. The role is read anew each time, so a role that was taken away ends here at once.
func (s *Server) only(may func(account.Role) bool, h adminHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, person, ok := s.person(w, r)
		switch {
		case !ok:
		case session == nil || person == nil || !person.Active():
			s.redirect(w, s.base+"/login?return="+url.QueryEscape(comeBack(r)))
		case !may(person.Role):
			problem := view.ProblemForbidden
			if person.Role.Reads() {
				problem = view.ProblemReadOnly
			}
			s.writePage(w, r, pageError{status: http.StatusForbidden, problem: problem})
		default:
			fresh, ok := s.freshness(w, r, session)
			if !ok {
				return
			}
			h(w, r, &admin{Person: *person, Session: *session, Fresh: fresh})
		}
	}
}

// freshOnly sends whoever has not proven who they are lately to do so, and back to the page of the act afterwards.
func (s *Server) freshOnly(h adminHandler) adminHandler {
	if h == nil {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request, a *admin) {
		if !a.Fresh {
			s.redirect(w, s.confirmAddress(comeBack(r)))
			return
		}
		h(w, r, a)
	}
}

// comeBack is where somebody wanted to go, without the issuer's path.
func comeBack(r *http.Request) string {
	if r.URL.RawQuery != "" {
		return r.URL.EscapedPath() + "?" + r.URL.RawQuery
	}
	return r.URL.EscapedPath()
}

// localReturn gives where to go after a sign-in or a proof, or "" for an address that is not a page of ours for people who are
// signed in. It can lead nowhere else: the path is clean and begins with a segment of ours.
func localReturn(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" || len(to) > 2000 {
		return ""
	}
	if u.Path != path.Clean(u.Path) || !ownArea.MatchString(u.Path) {
		return ""
	}
	local := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	return local.String()
}

var ownArea = regexp.MustCompile(`^/(admin|account)(/[^\\[:cntrl:]]*)?$`)

// byAdmin says who acts and from where, for audit events.
func (s *Server) byAdmin(r *http.Request, a *admin) audit.Origin {
	o := originOf(r)
	o.Actor, o.ActorID = audit.ByAdmin, a.ID
	return o
}

// adminFrame is what every page of admins shows besides its own matter. The last crumb is the page itself.
func (s *Server) adminFrame(w http.ResponseWriter, r *http.Request, a *admin, section string, crumbs ...view.Crumb) view.AdminFrame {
	return view.AdminFrame{
		Frame: s.frame(r), Section: section, Crumbs: crumbs, Admin: a.Email, ReadOnly: a.Role != account.RoleAdmin, FormToken: s.formToken(w, r), Done: s.takeNotice(w, r),
	}
}

// noticeTime is how long a notice waits for the page that shows it.
const noticeTime = time.Minute

var noticeKey = regexp.MustCompile(`^done\.[a-z_.]{1,60}$`)

// done leads to a page that shows what has been done. key is the notice's text in the catalogue.
func (s *Server) done(w http.ResponseWriter, _ *http.Request, to, key string) {
	if !noticeKey.MatchString(key) {
		panic("web.done: not the key of a notice: " + key)
	}
	s.sessions.cookies.write(w, s.sessions.cookies.notice, key, noticeTime)
	s.redirect(w, s.base+to)
}

// takeNotice gives the notice that an act has left for this page, once.
func (s *Server) takeNotice(w http.ResponseWriter, r *http.Request) string {
	c := s.sessions.cookies
	key := c.read(r, c.notice)
	if key == "" {
		return ""
	}
	c.write(w, c.notice, "", -1)
	text := s.frame(r).Text.T(key)
	if !noticeKey.MatchString(key) || text == key {
		return ""
	}
	return text
}

// isNotFound says whether what an admin asks for is not there, whichever part of the rules says so.
func isNotFound(err error) bool {
	return errors.Is(err, oauth.ErrNotFound) || errors.Is(err, account.ErrNotFound) || errors.Is(err, account.ErrNoGroup)
}
