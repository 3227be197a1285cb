package web

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"regrant/app/oauth"
)

// oauthError is the body of RFC 6749 §5.2.
type oauthError struct {
	Code        oauth.Code `json:"error"`
	Description string     `json:"error_description,omitempty"`
}

// statusOf maps the codes to statuses: RFC 6749 §5.2, RFC 6750 §3.1, RFC 9110 §15.6.4.
func statusOf(e *oauth.Error) int {
	switch e.Code {
	case oauth.InvalidClient, oauth.InvalidToken:
		return http.StatusUnauthorized
	case oauth.InsufficientScope:
		return http.StatusForbidden
	case oauth.TemporarilyUnavailable:
		if e.RetryAfter > 0 {
			return http.StatusTooManyRequests
		}
		return http.StatusServiceUnavailable
	case oauth.ServerError:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// writeOAuthError is the one place where an error meets a program.
func (s *Server) writeOAuthError(w http.ResponseWriter, r *http.Request, err error) {
	e := oauth.AsError(err)
	s.writeOAuthErrorStatus(w, r, statusOf(e), e)
}

func (s *Server) writeOAuthErrorStatus(w http.ResponseWriter, r *http.Request, status int, e *oauth.Error) {
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
	}
	if e.Code == oauth.InvalidClient {
		w.Header().Set("WWW-Authenticate", `Basic realm="regrant"`)
	}
	if e.Code == oauth.UseDPoPNonce || e.Code == oauth.InvalidDPoPProof {
		w.Header().Set(nonceHeader, s.oauth.DPoPNonce())
	}
	s.logError(r, status, e)
	s.counters.refused(e.Code)
	writeJSON(w, status, oauthError{e.Code, e.Description})
}

// writeBearerError answers a resource request, RFC 6750 §3 and RFC 9449 §7.1: without credentials there is nothing to call wrong. What
// came by the scheme DPoP, or should have, hears of that scheme.
func (s *Server) writeBearerError(w http.ResponseWriter, r *http.Request, err error) {
	e := oauth.AsError(err)
	challenge, proof := `Bearer realm="regrant"`, `DPoP algs="`+strings.Join(oauth.DPoPAlgorithms(), " ")+`"`
	if errors.Is(err, errNoToken) {
		w.Header()["Www-Authenticate"] = []string{challenge, proof}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	byProof := e.Code == oauth.InvalidDPoPProof || e.Code == oauth.UseDPoPNonce
	if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); byProof || strings.EqualFold(scheme, dpopScheme) || oauth.AboutKey(err) {
		challenge = proof
	}
	status := statusOf(e)
	switch {
	case byProof:
		status = http.StatusUnauthorized
		fallthrough
	case e.Code == oauth.InvalidToken, e.Code == oauth.InvalidRequest:
		w.Header().Set("WWW-Authenticate", challenge+`, error="`+string(e.Code)+`", error_description="`+e.Description+`"`)
	case e.Code == oauth.InsufficientScope:
		w.Header().Set("WWW-Authenticate", challenge+`, error="insufficient_scope", error_description="`+e.Description+`", scope="openid"`)
	}
	s.writeOAuthErrorStatus(w, r, status, e)
}

// logError tells the operator what the caller does not hear. A fault is an error, also where the answer is a redirection; a
// refusal is news.
func (s *Server) logError(r *http.Request, status int, e *oauth.Error) {
	args := []any{"request_id", requestOf(r).id, "path", outside(r.URL.Path, 200), "status", status, "error", string(e.Code)}
	if e.Detail != "" {
		args = append(args, "detail", outside(e.Detail, 500))
	}
	switch {
	case !isFault(e):
		s.log.Info("request refused", args...)
	case errors.Is(e.Err, context.Canceled) && r.Context().Err() != nil:
		s.log.Debug("the caller went away", args...)
	case e.Err != nil:
		s.log.Error("request failed", append(args, "err", e.Err.Error())...)
	default:
		s.log.Error("request failed", args...)
	}
}

// isFault tells trouble of the server from what callers do: a limit says when to come back.
func isFault(e *oauth.Error) bool {
	return e.Code == oauth.ServerError || e.Code == oauth.TemporarilyUnavailable && e.RetryAfter == 0
}

func retryAfter(d time.Duration) string {
	seconds := int((d + time.Second - 1) / time.Second)
	return strconv.Itoa(max(seconds, 1))
}

// writeJSON writes a body that nobody may cache: RFC 6749 §5.1.
func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic("web.writeJSON: " + err.Error()) // unreachable: our own structs
	}
	writeBody(w, status, "application/json", b)
}

// writeBody answers with what nobody may keep.
func writeBody(w http.ResponseWriter, status int, media string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

var errNoToken = errors.New("no access token in the request")

// The names of RFC 9449, as net/http spells header fields.
const (
	dpopHeader  = "Dpop"
	nonceHeader = "Dpop-Nonce"
	dpopScheme  = "DPoP"
)

// offerNonce gives whoever came with a proof the nonce for the next one, RFC 9449 §8.2.
func (s *Server) offerNonce(w http.ResponseWriter, r *http.Request) {
	if r.Header[dpopHeader] != nil {
		w.Header().Set(nonceHeader, s.oauth.DPoPNonce())
	}
}

// accessToken finds the access token of a request, RFC 6750 §2 and RFC 9449 §7.1: header or form body, one way only, never the query.
func accessToken(w http.ResponseWriter, r *http.Request) (p oauth.Presented, err error) {
	invalid := &oauth.Error{Code: oauth.InvalidRequest, Description: "The request is malformed."}
	var tokens []string
	for _, header := range r.Header.Values("Authorization") {
		scheme, token, _ := strings.Cut(header, " ")
		p.DPoP = strings.EqualFold(scheme, dpopScheme)
		if !p.DPoP && !strings.EqualFold(scheme, "Bearer") {
			return p, errNoToken
		}
		tokens = append(tokens, strings.TrimSpace(token))
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method == http.MethodPost && media == "application/x-www-form-urlencoded" {
		form, bad := readForm(w, r)
		if bad != nil {
			return p, invalid
		}
		if token := form.Get("access_token"); token != "" {
			tokens = append(tokens, token)
		}
	}
	switch {
	case len(tokens) == 0:
		return p, errNoToken
	case len(tokens) > 1 || tokens[0] == "":
		return p, invalid
	}
	p.Token, p.Method, p.Proofs = tokens[0], r.Method, r.Header[dpopHeader]
	return p, nil
}
