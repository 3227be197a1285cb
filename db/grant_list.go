package db

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ oauth.GrantLister = (*DB)(nil)

// How many grants one answer looks at when most of them do not match, so that no list reads for long.
const (
	pageLooks    = 2_000
	countLooks   = 500
	measureLooks = 2 * oauth.MaxGrantsCounted
)

// ListGrants implements [oauth.GrantLister]. Each list goes along indexes only: one walk where one index holds it, several merged
// where a search or a missing filter asks for more; what no index knows is filtered out of what the walks give.
func (d *DB) ListGrants(ctx context.Context, q oauth.GrantQuery, now time.Time) (*oauth.GrantPage, error) {
	if q.Limit <= 0 {
		q.Limit = oauth.GrantPageSize
	}
	var page *oauth.GrantPage
	err := d.snapshot(ctx, "list grants", func(store *queries.Queries) error {
		piece, err := chooseGrants(ctx, store, &q, now, q.Limit, pageLooks)
		if err != nil {
			return err
		}
		page = piece.page(&q)
		for _, k := range piece.keys {
			row, err := store.GrantState(ctx, k.ID)
			if err != nil {
				return err // unreachable: one snapshot
			}
			page.Grants = append(page.Grants, *refreshState(row))
		}
		return nil
	})
	return page, err
}

// CountGrants implements [oauth.GrantLister].
func (d *DB) CountGrants(ctx context.Context, q oauth.GrantQuery, now time.Time) (oauth.GrantCount, error) {
	q.After = oauth.GrantCursor{}
	var count oauth.GrantCount
	err := d.snapshot(ctx, "count grants", func(store *queries.Queries) error {
		n, known, err := countByIndex(ctx, store, &q, oauth.MaxGrantsCounted+1)
		if err != nil {
			return err
		}
		if known {
			count = oauth.GrantCount{N: int(min(n, oauth.MaxGrantsCounted)), More: n > oauth.MaxGrantsCounted}
			return nil
		}
		piece, err := chooseGrants(ctx, store, &q, now, oauth.MaxGrantsCounted, countLooks)
		if err != nil {
			return err
		}
		count = oauth.GrantCount{N: len(piece.keys), More: piece.more || piece.looked}
		return nil
	})
	return count, err
}

// MeasureGrants implements [oauth.GrantLister].
func (d *DB) MeasureGrants(ctx context.Context, q oauth.GrantQuery, now time.Time) (oauth.GrantMeasure, error) {
	q.After = oauth.GrantCursor{}
	var m oauth.GrantMeasure
	err := d.snapshot(ctx, "measure grants", func(store *queries.Queries) error {
		piece, err := chooseGrants(ctx, store, &q, now, oauth.MaxGrantsCounted, measureLooks)
		if err != nil {
			return err
		}
		people := map[string]bool{}
		m = oauth.GrantMeasure{Grants: oauth.GrantCount{N: len(piece.keys), More: piece.more || piece.looked}, ByID: map[string]int{}, Broad: piece.broad}
		for _, k := range piece.keys {
			people[k.PersonID] = true
			m.ByID[k.ClientID]++
		}
		m.People, m.Clients = len(people), len(m.ByID)
		return nil
	})
	return m, err
}

// grantPiece is a piece of a list, in its order.
type grantPiece struct {
	keys   []queries.GrantKey
	more   bool              // something that matches comes after it
	looked bool              // it ended because of how many were looked at
	last   *queries.GrantKey // the last that was looked at
	broad  bool
	keyOf  func(*queries.GrantKey) int64
}

// chooseGrants gives up to limit grants that match, after looking at up to looks.
func chooseGrants(ctx context.Context, store *queries.Queries, q *oauth.GrantQuery, now time.Time, limit, looks int) (*grantPiece, error) {
	w, err := walksOf(ctx, store, q)
	if err != nil {
		return nil, err
	}
	w.first = int32(min(limit+1, walkChunk))
	p := &grantPiece{broad: w.broad, keyOf: w.keyOf}
	for looked := 0; ; looked++ {
		row, err := w.next(ctx)
		if err != nil || row == nil {
			return p, err
		}
		matches := q.Matches(keyState(row), orEmpty(row.BulkID), now)
		if matches && len(p.keys) == limit {
			p.more = true
			return p, nil
		}
		if looked == looks {
			p.looked = true
			return p, nil
		}
		if matches {
			p.keys = append(p.keys, *row)
		}
		p.last = row
	}
}

