package db

import (
	"context"
	"database/sql"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"regrant/db/queries"
)

// maxBatch bounds the writes of one transaction: beyond it a larger one gains little and all in it wait for the last.
const maxBatch = 256

// batchOp names the transaction of several writes where there can be but one name.
const batchOp = "batch"

// writer is the only goroutine that changes the database.
type writer struct {
	pool    *sql.DB // of one connection
	session *session
	queue   chan *job
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed when the last job has been answered

	wal   *checkpointer
	meter *Meter
	db    *DB
}

func (w *writer) run() {
	defer close(w.stopped)
	batch := make([]*job, 0, maxBatch)
	var odd *job // a job to be run alone, met while a batch was filled
	for {
		first := odd
		odd = nil
		if first == nil {
			select {
			case first = <-w.queue:
			case <-w.stop:
				select {
				case first = <-w.queue:
				default:
					w.close()
					return
				}
			}
		}
		if first.alone != nil {
			w.runAlone(first)
			continue
		}

		batch = append(batch[:0], first)
		for len(batch) < maxBatch && odd == nil {
			select {
			case j := <-w.queue:
				if j.alone != nil {
					odd = j
				} else {
					batch = append(batch, j)
				}
				continue
			default:
			}
			break
		}
		w.wal.makeRoom(w)
		weight := 0
		for _, j := range batch {
			weight += j.weight
		}
		w.commit(batch)
		w.wal.wrote(weight)
		clear(batch)
	}
}

func (w *writer) close() {
	if w.db.hasFailed() {
		return
	}
	w.drop()
	_ = w.pool.Close()
}

// open gives the writer a connection, if it has none or lost it to a fault.
func (w *writer) open() error {
	if w.db.hasFailed() {
		return fault("open", ErrUnsynced)
	}
	if w.session != nil {
		return nil
	}
	s, err := openSession(context.Background(), w.pool, w.db.opts.Trace)
	if err != nil {
		w.note(err)
		return err
	}
	w.session = s
	return nil
}

func (w *writer) begin() error {
	if err := w.open(); err != nil {
		return err
	}
	err := w.session.exec("BEGIN IMMEDIATE")
	if err != nil {
		w.note(err)
		if !isLocked(err) {
			w.drop()
		}
	}
	return err
}

// rollback ends the transaction after err, and the connection too where it can't be trusted any more.
func (w *writer) rollback(err error) {
	if !isBroken(err) {
		end := w.session.exec("ROLLBACK")
		// A plain error says that SQLite has rolled back already, as it does when the disk is full.
		if code, _ := sqliteCode(end); end != nil && code != sqlite3.SQLITE_ERROR {
			w.drop()
		}
	}
	w.note(err)
}

// drop closes the connection, unless a sync has failed: the last one to go would copy the WAL, which says nothing any more.
func (w *writer) drop() {
	if w.session != nil && !w.db.hasFailed() {
		w.session.discard()
		w.session = nil
	}
}

func (w *writer) note(err error) {
	w.db.note(err)
	if isBroken(err) {
		w.drop()
	}
}

// call runs one job's function inside the open transaction.
func (w *writer) call(j *job) error {
	return w.session.call(func(q *queries.Queries) error { return j.fn(&Tx{q}) })
}

// runAlone answers a job that wants the connection to itself.
func (w *writer) runAlone(j *job) {
	if err := w.open(); err != nil {
		j.refuse(err)
		return
	}
	if !j.take() {
		return
	}
	err := w.session.call(func(*queries.Queries) error { return j.alone(w.session) })
	w.note(err)
	j.answer(err)
}

// commit runs the jobs in one transaction and answers them once it is durable.
func (w *writer) commit(jobs []*job) {
	if err := w.begin(); err != nil {
		for _, j := range jobs {
			j.refuse(err)
		}
		return
	}
	taken := jobs[:0]
	for _, j := range jobs {
		if j.take() {
			w.meter.Waits.AddTime(time.Since(j.at))
			taken = append(taken, j)
		}
	}
	switch len(taken) {
	case 0:
		w.rollback(nil)
		return
	case 1:
		w.finish(taken[0])
		return
	}

	results := make([]error, len(taken))
	for i, j := range taken {
		err := w.savepoint(j)
		if isFault(err) {
			// Whose fault it is, and what else SQLite has undone, can't be known from here.
			w.rollback(err)
			if isPanic(err) {
				j.answer(err)
				taken = append(taken[:i], taken[i+1:]...)
			}
			w.isolate(taken)
			return
		}
		results[i] = err
	}
	if err := w.makeDurable(batchOp, len(taken)); err != nil {
		w.rollback(err)
		for _, j := range taken {
			j.answer(fault("commit", err))
		}
		return
	}
	for i, j := range taken {
		j.answer(results[i])
		crashPoint(nil, batchOp, "answered")
	}
}

// makeDurable commits the writes that have run, n of them.
func (w *writer) makeDurable(op string, n int) error {
	crashPoint(w.session, op, "before commit")
	began := time.Now()
	err := w.session.exec("COMMIT")
	if err == nil {
		crashPoint(w.session, op, "committed")
		w.meter.committed(n, time.Since(began))
	}
	return err
}

// savepoint runs j so that its error undoes its own changes only. An error of the savepoint itself is a fault.
func (w *writer) savepoint(j *job) error {
	if j.single {
		crashPoint(w.session, j.op, "joined")
		return w.call(j)
	}
	if err := w.session.exec("SAVEPOINT one"); err != nil {
		return fault("savepoint", err)
	}
	crashPoint(w.session, j.op, "savepoint")
	err := w.call(j)
	if isFault(err) {
		return err
	}
	if err != nil {
		if err := w.session.exec("ROLLBACK TO one"); err != nil {
			return fault("rollback to savepoint", err)
		}
	}
	if err := w.session.exec("RELEASE one"); err != nil {
		return fault("release savepoint", err)
	}
	crashPoint(w.session, j.op, "released")
	return err
}

// isolate runs each job of a batch that met a fault in a transaction of its own, so that no neighbour suffers from the
// one that caused it. When the machine fails again and again, the rest is not kept waiting for it.
func (w *writer) isolate(jobs []*job) {
	var failures int
	for i, j := range jobs {
		err := w.begin()
		if err == nil {
			err = w.finish(j)
		} else {
			j.answer(fault("begin", err))
		}
		if !isBroken(err) && !isLocked(err) {
			continue
		}
		if failures++; failures == 3 {
			for _, rest := range jobs[i+1:] {
				rest.answer(fault("begin", err))
			}
			return
		}
	}
}

// finish runs a job as the only one of the transaction just begun, ends that and answers the job.
func (w *writer) finish(j *job) error {
	crashPoint(w.session, j.op, "begun")
	err := w.call(j)
	if err == nil {
		if err = w.makeDurable(j.op, 1); err != nil {
			err = fault("commit", err)
		}
	}
	if err != nil {
		w.rollback(err)
	}
	j.answer(err)
	crashPoint(nil, j.op, "answered")
	return err
}
