package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"regrant/app/account"
	"regrant/web/view"
)

// freshness says whether who sits in front of the session has just proven who they are, by the strongest factor that they have
// (WEB-40). When the store cannot say, it answers itself.
func (s *Server) freshness(w http.ResponseWriter, r *http.Request, session *account.Session) (fresh, ok bool) {
	if !session.Fresh(account.Factors{}, s.now()) {
		return false, true // no factor makes an old proof fresh
	}
	factors, err := s.people.Factors(r.Context(), session.PersonID)
	if err != nil {
		s.unavailable(w, r, "read factors", err)
		return false, false
	}
	return session.Fresh(factors, s.now()), true
}

// confirmAddress is where somebody proves once more who they are, and comes back from.
func (s *Server) confirmAddress(to string) string {
	return s.base + "/confirm?return=" + url.QueryEscape(to)
}

// showConfirm asks somebody who is signed in for the strongest proof that they have of who they are.
func (s *Server) showConfirm(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("return")
	if _, page, ok := s.confirming(w, r, to); ok {
		s.showPage(w, r, http.StatusOK, false, page)
	}
}

// confirming gives who is asked, and the page that asks. When nobody is signed in, it answers itself.
func (s *Server) confirming(w http.ResponseWriter, r *http.Request, to string) (*self, view.ConfirmIdentity, bool) {
	var page view.ConfirmIdentity
	session, person, ok := s.person(w, r)
	if !ok {
		return nil, page, false
	}
	if session == nil || !person.Active() {
		s.redirect(w, s.base+"/login?return="+url.QueryEscape(localReturn(to)))
		return nil, page, false
	}
	factors, err := s.people.Factors(r.Context(), person.ID)
	if err != nil {
		s.unavailable(w, r, "read factors", err)
		return nil, page, false
	}
	me := &self{Person: *person, Session: *session}
	page = view.ConfirmIdentity{
		Frame: s.frame(r), FormToken: s.formToken(w, r), Email: me.Email, Name: me.Name, Return: confirmReturn(to, me.Role), TOTP: factors.TOTP && factors.Passkeys == 0,
		Second: factors.Second(), Passkey: s.passkeyQuestionTo(w, r, person.ID, "confirm "+session.ID),
	}
	return me, page, true
}

// confirm takes the proof, by which the session gets another token (WEB-26), and goes back to what asked for it.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	me, page, ok := s.confirming(w, r, r.PostForm.Get("return"))
	if !ok {
		return
	}
	proof := account.Proof{Password: r.PostForm.Get("password"), Code: r.PostForm.Get("code"), Device: s.device(w, r)}
	answer := passkeyAnswer(r)
	again := func(status int) { s.showPage(w, r, status, false, page) }
	switch {
	case answer.Credential != "":
	case proof.Password == "":
		page.Error = page.Text.T("confirm.incomplete")
		again(http.StatusUnprocessableEntity)
		return
	case page.Second && proof.Code == "":
		page.CodeError = page.Text.T("second.error.incomplete")
		again(http.StatusUnprocessableEntity)
		return
	}
	var session account.Session
	var err error
	if answer.Credential != "" {
		session, err = s.passkeys.Confirm(r.Context(), me.Session, proof, answer, s.passkeyBinding(w, r, "confirm "+me.Session.ID), originOf(r), s.now())
		page.Both = proof.Password != ""
	} else {
		session, err = s.people.Confirm(r.Context(), me.Session, proof, originOf(r), s.now())
	}
	var throttled *account.ThrottledError
	var expired *account.PasswordExpiredError
	switch {
	case errors.Is(err, account.ErrPasskeyRefused):
		page.Refused = page.Text.T("passkey.error.refused_second")
		again(http.StatusUnprocessableEntity)
		return
	case errors.Is(err, account.ErrPasswordToo):
		page.Both, page.Error = true, page.Text.T("passkey.error.password_too")
		again(http.StatusUnprocessableEntity)
		return
	case errors.Is(err, account.ErrCredentials):
		page.Error = page.Text.T("confirm.mismatch")
		again(http.StatusUnprocessableEntity)
		return
	case errors.Is(err, account.ErrCode):
		page.CodeError = page.Text.T("second.error.mismatch")
		again(http.StatusUnprocessableEntity)
		return
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", retryAfter(throttled.RetryAfter))
		page.Error = page.Text.T(view.LoginThrottled, "Wait", page.Text.Duration(throttled.RetryAfter))
		again(http.StatusTooManyRequests)
		return
	case errors.As(err, &expired), isNotFound(err):
		s.redirect(w, s.base+"/login") // the session has ended meanwhile
		return
	case err != nil:
		s.unavailable(w, r, "confirm who somebody is", err)
		return
	}
	if s.renew(w, r, session, me.Role) {
		s.redirect(w, s.base+page.Return)
	}
}

// renew gives the session of somebody who has proven more than before another token (WEB-26). When it has ended, it answers itself.
func (s *Server) renew(w http.ResponseWriter, r *http.Request, session account.Session, role account.Role) bool {
	_, err := s.sessions.begin(w, r, session, role)
	switch {
	case errors.Is(err, account.ErrSessionEnded):
		s.redirect(w, s.base+"/login")
	case err != nil:
		s.unavailable(w, r, "renew session", err)
	}
	return err == nil
}

// confirmReturn is the page to go back to: the one that asked, if it is one of ours, else the first one of those that somebody
// in this role has.
func confirmReturn(to string, role account.Role) string {
	if to = localReturn(to); to != "" && (role.Reads() || !strings.HasPrefix(to, "/admin")) {
		return to
	}
	if role.Reads() {
		return "/admin"
	}
	return "/account"
}
