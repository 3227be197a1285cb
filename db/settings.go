package db

import (
	"context"
	"database/sql"
	"errors"

	"regrant/db/queries"
)

// Setting returns the value kept under name, and whether there is one.
func (d *DB) Setting(ctx context.Context, name string) (value []byte, found bool, err error) {
	err = d.read(ctx, "read setting", func(q *queries.Queries) error {
		value, err = q.Setting(ctx, name)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// PutSetting creates or replaces the value kept under name.
func (d *DB) PutSetting(ctx context.Context, name string, value []byte) error {
	return d.write(ctx, "put setting", func(tx *Tx) error { return tx.PutSetting(ctx, name, value) })
}

// DeleteSetting removes the value kept under name, if there is one.
func (d *DB) DeleteSetting(ctx context.Context, name string) error {
	return d.write(ctx, "delete setting", func(tx *Tx) error { return tx.DeleteSetting(ctx, name) })
}
