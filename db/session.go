package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"runtime/debug"

	"regrant/db/queries"
)

// session is one SQLite connection with its prepared statements: the DBTX of sqlc. One goroutine at a time uses it.
//
// The contexts that sqlc's callers hand in are ignored in favour of ctx, for two reasons. A write that has begun must
// not be torn by a client that hangs up. And a context that can end costs two goroutines for each statement.
type session struct {
	conn    *sql.Conn
	ctx     context.Context
	stmts   map[string]*sql.Stmt
	queries *queries.Queries
	trace   func(statement string) // see Options.Trace
}

func openSession(ctx context.Context, pool *sql.DB, trace func(string)) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, ctx: context.Background(), stmts: map[string]*sql.Stmt{}, trace: trace}
	s.queries = queries.New(marked(s))
	return s, nil
}

// discard closes the connection itself, rather than handing it back to its pool. SQLite keeps a closed connection, and
// its locks, alive until the last statement is finalized, so those go first.
func (s *session) discard() {
	_ = s.exec("ROLLBACK")
	for _, stmt := range s.stmts {
		_ = stmt.Close()
	}
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
}

// exec runs a statement without arguments or results, whatever has become of the caller's context.
func (s *session) exec(query string) error {
	stmt, err := s.PrepareContext(s.ctx, query)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.Background())
	return err
}

// call runs fn over the session and turns a panic into an error.
func (s *session) call(fn func(*queries.Queries) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return fn(s.queries)
}

// PrepareContext returns the one statement that the session keeps for this text. It is closed with the connection, not
// by the caller.
func (s *session) PrepareContext(_ context.Context, query string) (*sql.Stmt, error) {
	if s.trace != nil {
		s.trace(query)
	}
	if stmt := s.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

func (s *session) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.PrepareContext(s.ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(s.ctx, args...)
}

func (s *session) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.PrepareContext(s.ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(s.ctx, args...)
}

func (s *session) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	stmt, err := s.PrepareContext(s.ctx, query)
	if err != nil {
		// Only database/sql can make a Row that bears an error, so let it prepare and fail once more.
		return s.conn.QueryRowContext(s.ctx, query, args...)
	}
	return stmt.QueryRowContext(s.ctx, args...)
}
