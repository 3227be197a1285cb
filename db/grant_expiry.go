package db

import (
	"context"
	"sync"
	"time"

	"regrant/db/queries"
)

// expiryPage is how many grants one read of the walk looks at, and expiryPages how many such reads one step makes at most.
const (
	expiryPage  = 500
	expiryPages = 100
)

// expiry is how far the walk over the grants that time may have ended has come. It is memory only: a restart walks again.
type expiry struct {
	mu      sync.Mutex
	client  int   // the place in the list of clients
	used    int64 // used_hour and id of the last grant of it that was looked at
	id      string
	ends    int64 // ends_at and id of the last grant that was looked at for its absolute lifetime
	endsID  string
	resting time.Time // until then there is nothing new to find by idle lifetimes
}

// expireGrants writes state 'expired' into up to batch open grants whose idle or absolute lifetime is over at now, and says how
// many. It is for lists only; whether a grant is alive is read from its deadlines. It reads first and writes what it found, so
// that the walk holds up no other write.
func (d *DB) expireGrants(ctx context.Context, now time.Time, batch int) (int, error) {
	e := &d.expiry
	e.mu.Lock()
	defer e.mu.Unlock()
	n, err := d.expireByEnd(ctx, e, now, batch)
	if err != nil || n > 0 {
		return n, err
	}
	return d.expireByRest(ctx, e, now, batch)
}

// expireByEnd walks along the ends of absolute lifetimes. Behind the walk no grant can become one that ended: an end is only ever
// set in the future.
func (d *DB) expireByEnd(ctx context.Context, e *expiry, now time.Time, batch int) (int, error) {
	for range expiryPages {
		var rows []queries.EndedCandidatesRow
		err := d.read(ctx, "find grants that ended", func(q *queries.Queries) (err error) {
			rows, err = q.EndedCandidates(ctx, queries.EndedCandidatesParams{Now: micros(now), EndsAt: e.ends, ID: e.endsID, Lim: int32(min(expiryPage, batch))})
			return err
		})
		if err != nil || len(rows) == 0 {
			return 0, err
		}
		var ids []string
		for _, r := range rows {
			if r.State == "open" {
				ids = append(ids, r.ID)
			}
		}
		n, err := d.expire(ctx, ids, now)
		if err != nil {
			return 0, err
		}
		last := rows[len(rows)-1]
		if e.ends, e.endsID = last.EndsAt, last.ID; n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// expireByRest walks, client by client, along the grants that have rested longest. One that rests long enough by the policy of
// now may still have a longer deadline from before, so the walk goes on past it; one round rests until the next hour.
func (d *DB) expireByRest(ctx context.Context, e *expiry, now time.Time, batch int) (int, error) {
	if now.Before(e.resting) {
		return 0, nil
	}
	var clients []queries.IdleLifetimesRow
	err := d.read(ctx, "read idle lifetimes", func(q *queries.Queries) (err error) {
		clients, err = q.IdleLifetimes(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	for range expiryPages {
		if e.client >= len(clients) {
			e.client, e.used, e.id, e.resting = 0, 0, "", now.Add(expiryRest)
			return 0, nil
		}
		c := clients[e.client]
		rested := now.Add(-time.Duration(c.IdleLifetime) * time.Microsecond)
		var rows []queries.IdleCandidatesRow
		err := d.read(ctx, "find grants that rest", func(q *queries.Queries) (err error) {
			rows, err = q.IdleCandidates(ctx, queries.IdleCandidatesParams{
				ClientID: c.ID, Until: hourOf(micros(rested)), UsedHour: e.used, ID: e.id, Lim: int32(min(expiryPage, batch)),
			})
			return err
		})
		if err != nil {
			return 0, err
		}
		if len(rows) == 0 {
			e.client, e.used, e.id = e.client+1, 0, ""
			continue
		}
		var ids []string
		for _, r := range rows {
			if r.IdleDeadline != nil && *r.IdleDeadline <= micros(now) {
				ids = append(ids, r.ID)
			}
		}
		n, err := d.expire(ctx, ids, now)
		if err != nil {
			return 0, err
		}
		last := rows[len(rows)-1]
		if e.used, e.id = last.UsedHour, last.ID; n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// expiryRest is how long a whole round over all clients rests.
const expiryRest = 5 * time.Minute

func (d *DB) expire(ctx context.Context, ids []string, now time.Time) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var expired int64
	err := d.write(ctx, "expire grants", func(tx *Tx) error {
		expired = 0
		for _, id := range ids {
			n, err := tx.ExpireGrant(ctx, id, micros(now))
			if err != nil {
				return err
			}
			expired += n
		}
		return nil
	})
	return int(expired), err
}
