package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/a-h/templ"

	"regrant/app/account"
	"regrant/web/view"
)

// accountFactors are the pages on which somebody adds and removes an authenticator app and makes recovery codes.
func (s *Server) accountFactors(own *accountArea) {
	own.fresh("/account/security/totp", s.showAddTOTP, s.addTOTP)
	own.fresh("/account/security/totp/remove", s.showRemoveTOTP, s.removeTOTP)
	own.fresh("/account/security/recovery", s.showMakeRecovery, s.makeRecovery)
}

func (s *Server) totpSection(ctx context.Context, f view.AccountFrame, me *self) (templ.Component, error) {
	factors, err := s.people.Factors(ctx, me.ID)
	return view.TOTPSection{Frame: f.Frame, On: factors.TOTP}, err
}

func (s *Server) recoverySection(ctx context.Context, f view.AccountFrame, me *self) (templ.Component, error) {
	factors, err := s.people.Factors(ctx, me.ID)
	if err != nil || !factors.Second() {
		return templ.NopComponent, err // they stand in for nothing
	}
	return view.RecoverySection{Frame: f.Frame, Left: factors.RecoveryCodes}, nil
}

// factorsOf says which factors the person has. When the store cannot say, it answers itself.
func (s *Server) factorsOf(w http.ResponseWriter, r *http.Request, me *self) (account.Factors, bool) {
	factors, err := s.people.Factors(r.Context(), me.ID)
	if err != nil {
		s.unavailable(w, r, "read factors", err)
	}
	return factors, err == nil
}

// showAddTOTP shows the secret of a new authenticator app.
func (s *Server) showAddTOTP(w http.ResponseWriter, r *http.Request, me *self) {
	factors, ok := s.factorsOf(w, r, me)
	if !ok {
		return
	}
	if factors.TOTP {
		s.redirect(w, s.base+"/account/security")
		return
	}
	app, err := s.people.NewTOTP(me.Person, s.browserHash(w, r), s.issuerName(r), s.now())
	if err != nil {
		s.unavailable(w, r, "begin an enrolment", err)
		return
	}
	s.writeAddTOTP(w, r, me, http.StatusOK, app, "")
}

func (s *Server) writeAddTOTP(w http.ResponseWriter, r *http.Request, me *self, status int, app account.TOTPEnrolment, problem string) {
	f := s.accountFrame(w, r, me, "security")
	f.Crumbs = []view.Crumb{{Label: f.Text.T("totp.add")}}
	setUp, err := totpSetUp(app, problem)
	if err != nil {
		s.unavailable(w, r, "draw a QR code", err)
		return
	}
	s.showPage(w, r, status, false, view.AddTOTP{AccountFrame: f, TOTP: setUp})
}

// addTOTP takes the first code of the app. The session has shown two factors from then on, and goes on under another token
// (WEB-26).
func (s *Server) addTOTP(w http.ResponseWriter, r *http.Request, me *self) {
	sealed, code, browser := r.PostForm.Get("enrolment"), r.PostForm.Get("code"), s.browserHash(w, r)
	app, err := s.people.OpenTOTP(me.Person, browser, s.issuerName(r), sealed, s.now())
	if errors.Is(err, account.ErrEnrolmentOver) {
		s.redirect(w, s.base+"/account/security/totp")
		return
	}
	if err != nil {
		s.unavailable(w, r, "read an enrolment", err)
		return
	}
	text := s.frame(r).Text
	if code == "" {
		s.writeAddTOTP(w, r, me, http.StatusUnprocessableEntity, app, text.T("totp.error.incomplete"))
		return
	}
	session, recovery, err := s.people.EnrolTOTP(r.Context(), me.Session, browser, sealed, code, originOf(r), s.now())
	switch {
	case errors.Is(err, account.ErrCredentials):
		s.writeAddTOTP(w, r, me, http.StatusUnprocessableEntity, app, text.T("totp.error.mismatch"))
		return
	case errors.Is(err, account.ErrEnrolmentOver), isNotFound(err): // in another tab
		s.redirect(w, s.base+"/account/security")
		return
	case err != nil:
		s.unavailable(w, r, "add an authenticator app", err)
		return
	}
	if !s.renew(w, r, session, me.Role) {
		return
	}
	if recovery == nil {
		s.done(w, r, "/account/security", "done.totp_added")
		return
	}
	s.showRecoveryCodes(w, r, me, recovery)
}

// showRecoveryCodes shows new codes for the only time, in the answer itself.
func (s *Server) showRecoveryCodes(w http.ResponseWriter, r *http.Request, me *self, codes []string) {
	s.showPage(w, r, http.StatusOK, false, view.RecoveryCodes{Frame: s.frame(r), Issuer: s.issuerName(r), Email: me.Email, Codes: codes, Next: "/account/security"})
}

// showRemoveTOTP asks before the app is removed, and says what ends with it.
func (s *Server) showRemoveTOTP(w http.ResponseWriter, r *http.Request, me *self) {
	factors, ok := s.factorsOf(w, r, me)
	if !ok {
		return
	}
	if !factors.TOTP {
		s.redirect(w, s.base+"/account/security")
		return
	}
	f := s.accountFrame(w, r, me, "security")
	f.Crumbs = []view.Crumb{{Label: f.Text.T("totp.remove")}}
	s.showPage(w, r, http.StatusOK, false, view.RemoveTOTP{AccountFrame: f, Last: factors.Passkeys == 0})
}

// removeTOTP removes the app, and ends all else that was open (T25).
func (s *Server) removeTOTP(w http.ResponseWriter, r *http.Request, me *self) {
	removal := account.FactorRemoval{PersonID: me.ID, SessionID: me.Session.ID}
	err := s.people.RemoveTOTP(r.Context(), removal, originOf(r), s.now())
	if err != nil && !isNotFound(err) {
		s.unavailable(w, r, "remove an authenticator app", err)
		return
	}
	if s.renew(w, r, me.Session, me.Role) {
		s.done(w, r, "/account/security", "done.totp_removed")
	}
}

// showMakeRecovery asks before new recovery codes take the place of the old ones.
func (s *Server) showMakeRecovery(w http.ResponseWriter, r *http.Request, me *self) {
	factors, ok := s.factorsOf(w, r, me)
	if !ok {
		return
	}
	if !factors.Second() {
		s.redirect(w, s.base+"/account/security")
		return
	}
	f := s.accountFrame(w, r, me, "security")
	f.Crumbs = []view.Crumb{{Label: f.Text.T("recovery.make")}}
	s.showPage(w, r, http.StatusOK, false, view.MakeRecovery{AccountFrame: f, Left: factors.RecoveryCodes})
}

func (s *Server) makeRecovery(w http.ResponseWriter, r *http.Request, me *self) {
	codes, err := s.people.NewRecoveryCodes(r.Context(), me.ID, originOf(r), s.now())
	switch {
	case isNotFound(err): // the last second factor was removed meanwhile
		s.redirect(w, s.base+"/account/security")
	case err != nil:
		s.unavailable(w, r, "make recovery codes", err)
	default:
		s.showRecoveryCodes(w, r, me, codes)
	}
}
