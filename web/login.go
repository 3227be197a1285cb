package web

import (
	"errors"
	"net/http"
	"net/url"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/web/view"
)

// showLogin shows the sign-in page: for an authorization when the query names its request, else for this server itself.
// Whoever wants to use another account gets the form whatever would come next.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	id, another := r.URL.Query().Get("request"), r.URL.Query().Get("switch") != ""
	if id == "" {
		s.showOwnLogin(w, r, another)
		return
	}
	if another {
		if p, ok := s.pending(w, r, id); ok {
			page := s.loginPage(w, r, p)
			page.Email = ""
			s.showPage(w, r, http.StatusOK, true, page)
		}
		return
	}
	p, who, ok := s.resume(w, r, id)
	if !ok {
		return
	}
	switch p.Step {
	case oauth.StepConsent:
		s.goOn(w, r, p, nil)
	case oauth.StepSecond:
		s.showStepUp(w, r, p)
	case oauth.StepSelect:
		s.showPage(w, r, http.StatusOK, true, view.SelectAccount{
			Frame: s.frame(r), ClientName: p.Client.Name, ClientHost: hostOf(p.Request.RedirectURI), Email: p.Owner.Email, Name: p.Owner.Name,
			Request: id, FormToken: s.formToken(w, r),
		})
	case oauth.StepNoAccess:
		s.showPage(w, r, http.StatusForbidden, true, view.NoAccess{
			Frame: s.frame(r), ClientName: p.Client.Name, Device: p.Request.Device != nil, ClientHost: hostOf(p.Request.RedirectURI), Email: p.Owner.Email, Name: p.Owner.Name,
			Request: id, FormToken: s.formToken(w, r),
		})
	default:
		page := s.loginPage(w, r, p)
		if who != nil {
			page.Notice = page.Text.T(view.LoginAgain)
		}
		s.showPage(w, r, http.StatusOK, true, page)
	}
}

// showOwnLogin shows the form for this server itself. Somebody who is signed in goes to where they belong.
func (s *Server) showOwnLogin(w http.ResponseWriter, r *http.Request, another bool) {
	if !another {
		_, person, ok := s.person(w, r)
		if !ok {
			return
		}
		if person != nil {
			s.redirect(w, s.base+s.belongs(person.Role, r.URL.Query().Get("return")))
			return
		}
	}
	s.showPage(w, r, http.StatusOK, true, s.loginPage(w, r, nil))
}

// pending reads an authorization that waits for a sign-in. When there is none, it answers itself.
func (s *Server) pending(w http.ResponseWriter, r *http.Request, id string) (*oauth.Progress, bool) {
	p, err := s.oauth.Pending(r.Context(), id, oauth.HashBrowser(s.browser(w, r)))
	if err != nil {
		s.goOn(w, r, nil, err)
		return nil, false
	}
	inLocalesOf(r, p)
	return p, true
}

// pendingOfForm reads the authorization that a form of the sign-in is for, nil for none. When it is over, it answers itself.
func (s *Server) pendingOfForm(w http.ResponseWriter, r *http.Request) (*oauth.Progress, bool) {
	id := r.PostForm.Get("request")
	if id == "" {
		return nil, true
	}
	return s.pending(w, r, id)
}

// loginPage is the page with what is known before anything was typed.
func (s *Server) loginPage(w http.ResponseWriter, r *http.Request, p *oauth.Progress) view.Login {
	page := view.Login{Frame: s.frame(r), FormToken: s.formToken(w, r), Return: localReturn(r.URL.Query().Get("return"))}
	if r.Method == http.MethodPost {
		page.Return = localReturn(r.PostForm.Get("return"))
	}
	request := ""
	if p != nil {
		request = p.Request.ID
	}
	if s.cfg.Mail.Open() {
		page.ForgotURL = s.base + withRequest("/forgot", request)
		if s.site.settings(r.Context()).SignUp.On {
			page.SignUpURL = s.base + withRequest("/signup", request)
		}
	}
	if p != nil {
		page.ClientName, page.ClientHost = p.Client.Name, hostOf(p.Request.RedirectURI)
		page.Request, page.Email = p.Request.ID, p.Request.LoginHint
	}
	page.Passkey = s.passkeyQuestion(w, r)
	return page
}

// login signs a person in, with a session of its own that nobody knew before, and goes on with what they came for.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	pending, ok := s.pendingOfForm(w, r)
	if !ok {
		return
	}
	course, ok := s.course(w, r, pending)
	if !ok {
		return
	}
	credentials := account.Credentials{Email: r.PostForm.Get("email"), Password: r.PostForm.Get("password"), Device: s.device(w, r), Course: course}
	if credentials.Email == "" || credentials.Password == "" {
		s.loginFailed(w, r, pending, http.StatusUnprocessableEntity, s.frame(r).Text.T(view.LoginIncomplete))
		return
	}
	signedIn, err := s.people.SignIn(r.Context(), credentials, originOf(r), s.now())
	var expired *account.PasswordExpiredError
	var unfinished *account.UnfinishedError
	switch {
	case errors.As(err, &expired):
		s.askRenewal(w, r, pending, course, expired)
	case errors.As(err, &unfinished):
		s.redirect(w, s.secondAddress(unfinished, course))
	case err != nil:
		s.signInRefused(w, r, pending, err)
	default:
		s.goIn(w, r, pending, course.Return, signedIn)
	}
}

