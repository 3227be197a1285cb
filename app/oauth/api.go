package oauth

import (
	"context"
	"errors"
	"slices"
	"time"

	"regrant/app/audit"
)

// APIKeeper is what looking after resource servers needs besides [Store].
type APIKeeper interface {
	Store
	// ReplaceAPI replaces a resource server if its UpdatedAt is still seen, else [ErrConflict]; [ErrNotFound] if there is none. Of
	// any number of callers who saw the same one wins.
	ReplaceAPI(ctx context.Context, a *API, seen time.Time, event audit.Event) error
	// OpenScopes gives the scopes of the newest grants of a client that are listed as open, at most limit.
	OpenScopes(ctx context.Context, clientID string, limit int) ([]Scope, error)
}

// FindAPI gives the resource server whose introspection client that is; [ErrNotFound].
func FindAPI(ctx context.Context, store Store, clientID string) (*API, error) {
	return findAPI(ctx, store, func(a *API) bool { return a.ClientID == clientID })
}

// FindResource gives the resource server with that resource indicator, in any of its spellings; [ErrNotFound].
func FindResource(ctx context.Context, store Store, resource string) (*API, error) {
	canonical, err := canonicalResource(resource)
	if err != nil {
		return nil, ErrNotFound
	}
	return findAPI(ctx, store, func(a *API) bool { own, _ := canonicalResource(a.Resource); return own == canonical })
}

func findAPI(ctx context.Context, store Store, is func(*API) bool) (*API, error) {
	apis, err := store.APIs(ctx)
	if err != nil {
		return nil, err
	}
	for i := range apis {
		if is(&apis[i]) {
			return &apis[i], nil
		}
	}
	return nil, ErrNotFound
}

// APIChange is what may change about a resource server. The resource indicator stays: tokens bear it.
type APIChange struct {
	Name              string
	Scope             Scope
	AccessTokenFormat Format
	Seen              time.Time // UpdatedAt of what somebody looked at when they decided; zero: whatever is there
}

// ChangeAPI replaces name, scopes and token format of the resource server with that introspection client. Errors: that of
// [API.Validate], [ErrNotFound], [ErrConflict]. Without a difference nothing is written.
func ChangeAPI(ctx context.Context, store APIKeeper, clientID string, c APIChange, now time.Time, by audit.Origin) (*API, error) {
	a, err := FindAPI(ctx, store, clientID)
	if err != nil {
		return nil, err
	}
	seen := a.UpdatedAt
	if !c.Seen.IsZero() && !c.Seen.Equal(seen) {
		return nil, ErrConflict
	}
	before := a.facts()
	a.Name, a.Scope, a.AccessTokenFormat = c.Name, c.Scope, c.AccessTokenFormat
	if err := a.Validate(); err != nil {
		return nil, err
	}
	detail := audit.Change(before, a.facts())
	if detail == "" {
		return a, nil
	}
	if a.UpdatedAt = now; !now.After(seen) { // the clock went back, and UpdatedAt is what tells one state from another
		a.UpdatedAt = seen.Add(time.Microsecond)
	}
	event := audit.Event{At: now, Kind: audit.APIUpdated, Origin: by, ClientID: a.ClientID, Result: "ok", Detail: audit.Details("resource", a.Resource) + " " + detail}
	if err := store.ReplaceAPI(ctx, a, seen, event); err != nil {
		return nil, err
	}
	return a, nil
}

// RemoveAPI deletes the resource server with that introspection client, and that client; [ErrNotFound]. Its scopes mean nothing
// from then on: refreshes leave them out, and access tokens that have them are refused where they are introspected.
func RemoveAPI(ctx context.Context, store Store, clientID string, now time.Time, by audit.Origin) (*API, error) {
	a, err := FindAPI(ctx, store, clientID)
	if err != nil {
		return nil, err
	}
	event := audit.Event{At: now, Kind: audit.APIDeleted, Origin: by, ClientID: a.ClientID, Result: "ok", Detail: audit.Details(a.facts()...)}
	return a, store.DeleteAPI(ctx, a.Resource, event)
}

// facts are what the audit log says of a resource server.
func (a *API) facts() []string {
	return []string{"resource", a.Resource, "name", a.Name, "scope", a.Scope.String(), "format", string(a.AccessTokenFormat)}
}

// ScopeUse is who would miss scopes.
type ScopeUse struct {
	Clients []Client // that may ask for one of them, in the order of their names
	Grants  int      // open grants that have one of them
	More    bool     // there may be more grants than that: not all were looked at
}

// maxScopeUse is how many grants are looked at for [UseOfScope].
const maxScopeUse = 20_000

// UseOfScope says which clients and how many grants have one of the scopes.
func UseOfScope(ctx context.Context, store APIKeeper, scope Scope) (ScopeUse, error) {
	var use ScopeUse
	clients, err := store.Clients(ctx)
	if err != nil {
		return use, err
	}
	left := maxScopeUse
	for _, c := range clients {
		if len(c.Scope.Intersect(scope)) == 0 {
			continue
		}
		use.Clients = append(use.Clients, c)
		granted, err := store.OpenScopes(ctx, c.ID, left)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return use, err
		}
		for _, g := range granted {
			if slices.ContainsFunc(g, scope.Has) {
				use.Grants++
			}
		}
		if left -= len(granted); left <= 0 {
			use.More = true
			left = 1 // the remaining clients still are worth their names
		}
	}
	return use, nil
}
