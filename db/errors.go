package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrFault is in the chain of every error that says nothing about the data asked for: locked, full, unreadable or
	// read-only files, a damaged page, a deadline, a panic. It is answered with 503, never with a verdict of a protocol.
	ErrFault = errors.New("the store failed")

	// ErrBusy is the fault of a write that found the queue full or waited in it too long. Nothing was written.
	ErrBusy = fmt.Errorf("too many writes are waiting: %w", ErrFault)

	// ErrClosed is the fault of a call that comes after Close. Nothing was written.
	ErrClosed = fmt.Errorf("the store is closed: %w", ErrFault)

	// ErrCorrupt is the fault that stops all writes: SQLite found the file damaged. Only a restart clears it.
	ErrCorrupt = fmt.Errorf("the database file is damaged: %w", ErrFault)

	// ErrUnsynced is the fault that stops everything: the disk could not keep what was written to it, and what a sync says
	// later of the same pages means nothing. Only a restart clears it.
	ErrUnsynced = fmt.Errorf("the disk failed to keep what was written: %w", ErrFault)

	// ErrServerRunning is returned by Open and AcquireServerLock when a server holds the file.
	ErrServerRunning = errors.New("a server is already running on this database")
)

// fault wraps err, which came from op, so that errors.Is finds both ErrFault and err.
func fault(op string, err error) error {
	if errors.Is(err, ErrFault) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return fmt.Errorf("%s: %w: %w", op, ErrFault, err)
}

// isFault tells what the machine did wrong (true) from what the data say (false). A violated constraint and
// sql.ErrNoRows are facts about the data; an error that nobody here knows is the caller's own and passes through.
func isFault(err error) bool {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return false
	}
	if errors.Is(err, ErrFault) {
		return true
	}
	if code, ok := sqliteCode(err); ok {
		return code&0xff != sqlite3.SQLITE_CONSTRAINT
	}
	var path *fs.PathError
	var errno syscall.Errno
	return isPanic(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) ||
		errors.As(err, &path) || errors.As(err, &errno) ||
		// database/sql has no type for a row that does not fit its Go value: damage, or a mistake of ours.
		strings.Contains(err.Error(), "sql: Scan error")
}

// isBroken reports faults after which the connection is thrown away: what it believes of the file may be wrong.
func isBroken(err error) bool {
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff {
		case sqlite3.SQLITE_READONLY, // opened while the disk was, and stays so
			sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_MISUSE:
			return true
		}
		return isDamage(err)
	}
	return isPanic(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

func isDamage(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code&0xff == sqlite3.SQLITE_CORRUPT || code&0xff == sqlite3.SQLITE_NOTADB)
}

// isUnsynced reports a failed fsync. Linux takes the pages for clean after it, though they are on no disk.
func isUnsynced(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_IOERR_FSYNC || code == sqlite3.SQLITE_IOERR_DIR_FSYNC)
}

func isLocked(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code&0xff == sqlite3.SQLITE_BUSY || code&0xff == sqlite3.SQLITE_LOCKED)
}

// isUnique reports whether err is a violated PRIMARY KEY or UNIQUE constraint.
func isUnique(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY ||
		code == sqlite3.SQLITE_CONSTRAINT_ROWID)
}

// isForeignKey reports whether err is a reference to a row that does not exist, or still is referred to.
func isForeignKey(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

// sqliteCode returns SQLite's extended result code, if err bears one.
func sqliteCode(err error) (int, bool) {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code(), true
	}
	return 0, false
}

// panicError is what became of a panic in a function given to write, read or snapshot.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

func isPanic(err error) bool {
	var p *panicError
	return errors.As(err, &p)
}
