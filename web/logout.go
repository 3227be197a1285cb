package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/web/view"
)

// home says who is signed in.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	session, person, ok := s.person(w, r)
	if !ok {
		return
	}
	page := view.Home{Frame: s.frame(r), Issuer: s.oauth.Issuer()}
	if session != nil {
		page.Email, page.Name, page.Since, page.FormToken = person.Email, person.Name, session.AuthTime, s.formToken(w, r)
		page.Admin = person.Role.Reads()
	} else if page.New, ok = s.isNew(w, r); !ok {
		return
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// isNew says whether the first admin is still to be made. When the store cannot say, it answers itself.
func (s *Server) isNew(w http.ResponseWriter, r *http.Request) (isNew, ok bool) {
	hasAdmin, err := s.people.HadAdmin(r.Context())
	if err != nil {
		s.unavailable(w, r, "look for an admin", err)
	}
	return !hasAdmin, err == nil
}

// showLogout asks, since a link alone signs nobody out.
func (s *Server) showLogout(w http.ResponseWriter, r *http.Request) {
	session, person, ok := s.person(w, r)
	if !ok {
		return
	}
	requestOf(r).locales = oauth.ReadUILocales(r.URL.Query().Get("ui_locales"))
	if session == nil {
		s.showPage(w, r, http.StatusOK, false, view.SignedOut{Frame: s.frame(r)})
		return
	}
	s.showPage(w, r, http.StatusOK, false, view.SignOut{Frame: s.frame(r), Email: person.Email, Name: person.Name, FormToken: s.formToken(w, r)})
}

// logout ends the session on the server, and the grants that live with it. An application that asked for it gets the browser back.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	session, _, err := s.sessions.current(r)
	if err != nil {
		s.unavailable(w, r, "read session", err)
		return
	}
	l, err := s.oauth.Logout(r.Context(), oauth.LogoutParameters(r.PostForm), subject(session), originOf(r))
	if err != nil {
		s.writePageError(w, r, err)
		return
	}
	s.signOut(w, r, session, cmp.Or(l.Return, s.signedOut(r, l)))
}

// signedOut is the page for who has signed out. Nobody knows there any more who that was, so it is told which language they read.
func (s *Server) signedOut(r *http.Request, l *oauth.Logout) string {
	at := s.base + "/logout"
	if spoken := cmp.Or(s.readerOf(r).language, l.UILocales); spoken != "" {
		at += "?" + url.Values{"ui_locales": {spoken}}.Encode()
	}
	return at
}

// signOut ends a session, nil for none, takes its cookie away and sends the browser on; "": to where it says so.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, session *account.Session, to string) {
	if session != nil {
		if err := s.people.SignOut(r.Context(), *session, originOf(r), s.now()); err != nil {
			s.unavailable(w, r, "end session", err)
			return
		}
	}
	s.sessions.clear(w)
	s.redirect(w, cmp.Or(to, s.base+"/logout"))
}

// person gives who is signed in, nil for nobody. When the store cannot say, it answers itself.
func (s *Server) person(w http.ResponseWriter, r *http.Request) (*account.Session, *account.Person, bool) {
	session, ok := s.session(w, r)
	if !ok || session == nil {
		return nil, nil, ok
	}
	person, err := s.people.Find(r.Context(), session.PersonID)
	if errors.Is(err, account.ErrNotFound) {
		return nil, nil, true
	}
	if err != nil {
		s.unavailable(w, r, "read person", err)
		return nil, nil, false
	}
	requestOf(r).reader = newReader(person)
	return session, &person, true
}
