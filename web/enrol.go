package web

import (
	"errors"
	"net/http"
	"net/url"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/web/view"
)

// showEnrol asks somebody who needs a second factor and has none to add one, before any session begins.
func (s *Server) showEnrol(w http.ResponseWriter, r *http.Request) {
	if st, ok := s.enrolling(w, r, r.URL.Query()); ok {
		s.askEnrol(w, r, http.StatusOK, st, "")
	}
}

// enrolling finds the sign-in of the request. Who has a second factor by now shows that instead.
func (s *Server) enrolling(w http.ResponseWriter, r *http.Request, values url.Values) (*step, bool) {
	st, ok := s.stepOf(w, r, values)
	if ok && st.factors.Second() {
		s.redirect(w, s.secondAddress(&account.UnfinishedError{Token: st.token}, st.Course))
		return nil, false
	}
	return st, ok
}

// askEnrol shows the page with an authenticator app that was not shown before. refused says why a passkey was not added.
func (s *Server) askEnrol(w http.ResponseWriter, r *http.Request, status int, st *step, refused string) {
	app, err := s.people.NewTOTP(st.person, st.Browser, s.issuerName(r), s.now())
	if err != nil {
		s.unavailable(w, r, "begin an enrolment", err)
		return
	}
	s.writeEnrol(w, r, status, st, app, view.EnrolSecond{Refused: refused})
}

// writeEnrol shows the page with that authenticator app, and with what page says was wrong.
func (s *Server) writeEnrol(w http.ResponseWriter, r *http.Request, status int, st *step, app account.TOTPEnrolment, page view.EnrolSecond) {
	page.Frame, page.FormToken = s.frame(r), s.formToken(w, r)
	page.Step, page.Request, page.Return, page.Email = st.token, st.RequestID, st.Return, st.person.Email
	if st.pending != nil {
		page.ClientName, page.ClientHost = st.pending.Client.Name, hostOf(st.pending.Request.RedirectURI)
	}
	var err error
	if page.TOTP, err = totpSetUp(app, page.TOTP.Error); err != nil {
		s.unavailable(w, r, "draw a QR code", err)
		return
	}
	c, err := s.passkeys.Enrolment(r.Context(), st.person.ID, s.enrolBinding(w, r, st), s.now())
	switch {
	case err == nil:
		page.Passkey = &view.PasskeyQuestion{Options: c.Options, State: c.State}
	case !errors.Is(err, account.ErrNoPasskeys):
		s.unavailable(w, r, "ask for a new passkey", err)
		return
	}
	s.showPage(w, r, status, true, page)
}

func (s *Server) enrolBinding(w http.ResponseWriter, r *http.Request, st *step) string {
	return s.passkeyBinding(w, r, "enrol "+st.token)
}

// enrol takes a new passkey, or the first code of an authenticator app. It becomes the person's second factor, and they are signed
// in with it.
func (s *Server) enrol(w http.ResponseWriter, r *http.Request) {
	st, ok := s.enrolling(w, r, r.PostForm)
	if !ok {
		return
	}
	if answer := passkeyAnswer(r); answer.Credential != "" {
		s.enrolPasskey(w, r, st, answer)
		return
	}
	sealed, code := r.PostForm.Get("enrolment"), r.PostForm.Get("code")
	app, err := s.people.OpenTOTP(st.person, st.Browser, s.issuerName(r), sealed, s.now())
	if errors.Is(err, account.ErrEnrolmentOver) {
		s.redirect(w, s.secondAddress(&account.UnfinishedError{Token: st.token, Enrol: true}, st.Course))
		return
	}
	if err != nil {
		s.unavailable(w, r, "read an enrolment", err)
		return
	}
	again := func(problem string) {
		page := view.EnrolSecond{TOTP: view.TOTPSetUp{Error: s.frame(r).Text.T(problem)}}
		s.writeEnrol(w, r, http.StatusUnprocessableEntity, st, app, page)
	}
	if code == "" {
		again("totp.error.incomplete")
		return
	}
	in, recovery, err := s.people.FinishWithTOTP(r.Context(), st.token, sealed, code, s.device(w, r), st.Browser, originOf(r), s.now())
	if errors.Is(err, account.ErrCredentials) {
		again("totp.error.mismatch")
		return
	}
	s.enrolled(w, r, st, in, recovery, err)
}

// enrolPasskey takes what the browser has made. It is named after the browser; the name can be changed later.
func (s *Server) enrolPasskey(w http.ResponseWriter, r *http.Request, st *step, answer account.PasskeyAnswer) {
	text := s.frame(r).Text
	name := deviceName(text, r.UserAgent())
	if name == "" {
		name = text.T("passkey.unnamed")
	}
	in, recovery, err := s.passkeys.FinishWithNew(r.Context(), st.token, answer, s.enrolBinding(w, r, st), name, s.device(w, r), st.Browser, originOf(r), s.now())
	if errors.Is(err, account.ErrPasskeyRefused) || errors.Is(err, account.ErrPasskeyTaken) {
		s.log.Info("passkey refused", "request_id", requestOf(r).id, "sub", st.person.ID, "reason", err.Error())
		refused := "passkey.error.not_added"
		if errors.Is(err, account.ErrPasskeyTaken) {
			refused = "passkey.error.already"
		}
		s.askEnrol(w, r, http.StatusUnprocessableEntity, st, text.T(refused))
		return
	}
	s.enrolled(w, r, st, in, recovery, err)
}

// enrolled begins the session of somebody who has added a second factor. The recovery codes are shown for the only time, in the
// answer itself.
func (s *Server) enrolled(w http.ResponseWriter, r *http.Request, st *step, in *account.SignedIn, recovery []string, err error) {
	switch {
	case errors.Is(err, account.ErrSignInOver), errors.Is(err, account.ErrEnrolmentOver), isNotFound(err):
		s.signInOver(w, r, r.PostForm)
		return
	case err != nil:
		s.unavailable(w, r, "finish an enrolment", err)
		return
	}
	if _, ok := s.enter(w, r, st.pending, in); !ok {
		return
	}
	next := s.belongs(in.Person.Role, st.Return)
	if st.RequestID != "" {
		next = "/login?request=" + url.QueryEscape(st.RequestID)
	}
	s.showPage(w, r, http.StatusOK, true, view.RecoveryCodes{Frame: s.frame(r), Issuer: s.issuerName(r), Email: in.Person.Email, Codes: recovery, Next: next})
}

// issuerName is what authenticator apps call this server.
func (s *Server) issuerName(r *http.Request) string {
	if name := s.site.look(r.Context()).Name; name != "" {
		return name
	}
	issuer, err := url.Parse(s.oauth.Issuer())
	if err != nil {
		return view.Brand // unreachable: the issuer was parsed at the start
	}
	return issuer.Hostname()
}

// browserHash is what enrolments and unfinished sign-ins keep of the browser.
func (s *Server) browserHash(w http.ResponseWriter, r *http.Request) []byte {
	return oauth.HashBrowser(s.browser(w, r))
}
