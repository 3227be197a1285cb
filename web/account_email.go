package web

import (
	"errors"
	"net/http"

	"regrant/app/account"
	"regrant/app/mail"
	"regrant/web/view"
)

// accountEmail are the pages with which somebody gets another address. Asking for it takes a fresh proof (WEB-34).
func (s *Server) accountEmail(own *accountArea) {
	own.fresh("/account/email", s.showChangeEmail, s.askChangeEmail)
	own.form("/account/email/{token}", s.showConfirmEmail, s.confirmEmail)
}

// emailLinkAgain is where somebody goes on who has opened the link of a mail without being signed in.
const emailLinkAgain = "/account/email?opened=link"

func (s *Server) changeEmailPage(w http.ResponseWriter, r *http.Request, me *self) view.ChangeEmail {
	f := s.accountFrame(w, r, me, "profile")
	f.Crumbs = []view.Crumb{{Label: f.Text.T("account.email.title")}}
	return view.ChangeEmail{
		AccountFrame: f, CanMail: s.cfg.Mail.Open(), Opened: r.URL.Query().Get("opened") == "link", New: r.PostForm.Get("email"),
	}
}

func (s *Server) showChangeEmail(w http.ResponseWriter, r *http.Request, me *self) {
	s.showPage(w, r, http.StatusOK, false, s.changeEmailPage(w, r, me))
}

// askChangeEmail sends a link to the new address. Whether somebody else has it is not told here but to them.
func (s *Server) askChangeEmail(w http.ResponseWriter, r *http.Request, me *self) {
	if !s.mailing(w, r) {
		return
	}
	page := s.changeEmailPage(w, r, me)
	email, err := account.ParseEmail(page.New)
	switch {
	case err != nil:
		page.Error = page.Text.T("email.invalid")
	case email == me.Email:
		page.Error = page.Text.T("account.email.same")
	}
	if page.Error == "" {
		a := s.asked(r, mail.AskedEmailChange, email)
		a.PersonID = me.ID
		if err = s.cfg.Mail.Ask(r.Context(), a); errors.Is(err, mail.ErrAddressFull) {
			page.Error = page.Text.T("account.email.full")
		}
	}
	switch {
	case page.Error != "":
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
	case err != nil:
		s.mailRefused(w, r, err)
	default:
		s.done(w, r, "/account/email", "done.email_asked")
	}
}

// emailLink finds the link of the request among those of the person. When there is none, it answers itself.
func (s *Server) emailLink(w http.ResponseWriter, r *http.Request, me *self) (account.Link, bool) {
	link, err := s.links.Find(r.Context(), account.LinkEmail, r.PathValue("token"), s.now())
	if err == nil && link.PersonID != me.ID {
		err = account.ErrLinkOver
	}
	if err != nil {
		s.linkRefused(w, r, view.ProblemEmailOver, err)
	}
	return link, err == nil
}

// showConfirmEmail asks whether the address shall be changed. It uses nothing up: programs that look into mails come here too.
func (s *Server) showConfirmEmail(w http.ResponseWriter, r *http.Request, me *self) {
	link, ok := s.emailLink(w, r, me)
	if !ok {
		return
	}
	f := s.accountFrame(w, r, me, "profile")
	f.Crumbs = []view.Crumb{{Label: f.Text.T("account.email.title"), URL: "/account/email"}, {Label: f.Text.T("account.email.confirm")}}
	s.showPage(w, r, http.StatusOK, false, view.ConfirmEmail{AccountFrame: f, Token: r.PathValue("token"), New: link.Email})
}

// confirmEmail changes the address.
func (s *Server) confirmEmail(w http.ResponseWriter, r *http.Request, me *self) {
	if err := s.links.ChangeEmail(r.Context(), me.ID, r.PathValue("token"), originOf(r), s.now()); err != nil {
		s.linkRefused(w, r, view.ProblemEmailOver, err)
		return
	}
	s.done(w, r, "/account", "done.email_changed")
}
