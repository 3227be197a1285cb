package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// ownForm admits a POST from our own pages only: the browser says so (Sec-Fetch-Site, Origin), and the form bears a token
// that only a page of ours in this very browser can hold. It also protects the sign-in form (login CSRF).
func (s *Server) ownForm(act http.HandlerFunc) http.HandlerFunc { return s.ownFormOf(readBody, act) }

// ownUpload is ownForm for a form with a file. Nothing is done with the file before the token is proven.
func (s *Server) ownUpload(act http.HandlerFunc) http.HandlerFunc {
	return s.ownFormOf(readUpload, act)
}

func (s *Server) ownFormOf(read func(http.ResponseWriter, *http.Request) (url.Values, *formError), act http.HandlerFunc) http.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(s.crossSite))
	return protection.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, bad := read(w, r)
		if bad != nil {
			e := oauth.AsError(bad.err)
			s.writePage(w, r, pageError{status: bad.status, problem: view.ProblemBadRequest, code: string(e.Code), detail: e.Description})
			return
		}
		r.PostForm = form
		token, _, _ := strings.Cut(form.Get("form_token"), ".")
		if len(form["form_token"]) != 1 || !sameText(token, s.mark(s.browser(w, r), "form")) {
			s.foreignForm(w, r)
			return
		}
		act(w, r)
	})).ServeHTTP
}

// foreignForm answers a form whose token is not this browser's: another site made it, or the cookie is gone since.
func (s *Server) foreignForm(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/login" && r.URL.Path != "/login/passkey" {
		s.crossSite(w, r)
		return
	}
	page := s.loginPage(w, r, nil)
	page.Request, page.Email, page.Notice = r.PostForm.Get("request"), r.PostForm.Get("email"), page.Text.T(view.LoginStale)
	s.showPage(w, r, http.StatusForbidden, true, page)
}

// formToken is what our forms bear: nobody who cannot read this browser's cookie can make one.
func (s *Server) formToken(w http.ResponseWriter, r *http.Request) string {
	return s.mark(s.browser(w, r), "form")
}

// consentToken also binds the form to the question that it answers.
func (s *Server) consentToken(w http.ResponseWriter, r *http.Request, p *oauth.Progress) string {
	return s.formToken(w, r) + "." + s.mark(s.browser(w, r), consentSubject(p))
}

func (s *Server) consentTokenValid(w http.ResponseWriter, r *http.Request, p *oauth.Progress) bool {
	return sameText(r.PostForm.Get("form_token"), s.consentToken(w, r, p))
}

// mark is a MAC of subject under the browser's own value.
func (s *Server) mark(browser, subject string) string {
	h := hmac.New(sha256.New, []byte(browser))
	h.Write([]byte(subject))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// device names the browser for the throttling of sign-ins.
func (s *Server) device(w http.ResponseWriter, r *http.Request) string {
	return s.mark(s.browser(w, r), "device")
}

func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
