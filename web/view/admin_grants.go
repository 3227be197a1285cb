package view

import (
	"context"
	"io"
	"time"

	"github.com/a-h/templ"
)

var _ = []templ.Component{AdminGrants{}, AdminRevokeMany{}, AdminRevocation{}}

// GrantRow is a grant in a list.
type GrantRow struct {
	ID         string
	Person     Party
	Client     Party
	Device     string // of the sign-in; may be empty
	Program    string // that used it last, if it is another
	Scopes     string
	Generation string // in digits; "" without a refresh token
	UsedAt     time.Time
	CreatedAt  time.Time
	IP         string // of the last use
	ExpiresAt  time.Time
	StateTone  string
	State      string
	StateNote  string // why it ended; may be empty
	Open       bool
}

// GrantTable is a table of grants. The sorting links are paths without the issuer's; "" for a table that is in one order.
type GrantTable struct {
	Rows        []GrantRow
	Now         time.Time
	Select      bool   // with boxes named id, inside a form of the page
	Without     string // "person" or "client": the column that says the same in each row
	ByCreated   string
	ByUsed      string
	Created     string // aria-sort of the two: "ascending", "descending" or ""
	Used        string
	ExpiryEnded bool // the rows have ended: no column for when they expire
}

// FilterChip is a filter that is set, and the list without it.
type FilterChip struct {
	Label string
	URL   string
}

// AdminGrants is the list of grants. Its filters are the fields q, state, client, reuse and before of a GET; person, sort and order
// stay with it. Selected rows go by GET to /admin/grants/revoke as id.
type AdminGrants struct {
	AdminFrame
	Search      string
	States      []Option
	Clients     []Option
	Classes     []Option
	Before      string // a day
	BeforeError string
	Person      string // email address of the person whose grants are listed, or what was typed
	PersonError string
	Keep        []Kept // hidden fields that the filter form keeps
	Chips       []FilterChip
	Table       GrantTable
	Pager       Pager
	Count       string
	Notices     []string
	ExportURL   string
	RevokeURL   string // of "all that match"; "" where nothing can be revoked
	ClearURL    string
	None        bool // there is not one grant
}

// Kept is a field of a form that nobody changes there.
type Kept struct{ Name, Value string }

// AdminRevokeMany asks before many grants are revoked. It posts form_token and the fields of Confirm to /admin/grants/revoke.
type AdminRevokeMany struct {
	AdminFrame
	Confirm Confirm
	Chosen  []FilterChip // what is chosen, in words
	Clients []ClientCount
	Notice  string
	Nothing bool // nothing of the choice is open
}

// ClientCount is how many grants a client has.
type ClientCount struct {
	Client Party
	N      string
}

// AdminRevocation is what became of a revocation of many.
type AdminRevocation struct {
	AdminFrame
	Title     string
	Running   bool
	Revoked   string
	Ended     int // of Expected, for the bar
	Expected  int
	Chosen    []FilterChip
	By        Party
	At        time.Time
	EndedAt   *time.Time
	Clients   []ClientCount
	Table     GrantTable
	Pager     Pager
	Path      string // of this page
	ExportURL string
}

// Render writes the page.
func (p AdminGrants) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminRevokeMany) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the page.
func (p AdminRevocation) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
