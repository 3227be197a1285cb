package oauth

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// GrantPageSize is how many grants a page lists.
const GrantPageSize = 50

// MaxGrantsCounted is where counts of grants stop, so that a count costs no more at a million than at ten thousand.
const MaxGrantsCounted = 10_000

// GrantLister is what the lists of grants need of a database. The answers are of one moment each and read only.
type GrantLister interface {
	// ListGrants gives one page of the grants that match q, of q.Limit at most. A page may be short, or even empty, where what
	// matches lies far apart: it says so, and goes on from its cursor.
	ListGrants(ctx context.Context, q GrantQuery, now time.Time) (*GrantPage, error)
	// CountGrants counts what matches q up to [MaxGrantsCounted]. It counts by lists, which follow the truth within minutes.
	CountGrants(ctx context.Context, q GrantQuery, now time.Time) (GrantCount, error)
	// MeasureGrants says how much of q there is, of how many people and clients, up to [MaxGrantsCounted] grants.
	MeasureGrants(ctx context.Context, q GrantQuery, now time.Time) (GrantMeasure, error)
}

// GrantStanding says whether a grant can still be refreshed.
type GrantStanding string

// The standings.
const (
	GrantOpen    GrantStanding = "open"
	GrantRevoked GrantStanding = "revoked"
	GrantExpired GrantStanding = "expired"
)

// GrantSort is what a list of grants goes by.
type GrantSort string

// The orders. GrantsByBulk is that of what one revocation of many has ended.
const (
	GrantsByCreated GrantSort = "created"
	GrantsByUsed    GrantSort = "used" // by the hour of the last use
	GrantsByBulk    GrantSort = "bulk"
)

// GrantQuery chooses grants and their order. Zero values choose all, the newest first.
type GrantQuery struct {
	Search        string        `json:"search,omitempty"` // a grant id, an IP address of a sign-in, or part of a person's or client's name, address or id
	State         GrantStanding `json:"state,omitempty"`
	ClientID      string        `json:"client,omitempty"`
	PersonID      string        `json:"person,omitempty"`
	UsedBefore    time.Time     `json:"used_before,omitzero"`    // last used before
	CreatedBefore time.Time     `json:"created_before,omitzero"` // made at or before
	ReuseClass    ReuseClass    `json:"reuse,omitempty"`
	BulkID        string        `json:"bulk,omitempty"` // ended by this revocation of many
	Sort          GrantSort     `json:"sort,omitempty"`
	Ascending     bool          `json:"ascending,omitempty"`

	After GrantCursor `json:"-"`
	Limit int         `json:"-"` // 0: [GrantPageSize]
}

// GrantPage is one page of a list.
type GrantPage struct {
	Grants []RefreshState // a grant without a refresh token has a zero TokenID
	Next   *GrantCursor   // nil: nothing comes after it
	Prev   *GrantCursor   // nil: it is the first
	Looked bool           // it ended early because it had looked at many grants that do not match; Next goes on
	Broad  bool           // the search fits more people or clients than can be looked at: some of what it fits is left out
}

// GrantCount is how many grants match.
type GrantCount struct {
	N    int
	More bool // there are more than N
}

// GrantMeasure is how much a choice of grants comprises.
type GrantMeasure struct {
	Grants  GrantCount
	People  int // of those that were counted
	Clients int
	ByID    map[string]int // grants of each client, of those that were counted
	Broad   bool           // as of a page
}

// GrantCursor is a place between two grants of a list.
type GrantCursor struct {
	Key  int64  // created_at in microseconds, or used_hour
	ID   string // of the grant before the place
	Back bool   // the page before it, rather than after it
}

// ErrGrantQuery says that a query or cursor is none. Its text may be shown to an admin.
var ErrGrantQuery = errors.New("this list cannot be shown: its address is not one of ours")

// maxSearch bounds the text of a search, bytes.
const maxSearch = 200

// IsZero says whether the cursor is the beginning of a list.
func (c GrantCursor) IsZero() bool { return c == GrantCursor{} }

// Text gives the cursor as an address bears it; [GrantQuery.ReadCursor] reads it.
func (c GrantCursor) Text(sort GrantSort) string {
	direction := "f"
	if c.Back {
		direction = "b"
	}
	return base64.RawURLEncoding.EncodeToString([]byte(string(sort) + " " + direction + " " + strconv.FormatInt(c.Key, 10) + " " + c.ID))
}

