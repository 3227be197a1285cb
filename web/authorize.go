package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/web/view"
)

// authorize is the authorization endpoint, RFC 6749 §3.1.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	query, ok := s.pageQuery(w, r)
	if !ok {
		return
	}
	who, ok := s.signedIn(w, r)
	if !ok {
		return
	}
	progress, err := s.oauth.Authorize(r.Context(), query, oauth.HashBrowser(s.browser(w, r)), who, originOf(r))
	s.goOn(w, r, progress, err)
}

// pageQuery reads the query of a page that others send browsers to. When it makes no sense, it answers itself.
func (s *Server) pageQuery(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	if len(r.URL.RawQuery) > maxQuerySize {
		s.writePage(w, r, pageError{status: http.StatusRequestURITooLong, problem: view.ProblemBadRequest})
		return nil, false
	}
	query, err := parseForm(r.URL.RawQuery)
	if err != nil {
		s.writePage(w, r, pageError{
			status: http.StatusBadRequest, problem: view.ProblemBadRequest, code: string(oauth.InvalidRequest), detail: "The query is malformed.",
		})
	}
	return query, err == nil
}

// authorizeByPost takes the same request in a form (OpenID Connect Core §3.1.2.1) and answers with a redirection to the
// GET, where the browser's cookies arrive.
func (s *Server) authorizeByPost(w http.ResponseWriter, r *http.Request) {
	s.postToGet(w, r, oauth.PathAuthorize, func(form url.Values) url.Values { return form })
}

// postToGet sends what another site's form brings to the same path as a query; of says what of it.
func (s *Server) postToGet(w http.ResponseWriter, r *http.Request, path string, of func(url.Values) url.Values) {
	form, bad := readBody(w, r)
	if bad != nil {
		e := oauth.AsError(bad.err)
		s.writePage(w, r, pageError{status: bad.status, problem: view.ProblemBadRequest, code: string(e.Code), detail: e.Description})
		return
	}
	query := of(form).Encode()
	if len(query) > maxQuerySize {
		s.writePage(w, r, pageError{status: http.StatusRequestEntityTooLarge, problem: view.ProblemBadRequest})
		return
	}
	s.redirect(w, s.base+path+"?"+query)
}

// goOn sends the browser to the next step of an authorization, with 303 so that no form travels on (RFC 9700 §4.12).
func (s *Server) goOn(w http.ResponseWriter, r *http.Request, p *oauth.Progress, err error) {
	var redirect *oauth.RedirectError
	switch {
	case errors.As(err, &redirect):
		s.logError(r, http.StatusSeeOther, redirect.Cause)
		s.answer(w, r, redirect.Response())
	case err != nil:
		s.writePageError(w, r, err)
	case p.Step == oauth.StepDevice:
		s.deviceDone(w, p)
	case p.Step == oauth.StepRedirect:
		s.answer(w, r, p.Response)
	case p.Step == oauth.StepConsent:
		s.redirect(w, s.base+"/consent?request="+url.QueryEscape(p.Request.ID))
	default:
		s.redirect(w, s.base+"/login?request="+url.QueryEscape(p.Request.ID))
	}
}

// answer sends the browser to the client with the answer to its request, as the client asked for it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, response *oauth.Response) {
	if response.Mode != oauth.ResponseFormPost {
		s.redirect(w, response.Location())
		return
	}
	page := view.FormPost{Frame: s.frame(r), Action: response.RedirectURI, Host: hostOf(response.RedirectURI)}
	for _, p := range response.Parameters {
		page.Fields = append(page.Fields, view.FormPostField{Name: p.Name, Value: p.Value})
	}
	s.showPageUnder(w, r, http.StatusOK, cspPage+"; form-action "+formTarget(response.RedirectURI), page)
}

// formTarget is the source expression for a redirect URI's origin (Content Security Policy Level 3 §2.3.1). That grammar has no
// IPv6 addresses: there the scheme has to do.
func formTarget(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return "'none'" // unreachable: it is registered
	}
	if strings.Contains(u.Host, "[") {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// redirect writes a Location as it is; http.Redirect would clean up what a redirect URI means literally.
func (s *Server) redirect(w http.ResponseWriter, location string) {
	h := w.Header()
	h.Set("Location", location)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// resume reads how far the authorization of a page has come. When it answers itself, ok is false.
func (s *Server) resume(w http.ResponseWriter, r *http.Request, id string) (p *oauth.Progress, who *oauth.SignedIn, ok bool) {
	who, ok = s.signedIn(w, r)
	if !ok {
		return nil, nil, false
	}
	p, err := s.oauth.Resume(r.Context(), id, oauth.HashBrowser(s.browser(w, r)), who, originOf(r))
	if err != nil || p.Step == oauth.StepRedirect {
		s.goOn(w, r, p, err)
		return nil, nil, false
	}
	inLocalesOf(r, p)
	return p, who, true
}

// signedIn gives the person whose browser it is, nil for nobody. When the store cannot say, it answers itself.
func (s *Server) signedIn(w http.ResponseWriter, r *http.Request) (*oauth.SignedIn, bool) {
	session, ok := s.session(w, r)
	return subject(session), ok
}

func subject(session *account.Session) *oauth.SignedIn {
	if session == nil {
		return nil
	}
	return &oauth.SignedIn{
		PersonID: session.PersonID, SessionID: session.ID,
		Authentication: oauth.Authentication{AuthTime: session.AuthTime, ACR: session.ACR, AMR: session.AMR},
	}
}
