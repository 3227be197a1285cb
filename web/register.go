package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"regrant/app/oauth"
)

// maxMetadataSize bounds what a client may say of itself, bytes.
const maxMetadataSize = 64 << 10

// register is the client registration endpoint, RFC 7591 §3.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	request, bad := readRegistration(w, r)
	if bad != nil {
		s.writeOAuthErrorStatus(w, r, bad.status, oauth.AsError(bad.err))
		return
	}
	information, err := s.oauth.RegisterItself(r.Context(), request)
	if err != nil {
		s.writeRegistrationError(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, information)
}

// configuration is the client configuration endpoint, RFC 7592 §2.
func (s *Server) configuration(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	request := oauth.RegistrationRequest{By: originOf(r)}
	var err error
	if request.Token, err = bearerToken(r); err != nil {
		s.writeRegistrationError(w, r, err)
		return
	}
	var information *oauth.ClientInformation
	switch r.Method {
	case http.MethodPut:
		changed, bad := readRegistration(w, r)
		if bad != nil {
			s.writeOAuthErrorStatus(w, r, bad.status, oauth.AsError(bad.err))
			return
		}
		information, err = s.oauth.ChangeRegistration(r.Context(), id, changed)
	case http.MethodDelete:
		err = s.oauth.EndRegistration(r.Context(), id, request)
	default:
		information, err = s.oauth.Registration(r.Context(), id, request)
	}
	switch {
	case err != nil:
		s.writeRegistrationError(w, r, err)
	case information == nil:
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusOK, information)
	}
}

// whileRegistering lets nobody see that there is an endpoint for registration where none is offered.
func (s *Server) whileRegistering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.oauth.RegistrationOffered() {
			s.notFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// readRegistration reads what a client says of itself, and the token that it may come with: a JSON object, each member once, nothing
// repaired.
func readRegistration(w http.ResponseWriter, r *http.Request) (oauth.RegistrationRequest, *formError) {
	request := oauth.RegistrationRequest{By: originOf(r)}
	refused := func(status int, description string) (oauth.RegistrationRequest, *formError) {
		return request, &formError{status, &oauth.Error{Code: oauth.InvalidClientMetadata, Description: description}}
	}
	var err error
	if request.Token, err = bearerToken(r); err != nil && !errors.Is(err, errNoToken) {
		return request, &formError{http.StatusBadRequest, err}
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refused(http.StatusUnsupportedMediaType, "The Content-Type must be application/json in UTF-8.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMetadataSize))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refused(http.StatusRequestEntityTooLarge, "The request is larger than 64 KiB.")
	case err != nil:
		return refused(http.StatusBadRequest, "The body could not be read.")
	}
	members, why := oauth.ReadMembers(body)
	if why != "" {
		return refused(http.StatusBadRequest, why)
	}
	request.Metadata = members
	return request, nil
}

// bearerToken gives the token in the header of a request, RFC 6750 §2.1; errNoToken where there is none.
func bearerToken(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", &oauth.Error{Code: oauth.InvalidRequest, Description: "The request is malformed."}
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errNoToken
	}
	return token, nil
}

// writeRegistrationError answers as RFC 7591 §3.2.2 says, and where the token is wrong, as RFC 6750 §3.
func (s *Server) writeRegistrationError(w http.ResponseWriter, r *http.Request, err error) {
	e, challenge := oauth.AsError(err), `Bearer realm="regrant"`
	switch {
	case errors.Is(err, errNoToken) || errors.Is(err, oauth.ErrNoInitialToken):
		w.Header().Set("WWW-Authenticate", challenge)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusUnauthorized)
	case e.Code == oauth.InvalidToken:
		w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token", error_description="`+e.Description+`"`)
		s.writeOAuthErrorStatus(w, r, http.StatusUnauthorized, e)
	case e.Code == oauth.AccessDenied:
		s.writeOAuthErrorStatus(w, r, http.StatusForbidden, e)
	default:
		s.writeOAuthError(w, r, err)
	}
}
