package db

import (
	"context"
	"database/sql"
	"sync"

	"regrant/db/queries"
)

// read runs fn over a reader's connection, each statement seeing the last commit before it. It is for one statement, or
// for several that need not agree. fn gets Options.ReadTimeout, since a long reader makes the WAL grow. A fault comes
// back as ErrFault, sql.ErrNoRows and errors of fn's own as they are. fn must not call write or read.
func (d *DB) read(ctx context.Context, op string, fn func(*queries.Queries) error) error {
	return d.readers.run(ctx, op, func(s *session) error { return s.call(fn) })
}

// readRow is read for a single row by its key. That looks at a handful of pages, so it needs no deadline of its own once it has a
// connection; and a deadline costs two goroutines for each statement.
func (d *DB) readRow(ctx context.Context, op string, fn func(*queries.Queries) error) error {
	r := d.readers
	select {
	case r.slots <- struct{}{}:
	default:
		return d.read(ctx, op, fn)
	}
	defer func() { <-r.slots }()
	if err := ctx.Err(); err != nil {
		return fault(op, err)
	}
	select {
	case <-r.closed:
		return fault(op, ErrClosed)
	default:
	}
	return r.use(context.Background(), op, func(s *session) error { return s.call(fn) })
}

// snapshot is read for several statements that must agree: all see the same commit.
func (d *DB) snapshot(ctx context.Context, op string, fn func(*queries.Queries) error) error {
	return d.readers.run(ctx, op, func(s *session) error {
		if err := s.exec("BEGIN"); err != nil {
			return fault("begin", err)
		}
		err := s.call(fn)
		if end := s.exec("ROLLBACK"); end != nil && err == nil {
			return fault("rollback", end)
		}
		return err
	})
}

// readers keeps up to cap(slots) read-only connections, the last used on top, so that a quiet server works on few warm
// page caches.
type readers struct {
	db    *DB
	pool  *sql.DB
	slots chan struct{}

	closed chan struct{}

	mu   sync.Mutex
	idle []*session
}

func (r *readers) run(ctx context.Context, op string, fn func(*session) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.db.opts.ReadTimeout)
	defer cancel()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return fault(op, ctx.Err())
	case <-r.closed:
		return fault(op, ErrClosed)
	}
	return r.use(ctx, op, fn)
}

// use runs fn over a connection. The caller holds a slot.
func (r *readers) use(ctx context.Context, op string, fn func(*session) error) error {
	if r.db.hasFailed() {
		return fault(op, ErrUnsynced) // what can be read may be on no disk
	}
	s, err := r.take(ctx)
	if err != nil {
		r.db.note(err)
		return fault(op, err)
	}

	s.ctx = ctx
	err = fn(s)
	s.ctx = context.Background()

	if !isFault(err) {
		r.give(s)
		return err
	}
	// An interrupted or failed statement may leave a transaction open, and with it the WAL pinned.
	s.discard()
	r.db.note(err)
	return fault(op, err)
}

func (r *readers) take(ctx context.Context) (*session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.idle); n > 0 {
		s := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return s, nil
	}
	return openSession(ctx, r.pool, r.db.opts.Trace)
}

func (r *readers) give(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, s)
}

// close waits for the readers at work, which have a deadline, and closes all connections.
func (r *readers) close() {
	close(r.closed)
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	for _, s := range r.idle {
		s.discard()
	}
	_ = r.pool.Close()
}
