package db

import (
	"context"
	"math"
	"slices"
	"time"

	"regrant/app/oauth"
	"regrant/db/queries"
)

// walkChunk is how many rows a walk reads at most at a time. It begins with what the page asks for and doubles, so that a page
// of few is not paid for like one of many.
const walkChunk = 500

// grantWalk goes along one index from a place onwards.
type grantWalk struct {
	read func(ctx context.Context, q *queries.Queries, key int64, id string, lim int32) ([]queries.GrantKey, error)

	rows  []queries.GrantKey // read and not taken yet
	chunk int32              // how many are read next; 0: as many as the page asks for
	key   int64              // the last that was read
	id    string
	done  bool
}

// grantWalks are several walks in one order, merged.
type grantWalks struct {
	q          *queries.Queries
	by         oauth.GrantSort
	descending bool
	below      int64 // used_hour at which walks upwards end
	first      int32 // how many a walk reads first
	walks      []*grantWalk
	seen       map[string]bool // nil where no grant can be on two walks
	broad      bool
}

// keyOf is what the order goes by, before the id.
func (w *grantWalks) keyOf(r *queries.GrantKey) int64 {
	switch w.by {
	case oauth.GrantsByUsed:
		return r.UsedHour
	case oauth.GrantsByBulk:
		return 0
	}
	return r.CreatedAt
}

// before says whether a comes before b.
func (w *grantWalks) before(a, b *queries.GrantKey) bool {
	ka, kb := w.keyOf(a), w.keyOf(b)
	if w.descending {
		return ka > kb || ka == kb && a.ID > b.ID
	}
	return ka < kb || ka == kb && a.ID < b.ID
}

// next gives the next grant of all walks, nil at the end.
func (w *grantWalks) next(ctx context.Context) (*queries.GrantKey, error) {
	for {
		var best *grantWalk
		for _, walk := range w.walks {
			if err := w.fill(ctx, walk); err != nil {
				return nil, err
			}
			if len(walk.rows) > 0 && (best == nil || w.before(&walk.rows[0], &best.rows[0])) {
				best = walk
			}
		}
		if best == nil {
			return nil, nil
		}
		row := &best.rows[0]
		best.rows = best.rows[1:]
		if w.seen == nil {
			return row, nil
		}
		if !w.seen[row.ID] {
			w.seen[row.ID] = true
			return row, nil
		}
	}
}

func (w *grantWalks) fill(ctx context.Context, walk *grantWalk) error {
	if len(walk.rows) > 0 || walk.done {
		return nil
	}
	if walk.chunk == 0 {
		walk.chunk = w.first
	}
	rows, err := walk.read(ctx, w.q, walk.key, walk.id, walk.chunk)
	if err != nil {
		return err
	}
	if walk.rows = rows; len(rows) < int(walk.chunk) {
		walk.done = true
	}
	walk.chunk = min(2*walk.chunk, walkChunk)
	if w.by == oauth.GrantsByUsed && !w.descending {
		if i := slices.IndexFunc(rows, func(r queries.GrantKey) bool { return r.UsedHour >= w.below }); i >= 0 {
			walk.rows, walk.done = rows[:i], true
		}
	}
	if n := len(rows); n > 0 {
		walk.key, walk.id = w.keyOf(&rows[n-1]), rows[n-1].ID
	}
	return nil
}

// startOf is the place before the first grant that a query can choose.
func startOf(q *oauth.GrantQuery, by oauth.GrantSort, descending bool) (int64, string) {
	switch {
	case !q.After.IsZero():
		return q.After.Key, q.After.ID
	case by == oauth.GrantsByBulk && descending:
		return 0, "~" // after every id
	case !descending:
		return -1, ""
	case by == oauth.GrantsByCreated && !q.CreatedBefore.IsZero():
		return micros(q.CreatedBefore) + 1, ""
	case by == oauth.GrantsByUsed:
		return usedBelow(q), ""
	}
	return math.MaxInt64, ""
}

// usedBelow is the first hour of the last use that a query leaves out.
func usedBelow(q *oauth.GrantQuery) int64 {
	if q.UsedBefore.IsZero() {
		return math.MaxInt64
	}
	return hourOf(micros(q.UsedBefore.Add(time.Hour - time.Microsecond)))
}

func walkState(state oauth.GrantStanding, by oauth.GrantSort, descending bool) *grantWalk {
	s := string(state)
	return &grantWalk{read: func(ctx context.Context, q *queries.Queries, key int64, id string, lim int32) ([]queries.GrantKey, error) {
		switch {
		case by == oauth.GrantsByUsed && descending:
			return q.LastUsedByState(ctx, queries.LastUsedByStateParams{State: s, Key: key, ID: id, Lim: lim})
		case by == oauth.GrantsByUsed:
			return q.LongUnusedByState(ctx, queries.LongUnusedByStateParams{State: s, Key: key, ID: id, Lim: lim})
		case descending:
			return q.NewestByState(ctx, queries.NewestByStateParams{State: s, Key: key, ID: id, Lim: lim})
		}
		return q.OldestByState(ctx, queries.OldestByStateParams{State: s, Key: key, ID: id, Lim: lim})
	}}
}

