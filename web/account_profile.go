package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"regrant/app/account"
	"regrant/web/view"
)

// accountProfile are the pages about who somebody is here, and how they leave.
func (s *Server) accountProfile(own *accountArea) {
	own.form("/account/profile", s.showOwnProfile, s.changeOwnProfile)
	own.fresh("/account/profile/delete", s.showDeleteAccount, s.deleteAccount)
}

func (s *Server) showOwnProfile(w http.ResponseWriter, r *http.Request, me *self) {
	page := s.ownProfilePage(w, r, me, account.Preferences{Name: me.Name, Language: me.Language, TimeZone: me.TimeZone})
	s.showPage(w, r, http.StatusOK, false, page)
}

// ownProfilePage is the form with these values in it.
func (s *Server) ownProfilePage(w http.ResponseWriter, r *http.Request, me *self, p account.Preferences) view.AccountProfile {
	f := s.accountFrame(w, r, me, "profile")
	page := view.AccountProfile{
		AccountFrame: f, Name: p.Name, Address: me.Email, Verified: me.EmailVerifiedAt != nil, Version: version(me.Version),
		Languages: []view.Option{{Label: f.Text.T("account.profile.browser_language"), Selected: p.Language == ""}},
		NoZone:    p.TimeZone == "",
	}
	if s.cfg.Mail.Open() {
		page.EmailURL = "/account/email"
	}
	for _, tag := range view.TheCatalogue().Languages() {
		page.Languages = append(page.Languages, view.Option{Value: tag, Label: view.LanguageName(tag), Selected: tag == p.Language})
	}
	for _, name := range account.TimeZones() {
		region, place, found := strings.Cut(name, "/")
		if !found {
			region, place = "", name
		}
		if n := len(page.Zones); n == 0 || page.Zones[n-1].Region != region {
			page.Zones = append(page.Zones, view.ZoneGroup{Region: region})
		}
		group := &page.Zones[len(page.Zones)-1]
		group.Zones = append(group.Zones, view.Option{Value: name, Label: strings.NewReplacer("_", " ", "/", ", ").Replace(place), Selected: name == p.TimeZone})
	}
	return page
}

// changeOwnProfile writes what people may change about themselves. Where somebody else has changed the person meanwhile, what was
// typed stays, and the next try counts.
func (s *Server) changeOwnProfile(w http.ResponseWriter, r *http.Request, me *self) {
	f := r.PostForm
	p := account.Preferences{Name: f.Get("name"), Language: f.Get("language"), TimeZone: f.Get("time_zone")}
	p.Version, _ = strconv.ParseInt(f.Get("version"), 10, 64)
	err := s.people.ChangePreferences(r.Context(), me.ID, p, s.bySelf(r, me), s.now())
	var wrong *account.InvalidError
	switch {
	case errors.As(err, &wrong), errors.Is(err, account.ErrChanged):
		page := s.ownProfilePage(w, r, me, p)
		if wrong == nil {
			page.Error = page.Text.T("account.profile.changed")
		} else {
			switch wrong.Field {
			case "language":
				page.LanguageError = page.Text.T("account.profile.language_unknown")
			case "time_zone":
				page.ZoneError = page.Text.T("account.profile.zone_unknown")
			default:
				page.NameError = page.Text.T(wrong.Key)
			}
		}
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
	case isNotFound(err):
		s.redirect(w, s.base+"/login")
	case err != nil:
		s.unavailable(w, r, "change profile", err)
	default:
		s.done(w, r, "/account/profile", "done.profile_saved")
	}
}

// showDeleteAccount says what is lost with the account, and asks for its address.
func (s *Server) showDeleteAccount(w http.ResponseWriter, r *http.Request, me *self) {
	s.showPage(w, r, http.StatusOK, false, s.deleteAccountPage(w, r, me))
}

func (s *Server) deleteAccountPage(w http.ResponseWriter, r *http.Request, me *self) view.DeleteAccount {
	t := s.frame(r).Text
	f := s.accountFrame(w, r, me, "profile", view.Crumb{Label: t.T("account.delete.title")})
	return view.DeleteAccount{AccountFrame: f, Confirm: view.Confirm{
		Title: t.T("account.delete.question", "Email", me.Email), Lead: t.T("account.delete.lead"),
		Consequences: []string{t.T("account.delete.apps"), t.T("account.delete.sessions"), t.T("account.delete.profile"), t.T("account.delete.elsewhere"), t.T("account.delete.forever")},
		Action:       "/account/profile/delete", Cancel: "/account/profile", Submit: t.T("account.delete.submit"), FormToken: f.FormToken, Danger: true,
	}}
}

// deleteAccount ends all that the person has here and forgets them (T23). Whoever is the last admin stays.
func (s *Server) deleteAccount(w http.ResponseWriter, r *http.Request, me *self) {
	page := s.deleteAccountPage(w, r, me)
	if page.Typed = r.PostForm.Get("confirm"); account.CanonicalEmail(page.Typed) != me.Email {
		page.Error = page.Text.T("account.delete.mismatch")
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	err := s.people.Delete(r.Context(), me.ID, s.bySelf(r, me), s.now())
	switch {
	case errors.Is(err, account.ErrLastAdmin):
		page.Refused = page.Text.T("account.delete.last_admin")
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	case err != nil && !isNotFound(err): // deleted by somebody else meanwhile is deleted
		s.unavailable(w, r, "delete account", err)
		return
	}
	s.sessions.clear(w)
	s.redirect(w, s.base+"/goodbye")
}

// showGoodbye is where somebody stands who has deleted their account. It is nobody's page: there is nothing of theirs left.
func (s *Server) showGoodbye(w http.ResponseWriter, r *http.Request) {
	s.showPage(w, r, http.StatusOK, false, view.Goodbye{Frame: s.frame(r)})
}
