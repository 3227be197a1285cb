package web

import (
	"errors"
	"net/http"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/web/view"
)

// showReset asks whoever holds a reset link for another password. It uses nothing up: programs that look into mails come
// here too (WEB-42).
func (s *Server) showReset(w http.ResponseWriter, r *http.Request) {
	if page, ok := s.resetPage(w, r); ok {
		s.showPage(w, r, http.StatusOK, false, page)
	}
}

// resetPage is the page for the link of the request. When that is over, it answers itself.
func (s *Server) resetPage(w http.ResponseWriter, r *http.Request) (view.NewPassword, bool) {
	token := r.PathValue("token")
	f := s.frame(r)
	page := view.NewPassword{
		Frame: f, Action: "/reset/" + token, Request: waitingRequest(r), Lead: f.Text.T("reset.lead"), FormToken: s.formToken(w, r), Submit: f.Text.T("reset.submit"),
	}
	link, err := s.links.Find(r.Context(), account.LinkReset, token, s.now())
	if err == nil {
		var person account.Person
		person, err = s.people.Find(r.Context(), link.PersonID)
		page.Email = person.Email
	}
	if err != nil {
		s.linkRefused(w, r, s.resetOver(), err)
	}
	return page, err == nil
}

// resetOver is what is said of a reset link that is over, and how to get another one.
func (s *Server) resetOver() view.Problem {
	if s.cfg.Mail.Open() {
		return view.ProblemResetOverMail
	}
	return view.ProblemResetOver
}

// reset sets the password and ends all that the person has. Nobody is signed in by it, so it skips no other factor.
func (s *Server) reset(w http.ResponseWriter, r *http.Request) {
	page, ok := s.resetPage(w, r)
	if !ok {
		return
	}
	_, err := s.links.ChoosePassword(r.Context(), account.LinkReset, r.PathValue("token"), r.PostForm.Get("password"), account.Course{}, "", originOf(r), s.now())
	var wrong *account.PasswordError
	switch {
	case errors.As(err, &wrong):
		page.PasswordError = passwordProblem(page.Text, wrong)
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
	case err != nil:
		s.linkRefused(w, r, s.resetOver(), err)
	default:
		s.redirect(w, s.base+withRequest("/reset", page.Request))
	}
}

// showPasswordSet says that it is done, at an address without a token.
func (s *Server) showPasswordSet(w http.ResponseWriter, r *http.Request) {
	s.showPage(w, r, http.StatusOK, false, view.PasswordSet{Frame: s.frame(r), Request: waitingRequest(r)})
}

// askRenewal answers a right password that has to be changed with the form for another one, in place of a session.
func (s *Server) askRenewal(w http.ResponseWriter, r *http.Request, pending *oauth.Progress, c account.Course, expired *account.PasswordExpiredError) {
	token, err := s.links.Renewal(r.Context(), expired, c.Browser, originOf(r), s.now())
	if err != nil {
		s.signInRefused(w, r, pending, err)
		return
	}
	s.showPage(w, r, http.StatusOK, true, s.renewalPage(w, r, c, token, expired.Person.Email))
}

func (s *Server) renewalPage(w http.ResponseWriter, r *http.Request, c account.Course, token, email string) view.NewPassword {
	f := s.frame(r)
	return view.NewPassword{
		Frame: f, Action: "/login/password", Lead: f.Text.T("reset.expired_lead"), FormToken: s.formToken(w, r), Email: email, Renewal: token,
		Request: c.RequestID, Return: c.Return, Stay: c.Stay, Submit: f.Text.T("reset.continue"),
	}
}

// renewPassword sets the password that had to be changed, signs the person in with it and goes on with what they came for.
func (s *Server) renewPassword(w http.ResponseWriter, r *http.Request) {
	pending, ok := s.pendingOfForm(w, r)
	if !ok {
		return
	}
	course, ok := s.course(w, r, pending)
	if !ok {
		return
	}
	token := r.PostForm.Get("renewal")
	signedIn, err := s.links.ChoosePassword(r.Context(), account.LinkRenewal, token, r.PostForm.Get("password"), course, s.device(w, r), originOf(r), s.now())
	var wrong *account.PasswordError
	var unfinished *account.UnfinishedError
	switch {
	case errors.As(err, &wrong):
		page := s.renewalPage(w, r, course, token, s.renewing(r, token, course.Browser))
		page.PasswordError = passwordProblem(page.Text, wrong)
		s.showPage(w, r, http.StatusUnprocessableEntity, true, page)
	case errors.Is(err, account.ErrLinkOver), errors.Is(err, account.ErrNotFound):
		page := s.loginPage(w, r, pending)
		page.Notice = page.Text.T(view.LoginStale)
		s.showPage(w, r, http.StatusUnprocessableEntity, true, page)
	case errors.As(err, &unfinished):
		s.redirect(w, s.secondAddress(unfinished, course))
	case err != nil:
		s.unavailable(w, r, "renew password", err)
	default:
		s.goIn(w, r, pending, course.Return, signedIn)
	}
}

// renewing is the address of whoever chooses another password, for password managers; empty when it cannot be told.
func (s *Server) renewing(r *http.Request, token string, browser []byte) string {
	link, err := s.links.FindRenewal(r.Context(), token, browser, s.now())
	if err != nil {
		return ""
	}
	person, err := s.people.Find(r.Context(), link.PersonID)
	if err != nil {
		return ""
	}
	return person.Email
}
