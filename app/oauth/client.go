package oauth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// AuthMethod is how a client authenticates at the token endpoint, RFC 7591 §2.
type AuthMethod string

// The methods.
const (
	AuthBasic         AuthMethod = "client_secret_basic"
	AuthPost          AuthMethod = "client_secret_post"
	AuthNone          AuthMethod = "none"            // a public client, RFC 6749 §2.1
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt" // OpenID Connect Core §9
)

// The grant types that this server offers.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628 §3.4
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 §2.1
)

var grantTypes = []string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials, GrantDeviceCode, GrantTokenExchange}

// Client is an application, RFC 6749 §2.
type Client struct {
	ID                  string
	Name                string
	AuthMethod          AuthMethod
	RedirectURIs        []string
	GrantTypes          []string
	Scope               Scope // what it may ask for
	Trusted             bool  // an admin vouches for it: no consent page
	PKCEWaived          bool  // only for a confidential client, RFC 9700 §2.1.1
	RedirectURIRequired bool  // OAuth 2.0 behaviour at the token endpoint, RFC 6749 §4.1.3
	FormPost            bool  // it may ask for the answer as a form, see [ResponseFormPost]
	SecondFactor        bool  // people show two factors before an authorization goes on
	PARRequired         bool  // it must push its authorization requests, RFC 9126 §6
	DPoPRequired        bool  // its access tokens are bound to its key, RFC 9449 §5.2
	// PostLogoutRedirectURIs are where the browser may go after a sign-out that the client asked for, compared exactly.
	PostLogoutRedirectURIs []string
	BackchannelLogoutURI   string // where it is told that a session has ended, OpenID Connect Back-Channel Logout §2.2; "": nowhere
	LogoutSessionRequired  bool   // it has to be told which one
	// Where it is told that its grants have ended, see [EndedGrants]: a webhook, signed with a secret, and the receiver of security event
	// tokens (RFC 8935 §2), with the header by which that knows this server, sealed; "" and nil: nowhere, and none.
	WebhookURL                 string
	WebhookSecret              *SealedSecret
	OldWebhookSecret           *SealedSecret // the one before, until it ends
	SecurityEventURL           string
	SecurityEventAuthorization []byte
	Secret                     *ClientSecret
	OldSecret                  *ClientSecret // the one before, until it ends
	JWKS                       string        // the public keys of its assertions, RFC 7517 §5; "" where they stand at JWKSURI
	JWKSURI                    string
	AuthSigningAlg             string // the one algorithm of its assertions; "": any of [AssertionAlgs]
	// ExchangeSubjects are the APIs whose tokens it may exchange beside its own, ExchangeAudiences those for which it gets tokens
	// by [GrantTokenExchange]: resource indicators.
	ExchangeSubjects    []string
	ExchangeAudiences   []string
	Source              ClientSource
	About               About      // what it says of itself, where nobody vouches for it
	RegistrationHash    []byte     // of the token with which it looks after its registration, RFC 7592 §3; nil: it has none
	SeenAt              *time.Time // when it was last known to be in use, set by the store; nil: it does not go for want of use
	ReadAt              *time.Time // when its document was read last; nil: it has none
	FreshUntil          *time.Time // until then the document is believed and not read again
	Policy              Policy
	Restricted          bool    // only members of Groups may use it; with no group nobody may
	Groups              []Group // in the order of their names; empty unless Restricted
	DisabledAt          *time.Time
	GrantsRevokedBefore *time.Time
	Version             int64 // raised by every change
	CreatedAt           time.Time
	UpdatedAt           time.Time
}

// ClientSecret is what the server keeps of a secret that it made: a hash, and its last characters for people.
type ClientSecret struct {
	Hash      []byte // SHA-256
	Hint      string // the last 4 characters
	CreatedAt time.Time
	EndsAt    *time.Time // nil: until it is rotated
}

// Public says whether the client cannot keep a secret, RFC 6749 §2.1.
func (c *Client) Public() bool { return c.AuthMethod == AuthNone }

// HasSecret says whether the client authenticates with a secret that this server made.
func (c *Client) HasSecret() bool { return c.AuthMethod == AuthBasic || c.AuthMethod == AuthPost }

