package oauth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"regrant/app/audit"
)

// ErrNoInitialToken is the cause of an [*Error] where a registration came without the token that it needs.
var ErrNoInitialToken = errors.New("oauth: no initial access token")

// RegistrationRequest is a client's wish to be registered, or to change its registration.
type RegistrationRequest struct {
	Token    string                     // the initial access token, or that of the registration; "": none
	Metadata map[string]json.RawMessage // the members of the body
	By       audit.Origin
}

// RegistrationOffered says whether clients may register themselves here, now.
func (s *Server) RegistrationOffered() bool { return s.terms.Load().Mode != RegistrationOff }

// RegisterItself registers the client that asks for it, RFC 7591 §3.1, as far as the rules go. Errors: [InvalidRedirectURI] and
// [InvalidClientMetadata] (RFC 7591 §3.2.2), [InvalidToken], and [TemporarilyUnavailable] with a time to wait where there are too many.
func (s *Server) RegisterItself(ctx context.Context, r RegistrationRequest) (*ClientInformation, error) {
	now, terms := s.clock.Now(), s.terms.Load()
	registration := &SelfRegistration{Bound: WaitingBound{All: terms.Total, Holder: terms.PerAddress}, Since: now.Wall.Add(-registrationDay)}
	var token *InitialToken
	switch {
	case r.Token != "":
		var err error
		if token, err = s.initialToken(ctx, r.Token, now.Deadline); err != nil {
			return nil, err
		}
		registration.TokenHash = token.Hash
	case terms.Mode == RegistrationByToken:
		return nil, &Error{Code: InvalidToken, Err: ErrNoInitialToken, Description: "An initial access token is needed."}
	default:
		registration.Holder = "address " + addressGroup(r.By.IP)
	}
	m, err := readClientMetadata(r.Metadata)
	if err != nil {
		return nil, wire(err)
	}
	c := newRegistered(terms, strings.ToLower(rand.Text()), SourceDynamic, now.Wall)
	if err := m.apply(c, terms.Scope.Intersect(s.registry().known())); err != nil {
		return nil, wire(err)
	}
	information := &ClientInformation{}
	if c.HasSecret() {
		information.ClientSecret = c.newSecret(now.Wall)
	}
	if err := validateClient(ctx, s.store, c, &Client{}); err != nil {
		return nil, wire(err)
	}
	if err := s.checkSector(ctx, m, r.By.IP); err != nil {
		return nil, err
	}
	information.RegistrationAccessToken, c.RegistrationHash = newSecret(ownTokenPrefix)
	by := r.By
	by.Actor, by.ActorID = audit.ByClient, c.ID
	facts := c.facts()
	if token != nil {
		facts = append([]string{"initial_access_token", token.Name}, facts...)
	}
	registration.Client = c
	registration.Event = audit.Event{At: now.Wall, Kind: audit.ClientRegistered, Origin: by, ClientID: c.ID, Result: "ok", Detail: audit.Details(facts...)}
	switch err := s.store.RegisterItself(ctx, registration); {
	case err == nil:
		return information.of(c, s.issuer), nil
	case errors.Is(err, ErrSpent):
		return nil, initialTokenRefused("used up meanwhile: " + token.ID)
	case errors.Is(err, ErrTooMany):
		return nil, &Error{Code: TemporarilyUnavailable, RetryAfter: registrationDay, Description: "Too many applications were registered from this address today."}
	case errors.Is(err, ErrFull):
		return nil, &Error{Code: TemporarilyUnavailable, RetryAfter: time.Hour, Description: "There is no room for one more application that registers itself. Ask who runs this server."}
	default:
		return nil, fault("register client", err)
	}
}

// newRegistered is what a client that nobody vouches for begins as: with the policy of the server, and with forbearance for processes that
// share a stored token, as many such clients do.
func newRegistered(terms *RegistrationTerms, id string, source ClientSource, now time.Time) *Client {
	c, _ := KindMCP.NewClient(terms.Policy)
	c.ID, c.Source = id, source
	c.CreatedAt, c.UpdatedAt, c.Version = now, now, 1
	return c
}

// ClientInformation is what a client hears of its registration: RFC 7591 §3.2.1, RFC 7592 §3. A secret is told once, when it is made.
type ClientInformation struct {
	ClientID                string `json:"client_id"`
	ClientSecret            string `json:"client_secret,omitempty"`
	ClientIDIssuedAt        int64  `json:"client_id_issued_at"`                // seconds since 1970
	ClientSecretExpiresAt   *int64 `json:"client_secret_expires_at,omitempty"` // 0: never; nil: there is no secret
	RegistrationAccessToken string `json:"registration_access_token"`
	RegistrationClientURI   string `json:"registration_client_uri"`

	ClientName              string          `json:"client_name"`
	RedirectURIs            []string        `json:"redirect_uris"`
	GrantTypes              []string        `json:"grant_types"`
	ResponseTypes           []string        `json:"response_types"`
	Scope                   string          `json:"scope"`
	TokenEndpointAuthMethod string          `json:"token_endpoint_auth_method"`
	AuthSigningAlg          string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	JWKS                    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI                 string          `json:"jwks_uri,omitempty"`
	SubjectType             string          `json:"subject_type"`
	IDTokenAlg              string          `json:"id_token_signed_response_alg"`
	PostLogoutRedirectURIs  []string        `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI    string          `json:"backchannel_logout_uri,omitempty"`
	BackchannelSession      bool            `json:"backchannel_logout_session_required,omitempty"`
	DPoPRequired            bool            `json:"dpop_bound_access_tokens"`
	PARRequired             bool            `json:"require_pushed_authorization_requests"`
	About
}

// of fills in what a registration says.
func (i *ClientInformation) of(c *Client, issuer string) *ClientInformation {
	i.ClientID, i.ClientIDIssuedAt, i.RegistrationClientURI = c.ID, c.CreatedAt.Unix(), issuer+PathRegister+"/"+c.ID
	if c.HasSecret() {
		i.ClientSecretExpiresAt = new(int64)
	}
	i.ClientName, i.RedirectURIs, i.GrantTypes, i.ResponseTypes, i.Scope = c.Name, c.RedirectURIs, c.GrantTypes, []string{"code"}, c.Scope.String()
	i.TokenEndpointAuthMethod, i.AuthSigningAlg, i.JWKSURI = string(c.AuthMethod), c.AuthSigningAlg, c.JWKSURI
	if c.JWKS != "" {
		i.JWKS = json.RawMessage(c.JWKS)
	}
	i.SubjectType, i.IDTokenAlg = "public", c.Policy.IDTokenAlg
	i.PostLogoutRedirectURIs, i.BackchannelLogoutURI, i.BackchannelSession = c.PostLogoutRedirectURIs, c.BackchannelLogoutURI, c.LogoutSessionRequired
	i.DPoPRequired, i.PARRequired, i.About = c.DPoPRequired, c.PARRequired, c.About
	return i
}
