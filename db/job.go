package db

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"regrant/db/queries"
)

// Tx is what a function given to write works with. It is valid until that function returns.
type Tx struct{ *queries.Queries }

// write runs fn in a transaction and returns nil only after its commit is on the disk. op names the attempt in errors.
//
// If fn returns an error, nothing of it is kept: a fault comes back as ErrFault, any other error as it is. A caller
// whose ctx ends, or who has waited Options.QueueWait, before fn has begun gets a fault, and fn never runs. Once begun,
// fn runs to its end and write waits for the outcome, for the caller must not be told less than is true.
//
// fn shares its transaction with others (doc.go), so it must be safe to run again from the start after a rollback: it
// sets the variables it hands out rather than adding to them. It must not call write or read.
func (d *DB) write(ctx context.Context, op string, fn func(*Tx) error) error {
	return d.writeMany(ctx, op, 1, fn)
}

// writeMany is write for what changes about as many pages as that many plain writes, so that checkpoints keep up with it.
func (d *DB) writeMany(ctx context.Context, op string, weight int, fn func(*Tx) error) error {
	err := d.writeJob(ctx, &job{op: op, ctx: ctx, fn: fn, weight: weight})
	d.writes.Add(1) // after a fault, too: nobody knows what it left
	return err
}

// writeToken is write for one statement that changes a refresh token and nothing else. SQLite undoes a statement that fails by
// itself, so it needs no savepoint; and what is kept in memory of other rows stays true.
func (d *DB) writeToken(ctx context.Context, op string, statement func(*Tx) error) error {
	return d.writeJob(ctx, &job{op: op, ctx: ctx, fn: statement, weight: 1, single: true})
}

func (d *DB) writeJob(ctx context.Context, j *job) error {
	j.at, j.done = time.Now(), make(chan error, 1)
	err := d.enqueue(ctx, j)
	switch {
	case err == nil:
		d.failing.Store(false)
	case !isFault(err) || ctx.Err() != nil:
	case errors.Is(err, ErrBusy):
		d.meter.busy.Add(1)
	default:
		d.meter.faults.Add(1)
		d.failing.Store(true)
	}
	return err
}

// alone runs fn on the writer's connection outside of any transaction, for what SQLite does not allow inside one.
func (d *DB) alone(ctx context.Context, op string, fn func(*session) error) error {
	return d.enqueue(ctx, &job{op: op, ctx: ctx, alone: fn, done: make(chan error, 1)})
}

func (d *DB) enqueue(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return fault(j.op, err)
	}
	switch {
	case d.hasFailed():
		return fault(j.op, ErrUnsynced)
	case d.damaged.Load():
		return fault(j.op, ErrCorrupt)
	}
	select {
	case <-d.writer.stop:
		return fault(j.op, ErrClosed)
	case d.writer.queue <- j:
	default:
		return fault(j.op, ErrBusy)
	}

	crashPoint(nil, j.op, "queued")
	wait := time.NewTimer(d.opts.QueueWait)
	defer wait.Stop()
	var why error
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		why = ctx.Err()
	case <-wait.C:
		why = ErrBusy
	case <-d.writer.stopped:
		why = ErrClosed
	}
	if j.state.CompareAndSwap(waiting, abandoned) {
		return fault(j.op, why)
	}
	return <-j.done
}

type job struct {
	op     string
	ctx    context.Context
	fn     func(*Tx) error
	weight int
	single bool      // fn is one statement
	at     time.Time // of the call
	alone  func(*session) error
	state  atomic.Int32
	done   chan error // holds one, so that the writer never waits for a caller
}

const (
	waiting int32 = iota
	begun
	abandoned
)

// take claims the job for the writer. False: its caller has gone, or is about to, and it must not run.
func (j *job) take() bool {
	if err := j.ctx.Err(); err != nil {
		if j.state.CompareAndSwap(waiting, begun) {
			j.done <- fault(j.op, err)
		}
		return false
	}
	return j.state.CompareAndSwap(waiting, begun)
}

// answer ends a job that was taken.
func (j *job) answer(err error) {
	if isFault(err) {
		err = fault(j.op, err)
	}
	j.done <- err
}

// refuse ends a job that may not have been taken yet.
func (j *job) refuse(err error) {
	if j.state.CompareAndSwap(waiting, begun) {
		j.answer(err)
	}
}
