package web

import (
	"errors"
	"net/http"

	"regrant/app/account"
	"regrant/web/view"
)

// passkeyBinding is what a ceremony is bound to: this browser, and what it is for.
func (s *Server) passkeyBinding(w http.ResponseWriter, r *http.Request, what string) string {
	return s.mark(s.browser(w, r), "passkey "+what)
}

// passkeyQuestion is the question on the sign-in page, the same for everybody. When it cannot be had, people sign in without.
func (s *Server) passkeyQuestion(w http.ResponseWriter, r *http.Request) *view.PasskeyQuestion {
	c, err := s.passkeys.Question(s.passkeyBinding(w, r, "sign in"), s.now())
	if err != nil {
		if !errors.Is(err, account.ErrNoPasskeys) {
			s.log.Error("no passkeys on the sign-in page", "request_id", requestOf(r).id, "err", err.Error())
		}
		return nil
	}
	return &view.PasskeyQuestion{Options: c.Options, State: c.State}
}

// passkeyQuestionTo asks for the passkeys of somebody who is known by another proof, for what the binding names; nil if they have
// none. When it cannot be had, they show something else.
func (s *Server) passkeyQuestionTo(w http.ResponseWriter, r *http.Request, personID, what string) *view.PasskeyQuestion {
	c, err := s.passkeys.QuestionTo(r.Context(), personID, s.passkeyBinding(w, r, what), s.now())
	if err != nil {
		if !errors.Is(err, account.ErrNoPasskeys) {
			s.log.Error("no question to passkeys", "request_id", requestOf(r).id, "err", err.Error())
		}
		return nil
	}
	return &view.PasskeyQuestion{Options: c.Options, State: c.State}
}

// passkeyAnswer is what the form of a ceremony sends.
func passkeyAnswer(r *http.Request) account.PasskeyAnswer {
	return account.PasskeyAnswer{State: r.PostForm.Get("ceremony"), Credential: r.PostForm.Get("credential")}
}

// loginByPasskey signs in whoever the passkey belongs to, and goes on with what they came for.
func (s *Server) loginByPasskey(w http.ResponseWriter, r *http.Request) {
	pending, ok := s.pendingOfForm(w, r)
	if !ok {
		return
	}
	course, ok := s.course(w, r, pending)
	if !ok {
		return
	}
	signedIn, err := s.passkeys.SignIn(r.Context(), passkeyAnswer(r), s.passkeyBinding(w, r, "sign in"), s.device(w, r), originOf(r), s.now())
	var expired *account.PasswordExpiredError
	switch {
	case errors.As(err, &expired):
		s.askRenewal(w, r, pending, course, expired)
	case errors.Is(err, account.ErrPasskeyRefused):
		s.log.Info("sign-in refused", "request_id", requestOf(r).id, "ip", originOf(r).IP, "reason", err.Error())
		page := s.loginPage(w, r, pending)
		page.Email, page.Stay, page.Refused = r.PostForm.Get("email"), course.Stay, page.Text.T("passkey.error.refused")
		s.showPage(w, r, http.StatusUnprocessableEntity, true, page)
	case err != nil:
		s.signInRefused(w, r, pending, err)
	default:
		signedIn.Stay = course.Stay
		s.goIn(w, r, pending, course.Return, signedIn)
	}
}
