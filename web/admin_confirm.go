package web

import (
	"errors"
	"net/http"
	"strings"

	"regrant/app/account"
	"regrant/web/view"
)

// showConfirm asks an admin for the strongest proof that they have of who they are (WEB-40): today the password.
func (s *Server) showConfirm(w http.ResponseWriter, r *http.Request, a *admin) {
	s.showPage(w, r, http.StatusOK, false, s.confirmPage(w, r, a, r.URL.Query().Get("return")))
}

func (s *Server) confirmPage(w http.ResponseWriter, r *http.Request, a *admin, to string) view.ConfirmIdentity {
	return view.ConfirmIdentity{Frame: s.frame(r), FormToken: s.formToken(w, r), Email: a.Email, Name: a.Name, Return: adminReturn(to)}
}

// confirm takes the proof, by which the session gets another token (WEB-26), and goes back to what asked for it.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request, a *admin) {
	to, password := r.PostForm.Get("return"), r.PostForm.Get("password")
	page := s.confirmPage(w, r, a, to)
	if password == "" {
		page.Error = page.Text.T("confirm.incomplete")
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	session, err := s.people.Confirm(r.Context(), a.Session, password, s.device(w, r), s.byAdmin(r, a), s.now())
	var throttled *account.ThrottledError
	var expired *account.PasswordExpiredError
	switch {
	case errors.Is(err, account.ErrCredentials):
		page.Error = page.Text.T("confirm.mismatch")
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", retryAfter(throttled.RetryAfter))
		page.Error = page.Text.T(view.LoginThrottled, "Wait", page.Text.Duration(throttled.RetryAfter))
		s.showPage(w, r, http.StatusTooManyRequests, false, page)
		return
	case errors.As(err, &expired), isNotFound(err):
		s.redirect(w, s.base+"/login") // the session has ended meanwhile
		return
	case err != nil:
		s.unavailable(w, r, "confirm who somebody is", err)
		return
	}
	if _, err := s.sessions.begin(w, r, session, a.Role); errors.Is(err, account.ErrSessionEnded) {
		s.redirect(w, s.base+"/login")
		return
	} else if err != nil {
		s.unavailable(w, r, "renew session", err)
		return
	}
	s.redirect(w, s.base+adminReturn(to))
}

// adminReturn is the page of admins to go back to: the one that asked, if it is one.
func adminReturn(to string) string {
	if to = localReturn(to); strings.HasPrefix(to, "/admin") && !strings.HasPrefix(to, "/admin/confirm") {
		return to
	}
	return "/admin"
}
