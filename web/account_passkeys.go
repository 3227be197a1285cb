package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"regrant/app/account"
	"regrant/web/view"
)

// accountPasskeys are the pages about somebody's passkeys.
func (s *Server) accountPasskeys(own *accountArea) {
	own.fresh("/account/security/passkeys/new", s.showAddPasskey, s.addPasskey)
	own.form("/account/security/passkeys/{id}", s.showPasskey, s.renamePasskey)
	own.fresh("/account/security/passkeys/{id}/remove", s.showRemovePasskey, s.removePasskey)
}

// passkeySection lists the passkeys. Where there can be none, nothing is said of them.
func (s *Server) passkeySection(ctx context.Context, f view.AccountFrame, me *self) (templ.Component, error) {
	if !s.passkeys.Offered() {
		return templ.NopComponent, nil
	}
	list, err := s.passkeys.List(ctx, me.ID)
	if err != nil {
		return nil, err
	}
	section := view.PasskeySection{Frame: f.Frame, Now: s.now(), Full: len(list) >= account.MaxPasskeys}
	for _, k := range list {
		section.Passkeys = append(section.Passkeys, view.Passkey{
			Path: passkeyPath(k), Name: k.Name, Synced: k.Synced, AddedAt: k.CreatedAt, UsedAt: k.LastUsedAt,
		})
	}
	return section, nil
}

func passkeyPath(k account.Passkey) string {
	return "/account/security/passkeys/" + url.PathEscape(k.ID)
}

// showAddPasskey asks the browser for a new passkey, under a name by which people know where it is.
func (s *Server) showAddPasskey(w http.ResponseWriter, r *http.Request, me *self) {
	s.askPasskey(w, r, me, http.StatusOK, view.AddPasskey{Name: deviceName(s.frame(r).Text, r.UserAgent())})
}

// askPasskey shows the form with a question that was never asked before.
func (s *Server) askPasskey(w http.ResponseWriter, r *http.Request, me *self, status int, page view.AddPasskey) {
	page.AccountFrame = s.accountFrame(w, r, me, "security")
	page.Crumbs = []view.Crumb{{Label: page.Text.T("account.passkeys.add")}}
	c, err := s.passkeys.Enrolment(r.Context(), me.ID, s.passkeyBinding(w, r, "enrol "+me.Session.ID), s.now())
	switch {
	case errors.Is(err, account.ErrTooManyPasskeys):
		s.redirect(w, s.base+"/account/security") // where it says so
	case errors.Is(err, account.ErrNoPasskeys):
		s.notFound(w, r)
	case isNotFound(err):
		s.redirect(w, s.base+"/login")
	case err != nil:
		s.unavailable(w, r, "ask for a new passkey", err)
	default:
		page.Question = view.PasskeyQuestion{Options: c.Options, State: c.State}
		s.showPage(w, r, status, false, page)
	}
}

// addPasskey registers what the browser has made.
func (s *Server) addPasskey(w http.ResponseWriter, r *http.Request, me *self) {
	page := view.AddPasskey{Name: r.PostForm.Get("name")}
	text := s.frame(r).Text
	_, recovery, err := s.passkeys.Add(r.Context(), me.ID, s.passkeyBinding(w, r, "enrol "+me.Session.ID), page.Name, passkeyAnswer(r), s.bySelf(r, me), s.now())
	var invalid *account.InvalidError
	switch {
	case errors.As(err, &invalid):
		page.NameError = passkeyNameProblem(text, invalid)
	case errors.Is(err, account.ErrPasskeyTaken):
		page.Refused = text.T("passkey.error.already")
	case errors.Is(err, account.ErrPasskeyRefused):
		s.log.Info("passkey refused", "request_id", requestOf(r).id, "sub", me.ID, "reason", err.Error())
		page.Refused = text.T("passkey.error.not_added")
	case errors.Is(err, account.ErrTooManyPasskeys), errors.Is(err, account.ErrEnrolmentOver): // in another tab
		s.redirect(w, s.base+"/account/security")
		return
	case isNotFound(err):
		s.redirect(w, s.base+"/login")
		return
	case err != nil:
		s.unavailable(w, r, "add passkey", err)
		return
	case recovery != nil:
		s.showRecoveryCodes(w, r, me, recovery)
		return
	default:
		s.done(w, r, "/account/security", "done.passkey_added")
		return
	}
	s.askPasskey(w, r, me, http.StatusUnprocessableEntity, page)
}

