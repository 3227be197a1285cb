package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"regrant/app/backup"
)

// upgradeMark stands in the name of the copy that is made before the schema changes, behind the name of the database and before the
// schema that it is changed to: regrant.db.before-00014.
const upgradeMark = ".before-"

// failedMark stands in the name of what a failed upgrade puts aside for a moment.
const failedMark = ".failed-"

// upgrade brings the schema of a database up to date. One that has a schema already is copied first. When a migration fails, the
// copy takes its place again, so that the program of before still works with it; the copy stays when all went well, until the next
// change. pool is the only connection to the file, and closed after an error. Whoever calls it holds the server lock.
func upgrade(ctx context.Context, path string, pool *sql.DB, from int64) error {
	if from == 0 {
		if err := migrate(ctx, pool); err != nil {
			return explain(path, err)
		}
		return nil
	}
	to := schemaVersion()
	snapshot := fmt.Sprintf("%s%s%05d", path, upgradeMark, to)
	if err := snapshotBefore(ctx, path, snapshot, from); err != nil {
		return fmt.Errorf("the schema of %s must change from %d to %d, and the copy that is made before could not be; nothing has changed: %w",
			path, from, to, err)
	}
	failure := migrate(ctx, pool)
	if failure == nil {
		removeOlderSnapshots(path, snapshot)
		return nil
	}
	err := pool.Close()
	if err == nil {
		err = putSnapshotBack(ctx, path, snapshot)
	}
	if err != nil {
		return fmt.Errorf("the schema of %s could not be changed from %d to %d, and neither could the copy be put back; stop, and put %s "+
			"in its place by hand, and remove what begins with %s- beside it: %w", path, from, to, snapshot, path, errors.Join(failure, err))
	}
	return fmt.Errorf("the schema of %s could not be changed from %d to %d; the database is as it was, for the Regrant that you had: %w",
		path, from, to, failure)
}

// snapshotBefore copies the database before its schema changes. A copy of an older schema that is there already comes from a change
// that was interrupted, and is the one to return to.
func snapshotBefore(ctx context.Context, path, snapshot string, from int64) error {
	if st, err := examine(ctx, snapshot, longWait); err == nil && st.marked && st.version < from {
		return nil
	}
	sweepPartial(snapshot)
	partial := snapshot + backup.PartialMark + randomHex()
	if err := createPrivate(partial); err != nil {
		return err
	}
	c := copying{from: path, to: partial, back: true, o: BackupOptions{WALLimit: backupWALLimit, Progress: func(string, int, int) {}}}
	err := c.run(ctx)
	if err == nil {
		err = syncFile(partial)
	}
	if err == nil {
		err = place(partial, snapshot, true)
	}
	if err != nil {
		removeDatabase(partial)
		return c.explain(err)
	}
	return nil
}

// putSnapshotBack undoes what some of several migrations have done. Where none has, there is nothing to do: each is one transaction.
func putSnapshotBack(ctx context.Context, path, snapshot string) error {
	now, err := examine(ctx, path, longWait)
	if err != nil {
		return err
	}
	then, err := examine(ctx, snapshot, longWait)
	if err != nil {
		return err
	}
	if now.version == then.version {
		return os.Remove(snapshot)
	}
	kept, err := replace(ctx, path, snapshot, failedMark+randomHex(), func() {})
	if err != nil {
		return err
	}
	removeDatabase(kept)
	return nil
}

// removeOlderSnapshots removes the copies of changes before this one.
func removeOlderSnapshots(path, snapshot string) {
	all, _ := filepath.Glob(globSafe(path) + upgradeMark + "[0-9][0-9][0-9][0-9][0-9]")
	for _, name := range all {
		if name != snapshot {
			_ = os.Remove(name)
		}
	}
}
