package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// applicationID marks a SQLite file as ours ("RGRT"), at a fixed place in its header.
const applicationID = 0x52475254

// state is what a look at the file, before anything in it changes, has found.
type state struct {
	marked  bool // bears our application id
	version int64
}

// examine opens the file for reading only. A file that is someone else's, damaged, or newer than this program is an
// error in one plain sentence.
func examine(ctx context.Context, path string, busy time.Duration) (state, error) {
	return examineAs(ctx, path, readerDSN(path, busy))
}

func examineAs(ctx context.Context, path, dsn string) (state, error) {
	var st state
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return st, nil
	}
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return st, explain(path, err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)

	var id, tables int64
	var versioned bool
	err = pool.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id), COUNT(*),
		COALESCE(MAX(name = 'goose_db_version'), 0) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'`).
		Scan(&id, &tables, &versioned)
	if err != nil {
		return st, explain(path, err)
	}
	st.marked = id == applicationID
	if !st.marked && (id != 0 || tables > 0) {
		return st, fmt.Errorf("%s is not a Regrant database", path)
	}
	if versioned {
		err := pool.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied").
			Scan(&st.version)
		if err != nil {
			return st, explain(path, err)
		}
	}
	if newest := schemaVersion(); st.version > newest {
		return st, fmt.Errorf("%s was written by a newer Regrant (its schema is %d, this program knows %d); "+
			"use that version or a newer one", path, st.version, newest)
	}
	return st, nil
}

func (st state) current() bool { return st.marked && st.version == schemaVersion() }

// schemaVersion is the newest migration in this program.
func schemaVersion() int64 {
	names, err := fs.Glob(migrations, "migrations/sqlite/*.sql")
	if err != nil || len(names) == 0 {
		panic("db.schemaVersion: no migrations embedded")
	}
	var newest int64
	for _, name := range names {
		v, err := goose.NumericComponent(name[strings.LastIndexByte(name, '/')+1:])
		if err != nil {
			panic("db.schemaVersion: " + err.Error())
		}
		newest = max(newest, v)
	}
	return newest
}

// migrate marks the file as ours and brings its schema up to date. Each migration is one transaction, so a process that
// dies leaves the old schema or the new one.
func migrate(ctx context.Context, pool *sql.DB) error {
	if _, err := pool.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	folder, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, pool, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