func passkeyNameProblem(t *view.Text, e *account.InvalidError) string {
	if e.Key == "name.missing" {
		return t.T("passkey.name_missing")
	}
	return t.T("name.invalid")
}

// ownPasskey gives the passkey of the address. When the person has none of this id, it answers itself.
func (s *Server) ownPasskey(w http.ResponseWriter, r *http.Request, me *self) (account.Passkey, bool) {
	k, err := s.passkeys.Find(r.Context(), me.ID, r.PathValue("id"))
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "read passkey", err)
	}
	return k, err == nil
}

// showPasskey shows the name of a passkey, to be changed.
func (s *Server) showPasskey(w http.ResponseWriter, r *http.Request, me *self) {
	if k, ok := s.ownPasskey(w, r, me); ok {
		s.showPage(w, r, http.StatusOK, false, s.passkeyPage(w, r, me, k))
	}
}

func (s *Server) passkeyPage(w http.ResponseWriter, r *http.Request, me *self, k account.Passkey) view.RenamePasskey {
	page := view.RenamePasskey{AccountFrame: s.accountFrame(w, r, me, "security"), Path: passkeyPath(k), Name: k.Name}
	page.Crumbs = []view.Crumb{{Label: page.Text.T("account.passkeys.rename")}}
	return page
}

// renamePasskey gives a passkey another name.
func (s *Server) renamePasskey(w http.ResponseWriter, r *http.Request, me *self) {
	k, ok := s.ownPasskey(w, r, me)
	if !ok {
		return
	}
	name := r.PostForm.Get("name")
	err := s.passkeys.Rename(r.Context(), me.ID, k.ID, name, s.bySelf(r, me), s.now())
	var invalid *account.InvalidError
	switch {
	case errors.As(err, &invalid):
		page := s.passkeyPage(w, r, me, k)
		page.Name, page.NameError = name, passkeyNameProblem(page.Text, invalid)
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "rename passkey", err)
	default:
		s.done(w, r, "/account/security", "done.passkey_renamed")
	}
}

// showRemovePasskey asks before a passkey is removed, and says what ends with it (T25).
func (s *Server) showRemovePasskey(w http.ResponseWriter, r *http.Request, me *self) {
	if k, ok := s.ownPasskey(w, r, me); ok {
		s.showPage(w, r, http.StatusOK, false, s.removePasskeyPage(w, r, me, k))
	}
}

func (s *Server) removePasskeyPage(w http.ResponseWriter, r *http.Request, me *self, k account.Passkey) view.RemovePasskey {
	page := view.RemovePasskey{AccountFrame: s.accountFrame(w, r, me, "security"), Path: passkeyPath(k), Name: k.Name}
	page.Crumbs = []view.Crumb{{Label: page.Text.T("account.passkeys.remove")}}
	return page
}

// removePasskey takes a passkey away.
func (s *Server) removePasskey(w http.ResponseWriter, r *http.Request, me *self) {
	k, ok := s.ownPasskey(w, r, me)
	if !ok {
		return
	}
	removal := account.PasskeyRemoval{PersonID: me.ID, PasskeyID: k.ID, SessionID: me.Session.ID}
	err := s.passkeys.Remove(r.Context(), removal, s.bySelf(r, me), s.now())
	switch {
	case errors.Is(err, account.ErrOnlyWay):
		page := s.removePasskeyPage(w, r, me, k)
		page.Refused = page.Text.T("account.passkeys.only_way")
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "remove passkey", err)
	default:
		if s.renew(w, r, me.Session, me.Role) {
			s.done(w, r, "/account/security", "done.passkey_removed")
		}
	}
}
