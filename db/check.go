package db

import (
	"context"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"
)

// SQLiteVersion is the version of the SQLite in this program.
const SQLiteVersion = sqlite3.SQLITE_VERSION

// CheckIntegrity reads the whole file and returns what SQLite finds wrong with its pages, indexes and constraints; nothing
// for a sound file. It takes long for a large file: see Options.ReadTimeout.
func (d *DB) CheckIntegrity(ctx context.Context) ([]string, error) {
	found, err := d.check(ctx, "check integrity", "SELECT integrity_check FROM pragma_integrity_check LIMIT 100")
	if len(found) == 1 && found[0] == "ok" {
		found = nil
	}
	return found, err
}

// CheckReferences returns the rows that refer to something that is not there; nothing for a sound file.
func (d *DB) CheckReferences(ctx context.Context) ([]string, error) {
	return d.check(ctx, "check references",
		`SELECT "table" || ' row ' || COALESCE(rowid, '?') || ' refers to no row of ' || parent FROM pragma_foreign_key_check LIMIT 100`)
}

func (d *DB) check(ctx context.Context, op, query string) ([]string, error) {
	var found []string
	err := d.readers.run(ctx, op, func(s *session) error {
		rows, err := s.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			found = append(found, line)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	return found, nil
}
