package web

import (
	"net/http"

	"regrant/app/oauth"
)

// par is the endpoint for pushed authorization requests, RFC 9126 §2.
func (s *Server) par(w http.ResponseWriter, r *http.Request) {
	form, bad := readForm(w, r)
	if bad != nil {
		s.writeOAuthErrorStatus(w, r, bad.status, oauth.AsError(bad.err))
		return
	}
	credentials, err := clientCredentials(r, form)
	var response *oauth.PushedResponse
	if err == nil {
		for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
			form.Del(name)
		}
		err = s.guarded(credentials, r, func() (err error) {
			response, err = s.oauth.PushAuthorizationRequest(r.Context(), credentials, form, r.Header[dpopHeader], originOf(r))
			return err
		})
	}
	if err != nil {
		s.writeOAuthError(w, r, err)
		return
	}
	s.offerNonce(w, r)
	writeJSON(w, http.StatusCreated, response)
}
