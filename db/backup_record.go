package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"regrant/app/backup"
	"regrant/db/queries"
)

// Settings about backups.
const (
	backupSetting   = "backup"    // the record, as JSON
	backupOfSetting = "backup_of" // in a backup only: when its state was that of the database, RFC 3339
)

// Backup implements [backup.Store] with [Backup].
func (d *DB) Backup(ctx context.Context, to string, by backup.By) (backup.Made, error) {
	made, err := Backup(ctx, d.path, to, BackupOptions{})
	made.By = by
	// One that was given up is no attempt, nor what a person may not ask for, who is told. Nobody watches a schedule.
	if errors.Is(err, context.Canceled) || by != backup.BySchedule && errors.Is(err, ErrRefused) {
		return backup.Made{}, err
	}
	note := d.write(context.WithoutCancel(ctx), "note a backup", func(tx *Tx) error { return noteBackup(tx.Queries, made, err) })
	if err != nil {
		return backup.Made{}, err
	}
	return made, note
}

// BackupRecord implements [backup.Store].
func (d *DB) BackupRecord(ctx context.Context) (backup.Record, error) {
	var r backup.Record
	err := d.read(ctx, "read the record of backups", func(q *queries.Queries) (err error) {
		r, err = backupRecord(ctx, q)
		return err
	})
	return r, err
}

// FirstEvent implements [backup.Store].
func (d *DB) FirstEvent(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := d.read(ctx, "read the first event", func(q *queries.Queries) error {
		events, err := q.AuditEventsFrom(ctx, 0, 1)
		if len(events) > 0 {
			at = instant(events[0].At)
		}
		return err
	})
	return at, err
}

// NoteBackup keeps what became of a backup in the record of the database at path, whatever its schema is. Where the backup failed,
// only made.By counts.
func NoteBackup(ctx context.Context, path string, made backup.Made, failed error) error {
	path, err := absolute(path)
	if err != nil {
		return err
	}
	if st, err := examine(ctx, path, longWait); err != nil || !st.marked {
		return errors.Join(err, errors.New("not a Regrant database"))
	}
	if err := checkForeignWAL(ctx, path); err != nil {
		return err
	}
	settleCrash(ctx, path)
	pool, err := sql.Open("sqlite", sourceDSN(path))
	if err != nil {
		return err
	}
	defer pool.Close()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := noteBackup(queries.New(tx), made, failed); err != nil {
		return err
	}
	return tx.Commit()
}

func noteBackup(q *queries.Queries, made backup.Made, failed error) error {
	ctx := context.Background()
	r, err := backupRecord(ctx, q)
	if err != nil {
		return err
	}
	if failed == nil {
		r = backup.Record{Last: &made}
	} else {
		r.Failed = &backup.Failed{At: time.Now().UTC().Truncate(time.Microsecond), Why: failed.Error(), By: made.By}
	}
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return q.PutSetting(ctx, backupSetting, value)
}

func backupRecord(ctx context.Context, q *queries.Queries) (backup.Record, error) {
	var r backup.Record
	value, err := q.Setting(ctx, backupSetting)
	if errors.Is(err, sql.ErrNoRows) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &r)
	}
	if err != nil {
		return r, fault("read the record of backups", err)
	}
	return r, nil
}
