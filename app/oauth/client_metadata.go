package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what a client may say of itself.
const (
	maxOwnRedirectURIs = 20
	maxContacts        = 10
	maxAboutText       = 200 // characters
)

// The kinds of applications of OpenID Connect Registration §2.
const (
	ApplicationWeb    = "web"
	ApplicationNative = "native"
)

// ownGrantTypes are those that a client gets by its own word. Acting without a person, and being allowed from another device, takes an
// admin.
var ownGrantTypes = []string{GrantAuthorizationCode, GrantRefreshToken}

// clientMetadata is what a client says of itself, RFC 7591 §2 and OpenID Connect Registration §2.
type clientMetadata struct {
	name                    string
	authMethod              AuthMethod
	authAlg                 string
	redirectURIs            []string
	grantTypes              []string
	scope                   Scope // nil: it says nothing of it
	jwks, jwksURI           string
	sector                  string // sector_identifier_uri
	idTokenAlg              string
	postLogout              []string
	backchannel             string
	backchannelSession      bool
	dpopRequired, parNeeded bool
	about                   About
}

// ReadMembers reads the members of a JSON object in UTF-8, each once, nothing repaired; or it says in a sentence why it cannot.
func ReadMembers(text []byte) (members map[string]json.RawMessage, why string) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, "The body is not JSON in UTF-8."
	}
	reader := json.NewDecoder(bytes.NewReader(text))
	if begin, err := reader.Token(); err != nil || begin != json.Delim('{') {
		return nil, "The body must be a JSON object."
	}
	members = map[string]json.RawMessage{}
	for reader.More() {
		name, err := reader.Token()
		var value json.RawMessage
		if err == nil {
			err = reader.Decode(&value)
		}
		if err != nil {
			return nil, "The body could not be read." // unreachable: it is valid
		}
		member, _ := name.(string)
		if _, twice := members[member]; twice {
			return nil, "A member occurs more than once."
		}
		members[member] = value
	}
	return members, ""
}

// metadataMembers reads the members of a JSON object that are of the kind that they must be. Members that are null are as if they were not
// there (RFC 7591 §2), and names count as they are spelled.
type metadataMembers struct {
	members map[string]json.RawMessage
	err     error // of the first that cannot be read
}

