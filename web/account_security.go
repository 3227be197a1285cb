package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/a-h/templ"

	"regrant/app/account"
	"regrant/web/view"
)

// accountSecurity are the pages about how somebody proves who they are.
func (s *Server) accountSecurity(own *accountArea) {
	own.page("/account/security", s.showSecurity)
	own.form("/account/security/password", s.provenSelf(s.showChangePassword), s.provenSelf(s.changePassword))
	s.accountFactors(own)
}

// A securitySection is one part of the page on security: it reads what it shows, and gives it ready to be shown.
type securitySection func(ctx context.Context, f view.AccountFrame, me *self) (templ.Component, error)

// securitySections are the parts of the page on security in their order.
func (s *Server) securitySections() []securitySection {
	return []securitySection{s.passwordSection, s.passkeySection, s.totpSection, s.recoverySection}
}

// showSecurity shows how the person proves who they are, and leads to where that is changed.
func (s *Server) showSecurity(w http.ResponseWriter, r *http.Request, me *self) {
	page := view.AccountSecurity{AccountFrame: s.accountFrame(w, r, me, "security")}
	for _, read := range s.securitySections() {
		section, err := read(r.Context(), page.AccountFrame, me)
		if err != nil {
			s.unavailable(w, r, "read how somebody signs in", err)
			return
		}
		page.Sections = append(page.Sections, section)
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

func (s *Server) passwordSection(_ context.Context, f view.AccountFrame, me *self) (templ.Component, error) {
	section := view.PasswordSection{Frame: f.Frame, Now: s.now()}
	if me.HasPassword() {
		section.ChangedAt = me.PasswordChangedAt
	}
	return section, nil
}

// provenSelf is freshSelf for a form that asks for the current password: that is proof enough of somebody who has nothing else. Who
// has a second factor, or no password, shows the strongest that they have first (WEB-34).
func (s *Server) provenSelf(h selfHandler) selfHandler {
	fresh := s.freshSelf(h)
	return func(w http.ResponseWriter, r *http.Request, me *self) {
		factors, ok := s.factorsOf(w, r, me)
		switch {
		case !ok:
		case factors.Second() || !me.HasPassword():
			fresh(w, r, me)
		default:
			h(w, r, me)
		}
	}
}

// showChangePassword asks for the password, where there is one, and for another one.
func (s *Server) showChangePassword(w http.ResponseWriter, r *http.Request, me *self) {
	s.showPage(w, r, http.StatusOK, false, s.changePasswordPage(w, r, me, r.URL.Query().Get("after") == "report"))
}

// changePasswordPage is the form with what is on before anything was typed. After a report of somebody else's sign-in all else ends.
func (s *Server) changePasswordPage(w http.ResponseWriter, r *http.Request, me *self, reported bool) view.ChangePassword {
	f := s.accountFrame(w, r, me, "security")
	page := view.ChangePassword{AccountFrame: f, HasPassword: me.HasPassword(), Reported: reported, EndOthers: true}
	page.Crumbs = []view.Crumb{{Label: page.Title()}}
	return page
}

// changePassword takes the current password and another one. The session goes on under another token (WEB-26).
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request, me *self) {
	reported := r.PostForm.Get("after") == "report"
	page := s.changePasswordPage(w, r, me, reported)
	page.EndOthers = reported || r.PostForm.Get("end_others") != ""
	current, chosen := r.PostForm.Get("current"), r.PostForm.Get("password")
	again := func(status int) { s.showPage(w, r, status, false, page) }
	if page.HasPassword && current == "" {
		page.CurrentError = page.Text.T("account.password.current_missing")
		again(http.StatusUnprocessableEntity)
		return
	}

	err := s.people.ChangePassword(r.Context(), account.PasswordChange{
		PersonID: me.ID, SessionID: me.Session.ID, Current: current, Proven: !page.HasPassword, New: chosen, EndOthers: page.EndOthers,
		Device: s.device(w, r),
	}, s.bySelf(r, me), s.now())
	var wrong *account.PasswordError
	var throttled *account.ThrottledError
	switch {
	case errors.As(err, &wrong):
		page.PasswordError = passwordProblem(page.Text, wrong)
		again(http.StatusUnprocessableEntity)
		return
	case errors.Is(err, account.ErrCredentials):
		page.CurrentError = page.Text.T("confirm.mismatch")
		again(http.StatusUnprocessableEntity)
		return
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", retryAfter(throttled.RetryAfter))
		page.CurrentError = page.Text.T(view.LoginThrottled, "Wait", page.Text.Duration(throttled.RetryAfter))
		again(http.StatusTooManyRequests)
		return
	case errors.Is(err, account.ErrChanged): // by another tab, or an admin
		page.CurrentError = page.Text.T("account.password.changed_meanwhile")
		again(http.StatusUnprocessableEntity)
		return
	case isNotFound(err):
		s.redirect(w, s.base+"/login")
		return
	case err != nil:
		s.unavailable(w, r, "change password", err)
		return
	}
	if _, err := s.sessions.begin(w, r, me.Session, me.Role); errors.Is(err, account.ErrSessionEnded) {
		s.redirect(w, s.base+"/login")
		return
	} else if err != nil {
		s.unavailable(w, r, "renew session", err)
		return
	}
	s.done(w, r, "/account/security", map[bool]string{true: "done.password_changed_ended", false: "done.password_changed"}[page.EndOthers])
}
