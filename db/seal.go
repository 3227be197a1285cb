package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// ErrServerLacksKey says that a server is at work on the database which could not go on: it does not have the master key with which
// the keys would be sealed.
var ErrServerLacksKey = errors.New("a server is running on this database without that master key")

// ErrOldKeysInWAL says that the keys were sealed, and that readers kept the WAL from being emptied, which may still hold them as they
// were. A server at work empties it within a minute, and so does the next [DB.SealKeys].
var ErrOldKeysInWAL = errors.New("the keys are sealed; readers kept the WAL from being emptied, which still holds them as they were")

// KeySeal implements [oauth.KeyKeeper].
func (d *DB) KeySeal(ctx context.Context) (oauth.KeySeal, error) {
	seal := oauth.KeySeal{Held: d.opts.MasterKey != nil}
	err := d.read(ctx, "read the seal of the keys", func(q *queries.Queries) error {
		row, err := serverRow(ctx, q)
		if err == nil && row.SealCheck != nil {
			seal.SealedAt = instantOrNil(row.SealedAt)
		}
		return err
	})
	return seal, err
}

// checkMasterKey refuses a master key that is not the one, and a server without one on keys that are sealed. What a server was given
// is noted in the same transaction: nobody seals the keys of a server that could not open them.
func (d *DB) checkMasterKey(ctx context.Context) error {
	master := d.opts.MasterKey
	check := func(row queries.Server) error {
		switch {
		case row.SealCheck == nil || master.is(row.SealCheck):
			return nil
		case master != nil:
			return fmt.Errorf("%s: %w", d.path, ErrWrongMasterKey)
		case d.opts.Server:
			return fmt.Errorf("%s: %w", d.path, ErrSealed)
		}
		return nil // a command that needs no key needs no master key
	}
	noted := false
	err := d.read(ctx, "read the seal of the keys", func(q *queries.Queries) error {
		row, err := serverRow(ctx, q)
		if err != nil {
			return err
		}
		noted = master.is(row.HeldCheck) || master == nil && row.HeldCheck == nil
		return check(row)
	})
	if err != nil || noted || !d.opts.Server {
		return err
	}
	return d.write(ctx, "note the master key", func(tx *Tx) error {
		row, err := serverRow(ctx, tx.Queries)
		if err != nil {
			return err
		}
		if err := check(row); err != nil {
			return err
		}
		var held []byte
		if master != nil {
			held = master.check
		}
		return tx.HoldMasterKey(ctx, held)
	})
}

// sealing gives the master key with which a new key is sealed in this transaction; nil: it is written as it is. The very first keys of
// a database are sealed when there is a master key.
func (tx *Tx) sealing(ctx context.Context, master *MasterKey, at time.Time) (*MasterKey, error) {
	row, err := serverRow(ctx, tx.Queries)
	if err != nil {
		return nil, err
	}
	switch {
	case master.is(row.SealCheck):
		return master, nil
	case row.SealCheck != nil && master != nil:
		return nil, fault("seal a key", ErrWrongMasterKey)
	case row.SealCheck != nil:
		return nil, fault("seal a key", ErrSealed)
	case master == nil:
		return nil, nil
	}
	n, err := tx.CountKeys(ctx)
	if err != nil || n > 0 {
		return nil, err
	}
	e := audit.Event{At: at, Kind: audit.KeysSealed, Origin: audit.Origin{Actor: audit.ByServer}, Result: "ok", Detail: "first=keys"}
	return master, errors.Join(tx.SetSeal(ctx, master.check, microsOrNull(&at)), tx.audit(ctx, e))
}

// opened gives a stored key as it is used.
func opened(master *MasterKey, stored []byte, sealedAt *int64, what, place string) ([]byte, error) {
	if sealedAt == nil {
		return stored, nil
	}
	if master == nil {
		return nil, fault("open "+what, ErrSealed)
	}
	plain, err := master.open(stored, place)
	if err != nil {
		return nil, fault("open "+what, err)
	}
	return plain, nil
}

// How long to try to empty the WAL of a server at work.
const (
	sealPatience = 10 * time.Second
	sealPause    = 50 * time.Millisecond
)

