package oauth

import (
	"errors"
	"fmt"
	"time"
)

// Code is a registered error code: RFC 6749 §4.1.2.1, RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 8628 §3.5, RFC 8707 §2,
// RFC 8693 §2.2.2, RFC 9449 §12.2, OpenID Connect Core §3.1.2.6.
type Code string

// The error codes that travel to clients.
const (
	InvalidRequest           Code = "invalid_request"
	InvalidClient            Code = "invalid_client"
	InvalidGrant             Code = "invalid_grant"
	UnauthorizedClient       Code = "unauthorized_client"
	UnsupportedGrantType     Code = "unsupported_grant_type"
	UnsupportedResponseType  Code = "unsupported_response_type"
	UnsupportedTokenType     Code = "unsupported_token_type"
	InvalidScope             Code = "invalid_scope"
	InvalidTarget            Code = "invalid_target"
	AccessDenied             Code = "access_denied"
	ServerError              Code = "server_error"
	TemporarilyUnavailable   Code = "temporarily_unavailable"
	LoginRequired            Code = "login_required"
	ConsentRequired          Code = "consent_required"
	RequestNotSupported      Code = "request_not_supported"
	RequestURINotSupported   Code = "request_uri_not_supported"
	RegistrationNotSupported Code = "registration_not_supported"
	UnmetAuthentication      Code = "unmet_authentication_requirements"
	InvalidToken             Code = "invalid_token"
	InsufficientScope        Code = "insufficient_scope"
	InvalidDPoPProof         Code = "invalid_dpop_proof"
	UseDPoPNonce             Code = "use_dpop_nonce"
	InvalidRedirectURI       Code = "invalid_redirect_uri"
	InvalidClientMetadata    Code = "invalid_client_metadata"
	AuthorizationPending     Code = "authorization_pending"
	SlowDown                 Code = "slow_down"
	ExpiredToken             Code = "expired_token"
)

// Codes gives every error code, in the order in which they are declared.
func Codes() []Code {
	return []Code{
		InvalidRequest, InvalidClient, InvalidGrant, UnauthorizedClient, UnsupportedGrantType, UnsupportedResponseType, UnsupportedTokenType,
		InvalidScope, InvalidTarget, AccessDenied, ServerError, TemporarilyUnavailable, LoginRequired, ConsentRequired, RequestNotSupported,
		RequestURINotSupported, RegistrationNotSupported, UnmetAuthentication, InvalidToken, InsufficientScope, InvalidDPoPProof, UseDPoPNonce, InvalidRedirectURI,
		InvalidClientMetadata, AuthorizationPending, SlowDown, ExpiredToken,
	}
}

// Errors of the store that the engine tells apart. Any other error of a store is a fault: the engine answers
// [TemporarilyUnavailable] and never a verdict.
var (
	ErrNotFound = errors.New("oauth: not found")
	ErrExists   = errors.New("oauth: exists already")
	ErrNoGroup  = errors.New("oauth: there is no such group")
	ErrConflict = errors.New("oauth: changed meanwhile") // a compare-and-swap missed: read again and decide again
	ErrSpent    = errors.New("oauth: used before")       // a one-time thing was used before
	ErrTooMany  = errors.New("oauth: too many")          // a bounded table has no room for one more of this holder
	ErrFull     = errors.New("oauth: full")              // ... for one more of anybody
)

// Causes of an [*Error] before the redirect URI is proven, for the words of the page.
var (
	ErrUnknownClient = errors.New("oauth: unknown or disabled client")
	ErrDocumentBad   = errors.New("oauth: the document of the client cannot be used")
	ErrDocumentAway  = errors.New("oauth: the document of the client cannot be read at the moment")
	ErrRedirectURI   = errors.New("oauth: redirect URI is not registered")
	ErrRequestURI    = errors.New("oauth: the request_uri leads to no request")
	ErrUserCode      = errors.New("oauth: no such user code")
	ErrOver          = errors.New("oauth: the authorization request is over")
)

// Error is what the engine says to a client. Code and Description travel; Detail and Err stay home, for the log.
type Error struct {
	Code        Code
	Description string // ASCII without quotes and backslashes, RFC 6749 §5.2
	Detail      string
	Err         error
	RetryAfter  time.Duration // not zero: too many requests, come back then
	Refusal     *Refusal      // what an admin may want to know of it; stays home, nil where nobody is known

	garbage bool // not made by this server: not worth a write
}

// refusal gives what is known of the refusal so far.
func (e *Error) refusal() *Refusal {
	if e.Refusal == nil {
		e.Refusal = &Refusal{}
	}
	return e.Refusal
}

// Error gives the whole error for the operator's log.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func refuse(code Code, description string) error {
	return &Error{Code: code, Description: description}
}

func refusef(code Code, description, detail string, args ...any) error {
	return &Error{Code: code, Description: description, Detail: fmt.Sprintf(detail, args...)}
}

// fault turns an error of the store, or of anything else inside, into 503. A verdict that is on its way up already, and the
// store's sentinels, pass unchanged.
func fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	var verdict *Error
	if errors.As(err, &verdict) || errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrSpent) || errors.Is(err, ErrExists) || errors.Is(err, ErrNoGroup) || errors.Is(err, ErrTooMany) || errors.Is(err, ErrFull) {
		return err
	}
	return &Error{
		Code: TemporarilyUnavailable, Description: "The server cannot answer at the moment. Nothing has changed; try again.",
		Err: fmt.Errorf("%s: %w", doing, err),
	}
}

// AsError gives the [*Error] that err is or wraps; anything else becomes a fault.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: TemporarilyUnavailable, Description: "The server cannot answer at the moment. Nothing has changed; try again.", Err: err}
}

// RedirectError is an error that the client may hear by redirection, since its redirect URI is proven: RFC 6749
// §4.1.2.1. Before that an error is an [*Error] and becomes a page.
type RedirectError struct {
	Cause       *Error
	RedirectURI string
	Mode        ResponseMode
	State       string
	Issuer      string
}

// Error gives the whole error for the operator's log.
func (e *RedirectError) Error() string { return e.Cause.Error() }

// Unwrap gives the error that is told.
func (e *RedirectError) Unwrap() error { return e.Cause }

// Response is what the client hears: error, error_description, state and iss (RFC 9207 §2).
func (e *RedirectError) Response() *Response {
	return newResponse(&Parameters{RedirectURI: e.RedirectURI, ResponseMode: e.Mode},
		"error", string(e.Cause.Code), "error_description", e.Cause.Description, "state", e.State, "iss", e.Issuer)
}

func isConflict(err error) bool { return errors.Is(err, ErrConflict) }
