package db

import (
	"context"
	"fmt"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// Keys implements [oauth.Store]. A key whose end has passed is given until [DB.Sweep] has removed it. Keys that are sealed and cannot
// be opened are a fault.
func (d *DB) Keys(ctx context.Context) ([]oauth.Key, error) {
	var keys []oauth.Key
	err := d.read(ctx, "read keys", func(q *queries.Queries) error {
		rows, err := q.Keys(ctx)
		keys = make([]oauth.Key, len(rows))
		for i, r := range rows {
			material, err := opened(d.opts.MasterKey, r.Material, r.SealedAt, "the "+r.Use+" key "+r.ID, keyPlace(r.ID, r.Use, r.Algorithm, r.Number))
			if err != nil {
				return err
			}
			keys[i] = keyWithout(r)
			keys[i].Material = material
		}
		return err
	})
	return keys, err
}

// StoredKey is a key as it lies in the database, without its material.
type StoredKey struct {
	oauth.Key
	SealedAt *time.Time // nil: it is not sealed
}

// StoredKeys gives every key that has not ended, sealed or not. No master key is needed for it.
func (d *DB) StoredKeys(ctx context.Context) ([]StoredKey, error) {
	var keys []StoredKey
	err := d.read(ctx, "read keys", func(q *queries.Queries) error {
		rows, err := q.Keys(ctx)
		keys = make([]StoredKey, len(rows))
		for i, r := range rows {
			keys[i] = StoredKey{keyWithout(r), instantOrNil(r.SealedAt)}
		}
		return err
	})
	return keys, err
}

// keyWithout gives a key without its material.
func keyWithout(r queries.Key) oauth.Key {
	return oauth.Key{
		ID: r.ID, Use: oauth.KeyUse(r.Use), Algorithm: r.Algorithm, Number: uint8(r.Number),
		CreatedAt: instant(r.CreatedAt), ActiveAt: instant(r.ActiveAt), EndsAt: instantOrNil(r.EndsAt),
	}
}

// AddKeys implements [oauth.Store]. All are added or none: of two processes with the same number one wins. They are sealed if the
// others are.
func (d *DB) AddKeys(ctx context.Context, add []oauth.Key, ending map[string]time.Time, events ...audit.Event) error {
	return d.write(ctx, "add keys", func(tx *Tx) error {
		for _, k := range add {
			if err := tx.insertKey(ctx, d.opts.MasterKey, k); err != nil {
				return err
			}
		}
		for id, at := range ending {
			if _, err := tx.EndKey(ctx, microsOrNull(&at), id); err != nil {
				return err
			}
		}
		return tx.auditAll(ctx, events)
	})
}

// insertKey adds a key, sealed if the others are; [oauth.ErrExists].
func (tx *Tx) insertKey(ctx context.Context, master *MasterKey, k oauth.Key) error {
	p := queries.InsertKeyParams{
		ID: k.ID, Use: string(k.Use), Algorithm: k.Algorithm, Number: int64(k.Number), Material: k.Material,
		CreatedAt: micros(k.CreatedAt), ActiveAt: micros(k.ActiveAt), EndsAt: microsOrNull(k.EndsAt),
	}
	with, err := tx.sealing(ctx, master, k.CreatedAt)
	if err != nil {
		return err
	}
	if with != nil {
		p.Material, p.SealedAt = with.seal(k.Material, keyPlace(p.ID, p.Use, p.Algorithm, p.Number)), &p.CreatedAt
	}
	n, err := tx.InsertKey(ctx, p)
	return oneRow(n, err, oauth.ErrExists)
}

func (tx *Tx) auditAll(ctx context.Context, events []audit.Event) error {
	for _, e := range events {
		if err := tx.audit(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// WindowKeys implements [oauth.Store].
func (d *DB) WindowKeys(ctx context.Context) ([]oauth.WindowKey, error) {
	var keys []oauth.WindowKey
	err := d.read(ctx, "read window keys", func(q *queries.Queries) error {
		rows, err := q.WindowKeys(ctx)
		keys = make([]oauth.WindowKey, len(rows))
		for i, r := range rows {
			key, err := opened(d.opts.MasterKey, r.Key, r.SealedAt, fmt.Sprintf("the window key %d", r.ID), windowKeyPlace(r.ID))
			if err != nil {
				return err
			}
			keys[i] = oauth.WindowKey{ID: r.ID, Key: key, CreatedAt: oauth.ServiceTime(r.ServiceTime)}
		}
		return err
	})
	return keys, err
}

// AddWindowKey implements [oauth.Store]. An id that is not above every stored one is [oauth.ErrExists]. It is sealed if the other
// keys are.
func (d *DB) AddWindowKey(ctx context.Context, k oauth.WindowKey) error {
	at := time.Now()
	return d.write(ctx, "add window key", func(tx *Tx) error {
		p := queries.InsertWindowKeyParams{ID: k.ID, Key: k.Key, ServiceTime: int64(k.CreatedAt)}
		with, err := tx.sealing(ctx, d.opts.MasterKey, at)
		if err != nil {
			return err
		}
		if with != nil {
			p.Key, p.SealedAt = with.seal(k.Key, windowKeyPlace(k.ID)), microsOrNull(&at)
		}
		n, err := tx.InsertWindowKey(ctx, p)
		return oneRow(n, err, oauth.ErrExists)
	})
}

// EraseWindowKeys implements [oauth.Store]. The rows are overwritten when it returns (secure_delete). What the WAL still holds
// of them goes at once where no reader is in the way, and with one of the next calls of [DB.Sweep] otherwise, or when the last
// attempt was only a moment ago and keys are left, so that a server at work does not truncate its WAL all the time.
func (d *DB) EraseWindowKeys(ctx context.Context, upTo int64) error {
	var idle bool
	err := d.write(ctx, "erase window keys", func(tx *Tx) error {
		n, err := tx.DeleteWindowKeys(ctx, upTo)
		if err != nil {
			return err
		}
		if n > 0 {
			d.erased.pending.Store(true) // for nothing if the transaction fails, and then it costs a checkpoint
		}
		left, err := tx.CountWindowKeys(ctx)
		idle = left == 0
		return err
	})
	if err != nil {
		return err
	}
	return d.emptyWAL(ctx, idle)
}
