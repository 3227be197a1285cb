package db

import (
	"context"
	"time"

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
			if err := tx.endElsewhere(ctx, p.ID, c.SessionID, oauth.RevokedPassword, e.At); err != nil {
				return err
			}
		}
		return tx.audit(ctx, e)
	})
}

// endElsewhere ends what a person has open but for what hangs on one session.
func (tx *Tx) endElsewhere(ctx context.Context, personID, sessionID string, reason oauth.RevokedReason, at time.Time) error {
	now, why := micros(at), string(reason)
	if _, err := tx.endSessions(ctx, personID, sessionID, at); err != nil {
		return err
	}
	if err := tx.DeleteOpenCodesOfOtherSessions(ctx, personID, sessionID); err != nil {
		return err
	}
	ended, err := tx.RevokeGrantsElsewhere(ctx, queries.RevokeGrantsElsewhereParams{Now: &now, Reason: &why, PersonID: personID, Keep: sessionID})
	if err != nil {
		return err
	}
	return tx.tellOfGrants(ctx, ended)
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
	if err := tx.DeleteSignInsOfPerson(ctx, p.ID); err != nil { // whoever showed the old one
		return err
	}
	if err := tx.forgetGuesses(ctx, p.ID); err != nil {
		return err
	}
	if err := tx.DeleteLinksOfPerson(ctx, p.ID, nil); err != nil { // they let in whoever reads the mailbox
		return err
	}
	return tx.giveBack(ctx, g)
}
