package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"regrant/app/audit"
)

// errCode is the one answer to every code that cannot be redeemed, so that it tells nothing about it.
func errCode(rule Rule, detail string) error {
	return because(rule, &Error{Code: InvalidGrant, Description: codeRefused, Detail: detail})
}

const codeRefused = "The authorization code is invalid, expired, used before, or was issued for another request."

// redeemCode answers the grant of RFC 6749 §4.1.3. Each condition is checked alone; a code that another client, verifier or
// redirect URI comes with is not spent.
func (s *Server) redeemCode(ctx context.Context, client *Client, r *TokenRequest) (*TokenResponse, error) {
	if r.Code == "" {
		return nil, refuse(InvalidRequest, "The code is missing.")
	}
	now := s.clock.Now()
	code, err := s.store.Code(ctx, hashSecret(r.Code))
	if errors.Is(err, ErrNotFound) {
		return nil, &Error{Code: InvalidGrant, Description: codeRefused, Detail: "unknown code", garbage: true}
	}
	if err != nil {
		return nil, fault("read code", err)
	}
	if code.ClientID != client.ID {
		return nil, errCode(RuleCodeClient, "code of another client")
	}
	response, err := s.redeemKnown(ctx, client, code, r, now)
	return response, ofCode(code, err)
}

// redeemKnown decides on a code that was issued to this client.
func (s *Server) redeemKnown(ctx context.Context, client *Client, code *AuthorizationCode, r *TokenRequest, now Instant) (*TokenResponse, error) {
	if err := s.provesCode(ctx, client, code, r); err != nil {
		return nil, err
	}
	if code.SpentAt != nil {
		return nil, s.codeReplayed(ctx, code, r, now.Wall)
	}
	if !now.Deadline.Before(code.ExpiresAt) {
		return nil, errCode(RuleCodeExpired, "expired code")
	}
	return s.redeemUnspent(ctx, client, code, r, now)
}

// redeemUnspent asks whether the person may still have what a code stands for, and gives it.
func (s *Server) redeemUnspent(ctx context.Context, client *Client, code *AuthorizationCode, r *TokenRequest, now Instant) (*TokenResponse, error) {
	owner, err := s.store.Owner(ctx, code.PersonID)
	if errors.Is(err, ErrNotFound) {
		return nil, errCode(RuleCodePerson, "deleted person")
	}
	if err != nil {
		return nil, fault("read owner", err)
	}
	if owner.Disabled || coveredBy(code.CreatedAt, owner.GrantsRevokedBefore) || coveredBy(code.CreatedAt, client.GrantsRevokedBefore) {
		return nil, errCode(RuleCodePerson, "the person was disabled, or everything was revoked, since the code was issued")
	}
	may, err := s.mayUse(ctx, client.Restricted, owner.ID, client.ID)
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, errCode(RuleCodeAccess, "the person is in none of the client's groups any more")
	}
	return s.redeem(ctx, client, owner, code, r, now)
}

// provesCode checks that the request comes from where the code went: redirect URI and PKCE. Failures are counted, so that
// a verifier cannot be guessed.
func (s *Server) provesCode(ctx context.Context, client *Client, code *AuthorizationCode, r *TokenRequest) error {
	// The key comes first: who has the code but not the key can neither use up its tries nor end what was issued for it.
	switch {
	case code.DPoPKey != "" && r.jkt == "":
		return errUnproven("The code is bound to a key, and the request has no DPoP proof.")
	case code.DPoPKey != "" && r.jkt != code.DPoPKey:
		return errCode(RuleCodeKey, "code bound to another key")
	}
	if code.Tries >= maxCodeTries {
		return errCode(RuleCodeTries, "too many tries")
	}
	why, rule := "", RuleCodeRedirectURI
	switch {
	case r.RedirectURI != "" && r.RedirectURI != code.RedirectURI:
		why = "another redirect_uri"
	case r.RedirectURI == "" && (client.RedirectURIRequired || code.CodeChallenge == ""):
		why = "redirect_uri is missing" // RFC 6749 §4.1.3; OAuth 2.1 §10.2 leaves it out because PKCE proves the same
	case !verifierMatches(code.CodeChallenge, r.CodeVerifier):
		rule, why = RuleCodeVerifier, "code_verifier does not match"
	default:
		return nil
	}
	if code.SpentAt == nil {
		if err := s.store.CountCodeTry(ctx, code.Hash); err != nil && !errors.Is(err, ErrNotFound) {
			return fault("count a try", err)
		}
	}
	return errCode(rule, why)
}

