package backup

import (
	"context"
	"time"
)

// Made is a backup that was written and verified.
type Made struct {
	At       time.Time     `json:"at"`   // of the state that it holds
	Path     string        `json:"path"` // absolute
	Bytes    int64         `json:"bytes"`
	Rows     int64         `json:"rows"`
	Took     time.Duration `json:"took"`     // nanoseconds, verification included
	Held     time.Duration `json:"held"`     // nanoseconds for which the database could not start its WAL anew
	Unsealed int           `json:"unsealed"` // keys that lie in it as they are
	By       By            `json:"by"`
}

// Failed is an attempt that made no backup. It left nothing behind.
type Failed struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
	By  By        `json:"by"`
}

// By says who made a backup.
type By string

// Who makes backups.
const (
	BySchedule By = "schedule"
	ByCommand  By = "command"
)

// Record is what is known of the backups of a database.
type Record struct {
	Last   *Made   `json:"last,omitempty"`   // the last that succeeded
	Failed *Failed `json:"failed,omitempty"` // the last that failed, if none has succeeded since
}

// Store makes backups of itself. An error is a plain sentence.
type Store interface {
	// Backup writes what is committed now into the file to, whole and verified or not at all, and keeps it in the record. A
	// failure is kept there too, where the database can be written to.
	Backup(ctx context.Context, to string, by By) (Made, error)
	// BackupRecord gives what is known of the last backups.
	BackupRecord(ctx context.Context) (Record, error)
	// FirstEvent is about when the database was made: the time of the oldest event of its log; zero for none.
	FirstEvent(ctx context.Context) (time.Time, error)
}

// warnAfter is how old the last backup may be, and how old a server without any, where no schedule says what is late.
const warnAfter = 7 * 24 * time.Hour

// Overdue says whether somebody should look after backups: the last one is too old, or there is none of a server that has been
// there for a while. every is the schedule's, 0 for none; since is when the database was made.
func (r Record) Overdue(every time.Duration, since, now time.Time) bool {
	limit := warnAfter
	if every > 0 {
		limit = 2 * every
	}
	if r.Last == nil {
		return !since.IsZero() && now.Sub(since) > max(limit, warnAfter)
	}
	return now.Sub(r.Last.At) > limit
}