// ReadCursor reads a cursor of a list in the order of q; [ErrGrantQuery] if it is of another order or nobody's.
func (q *GrantQuery) ReadCursor(text string) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) > 200 {
		return ErrGrantQuery
	}
	parts := strings.Split(string(raw), " ")
	if len(parts) != 4 || GrantSort(parts[0]) != q.Order() || parts[1] != "f" && parts[1] != "b" || !isGrantID(parts[3]) {
		return ErrGrantQuery
	}
	key, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || key < 0 || key > math.MaxInt64/2 {
		return ErrGrantQuery
	}
	q.After = GrantCursor{Key: key, ID: parts[3], Back: parts[1] == "b"}
	if q.After.Text(q.Order()) != text {
		return ErrGrantQuery
	}
	return nil
}

// isGrantID says whether a text may be the public id of a grant.
func isGrantID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// Check says whether q can be answered; [ErrGrantQuery] if not.
func (q *GrantQuery) Check() error {
	ok := func(s string) bool { return len(s) <= maxSearch && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
	switch {
	case !ok(q.Search), !ok(q.ClientID), !ok(q.PersonID), q.BulkID != "" && !isGrantID(q.BulkID),
		q.State != "" && q.State != GrantOpen && q.State != GrantRevoked && q.State != GrantExpired,
		q.ReuseClass != "" && q.ReuseClass != ReuseRace && q.ReuseClass != ReuseLostResponse && q.ReuseClass != ReuseTheft,
		q.Sort != "" && q.Sort != GrantsByCreated && q.Sort != GrantsByUsed && q.Sort != GrantsByBulk:
		return ErrGrantQuery
	}
	return nil
}

// Order is the order in which q is listed. Only what an index holds by its last use can be listed so: a search and the grants of a
// person go by their beginning. "Last used before" is listed by last use where that can be.
func (q *GrantQuery) Order() GrantSort {
	switch {
	case q.BulkID != "":
		return GrantsByBulk
	case q.Search != "" || q.PersonID != "":
		return GrantsByCreated
	case !q.UsedBefore.IsZero() || q.Sort == GrantsByUsed:
		return GrantsByUsed
	}
	return GrantsByCreated
}

// Filtered says whether q leaves anything out.
func (q *GrantQuery) Filtered() bool {
	return q.Search != "" || q.State != "" || q.ClientID != "" || q.PersonID != "" || !q.UsedBefore.IsZero() || !q.CreatedBefore.IsZero() ||
		q.ReuseClass != "" || q.BulkID != ""
}

// Matches says whether a grant is one that q chooses, but for the search. Its state is the true one at now.
func (q *GrantQuery) Matches(s *RefreshState, bulkID string, now time.Time) bool {
	return (q.State == "" || s.Standing(now) == q.State) &&
		(q.ClientID == "" || s.ClientID == q.ClientID) && (q.PersonID == "" || s.PersonID == q.PersonID) &&
		(q.ReuseClass == "" || s.ReuseClass == q.ReuseClass) && (q.BulkID == "" || bulkID == q.BulkID) &&
		(q.UsedBefore.IsZero() || s.lastUse().Before(q.UsedBefore)) && (q.CreatedBefore.IsZero() || !s.CreatedAt.After(q.CreatedBefore))
}

// Standing says whether the grant can still be refreshed at now, the time of deadlines ([Instant]). What was revoked is revoked,
// whatever its deadlines.
func (s *RefreshState) Standing(now time.Time) GrantStanding {
	switch {
	case !s.Alive():
		return GrantRevoked
	case !s.EndsAt.After(now), !s.IdleDeadline.IsZero() && !s.IdleDeadline.After(now):
		return GrantExpired
	}
	return GrantOpen
}

// lastUse is when the grant was made, if it has no refresh token.
func (s *RefreshState) lastUse() time.Time {
	if s.LastUsedAt.IsZero() {
		return s.CreatedAt
	}
	return s.LastUsedAt
}

// ExpiresAt is when the grant ends if it is not used again.
func (s *RefreshState) ExpiresAt() time.Time {
	if s.IdleDeadline.IsZero() {
		return s.EndsAt
	}
	return earlier(s.IdleDeadline, s.EndsAt)
}