// SealKeys seals every key with a master key, also those that are sealed with the one that this database was opened with; nil: it
// unseals them. One transaction does it with its event, and changed says whether there was something to do. When it returns, the
// files hold nothing of how the keys were before, unless it is [ErrOldKeysInWAL].
//
// A server that has the master key goes on without noticing. [ErrServerLacksKey] for one that has not; while there is none, none
// can start. [ErrSealed] without the master key that opens the keys.
func (d *DB) SealKeys(ctx context.Context, with *MasterKey, e audit.Event) (changed bool, err error) {
	lock, err := AcquireServerLock(d.path)
	running := errors.Is(err, ErrServerRunning)
	if err != nil && !running {
		return false, err
	}
	if lock != nil {
		defer lock.Release()
	}
	err = d.write(ctx, "seal keys", func(tx *Tx) error {
		changed = false
		row, err := serverRow(ctx, tx.Queries)
		switch {
		case err != nil:
			return err
		case with == nil && row.SealCheck == nil, with.is(row.SealCheck):
			return nil
		case row.SealCheck != nil && d.opts.MasterKey == nil:
			return ErrSealed
		case row.SealCheck != nil && !d.opts.MasterKey.is(row.SealCheck):
			return ErrWrongMasterKey
		case running && with != nil && !with.is(row.HeldCheck):
			return ErrServerLacksKey
		}
		changed = true
		d.erased.pending.Store(true) // for nothing if the transaction fails, and then it costs a checkpoint
		if err := tx.sealAll(ctx, d.opts.MasterKey, with, e.At); err != nil {
			return err
		}
		return tx.audit(ctx, e)
	})
	if err != nil || with == nil {
		return changed, err
	}
	return changed, d.forgetOldKeys(ctx)
}

// sealAll writes all keys anew. Both tables are emptied first, so that no page keeps what stood on it.
func (tx *Tx) sealAll(ctx context.Context, from, to *MasterKey, at time.Time) error {
	sealed := microsOrNull(&at)
	if to == nil {
		sealed = nil
	}
	again := func(stored []byte, sealedAt *int64, what, place string) ([]byte, error) {
		plain, err := opened(from, stored, sealedAt, what, place)
		if err != nil || to == nil {
			return plain, err
		}
		return to.seal(plain, place), nil
	}
	keys, err := tx.Keys(ctx)
	if err != nil {
		return err
	}
	windows, err := tx.WindowKeys(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(tx.DeleteAllKeys(ctx), tx.DeleteAllWindowKeys(ctx)); err != nil {
		return err
	}
	for _, k := range keys {
		material, err := again(k.Material, k.SealedAt, "the "+k.Use+" key "+k.ID, keyPlace(k.ID, k.Use, k.Algorithm, k.Number))
		if err != nil {
			return err
		}
		n, err := tx.InsertKey(ctx, queries.InsertKeyParams{
			ID: k.ID, Use: k.Use, Algorithm: k.Algorithm, Number: k.Number, Material: material, SealedAt: sealed,
			CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, EndsAt: k.EndsAt,
		})
		if err := oneRow(n, err, oauth.ErrExists); err != nil {
			return err
		}
	}
	for _, k := range windows {
		key, err := again(k.Key, k.SealedAt, fmt.Sprintf("the window key %d", k.ID), windowKeyPlace(k.ID))
		if err != nil {
			return err
		}
		n, err := tx.InsertWindowKey(ctx, queries.InsertWindowKeyParams{ID: k.ID, Key: key, ServiceTime: k.ServiceTime, SealedAt: sealed})
		if err := oneRow(n, err, oauth.ErrExists); err != nil {
			return err
		}
	}
	if to == nil {
		return tx.SetSeal(ctx, nil, nil)
	}
	return tx.SetSeal(ctx, to.check, sealed)
}

// forgetOldKeys empties the WAL, between the readers of a server at work.
func (d *DB) forgetOldKeys(ctx context.Context) error {
	for deadline := time.Now().Add(sealPatience); ; {
		var busy bool
		err := d.alone(ctx, "empty the WAL", func(s *session) (err error) {
			busy, err = d.truncate(ctx, s, time.Second)
			return err
		})
		switch {
		case err == nil && !busy:
			return nil
		case err != nil && !isLocked(err):
			return err
		case time.Now().After(deadline):
			return ErrOldKeysInWAL
		}
		select {
		case <-ctx.Done():
			return ErrOldKeysInWAL
		case <-time.After(sealPause):
		}
	}
}

var _ oauth.KeyKeeper = (*DB)(nil)
