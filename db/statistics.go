package db

import (
	"context"
	"errors"
	"time"

	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ oauth.PolicyEvidence = (*DB)(nil)

// ServerHours implements [oauth.Statistics].
func (d *DB) ServerHours(ctx context.Context, since oauth.Hour) ([]oauth.HourCount, error) {
	var hours []oauth.HourCount
	err := d.read(ctx, "read hours", func(q *queries.Queries) error {
		rows, err := q.HoursSince(ctx, int64(since))
		hours = make([]oauth.HourCount, len(rows))
		for i, r := range rows {
			hours[i] = oauth.HourCount{Hour: oauth.Hour(r.Hour), Count: oauth.Count{
				Rotations: r.Rotations, Replays: r.Replays, Refusals: r.Refusals, Reuses: r.Reuses,
			}}
		}
		return err
	})
	return hours, err
}

// ClientDays implements [oauth.Statistics].
func (d *DB) ClientDays(ctx context.Context, clientID string, since oauth.Day) ([]oauth.ClientDayCount, error) {
	var days []oauth.ClientDayCount
	err := d.read(ctx, "read days of a client", func(q *queries.Queries) error {
		rows, err := q.ClientDaysSince(ctx, clientID, int64(since))
		days = make([]oauth.ClientDayCount, len(rows))
		for i, r := range rows {
			days[i] = oauth.ClientDayCount{Day: oauth.Day(r.Day), Count: oauth.Count{
				Rotations: r.Rotations, Replays: r.Replays, Refusals: r.Refusals, Reuses: r.Reuses,
			}}
		}
		return err
	})
	return days, err
}

// ClientHistograms implements [oauth.Statistics]. Kinds and buckets of a newer version are left out.
func (d *DB) ClientHistograms(ctx context.Context, clientID string, since oauth.Day) (oauth.Histograms, error) {
	var all oauth.Histograms
	err := d.read(ctx, "read histograms", func(q *queries.Queries) error {
		rows, err := q.ClientHistogramsSince(ctx, clientID, int64(since))
		all = oauth.Histograms{}
		for _, r := range rows {
			if h := all.Of(oauth.HistogramKind(r.Kind)); h != nil && r.Bucket >= 0 && r.Bucket < int64(len(h)) {
				h[r.Bucket] += r.Count
			}
		}
		return err
	})
	return all, err
}

// Figures implements [oauth.Statistics].
func (d *DB) Figures(ctx context.Context, limit int) (oauth.Figures, error) {
	var f oauth.Figures
	err := d.read(ctx, "count", func(q *queries.Queries) error {
		for _, figure := range []struct {
			into  *int
			count func() (int64, error)
		}{
			{&f.Grants, func() (int64, error) { return q.CountOpenGrants(ctx, int32(limit)) }},
			{&f.People, func() (int64, error) { return q.CountPeople(ctx, int32(limit)) }},
			{&f.Clients, func() (int64, error) { return q.CountClients(ctx) }},
			{&f.Admins, func() (int64, error) { return q.CountAdmins(ctx) }},
		} {
			n, err := figure.count()
			if err != nil {
				return err
			}
			*figure.into = int(n)
		}
		return nil
	})
	return f, err
}

// Alive gives how many grants and browser sessions are neither over nor ended, each counted no further than limit.
func (d *DB) Alive(ctx context.Context, now time.Time, limit int) (grants, sessions int64, err error) {
	err = d.read(ctx, "count", func(q *queries.Queries) error {
		var errGrants, errSessions error
		grants, errGrants = q.CountOpenGrants(ctx, int32(limit))
		sessions, errSessions = q.CountSessions(ctx, micros(now), int32(limit))
		return errors.Join(errGrants, errSessions)
	})
	return grants, sessions, err
}

// GrantsOlderThan implements [oauth.PolicyEvidence].
func (d *DB) GrantsOlderThan(ctx context.Context, clientID string, before time.Time, limit int) (int, error) {
	var n int64
	err := d.read(ctx, "count grants", func(q *queries.Queries) (err error) {
		n, err = q.CountOpenGrantsBefore(ctx, queries.CountOpenGrantsBeforeParams{ClientID: clientID, Before: micros(before), Lim: int32(limit)})
		return err
	})
	return int(n), err
}

// OpenBulkRevocations implements [oauth.Statistics].
func (d *DB) OpenBulkRevocations(ctx context.Context, limit int) ([]oauth.OpenBulkRevocation, error) {
	var open []oauth.OpenBulkRevocation
	err := d.read(ctx, "read revocations of many", func(q *queries.Queries) error {
		rows, err := q.OpenBulkRevocations(ctx, int32(limit))
		open = make([]oauth.OpenBulkRevocation, len(rows))
		for i, r := range rows {
			open[i] = oauth.OpenBulkRevocation{ID: r.ID, Revoked: r.Revoked, StartedAt: instant(r.CreatedAt)}
		}
		return err
	})
	return open, err
}

// clientBatch is how many clients one transaction counts: each can have as many rows as its histograms have buckets.
const clientBatch = 20

// writeStatistics is a part of [DB.WriteBehind].
func (d *DB) writeStatistics(ctx context.Context, b *oauth.Behind) error {
	if err := inBatches(b.Hours, func(part []oauth.Hour) error {
		return d.write(ctx, "write hours", func(tx *Tx) error { return tx.addHours(ctx, b.Hours, part) })
	}); err != nil {
		return err
	}
	return inBatchesOf(clientBatch, b.Clients, func(part []oauth.ClientDay) error {
		return d.write(ctx, "write counters of clients", func(tx *Tx) error { return tx.addClients(ctx, b.Clients, part) })
	})
}

func (tx *Tx) addHours(ctx context.Context, counts map[oauth.Hour]oauth.Count, hours []oauth.Hour) error {
	for _, hour := range hours {
		c := counts[hour]
		if err := tx.AddHour(ctx, queries.AddHourParams{
			Hour: int64(hour), Rotations: c.Rotations, Replays: c.Replays, Refusals: c.Refusals, Reuses: c.Reuses,
		}); err != nil {
			return err
		}
	}
	return nil
}

// addClients writes the counters of clients, and of their histograms what is not zero.
func (tx *Tx) addClients(ctx context.Context, counts map[oauth.ClientDay]*oauth.ClientCount, days []oauth.ClientDay) error {
	for _, day := range days {
		c := counts[day]
		if err := tx.AddClientDay(ctx, queries.AddClientDayParams{
			ClientID: day.ClientID, Day: int64(day.Day), Rotations: c.Rotations, Replays: c.Replays, Refusals: c.Refusals, Reuses: c.Reuses,
		}); err != nil {
			return err
		}
		for _, kind := range []oauth.HistogramKind{oauth.HistogramIdle, oauth.HistogramReplay} {
			for bucket, count := range c.Of(kind) {
				if count == 0 {
					continue
				}
				if err := tx.AddClientHistogram(ctx, queries.AddClientHistogramParams{
					ClientID: day.ClientID, Day: int64(day.Day), Kind: string(kind), Bucket: int64(bucket), Count: count,
				}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
