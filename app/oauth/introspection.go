package oauth

import (
	"context"
	"errors"
	"slices"
	"strings"

	"regrant/app/audit"

	"github.com/go-jose/go-jose/v4/jwt"
)

// Introspection is the answer of RFC 7662 §2.2. An inactive token says nothing but that.
type Introspection struct {
	Active    bool             `json:"active"`
	Scope     string           `json:"scope,omitempty"`
	ClientID  string           `json:"client_id,omitempty"`
	TokenType string           `json:"token_type,omitempty"`
	Subject   string           `json:"sub,omitempty"`
	Audience  jwt.Audience     `json:"aud,omitempty"`
	Issuer    string           `json:"iss,omitempty"`
	Expiry    *jwt.NumericDate `json:"exp,omitempty"`
	IssuedAt  *jwt.NumericDate `json:"iat,omitempty"`
	ID        string           `json:"jti,omitempty"`
	AuthTime  *jwt.NumericDate `json:"auth_time,omitempty"`
	ACR       string           `json:"acr,omitempty"`
	AMR       []string         `json:"amr,omitempty"`
	Groups    []string         `json:"groups,omitzero"`
	GrantID   string           `json:"grant_id,omitempty"`
	Actor     *Actor           `json:"act,omitempty"` // RFC 8693 §4.1
	// Confirmation is nil for a bearer token.
	Confirmation *Confirmation `json:"cnf,omitempty"`
}

// Introspect answers an introspection request. Only clients that authenticate may ask: a resource server about access
// tokens for its resource, a client about its own tokens. A token that the caller is not entitled to is inactive to it.
func (s *Server) Introspect(ctx context.Context, credentials ClientCredentials, token string, by audit.Origin) (*Introspection, error) {
	client, answer, err := s.askAbout(ctx, credentials, token, by)
	return answer, s.remember(PathIntrospect, client, by, err)
}

func (s *Server) askAbout(ctx context.Context, credentials ClientCredentials, token string, by audit.Origin) (*Client, *Introspection, error) {
	client, err := s.AuthenticateClient(ctx, credentials, by)
	if err != nil {
		return client, nil, err
	}
	answer, err := s.introspect(ctx, client, token)
	return client, answer, err
}

// signedIntrospection is what a signed answer says, RFC 9701 §5. It has neither sub nor exp, so that nobody takes it for a token.
type signedIntrospection struct {
	Issuer        string           `json:"iss"`
	Audience      string           `json:"aud"` // who asked
	IssuedAt      *jwt.NumericDate `json:"iat"`
	Introspection *Introspection   `json:"token_introspection"`
}

// IntrospectSigned is [Server.Introspect] with an answer that its reader can prove to others, RFC 9701: a JWT, signed with the algorithm of
// the ID tokens of who asks.
func (s *Server) IntrospectSigned(ctx context.Context, credentials ClientCredentials, token string, by audit.Origin) (string, error) {
	var signed string
	client, answer, err := s.askAbout(ctx, credentials, token, by)
	if err == nil {
		now := s.clock.Now().Wall
		signed, err = s.sign(client.Policy.IDTokenAlg, introspectionType, signedIntrospection{s.issuer, client.ID, jwt.NewNumericDate(now), answer}, now)
		err = fault("sign an introspection", err)
	}
	return signed, s.remember(PathIntrospect, client, by, err)
}

func (s *Server) introspect(ctx context.Context, client *Client, token string) (*Introspection, error) {
	if client.Public() {
		return nil, because(RuleClientPublic, refusef(InvalidClient, "Client authentication failed.", "client_id=%q: a public client cannot introspect", client.ID))
	}
	if client.DisabledAt != nil {
		return nil, because(RuleClientDisabled, refuse(UnauthorizedClient, "The client is disabled."))
	}
	if token == "" {
		return nil, refuse(InvalidRequest, "The token is missing.")
	}
	if strings.HasPrefix(token, refreshTokenPrefix) {
		return s.introspectRefreshToken(ctx, client, token)
	}
	claims, ok := s.readAccessToken(token, s.clock.Now().Wall)
	if !ok || !s.mayIntrospect(client, claims) {
		return &Introspection{}, nil
	}
	_, ended, err := s.accessTokenEnded(ctx, claims)
	if err != nil || ended != "" {
		return &Introspection{}, err
	}
	return &Introspection{
		Active: true, Scope: claims.Scope, ClientID: claims.ClientID, TokenType: tokenType(claims.Confirmation), Subject: claims.Subject, Audience: claims.Audience,
		Issuer: claims.Issuer, Expiry: claims.Expiry, IssuedAt: claims.IssuedAt, ID: claims.ID, AuthTime: claims.AuthTime, ACR: claims.ACR, AMR: claims.AMR,
		Groups: claims.Groups, GrantID: claims.GrantID, Actor: claims.Actor, Confirmation: claims.Confirmation,
	}, nil
}

