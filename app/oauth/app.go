package oauth

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"regrant/app/audit"
)

// App is one client to which a person has allowed something that still holds.
type App struct {
	Client  Client
	Consent *Consent // what is remembered, so that it need not ask again; nil: nothing
	Grants  []RefreshState
	More    *GrantCursor // where the grants go on; nil: these are all
}

// AppStore is what people need of a database to see what they have allowed, and to end it.
type AppStore interface {
	GrantLister
	// AppsOf gives the clients at which the person may have an open grant, and what consents are remembered, up to limit of each.
	AppsOf(ctx context.Context, personID string, limit int) (clientIDs []string, consents []Consent, err error)
	// ReportGrant ends a grant of that person for [RevokedReported], and every session of theirs but keep with its open codes and
	// its grants without offline_access. Of any number of callers one does it; [ErrGrantEnded] for the others and [ErrNotFound]
	// for a grant of somebody else, and nothing has changed then.
	ReportGrant(ctx context.Context, personID, grantID, keep string, event audit.Event) error
}

// How much of what a person has allowed is looked at and shown at once.
const (
	AppPageSize = 20
	maxApps     = 1_000
)

// Apps gives a page of what a person has allowed, in the order of the names, beginning with the client called from, and the client
// that begins the next page. An app bears up to [GrantPageSize] of its living grants, the newest first.
func (s *Server) Apps(ctx context.Context, store AppStore, personID, from string) (apps []App, next string, err error) {
	ids, consents, err := store.AppsOf(ctx, personID, maxApps)
	if err != nil {
		return nil, "", err
	}
	remembered := map[string]*Consent{}
	for i, c := range consents {
		remembered[c.ClientID] = &consents[i]
		ids = append(ids, c.ClientID)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		client, err := s.store.Client(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue // deleted, and all that hung on it with it
		}
		if err != nil {
			return nil, "", err
		}
		apps = append(apps, App{Client: *client, Consent: remembered[id]})
	}
	slices.SortFunc(apps, func(a, b App) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Client.Name), strings.ToLower(b.Client.Name)), cmp.Compare(a.Client.ID, b.Client.ID))
	})
	if i := slices.IndexFunc(apps, func(a App) bool { return a.Client.ID == from }); i > 0 {
		apps = apps[i:]
	}

	shown := make([]App, 0, AppPageSize)
	for _, app := range apps {
		if err := s.addGrants(ctx, store, &app, personID, GrantCursor{}); err != nil {
			return nil, "", err
		}
		if len(app.Grants) == 0 && app.Consent == nil {
			continue // what was open has run out
		}
		if len(shown) == AppPageSize {
			return shown, app.Client.ID, nil
		}
		shown = append(shown, app)
	}
	return shown, "", nil
}

// AppOf gives what a person has allowed one client, with a page of the grants; [ErrNotFound] if that is nothing.
func (s *Server) AppOf(ctx context.Context, store AppStore, personID, clientID string, after GrantCursor) (*App, error) {
	client, err := s.store.Client(ctx, clientID)
	if err != nil {
		return nil, fault("read client", err)
	}
	app := &App{Client: *client}
	if app.Consent, err = s.store.Consent(ctx, personID, clientID); errors.Is(err, ErrNotFound) {
		app.Consent = nil
	} else if err != nil {
		return nil, fault("read consent", err)
	}
	if err := s.addGrants(ctx, store, app, personID, after); err != nil {
		return nil, err
	}
	if len(app.Grants) == 0 && app.Consent == nil && after.IsZero() {
		return nil, ErrNotFound
	}
	return app, nil
}

func (s *Server) addGrants(ctx context.Context, store AppStore, app *App, personID string, after GrantCursor) error {
	page, err := store.ListGrants(ctx, GrantQuery{PersonID: personID, ClientID: app.Client.ID, State: GrantOpen, After: after}, s.clock.Now().Deadline)
	if err != nil {
		return fault("list grants", err)
	}
	app.Grants, app.More = page.Grants, page.Next
	return nil
}

