package oauth

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
)

// TokenRequest is a request at the token endpoint, each parameter at most once: RFC 6749 §3.2.
type TokenRequest struct {
	Client       ClientCredentials
	GrantType    string
	Code         string
	RedirectURI  string
	CodeVerifier string
	RefreshToken string
	DeviceCode   string
	Exchange     Exchange
	Scope        string
	Resources    []string
	Proofs       []string     // the DPoP header fields; nil: none
	By           audit.Origin // address, user agent and request id; the engine fills in who

	jkt     string // thumbprint of the key that the proof proves; "": it has none
	counted bool   // against the limit of its grant, however often it is decided anew
}

// TokenResponse is a successful answer, RFC 6749 §5.1.
type TokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
	IDToken      string `json:"id_token,omitempty"`
	// IssuedTokenType is for a token exchange, RFC 8693 §2.2.1.
	IssuedTokenType string `json:"issued_token_type,omitempty"`

	how outcome // for the tally
}

// maxRetries bounds how often a decision is made anew because something changed meanwhile.
const maxRetries = 20

// Token answers a token request. The client authenticates first, whatever else is wrong; every later check of a grant
// type leaves what is stored as it was until all have passed.
func (s *Server) Token(ctx context.Context, r TokenRequest) (*TokenResponse, error) {
	// A client of a moment ago will do for a refresh alone: its write finds out whether the client still is as it was. Nor is anybody
	// refused for what was true a moment ago.
	authenticate := s.authenticateNow
	if r.GrantType == GrantRefreshToken {
		authenticate = s.AuthenticateClient
	}
	client, err := authenticate(ctx, r.Client, r.By)
	if err == nil && (client.DisabledAt != nil || !client.Allows(r.GrantType) || client.DPoPRequired && r.Proofs == nil) {
		client, err = s.authenticateAgain(ctx, r.Client, r.By)
	}
	var response *TokenResponse
	if err == nil {
		r.By.Actor, r.By.ActorID = audit.ByClient, client.ID
		response, err = s.answer(ctx, client, &r)
	}
	s.tally.answered(r.GrantType, response, err)
	return response, s.remember(PathToken, client, r.By, err)
}

// answer answers a client that has authenticated.
func (s *Server) answer(ctx context.Context, client *Client, r *TokenRequest) (*TokenResponse, error) {
	if r.GrantType == "" {
		return nil, refuse(InvalidRequest, "The grant_type is missing.")
	}
	switch r.GrantType {
	case GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials, GrantDeviceCode, GrantTokenExchange:
	default:
		return nil, refusef(UnsupportedGrantType, "The grant_type is not supported.", "client_id=%s grant_type=%s", client.ID, printable(r.GrantType))
	}
	if client.DisabledAt != nil {
		return nil, because(RuleClientDisabled, refusef(UnauthorizedClient, "The client is disabled.", "client_id=%s", client.ID))
	}
	if !client.Allows(r.GrantType) {
		return nil, refusef(UnauthorizedClient, "The client may not use this grant_type.", "client_id=%s grant_type=%s", client.ID, r.GrantType)
	}
	if r.Proofs != nil || client.DPoPRequired {
		if err := s.proveKey(client, r); err != nil { // once: a proof is good for one request, however often that is decided
			return nil, err
		}
	}
	for range maxRetries {
		var response *TokenResponse
		var err error
		switch r.GrantType {
		case GrantAuthorizationCode:
			response, err = s.redeemCode(ctx, client, r)
		case GrantRefreshToken:
			response, err = s.refresh(ctx, client, r)
		case GrantClientCredentials:
			response, err = s.clientCredentials(client, r)
		case GrantDeviceCode:
			response, err = s.redeemDeviceCode(ctx, client, r)
		case GrantTokenExchange:
			response, err = s.exchange(ctx, client, r)
		}
		if !errors.Is(err, ErrConflict) {
			return response, err
		}
		// Somebody was faster, or an admin changed the client: decide again on what is stored now.
		if client, err = s.authenticateAgain(ctx, r.Client, r.By); err != nil {
			return nil, err
		}
		if client.DisabledAt != nil || !client.Allows(r.GrantType) {
			return nil, refusef(UnauthorizedClient, "The client may not use this grant_type.", "client_id=%s grant_type=%s", client.ID, r.GrantType)
		}
		if client.DPoPRequired && r.jkt == "" {
			return nil, s.proveKey(client, &TokenRequest{})
		}
	}
	return nil, fault("answer a token request", errors.New("changed meanwhile, again and again"))
}

// issue signs what a successful answer holds, but not the refresh token. It runs before anything is written, so that a
// failure costs the client nothing.
func (s *Server) issue(c *Client, g *Grant, t target, nonce string, now time.Time) (*TokenResponse, error) {
	token, claims, err := s.mint(c, g, t, now)
	if err != nil {
		return nil, fault("sign access token", err)
	}
	response := &TokenResponse{
		AccessToken: token, TokenType: tokenType(claims.Confirmation), ExpiresIn: int64(t.lifetime(c, now) / time.Second), Scope: claims.Scope,
	}
	if g != nil && t.scope.Has(ScopeOpenID) {
		if response.IDToken, err = s.mintIDToken(c, g, t.told, nonce, token, now); err != nil {
			return nil, fault("sign ID token", err)
		}
	}
	return response, nil
}
