package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// responseParameters may not stand in a registered redirect URI, so that no response carries one twice.
var responseParameters = []string{
	"code", "state", "iss", "error", "error_description", "error_uri", "access_token", "token_type", "expires_in", "scope", "id_token",
	"session_state", "response", "refresh_token",
}

// ValidateRedirectURI refuses a redirect URI that may not be registered: RFC 6749 §3.1.2, RFC 8252 §7, RFC 8252 §8.4,
// RFC 9700 §2.6. http is for loopback only; a private-use scheme has the form of a reversed domain name.
func ValidateRedirectURI(s string) error { return validateReturn("redirect_uri", s) }

// ValidatePostLogoutRedirectURI refuses an address that may not be registered for the browser to return to after a sign-out, by the rules
// of [ValidateRedirectURI]. OpenID Connect RP-Initiated Logout §3.1.
func ValidatePostLogoutRedirectURI(s string) error {
	return validateReturn("post_logout_redirect_uri", s)
}

func validateReturn(member, s string) error {
	bad := func(why string) error { return refuse(InvalidRedirectURI, member+": "+why) }
	if len(s) > 2000 {
		return bad("longer than 2000 characters")
	}
	for _, c := range []byte(s) {
		if c <= 0x20 || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}*", c) >= 0 {
			return bad("has a character that a URI may not have (RFC 3986); wildcards are not supported")
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return bad("is not an absolute URI")
	}
	if strings.Contains(s, "#") {
		return bad("must not have a fragment (RFC 6749 section 3.1.2)")
	}
	if u.User != nil {
		return bad("must not hold a user name")
	}
	if scheme, _, _ := strings.Cut(s, ":"); scheme != strings.ToLower(scheme) || u.Host != strings.ToLower(u.Host) {
		return bad("write scheme and host in lower case")
	}
	if slices.ContainsFunc(strings.Split(strings.ToLower(u.EscapedPath()), "/"), isDotSegment) {
		return bad("must not have dot segments in its path")
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" {
			return bad("has no host")
		}
	case "http":
		if !isLoopback(u.Hostname()) {
			return bad("http is allowed for 127.0.0.1, [::1] and localhost only (RFC 9700 section 2.6); use https")
		}
	default:
		if !strings.Contains(u.Scheme, ".") {
			return bad("a private-use scheme must be a reversed domain name, as com.example.app (RFC 8252 section 7.1)")
		}
		if u.Host != "" || u.Opaque != "" || u.Path == "" {
			return bad("write a private-use scheme with a single slash, as com.example.app:/callback (RFC 8252 section 7.1)")
		}
	}
	if port := u.Port(); u.Host != "" && strings.HasSuffix(u.Host, ":") || port != "" && !validPort(port) {
		return bad("the port must be from 1 to 65535")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("has a malformed query")
	}
	for name, values := range query {
		if slices.Contains(responseParameters, name) {
			return bad("must not hold the response parameter " + name)
		}
		if len(values) > 1 {
			return bad("names the query parameter " + strconv.Quote(name) + " twice")
		}
	}
	return nil
}

// isDotSegment finds the spellings of . and .. that path resolvers know, with matrix parameters (..;) too.
func isDotSegment(segment string) bool {
	segment, _, _ = strings.Cut(strings.ReplaceAll(segment, "%3b", ";"), ";")
	segment = strings.ReplaceAll(segment, "%2e", ".")
	return segment == "." || segment == ".."
}

// isLoopback names the hosts of RFC 8252 §7.3, and localhost, which many native clients use.
func isLoopback(hostname string) bool {
	return hostname == "127.0.0.1" || hostname == "::1" || hostname == "localhost"
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= 65535 && strconv.Itoa(n) == s
}

// matchRedirectURI says whether a requested URI is the registered one: simple string comparison (RFC 9700 §4.1.3), but
// the port of an http loopback URI is free (RFC 8252 §7.3).
func matchRedirectURI(registered, requested string) bool {
	if registered == requested {
		return true
	}
	registeredHost, registeredRest, ok := loopbackParts(registered)
	if !ok {
		return false
	}
	requestedHost, requestedRest, ok := loopbackParts(requested)
	return ok && registeredHost == requestedHost && registeredRest == requestedRest
}

// loopbackParts splits http://HOST[:PORT]REST by hand, since URL parsers accept more spellings than the one that counts.
func loopbackParts(s string) (host, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, "http://")
	if !ok {
		return "", "", false
	}
	for _, h := range []string{"127.0.0.1", "[::1]", "localhost"} {
		after, found := strings.CutPrefix(s, h)
		if !found {
			continue
		}
		if port, isPort := strings.CutPrefix(after, ":"); isPort {
			end := strings.IndexAny(port, "/?#")
			if end < 0 {
				end = len(port)
			}
			if !validPort(port[:end]) {
				return "", "", false
			}
			after = port[end:]
		}
		if after != "" && after[0] != '/' && after[0] != '?' {
			return "", "", false
		}
		return h, after, true
	}
	return "", "", false
}

// redirectURI gives the proven redirect URI of an authorization request. An absent one is accepted when exactly one is registered,
// RFC 6749 §3.1.2.3, but not with the scope openid: OpenID Connect Core §3.1.2.1.
func (c *Client) redirectURI(requested string, openID bool) (string, error) {
	if requested == "" {
		if openID {
			return "", because(RuleRedirectURIMissing, &Error{Code: InvalidRequest, Err: ErrRedirectURI, Description: "The redirect_uri is missing, which a request with the scope openid needs."})
		}
		if len(c.RedirectURIs) == 1 {
			return c.RedirectURIs[0], nil
		}
		return "", because(RuleRedirectURIMissing, &Error{Code: InvalidRequest, Err: ErrRedirectURI, Description: "The redirect_uri is missing, and the application has not registered exactly one."})
	}
	for _, registered := range c.RedirectURIs {
		if matchRedirectURI(registered, requested) {
			return requested, nil
		}
	}
	return "", because(RuleRedirectURI, &Error{Code: InvalidRequest, Err: ErrRedirectURI, Description: "The redirect_uri is not one that the application has registered.",
		Detail: "client_id=" + c.ID + " redirect_uri at " + printableOrigin(requested)})
}

// printableOrigin is what of an address a log may say: the whole may hold what is nobody's business.
func printableOrigin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return printable(u.Scheme + "://" + u.Host)
}
