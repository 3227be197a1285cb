package web

import (
	"cmp"
	"net/http"

	"regrant/app/oauth"
	"regrant/web/view"
)

// logoutForClient is the logout endpoint, OpenID Connect RP-Initiated Logout §2: an application that can show an ID token of this very
// session signs the person out at once, everybody else has them asked. Pictures and frames of other sites come without the cookie of the
// session, so they end none.
func (s *Server) logoutForClient(w http.ResponseWriter, r *http.Request) {
	query, ok := s.pageQuery(w, r)
	if !ok {
		return
	}
	session, person, ok := s.person(w, r)
	if !ok {
		return
	}
	l, err := s.oauth.Logout(r.Context(), query, subject(session), originOf(r))
	if err != nil {
		s.writePageError(w, r, err)
		return
	}
	if !l.Ask && r.Method != http.MethodHead {
		s.signOut(w, r, session, cmp.Or(l.Return, s.signedOut(r, l)))
		return
	}
	requestOf(r).locales = l.UILocales
	status, wrong := http.StatusOK, &oauth.Error{}
	if l.Refused != nil {
		status, wrong = http.StatusBadRequest, oauth.AsError(l.Refused)
		s.logError(r, status, wrong)
	}
	name, back := "", view.LogoutBack{}
	if l.Client != nil {
		name = l.Client.Name
	}
	if l.Return != "" {
		back = view.LogoutBack{ClientID: l.Client.ID, RedirectURI: query.Get("post_logout_redirect_uri"), State: query.Get("state")}
	}
	frame, token := s.frame(r), s.formToken(w, r)
	if session == nil {
		s.showPage(w, r, status, true, view.SignedOut{
			Frame: frame, ClientName: name, Back: back, UILocales: l.UILocales, Code: string(wrong.Code), Detail: wrong.Description, RequestID: requestOf(r).id, FormToken: token,
		})
		return
	}
	s.showPage(w, r, status, true, view.SignOut{
		Frame: frame, Email: person.Email, Name: person.Name, ClientName: name, Back: back, UILocales: l.UILocales, Code: string(wrong.Code),
		Detail: wrong.Description, RequestID: requestOf(r).id, FormToken: token,
	})
}

// logoutForClientByPost takes the same request in a form and answers with a redirection to the GET, where the browser's cookies arrive.
func (s *Server) logoutForClientByPost(w http.ResponseWriter, r *http.Request) {
	s.postToGet(w, r, oauth.PathEndSession, oauth.LogoutParameters)
}
