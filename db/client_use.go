package db

import (
	"context"
	"time"

	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ oauth.ClientUsage = (*DB)(nil)

// ClientUse implements [oauth.ClientUsage].
func (d *DB) ClientUse(ctx context.Context, id string, max int) (oauth.ClientUse, error) {
	var use oauth.ClientUse
	err := d.read(ctx, "read use of client", func(q *queries.Queries) error {
		grants, err := q.OpenGrantsOfClient(ctx, id, int32(max))
		if err != nil {
			return err
		}
		consents, err := q.ConsentsOfClient(ctx, id, int32(max))
		if err != nil {
			return err
		}
		day, err := q.LastDayOfClient(ctx, id)
		if day > 0 {
			last := time.Unix(day*86400, 0).UTC()
			use.LastUsed = &last
		}
		use.Grants, use.Consents = int(grants), int(consents)
		return err
	})
	return use, err
}