// page says what comes before and after a piece. A piece that was read backwards is turned round.
func (p *grantPiece) page(q *oauth.GrantQuery) *oauth.GrantPage {
	page := &oauth.GrantPage{Looked: p.looked, Broad: p.broad}
	at := func(k *queries.GrantKey, back bool) *oauth.GrantCursor {
		return &oauth.GrantCursor{Key: p.keyOf(k), ID: k.ID, Back: back}
	}
	onward := q.After.Back
	var further *oauth.GrantCursor
	if p.more {
		further = at(&p.keys[len(p.keys)-1], onward)
	} else if p.looked {
		further = at(p.last, onward)
	}
	var behind *oauth.GrantCursor
	if !q.After.IsZero() && len(p.keys) > 0 {
		behind = at(&p.keys[0], !onward)
	}
	if page.Next, page.Prev = further, behind; onward {
		slices.Reverse(p.keys)
		page.Next, page.Prev = behind, further
	}
	return page
}

// countByIndex counts what an index alone can tell; known is false where it takes a look at the grants.
func countByIndex(ctx context.Context, store *queries.Queries, q *oauth.GrantQuery, most int64) (n int64, known bool, err error) {
	switch {
	case q.Search != "" || q.PersonID != "" || !q.CreatedBefore.IsZero():
		return 0, false, nil
	case q.BulkID != "":
		if q.State != "" || q.ClientID != "" || q.ReuseClass != "" || !q.UsedBefore.IsZero() {
			return 0, false, nil
		}
		n, err = store.CountByBulk(ctx, &q.BulkID, int32(most))
		return n, true, err
	case q.ReuseClass != "":
		if q.State != "" {
			return 0, false, nil
		}
		n, err = store.CountByReuse(ctx, queries.CountByReuseParams{ReuseClass: orNull(string(q.ReuseClass)), ClientID: orNull(q.ClientID), Below: usedBelow(q), Lim: int32(most)})
		return n, true, err
	}
	for _, state := range standings(q) {
		var part int64
		if q.ClientID != "" {
			part, err = store.CountByClientState(ctx, queries.CountByClientStateParams{ClientID: q.ClientID, State: string(state), Below: usedBelow(q), Lim: int32(most - n)})
		} else {
			part, err = store.CountByState(ctx, queries.CountByStateParams{State: string(state), Below: usedBelow(q), Lim: int32(most - n)})
		}
		if n += part; err != nil || n >= most {
			return n, true, err
		}
	}
	return n, true, nil
}

// standings are the lists that a query needs.
func standings(q *oauth.GrantQuery) []oauth.GrantStanding {
	if q.State != "" {
		return []oauth.GrantStanding{q.State}
	}
	return []oauth.GrantStanding{oauth.GrantOpen, oauth.GrantRevoked, oauth.GrantExpired}
}

// walksOf takes the indexes that fit a query best.
func walksOf(ctx context.Context, store *queries.Queries, q *oauth.GrantQuery) (*grantWalks, error) {
	w := &grantWalks{q: store, by: q.Order(), descending: q.Ascending == q.After.Back, below: usedBelow(q)}
	var err error
	switch {
	case q.BulkID != "":
		w.walks = append(w.walks, walkBulk(q.BulkID, w.descending))
	case q.Search != "":
		w.seen = map[string]bool{}
		err = w.search(ctx, q)
	case q.PersonID != "":
		err = w.addPerson(ctx, q.PersonID, q.ClientID)
	case q.ReuseClass != "":
		w.walks = append(w.walks, walkReuse(q.ReuseClass, q.ClientID, w.by, w.descending))
	default:
		for _, state := range standings(q) {
			if q.ClientID != "" {
				w.walks = append(w.walks, walkClient(q.ClientID, state, w.by, w.descending))
			} else {
				w.walks = append(w.walks, walkState(state, w.by, w.descending))
			}
		}
	}
	key, id := startOf(q, w.by, w.descending)
	for _, walk := range w.walks {
		walk.key, walk.id = key, id
	}
	return w, err
}

// keyState is as much of a grant as says whether it matches.
func keyState(k *queries.GrantKey) *oauth.RefreshState {
	s := &oauth.RefreshState{GrantState: *grantState(queries.GrantState{
		ID: k.ID, PersonID: k.PersonID, ClientID: k.ClientID, CreatedAt: k.CreatedAt, EndsAt: k.EndsAt, RevokedAt: k.RevokedAt,
		ReuseClass: k.ReuseClass, PersonVersion: k.PersonVersion, PersonDisabledAt: k.PersonDisabledAt, PersonDeletedAt: k.PersonDeletedAt,
		PersonGrantsRevokedBefore: k.PersonGrantsRevokedBefore, ClientVersion: k.ClientVersion,
		ClientGrantsRevokedBefore: k.ClientGrantsRevokedBefore,
	})}
	if k.IdleDeadline != nil {
		s.IdleDeadline, s.LastUsedAt = instant(*k.IdleDeadline), instant(orZero(k.LastUsedAt))
	}
	return s
}

