package web

import (
	"errors"
	"net/http"
	"net/url"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/web/view"
)

// course is what a sign-in is for, as its form says. pending is the authorization that waits for it, nil for none.
// When the store cannot say who needs two factors, it answers itself.
func (s *Server) course(w http.ResponseWriter, r *http.Request, pending *oauth.Progress) (account.Course, bool) {
	c := account.Course{Browser: s.browserHash(w, r), Stay: r.PostForm.Get("stay") == "on"}
	ofClient := false
	if pending != nil {
		c.RequestID, ofClient = pending.Request.ID, pending.Client.SecondFactor
	} else {
		c.Return = localReturn(r.PostForm.Get("return"))
	}
	rules, err := s.store.SiteSettings(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the settings", err)
		return c, false
	}
	c.Requires = func(role account.Role) bool { return ofClient || rules.SecondFactor.Covers(role.Reads()) }
	return c, true
}

// secondAddress is the next step of a sign-in that is not finished. What it is for stands in the address too, for a step that is over.
func (s *Server) secondAddress(e *account.UnfinishedError, c account.Course) string {
	path, q := "/login/second", url.Values{"step": {e.Token}}
	if e.Enrol {
		path = "/login/enrol"
	}
	if c.RequestID != "" {
		q.Set("request", c.RequestID)
	}
	if c.Return != "" {
		q.Set("return", c.Return)
	}
	return s.base + path + "?" + q.Encode()
}

// step is a sign-in in the middle, as a page or a form of it names it.
type step struct {
	token string
	account.Unfinished
	person  account.Person
	factors account.Factors
	pending *oauth.Progress // the authorization that waits for it, nil for none
}

// stepOf finds the sign-in that the page or form is about. When it is over, or what it is for, it answers itself.
func (s *Server) stepOf(w http.ResponseWriter, r *http.Request, values url.Values) (*step, bool) {
	st := &step{token: values.Get("step")}
	var err error
	st.Unfinished, st.person, err = s.people.Unfinished(r.Context(), st.token, s.browserHash(w, r), s.now())
	if errors.Is(err, account.ErrSignInOver) {
		s.signInOver(w, r, values)
		return nil, false
	}
	if err == nil {
		st.factors, err = s.people.Factors(r.Context(), st.person.ID)
	}
	if err != nil {
		s.unavailable(w, r, "read a sign-in", err)
		return nil, false
	}
	if st.RequestID != "" {
		var ok bool
		if st.pending, ok = s.pending(w, r, st.RequestID); !ok {
			return nil, false
		}
	}
	return st, true
}

// signInOver answers a step that is over. Whoever has finished it, in this tab before or in another one, goes on with what they
// came for; everybody else begins again.
func (s *Server) signInOver(w http.ResponseWriter, r *http.Request, values url.Values) {
	_, person, ok := s.person(w, r)
	if !ok {
		return
	}
	request, to := values.Get("request"), localReturn(values.Get("return"))
	if person != nil && request == "" {
		s.redirect(w, s.base+s.belongs(person.Role, to))
		return
	}
	if person != nil {
		s.redirect(w, s.base+"/login?request="+url.QueryEscape(request))
		return
	}
	var pending *oauth.Progress
	if request != "" {
		if pending, ok = s.pending(w, r, request); !ok {
			return
		}
	}
	page := s.loginPage(w, r, pending)
	page.Return, page.Notice = to, page.Text.T(view.LoginStale)
	status := http.StatusOK
	if r.Method == http.MethodPost {
		status = http.StatusUnprocessableEntity
	}
	s.showPage(w, r, status, true, page)
}

// showSecond asks for a second factor, after a right password.
func (s *Server) showSecond(w http.ResponseWriter, r *http.Request) {
	st, ok := s.stepOf(w, r, r.URL.Query())
	if !ok {
		return
	}
	if !st.factors.Second() {
		s.redirect(w, s.secondAddress(&account.UnfinishedError{Token: st.token, Enrol: true}, st.Course))
		return
	}
	s.showPage(w, r, http.StatusOK, true, s.secondPage(w, r, st))
}

func (s *Server) secondPage(w http.ResponseWriter, r *http.Request, st *step) view.SecondFactor {
	page := view.SecondFactor{
		Frame: s.frame(r), Action: "/login/second", Step: st.token, Request: st.RequestID, Return: st.Return, FormToken: s.formToken(w, r),
		Email: st.person.Email, TOTP: st.factors.TOTP,
		StayIgnored: st.Stay && !st.person.Role.MayStay(), Passkey: s.passkeyQuestionTo(w, r, st.person.ID, st.token),
	}
	if st.pending != nil {
		page.ClientName, page.ClientHost = st.pending.Client.Name, hostOf(st.pending.Request.RedirectURI)
	}
	return page
}

