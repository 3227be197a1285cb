package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"regrant/app/backup"
	"regrant/db"
)

// backupFlags say when the server backs up by itself.
type backupFlags struct {
	BackupEvery     time.Duration `env:"REGRANT_BACKUP_EVERY" placeholder:"TIME" help:"Make a backup so often, such as 24h (default: never)."`
	BackupKeep      int           `env:"REGRANT_BACKUP_KEEP" default:"7" placeholder:"N" help:"How many of these to keep (default ${default})."`
	BackupDir       string        `env:"REGRANT_BACKUP_DIR" placeholder:"DIR" help:"Where to put them; the directory must be there."`
	BackupElsewhere bool          `env:"REGRANT_BACKUP_ELSEWHERE" help:"Something else makes backups, so do not warn admins when none is seen."`
}

// schedule checks what was asked for; the zero value: nothing. Each error names the setting.
func (f backupFlags) schedule(database string) (backup.Schedule, error) {
	var none backup.Schedule
	switch {
	case f.BackupEvery == 0 && f.BackupDir == "":
		return none, nil
	case f.BackupEvery == 0:
		return none, usage("backup-every: must be given with backup-dir")
	case f.BackupDir == "":
		return none, usage("backup-dir: must be given with backup-every")
	case f.BackupElsewhere:
		return none, usage("backup-elsewhere: cannot be given together with backup-every")
	case f.BackupEvery < backup.MinEvery:
		return none, usage("backup-every: must be at least %s", backup.MinEvery)
	case f.BackupKeep < 1:
		return none, usage("backup-keep: must be at least 1")
	}
	dir, err := backup.CheckDir(f.BackupDir)
	if err != nil {
		return none, usage("backup-dir: %v", err)
	}
	name := filepath.Base(database)
	return backup.Schedule{Every: f.BackupEvery, Keep: f.BackupKeep, Dir: dir, Name: strings.TrimSuffix(name, filepath.Ext(name))}, nil
}

// keepBackups makes the backups of a schedule and logs what became of them, until ctx ends.
func keepBackups(ctx context.Context, s backup.Schedule, store *db.DB, log *slog.Logger) {
	s.Run(ctx, store, now, func(o backup.Outcome) {
		if o.Err != nil {
			log.Error("backup failed", "err", o.Err.Error(), "again_in", o.Retry.String())
			return
		}
		m := o.Made
		log.Info("backup made", "file", m.Path, "bytes", m.Bytes, "rows", m.Rows, "took", m.Took.Round(time.Millisecond).String(), "removed", o.Removed)
		if m.Unsealed > 0 {
			log.Warn("the backup holds keys that are not sealed; keep it like a private key", "file", m.Path)
		}
		if o.Prune != nil {
			log.Warn("older backups could not be removed", "err", o.Prune.Error())
		}
	})
}