func walkClient(clientID string, state oauth.GrantStanding, by oauth.GrantSort, descending bool) *grantWalk {
	s := string(state)
	return &grantWalk{read: func(ctx context.Context, q *queries.Queries, key int64, id string, lim int32) ([]queries.GrantKey, error) {
		switch {
		case by == oauth.GrantsByUsed && descending:
			return q.LastUsedByClientState(ctx, queries.LastUsedByClientStateParams{ClientID: clientID, State: s, Key: key, ID: id, Lim: lim})
		case by == oauth.GrantsByUsed:
			return q.LongUnusedByClientState(ctx, queries.LongUnusedByClientStateParams{ClientID: clientID, State: s, Key: key, ID: id, Lim: lim})
		case descending:
			return q.NewestByClientState(ctx, queries.NewestByClientStateParams{ClientID: clientID, State: s, Key: key, ID: id, Lim: lim})
		}
		return q.OldestByClientState(ctx, queries.OldestByClientStateParams{ClientID: clientID, State: s, Key: key, ID: id, Lim: lim})
	}}
}

func walkReuse(class oauth.ReuseClass, clientID string, by oauth.GrantSort, descending bool) *grantWalk {
	c, client := orNull(string(class)), orNull(clientID)
	return &grantWalk{read: func(ctx context.Context, q *queries.Queries, key int64, id string, lim int32) ([]queries.GrantKey, error) {
		switch {
		case by == oauth.GrantsByUsed && descending:
			return q.LastUsedByReuse(ctx, queries.LastUsedByReuseParams{ReuseClass: c, ClientID: client, Key: key, ID: id, Lim: lim})
		case by == oauth.GrantsByUsed:
			return q.LongUnusedByReuse(ctx, queries.LongUnusedByReuseParams{ReuseClass: c, ClientID: client, Key: key, ID: id, Lim: lim})
		case descending:
			return q.NewestByReuse(ctx, queries.NewestByReuseParams{ReuseClass: c, ClientID: client, Key: key, ID: id, Lim: lim})
		}
		return q.OldestByReuse(ctx, queries.OldestByReuseParams{ReuseClass: c, ClientID: client, Key: key, ID: id, Lim: lim})
	}}
}

func walkPair(personID, clientID string, descending bool) *grantWalk {
	return &grantWalk{read: func(ctx context.Context, q *queries.Queries, key int64, id string, lim int32) ([]queries.GrantKey, error) {
		if descending {
			return q.NewestByPair(ctx, queries.NewestByPairParams{PersonID: personID, ClientID: clientID, Key: key, ID: id, Lim: lim})
		}
		return q.OldestByPair(ctx, queries.OldestByPairParams{PersonID: personID, ClientID: clientID, Key: key, ID: id, Lim: lim})
	}}
}

func walkAddress(ip string, descending bool) *grantWalk {
	return &grantWalk{read: func(ctx context.Context, q *queries.Queries, key int64, id string, lim int32) ([]queries.GrantKey, error) {
		if descending {
			return q.NewestByAddress(ctx, queries.NewestByAddressParams{IP: ip, Key: key, ID: id, Lim: lim})
		}
		return q.OldestByAddress(ctx, queries.OldestByAddressParams{IP: ip, Key: key, ID: id, Lim: lim})
	}}
}

func walkBulk(bulkID string, descending bool) *grantWalk {
	return &grantWalk{read: func(ctx context.Context, q *queries.Queries, _ int64, id string, lim int32) ([]queries.GrantKey, error) {
		if descending {
			return q.LastByBulk(ctx, queries.LastByBulkParams{BulkID: &bulkID, ID: id, Lim: lim})
		}
		return q.FirstByBulk(ctx, queries.FirstByBulkParams{BulkID: &bulkID, ID: id, Lim: lim})
	}}
}

// walkOne gives the one grant of that id, if it lies after the place.
func (w *grantWalks) walkOne(grantID string) *grantWalk {
	return &grantWalk{read: func(ctx context.Context, q *queries.Queries, key int64, id string, _ int32) ([]queries.GrantKey, error) {
		row, err := q.GrantKey(ctx, grantID)
		if _, err := orNotFound(&row, err); err != nil {
			if err == oauth.ErrNotFound {
				return nil, nil
			}
			return nil, err
		}
		if place := (queries.GrantKey{ID: id, CreatedAt: key, UsedHour: key}); !w.before(&place, &row) {
			return nil, nil
		}
		return []queries.GrantKey{row}, nil
	}}
}