// Bounds of a search: what it may fit before it is too broad.
const (
	searchPeople  = 25
	searchClients = 20
	searchAmong   = 100_000 // people whose names are looked through
	searchWalks   = 200
)

// search adds a walk for each thing that the text may mean, within the other filters.
func (w *grantWalks) search(ctx context.Context, q *oauth.GrantQuery) error {
	text := strings.TrimSpace(q.Search)
	if addr, err := netip.ParseAddr(text); err == nil { // nobody is called so
		w.walks = append(w.walks, walkAddress(addr.Unmap().String(), w.descending))
		return nil
	}
	switch _, err := w.q.GrantKey(ctx, text); {
	case err == nil: // an id means that one and nothing else
		w.walks = append(w.walks, w.walkOne(text))
		return nil
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	lowered, exact := "%"+likeEscape.Replace(strings.ToLower(text))+"%", "%"+likeEscape.Replace(text)+"%"
	clients, err := w.q.ClientsSpelled(ctx, queries.ClientsSpelledParams{ID: text, Pattern: lowered, Exact: exact, Lim: searchClients + 1})
	if err != nil {
		return err
	}
	if len(clients) > searchClients {
		clients, w.broad = clients[:searchClients], true
	}
	for _, id := range clients {
		switch {
		case q.ClientID != "" && q.ClientID != id:
		case q.PersonID != "":
			w.walks = append(w.walks, walkPair(q.PersonID, id, w.descending))
		default:
			for _, state := range standings(q) {
				w.walks = append(w.walks, walkClient(id, state, w.by, w.descending))
			}
		}
	}
	people, err := w.peopleSpelled(ctx, text, lowered, exact)
	if err != nil {
		return err
	}
	for _, id := range people {
		if q.PersonID != "" && q.PersonID != id {
			continue
		}
		if err := w.addPerson(ctx, id, q.ClientID); err != nil {
			return err
		}
	}
	if len(w.walks) > searchWalks {
		w.walks, w.broad = w.walks[:searchWalks], true
	}
	return nil
}

var likeEscape = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// peopleSpelled gives the people of that id, whose address begins with the text, or whose address or name holds it; what has an @ is
// no name.
func (w *grantWalks) peopleSpelled(ctx context.Context, text, lowered, exact string) ([]string, error) {
	from := strings.ToLower(text)
	people, err := w.q.PeopleAddressed(ctx, queries.PeopleAddressedParams{FromEmail: from, ToEmail: from + "\U0010ffff", Lim: searchPeople + 1})
	if err != nil {
		return nil, err
	}
	more := func(found []string, err error) error {
		people = append(people, found...)
		return err
	}
	if len(people) <= searchPeople && strings.IndexFunc(text, func(r rune) bool { return r > 0x7f }) < 0 {
		exact = "" // LOWER does all that is needed
		if err := more(w.q.PeopleMailed(ctx, queries.PeopleMailedParams{Pattern: lowered, Among: searchAmong, Lim: searchPeople + 1})); err != nil {
			return nil, err
		}
	}
	if len(people) <= searchPeople && !strings.Contains(text, "@") {
		if err := more(w.q.PeopleNamed(ctx, queries.PeopleNamedParams{Pattern: lowered, Exact: exact, Among: searchAmong, Lim: searchPeople + 1})); err != nil {
			return nil, err
		}
	}
	slices.Sort(people)
	if people = slices.Compact(people); len(people) > searchPeople {
		people, w.broad = people[:searchPeople], true
	}
	return append(people, text), nil
}

// addPerson adds a walk for each client that a person has grants of, or for the one that is named.
func (w *grantWalks) addPerson(ctx context.Context, personID, clientID string) error {
	clients := []string{clientID}
	if clientID == "" {
		var err error
		if clients, err = w.q.ClientsOfPerson(ctx, personID, searchWalks+1); err != nil {
			return err
		}
		if len(clients) > searchWalks {
			clients, w.broad = clients[:searchWalks], true
		}
	}
	for _, id := range clients {
		w.walks = append(w.walks, walkPair(personID, id, w.descending))
	}
	return nil
}
