package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db/queries"
)

// challengeKept is how long a spent challenge stays after nobody could answer it any more, so that a clock that goes back makes
// none new.
const challengeKept = 24 * time.Hour

var _ account.PasskeyStore = (*DB)(nil)

// PasskeysOf implements account.PasskeyStore.
func (d *DB) PasskeysOf(ctx context.Context, personID string) ([]account.Passkey, error) {
	var list []account.Passkey
	err := d.read(ctx, "list passkeys", func(q *queries.Queries) error {
		rows, err := q.PasskeysOfPerson(ctx, personID)
		list = make([]account.Passkey, len(rows))
		for i, r := range rows {
			list[i] = passkey(r)
		}
		return err
	})
	return list, err
}

// PasskeyByCredential implements account.PasskeyStore.
func (d *DB) PasskeyByCredential(ctx context.Context, credentialID []byte) (account.Passkey, error) {
	var k account.Passkey
	err := d.read(ctx, "read passkey", func(q *queries.Queries) error {
		row, err := q.PasskeyByCredential(ctx, credentialID)
		k = passkey(row)
		return noPerson(err)
	})
	return k, err
}

// AddPasskey implements account.PasskeyStore.
func (d *DB) AddPasskey(ctx context.Context, n account.NewFactor) error {
	return d.write(ctx, "add passkey", func(tx *Tx) error { return tx.addFactor(ctx, n) })
}

// insertPasskey keeps a passkey and spends the challenge that it has answered.
func (tx *Tx) insertPasskey(ctx context.Context, k account.Passkey, c account.Challenge) error {
	if err := tx.spendChallenge(ctx, c); err != nil {
		return err
	}
	n, err := tx.CountPasskeys(ctx, k.PersonID)
	if err != nil {
		return err
	}
	if n >= account.MaxPasskeys {
		return account.ErrTooManyPasskeys
	}
	row := queries.InsertPasskeyParams{
		ID: k.ID, CredentialID: k.CredentialID, PersonID: k.PersonID, Name: k.Name, Record: k.Record, SignCount: int64(k.SignCount),
		CreatedAt: micros(k.CreatedAt),
	}
	if k.Synced {
		row.BackupEligibleAt = &row.CreatedAt
	}
	if k.BackedUp {
		row.BackedUpAt = &row.CreatedAt
	}
	n, err = tx.InsertPasskey(ctx, row)
	return oneRow(n, err, account.ErrPasskeyTaken)
}

// RenamePasskey implements account.PasskeyStore.
func (d *DB) RenamePasskey(ctx context.Context, personID, id, name string, e audit.Event) error {
	return d.write(ctx, "rename passkey", func(tx *Tx) error {
		n, err := tx.RenamePasskey(ctx, queries.RenamePasskeyParams{Name: name, ID: id, PersonID: personID})
		return andAudit(ctx, tx, oneRow(n, err, account.ErrNotFound), e)
	})
}

// RemovePasskey implements account.PasskeyStore.
func (d *DB) RemovePasskey(ctx context.Context, r account.PasskeyRemoval, e audit.Event) error {
	return d.write(ctx, "remove passkey", func(tx *Tx) error {
		if _, err := tx.DeletePasskey(ctx, r.PasskeyID, r.PersonID); err != nil {
			return noPerson(err)
		}
		if err := tx.keepAWay(ctx, r.PersonID); err != nil {
			return err
		}
		removal := account.FactorRemoval{PersonID: r.PersonID, SessionID: r.SessionID}
		return andAudit(ctx, tx, tx.factorRemoved(ctx, removal, e.At), e)
	})
}

// keepAWay refuses to leave somebody without a password and without a passkey.
func (tx *Tx) keepAWay(ctx context.Context, personID string) error {
	p, err := tx.living(ctx, personID)
	if err != nil || p.PasswordHash != "" {
		return err
	}
	n, err := tx.CountPasskeys(ctx, personID)
	if err == nil && n == 0 {
		err = account.ErrOnlyWay
	}
	return err
}

// FinishPasskeySignIn implements account.PasskeyStore.
func (d *DB) FinishPasskeySignIn(ctx context.Context, g account.Guess, p account.Person, u account.PasskeyUse, e audit.Event) error {
	return d.write(ctx, "sign in with a passkey", func(tx *Tx) error {
		now, err := tx.living(ctx, p.ID)
		if errors.Is(err, account.ErrNotFound) || err == nil && (now.DisabledAt != nil || (now.PasswordExpiredAt != nil) != (p.PasswordExpiredAt != nil)) {
			return account.ErrPasskeyRefused
		}
		if err != nil {
			return err
		}
		if err := tx.usePasskey(ctx, u, e.At); err != nil {
			return err
		}
		if err := tx.giveBack(ctx, g); err != nil {
			return err
		}
		var met []audit.Event
		if now.PasswordExpiredAt == nil { // else no session begins
			met, err = tx.meetDevice(ctx, g.DeviceHash, e)
		}
		return andAudit(ctx, tx, err, append([]audit.Event{e}, met...)...)
	})
}

// usePasskey spends the challenge and notes the use; account.ErrPasskeyRefused if either is gone.
func (tx *Tx) usePasskey(ctx context.Context, u account.PasskeyUse, at time.Time) error {
	if err := tx.spendChallenge(ctx, u.Challenge); err != nil {
		return err
	}
	k, err := tx.Passkey(ctx, u.PasskeyID, u.PersonID)
	if errors.Is(err, sql.ErrNoRows) {
		return account.ErrPasskeyRefused
	}
	if err != nil {
		return err
	}
	now := micros(at)
	backedUpAt := k.BackedUpAt
	if !u.BackedUp {
		backedUpAt = nil
	} else if backedUpAt == nil {
		backedUpAt = &now
	}
	_, err = tx.UsePasskey(ctx, queries.UsePasskeyParams{
		SignCount: max(k.SignCount, int64(u.SignCount)), BackedUpAt: backedUpAt, Now: &now, ID: k.ID, PersonID: k.PersonID,
	})
	if err != nil || !account.CountedBack(uint32(k.SignCount), u.SignCount) {
		return err
	}
	return tx.audit(ctx, u.Warning)
}

// spendChallenge lets each challenge be answered once; account.ErrPasskeyRefused for a second answer.
func (tx *Tx) spendChallenge(ctx context.Context, c account.Challenge) error {
	n, err := tx.SpendChallenge(ctx, c.Hash, micros(c.ExpiresAt))
	return oneRow(n, err, account.ErrPasskeyRefused)
}

func passkey(r queries.Passkey) account.Passkey {
	return account.Passkey{
		ID: r.ID, CredentialID: r.CredentialID, PersonID: r.PersonID, Name: r.Name, Record: r.Record, SignCount: uint32(r.SignCount),
		Synced: r.BackupEligibleAt != nil, BackedUp: r.BackedUpAt != nil, CreatedAt: instant(r.CreatedAt), LastUsedAt: instantOrNil(r.LastUsedAt),
	}
}
