package db

import (
	"context"
	"database/sql"
	"fmt"
)

// ServerLock is held by the one server of a database file, and for a moment by whoever changes its schema. It is
// SQLite's own exclusive lock on a small file beside the database, so it works wherever SQLite does and dies with the
// process, however that dies. The file itself stays.
type ServerLock struct{ pool *sql.DB }

// AcquireServerLock takes the lock of the database at path. ErrServerRunning: another process, or another lock of
// this one, holds it.
func AcquireServerLock(path string) (*ServerLock, error) {
	enableOFDLocks()
	abs, err := absolute(path)
	if err != nil {
		return nil, err
	}
	abs += ".lock"
	if err := createPrivate(abs); err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", lockDSN(abs))
	if err != nil {
		return nil, explain(abs, err)
	}
	pool.SetMaxOpenConns(1)
	if _, err := pool.ExecContext(context.Background(), "BEGIN EXCLUSIVE"); err != nil {
		_ = pool.Close()
		if isLocked(err) {
			return nil, fmt.Errorf("%s: %w", path, ErrServerRunning)
		}
		return nil, explain(abs, err)
	}
	return &ServerLock{pool}, nil
}

// Release gives the lock up. A second call does nothing.
func (l *ServerLock) Release() { _ = l.pool.Close() }
