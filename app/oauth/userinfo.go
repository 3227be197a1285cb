package oauth

import (
	"context"
	"errors"
	"slices"

	"regrant/app/audit"
)

// UserInfo is what the userinfo endpoint tells, OpenID Connect Core §5.3 and OpenID Connect Core §5.4.
type UserInfo struct {
	Subject       string   `json:"sub"`
	Name          string   `json:"name,omitempty"`
	Email         string   `json:"email,omitempty"`
	EmailVerified *bool    `json:"email_verified,omitempty"`
	Groups        []string `json:"groups,omitzero"` // nil: the scope does not ask for it
}

// UserInfo answers a bearer of an access token with openid that is meant for this server. An error is [InvalidToken] or
// [InsufficientScope], RFC 6750 §3.1.
func (s *Server) UserInfo(ctx context.Context, token string, by audit.Origin) (*UserInfo, error) {
	claims, ok := s.readAccessToken(token, s.clock.Now().Wall)
	if claims == nil {
		return nil, errAccessToken(RuleAccessExpired, "not a token of this server")
	}
	info, err := s.userInfo(ctx, claims, ok)
	return info, s.remember(PathUserInfo, nil, by, ofAccessToken(claims, err))
}

// errAccessToken is the one answer to every access token that is not accepted, RFC 6750 §3.1.
func errAccessToken(rule Rule, detail string) error {
	return because(rule, &Error{Code: InvalidToken, Description: "The access token is invalid, expired or revoked.", Detail: detail})
}

func (s *Server) userInfo(ctx context.Context, claims *AccessToken, valid bool) (*UserInfo, error) {
	if !valid {
		return nil, errAccessToken(RuleAccessExpired, "expired")
	}
	scope, err := ParseScope(claims.Scope)
	if err != nil {
		return nil, errAccessToken(RuleAccessScope, "malformed scope")
	}
	ended, err := s.accessTokenEnded(ctx, claims)
	if err != nil {
		return nil, err
	}
	if ended != "" {
		return nil, errAccessToken(ended, "revoked, or suspended")
	}
	if !scope.Has(ScopeOpenID) {
		return nil, because(RuleAccessScope, refuse(InsufficientScope, "The access token does not have the scope openid."))
	}
	if !slices.Contains(claims.Audience, s.issuer) || claims.GrantID == "" {
		return nil, errAccessToken(RuleAccessAudience, "the audience is another one")
	}
	owner, err := s.store.Owner(ctx, claims.Subject)
	if errors.Is(err, ErrNotFound) {
		return nil, errAccessToken(RuleAccessRevoked, "the person is deleted")
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
	info.Groups, err = s.groupsClaim(ctx, owner.ID, scope)
	return info, err
}
