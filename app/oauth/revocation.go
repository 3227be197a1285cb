package oauth

import (
	"context"
	"errors"
	"strings"

	"regrant/app/audit"

	"github.com/go-jose/go-jose/v4/jwt"
)

// Revoke answers a revocation request, RFC 7009 §2.1. Revoking any generation of a refresh token, an expired one too, ends
// its grant; revoking an access token ends that one only. A token that is unknown, or belongs to another client, is
// answered like one that was revoked, and nothing happens. The hint is not needed: tokens say what they are.
func (s *Server) Revoke(ctx context.Context, credentials ClientCredentials, token string, by audit.Origin) error {
	client, err := s.AuthenticateClient(ctx, credentials, by)
	if err == nil {
		err = s.revoke(ctx, client, token, by)
	}
	return s.remember(PathRevoke, client, by, err)
}

func (s *Server) revoke(ctx context.Context, client *Client, token string, by audit.Origin) error {
	by.Actor, by.ActorID = audit.ByClient, client.ID
	if token == "" {
		return refuse(InvalidRequest, "The token is missing.")
	}
	if strings.HasPrefix(token, refreshTokenPrefix) {
		return s.revokeRefreshToken(ctx, client, token, by)
	}
	now := s.clock.Now()
	claims, ok := s.readAccessToken(token, now.Wall)
	if !ok && s.isIDToken(token) {
		return refuse(UnsupportedTokenType, "An ID token cannot be revoked.")
	}
	if !ok || claims.ClientID != client.ID {
		return nil
	}
	event := audit.Event{At: now.Wall, Kind: audit.TokenRevoked, Origin: by, ClientID: client.ID, GrantID: claims.GrantID, Result: "ok", Detail: audit.Details("jti", claims.ID)}
	if claims.GrantID != "" {
		event.PersonID = claims.Subject
	}
	return fault("revoke access token", s.store.RevokeAccessToken(ctx, claims.ID, claims.Expiry.Time(), event))
}

func (s *Server) revokeRefreshToken(ctx context.Context, client *Client, raw string, by audit.Origin) error {
	token, err := parseRefreshToken(raw, s.keys().tokenKey)
	if err != nil {
		return nil
	}
	state, err := s.store.RefreshState(ctx, token.id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fault("read refresh token", err)
	}
	if state.ClientID != client.ID {
		// The client hears that all is well (RFC 7009 §2.2); an admin may want to know why nothing happened.
		quiet := because(RuleTokenClient, &Error{Detail: "client_mismatch: the token belongs to another client, nothing was revoked"})
		_ = s.remember(PathRevoke, client, by, ofToken(state, token, client.Policy, s.clock.Now(), quiet))
		return nil
	}
	now := s.clock.Now().Wall
	event := audit.Event{At: now, Kind: audit.GrantRevoked, Origin: by, PersonID: state.PersonID, ClientID: client.ID, GrantID: state.ID, Result: string(RevokedClient)}
	_, err = s.store.RevokeGrant(ctx, state.ID, RevokedClient, now, event)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return fault("revoke grant", err)
}

// isIDToken says whether a token is an ID token that this server signed.
func (s *Server) isIDToken(token string) bool {
	var claims jwt.Claims
	return s.readJWT(token, idTokenType, &claims) && claims.Issuer == s.issuer
}
