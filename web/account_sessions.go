package web

import (
	"net/http"
	"slices"

	"regrant/app/account"
	"regrant/web/view"
)

// accountSessions are the pages about the browsers that somebody is signed in with.
func (s *Server) accountSessions(own *accountArea) {
	own.page("/account/sessions", s.showSessions)
	own.form("/account/sessions/others/end", s.showEndOtherSessions, s.endOtherSessions)
	own.form("/account/sessions/{session}/end", s.showEndOwnSession, s.endOwnSession)
}

// ownSessions lists the person's sessions, the one in which they stand first. When the store cannot say, it answers itself.
func (s *Server) ownSessions(w http.ResponseWriter, r *http.Request, me *self) ([]account.Session, bool) {
	sessions, err := s.people.Sessions(r.Context(), me.ID, s.now())
	if err != nil {
		s.unavailable(w, r, "list sessions", err)
		return nil, false
	}
	if i := slices.IndexFunc(sessions, func(one account.Session) bool { return one.ID == me.Session.ID }); i > 0 {
		this := sessions[i]
		sessions = slices.Insert(slices.Delete(sessions, i, i+1), 0, this)
	}
	return sessions, true
}

func (s *Server) showSessions(w http.ResponseWriter, r *http.Request, me *self) {
	sessions, ok := s.ownSessions(w, r, me)
	if !ok {
		return
	}
	page := view.AccountSessions{AccountFrame: s.accountFrame(w, r, me, "sessions"), Now: s.now()}
	for _, one := range sessions {
		page.Sessions = append(page.Sessions, view.OwnSession{
			ID: one.ID, Device: deviceWords(page.Text, one.UserAgent), IP: one.IP, SignedInAt: one.CreatedAt, SeenAt: one.LastSeenAt,
			How: proofWords(page.Text, one.AMR), Current: one.ID == me.Session.ID,
		})
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// proofWords says by what somebody has shown who they are, from the names of RFC 8176.
func proofWords(t *view.Text, amr []string) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(amr, name) })
	}
	passkey, password := has("hwk", "swk"), has("pwd")
	switch {
	case passkey && password:
		return t.T("account.sessions.password_passkey")
	case passkey:
		return t.T("account.sessions.passkey")
	case has("otp"):
		return t.T("account.sessions.password_code")
	case has("mfa"):
		return t.T("account.sessions.password_recovery")
	}
	return t.T("account.sessions.password")
}

// showEndOwnSession asks before one browser is signed out.
func (s *Server) showEndOwnSession(w http.ResponseWriter, r *http.Request, me *self) {
	sessions, ok := s.ownSessions(w, r, me)
	if !ok {
		return
	}
	i := slices.IndexFunc(sessions, func(one account.Session) bool { return one.ID == r.PathValue("session") })
	if i < 0 {
		s.notFound(w, r)
		return
	}
	t := s.frame(r).Text
	f := s.accountFrame(w, r, me, "sessions", view.Crumb{Label: t.T("account.sessions.end")})
	c := view.Confirm{
		Title:        t.T("account.sessions.end_title", "Device", deviceWords(t, sessions[i].UserAgent)),
		Consequences: []string{t.T("account.sessions.end_this"), t.T("account.sessions.end_apps")},
		Action:       "/account/sessions/" + sessions[i].ID + "/end", Cancel: "/account/sessions", Submit: t.T("account.sessions.end"), FormToken: f.FormToken, Danger: true,
	}
	if sessions[i].ID == me.Session.ID {
		c.Lead = t.T("account.sessions.end_here")
	}
	s.showPage(w, r, http.StatusOK, false, view.AccountConfirm{AccountFrame: f, Confirm: c})
}

// endOwnSession signs one browser out, this one too. The store ends it only if it is the person's.
func (s *Server) endOwnSession(w http.ResponseWriter, r *http.Request, me *self) {
	id := r.PathValue("session")
	err := s.people.EndSession(r.Context(), me.ID, id, s.bySelf(r, me), s.now())
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "end session", err)
	case id == me.Session.ID:
		s.sessions.clear(w)
		s.redirect(w, s.base+"/logout")
	default:
		s.done(w, r, "/account/sessions", "done.own_session_ended")
	}
}

// showEndOtherSessions asks before all browsers but this one are signed out.
func (s *Server) showEndOtherSessions(w http.ResponseWriter, r *http.Request, me *self) {
	sessions, ok := s.ownSessions(w, r, me)
	if !ok {
		return
	}
	t := s.frame(r).Text
	f := s.accountFrame(w, r, me, "sessions", view.Crumb{Label: t.T("account.sessions.end_others")})
	s.showPage(w, r, http.StatusOK, false, view.AccountConfirm{AccountFrame: f, Confirm: view.Confirm{
		Title:        t.N("account.sessions.end_others_title", max(len(sessions)-1, 0)),
		Consequences: []string{t.T("account.sessions.end_others_here"), t.T("account.sessions.end_apps")},
		Action:       "/account/sessions/others/end", Cancel: "/account/sessions", Submit: t.T("account.sessions.end_others"), FormToken: f.FormToken, Danger: true,
	}})
}

// endOtherSessions signs all browsers but this one out.
func (s *Server) endOtherSessions(w http.ResponseWriter, r *http.Request, me *self) {
	if _, err := s.people.EndOtherSessions(r.Context(), me.ID, me.Session.ID, s.bySelf(r, me), s.now()); err != nil {
		s.unavailable(w, r, "end sessions", err)
		return
	}
	s.done(w, r, "/account/sessions", "done.other_sessions_ended")
}
