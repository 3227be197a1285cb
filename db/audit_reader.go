package db

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"sort"
	"time"

	"regrant/app/audit"
	"regrant/db/queries"
)

var _ audit.Reader = (*DB)(nil)

const (
	// auditBudget is how many events one call looks at.
	auditBudget = 20_000
	auditBatch  = 500
	// auditDisorder is how far the times of the log may be out of order: it is in the order of writing, and the clock may have
	// been set back.
	auditDisorder = 24 * time.Hour
)

// ReadAudit implements [audit.Reader]. It walks along one index for the whole question, or along several at once (the kinds that
// are asked for; who is concerned and who acted), and picks out of that what else is asked.
func (d *DB) ReadAudit(ctx context.Context, q audit.Query, limit int) (audit.Page, error) {
	from, before, err := d.auditWindow(ctx, q)
	if err != nil {
		return audit.Page{}, err
	}
	walks := auditWalks(q, from, before, min(limit+1, auditBatch))
	var page audit.Page
	var last int64
	for seen := 0; seen < auditBudget; seen++ {
		e, err := d.nextEvent(ctx, walks)
		if e == nil || err != nil {
			return page, err
		}
		if !q.Matches(*e) {
			last = e.Seq
			continue
		}
		if len(page.Events) == limit {
			page.Next = last
			return page, nil
		}
		page.Events, last = append(page.Events, *e), e.Seq
	}
	page.Next, page.Short = last, true
	return page, nil
}

// auditWalk is a way along one index, from the newest event back.
type auditWalk struct {
	fetch  func(q *queries.Queries, ctx context.Context, from, before int64, limit int32) ([]queries.AuditEvent, error)
	from   int64
	before int64 // what is read next is older than this
	batch  int
	ahead  []audit.Event
	done   bool
}

// auditWalks chooses the indexes that answer q with the least to read in vain.
func auditWalks(q audit.Query, from, before int64, batch int) []*auditWalk {
	var walks []*auditWalk
	add := func(fetch func(*queries.Queries, context.Context, int64, int64, int32) ([]queries.AuditEvent, error)) {
		walks = append(walks, &auditWalk{fetch: fetch, from: from, before: before, batch: batch})
	}
	ofPerson := func(id string) {
		add(func(c *queries.Queries, ctx context.Context, from, before int64, limit int32) ([]queries.AuditEvent, error) {
			return c.AuditEventsOfPerson(ctx, queries.AuditEventsOfPersonParams{PersonID: id, FromSeq: from, BeforeSeq: before, Lim: limit})
		})
	}
	byActor := func(id string) {
		add(func(c *queries.Queries, ctx context.Context, from, before int64, limit int32) ([]queries.AuditEvent, error) {
			return c.AuditEventsOfActor(ctx, queries.AuditEventsOfActorParams{ActorID: id, FromSeq: from, BeforeSeq: before, Lim: limit})
		})
	}
	switch {
	case q.GrantID != "":
		add(func(c *queries.Queries, ctx context.Context, from, before int64, limit int32) ([]queries.AuditEvent, error) {
			return c.AuditEventsOfGrant(ctx, queries.AuditEventsOfGrantParams{GrantID: q.GrantID, FromSeq: from, BeforeSeq: before, Lim: limit})
		})
	case q.ConcernedID != "":
		ofPerson(q.ConcernedID)
	case q.PersonID != "":
		ofPerson(q.PersonID)
		byActor(q.PersonID)
	case q.ActorID != "":
		byActor(q.ActorID)
	case q.ClientID != "":
		add(func(c *queries.Queries, ctx context.Context, from, before int64, limit int32) ([]queries.AuditEvent, error) {
			return c.AuditEventsOfClient(ctx, queries.AuditEventsOfClientParams{ClientID: q.ClientID, FromSeq: from, BeforeSeq: before, Lim: limit})
		})
	case len(q.Kinds) > 0:
		for _, kind := range q.Kinds {
			add(func(c *queries.Queries, ctx context.Context, from, before int64, limit int32) ([]queries.AuditEvent, error) {
				return c.AuditEventsOfKind(ctx, queries.AuditEventsOfKindParams{Kind: string(kind), FromSeq: from, BeforeSeq: before, Lim: limit})
			})
		}
	default:
		add(func(c *queries.Queries, ctx context.Context, from, before int64, limit int32) ([]queries.AuditEvent, error) {
			return c.AuditEvents(ctx, queries.AuditEventsParams{FromSeq: from, BeforeSeq: before, Lim: limit})
		})
	}
	return walks
}

// nextEvent takes the newest event that any of the walks has next, once; nil at the end of all.
func (d *DB) nextEvent(ctx context.Context, walks []*auditWalk) (*audit.Event, error) {
	var newest *audit.Event
	for _, w := range walks {
		if err := d.fill(ctx, w); err != nil {
			return nil, err
		}
		if len(w.ahead) > 0 && (newest == nil || w.ahead[0].Seq > newest.Seq) {
			newest = &w.ahead[0]
		}
	}
	if newest == nil {
		return nil, nil
	}
	for _, w := range walks {
		if len(w.ahead) > 0 && w.ahead[0].Seq == newest.Seq {
			w.ahead = w.ahead[1:]
		}
	}
	return newest, nil
}

// fill reads on when nothing is left of what was read.
func (d *DB) fill(ctx context.Context, w *auditWalk) error {
	if len(w.ahead) > 0 || w.done {
		return nil
	}
	return d.read(ctx, "read the audit log", func(q *queries.Queries) error {
		rows, err := w.fetch(q, ctx, w.from, w.before, int32(w.batch))
		if err != nil {
			return err
		}
		w.ahead, w.done = auditEvents(rows), len(rows) < w.batch
		if len(rows) > 0 {
			w.before, w.batch = rows[len(rows)-1].Seq, min(2*w.batch, auditBatch)
		}
		return nil
	})
}

// auditWindow turns times into positions, so that a period long ago costs no walk through all that came after it.
func (d *DB) auditWindow(ctx context.Context, q audit.Query) (from, before int64, err error) {
	before = math.MaxInt64
	if q.Before > 0 {
		before = q.Before
	}
	if q.From.IsZero() && q.To.IsZero() {
		return 0, before, nil
	}
	err = d.snapshot(ctx, "read the audit log", func(c *queries.Queries) error {
		chain, err := c.AuditChain(ctx)
		if err != nil {
			return err
		}
		// The position of the first event that is not before t, as if they were in the order of their times.
		position := func(t time.Time) int64 {
			first := chain.AnchorSeq + 1
			return first + int64(sort.Search(int(chain.HeadSeq-chain.AnchorSeq), func(i int) bool {
				e, readErr := c.AuditEvent(ctx, first+int64(i))
				if readErr != nil && !errors.Is(readErr, sql.ErrNoRows) { // somebody took it out of the log: CheckAudit will say so
					err = readErr
				}
				return readErr != nil || e.At >= micros(t)
			}))
		}
		if !q.From.IsZero() {
			from = position(q.From.Add(-auditDisorder))
		}
		if !q.To.IsZero() {
			before = min(before, position(q.To.Add(auditDisorder)))
		}
		return err
	})
	return from, before, err
}

// AuditEvent implements [audit.Reader].
func (d *DB) AuditEvent(ctx context.Context, seq int64) (audit.Event, error) {
	var event audit.Event
	err := d.read(ctx, "read an audit event", func(q *queries.Queries) error {
		row, err := q.AuditEvent(ctx, seq)
		if err == nil {
			event = auditEvents([]queries.AuditEvent{row})[0]
		}
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return event, audit.ErrNotFound
	}
	return event, err
}
