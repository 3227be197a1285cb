package db

import (
	"context"
	"database/sql"
	"errors"

	"regrant/app/oauth"
	"regrant/db/queries"
)

// behindBatch is how many rows one transaction of [DB.WriteBehind] writes, so that no refresh waits long behind it.
const behindBatch = 500

// WriteBehind implements [oauth.Store]. It is the one method of several transactions: what one of them has written is taken
// out of b, so after an error b holds what is left to write. Grants that are gone are skipped.
func (d *DB) WriteBehind(ctx context.Context, b *oauth.Behind) error {
	if err := d.writeEvents(ctx, b); err != nil {
		return err
	}
	if err := inBatches(b.Days, func(part []oauth.GrantDay) error {
		return d.write(ctx, "write counters", func(tx *Tx) error { return tx.addDays(ctx, b.Days, part) })
	}); err != nil {
		return err
	}
	if err := d.writeStatistics(ctx, b); err != nil {
		return err
	}
	if err := inBatches(b.Replays, func(part [][16]byte) error {
		defer d.states.forget(part...) // of a caller too that remembers a rotation of before
		return d.write(ctx, "write replays", func(tx *Tx) error { return d.addReplays(ctx, tx, b.Replays, part) })
	}); err != nil {
		return err
	}
	if err := d.writeRefusals(ctx, b); err != nil {
		return err
	}
	for len(b.Moments) > 0 {
		part := b.Moments[:min(len(b.Moments), behindBatch)]
		if err := d.write(ctx, "write moments", func(tx *Tx) error { return tx.addMoments(ctx, part) }); err != nil {
			return err
		}
		b.Moments = b.Moments[len(part):]
	}
	return nil
}

func (d *DB) writeEvents(ctx context.Context, b *oauth.Behind) error {
	for len(b.Events) > 0 {
		part := b.Events[:min(len(b.Events), behindBatch)]
		if err := d.write(ctx, "write events", func(tx *Tx) error { return tx.auditAll(ctx, part) }); err != nil {
			return err
		}
		b.Events = b.Events[len(part):]
	}
	return nil
}

// inBatches hands out the keys of m in parts and deletes those that were written.
func inBatches[K comparable, V any](m map[K]V, write func([]K) error) error {
	return inBatchesOf(behindBatch, m, write)
}

func inBatchesOf[K comparable, V any](size int, m map[K]V, write func([]K) error) error {
	for len(m) > 0 {
		part := make([]K, 0, size)
		for k := range m {
			if part = append(part, k); len(part) == size {
				break
			}
		}
		if err := write(part); err != nil {
			return err
		}
		for _, k := range part {
			delete(m, k)
		}
	}
	return nil
}

func (tx *Tx) addDays(ctx context.Context, counts map[oauth.GrantDay]oauth.DayCount, days []oauth.GrantDay) error {
	for _, day := range days {
		c := counts[day]
		err := tx.AddGrantDay(ctx, queries.AddGrantDayParams{
			GrantID: day.GrantID, Day: day.Day, Rotations: c.Rotations, Replays: c.Replays, Refusals: c.Refusals,
		})
		if err != nil {
			return err
		}
		if c.Rotations == 0 {
			continue
		}
		if err := tx.RaiseUsedHour(ctx, day.GrantID); err != nil {
			return err
		}
	}
	return nil
}

// addReplays reads and writes inside one transaction, so that no rotation comes between.
func (d *DB) addReplays(ctx context.Context, tx *Tx, replays map[[16]byte][]oauth.RingEntry, tokens [][16]byte) error {
	d.states.forget(tokens...)
	for _, id := range tokens {
		stored, err := tx.Ring(ctx, id[:])
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		ring := oauth.Ring(stored)
		for _, e := range replays[id] {
			ring = ring.Append(e)
		}
		if err := tx.PutRing(ctx, ring, id[:]); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) addMoments(ctx context.Context, moments []oauth.Moment) error {
	grew := map[string]bool{}
	for _, m := range moments {
		n, err := tx.InsertMoment(ctx, queries.InsertMomentParams{
			GrantID: m.GrantID, At: micros(m.At), Kind: string(m.Kind), Generation: int64(m.Generation), IP: m.IP,
			UserAgent: m.UserAgent, Detail: m.Detail, RequestID: m.RequestID,
		})
		if err != nil {
			return err
		}
		if n > 0 {
			grew[m.GrantID] = true
		}
	}
	for id := range grew {
		if _, err := tx.TrimMoments(ctx, id, oauth.MomentsKept); err != nil {
			return err
		}
	}
	return nil
}

// Moments returns up to limit moments of a grant, the newest first.
func (d *DB) Moments(ctx context.Context, grantID string, limit int) ([]oauth.Moment, error) {
	var moments []oauth.Moment
	err := d.read(ctx, "read moments", func(q *queries.Queries) error {
		rows, err := q.Moments(ctx, grantID, int32(limit))
		moments = make([]oauth.Moment, len(rows))
		for i, m := range rows {
			moments[i] = oauth.Moment{
				GrantID: m.GrantID, At: instant(m.At), Kind: oauth.MomentKind(m.Kind), Generation: uint32(m.Generation), IP: m.IP,
				UserAgent: m.UserAgent, Detail: m.Detail, RequestID: m.RequestID,
			}
		}
		return err
	})
	return moments, err
}