// Allows says whether the client may use a grant type.
func (c *Client) Allows(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// ServesPeople says whether people sign in to the client.
func (c *Client) ServesPeople() bool {
	return c.Allows(GrantAuthorizationCode) || c.Allows(GrantDeviceCode)
}

const maxExchangeAPIs = 100

// Validate refuses a registration that contradicts itself, naming the member: RFC 7591 §3.2.2, RFC 9700 §2.
func (c *Client) Validate() error {
	bad := func(format string, args ...any) error {
		return refuse(InvalidClientMetadata, fmt.Sprintf(format, args...))
	}
	if err := c.validateID(); err != nil {
		return err
	}
	if !validName(c.Name) {
		return bad("client_name: must be 1 to 200 characters that can be seen, on one line")
	}
	switch c.AuthMethod {
	case AuthBasic, AuthPost, AuthNone, AuthPrivateKeyJWT:
	default:
		return bad("token_endpoint_auth_method: must be client_secret_basic, client_secret_post, private_key_jwt or none")
	}
	if err := c.validateKeys(); err != nil {
		return err
	}
	for _, g := range c.GrantTypes {
		if !slices.Contains(grantTypes, g) {
			return bad("grant_types: %q is not offered", g)
		}
	}
	if c.Allows(GrantRefreshToken) && !c.ServesPeople() {
		return bad("grant_types: refresh_token needs authorization_code, or the device grant")
	}
	if c.Allows(GrantClientCredentials) && c.Public() {
		return bad("grant_types: client_credentials needs a client that authenticates (RFC 6749 section 4.4)")
	}
	if c.Allows(GrantTokenExchange) && c.Public() {
		return bad("grant_types: token-exchange needs a client that authenticates")
	}
	if c.Allows(GrantTokenExchange) && len(c.ExchangeAudiences) == 0 {
		return bad("exchange_audience: token-exchange needs at least one API that it gets tokens for")
	}
	if len(c.ExchangeSubjects) > maxExchangeAPIs || len(c.ExchangeAudiences) > maxExchangeAPIs {
		return bad("exchange_audience: at most %d APIs", maxExchangeAPIs)
	}
	if c.Allows(GrantAuthorizationCode) && len(c.RedirectURIs) == 0 {
		return bad("redirect_uris: authorization_code needs at least one")
	}
	if len(c.RedirectURIs) > 100 {
		return bad("redirect_uris: at most 100")
	}
	if len(c.PostLogoutRedirectURIs) > 100 {
		return bad("post_logout_redirect_uris: at most 100")
	}
	for _, u := range c.RedirectURIs {
		if err := ValidateRedirectURI(u); err != nil {
			return err
		}
	}
	for _, u := range c.PostLogoutRedirectURIs {
		if err := ValidatePostLogoutRedirectURI(u); err != nil {
			return err
		}
	}
	if c.BackchannelLogoutURI != "" {
		if err := validateFetched("backchannel_logout_uri", c.BackchannelLogoutURI); err != nil {
			return err
		}
	}
	if err := c.validatePush(); err != nil {
		return err
	}
	if c.PKCEWaived && c.Public() {
		return bad("no-pkce: a public client needs PKCE (RFC 9700 section 2.1.1)")
	}
	if c.Trusted && c.Unverified() {
		return bad("trusted: a client that nobody here has registered is never trusted")
	}
	if c.Source == SourceDocument && c.HasSecret() {
		return bad("token_endpoint_auth_method: a client that is known by its address has no secret")
	}
	if c.Secret == nil && c.HasSecret() {
		return bad("token_endpoint_auth_method: %s needs a secret", c.AuthMethod)
	}
	return c.Policy.Validate(c.AuthMethod, c.DPoPRequired)
}

// validateID refuses an address for a client that does not live there, and any other name for one that does.
func (c *Client) validateID() error {
	if c.Source == SourceDocument {
		return validateDocumentURL(c.ID)
	}
	return validClientID(c.ID)
}

// validClientID keeps a client_id within RFC 6749 Appendix A.1 and apart from what a person's subject identifier looks
// like (RFC 9700 §4.15) and from client ID metadata documents.
func validClientID(id string) error {
	bad := func(description string) error { return refuse(InvalidClientMetadata, "client_id: "+description) }
	if len(id) < 1 || len(id) > 100 {
		return bad("must be 1 to 100 characters long")
	}
	for _, c := range []byte(id) {
		if c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return bad("only visible ASCII without quotes and backslashes")
		}
	}
	if looksLikeSubject(id) {
		return bad("must not have the shape of a person's identifier")
	}
	if isDocumentURL(id) {
		return bad("must not be a URL")
	}
	return nil
}

// looksLikeSubject says whether id has the shape of a UUID, which every person's sub has.
func looksLikeSubject(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i, c := range []byte(strings.ToLower(id)) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}
