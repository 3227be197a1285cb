package db

import (
	"context"
	"math"
	"strings"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// Owner implements [oauth.Store].
func (d *DB) Owner(ctx context.Context, id string) (*oauth.Owner, error) {
	var o *oauth.Owner
	err := d.read(ctx, "read owner", func(q *queries.Queries) error {
		r, err := q.Owner(ctx, id)
		o = &oauth.Owner{
			ID: r.ID, Name: r.Name, Email: orEmpty(r.Email), EmailVerified: r.EmailVerifiedAt != nil, Disabled: r.DisabledAt != nil,
			GrantsRevokedBefore: instantOrNil(r.GrantsRevokedBefore), Version: r.Version,
		}
		if err != nil {
			return err
		}
		f, err := factors(ctx, q, id)
		o.SecondFactor = f.Second()
		return err
	})
	return orNotFound(o, err)
}

// Grant implements [oauth.Store]: one statement, so all of it is of one moment. A person or client that is gone gives a state
// that is dead.
func (d *DB) Grant(ctx context.Context, id string) (*oauth.GrantState, error) {
	var g *oauth.GrantState
	err := d.read(ctx, "read grant", func(q *queries.Queries) error {
		row, err := q.GrantState(ctx, id)
		g = grantState(row)
		return err
	})
	return orNotFound(g, err)
}

// Grants implements [oauth.Store]. A grant without a refresh token has a zero TokenID.
func (d *DB) Grants(ctx context.Context, f oauth.GrantFilter) ([]oauth.RefreshState, error) {
	limit := 1000
	if f.Limit > 0 {
		limit = min(f.Limit, math.MaxInt32)
	}
	var states []oauth.RefreshState
	err := d.read(ctx, "read grants", func(q *queries.Queries) error {
		rows, err := grantRows(ctx, q, f, int32(limit))
		states = make([]oauth.RefreshState, 0, len(rows))
		for _, r := range rows {
			// An id may come with other filters, and is then one more condition.
			if (f.PersonID == "" || r.PersonID == f.PersonID) && (f.ClientID == "" || r.ClientID == f.ClientID) {
				states = append(states, *refreshState(r))
			}
		}
		return err
	})
	return states, err
}

// grantRows takes the query whose index fits.
func grantRows(ctx context.Context, q *queries.Queries, f oauth.GrantFilter, limit int32) ([]queries.GrantState, error) {
	switch {
	case f.ID != "":
		row, err := q.GrantState(ctx, f.ID)
		if _, err := orNotFound(&row, err); err != nil {
			if err == oauth.ErrNotFound {
				return nil, nil
			}
			return nil, err
		}
		return []queries.GrantState{row}, nil
	case f.PersonID != "":
		return q.GrantStatesOfPerson(ctx, queries.GrantStatesOfPersonParams{PersonID: f.PersonID, ClientID: orNull(f.ClientID), Lim: limit})
	case f.ClientID != "":
		return q.GrantStatesOfClient(ctx, f.ClientID, limit)
	}
	return q.GrantStates(ctx, limit)
}

// RevokeGrant implements [oauth.Store]. Of any number of callers one ends it, records its event and gets true; its reason stays.
// The others get false. No grant of that id is [oauth.ErrNotFound].
func (d *DB) RevokeGrant(ctx context.Context, id string, reason oauth.RevokedReason, at time.Time, event audit.Event) (bool, error) {
	var alive bool
	err := d.write(ctx, "revoke grant", func(tx *Tx) error {
		var err error
		if alive, err = tx.revokeGrant(ctx, id, reason, at); err != nil || alive {
			if err == nil {
				err = tx.audit(ctx, event)
			}
			return err
		}
		row, err := tx.GrantState(ctx, id)
		_, err = orNotFound(&row, err)
		return err
	})
	return alive && err == nil, err
}

// revokeGrant ends one grant, tells its client, and says whether it was alive.
func (tx *Tx) revokeGrant(ctx context.Context, id string, reason oauth.RevokedReason, at time.Time) (alive bool, err error) {
	ended, err := tx.RevokeGrant(ctx, queries.RevokeGrantParams{ID: id, Reason: orNull(string(reason)), At: microsOrNull(&at)})
	if err != nil {
		return false, err
	}
	return len(ended) == 1, tx.tellOfGrants(ctx, ended)
}

func (tx *Tx) insertGrant(ctx context.Context, g *oauth.Grant, createdAt int64) error {
	p := queries.InsertGrantParams{
		ID: g.ID, PersonID: g.PersonID, ClientID: g.ClientID, SessionID: g.SessionID, Scope: g.Scope.String(),
		Resources: strings.Join(g.Resources, " "), AuthTime: micros(g.AuthTime), ACR: g.ACR, AMR: strings.Join(g.AMR, " "),
		IP: g.IP, UserAgent: g.UserAgent, CreatedAt: createdAt, EndsAt: micros(g.EndsAt), UsedHour: hourOf(createdAt), Claims: claimsText(g.Claims),
	}
	if g.Offline {
		p.OfflineAt = &createdAt
	}
	return tx.InsertGrant(ctx, p)
}

func grantState(r queries.GrantState) *oauth.GrantState {
	g := &oauth.GrantState{
		Grant: oauth.Grant{
			ID: r.ID, PersonID: r.PersonID, ClientID: r.ClientID, SessionID: r.SessionID, Scope: words(r.Scope), Resources: words(r.Resources), Claims: claimsOf(r.Claims),
			Authentication: oauth.Authentication{AuthTime: instant(r.AuthTime), ACR: r.ACR, AMR: words(r.AMR)},
			IP:             r.IP, UserAgent: r.UserAgent, Offline: r.OfflineAt != nil, CreatedAt: instant(r.CreatedAt), EndsAt: instant(r.EndsAt),
			RevokedAt: instantOrNil(r.RevokedAt), RevokedReason: oauth.RevokedReason(orEmpty(r.RevokedReason)),
			ReuseClass: oauth.ReuseClass(orEmpty(r.ReuseClass)), Version: r.Version,
		},
		Owner: oauth.Owner{
			ID: r.PersonID, Name: orEmpty(r.PersonName), Email: orEmpty(r.PersonEmail), EmailVerified: r.PersonEmailVerifiedAt != nil,
			Disabled:            r.PersonVersion == nil || r.PersonDisabledAt != nil || r.PersonDeletedAt != nil,
			GrantsRevokedBefore: instantOrNil(r.PersonGrantsRevokedBefore), Version: orZero(r.PersonVersion),
		},
		ClientVersion:             orZero(r.ClientVersion),
		ClientGrantsRevokedBefore: instantOrNil(r.ClientGrantsRevokedBefore),
		ClientDisabled:            r.ClientVersion == nil || r.ClientDisabledAt != nil,
		ClientRestricted:          r.ClientRestrictedAt != nil,
	}
	if r.ClientVersion == nil {
		all := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) // a client that is gone has revoked whatever there is
		g.ClientGrantsRevokedBefore = &all
	}
	return g
}
