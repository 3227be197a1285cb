package web

import (
	"errors"
	"net/http"
	"strconv"

	"regrant/app/account"
	"regrant/web/view"
)

// personOf finds the person that a page is about. When there is none, or not any more, it answers itself.
func (s *Server) personOf(w http.ResponseWriter, r *http.Request) (account.PersonEntry, bool) {
	person, err := s.store.PersonEntry(r.Context(), r.PathValue("id"), s.now())
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "read person", err)
	}
	return person, err == nil
}

// calledBy is what a person is called in a sentence.
func calledBy(p account.Person) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}

// personFrame is the frame of a page below a person's.
func (s *Server) personFrame(w http.ResponseWriter, r *http.Request, a *admin, p account.Person, title string) view.AdminFrame {
	return s.adminFrame(w, r, a, "people", view.Crumb{Label: calledBy(p), URL: "/admin/people/" + p.ID}, view.Crumb{Label: title})
}

// showPerson shows all about a person.
func (s *Server) showPerson(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	now := s.now()
	sessions, err := s.people.Sessions(r.Context(), e.ID, now)
	if err != nil {
		s.unavailable(w, r, "list sessions", err)
		return
	}
	factors, err := s.people.Factors(r.Context(), e.ID)
	if err != nil {
		s.unavailable(w, r, "read factors", err)
		return
	}
	f := s.adminFrame(w, r, a, "people", view.Crumb{Label: calledBy(e.Person)})
	page := view.AdminPerson{
		AdminFrame: f, PersonRow: personRow(f.Text, e), EmailVerified: e.EmailVerifiedAt != nil, PasswordAt: e.PasswordChangedAt,
		DisabledAt: e.DisabledAt, CreatedAt: e.CreatedAt, Self: e.ID == a.ID, Now: now,
		Factors: factorNames(f.Text, factors), HasSecond: factors.Second(),
	}
	groups, err := s.groups.GroupsOf(r.Context(), e.ID)
	if err != nil {
		s.unavailable(w, r, "list the groups of a person", err)
		return
	}
	for _, g := range groups {
		page.Groups = append(page.Groups, view.Party{Label: g.Name, URL: groupPath(g.ID)})
	}
	for _, session := range sessions {
		page.Sessions = append(page.Sessions, view.SessionRow{
			ID: session.ID, Device: s.deviceOf(r, session), IP: session.IP, CreatedAt: session.CreatedAt, SeenAt: session.LastSeenAt,
			Current: session.ID == a.Session.ID,
		})
	}
	if !s.addHistory(w, r, &page, e.Person) {
		return
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// factorNames puts the second factors of somebody into words.
func factorNames(t *view.Text, f account.Factors) []string {
	var names []string
	if f.TOTP {
		names = append(names, t.T("admin.person.has_totp"))
	}
	if f.Passkeys > 0 {
		names = append(names, t.N("admin.person.has_passkeys", f.Passkeys))
	}
	if f.Second() {
		names = append(names, t.N("admin.person.has_codes", f.RecoveryCodes))
	}
	return names
}

// deviceOf puts the browser of a session into words.
func (s *Server) deviceOf(r *http.Request, session account.Session) string {
	t := s.frame(r).Text
	if name := deviceName(t, session.UserAgent); name != "" {
		return name
	}
	return t.T("admin.person.unknown_browser")
}

// showProfile shows the form of name and address.
func (s *Server) showProfile(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	page := s.profilePage(w, r, a, e.Person)
	page.Name, page.Email, page.EmailVerified = e.Name, e.Email, e.EmailVerifiedAt != nil
	s.showPage(w, r, http.StatusOK, false, page)
}

func (s *Server) profilePage(w http.ResponseWriter, r *http.Request, a *admin, p account.Person) view.AdminProfile {
	path := "/admin/people/" + p.ID
	return view.AdminProfile{
		AdminFrame: s.personFrame(w, r, a, p, s.frame(r).Text.T("admin.person.edit")), Action: path + "/edit", Back: path, Version: version(p.Version),
	}
}

// changeProfile writes name and address. When somebody else has changed the person meanwhile, what was typed stays, and the
// next try counts.
func (s *Server) changeProfile(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	f := r.PostForm
	seen, err := strconv.ParseInt(f.Get("version"), 10, 64)
	if err != nil || seen < 1 {
		seen = -1 // of nobody who was shown
	}
	profile := account.Profile{Name: f.Get("name"), Email: f.Get("email"), EmailVerified: f.Get("email_verified") != "", Version: seen}
	_, err = s.people.ChangeProfile(r.Context(), e.ID, profile, s.byAdmin(r, a), s.now())
	wrong, typed := s.typedWrong(r, err)
	switch {
	case typed, errors.Is(err, account.ErrChanged):
		page := s.profilePage(w, r, a, e.Person)
		page.Name, page.Email, page.EmailVerified = profile.Name, profile.Email, profile.EmailVerified
		page.NameError, page.EmailError = wrong.name, wrong.email
		if !typed {
			page.Error = page.Text.T("admin.person.changed")
		}
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "change person", err)
	default:
		s.done(w, r, "/admin/people/"+e.ID, "done.person_updated")
	}
}
