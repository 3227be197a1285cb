package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceSteps is how often replace tells, where there is a database to replace.
const replaceSteps = 5

var errInUse = mustNot("another program has the database open; end it first")

// replace puts the database in fresh, which nobody has open, in the place of the one at path, and keeps that one as path + suffix
// (which it gives; "" where there was none). Whenever the process dies, one of the two is at path, whole, and what is beside it is
// its own. Whoever calls it holds the server lock; told is called between the steps.
func replace(ctx context.Context, path, fresh, suffix string, told func()) (kept string, err error) {
	dir := filepath.Dir(path)
	told()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(os.Rename(fresh, path), syncDir(dir))
	}
	kept = path + suffix
	// A WAL that is left would be taken for the new database's.
	err = checkForeignWAL(ctx, path)
	if err == nil {
		err = foldWAL(ctx, path)
	}
	if err != nil {
		if errors.Is(err, errInUse) {
			return "", err
		}
		// It cannot be read at all, or is of two files: what there is is kept as it is, WAL first.
		if err := keep(path+"-wal", kept+"-wal"); err != nil {
			return "", err
		}
	}
	told()
	if err := errors.Join(keep(path, kept), syncDir(dir)); err != nil {
		return "", fmt.Errorf("the database at %s cannot be kept under another name; nothing has changed: %w", path, err)
	}
	told()
	for _, rest := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + rest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	told()
	if err := errors.Join(syncDir(dir), os.Rename(fresh, path)); err != nil {
		return "", err
	}
	told()
	if err := syncDir(dir); err != nil {
		return "", err
	}
	return kept, nil
}

// foldWAL brings all that the WAL holds into the file and empties it. errInUse: somebody else has the file open.
func foldWAL(ctx context.Context, path string) error {
	pool, err := sql.Open("sqlite", sourceDSN(path))
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	var busy, frames, copied int
	err = pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &copied)
	if err == nil && busy != 0 || isLocked(err) {
		return errInUse
	}
	if err := errors.Join(err, pool.Close()); err != nil {
		return err
	}
	// The last connection to go removes the WAL, so ours was not the last.
	if _, err := os.Stat(path + "-wal"); err == nil {
		return errInUse
	}
	return nil
}

// keep gives a file a second name, by a link or, where the disk knows none, by a copy.
func keep(name, kept string) error {
	err := os.Link(name, kept)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	from, err := os.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(kept, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		_ = os.Remove(kept)
	}
	return err
}
