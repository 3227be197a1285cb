package oauth

import (
	"net/url"
	"strings"
)

// ResponseMode is how the answer to an authorization request reaches the client.
type ResponseMode string

// The modes.
const (
	ResponseQuery    ResponseMode = "query"
	ResponseFormPost ResponseMode = "form_post" // OAuth 2.0 Form Post Response Mode; for clients that are registered for it
)

var responseModes = []string{string(ResponseQuery), string(ResponseFormPost)}

// Response is what an authorization ends with: parameters, and the proven redirect URI to which the browser brings them.
type Response struct {
	RedirectURI string
	Mode        ResponseMode
	Parameters  []ResponseParameter // in the order in which they are written
}

// ResponseParameter is one of them; none is empty, as RFC 6749 §3.1 treats those as omitted.
type ResponseParameter struct{ Name, Value string }

func newResponse(p *Parameters, pairs ...string) *Response {
	r := &Response{RedirectURI: p.RedirectURI, Mode: p.ResponseMode}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			r.Parameters = append(r.Parameters, ResponseParameter{pairs[i], pairs[i+1]})
		}
	}
	return r
}

// Location is the redirect URI with the parameters appended to the query that it was registered with, RFC 6749 §4.1.2.
func (r *Response) Location() string {
	var b strings.Builder
	b.WriteString(r.RedirectURI)
	separator := byte('?')
	if strings.Contains(r.RedirectURI, "?") {
		separator = '&'
	}
	for _, p := range r.Parameters {
		b.WriteByte(separator)
		b.WriteString(p.Name + "=" + url.QueryEscape(p.Value))
		separator = '&'
	}
	return b.String()
}

// responseMode gives the mode that a request may have. A form can be posted to what speaks HTTP only, not to an app's own scheme.
func (c *Client) responseMode(asked, redirectURI string) (ResponseMode, bool) {
	switch ResponseMode(asked) {
	case "", ResponseQuery:
		return ResponseQuery, true
	case ResponseFormPost:
		speaksHTTP := strings.HasPrefix(redirectURI, "https://") || strings.HasPrefix(redirectURI, "http://")
		return ResponseFormPost, c.FormPost && speaksHTTP
	}
	return "", false
}