func (s *Server) mayIntrospect(client *Client, claims *AccessToken) bool {
	if claims.ClientID == client.ID {
		return true
	}
	return slices.ContainsFunc(s.registry().apis, func(a API) bool {
		return a.ClientID == client.ID && slices.Contains(claims.Audience, a.Resource)
	})
}

// accessTokenEnded asks what the signature cannot say: whether this token, its grant, its client or its person were ended, or
// the person may not use the client now. It gives the rule by which the token is refused, "" for one that is alive, and the grant of
// that one, nil where the client acts for itself.
func (s *Server) accessTokenEnded(ctx context.Context, claims *AccessToken) (*GrantState, Rule, error) {
	revoked, err := s.store.AccessTokenRevoked(ctx, claims.ID)
	if err != nil {
		return nil, "", fault("read revoked access tokens", err)
	}
	if revoked {
		return nil, RuleAccessRevoked, nil
	}
	if claims.GrantID != "" {
		grant, ended, err := s.grantEnded(ctx, claims.GrantID)
		if err == nil && ended == "" && claims.Actor != nil {
			ended, err = s.actorsEnded(ctx, claims, grant)
		}
		return grant, ended, err
	}
	client, err := s.store.Client(ctx, claims.ClientID)
	if errors.Is(err, ErrNotFound) {
		return nil, RuleAccessRevoked, nil
	}
	if err != nil {
		return nil, "", fault("read client", err)
	}
	if client.DisabledAt != nil || coveredBy(claims.IssuedAt.Time(), client.GrantsRevokedBefore) {
		return nil, RuleAccessRevoked, nil
	}
	return nil, "", nil
}

// grantEnded is accessTokenEnded for all that hangs on a grant.
func (s *Server) grantEnded(ctx context.Context, id string) (*GrantState, Rule, error) {
	grant, err := s.store.Grant(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, RuleAccessRevoked, nil
	}
	if err != nil {
		return nil, "", fault("read grant", err)
	}
	if !grant.Alive() || grant.ClientDisabled {
		return nil, RuleAccessRevoked, nil
	}
	may, err := s.mayUse(ctx, grant.ClientRestricted, grant.PersonID, grant.ClientID)
	if err == nil && !may {
		return nil, RuleAccessNoAccess, nil
	}
	return grant, "", err
}

// introspectRefreshToken answers the token's own client only, and only the current generation is active, so that nothing
// leaks to who holds an older one.
func (s *Server) introspectRefreshToken(ctx context.Context, client *Client, raw string) (*Introspection, error) {
	token, err := parseRefreshToken(raw, s.keys().tokenKey)
	if err != nil {
		return &Introspection{}, nil
	}
	state, err := s.store.RefreshState(ctx, token.id)
	if errors.Is(err, ErrNotFound) {
		return &Introspection{}, nil
	}
	if err != nil {
		return nil, fault("read refresh token", err)
	}
	now := s.clock.Now()
	v := state.judge(token, client.Policy, now, s.epoch)
	if state.ClientID != client.ID || state.hasEnded(now) || v != verdictCurrent && v != verdictForward {
		return &Introspection{}, nil
	}
	may, err := s.mayUse(ctx, client.Restricted, state.PersonID, client.ID)
	if err != nil || !may {
		return &Introspection{}, err
	}
	return &Introspection{
		Active: true, Scope: state.Scope.String(), ClientID: client.ID, TokenType: "refresh_token", Subject: state.PersonID, Audience: jwt.Audience{s.issuer},
		Issuer: s.issuer, Expiry: jwt.NewNumericDate(earlier(state.IdleDeadline, state.AbsoluteDeadline)), IssuedAt: jwt.NewNumericDate(token.issuedAt),
		AuthTime: jwt.NewNumericDate(state.AuthTime), ACR: state.ACR, AMR: state.AMR, GrantID: state.ID, Confirmation: confirmation(state.Thumbprint),
	}, nil
}
