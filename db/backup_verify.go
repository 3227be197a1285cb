package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"regrant/app/backup"
)

// auditSince is the schema that brought the audit log.
const auditSince = 2

// verifyTime is how long one check of a whole file may take.
const verifyTime = 6 * time.Hour

// verify reads the whole copy, from the file and not from the memory of who wrote it.
func (c *copying) verify(ctx context.Context, version int64) (backup.Made, error) {
	d, done, err := openToVerify(ctx, c.to)
	if err != nil {
		return backup.Made{}, err
	}
	defer done()
	if err := d.sound(ctx, version); err != nil {
		return backup.Made{}, fmt.Errorf("the copy is not sound, and was removed; see: regrant doctor: %w", err)
	}
	var made backup.Made
	err = d.readers.run(ctx, "count rows", func(s *session) error {
		counts, err := countRows(ctx, s)
		if err != nil {
			return err
		}
		for _, table := range slices.Sorted(maps.Keys(c.counts)) {
			// The copy has been told of when it is.
			if counts[table] != c.counts[table] && table != "settings" {
				return fmt.Errorf("the copy has %d rows in %s and the database %d, so it was removed", counts[table], table, c.counts[table])
			}
			made.Rows += counts[table]
		}
		made.Unsealed, err = unsealedKeys(ctx, s, counts)
		return err
	})
	return made, err
}

// sound says what is wrong with a database: its pages, its references or its log.
func (d *DB) sound(ctx context.Context, version int64) error {
	for _, check := range []func(context.Context) ([]string, error){d.CheckIntegrity, d.CheckReferences} {
		wrong, err := check(ctx)
		if err != nil {
			return err
		}
		if len(wrong) > 0 {
			return fmt.Errorf("%s", strings.Join(wrong[:min(3, len(wrong))], "; "))
		}
	}
	if version < auditSince {
		return nil
	}
	_, err := d.VerifyAudit(ctx)
	return err
}

// openToVerify is openToRead of a file that nobody else has open, and that is read with rests.
func openToVerify(ctx context.Context, path string) (d *DB, done func(), err error) {
	name, release, err := registerRestful(ctx, filepath.Dir(path))
	if err != nil {
		return nil, nil, err
	}
	d, err = openPool(path, readerDSN(filepath.Base(path), longWait)+"&vfs="+name)
	if err != nil {
		return nil, nil, errors.Join(err, release())
	}
	return d, func() { d.readers.close(); _ = release() }, nil
}

// openToRead gives a database of which nothing but reading works. Whoever opens it calls d.readers.close.
func openToRead(path string) (*DB, error) { return openPool(path, readerDSN(path, longWait)) }

func openPool(path, dsn string) (*DB, error) {
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, explain(path, err)
	}
	d := &DB{opts: Options{ReadTimeout: verifyTime}.withDefaults(), path: path}
	d.readers = &readers{db: d, pool: pool, slots: make(chan struct{}, 1), closed: make(chan struct{})}
	return d, nil
}

// countRows counts the rows of every table.
func countRows(ctx context.Context, s *session) (map[string]int64, error) {
	names, err := tables(ctx, s)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, name := range names {
		var n int64
		if err := s.conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+quoted(name)).Scan(&n); err != nil {
			return nil, err
		}
		counts[name] = n
	}
	return counts, nil
}

func tables(ctx context.Context, s *session) ([]string, error) {
	rows, err := s.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// unsealedKeys counts the keys that lie in the database as they are (WEB-49).
func unsealedKeys(ctx context.Context, s *session, counts map[string]int64) (int, error) {
	if _, there := counts["keys"]; !there {
		return 0, nil
	}
	var n int
	err := s.conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM keys WHERE sealed_at IS NULL").Scan(&n)
	return n, err
}
