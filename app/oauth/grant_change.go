package oauth

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
)

// GrantChanger is what a store does for admins who change a living grant. Each method is one transaction with its event, raises
// the version of the grant, so that a rotation that was decided before and comes after finds another one and decides again, and
// changes nothing and gives [ErrConflict] when the version is not the one that was read or something has ended the grant.
type GrantChanger interface {
	// NarrowGrant sets what the grant holds. Without offline it ends with the sign-out of its session.
	NarrowGrant(ctx context.Context, g *GrantState, scope Scope, claims Claims, offline bool, event audit.Event) error
	// ChangeGrantEnd sets the absolute end of the grant and of its refresh token.
	ChangeGrantEnd(ctx context.Context, g *GrantState, endsAt time.Time, event audit.Event) error
}

// Refusals of a change to a grant, for the words of the page.
var (
	ErrGrantEnded   = errors.New("oauth: the grant has ended")
	ErrNoRefresh    = errors.New("oauth: the grant has no refresh token")
	ErrScopeWider   = errors.New("oauth: the scope is wider than what was granted")
	ErrScopeNothing = errors.New("oauth: the scope would give nothing")
	ErrScopeSame    = errors.New("oauth: the scope is the one that the grant has")
	ErrEndPast      = errors.New("oauth: the end is not in the future")
	ErrEndTooFar    = errors.New("oauth: the end is more than ten years after the beginning")
	ErrEndSame      = errors.New("oauth: the end is the one that the grant has")
)

// changeable gives a living grant with a refresh token, if it is at version.
func (s *Server) changeable(ctx context.Context, id string, version int64) (*RefreshState, error) {
	states, err := s.store.Grants(ctx, GrantFilter{ID: id})
	switch {
	case err != nil:
		return nil, fault("read grant", err)
	case len(states) == 0:
		return nil, ErrNotFound
	}
	state := &states[0]
	switch {
	case state.TokenID == [tokenIDSize]byte{}:
		return nil, ErrNoRefresh
	case state.hasEnded(s.clock.Now()):
		return nil, ErrGrantEnded
	case state.Version != version:
		return nil, ErrConflict
	}
	return state, nil
}

// NarrowGrant takes scopes from a living grant: what is not in keep is gone from the next refresh on, and nothing brings it back
// but another sign-in (RFC 6749 §3.3); what was asked for by itself of what a scope tells goes with it. version is the one that the admin saw; [ErrConflict] if it is over. Access tokens that are
// issued keep what they say.
func (s *Server) NarrowGrant(ctx context.Context, store GrantChanger, id string, version int64, keep Scope, by audit.Origin) error {
	state, err := s.changeable(ctx, id, version)
	if err != nil {
		return err
	}
	if !state.Scope.Covers(keep) {
		return ErrScopeWider
	}
	scope := state.Scope.Intersect(keep)
	switch {
	case len(scope.Without(ScopeOfflineAccess)) == 0:
		return ErrScopeNothing
	case scope.Equal(state.Scope):
		return ErrScopeSame
	}
	claims := state.Claims.filter(func(claim string) bool { return scope.Has(claimScope(claim)) || !state.Scope.Has(claimScope(claim)) })
	event := s.grantChanged(audit.GrantNarrowed, state, by, "scope", state.Scope.String(), scope.String())
	return fault("narrow grant", store.NarrowGrant(ctx, &state.GrantState, scope, claims, state.Offline && scope.Has(ScopeOfflineAccess), event))
}

// ChangeGrantEnd moves the absolute end of a living grant, to any time between now and ten years after its beginning.
func (s *Server) ChangeGrantEnd(ctx context.Context, store GrantChanger, id string, version int64, end time.Time, by audit.Origin) error {
	state, err := s.changeable(ctx, id, version)
	if err != nil {
		return err
	}
	end = end.UTC().Truncate(time.Microsecond)
	switch {
	case !end.After(s.clock.Now().Deadline):
		return ErrEndPast
	case end.After(LatestEnd(&state.Grant)):
		return ErrEndTooFar
	case end.Equal(state.EndsAt):
		return ErrEndSame
	}
	event := s.grantChanged(audit.GrantEndChanged, state, by, "ends", moment(state.EndsAt), moment(end))
	return fault("change the end of a grant", store.ChangeGrantEnd(ctx, &state.GrantState, end, event))
}

// grantChanged is the event of a change by an admin.
func (s *Server) grantChanged(kind audit.Kind, g *RefreshState, by audit.Origin, what, before, after string) audit.Event {
	return audit.Event{At: s.clock.Now().Wall, Kind: kind, Origin: by, PersonID: g.PersonID, ClientID: g.ClientID, GrantID: g.ID, Result: "ok",
		Detail: audit.Details("before", audit.Details(what, before), "after", audit.Details(what, after))}
}

// EndGrant revokes one grant in the name of an admin; [ErrGrantEnded] if something had ended it, [ErrNotFound] if there is none.
func (s *Server) EndGrant(ctx context.Context, id string, by audit.Origin) error {
	g, err := s.store.Grant(ctx, id)
	if err != nil {
		return fault("read grant", err)
	}
	now := s.clock.Now().Wall
	event := audit.Event{At: now, Kind: audit.GrantRevoked, Origin: by, PersonID: g.PersonID, ClientID: g.ClientID, GrantID: id, Result: string(RevokedAdmin),
		Detail: audit.Details("before", "state=active", "after", "state=revoked")}
	alive, err := s.store.RevokeGrant(ctx, id, RevokedAdmin, now, event)
	if err == nil && !alive {
		return ErrGrantEnded
	}
	return fault("revoke grant", err)
}

// AccessTokensUntil gives when the last access token of a grant is over, as far as is known: the time of its last use that is
// remembered, and how long its client's access tokens live. A client whose tokens do not rotate may have got one just now.
func (s *Server) AccessTokensUntil(state *RefreshState, c *Client) time.Time {
	last := state.CreatedAt
	if state.HasToken() {
		last = state.LastUsedAt
	}
	for _, e := range state.Ring.Entries() {
		if e.At.After(last) {
			last = e.At
		}
	}
	if c.Policy.RotationOff && state.Alive() {
		last = s.clock.Now().Wall
	}
	return last.Add(c.Policy.AccessTokenLifetime)
}

// LatestEnd is the latest that the end of a grant may be moved to.
func LatestEnd(g *Grant) time.Time { return g.CreatedAt.Add(maxLifetime) }
