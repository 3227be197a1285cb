package db

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var errSealed = errors.New("a key is sealed and there is no master key")

// Keys implements [oauth.Store]. A key whose end has passed is given until [DB.Sweep] has removed it.
func (d *DB) Keys(ctx context.Context) ([]oauth.Key, error) {
	var keys []oauth.Key
	err := d.read(ctx, "read keys", func(q *queries.Queries) error {
		rows, err := q.Keys(ctx)
		keys = make([]oauth.Key, len(rows))
		for i, r := range rows {
			if r.SealedAt != nil {
				return fault("open key "+r.ID, errSealed)
			}
			keys[i] = oauth.Key{
				ID: r.ID, Use: oauth.KeyUse(r.Use), Algorithm: r.Algorithm, Number: uint8(r.Number), Material: r.Material,
				CreatedAt: instant(r.CreatedAt), ActiveAt: instant(r.ActiveAt), EndsAt: instantOrNil(r.EndsAt),
			}
		}
		return err
	})
	return keys, err
}

// AddKeys implements [oauth.Store]. All are added or none: of two processes with the same number one wins.
func (d *DB) AddKeys(ctx context.Context, add []oauth.Key, ending map[string]time.Time, events ...audit.Event) error {
	return d.write(ctx, "add keys", func(tx *Tx) error {
		for _, k := range add {
			n, err := tx.InsertKey(ctx, queries.InsertKeyParams{
				ID: k.ID, Use: string(k.Use), Algorithm: k.Algorithm, Number: int64(k.Number), Material: k.Material,
				CreatedAt: micros(k.CreatedAt), ActiveAt: micros(k.ActiveAt), EndsAt: microsOrNull(k.EndsAt),
			})
			if err := oneRow(n, err, oauth.ErrExists); err != nil {
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
			keys[i] = oauth.WindowKey{ID: r.ID, Key: r.Key, CreatedAt: oauth.ServiceTime(r.ServiceTime)}
		}
		return err
	})
	return keys, err
}

// AddWindowKey implements [oauth.Store]. An id that is not above every stored one is [oauth.ErrExists].
func (d *DB) AddWindowKey(ctx context.Context, k oauth.WindowKey) error {
	return d.write(ctx, "add window key", func(tx *Tx) error {
		n, err := tx.InsertWindowKey(ctx, queries.InsertWindowKeyParams{ID: k.ID, Key: k.Key, ServiceTime: int64(k.CreatedAt)})
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
