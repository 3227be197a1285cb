package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ oauth.BulkRevoker = (*DB)(nil)

// bulkLooks is how many grants one batch of a revocation of many looks at.
const bulkLooks = 2_000

// bulkWeight is how many pages the end of one grant changes, most of them of indexes.
const bulkWeight = 10

// newsWeight is how many pages change where its client is told of it, by webhook and by security event.
const newsWeight = 12

// MeasureChosen implements [oauth.BulkRevoker].
func (d *DB) MeasureChosen(ctx context.Context, ids []string, now time.Time) (oauth.GrantMeasure, error) {
	var m oauth.GrantMeasure
	err := d.snapshot(ctx, "measure grants", func(store *queries.Queries) error {
		keys, err := openKeys(ctx, store, ids, now)
		people := map[string]bool{}
		m = oauth.GrantMeasure{Grants: oauth.GrantCount{N: len(keys)}, ByID: map[string]int{}}
		for _, k := range keys {
			people[k.PersonID] = true
			m.ByID[k.ClientID]++
		}
		m.People, m.Clients = len(people), len(m.ByID)
		return err
	})
	return m, err
}

// openKeys gives those of the named grants that are open. A grant that is not there is none.
func openKeys(ctx context.Context, store *queries.Queries, ids []string, now time.Time) (keys []queries.GrantKey, err error) {
	for _, id := range ids {
		k, err := store.GrantKey(ctx, id)
		if _, err := orNotFound(&k, err); err == oauth.ErrNotFound {
			continue
		} else if err != nil {
			return nil, err
		}
		if keyState(&k).Standing(now) == oauth.GrantOpen {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// StartBulkRevocation implements [oauth.BulkRevoker].
func (d *DB) StartBulkRevocation(ctx context.Context, b *oauth.BulkRevocation, event audit.Event) error {
	choice, err := json.Marshal(b.BulkChoice)
	if err != nil {
		return err // unreachable: plain fields
	}
	return d.write(ctx, "start a revocation of many", func(tx *Tx) error {
		err := tx.InsertBulkRevocation(ctx, queries.InsertBulkRevocationParams{
			ID: b.ID, Query: string(choice), Actor: string(b.By.Actor), ActorID: b.By.ActorID, IP: b.By.IP, UserAgent: audit.Clean(b.By.UserAgent, 500),
			RequestID: b.By.RequestID, CreatedAt: micros(b.CreatedAt),
		})
		if err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// BulkRevocation implements [oauth.BulkRevoker].
func (d *DB) BulkRevocation(ctx context.Context, id string) (*oauth.BulkRevocation, error) {
	var b *oauth.BulkRevocation
	err := d.read(ctx, "read a revocation of many", func(q *queries.Queries) error {
		row, err := q.BulkRevocation(ctx, id)
		if err == nil {
			b, err = bulkRevocation(row)
		}
		return err
	})
	return orNotFound(b, err)
}

// FollowBulkRevocation implements [oauth.BulkRevoker]. The choice is read first, so that the write holds up others for no longer than
// its rows take; each row is checked again as it is ended.
func (d *DB) FollowBulkRevocation(ctx context.Context, now time.Time, batch int, event func(*oauth.BulkRevocation, int) audit.Event) (*oauth.BulkRevocation, error) {
	var (
		b    *oauth.BulkRevocation
		keys []queries.GrantKey
		next string // the position after these; "" at the end
		told int    // of whose end somebody is told
	)
	err := d.snapshot(ctx, "choose grants to revoke", func(q *queries.Queries) error {
		row, err := q.NextBulkRevocation(ctx)
		if err != nil {
			return err
		}
		if b, err = bulkRevocation(row); err != nil {
			return err
		}
		if keys, next, err = bulkPiece(ctx, q, b, now, batch); err != nil {
			return err
		}
		told, err = countTold(ctx, q, keys)
		return err
	})
	if b, err = orNotFound(b, err); errors.Is(err, oauth.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	err = d.writeMany(ctx, "revoke many", 1+bulkWeight*len(keys)+newsWeight*told, func(tx *Tx) error {
		var ended []queries.Grant
		at, covers := micros(now), micros(b.Query.CreatedBefore)
		for _, k := range keys {
			one, err := tx.RevokeGrantInBulk(ctx, queries.RevokeGrantInBulkParams{ID: k.ID, BulkID: &b.ID, At: &at, Covers: covers})
			if err != nil {
				return err
			}
			ended = append(ended, one...)
		}
		if err := tx.tellOfGrants(ctx, ended); err != nil {
			return err
		}
		var finished *time.Time
		position := next
		if next == "" {
			position, finished = b.Position, &now
		}
		n, err := tx.AdvanceBulkRevocation(ctx, queries.AdvanceBulkRevocationParams{
			ID: b.ID, Was: b.Position, Position: position, Revoked: int64(len(ended)), FinishedAt: microsOrNull(finished),
		})
		if err := oneRow(n, err, oauth.ErrConflict); err != nil || len(ended) == 0 {
			return err
		}
		return tx.audit(ctx, event(b, len(ended)))
	})
	if err != nil {
		return nil, err
	}
	return d.BulkRevocation(ctx, b.ID)
}

// countTold says of how many of the grants a client would be told that they have ended.
func countTold(ctx context.Context, store *queries.Queries, keys []queries.GrantKey) (told int, err error) {
	tells := map[string]bool{}
	for _, k := range keys {
		tell, known := tells[k.ClientID]
		if !known {
			_, err := store.TargetOfEnds(ctx, k.ClientID)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return 0, err
			}
			tell = err == nil
			tells[k.ClientID] = tell
		}
		if tell {
			told++
		}
	}
	return told, nil
}

// bulkPiece gives the next grants of a revocation of many, and where it goes on after them: "" at the end.
func bulkPiece(ctx context.Context, store *queries.Queries, b *oauth.BulkRevocation, now time.Time, batch int) ([]queries.GrantKey, string, error) {
	if len(b.IDs) > 0 {
		from, err := strconv.Atoi("0" + b.Position)
		if err != nil || from > len(b.IDs) {
			return nil, "", fmt.Errorf("revocation %s: position %q is none", b.ID, b.Position)
		}
		to := min(from+batch, len(b.IDs))
		keys, err := openKeys(ctx, store, b.IDs[from:to], now)
		if to == len(b.IDs) {
			return keys, "", err
		}
		return keys, strconv.Itoa(to), err
	}
	q := b.Query
	if b.Position != "" {
		if err := q.ReadCursor(b.Position); err != nil {
			return nil, "", fmt.Errorf("revocation %s: position %q: %w", b.ID, b.Position, err)
		}
	}
	piece, err := chooseGrants(ctx, store, &q, now, batch, bulkLooks)
	if err != nil {
		return nil, "", err
	}
	next := piece.page(&q).Next
	if next == nil {
		return piece.keys, "", nil
	}
	return piece.keys, next.Text(q.Order()), nil
}

// BulkRevokedByClient implements [oauth.BulkRevoker].
func (d *DB) BulkRevokedByClient(ctx context.Context, id string, limit int) ([]oauth.ClientTally, error) {
	var tallies []oauth.ClientTally
	err := d.read(ctx, "count what was revoked", func(q *queries.Queries) error {
		rows, err := q.CountBulkByClient(ctx, &id, int32(limit))
		tallies = make([]oauth.ClientTally, len(rows))
		for i, r := range rows {
			tallies[i] = oauth.ClientTally{ClientID: r.ClientID, N: int(r.Grants)}
		}
		return err
	})
	return tallies, err
}

func bulkRevocation(r queries.BulkRevocation) (*oauth.BulkRevocation, error) {
	b := &oauth.BulkRevocation{
		ID: r.ID, CreatedAt: instant(r.CreatedAt), Position: r.Position, Revoked: int(r.Revoked), FinishedAt: instantOrNil(r.FinishedAt),
		By: audit.Origin{Actor: audit.Actor(r.Actor), ActorID: r.ActorID, IP: r.IP, UserAgent: r.UserAgent, RequestID: r.RequestID},
	}
	if err := json.Unmarshal([]byte(r.Query), &b.BulkChoice); err != nil {
		return nil, fmt.Errorf("revocation %s: %w", r.ID, err)
	}
	return b, nil
}