// second takes a code or a passkey as the second factor and finishes the sign-in.
func (s *Server) second(w http.ResponseWriter, r *http.Request) {
	st, ok := s.stepOf(w, r, r.PostForm)
	if !ok {
		return
	}
	page, code := s.secondPage(w, r, st), r.PostForm.Get("code")
	var in *account.SignedIn
	var err error
	switch answer := passkeyAnswer(r); {
	case answer.Credential != "":
		in, err = s.passkeys.Finish(r.Context(), st.token, answer, s.passkeyBinding(w, r, st.token), s.device(w, r), st.Browser, originOf(r), s.now())
	case code == "":
		page.Error = page.Text.T("second.error.incomplete")
		s.showPage(w, r, http.StatusUnprocessableEntity, true, page)
		return
	default:
		in, err = s.people.FinishWithCode(r.Context(), st.token, code, s.device(w, r), st.Browser, originOf(r), s.now())
	}
	var expired *account.PasswordExpiredError
	switch {
	case errors.Is(err, account.ErrSignInOver):
		s.signInOver(w, r, r.PostForm)
	case errors.As(err, &expired):
		s.askRenewal(w, r, st.pending, st.Course, expired)
	case err != nil:
		s.codeRefused(w, r, page, err)
	default:
		s.goIn(w, r, st.pending, st.Return, in)
	}
}

// codeRefused shows the page of a second factor again, with what was wrong.
func (s *Server) codeRefused(w http.ResponseWriter, r *http.Request, page view.SecondFactor, err error) {
	s.log.Info("second factor refused", "request_id", requestOf(r).id, "ip", originOf(r).IP, "reason", err.Error())
	var throttled *account.ThrottledError
	switch {
	case errors.Is(err, account.ErrPasskeyRefused):
		page.Refused = page.Text.T("passkey.error.refused_second")
		s.showPage(w, r, http.StatusUnprocessableEntity, true, page)
	case errors.Is(err, account.ErrCode):
		page.Error = page.Text.T("second.error.mismatch")
		s.showPage(w, r, http.StatusUnprocessableEntity, true, page)
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", retryAfter(throttled.RetryAfter))
		page.Error = page.Text.T(view.LoginThrottled, "Wait", page.Text.Duration(throttled.RetryAfter))
		s.showPage(w, r, http.StatusTooManyRequests, true, page)
	default:
		s.unavailable(w, r, "check a second factor", err)
	}
}

// showStepUp asks who is signed in for the second factor that an authorization needs. Who has none signs in once more, and adds one
// in doing so.
func (s *Server) showStepUp(w http.ResponseWriter, r *http.Request, p *oauth.Progress) {
	if !p.Owner.SecondFactor {
		page := s.loginPage(w, r, p)
		page.Email, page.Notice = p.Owner.Email, page.Text.T("login.notice.second", "Client", p.Client.Name)
		s.showPage(w, r, http.StatusOK, true, page)
		return
	}
	if page, ok := s.stepUpPage(w, r, p); ok {
		s.showPage(w, r, http.StatusOK, true, page)
	}
}

func (s *Server) stepUpPage(w http.ResponseWriter, r *http.Request, p *oauth.Progress) (view.SecondFactor, bool) {
	factors, err := s.people.Factors(r.Context(), p.Owner.ID)
	if err != nil {
		s.unavailable(w, r, "read factors", err)
	}
	return view.SecondFactor{
		Frame: s.frame(r), Action: "/login/step-up", Request: p.Request.ID, FormToken: s.formToken(w, r), Email: p.Owner.Email, TOTP: factors.TOTP,
		ClientName: p.Client.Name, ClientHost: hostOf(p.Request.RedirectURI), Passkey: s.passkeyQuestionTo(w, r, p.Owner.ID, p.Request.ID),
	}, err == nil
}

// stepUp takes a code or a passkey as the second factor of a session that had one, and goes on with the authorization that needs two.
func (s *Server) stepUp(w http.ResponseWriter, r *http.Request) {
	id := r.PostForm.Get("request")
	p, _, ok := s.resume(w, r, id)
	if !ok {
		return
	}
	if p.Step != oauth.StepSecond {
		s.goOn(w, r, p, nil)
		return
	}
	page, ok := s.stepUpPage(w, r, p)
	if !ok {
		return
	}
	code, answer := r.PostForm.Get("code"), passkeyAnswer(r)
	if code == "" && answer.Credential == "" {
		page.Error = page.Text.T("second.error.incomplete")
		s.showPage(w, r, http.StatusUnprocessableEntity, true, page)
		return
	}
	session, person, ok := s.person(w, r)
	if !ok {
		return
	}
	if session == nil {
		s.redirect(w, s.base+"/login?request="+url.QueryEscape(id))
		return
	}
	var better account.Session
	var err error
	if answer.Credential != "" {
		better, err = s.passkeys.StepUp(r.Context(), *session, answer, s.passkeyBinding(w, r, id), s.device(w, r), originOf(r), s.now())
	} else {
		better, err = s.people.StepUp(r.Context(), *session, code, s.device(w, r), originOf(r), s.now())
	}
	if errors.Is(err, account.ErrSessionEnded) {
		s.redirect(w, s.base+"/login?request="+url.QueryEscape(id))
		return
	}
	if err != nil {
		s.codeRefused(w, r, page, err)
		return
	}
	if s.renew(w, r, better, person.Role) {
		s.redirect(w, s.base+"/login?request="+url.QueryEscape(id))
	}
}
