package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// MaxDocument bounds the document of a client, in bytes: Client ID Metadata Document §6.6.
const MaxDocument = 5 << 10

const maxDocumentURL = 500 // characters

// Document is what stands at an address.
type Document struct {
	Body  []byte
	Fresh time.Duration // how long its server says that it may be believed; negative: it does not say
}

// FetchDocument reads the document at the address of a client, with the care of WEB-50: one that is answered with status 200, says that it
// is JSON, and has at most [MaxDocument] bytes. Everything else is [ErrDocument]; another error may pass.
type FetchDocument func(ctx context.Context, address string) (*Document, error)

// isDocumentURL says whether a client_id is an address. That of a client that is registered here never is.
func isDocumentURL(id string) bool { return strings.Contains(id, "://") }

// validateDocumentURL refuses an address that a client cannot be known by, Client ID Metadata Document §3: whatever some reader would have to
// repair, or would take for another one.
func validateDocumentURL(id string) error {
	bad := func(why string) error { return refuse(InvalidClientMetadata, "client_id: "+why) }
	if len(id) > maxDocumentURL {
		return bad(fmt.Sprintf("longer than %d characters", maxDocumentURL))
	}
	for _, c := range []byte(id) {
		if c <= 0x20 || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return bad("has a character that a URI may not have (RFC 3986)")
		}
	}
	rest, https := strings.CutPrefix(id, "https://")
	if !https {
		return bad("an address must begin with https://")
	}
	if strings.Contains(id, "#") {
		return bad("must not have a fragment")
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return bad("must not hold a user name")
	}
	u, err := url.Parse(id)
	if err != nil || u.String() != id {
		return bad("is not spelled as an address should be")
	}
	if !hasUsualHost(authority, u) {
		return bad("its host must be a name in lower case, or an address in its usual form")
	}
	path, _, _ = strings.Cut(path, "?")
	if path == "" || path == "/" {
		return bad("needs a path, as in https://app.example/oauth-client.json")
	}
	if slices.ContainsFunc(strings.Split(strings.ToLower(path), "/"), isDotSegment) {
		return bad("must not have dot segments in its path")
	}
	return nil
}

// hasUsualHost says whether the authority of an address is a host in its one spelling, with or without a port.
func hasUsualHost(authority string, u *url.URL) bool {
	if port := u.Port(); port != "" && !validPort(port) || strings.HasSuffix(authority, ":") {
		return false
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return addr.Zone() == "" && addr.String() == u.Hostname()
	}
	return isHostname(u.Hostname()) && u.Host == authority
}

// DocumentHost gives the host, with its port, of the address that a client is known by; "" for other clients.
func (c *Client) DocumentHost() string {
	if c.Source != SourceDocument {
		return ""
	}
	rest, _ := strings.CutPrefix(c.ID, "https://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// OnlyLoopback says whether every redirect URI leads to the person's own device by http, where any program can wait for the answer.
func (c *Client) OnlyLoopback() bool {
	return !slices.ContainsFunc(c.RedirectURIs, func(uri string) bool {
		u, err := url.Parse(uri)
		return err != nil || !isLoopback(u.Hostname())
	})
}

// readDocument reads what a client says of itself at its own address, Client ID Metadata Document §4.1. The error says what is wrong with it.
func readDocument(address string, text []byte) (*clientMetadata, error) {
	bad := func(why string) error { return refuse(InvalidClientMetadata, why) }
	members, why := ReadMembers(text)
	if why != "" {
		return nil, bad(why)
	}
	m := &metadataMembers{members: members}
	if id := m.text("client_id"); m.err != nil || id != address {
		return nil, bad("client_id: must be the address of the document, letter by letter")
	}
	for _, name := range []string{"client_secret", "client_secret_expires_at"} {
		if _, there := members[name]; there {
			return nil, bad(name + ": must not stand in a document that everybody reads")
		}
	}
	c, err := readClientMetadata(members)
	if err != nil {
		return nil, err
	}
	switch c.authMethod {
	case AuthNone, AuthPrivateKeyJWT:
	case "": // no secret can be shared, so the default of RFC 7591 §2 cannot be meant
		if c.authMethod = AuthNone; c.jwks != "" || c.jwksURI != "" {
			c.authMethod = AuthPrivateKeyJWT
		}
	default:
		return nil, bad("token_endpoint_auth_method: must be none or private_key_jwt")
	}
	return c, nil
}

// How long a document is believed, whatever its server says: Client ID Metadata Document §4.4.
const (
	documentFreshMin = 5 * time.Minute
	documentFreshMax = 24 * time.Hour
)

// fresh is for how long the document is not read again.
func (d *Document) fresh() time.Duration {
	return min(max(d.Fresh, documentFreshMin), documentFreshMax)
}

// documentFresh says whether the document of a client need not be read again.
func (c *Client) documentFresh(now time.Time) bool {
	return c.ReadAt != nil && c.FreshUntil != nil && within(now, *c.ReadAt, c.FreshUntil.Sub(*c.ReadAt))
}

// documentOf makes an error of a document one that stays a verdict on its way through [Server.introduce].
func documentOf(err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) {
		return fmt.Errorf("%w: %s", ErrDocument, wireText(e.Description))
	}
	return err
}
