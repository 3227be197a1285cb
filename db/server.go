package db

import (
	"context"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// Clock implements [oauth.Store].
func (d *DB) Clock(ctx context.Context) (oauth.ClockState, uint8, error) {
	var state oauth.ClockState
	var epoch uint8
	err := d.read(ctx, "read clock", func(q *queries.Queries) error {
		row, err := serverRow(ctx, q)
		if err != nil {
			return err
		}
		epoch, state.Service = uint8(row.Epoch), oauth.ServiceTime(row.ServiceTime)
		if row.ClockMark != 0 {
			state.Mark = instant(row.ClockMark)
		}
		return nil
	})
	return state, epoch, err
}

// serverRow gives the one row of the server. It is made with the table, so its absence says nothing but damage.
func serverRow(ctx context.Context, q *queries.Queries) (queries.Server, error) {
	row, err := q.Server(ctx)
	if err != nil {
		return row, fault("read the row of the server", err)
	}
	return row, nil
}

// SaveClock implements [oauth.Store]. Neither service time nor mark goes back, in whatever order two saves arrive.
func (d *DB) SaveClock(ctx context.Context, s oauth.ClockState) error {
	return d.write(ctx, "save clock", func(tx *Tx) error {
		return tx.SaveClock(ctx, int64(s.Service), clockMark(s.Mark))
	})
}

// ResetClockMark implements [oauth.Store]. The zero time is no mark.
func (d *DB) ResetClockMark(ctx context.Context, mark time.Time, event audit.Event) error {
	return d.write(ctx, "reset clock mark", func(tx *Tx) error {
		if err := tx.ResetClockMark(ctx, clockMark(mark)); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

func clockMark(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

// Audit implements [oauth.Store]. All events are recorded or none.
func (d *DB) Audit(ctx context.Context, events ...audit.Event) error {
	return d.write(ctx, "record events", func(tx *Tx) error { return tx.auditAll(ctx, events) })
}
