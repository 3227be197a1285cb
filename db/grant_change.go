package db

import (
	"context"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ oauth.GrantChanger = (*DB)(nil)

// NarrowGrant implements [oauth.GrantChanger].
func (d *DB) NarrowGrant(ctx context.Context, g *oauth.GrantState, scope oauth.Scope, claims oauth.Claims, offline bool, event audit.Event) error {
	p := queries.NarrowGrantParams{ID: g.ID, Version: g.Version, Scope: scope.String(), Claims: claimsText(claims)}
	if offline {
		p.OfflineAt = microsOrNull(&g.CreatedAt) // as the redemption wrote it
	}
	return d.write(ctx, "narrow grant", func(tx *Tx) error {
		n, err := tx.NarrowGrant(ctx, p)
		if err := oneRow(n, err, oauth.ErrConflict); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// ChangeGrantEnd implements [oauth.GrantChanger].
func (d *DB) ChangeGrantEnd(ctx context.Context, g *oauth.GrantState, endsAt time.Time, event audit.Event) error {
	return d.write(ctx, "change the end of a grant", func(tx *Tx) error {
		n, err := tx.ChangeGrantEnd(ctx, queries.ChangeGrantEndParams{ID: g.ID, Version: g.Version, EndsAt: micros(endsAt)})
		if err := oneRow(n, err, oauth.ErrConflict); err != nil {
			return err
		}
		if _, err := tx.ChangeAbsoluteDeadline(ctx, micros(endsAt), g.ID); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}
