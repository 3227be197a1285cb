package db

import (
	"context"
	"time"

	"regrant/app/oauth"
)

// UseAssertion implements [oauth.Store].
func (d *DB) UseAssertion(ctx context.Context, id []byte, keepUntil time.Time) error {
	return d.write(ctx, "use client assertion", func(tx *Tx) error {
		n, err := tx.UseClientAssertion(ctx, id, micros(keepUntil))
		return oneRow(n, err, oauth.ErrSpent)
	})
}
