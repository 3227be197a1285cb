package oauth

import (
	"context"
	"errors"
	"slices"
)

// UserInfo is what the userinfo endpoint tells, OpenID Connect Core §5.3 and OpenID Connect Core §5.4.
type UserInfo struct {
	Subject       string `json:"sub"`
	Name          string `json:"name,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
}

// UserInfo answers a bearer of an access token with openid that is meant for this server. An error is [InvalidToken] or
// [InsufficientScope], RFC 6750 §3.1.
func (s *Server) UserInfo(ctx context.Context, token string) (*UserInfo, error) {
	invalid := func(detail string) error {
		return refusef(InvalidToken, "The access token is invalid, expired or revoked.", "%s", detail)
	}
	claims, ok := s.readAccessToken(token, s.clock.Now().Wall)
	if !ok {
		return nil, invalid("not a token of this server, or expired")
	}
	scope, err := ParseScope(claims.Scope)
	if err != nil {
		return nil, invalid("malformed scope")
	}
	alive, err := s.accessTokenAlive(ctx, claims)
	if err != nil {
		return nil, err
	}
	if !alive {
		return nil, invalid("revoked")
	}
	if !scope.Has(ScopeOpenID) {
		return nil, refuse(InsufficientScope, "The access token does not have the scope openid.")
	}
	if !slices.Contains(claims.Audience, s.issuer) || claims.GrantID == "" {
		return nil, invalid("the audience is another one")
	}
	owner, err := s.store.Owner(ctx, claims.Subject)
	if errors.Is(err, ErrNotFound) {
		return nil, invalid("the person is deleted")
	}
	if err != nil {
		return nil, fault("read owner", err)
	}
	info := &UserInfo{Subject: owner.ID}
	if scope.Has(ScopeProfile) {
		info.Name = owner.Name
	}
	if scope.Has(ScopeEmail) {
		verified := owner.EmailVerified
		info.Email, info.EmailVerified = owner.Email, &verified
	}
	return info, nil
}
