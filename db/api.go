package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// APIs implements [oauth.Store].
func (d *DB) APIs(ctx context.Context) ([]oauth.API, error) {
	var apis []oauth.API
	err := d.read(ctx, "read APIs", func(q *queries.Queries) error {
		rows, err := q.APIs(ctx)
		apis = make([]oauth.API, len(rows))
		for i, r := range rows {
			apis[i] = oauth.API{
				Resource: r.Resource, Name: r.Name, Scope: words(r.Scope), AccessTokenFormat: oauth.Format(orEmpty(r.AccessTokenFormat)),
				ClientID: r.ClientID, CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
			}
		}
		return err
	})
	return apis, err
}

// CreateAPI implements [oauth.Store]. API and client are there together or not at all.
func (d *DB) CreateAPI(ctx context.Context, a *oauth.API, c *oauth.Client, event audit.Event) error {
	err := d.write(ctx, "create API", func(tx *Tx) error {
		if err := tx.insertClient(ctx, c); err != nil {
			return err
		}
		n, err := tx.InsertAPI(ctx, queries.InsertAPIParams{
			Resource: a.Resource, Name: a.Name, Scope: a.Scope.String(), AccessTokenFormat: orNull(string(a.AccessTokenFormat)),
			ClientID: c.ID, CreatedAt: micros(a.CreatedAt), UpdatedAt: micros(a.UpdatedAt),
		})
		if err := oneRow(n, err, oauth.ErrExists); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
	if err == nil {
		c.Version = 1
	}
	return err
}

// UpdateAPI implements [oauth.Store]. Resource and client stay.
func (d *DB) UpdateAPI(ctx context.Context, a *oauth.API, event audit.Event) error {
	return d.write(ctx, "update API", func(tx *Tx) error {
		n, err := tx.UpdateAPI(ctx, queries.UpdateAPIParams{
			Resource: a.Resource, Name: a.Name, Scope: a.Scope.String(), AccessTokenFormat: orNull(string(a.AccessTokenFormat)),
			UpdatedAt: micros(a.UpdatedAt),
		})
		if err := oneRow(n, err, oauth.ErrNotFound); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

var _ oauth.APIKeeper = (*DB)(nil)

// ReplaceAPI implements [oauth.APIKeeper].
func (d *DB) ReplaceAPI(ctx context.Context, a *oauth.API, seen time.Time, event audit.Event) error {
	return d.write(ctx, "replace API", func(tx *Tx) error {
		if _, err := tx.API(ctx, a.Resource); errors.Is(err, sql.ErrNoRows) {
			return oauth.ErrNotFound
		} else if err != nil {
			return err
		}
		n, err := tx.ReplaceAPI(ctx, queries.ReplaceAPIParams{
			Resource: a.Resource, Name: a.Name, Scope: a.Scope.String(), AccessTokenFormat: orNull(string(a.AccessTokenFormat)),
			UpdatedAt: micros(a.UpdatedAt), Seen: micros(seen),
		})
		if err := oneRow(n, err, oauth.ErrConflict); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// OpenScopes implements [oauth.APIKeeper].
func (d *DB) OpenScopes(ctx context.Context, clientID string, limit int) ([]oauth.Scope, error) {
	var scopes []oauth.Scope
	err := d.read(ctx, "read scopes of grants", func(q *queries.Queries) error {
		rows, err := q.OpenGrantScopes(ctx, clientID, int32(limit))
		for _, r := range rows {
			scopes = append(scopes, words(r))
		}
		return err
	})
	return scopes, err
}

// DeleteAPI implements [oauth.Store]. A second caller gets [oauth.ErrNotFound].
func (d *DB) DeleteAPI(ctx context.Context, resource string, event audit.Event) error {
	return d.write(ctx, "delete API", func(tx *Tx) error {
		row, err := tx.API(ctx, resource)
		if errors.Is(err, sql.ErrNoRows) {
			return oauth.ErrNotFound
		}
		if err != nil {
			return err
		}
		n, err := tx.DeleteAPI(ctx, resource)
		if err := oneRow(n, err, oauth.ErrNotFound); err != nil {
			return err
		}
		if err := tx.deleteClient(ctx, row.ClientID, event.At); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