// Scope is all that the app may do by any of these grants, or may have again without asking.
func (a *App) Scope() Scope {
	var scope Scope
	for _, g := range a.Grants {
		scope = scope.Union(g.Scope)
	}
	if len(scope) == 0 && a.Consent != nil {
		scope = a.Consent.Scope
	}
	return scope
}

// Claims names what is told to the app about the person beyond what its scope tells, as [App.Scope].
func (a *App) Claims() []string {
	var names []string
	scope := a.Scope()
	for _, g := range a.Grants {
		names = append(names, g.Claims.beyond(scope)...)
	}
	if len(a.Grants) == 0 && a.Consent != nil {
		names = slices.DeleteFunc(slices.Clone(a.Consent.Claims), func(claim string) bool { return scope.Has(claimScope(claim)) })
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// OwnGrant gives a living grant of that person; [ErrNotFound] for somebody else's and for one that has ended.
func (s *Server) OwnGrant(ctx context.Context, personID, grantID string) (*RefreshState, *Client, error) {
	states, err := s.store.Grants(ctx, GrantFilter{ID: grantID, PersonID: personID})
	if err != nil {
		return nil, nil, fault("read grant", err)
	}
	if len(states) == 0 || states[0].Standing(s.clock.Now().Deadline) != GrantOpen {
		return nil, nil, ErrNotFound
	}
	client, err := s.store.Client(ctx, states[0].ClientID)
	return &states[0], client, fault("read client", err)
}

// EndOwnGrant ends one grant of that person in their own name (T32): nothing else ends. [ErrNotFound] as of [Server.OwnGrant], also
// for a second caller.
func (s *Server) EndOwnGrant(ctx context.Context, personID, grantID string, by audit.Origin) error {
	g, _, err := s.OwnGrant(ctx, personID, grantID)
	if err != nil {
		return err
	}
	now := s.clock.Now().Wall
	event := audit.Event{At: now, Kind: audit.GrantRevoked, Origin: by, PersonID: personID, ClientID: g.ClientID, GrantID: grantID, Result: string(RevokedPerson),
		Detail: audit.Details("before", "state=active", "after", "state=revoked")}
	alive, err := s.store.RevokeGrant(ctx, grantID, RevokedPerson, now, event)
	if err == nil && !alive {
		return ErrNotFound
	}
	return fault("revoke grant", err)
}

// ReportOwnGrant says that a sign-in was not the person's: it ends, as theft, and so does every session but the one from which that
// is said. Errors as of [Server.EndOwnGrant].
func (s *Server) ReportOwnGrant(ctx context.Context, store AppStore, personID, grantID, keep string, by audit.Origin) error {
	g, _, err := s.OwnGrant(ctx, personID, grantID)
	if err != nil {
		return err
	}
	event := audit.Event{At: s.clock.Now().Wall, Kind: audit.GrantReported, Origin: by, PersonID: personID, ClientID: g.ClientID, GrantID: grantID,
		Result: string(RevokedReported), Detail: audit.Details("class", string(ReuseTheft))}
	err = store.ReportGrant(ctx, personID, grantID, keep, event)
	if errors.Is(err, ErrGrantEnded) {
		return ErrNotFound
	}
	return fault("report grant", err)
}

// WithdrawOwnConsent takes back all that a person has allowed a client (T31): what is remembered, codes and every grant. Where
// nothing is left, nothing happens.
func (s *Server) WithdrawOwnConsent(ctx context.Context, personID, clientID string, by audit.Origin) error {
	now := s.clock.Now().Wall
	event := audit.Event{At: now, Kind: audit.ConsentWithdrawn, Origin: by, PersonID: personID, ClientID: clientID, Result: "ok"}
	return fault("withdraw consent", s.store.WithdrawConsent(ctx, personID, clientID, now, event))
}
