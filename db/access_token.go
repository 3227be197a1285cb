package db

import (
	"context"
	"time"

	"regrant/app/audit"
	"regrant/db/queries"
)

// RevokeAccessToken implements [oauth.Store]. A second call changes and records nothing.
func (d *DB) RevokeAccessToken(ctx context.Context, jti string, expiresAt time.Time, event audit.Event) error {
	return d.write(ctx, "revoke access token", func(tx *Tx) error {
		n, err := tx.InsertRevokedAccessToken(ctx, jti, micros(expiresAt))
		if err != nil || n == 0 {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// AccessTokenRevoked implements [oauth.Store].
func (d *DB) AccessTokenRevoked(ctx context.Context, jti string) (bool, error) {
	var revoked bool
	err := d.read(ctx, "read revoked access token", func(q *queries.Queries) error {
		n, err := q.AccessTokenRevoked(ctx, jti)
		revoked = n > 0
		return err
	})
	return revoked, err
}
