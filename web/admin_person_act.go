package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/mail"
	"regrant/app/oauth"
	"regrant/web/view"
)

// personAct is something that ends something for a person: what it asks, and what it does.
type personAct struct {
	path   string
	asks   func(t *view.Text, name string, p account.PersonEntry, sessions int) view.Confirm
	does   func(ctx context.Context, p account.PersonEntry, form url.Values, by audit.Origin, now time.Time) error
	done   func(p account.PersonEntry) string // key of the notice
	notice string                             // a sentence for who does it to themselves
	roles  bool                               // one is chosen on the way
	gone   bool                               // the person's page is not there afterwards
}

// always gives the same notice whoever it was done to.
func always(key string) func(account.PersonEntry) string {
	return func(account.PersonEntry) string { return key }
}

func (s *Server) personActs() []personAct {
	return []personAct{
		{
			path: "role", asks: asksRole, done: always("done.role_changed"), roles: true,
			does: func(ctx context.Context, p account.PersonEntry, form url.Values, by audit.Origin, now time.Time) error {
				return s.people.ChangeRole(ctx, p.ID, account.Role(form.Get("role")), by, now) // what was asked, whatever the role is by now
			},
			notice: "admin.act.self_role",
		},
		{
			path: "disable", asks: asksDisable, done: always("done.person_disabled"), notice: "admin.act.self_out",
			does: func(ctx context.Context, p account.PersonEntry, _ url.Values, by audit.Origin, now time.Time) error {
				return s.people.Disable(ctx, p.ID, by, now)
			},
		},
		{
			path: "delete", asks: asksDelete, done: always("done.person_deleted"), notice: "admin.act.self_out", gone: true,
			does: func(ctx context.Context, p account.PersonEntry, _ url.Values, by audit.Origin, now time.Time) error {
				return s.people.Delete(ctx, p.ID, by, now)
			},
		},
		{
			path: "expire-password", asks: asksExpire, done: always("done.password_expired"), notice: "admin.act.self_again",
			does: func(ctx context.Context, p account.PersonEntry, _ url.Values, by audit.Origin, now time.Time) error {
				return s.people.ExpirePassword(ctx, p.ID, by, now)
			},
		},
		{
			path: "reset-factors", asks: asksResetFactors, done: always("done.factors_reset"), notice: "admin.act.self_again",
			does: func(ctx context.Context, p account.PersonEntry, _ url.Values, by audit.Origin, now time.Time) error {
				return s.people.ResetFactors(ctx, p.ID, by, now)
			},
		},
		{
			path: "end-sessions", asks: asksEndSessions, done: always("done.sessions_ended"), notice: "admin.act.self_again",
			does: func(ctx context.Context, p account.PersonEntry, _ url.Values, by audit.Origin, now time.Time) error {
				_, err := s.people.EndOtherSessions(ctx, p.ID, "", by, now)
				return err
			},
		},
		{
			path: "revoke-grants", asks: asksRevoke, done: always("done.grants_revoked"),
			does: func(ctx context.Context, p account.PersonEntry, _ url.Values, by audit.Origin, now time.Time) error {
				e := audit.Event{At: now, Kind: audit.GrantRevoked, Origin: by, PersonID: p.ID, Result: "ok", Detail: audit.Details("grants", "all", "reason", string(oauth.RevokedAdmin))}
				_, err := s.store.RevokeGrantsOf(ctx, p.ID, "", oauth.RevokedAdmin, now, e)
				return err
			},
		},
	}
}

// showPersonAct asks before an act, and says what it ends.
func (s *Server) showPersonAct(act personAct) adminHandler {
	return func(w http.ResponseWriter, r *http.Request, a *admin) {
		if e, ok := s.personOf(w, r); ok {
			s.askPersonAct(w, r, a, act, e, http.StatusOK, "")
		}
	}
}

func (s *Server) askPersonAct(w http.ResponseWriter, r *http.Request, a *admin, act personAct, e account.PersonEntry, status int, refused string) {
	sessions, err := s.people.Sessions(r.Context(), e.ID, s.now())
	if err != nil {
		s.unavailable(w, r, "list sessions", err)
		return
	}
	text := s.frame(r).Text
	c := act.asks(text, calledBy(e.Person), e, len(sessions))
	if e.ID == a.ID && act.notice != "" {
		c.Consequences = append(c.Consequences, text.T(act.notice))
	}
	c.Action, c.Cancel, c.FormToken, c.Danger = "/admin/people/"+e.ID+"/"+act.path, "/admin/people/"+e.ID, s.formToken(w, r), true
	page := view.AdminPersonAct{AdminFrame: s.personFrame(w, r, a, e.Person, c.Submit), Confirm: c, Refused: refused}
	if act.roles {
		page.Roles = roleOptions(text, cmp.Or(account.Role(r.PostForm.Get("role")), e.Role))
	}
	s.showPage(w, r, status, false, page)
}

