package web

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"regrant/app/oauth"
)

// Bounds of a request, bytes.
const (
	maxFormSize  = 64 << 10
	maxQuerySize = 32 << 10
)

// multiValued parameters may occur more than once: RFC 8707 §2, RFC 8693 §2.1.
var multiValued = []string{"resource", "audience"}

// bodyOnly parameters are never read from the query of a POST, since URLs end in logs: RFC 6749 §2.3.1, RFC 9700 §4.3.2.
var bodyOnly = []string{
	"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "device_code", "scope", "resource", "client_id", "client_secret",
	"client_assertion", "client_assertion_type", "token", "token_type_hint", "access_token", "subject_token", "actor_token", "username", "password",
}

// formError is a form that cannot be read: its status and the OAuth error for it.
type formError struct {
	status int
	err    error
}

func badForm(status int, description string) *formError {
	return &formError{status, &oauth.Error{Code: oauth.InvalidRequest, Description: description}}
}

// readForm reads the form of a request to an endpoint for programs: application/x-www-form-urlencoded only (RFC 6749
// Appendix B), each parameter at most once, nothing repaired.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *formError) {
	form, bad := readBody(w, r)
	if bad != nil {
		return nil, bad
	}
	for name, values := range form {
		if len(values) > 1 && !slices.Contains(multiValued, name) {
			return nil, badForm(http.StatusBadRequest, "A parameter occurs more than once.")
		}
	}
	if r.URL.RawQuery != "" {
		query, err := parseForm(r.URL.RawQuery)
		if err != nil {
			return nil, badForm(http.StatusBadRequest, "The query is malformed.")
		}
		for name := range query {
			if slices.Contains(bodyOnly, name) {
				return nil, badForm(http.StatusBadRequest, "Parameters belong into the body, not into the query.")
			}
		}
	}
	return form, nil
}

// readBody reads a form as it came.
func readBody(w http.ResponseWriter, r *http.Request) (url.Values, *formError) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, badForm(http.StatusUnsupportedMediaType, "The Content-Type must be application/x-www-form-urlencoded.")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, badForm(http.StatusUnsupportedMediaType, "The character set must be UTF-8.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFormSize))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, badForm(http.StatusRequestEntityTooLarge, "The request is larger than 64 KiB.")
		}
		return nil, badForm(http.StatusBadRequest, "The body could not be read.")
	}
	form, err := parseForm(string(body))
	if err != nil {
		return nil, badForm(http.StatusBadRequest, "The form is malformed.")
	}
	return form, nil
}

var errMalformed = errors.New("malformed form")

// parseForm decodes strictly: a bad escape, NUL or bytes that are not UTF-8 are refused, not replaced.
func parseForm(s string) (url.Values, error) {
	values, err := url.ParseQuery(s)
	if err != nil {
		return nil, errMalformed
	}
	for name, list := range values {
		for _, v := range append(list, name) {
			if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
				return nil, errMalformed
			}
		}
	}
	return values, nil
}

// clientCredentials reads how a client authenticates, RFC 6749 §2.3: by one method only.
func clientCredentials(r *http.Request, form url.Values) (oauth.ClientCredentials, error) {
	twice := &oauth.Error{Code: oauth.InvalidRequest, Description: "The client authenticates in more than one way."}
	failed := &oauth.Error{Code: oauth.InvalidClient, Description: "Client authentication failed."}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	assertion := form.Get("client_assertion") != "" || form.Get("client_assertion_type") != ""
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) > 1 || len(headers) == 1 && (secret != "" || assertion) || secret != "" && assertion:
		return oauth.ClientCredentials{}, twice
	case len(headers) == 1:
		headerID, headerSecret, ok := basicCredentials(headers[0])
		if !ok {
			return oauth.ClientCredentials{}, failed
		}
		if id != "" && id != headerID {
			return oauth.ClientCredentials{}, twice
		}
		return oauth.ClientCredentials{ClientID: headerID, Secret: headerSecret, Method: oauth.AuthBasic}, nil
	case assertion:
		c := oauth.ClientCredentials{
			ClientID: id, Assertion: form.Get("client_assertion"), AssertionType: form.Get("client_assertion_type"), Method: oauth.AuthPrivateKeyJWT,
		}
		if id == "" { // it need not be said twice, RFC 7521 §4.2
			c.ClientID = oauth.AssertedClient(c.Assertion)
		}
		if c.ClientID == "" || c.Assertion == "" {
			return oauth.ClientCredentials{}, failed
		}
		return c, nil
	case id == "":
		return oauth.ClientCredentials{}, failed
	case secret != "":
		return oauth.ClientCredentials{ClientID: id, Secret: secret, Method: oauth.AuthPost}, nil
	}
	return oauth.ClientCredentials{ClientID: id, Method: oauth.AuthNone}, nil
}

// basicCredentials reads HTTP Basic as RFC 6749 §2.3.1 has it: both halves are form-encoded before base64, which must be
// exact; the first colon divides them.
func basicCredentials(header string) (id, secret string, ok bool) {
	scheme, encoded, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	// The decoder skips line breaks; a header has none.
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return "", "", false
	}
	id, secret, found = strings.Cut(string(raw), ":")
	if !found {
		return "", "", false
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	ok = errID == nil && errSecret == nil && utf8.ValidString(id) && utf8.ValidString(secret) && id != "" && strings.IndexByte(id+secret, 0) < 0
	return id, secret, ok
}
