package db

import (
	"context"
	"math"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ oauth.RefusalLog = (*DB)(nil)

// Refusals implements [oauth.RefusalLog].
func (d *DB) Refusals(ctx context.Context, f oauth.RefusalFilter) ([]oauth.Refusal, error) {
	if f.Before == 0 {
		f.Before = math.MaxInt64
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var refusals []oauth.Refusal
	err := d.read(ctx, "read refusals", func(q *queries.Queries) error {
		rows, err := refusalRows(ctx, q, f)
		refusals = make([]oauth.Refusal, len(rows))
		for i, r := range rows {
			refusals[i] = refusal(r)
		}
		return err
	})
	return refusals, err
}

// refusalRows takes the query whose index fits. What is chosen by request or grant is not asked for by client too.
func refusalRows(ctx context.Context, q *queries.Queries, f oauth.RefusalFilter) ([]queries.Refusal, error) {
	rule, code, lim := orNull(string(f.Rule)), orNull(string(f.Code)), int32(min(f.Limit, math.MaxInt32))
	switch {
	case f.RequestID != "":
		return q.RefusalsOfRequest(ctx, queries.RefusalsOfRequestParams{RequestID: f.RequestID, Before: f.Before, Lim: lim})
	case f.GrantID != "":
		return q.RefusalsOfGrant(ctx, queries.RefusalsOfGrantParams{GrantID: f.GrantID, Before: f.Before, Rule: rule, Code: code, Lim: lim})
	case f.ClientID != "":
		return q.RefusalsOfClient(ctx, queries.RefusalsOfClientParams{ClientID: f.ClientID, Before: f.Before, Rule: rule, Code: code, Lim: lim})
	case f.Rule != "":
		return q.RefusalsOfRule(ctx, queries.RefusalsOfRuleParams{Rule: string(f.Rule), Before: f.Before, Code: code, Lim: lim})
	case f.Code != "":
		return q.RefusalsOfCode(ctx, queries.RefusalsOfCodeParams{Code: string(f.Code), Before: f.Before, Lim: lim})
	}
	return q.Refusals(ctx, f.Before, lim)
}

// Refusal implements [oauth.RefusalLog].
func (d *DB) Refusal(ctx context.Context, id int64) (*oauth.Refusal, error) {
	var f oauth.Refusal
	err := d.read(ctx, "read refusal", func(q *queries.Queries) error {
		row, err := q.Refusal(ctx, id)
		f = refusal(row)
		return err
	})
	return orNotFound(&f, err)
}

func refusal(r queries.Refusal) oauth.Refusal {
	return oauth.Refusal{
		ID: r.ID, RequestID: r.RequestID, At: instant(r.At), Endpoint: r.Endpoint, Code: oauth.Code(r.Code), Rule: oauth.Rule(r.Rule), Detail: r.Detail,
		ClientID: r.ClientID, PersonID: r.PersonID, GrantID: r.GrantID, Generation: generation(r.Generation), OfGeneration: generation(r.OfGeneration),
		Found: r.Found, IP: r.IP, UserAgent: r.UserAgent,
	}
}

func generation(n *int64) *uint32 {
	if n == nil {
		return nil
	}
	g := uint32(*n)
	return &g
}

func generationOrNull(g *uint32) *int64 {
	if g == nil {
		return nil
	}
	n := int64(*g)
	return &n
}

// writeRefusals is part of [DB.WriteBehind].
func (d *DB) writeRefusals(ctx context.Context, b *oauth.Behind) error {
	for len(b.Refusals) > 0 {
		part := b.Refusals[:min(len(b.Refusals), behindBatch)]
		if err := d.write(ctx, "write refusals", func(tx *Tx) error { return tx.addRefusals(ctx, part) }); err != nil {
			return err
		}
		b.Refusals = b.Refusals[len(part):]
	}
	return nil
}

// addRefusals keeps the last of each grant and client, so that one that hammers does not push out the others.
func (tx *Tx) addRefusals(ctx context.Context, refusals []oauth.Refusal) error {
	grants, clients := map[string]bool{}, map[string]bool{}
	for _, f := range refusals {
		err := tx.InsertRefusal(ctx, queries.InsertRefusalParams{
			RequestID: audit.Clean(f.RequestID, 100), At: micros(f.At), Endpoint: f.Endpoint, Code: string(f.Code), Rule: string(f.Rule), Detail: audit.Clean(f.Detail, 1000),
			ClientID: f.ClientID, PersonID: f.PersonID, GrantID: f.GrantID, Generation: generationOrNull(f.Generation), OfGeneration: generationOrNull(f.OfGeneration),
			Found: audit.Clean(f.Found, 4000), IP: audit.Clean(f.IP, 64), UserAgent: audit.Clean(f.UserAgent, 400),
		})
		if err != nil {
			return err
		}
		clients[f.ClientID] = true
		if f.GrantID != "" {
			grants[f.GrantID] = true
		}
	}
	for id := range grants {
		if _, err := tx.TrimRefusalsOfGrant(ctx, id, oauth.RefusalsKeptOfGrant); err != nil {
			return err
		}
	}
	for id := range clients {
		if _, err := tx.TrimRefusalsOfClient(ctx, id, oauth.RefusalsKeptOfClient); err != nil {
			return err
		}
	}
	return nil
}

// sweepRefusals deletes what is too old, or too much in all. How much there is, is counted outside the write.
func (d *DB) sweepRefusals(ctx context.Context, now time.Time, batch int) (int, error) {
	before := micros(now.Add(-oauth.RefusalsKeptFor))
	err := d.read(ctx, "count refusals", func(q *queries.Queries) error {
		oldest, err := q.OldestRefusalKept(ctx, oauth.RefusalsKept-1)
		if len(oldest) > 0 {
			before = max(before, oldest[0])
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	var n int64
	err = d.write(ctx, "sweep refusals", func(tx *Tx) (err error) {
		n, err = tx.SweepRefusals(ctx, before, int32(batch))
		return err
	})
	return int(n), err
}
