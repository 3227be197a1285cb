package view

import (
	"context"
	"io"
	"time"
)

// AdminOverview is the first page for admins: how much there is, what needs them, and what happened lately.
type AdminOverview struct {
	AdminFrame
	Figures   []Figure
	Attention []Attention
	Begin     bool // nothing is registered yet: the next steps stand in the place of the charts
	Ranges    []Tab
	Charts    []Chart
	Table     ChartTable
	Events    []Event
	Now       time.Time
}

// Figure is one number, which leads to what it counts.
type Figure struct {
	Label string
	Value string
	URL   string
}

// Attention is one thing that an admin should look at.
type Attention struct {
	Tone   string // of a badge
	Badge  string // a word
	Text   string
	Note   string // may be empty
	URL    string
	Link   string // what there is to do
	Acts   bool   // it leads to an act: nothing for who only reads
	Events []AttentionEvent
}

// AttentionEvent is one event that a matter is about.
type AttentionEvent struct {
	Tone  string
	Badge string
	Event Event
}

// Render writes the page.
func (p AdminOverview) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
