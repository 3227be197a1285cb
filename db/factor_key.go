package db

import (
	"context"
	"database/sql"
	"errors"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// FactorKey implements account.FactorKeyStore.
func (d *DB) FactorKey(ctx context.Context) ([]byte, error) {
	var key []byte
	err := d.read(ctx, "read the factor key", func(q *queries.Queries) (err error) {
		key, err = d.factorKey(ctx, q)
		return noFactorKey(err)
	})
	return key, err
}

// AddFactorKey implements account.FactorKeyStore.
func (d *DB) AddFactorKey(ctx context.Context, id string, key []byte, e audit.Event) ([]byte, error) {
	var kept []byte
	err := d.write(ctx, "add the factor key", func(tx *Tx) (err error) {
		if kept, err = d.factorKey(ctx, tx.Queries); !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		made := oauth.Key{ID: id, Use: oauth.KeyFactor, Algorithm: "A256GCM", Number: 1, Material: key, CreatedAt: e.At, ActiveAt: e.At}
		if err := tx.insertKey(ctx, d.opts.MasterKey, made); err != nil {
			return err
		}
		kept = key
		return tx.audit(ctx, e)
	})
	return kept, err
}

func (d *DB) factorKey(ctx context.Context, q *queries.Queries) ([]byte, error) {
	row, err := q.FactorKey(ctx)
	if err != nil {
		return nil, err
	}
	return opened(d.opts.MasterKey, row.Material, row.SealedAt, "the factor key", keyPlace(row.ID, row.Use, row.Algorithm, row.Number))
}

func noFactorKey(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return account.ErrNoFactorKey
	}
	return err
}
