package db

import (
	"context"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ oauth.TimelineStore = (*DB)(nil)

// DaysOfGrant implements [oauth.TimelineStore].
func (d *DB) DaysOfGrant(ctx context.Context, grantID string) ([]oauth.DayOfGrant, error) {
	var days []oauth.DayOfGrant
	err := d.read(ctx, "read counters", func(q *queries.Queries) error {
		rows, err := q.DaysOfGrant(ctx, grantID)
		days = make([]oauth.DayOfGrant, len(rows))
		for i, r := range rows {
			days[i] = oauth.DayOfGrant{Day: r.Day, DayCount: oauth.DayCount{Rotations: r.Rotations, Replays: r.Replays, Refusals: r.Refusals}}
		}
		return err
	})
	return days, err
}

// EventsOfGrant implements [oauth.TimelineStore].
func (d *DB) EventsOfGrant(ctx context.Context, grantID string, limit int) ([]audit.Event, error) {
	return d.Events(ctx, EventFilter{GrantID: grantID}, limit)
}
