package oauth

import (
	"context"
	"errors"
	"slices"

	"regrant/app/audit"
)

// UserInfo is what the userinfo endpoint tells, OpenID Connect Core §5.3 and OpenID Connect Core §5.4.
type UserInfo struct {
	Subject string `json:"sub"`
	personClaims
}

// Presented is how a request shows an access token.
type Presented struct {
	Token  string
	Method string   // of the request
	DPoP   bool     // by the scheme DPoP, RFC 9449 §7.1
	Proofs []string // the DPoP header fields
}

// UserInfo answers who presents an access token with openid that is meant for this server. An error is [InvalidToken] or
// [InsufficientScope], RFC 6750 §3.1, or one of the proof, RFC 9449 §7.1.
func (s *Server) UserInfo(ctx context.Context, p Presented, by audit.Origin) (*UserInfo, error) {
	claims, ok := s.readAccessToken(p.Token, s.clock.Now().Wall)
	if claims == nil {
		return nil, errAccessToken(RuleAccessExpired, "not a token of this server")
	}
	info, err := s.userInfo(ctx, p, claims, ok)
	return info, s.remember(PathUserInfo, nil, by, ofAccessToken(claims, err))
}

// errAccessToken is the one answer to every access token that is not accepted, RFC 6750 §3.1.
func errAccessToken(rule Rule, detail string) error {
	return because(rule, &Error{Code: InvalidToken, Description: "The access token is invalid, expired or revoked.", Detail: detail})
}

// provesToken holds a token to how it was issued: a bound one comes with the scheme DPoP and a proof of its key, another one never
// does (RFC 9449 §7.2).
func (s *Server) provesToken(p Presented, claims *AccessToken) error {
	switch {
	case claims.Confirmation == nil && !p.DPoP:
		return nil
	case claims.Confirmation == nil:
		return errAccessToken(RuleAccessKey, "a bearer token by the scheme DPoP")
	case !p.DPoP:
		return errAccessToken(RuleAccessKey, "a token that is bound to a key by another scheme than DPoP")
	case len(p.Proofs) == 0:
		return errUnproven("The access token is bound to a key, and the request has no DPoP proof.")
	}
	jkt, err := s.prove(proofOf{headers: p.Proofs, method: p.Method, path: PathUserInfo, accessToken: p.Token})
	if err == nil && jkt != claims.Confirmation.JKT {
		return errAccessToken(RuleAccessKey, "bound to another key")
	}
	return err
}

func (s *Server) userInfo(ctx context.Context, p Presented, claims *AccessToken, valid bool) (*UserInfo, error) {
	if !valid {
		return nil, errAccessToken(RuleAccessExpired, "expired")
	}
	if err := s.provesToken(p, claims); err != nil {
		return nil, err
	}
	scope, err := ParseScope(claims.Scope)
	if err != nil {
		return nil, errAccessToken(RuleAccessScope, "malformed scope")
	}
	grant, ended, err := s.accessTokenEnded(ctx, claims)
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
	var asked Claims
	if len(grant.Claims.UserInfo) > 0 {
		client, err := s.store.Client(ctx, grant.ClientID)
		if errors.Is(err, ErrNotFound) {
			return nil, errAccessToken(RuleAccessRevoked, "the client is deleted")
		}
		if err != nil {
			return nil, fault("read client", err)
		}
		asked = client.claimsNow(&grant.Grant, scope, true)
	}
	told, err := s.tell(ctx, owner, scope, asked.UserInfo)
	return &UserInfo{Subject: owner.ID, personClaims: told}, err
}
