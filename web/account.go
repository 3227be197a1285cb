package web

import (
	"net/http"
	"net/url"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/web/view"
)

// self is a person at the pages of their own account, an admin too. What these pages read and change is theirs: every id in an
// address is looked for among what belongs to them, and nowhere else.
type self struct {
	account.Person
	Session account.Session
	Fresh   bool // has proven who they are within [account.FreshFor] (WEB-40)
}

type selfHandler func(w http.ResponseWriter, r *http.Request, me *self)

// accountArea registers what people see and do of their own account. Every path below /account goes through it, those that nobody
// has registered too, so a page that is forgotten here is not there (WEB-43).
type accountArea struct {
	s     *Server
	route func(pattern string, h http.HandlerFunc)
}

func newAccountArea(s *Server, route func(string, http.HandlerFunc)) *accountArea {
	own := &accountArea{s: s, route: route}
	own.page("/account/", func(w http.ResponseWriter, r *http.Request, _ *self) { s.notFound(w, r) })
	return own
}

// page is a page that shows something.
func (own *accountArea) page(path string, show selfHandler) { own.form(path, show, nil) }

// form is a page with a form that posts to its own address.
func (own *accountArea) form(path string, show, act selfHandler) {
	var get, post http.HandlerFunc
	if show != nil {
		get = own.s.selfOnly(show)
	}
	if act != nil {
		post = own.s.ownForm(own.s.selfOnly(act))
	}
	own.s.methods(own.route, path, get, post)
}

// fresh is a form that is shown and taken only shortly after the person has proven who they are: who finds an unlocked computer
// does not get that far.
func (own *accountArea) fresh(path string, show, act selfHandler) {
	own.form(path, own.s.freshSelf(show), own.s.freshSelf(act))
}

// selfOnly lets in who is signed in.
func (s *Server) selfOnly(h selfHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, person, ok := s.person(w, r)
		switch {
		case !ok:
		case session == nil || person == nil || !person.Active():
			to := comeBack(r)
			if r.PathValue("token") != "" {
				to = emailLinkAgain // the token of a link must not stand in an address that proxies write down
			}
			s.redirect(w, s.base+"/login?return="+url.QueryEscape(to))
		default:
			fresh, ok := s.freshness(w, r, session)
			if !ok {
				return
			}
			h(w, r, &self{Person: *person, Session: *session, Fresh: fresh})
		}
	}
}

// freshSelf sends whoever has not proven who they are lately to do so, and back afterwards.
func (s *Server) freshSelf(h selfHandler) selfHandler {
	if h == nil {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request, me *self) {
		if !me.Fresh {
			s.redirect(w, s.confirmAddress(comeBack(r)))
			return
		}
		h(w, r, me)
	}
}

// bySelf says who acts on their own account and from where, for audit events.
func (s *Server) bySelf(r *http.Request, me *self) audit.Origin {
	o := originOf(r)
	o.Actor, o.ActorID = audit.ByPerson, me.ID
	return o
}

// accountFrame is what every page of the account shows besides its own matter. The last crumb is the page itself.
func (s *Server) accountFrame(w http.ResponseWriter, r *http.Request, me *self, section string, crumbs ...view.Crumb) view.AccountFrame {
	return view.AccountFrame{
		Frame: s.frame(r), Section: section, Crumbs: crumbs, Email: me.Email, Dashboard: me.Role.Reads(),
		FormToken: s.formToken(w, r), Done: s.takeNotice(w, r),
	}
}
