package web

import (
	"net/http"
	"net/url"

	"regrant/app/oauth"
)

// token is the token endpoint, RFC 6749 §3.2.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	form, bad := readForm(w, r)
	if bad != nil {
		s.writeOAuthErrorStatus(w, r, bad.status, oauth.AsError(bad.err))
		return
	}
	credentials, err := clientCredentials(r, form)
	var response *oauth.TokenResponse
	if err == nil {
		err = s.guarded(credentials, r, func() (err error) {
			response, err = s.oauth.Token(r.Context(), oauth.TokenRequest{
				Client: credentials, GrantType: form.Get("grant_type"), Code: form.Get("code"), RedirectURI: form.Get("redirect_uri"),
				CodeVerifier: form.Get("code_verifier"), RefreshToken: form.Get("refresh_token"), DeviceCode: form.Get("device_code"), Exchange: exchangeOf(form), Scope: form.Get("scope"), Resources: form["resource"],
				Proofs: r.Header[dpopHeader], By: originOf(r),
			})
			return err
		})
	}
	if err != nil {
		s.writeOAuthError(w, r, err)
		return
	}
	s.offerNonce(w, r)
	writeJSON(w, http.StatusOK, response)
}

// exchangeOf reads what a token exchange asks for, RFC 8693 §2.1.
func exchangeOf(form url.Values) oauth.Exchange {
	return oauth.Exchange{
		SubjectToken: form.Get("subject_token"), SubjectTokenType: form.Get("subject_token_type"), ActorToken: form.Get("actor_token"), ActorTokenType: form.Get("actor_token_type"),
		RequestedTokenType: form.Get("requested_token_type"), Audiences: form["audience"],
	}
}

// revoke is the revocation endpoint, RFC 7009 §2.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	form, bad := readForm(w, r)
	if bad != nil {
		s.writeOAuthErrorStatus(w, r, bad.status, oauth.AsError(bad.err))
		return
	}
	credentials, err := clientCredentials(r, form)
	if err == nil {
		err = s.guarded(credentials, r, func() error {
			return s.oauth.Revoke(r.Context(), credentials, form.Get("token"), originOf(r))
		})
	}
	if err != nil {
		s.writeOAuthError(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// introspect is the introspection endpoint, RFC 7662 §2.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	form, bad := readForm(w, r)
	if bad != nil {
		s.writeOAuthErrorStatus(w, r, bad.status, oauth.AsError(bad.err))
		return
	}
	credentials, err := clientCredentials(r, form)
	var answer *oauth.Introspection
	var signed string
	asJWT := prefers(r, introspectionJWT, "application/json")
	if err == nil {
		err = s.guarded(credentials, r, func() (err error) {
			if asJWT {
				signed, err = s.oauth.IntrospectSigned(r.Context(), credentials, form.Get("token"), originOf(r))
			} else {
				answer, err = s.oauth.Introspect(r.Context(), credentials, form.Get("token"), originOf(r))
			}
			return err
		})
	}
	switch {
	case err != nil:
		s.writeOAuthError(w, r, err)
	case asJWT:
		writeBody(w, http.StatusOK, introspectionJWT, []byte(signed))
	default:
		writeJSON(w, http.StatusOK, answer)
	}
}

// userinfo is the userinfo endpoint, OpenID Connect Core §5.3.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	presented, err := accessToken(w, r)
	if err != nil {
		s.writeBearerError(w, r, err)
		return
	}
	info, err := s.oauth.UserInfo(r.Context(), presented, originOf(r))
	if err != nil {
		s.writeBearerError(w, r, err)
		return
	}
	s.offerNonce(w, r)
	writeJSON(w, http.StatusOK, info)
}
