package web

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"

	"regrant/app/account"
	"regrant/app/mail"
	"regrant/web/view"
)

// showForgot asks for the address of somebody who forgot their password.
func (s *Server) showForgot(w http.ResponseWriter, r *http.Request) {
	if s.mailing(w, r) {
		s.showPage(w, r, http.StatusOK, false, s.forgotPage(w, r))
	}
}

func (s *Server) forgotPage(w http.ResponseWriter, r *http.Request) view.Forgot {
	return view.Forgot{Frame: s.frame(r), FormToken: s.formToken(w, r), Request: waitingRequest(r), Email: r.PostForm.Get("email")}
}

// forgot takes the address. What it does and answers is the same whether anybody has it or not (WEB-33): who it is, is found out
// when the mail is sent. An address that was sent enough of them gets no more, and nobody learns that here either.
func (s *Server) forgot(w http.ResponseWriter, r *http.Request) {
	if !s.mailing(w, r) {
		return
	}
	email, err := account.ParseEmail(r.PostForm.Get("email"))
	if err != nil {
		page := s.forgotPage(w, r)
		page.Error = page.Text.T("email.invalid")
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	err = s.cfg.Mail.Ask(r.Context(), s.asked(r, mail.AskedReset, email))
	if err != nil && !errors.Is(err, mail.ErrAddressFull) {
		s.mailRefused(w, r, err)
		return
	}
	s.redirect(w, s.base+withRequest("/forgot/sent", waitingRequest(r)))
}

// showForgotSent says what happens next, at an address that can be loaded again.
func (s *Server) showForgotSent(w http.ResponseWriter, r *http.Request) {
	if s.mailing(w, r) {
		f := s.frame(r)
		s.showPage(w, r, http.StatusOK, false, view.MailSent{Frame: f, Lead: f.Text.T("forgot.sent"), Hint: f.Text.T("forgot.hint"), Request: waitingRequest(r)})
	}
}

var waitingID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// waitingRequest is the authorization that waits while somebody does something else first. It is good in their browser only.
func waitingRequest(r *http.Request) string {
	id := r.URL.Query().Get("request")
	if r.Method == http.MethodPost {
		id = r.PostForm.Get("request")
	}
	if !waitingID.MatchString(id) {
		return ""
	}
	return id
}

// withRequest gives a path with the authorization that waits.
func withRequest(path, request string) string {
	if request == "" {
		return path
	}
	return path + "?request=" + url.QueryEscape(request)
}