func (m *metadataMembers) read(name string, into any, kind string) {
	raw, there := m.members[name]
	if !there || string(raw) == "null" {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil && m.err == nil {
		m.err = refuse(InvalidClientMetadata, name+": must be "+kind)
	}
}

func (m *metadataMembers) text(name string) (s string) {
	m.read(name, &s, "a string")
	return s
}

func (m *metadataMembers) texts(name string) (list []string) {
	m.read(name, &list, "a list of strings")
	return list
}

func (m *metadataMembers) flag(name string) (on bool) {
	m.read(name, &on, "true or false")
	return on
}

// readClientMetadata reads what a client says of itself. What this server does not know is ignored (RFC 7591 §2); what it knows and cannot
// do is refused.
func readClientMetadata(members map[string]json.RawMessage) (*clientMetadata, error) {
	m := &metadataMembers{members: members}
	c := &clientMetadata{
		name: m.text("client_name"), authMethod: AuthMethod(m.text("token_endpoint_auth_method")), authAlg: m.text("token_endpoint_auth_signing_alg"),
		redirectURIs: m.texts("redirect_uris"), grantTypes: m.texts("grant_types"), jwksURI: m.text("jwks_uri"), sector: m.text("sector_identifier_uri"),
		idTokenAlg: m.text("id_token_signed_response_alg"), postLogout: m.texts("post_logout_redirect_uris"),
		backchannel: m.text("backchannel_logout_uri"), backchannelSession: m.flag("backchannel_logout_session_required"),
		dpopRequired: m.flag("dpop_bound_access_tokens"), parNeeded: m.flag("require_pushed_authorization_requests"),
		about: About{
			ApplicationType: m.text("application_type"), ClientURI: m.text("client_uri"), LogoURI: m.text("logo_uri"), PolicyURI: m.text("policy_uri"),
			TermsURI: m.text("tos_uri"), Contacts: m.texts("contacts"), SoftwareID: m.text("software_id"), SoftwareVersion: m.text("software_version"),
		},
	}
	responseTypes, scope, subject, login := m.texts("response_types"), m.text("scope"), m.text("subject_type"), m.text("initiate_login_uri")
	var keys map[string]any
	if m.read("jwks", &keys, "a JWK set"); keys != nil {
		c.jwks = string(members["jwks"])
	}
	if m.err != nil {
		return nil, m.err
	}
	bad := func(description string) error { return refuse(InvalidClientMetadata, description) }
	var err error
	if scope != "" {
		if c.scope, err = ParseScope(scope); err != nil {
			return nil, bad("scope: is malformed (RFC 6749 section 3.3)")
		}
	}
	if len(responseTypes) > 0 && !slices.Contains(responseTypes, "code") {
		return nil, bad("response_types: must be code")
	}
	if subject != "" && subject != "public" {
		return nil, bad("subject_type: must be public")
	}
	for _, address := range []struct{ member, uri string }{
		{"client_uri", c.about.ClientURI}, {"logo_uri", c.about.LogoURI}, {"policy_uri", c.about.PolicyURI}, {"tos_uri", c.about.TermsURI},
		{"jwks_uri", c.jwksURI}, {"sector_identifier_uri", c.sector}, {"initiate_login_uri", login},
	} {
		if address.uri == "" {
			continue
		}
		if err := validateFetched(address.member, address.uri); err != nil {
			return nil, err
		}
	}
	return c, c.validate()
}

// validate refuses what contradicts itself, before anything is made of it. [Client.Validate] follows.
func (m *clientMetadata) validate() error {
	bad := func(format string, args ...any) error {
		return refuse(InvalidClientMetadata, fmt.Sprintf(format, args...))
	}
	if err := m.validateRedirectURIs(); err != nil {
		return err
	}
	if m.jwks != "" && m.jwksURI != "" {
		return bad("jwks: give either jwks or jwks_uri (RFC 7591 section 2)")
	}
	if m.jwks != "" { // also of a client that authenticates otherwise: a private key that was shown has to be replaced
		if _, err := readKeys([]byte(m.jwks), true); err != nil && (m.authMethod == AuthPrivateKeyJWT || holdsPrivate(m.jwks)) {
			return bad("jwks: %s", err)
		}
	}
	if alg := m.idTokenAlg; alg != "" && alg != AlgRS256 && alg != AlgES256 {
		return bad("id_token_signed_response_alg: must be RS256 or ES256")
	}
	if len(m.about.Contacts) > maxContacts {
		return bad("contacts: at most %d", maxContacts)
	}
	for _, text := range append([]string{m.about.SoftwareID, m.about.SoftwareVersion}, m.about.Contacts...) {
		if text != "" && !validName(text) || utf8.RuneCountInString(text) > maxAboutText {
			return bad("contacts, software_id, software_version: at most %d characters that can be seen, on one line", maxAboutText)
		}
	}
	return nil
}

// validateRedirectURIs adds the rules of OpenID Connect Registration §2 to those of every redirect URI: that of a web application is a
// site's, and that of a native one may also be on the person's device. Where the client does not say which it is, its addresses say it:
// many programs that were written for RFC 7591 alone know no such member.
func (m *clientMetadata) validateRedirectURIs() error {
	bad := func(description string) error { return refuse(InvalidRedirectURI, description) }
	if len(m.redirectURIs) == 0 {
		return bad("redirect_uris: at least one is needed")
	}
	if len(m.redirectURIs) > maxOwnRedirectURIs {
		return bad(fmt.Sprintf("redirect_uris: at most %d", maxOwnRedirectURIs))
	}
	onDevice := false
	for _, uri := range m.redirectURIs {
		if err := ValidateRedirectURI(uri); err != nil {
			return err
		}
		u, err := url.Parse(uri)
		onDevice = onDevice || err != nil || u.Scheme != "https" || isLoopback(u.Hostname())
	}
	switch m.about.ApplicationType {
	case "":
		if m.about.ApplicationType = ApplicationWeb; onDevice {
			m.about.ApplicationType = ApplicationNative
		}
	case ApplicationNative:
	case ApplicationWeb:
		if onDevice {
			return bad("redirect_uri: that of a web application must be https, and not localhost; register application_type native (OpenID Connect Registration section 2)")
		}
	default:
		return refuse(InvalidClientMetadata, "application_type: must be web or native")
	}
	return nil
}

// holdsPrivate says whether a JWK set has a private or symmetric key.
func holdsPrivate(set string) bool {
	var parsed struct{ Keys []map[string]any }
	if json.Unmarshal([]byte(set), &parsed) != nil {
		return false
	}
	return slices.ContainsFunc(parsed.Keys, func(key map[string]any) bool {
		return slices.ContainsFunc(privateMembers, func(name string) bool { _, has := key[name]; return has })
	})
}

// apply makes the registration say what the client says of itself, as far as mayAsk and ownGrantTypes go: what is more is left out,
// and the answer tells what is left (RFC 7591 §2). What an admin demands of it stays demanded.
func (m *clientMetadata) apply(c *Client, mayAsk Scope) error {
	c.Name, c.RedirectURIs, c.PostLogoutRedirectURIs, c.About = m.name, m.redirectURIs, m.postLogout, m.about
	if c.Name == "" {
		c.Name = c.Destinations()[0]
	}
	if c.AuthMethod = m.authMethod; c.AuthMethod == "" {
		c.AuthMethod = AuthBasic // RFC 7591 §2
	}
	c.dropKeys()
	if c.AuthMethod == AuthPrivateKeyJWT { // keys for other ends have no use here
		c.JWKS, c.JWKSURI, c.AuthSigningAlg = m.jwks, m.jwksURI, m.authAlg
	}
	c.BackchannelLogoutURI, c.LogoutSessionRequired = m.backchannel, m.backchannelSession
	c.DPoPRequired, c.PARRequired = c.DPoPRequired || m.dpopRequired, c.PARRequired || m.parNeeded
	if c.Policy.IDTokenAlg = m.idTokenAlg; m.idTokenAlg == "" {
		c.Policy.IDTokenAlg = AlgRS256 // OpenID Connect Registration §2
	}
	c.GrantTypes = []string{GrantAuthorizationCode} // RFC 7591 §2
	if m.grantTypes != nil {
		c.GrantTypes = slices.DeleteFunc(slices.Clone(m.grantTypes), func(g string) bool { return !slices.Contains(ownGrantTypes, g) })
		slices.Sort(c.GrantTypes)
		c.GrantTypes = slices.Compact(c.GrantTypes)
	}
	if !c.Allows(GrantAuthorizationCode) {
		return refuse(InvalidClientMetadata, "grant_types: authorization_code is needed; besides it there is refresh_token")
	}
	if c.Scope = mayAsk; m.scope != nil {
		c.Scope = m.scope.Intersect(mayAsk)
	}
	if len(c.Scope) == 0 {
		return refuse(InvalidClientMetadata, "scope: none of it may be asked for by a client that registers itself")
	}
	return nil
}

// checkSector refuses redirect URIs that do not stand in the document of their sector: OpenID Connect Registration §5. Nothing else
// depends on a sector here, since everybody's sub is the same for every client.
func (s *Server) checkSector(ctx context.Context, m *clientMetadata, address string) error {
	if m.sector == "" {
		return nil
	}
	if wait, ok := s.sectors.take(addressGroup(address), s.clock.Now().Wall); !ok {
		return &Error{Code: TemporarilyUnavailable, RetryAfter: wait, Description: "Too many addresses to be looked at. Try again later."}
	}
	bad := func(why string, err error) error {
		return &Error{Code: InvalidClientMetadata, Description: "sector_identifier_uri: " + why, Err: err}
	}
	if s.fetch == nil {
		return bad("this server calls no addresses", nil)
	}
	text, err := s.fetch(ctx, m.sector)
	if err != nil {
		return bad("cannot be read", err)
	}
	var listed []string
	if json.Unmarshal(text, &listed) != nil {
		return bad("gives no list of redirect URIs", nil)
	}
	for _, uri := range m.redirectURIs {
		if !slices.Contains(listed, uri) {
			return bad("does not list every redirect URI", nil)
		}
	}
	return nil
}

// wire makes an error of a registration fit to travel: what a client sent may stand in its description.
func wire(err error) error {
	e := AsError(err)
	if e.Code != InvalidClientMetadata && e.Code != InvalidRedirectURI {
		return err
	}
	told := *e
	told.Description = wireText(e.Description)
	return &told
}

// wireText keeps a text from outside within the characters of error_description, RFC 6749 §5.2.
func wireText(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"' || c == '\\':
			return '\''
		case c < 0x20 || c > 0x7e:
			return '?'
		}
		return c
	}, s)
}
