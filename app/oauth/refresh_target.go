package oauth

import (
	"context"
	"slices"

	"regrant/app/audit"
)

// refreshTarget applies the policy of now to what was granted: person, client, scope and resource may all have changed
// since (requirements.md T33, T34, RT-04, RT-05, RT-15, RT-20).
func (s *Server) refreshTarget(ctx context.Context, client *Client, state *RefreshState, r *TokenRequest, now Instant) (target, error) {
	if _, err := ParseScope(r.Scope); err != nil {
		return target{}, err
	}
	may, err := s.mayUse(ctx, client.Restricted, state.PersonID, client.ID)
	if err != nil {
		return target{}, err
	}
	if !may {
		return target{}, s.accessLost(ctx, client, state, r, now)
	}
	if state.lostOffline(client) {
		event := audit.Event{At: now.Wall, Kind: audit.GrantRevoked, Origin: audit.Origin{Actor: audit.ByServer, RequestID: r.By.RequestID},
			PersonID: state.PersonID, ClientID: client.ID, GrantID: state.ID, Result: string(RevokedScope)}
		if _, err := s.store.RevokeGrant(ctx, state.ID, RevokedScope, now.Wall, event); err != nil {
			return target{}, fault("revoke grant", err)
		}
		return target{}, errRefreshToken(RuleTokenOfflineGone, "revoked: offline_access was taken from the client")
	}
	t, err := s.targetWithin(client, state, r)
	if err != nil {
		return target{}, err
	}
	err = s.tellClient(ctx, &state.Owner, &t, client.claimsNow(&state.Grant, t.scope, true).IDToken)
	return t, err
}

// lostOffline says whether a grant stands on a scope that its client may not have any more.
func (s *RefreshState) lostOffline(c *Client) bool {
	return s.Offline && !c.Scope.Has(ScopeOfflineAccess)
}

// targetWithin gives what is left of what was granted, or of what the request asks for of that.
func (s *Server) targetWithin(client *Client, state *RefreshState, r *TokenRequest) (target, error) {
	asked, err := ParseScope(r.Scope)
	if err != nil {
		return target{}, err
	}
	left := s.scopeNow(client, state.Scope)
	if client.Policy.ScopesOnRefresh != nil {
		left = left.Intersect(client.Policy.ScopesOnRefresh)
	}
	scope := left
	if len(asked) > 0 {
		if !left.Covers(asked) {
			return target{}, scopeRefused(RuleScopeWider, "The scope is wider than what was granted, or parts of it are not available any more.")
		}
		scope = left.Intersect(asked)
	}
	t, err := s.registry().target(s.issuer, state.Resources, nonEmpty(r.Resources), scope, client.Policy.AccessTokenFormat)
	if err != nil {
		return target{}, err
	}
	if len(t.scope) == 0 {
		return target{}, scopeRefused(RuleScopeNone, "None of the granted scopes is left.")
	}
	t.jkt = r.jkt
	return t, nil
}

// narrowed says whether a request got less than the grant holds.
func narrowed(state *RefreshState, t target) bool {
	return slices.ContainsFunc(state.Scope, func(token string) bool { return !t.scope.Has(token) })
}
