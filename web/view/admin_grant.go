package view

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/a-h/templ"
)

var _ = []templ.Component{AdminGrant{}, AdminGrantRevoke{}, AdminGrantScope{}, AdminGrantEnd{}}

// Render writes the page of one grant.
func (p AdminGrant) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the question before a grant is revoked.
func (p AdminGrantRevoke) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the form that takes scopes from a grant.
func (p AdminGrantScope) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the form that moves the end of a grant.
func (p AdminGrantEnd) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// AdminGrant is the page of one grant: who is signed in where, its life as a picture and as a list, and what can be done.
type AdminGrant struct {
	AdminFrame
	Now         time.Time
	Path        string // of this page, without the issuer's path
	Title       string // who in what
	Device      string
	StateTone   string
	State       string
	StateDetail string // why it ended; may be empty
	Alive       bool
	Changeable  bool // alive, and with a refresh token
	Person      Party
	Client      Party
	Facts       []RefusalFact
	Scopes      []string
	Picture     LifePicture
	Entries     []LifeEntry
	OldestFirst bool
	Refusals    []RefusalRow
}

// LifeEntry is one thing in the life of a grant.
type LifeEntry struct {
	At         time.Time
	Day        bool // At is a day
	Tone       string
	What       string
	More       []string
	Generation string
	IP         string
	Device     string
	Who        Party
	RequestID  string
	URL        string // of the refusal, without the issuer's path; may be empty
}

// LifePicture is the life of a grant, drawn from left to right in the order in which things happened, in three lanes.
type LifePicture struct {
	Summary string // in a sentence, for who does not see it
	Width   int
	From    int // where the life of the refresh token begins
	To      int // and where it is now, or has ended
	Ended   bool
	Marks   []LifeMark
	Ticks   []LifeTick
}

// LifeMark is one thing in the picture. Lane is 0 for people and admins, 1 for what was accepted, 2 for retries and refusals.
type LifeMark struct {
	X     int
	Lane  int
	Tone  string
	Shape string // "dot", "ring", "cross", "bar"
	Title string
	Text  string // below the mark: a generation
}

// LifeTick is a time below the picture.
type LifeTick struct {
	X    int
	Text string
}

// Heights of the picture's lanes, in its own units.
func (m LifeMark) y() int { return []int{30, 82, 134}[m.Lane] }

func px(n int) string { return strconv.Itoa(n) }

// AdminGrantRevoke asks before a grant is revoked.
type AdminGrantRevoke struct {
	AdminFrame
	Confirm Confirm
}

// AdminGrantScope is the form that takes scopes from a grant.
type AdminGrantScope struct {
	AdminFrame
	Path    string
	Title   string
	Version string
	Scopes  []GrantScope
	Notes   []string // what the act does
	Error   string
}

// GrantScope is one scope that was granted.
type GrantScope struct {
	Name    string
	Title   string
	Warning string // what taking it away does besides; may be empty
	Kept    bool
}

// AdminGrantEnd is the form that moves the absolute end of a grant.
type AdminGrantEnd struct {
	AdminFrame
	Path    string
	Title   string
	Version string
	Ends    time.Time
	Latest  time.Time
	Value   string // of the field, as browsers write a local time: 2026-11-22T14:30
	Notes   []string
	Error   string
}
