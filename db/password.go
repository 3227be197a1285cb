package db

import (
	"context"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// ResetPassword implements account.Store.
func (d *DB) ResetPassword(ctx context.Context, id, hash string, g account.Guess, e audit.Event) error {
	return d.write(ctx, "reset password", func(tx *Tx) error {
		before, err := tx.endAll(ctx, id, oauth.RevokedPassword, e.At)
		if err != nil {
			return err
		}
		p, err := tx.PersonByID(ctx, id)
		if err != nil {
			return err
		}
		if err := tx.putPassword(ctx, p, hash, &before, g, e); err != nil {
			return err
		}
		return tx.audit(ctx, e)
	})
}

// ChangePassword implements account.Store.
func (d *DB) ChangePassword(ctx context.Context, c account.PasswordChange, seenHash, newHash string, g account.Guess, e audit.Event) error {
	return d.write(ctx, "change password", func(tx *Tx) error {
		p, err := tx.living(ctx, c.PersonID)
		if err != nil {
			return err
		}
		if p.PasswordHash != seenHash || p.DisabledAt != nil {
			return account.ErrChanged
		}
		if err := tx.putPassword(ctx, p, newHash, p.GrantsRevokedBefore, g, e); err != nil {
			return err
		}
		if c.EndOthers {
			now := micros(e.At)
			if _, err := tx.endSessions(ctx, p.ID, c.SessionID, e.At); err != nil {
				return err
			}
			if err := tx.DeleteOpenCodesOfOtherSessions(ctx, p.ID, c.SessionID); err != nil {
				return err
			}
			if _, err := tx.RevokeGrantsElsewhere(ctx, queries.RevokeGrantsElsewhereParams{
				Now: &now, PersonID: p.ID, Keep: c.SessionID,
			}); err != nil {
				return err
			}
		}
		return tx.audit(ctx, e)
	})
}

// putPassword replaces the hash of p and clears the counters of its account.
func (tx *Tx) putPassword(ctx context.Context, p queries.Person, hash string, revokedBefore *int64, g account.Guess, e audit.Event) error {
	now := micros(e.At)
	n, err := tx.PutPassword(ctx, queries.PutPasswordParams{
		PasswordHash: hash, Now: &now, RevokedBefore: revokedBefore, ID: p.ID, SeenHash: p.PasswordHash,
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return account.ErrChanged
	}
	return tx.giveBack(ctx, g)
}
