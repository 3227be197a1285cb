package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// Factors implements account.Store.
func (d *DB) Factors(ctx context.Context, personID string) (account.Factors, error) {
	var f account.Factors
	err := d.read(ctx, "read factors", func(q *queries.Queries) (err error) {
		f, err = factors(ctx, q, personID)
		return err
	})
	return f, err
}

func factors(ctx context.Context, q *queries.Queries, personID string) (account.Factors, error) {
	var f account.Factors
	_, err := q.TOTP(ctx, personID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return f, err
	}
	f.TOTP = err == nil
	passkeys, err := q.CountPasskeys(ctx, personID)
	if err != nil {
		return f, err
	}
	f.Passkeys = int(passkeys)
	codes, err := q.CountRecoveryCodes(ctx, personID)
	f.RecoveryCodes = int(codes)
	return f, err
}

// TOTP implements account.Store.
func (d *DB) TOTP(ctx context.Context, personID string) (account.TOTP, error) {
	var t account.TOTP
	err := d.read(ctx, "read an authenticator app", func(q *queries.Queries) error {
		row, err := q.TOTP(ctx, personID)
		t = account.TOTP{Secret: row.Secret, LastStep: row.LastStep}
		return noPerson(err)
	})
	return t, err
}

// AddTOTP implements account.Store.
func (d *DB) AddTOTP(ctx context.Context, n account.NewFactor) error {
	return d.write(ctx, "add an authenticator app", func(tx *Tx) error { return tx.addFactor(ctx, n) })
}

// addFactor keeps a second factor, with the recovery codes that come with the first one.
func (tx *Tx) addFactor(ctx context.Context, n account.NewFactor) error {
	p, err := tx.living(ctx, n.PersonID)
	if err == nil && p.DisabledAt != nil {
		err = account.ErrNotFound
	}
	if err != nil {
		return err
	}
	before, err := factors(ctx, tx.Queries, n.PersonID)
	if err != nil {
		return err
	}
	if n.Passkey != nil {
		err = tx.insertPasskey(ctx, *n.Passkey, n.Challenge)
	} else {
		var added int64
		added, err = tx.InsertTOTP(ctx, queries.InsertTOTPParams{
			PersonID: n.PersonID, Secret: n.TOTP.Secret, LastStep: n.TOTP.LastStep, Now: micros(n.Events[0].At),
		})
		err = oneRow(added, err, account.ErrEnrolmentOver)
	}
	if err == nil && before.Second() == (n.Recovery != nil) {
		err = account.ErrEnrolmentOver // another factor came or went since somebody looked
	}
	if err != nil {
		return err
	}
	if n.Recovery != nil {
		if err := tx.putRecoveryCodes(ctx, n.PersonID, n.Recovery, n.Events[0].At); err != nil {
			return err
		}
	}
	return tx.auditAll(ctx, n.Events)
}

// PutRecoveryCodes implements account.Store.
func (d *DB) PutRecoveryCodes(ctx context.Context, personID string, hashes [][]byte, e audit.Event) error {
	return d.write(ctx, "make recovery codes", func(tx *Tx) error {
		f, err := factors(ctx, tx.Queries, personID)
		if err == nil && !f.Second() {
			err = account.ErrNotFound
		}
		if err != nil {
			return err
		}
		return andAudit(ctx, tx, tx.putRecoveryCodes(ctx, personID, hashes, e.At), e)
	})
}

// putRecoveryCodes replaces the codes of a person, those that were used too.
func (tx *Tx) putRecoveryCodes(ctx context.Context, personID string, hashes [][]byte, at time.Time) error {
	if err := tx.DeleteRecoveryCodes(ctx, personID); err != nil {
		return err
	}
	for _, hash := range hashes {
		if err := tx.InsertRecoveryCode(ctx, queries.InsertRecoveryCodeParams{PersonID: personID, Hash: hash, Now: micros(at)}); err != nil {
			return err
		}
	}
	return nil
}

// RemoveTOTP implements account.Store.
func (d *DB) RemoveTOTP(ctx context.Context, r account.FactorRemoval, e audit.Event) error {
	return d.write(ctx, "remove an authenticator app", func(tx *Tx) error {
		n, err := tx.DeleteTOTP(ctx, r.PersonID)
		if err := oneRow(n, err, account.ErrNotFound); err != nil {
			return err
		}
		return andAudit(ctx, tx, tx.factorRemoved(ctx, r, e.At), e)
	})
}

// factorRemoved does what follows the removal of a factor by the person: recovery codes stand in for nothing when no second factor
// is left, and all that was open ends but the session in which they stand (T25).
func (tx *Tx) factorRemoved(ctx context.Context, r account.FactorRemoval, at time.Time) error {
	left, err := factors(ctx, tx.Queries, r.PersonID)
	if err != nil {
		return err
	}
	if !left.Second() {
		if err := tx.DeleteRecoveryCodes(ctx, r.PersonID); err != nil {
			return err
		}
	}
	before, err := tx.endAllBut(ctx, r.PersonID, r.SessionID, oauth.RevokedFactor, at)
	if err != nil {
		return err
	}
	_, err = tx.RevokePersonBefore(ctx, &before, r.PersonID)
	return err
}

// ResetFactors implements account.Store.
func (d *DB) ResetFactors(ctx context.Context, id string, e audit.Event) error {
	return d.write(ctx, "reset second factors", func(tx *Tx) error {
		f, err := factors(ctx, tx.Queries, id)
		if err != nil {
			return err
		}
		before, err := tx.endAll(ctx, id, oauth.RevokedFactor, e.At)
		if err != nil {
			return err
		}
		if !f.Second() {
			return account.ErrUnchanged
		}
		if _, err := tx.RevokePersonBefore(ctx, &before, id); err != nil {
			return err
		}
		return andAudit(ctx, tx, tx.deleteFactors(ctx, id), e)
	})
}

// deleteFactors leaves a person with a password and nothing else, not even guesses at what is gone.
func (tx *Tx) deleteFactors(ctx context.Context, personID string) error {
	if _, err := tx.DeleteTOTP(ctx, personID); err != nil {
		return err
	}
	if err := tx.DeletePasskeysOfPerson(ctx, personID); err != nil {
		return err
	}
	if err := tx.forgetGuesses(ctx, personID); err != nil {
		return err
	}
	return tx.DeleteRecoveryCodes(ctx, personID)
}
