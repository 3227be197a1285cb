package web

import (
	"errors"
	"net/http"
	"strings"

	"regrant/app/account"
	"regrant/app/mail"
	"regrant/app/oauth"
	"regrant/app/settings"
	"regrant/web/view"
)

// signingUp gives the rules by which people make their accounts; when they may not, it answers that there is no such page. The
// rules are read anew: a switch that was turned off is off.
func (s *Server) signingUp(w http.ResponseWriter, r *http.Request) (settings.SignUp, bool) {
	if !s.mailing(w, r) {
		return settings.SignUp{}, false
	}
	now, err := s.store.SiteSettings(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the settings", err)
		return settings.SignUp{}, false
	}
	if !now.SignUp.On {
		s.notFound(w, r)
	}
	return now.SignUp, now.SignUp.On
}

// showSignUp asks for the address of somebody who wants an account.
func (s *Server) showSignUp(w http.ResponseWriter, r *http.Request) {
	rules, ok := s.signingUp(w, r)
	if !ok {
		return
	}
	if page, ok := s.signUpPage(w, r, rules); ok {
		s.showPage(w, r, http.StatusOK, false, page)
	}
}

// signUpPage is the page with what was typed. When the store cannot say for which application, it answers itself.
func (s *Server) signUpPage(w http.ResponseWriter, r *http.Request, rules settings.SignUp) (view.SignUp, bool) {
	page := view.SignUp{Frame: s.frame(r), FormToken: s.formToken(w, r), Request: waitingRequest(r), Email: r.PostForm.Get("email")}
	if len(rules.Domains) > 0 {
		page.Domains = page.Text.T("signup.domains", "Domains", strings.Join(rules.Domains, ", "))
	}
	p, ok := s.stillPending(w, r, page.Request)
	if p != nil {
		page.ClientName, page.ClientHost = p.Client.Name, hostOf(p.Request.RedirectURI)
	}
	return page, ok
}

// stillPending is the authorization that waits in this browser, nil if it is over or none of this browser's: whoever follows a
// link elsewhere goes on without it. When the store cannot say, it answers itself.
func (s *Server) stillPending(w http.ResponseWriter, r *http.Request, id string) (*oauth.Progress, bool) {
	if id == "" {
		return nil, true
	}
	p, err := s.oauth.Pending(r.Context(), id, oauth.HashBrowser(s.browser(w, r)))
	if err == nil {
		return p, true
	}
	if code := oauth.AsError(err).Code; code == oauth.TemporarilyUnavailable || code == oauth.ServerError {
		s.writePageError(w, r, err)
		return nil, false
	}
	return nil, true
}

// signUp takes the address. Nothing exists until its owner has followed the link, and the answer is the same for one that has
// an account: it gets a mail that says so (WEB-33).
func (s *Server) signUp(w http.ResponseWriter, r *http.Request) {
	rules, ok := s.signingUp(w, r)
	if !ok {
		return
	}
	email, err := account.ParseEmail(r.PostForm.Get("email"))
	if err != nil || !rules.May(email) {
		page, ok := s.signUpPage(w, r, rules)
		if !ok {
			return
		}
		page.Error = page.Text.T("signup.wrong_domain")
		if err != nil {
			page.Error = page.Text.T("email.invalid")
		}
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	err = s.cfg.Mail.Ask(r.Context(), s.asked(r, mail.AskedSignUp, email))
	if err != nil && !errors.Is(err, mail.ErrAddressFull) {
		s.mailRefused(w, r, err)
		return
	}
	s.redirect(w, s.base+withRequest("/signup/sent", waitingRequest(r)))
}

// showSignUpSent says what happens next.
func (s *Server) showSignUpSent(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.signingUp(w, r); ok {
		f := s.frame(r)
		s.showPage(w, r, http.StatusOK, false, view.MailSent{Frame: f, Lead: f.Text.T("signup.sent"), Hint: f.Text.T("signup.hint"), Request: waitingRequest(r)})
	}
}

// showFinishSignUp asks whoever has followed the link for a name and a password. It uses nothing up.
func (s *Server) showFinishSignUp(w http.ResponseWriter, r *http.Request) {
	page, _, ok := s.finishPage(w, r)
	if !ok {
		return
	}
	_, person, ok := s.person(w, r)
	if !ok {
		return
	}
	if person != nil {
		page.SignedIn = person.Email
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// finishPage is the page for the link of the request. When that is over, it answers itself.
func (s *Server) finishPage(w http.ResponseWriter, r *http.Request) (view.FinishSignUp, settings.SignUp, bool) {
	rules, ok := s.signingUp(w, r)
	if !ok {
		return view.FinishSignUp{}, rules, false
	}
	link, err := s.links.Find(r.Context(), account.LinkSignUp, r.PathValue("token"), s.now())
	if err == nil && !rules.May(link.Email) {
		err = account.ErrLinkOver // the rules have changed since
	}
	if err != nil {
		s.linkRefused(w, r, view.ProblemSignUpOver, err)
		return view.FinishSignUp{}, rules, false
	}
	return view.FinishSignUp{
		Frame: s.frame(r), Token: r.PathValue("token"), FormToken: s.formToken(w, r), Request: waitingRequest(r), Email: link.Email, Name: r.PostForm.Get("name"),
	}, rules, true
}

// finishSignUp makes the account, signs its person in, and goes on with what they came for.
func (s *Server) finishSignUp(w http.ResponseWriter, r *http.Request) {
	page, rules, ok := s.finishPage(w, r)
	if !ok {
		return
	}
	pending, ok := s.stillPending(w, r, page.Request)
	if !ok {
		return
	}
	course, ok := s.course(w, r, pending)
	if !ok {
		return
	}
	signedIn, err := s.links.SignUp(r.Context(), page.Token, page.Name, r.PostForm.Get("password"), rules.May, course, s.device(w, r), originOf(r), s.now())
	var unfinished *account.UnfinishedError
	if errors.As(err, &unfinished) {
		s.redirect(w, s.secondAddress(unfinished, course))
		return
	}
	if wrong, ok := s.typedWrong(r, err); ok && wrong.email == "" {
		page.NameError, page.PasswordError = wrong.name, wrong.password
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	if err != nil {
		s.linkRefused(w, r, view.ProblemSignUpOver, err)
		return
	}
	s.goIn(w, r, pending, course.Return, signedIn)
}
