package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"regrant/app/audit"
)

// MaxChosen bounds how many grants can be named one by one in a [BulkChoice].
const MaxChosen = 1_000

// Batches of a revocation of many: a refresh waits for one at most, since the next begins after a pause as long as the last one
// took. Their size follows what the machine does in bulkAim.
const (
	bulkLeast = 5
	bulkMost  = 20
	bulkAim   = 8 * time.Millisecond
)

// ErrTooBroad says that a search fits more than can be looked at, so that "all that match" would leave some out.
var ErrTooBroad = errors.New("the search fits too many people or clients; make it narrower")

// BulkChoice is what a revocation of many ends: the grants of IDs, or all that match Query. In both cases only those that are open,
// and that were made at or before the moment of choosing, Query.CreatedBefore.
type BulkChoice struct {
	IDs      []string   `json:"ids,omitempty"`
	Query    GrantQuery `json:"query,omitzero"`
	Expected GrantCount `json:"expected"`
}

// BulkRevocation is a revocation of many grants, under way or done.
type BulkRevocation struct {
	ID string
	BulkChoice
	By         audit.Origin
	CreatedAt  time.Time
	Position   string // how far it has come; "" at the beginning
	Revoked    int
	FinishedAt *time.Time
}

// BulkRevoker is what revocations of many need of a database.
type BulkRevoker interface {
	GrantLister
	// MeasureChosen is [GrantLister.MeasureGrants] for grants that are named, of which only open ones count.
	MeasureChosen(ctx context.Context, ids []string, now time.Time) (GrantMeasure, error)
	// StartBulkRevocation remembers what is to be done, so that a restart goes on with it. Its id is new.
	StartBulkRevocation(ctx context.Context, b *BulkRevocation, event audit.Event) error
	// BulkRevocation gives one.
	BulkRevocation(ctx context.Context, id string) (*BulkRevocation, error)
	// FollowBulkRevocation ends up to batch grants of the oldest that is under way, each with reason admin and the id of the
	// revocation, and moves its position on, in one transaction with event(b, count). It gives the revocation as it is then;
	// nil where none is under way. Of two that follow at once, one does: the other gets [ErrConflict].
	FollowBulkRevocation(ctx context.Context, now time.Time, batch int, event func(b *BulkRevocation, count int) audit.Event) (*BulkRevocation, error)
	// BulkRevokedByClient counts what one has ended by client, the most first.
	BulkRevokedByClient(ctx context.Context, id string, limit int) ([]ClientTally, error)
}

// ClientTally is how many of something a client has.
type ClientTally struct {
	ClientID string
	N        int
}

// MeasureChoice says what a choice would end, before it is made.
func MeasureChoice(ctx context.Context, store BulkRevoker, c BulkChoice, now time.Time) (GrantMeasure, error) {
	if err := c.check(); err != nil {
		return GrantMeasure{}, err
	}
	if len(c.IDs) > 0 {
		return store.MeasureChosen(ctx, c.IDs, now)
	}
	c.Query.State = GrantOpen
	return store.MeasureGrants(ctx, c.Query, now)
}

// check says whether a choice is one: [ErrGrantQuery] if not.
func (c *BulkChoice) check() error {
	for _, id := range c.IDs {
		if !isGrantID(id) {
			return ErrGrantQuery
		}
	}
	if len(c.IDs) > MaxChosen || c.Query.State != "" && c.Query.State != GrantOpen {
		return ErrGrantQuery
	}
	return c.Query.Check()
}

// RevokeMany begins to end all that is chosen and returns at once: the work is done behind, in small batches, and goes on after a
// restart. [ErrTooBroad] if the choice is a search that leaves something out.
func (s *Server) RevokeMany(ctx context.Context, store BulkRevoker, c BulkChoice, by audit.Origin) (*BulkRevocation, error) {
	now := s.clock.Now()
	measure, err := MeasureChoice(ctx, store, c, now.Deadline)
	if err != nil {
		return nil, err
	}
	if measure.Broad {
		return nil, ErrTooBroad
	}
	if c.Query.State = GrantOpen; c.Query.CreatedBefore.IsZero() || c.Query.CreatedBefore.After(now.Wall) {
		c.Query.CreatedBefore = now.Wall
	}
	// A refresh moves its grant in the order of the last use: the work, which goes on meanwhile, would pass it by.
	c.Query.Sort, c.Query.Ascending = GrantsByCreated, false
	slices.Sort(c.IDs)
	c.IDs, c.Expected = slices.Compact(c.IDs), measure.Grants
	b := &BulkRevocation{ID: rand.Text(), BulkChoice: c, By: by, CreatedAt: now.Wall}
	event := audit.Event{
		At: now.Wall, Kind: audit.GrantBulkRevoked, Origin: by, ClientID: c.Query.ClientID, PersonID: c.Query.PersonID, Result: "ok",
		Detail: audit.Details("revocation", b.ID, "of", c.Words(), "expected", measure.Grants.String()),
	}
	if err := store.StartBulkRevocation(ctx, b, event); err != nil {
		return nil, err
	}
	select {
	case s.bulkKick <- struct{}{}:
	default: // it will be told already
	}
	return b, nil
}

// FollowBulk does what revocations of many have left to do.
func (s *Server) FollowBulk(ctx context.Context) error {
	if s.bulk == nil {
		return nil
	}
	for batch := bulkLeast; ; {
		begun := time.Now()
		now := s.clock.Now()
		b, err := s.bulk.FollowBulkRevocation(ctx, now.Deadline, batch, func(b *BulkRevocation, count int) audit.Event {
			return audit.Event{
				At: now.Wall, Kind: audit.GrantBulkRevoked, Origin: b.By, Result: "ok",
				Detail: audit.Details("revocation", b.ID, "count", strconv.Itoa(count)),
			}
		})
		switch {
		case errors.Is(err, ErrConflict): // somebody else has done this batch
		case err != nil:
			return err
		case b == nil:
			return nil
		}
		took := time.Since(begun)
		if took > bulkAim {
			batch = max(bulkLeast, batch/2)
		} else {
			batch = min(bulkMost, batch+bulkLeast)
		}
		// What came meanwhile goes first.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(took, 100*time.Millisecond)):
		}
	}
}

// Words says in a few words what is chosen, for the audit log. What was searched for stays out of it: it may be a name or an address,
// which the log outlives (T23).
func (c *BulkChoice) Words() string {
	if len(c.IDs) > 0 {
		return strconv.Itoa(len(c.IDs)) + " chosen"
	}
	q, words := &c.Query, []string{"open"}
	if q.Search != "" {
		words = append(words, "found by a search")
	}
	for _, part := range []struct{ name, value string }{
		{"client", q.ClientID}, {"person", q.PersonID}, {"reuse", string(q.ReuseClass)}, {"revocation", q.BulkID},
	} {
		if part.value != "" {
			words = append(words, part.name+" "+strconv.Quote(part.value))
		}
	}
	if !q.UsedBefore.IsZero() {
		words = append(words, "last used before "+q.UsedBefore.UTC().Format(time.RFC3339))
	}
	return strings.Join(words, ", ")
}

// String gives the count as people write it: "10000+".
func (n GrantCount) String() string {
	if n.More {
		return strconv.Itoa(n.N) + "+"
	}
	return strconv.Itoa(n.N)
}