// goIn begins the session of somebody who has proved who they are, and leads to what they came for.
func (s *Server) goIn(w http.ResponseWriter, r *http.Request, pending *oauth.Progress, to string, signedIn *account.SignedIn) {
	session, ok := s.enter(w, r, pending, signedIn)
	if !ok {
		return
	}
	if pending == nil {
		s.redirect(w, s.base+s.belongs(signedIn.Person.Role, to))
		return
	}
	progress, err := s.oauth.Resume(r.Context(), pending.Request.ID, oauth.HashBrowser(s.browser(w, r)), subject(&session), originOf(r))
	s.goOn(w, r, progress, err)
}

// enter begins a session of its own that nobody knew before. When it does not begin, it answers itself.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, pending *oauth.Progress, signedIn *account.SignedIn) (account.Session, bool) {
	if !s.leave(w, r, signedIn.Person.ID) {
		return account.Session{}, false
	}
	session, err := s.sessions.begin(w, r, account.NewSession(signedIn, originOf(r)), signedIn.Person.Role)
	switch {
	case errors.Is(err, account.ErrSessionEnded):
		s.signInRefused(w, r, pending, account.ErrCredentials) // disabled or given another password meanwhile
	case err != nil:
		s.unavailable(w, r, "begin session", err)
	}
	return session, err == nil
}

// belongs is where somebody goes who came for no authorization: back to where they were sent to sign in from, else to their
// own pages.
func (s *Server) belongs(role account.Role, to string) string {
	if to = localReturn(to); to != "" {
		return to
	}
	if role.Reads() {
		return "/admin"
	}
	return "/account"
}

// leave signs out whoever else was signed in with this browser. When the store cannot do it, it answers itself.
func (s *Server) leave(w http.ResponseWriter, r *http.Request, personID string) bool {
	before, _, err := s.sessions.current(r)
	if err == nil && before != nil && before.PersonID != personID {
		err = s.people.SignOut(r.Context(), *before, originOf(r), s.now())
	}
	if err != nil {
		s.unavailable(w, r, "sign out who was here before", err)
		return false
	}
	return true
}

// signInRefused shows the form again; what is wrong with address or password is not told.
func (s *Server) signInRefused(w http.ResponseWriter, r *http.Request, pending *oauth.Progress, err error) {
	text := s.frame(r).Text
	s.log.Info("sign-in refused", "request_id", requestOf(r).id, "ip", originOf(r).IP, "reason", err.Error())
	var throttled *account.ThrottledError
	switch {
	case errors.Is(err, account.ErrCredentials):
		s.loginFailed(w, r, pending, http.StatusUnprocessableEntity, text.T(view.LoginMismatch))
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", retryAfter(throttled.RetryAfter))
		s.loginFailed(w, r, pending, http.StatusTooManyRequests, text.T(view.LoginThrottled, "Wait", text.Duration(throttled.RetryAfter)))
	default:
		s.unavailable(w, r, "sign in", err)
	}
}

func (s *Server) loginFailed(w http.ResponseWriter, r *http.Request, pending *oauth.Progress, status int, message string) {
	page := s.loginPage(w, r, pending)
	page.Email, page.Stay, page.Error = r.PostForm.Get("email"), r.PostForm.Get("stay") == "on", message
	s.showPage(w, r, status, true, page)
}

// continueLogin takes the answer to "continue as" (prompt=select_account, OpenID Connect Core §3.1.2.1), and to the page that says
// that the application is not for this person.
func (s *Server) continueLogin(w http.ResponseWriter, r *http.Request) {
	id, decision := r.PostForm.Get("request"), r.PostForm.Get("decision")
	if decision != "continue" && decision != "back" {
		s.redirect(w, s.base+"/login?switch=1&request="+url.QueryEscape(id))
		return
	}
	who, ok := s.signedIn(w, r)
	if !ok {
		return
	}
	if decision == "back" {
		progress, err := s.oauth.GiveUp(r.Context(), id, oauth.HashBrowser(s.browser(w, r)), who, originOf(r))
		s.goOn(w, r, progress, err)
		return
	}
	progress, err := s.oauth.SelectAccount(r.Context(), id, oauth.HashBrowser(s.browser(w, r)), who, originOf(r))
	s.goOn(w, r, progress, err)
}

// hostOf is what people recognise of a redirect URI.
func hostOf(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme
	}
	return u.Host
}