// codeReplayed answers a code that comes a second time with everything right: somebody else has it, so what was issued for it
// ends (RFC 6749 §4.1.2).
func (s *Server) codeReplayed(ctx context.Context, code *AuthorizationCode, r *TokenRequest, now time.Time) error {
	event := audit.Event{At: now, Kind: audit.CodeReplayed, Origin: r.By, PersonID: code.PersonID, ClientID: code.ClientID, GrantID: code.GrantID, Result: "revoked"}
	if _, err := s.store.RevokeGrant(ctx, code.GrantID, RevokedCodeReplay, now, event); err != nil && !errors.Is(err, ErrNotFound) {
		return fault("revoke the grant of a replayed code", err)
	}
	return errCode(RuleCodeSpent, "code used before")
}

// redeem makes the grant: tokens are signed first, then everything is written at once.
func (s *Server) redeem(ctx context.Context, client *Client, owner *Owner, code *AuthorizationCode, r *TokenRequest, now Instant) (*TokenResponse, error) {
	g := Grant{
		ID: rand.Text(), PersonID: code.PersonID, ClientID: client.ID, SessionID: code.SessionID,
		Scope: code.Scope, Resources: code.Resources, Claims: code.Claims, Authentication: code.Authentication,
		IP: code.IP, UserAgent: code.UserAgent, Offline: code.Scope.Has(ScopeOfflineAccess),
		CreatedAt: now.Wall, EndsAt: now.Deadline.Add(client.Policy.AccessTokenLifetime), Version: 1,
	}
	t, err := s.registry().target(s.issuer, code.Resources, nonEmpty(r.Resources), s.scopeNow(client, code.Scope), client.Policy.AccessTokenFormat)
	if err != nil {
		return nil, err
	}
	if len(t.scope) == 0 {
		return nil, scopeRefused(RuleScopeNone, "None of the granted scopes is left.")
	}
	if err = s.tellClient(ctx, owner, &t, client.claimsNow(&g, t.scope, false).IDToken); err != nil {
		return nil, err
	}
	t.jkt = r.jkt
	response, err := s.issue(client, &g, t, code.Nonce, now.Wall)
	if err != nil {
		return nil, err
	}
	redemption := &Redemption{
		CodeHash: code.Hash, At: now.Wall, OwnerVersion: owner.Version, ClientVersion: client.Version, MaxGrants: client.Policy.MaxGrants, SeesClient: client.SeenAt != nil,
		Event: audit.Event{At: now.Wall, Kind: audit.GrantCreated, Origin: r.By, PersonID: g.PersonID, ClientID: client.ID, GrantID: g.ID,
			Result: "ok", Detail: audit.Details("scope", g.Scope.String())},
		Evicted: func(id string) audit.Event {
			return audit.Event{At: now.Wall, Kind: audit.GrantEvicted, Origin: audit.Origin{Actor: audit.ByServer, RequestID: r.By.RequestID},
				PersonID: g.PersonID, ClientID: client.ID, GrantID: id, Result: "ok", Detail: audit.Details("max_grants", strconv.Itoa(client.Policy.MaxGrants))}
		},
	}
	if GetsRefreshToken(client, g.Scope) {
		g.EndsAt = now.Deadline.Add(client.Policy.Absolute)
		token, state := s.firstRefreshToken(client, &g, r, now)
		redemption.Refresh = state
		response.RefreshToken = token.spell(s.keys().tokenKeyAt(now.Wall))
	}
	redemption.Grant = g
	err = s.store.RedeemCode(ctx, redemption)
	if errors.Is(err, ErrSpent) {
		// Somebody redeemed it between our look and our write: that is a replay like any other, so look again.
		return nil, ErrConflict
	}
	if err != nil {
		return nil, fault("redeem code", err)
	}
	return response, nil
}

// GetsRefreshToken says whether a code's redemption gives a refresh token: by grant type and policy, design.md section 3.
func GetsRefreshToken(c *Client, scope Scope) bool {
	return c.Allows(GrantRefreshToken) && (c.Policy.Refresh == RefreshAlways || scope.Has(ScopeOfflineAccess))
}

// firstRefreshToken makes generation 0.
func (s *Server) firstRefreshToken(c *Client, g *Grant, r *TokenRequest, now Instant) (*refreshToken, *RefreshState) {
	token := &refreshToken{epoch: s.epoch, issuedAt: now.Wall.Truncate(time.Second)}
	rand.Read(token.id[:])
	rand.Read(token.secret[:])
	return token, &RefreshState{
		TokenID: token.id, Epoch: s.epoch, CurrentHash: token.hash(), RotatedAt: now.Wall,
		IdleDeadline: now.Deadline.Add(c.Policy.Idle), AbsoluteDeadline: g.EndsAt,
		LastUsedAt: now.Wall, LastIP: r.By.IP, LastUserAgent: r.By.UserAgent, Thumbprint: r.jkt,
	}
}

// scopeNow is what is left of a granted scope under what client and server know now.
func (s *Server) scopeNow(c *Client, granted Scope) Scope {
	return granted.Intersect(c.Scope).Intersect(s.registry().known())
}