// doPersonAct does it, and says so on the next page.
func (s *Server) doPersonAct(act personAct) adminHandler {
	return func(w http.ResponseWriter, r *http.Request, a *admin) {
		e, ok := s.personOf(w, r)
		if !ok {
			return
		}
		err := act.does(r.Context(), e, r.PostForm, s.byAdmin(r, a), s.now())
		back := "/admin/people/" + e.ID
		var wrong *account.InvalidError
		switch {
		case errors.As(err, &wrong): // a form that is not ours
			s.askPersonAct(w, r, a, act, e, http.StatusUnprocessableEntity, "")
		case errors.Is(err, account.ErrLastAdmin):
			s.askPersonAct(w, r, a, act, e, http.StatusUnprocessableEntity, s.frame(r).Text.T("admin.act.last_admin"))
		case errors.Is(err, account.ErrDisabled), errors.Is(err, account.ErrUnchanged), errors.Is(err, account.ErrChanged):
			s.done(w, r, back, "done.unchanged")
		case isNotFound(err):
			s.notFound(w, r)
		case err != nil:
			s.unavailable(w, r, "act on a person", err)
		case act.gone:
			s.done(w, r, "/admin/people", act.done(e))
		default:
			s.done(w, r, back, act.done(e))
		}
	}
}

// showPersonAgain leads back to the button after a fresh proof.
func (s *Server) showPersonAgain(w http.ResponseWriter, r *http.Request, _ *admin) {
	if e, ok := s.personOf(w, r); ok {
		s.redirect(w, s.base+"/admin/people/"+e.ID)
	}
}

// enablePerson lets a person sign in again.
func (s *Server) enablePerson(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	err := s.people.Enable(r.Context(), e.ID, s.byAdmin(r, a), s.now())
	switch {
	case errors.Is(err, account.ErrEnabled):
		s.done(w, r, "/admin/people/"+e.ID, "done.unchanged")
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "enable person", err)
	default:
		s.done(w, r, "/admin/people/"+e.ID, "done.person_enabled")
	}
}

// showResetLink asks before a link is made with which somebody chooses another password.
func (s *Server) showResetLink(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	text, path := s.frame(r).Text, "/admin/people/"+e.ID
	c := view.Confirm{
		Title: text.T("admin.act.reset_title", "Name", calledBy(e.Person)), Lead: text.T("admin.act.reset_lead"), Submit: text.T("admin.person.reset"),
		Consequences: []string{text.T("admin.act.reset_holder"), text.T("admin.act.reset_use")}, Action: path + "/reset-link", Cancel: path, FormToken: s.formToken(w, r),
	}
	s.showPage(w, r, http.StatusOK, false, view.AdminPersonAct{AdminFrame: s.personFrame(w, r, a, e.Person, c.Submit), Confirm: c})
}

// makeResetLink shows the link for the only time, in the answer itself.
func (s *Server) makeResetLink(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	path := "/admin/people/" + e.ID
	link, address, err := s.links.ResetLink(r.Context(), e.ID, s.byAdmin(r, a), s.now())
	if isNotFound(err) {
		s.done(w, r, path, "done.no_reset_disabled")
		return
	}
	if err != nil {
		s.unavailable(w, r, "make a reset link", err)
		return
	}
	text := s.frame(r).Text
	lead := text.T("admin.act.reset_give")
	if sent := s.sendLink(r, text, mail.Reset, link, address, e.Email); sent != "" {
		lead = sent
	}
	s.showPage(w, r, http.StatusOK, false, view.AdminLink{
		AdminFrame: s.personFrame(w, r, a, e.Person, text.T("admin.person.reset")), Title: text.T("admin.act.reset_made", "Name", calledBy(e.Person)),
		Lead: lead, Label: text.T("admin.act.reset_label"), Link: address, Ends: link.ExpiresAt,
		Back: path, Again: text.T("admin.act.back", "Name", calledBy(e.Person)),
	})
}

// sessionOf finds the session of a page among those of its person, and nobody else's. When there is none, it answers itself.
func (s *Server) sessionOf(w http.ResponseWriter, r *http.Request, e account.PersonEntry) (account.Session, bool) {
	sessions, err := s.people.Sessions(r.Context(), e.ID, s.now())
	if err != nil {
		s.unavailable(w, r, "list sessions", err)
		return account.Session{}, false
	}
	for _, session := range sessions {
		if session.ID == r.PathValue("session") {
			return session, true
		}
	}
	s.notFound(w, r)
	return account.Session{}, false
}

// showEndSession asks before one browser is signed out.
func (s *Server) showEndSession(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	session, ok := s.sessionOf(w, r, e)
	if !ok {
		return
	}
	text, path := s.frame(r).Text, "/admin/people/"+e.ID
	c := view.Confirm{
		Title:        text.T("admin.act.session_title", "Name", calledBy(e.Person), "Device", s.deviceOf(r, session)),
		Consequences: []string{text.T("admin.act.session_browser"), text.T("admin.act.session_grants")}, Submit: text.T("admin.person.end_session"),
		Action: path + "/sessions/" + session.ID + "/end", Cancel: path, FormToken: s.formToken(w, r), Danger: true,
	}
	if session.ID == a.Session.ID {
		c.Consequences = append(c.Consequences, text.T("admin.act.self_again"))
	}
	s.showPage(w, r, http.StatusOK, false, view.AdminPersonAct{AdminFrame: s.personFrame(w, r, a, e.Person, c.Submit), Confirm: c})
}

// endSession signs one browser out. The store ends it only if it is that person's.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request, a *admin) {
	id := r.PathValue("id")
	err := s.people.EndSession(r.Context(), id, r.PathValue("session"), s.byAdmin(r, a), s.now())
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "end session", err)
	default:
		s.done(w, r, "/admin/people/"+id, "done.session_ended")
	}
}
