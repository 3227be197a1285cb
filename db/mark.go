package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"regrant/db/queries"
)

// A database file that a server has open is not whole without the WAL beside it, and a copy of both was not made at one moment.
// SQLite cannot tell such a copy from the real thing. So a server leaves a mark in the file itself as long as it has it open, with
// the number of the file, which a copy does not share. A server that closes takes the mark away, and one that is killed leaves the
// WAL behind with it.

// markSetting is the name of the mark.
const markSetting = "open"

type mark struct {
	Since time.Time `json:"since"`
	Inode uint64    `json:"inode"`
}

// ErrIncomplete says that a file is a copy of a database that a server had open, or what is left of one whose WAL was removed.
// What it lacks, or whether it lacks anything, cannot be known.
var ErrIncomplete = errors.New("the file is not a complete database")

// CheckComplete looks, before anything opens the database at path, whether it may lack something; [ErrIncomplete] in a plain
// sentence. Any other error says nothing about that.
func CheckComplete(ctx context.Context, path string) error {
	path, err := absolute(path)
	if err != nil {
		return err
	}
	m, err := readMark(ctx, path)
	if err != nil || m == nil {
		return err
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		lock, err := AcquireServerLock(path)
		if errors.Is(err, ErrServerRunning) {
			return nil
		}
		if err != nil {
			return err
		}
		defer lock.Release()
	}
	return m.check(path)
}

// check is for a file on which no server runs.
func (m *mark) check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	since := m.Since.Format(time.RFC3339)
	if _, err := os.Stat(path + "-wal"); err != nil {
		return fmt.Errorf("%w: %s was copied while a server had it open (since %s), or its -wal was removed; the latest changes are missing, "+
			"and what is there need not fit together", ErrIncomplete, path, since)
	}
	if n := inode(info); n != 0 && m.Inode != 0 && n != m.Inode {
		return fmt.Errorf("%w: %s is a copy of a file that a server had open (since %s); file and -wal were not copied at one moment, "+
			"so they need not fit together", ErrIncomplete, path, since)
	}
	return nil
}

// readMark gives the mark in the file, nil for none.
func readMark(ctx context.Context, path string) (*mark, error) {
	return readMarkAs(ctx, path, stillDSN(path))
}

func readMarkAs(ctx context.Context, path, dsn string) (*mark, error) {
	if sizeOf(path) == 0 {
		return nil, nil
	}
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, explain(path, err)
	}
	defer pool.Close()
	var tables int
	if err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'settings'").Scan(&tables); err != nil || tables == 0 {
		return nil, explainOrNil(path, err)
	}
	value, err := queries.New(pool).Setting(ctx, markSetting)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(path, err)
	}
	var m mark
	if err := json.Unmarshal(value, &m); err != nil {
		return &mark{}, nil // somebody has a mark there, and it is not sound
	}
	return &m, nil
}

// errForeignWAL is in the chain of the error of Open for a WAL that was written for another file.
var errForeignWAL = errors.New("belongs to another file, which a crashed server had open here before")

// checkForeignWAL finds a WAL that was left by a server that had another file open under this name, as when a copy takes the place of
// the database of a server that crashed. SQLite would mix the two. It is told by the server's mark, which is in the WAL and not in the
// file, as long as the WAL has not started anew since the server began, and the file was not written over in its place.
func checkForeignWAL(ctx context.Context, path string) error {
	if sizeOf(path+"-wal") == 0 {
		return nil
	}
	both, err := readMark(ctx, path)
	if err != nil || both == nil {
		return nil // what is wrong with the file, whoever opens it says
	}
	info, err := os.Stat(path)
	if n := inode(info); err != nil || n == 0 || both.Inode == 0 || n == both.Inode {
		return nil
	}
	// A database that was copied together with its WAL has the mark itself.
	own, err := readMarkAs(ctx, path, readerDSN(path, longWait)+"&immutable=1")
	if err != nil || own != nil && own.Inode == both.Inode && own.Since.Equal(both.Since) {
		return nil
	}
	return fmt.Errorf("%s-wal %w (since %s); nothing has changed. To go on with the file as it is, move %s-wal and %s-shm away",
		path, errForeignWAL, both.Since.Format(time.RFC3339), path, path)
}

func explainOrNil(path string, err error) error {
	if err == nil {
		return nil
	}
	return explain(path, err)
}

// putMark says in the file itself that a server has it open.
func putMark(ctx context.Context, path string, pool *sql.DB) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	value, err := json.Marshal(mark{time.Now().UTC().Truncate(time.Second), inode(info)})
	if err != nil {
		return err
	}
	if err := queries.New(pool).PutSetting(ctx, markSetting, value); err != nil {
		return err
	}
	// It must stand in the file and not in the WAL, which the copy would lack. A reader in the way may leave it there.
	var busy, frames, copied int
	return pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &copied)
}

// takeMark says that the file is whole by itself again. A WAL that a later crash leaves belongs to what was written after it.
func (d *DB) takeMark() {
	ctx, cancel := context.WithTimeout(context.Background(), d.opts.BusyTimeout)
	defer cancel()
	_ = d.DeleteSetting(ctx, markSetting) // where that cannot be written, the mark is right to stay
}

// settleCrash takes away the mark of a server that was killed, as long as everything it left is there: whoever opens the file next
// copies its WAL into it.
func settleCrash(ctx context.Context, path string) {
	m, err := readMark(ctx, path)
	if err != nil || m == nil {
		return
	}
	lock, err := AcquireServerLock(path)
	if err != nil {
		return
	}
	defer lock.Release()
	if m.check(path) != nil {
		return
	}
	pool, err := sql.Open("sqlite", sourceDSN(path))
	if err != nil {
		return
	}
	defer pool.Close()
	_ = queries.New(pool).DeleteSetting(ctx, markSetting)
}
