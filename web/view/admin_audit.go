package view

import (
	"context"
	"io"
	"time"
)

// AdminAudit is the page of the log of security events.
type AdminAudit struct {
	AdminFrame
	Now      time.Time
	Filter   AuditFilter
	Filtered bool // something is asked for
	Wrong    bool // what is asked for makes no sense
	Events   []Event
	Short    bool // the search was cut off; Pager.Next goes on
	Pager    Pager
	CSV      string // addresses of the exports, without the issuer's path
	JSON     string
	Check    *AuditCheck // the last time that the chain was followed; nil: never
}

// AuditFilter is the fields of the filter of the log.
type AuditFilter struct {
	Groups, Clients, Results []Option
	Person                   string
	From, To                 string // days as 2006-01-02
	Request, Grant           string
	GroupError               string
	ResultError              string
	PersonError              string
	FromError                string
	ToError                  string
}

// AuditCheck is what came of following the hash chain.
type AuditCheck struct {
	At       time.Time
	By       Party
	Events   int
	From, To time.Time // times of the first and the last event
	Last     string    // number of the last event
	Hash     string    // of the last event, hex
	Broken   bool
	BrokenAt string // number of the event where it breaks
	Missing  bool   // that event is not there
	Cut      bool   // it took too long
}

// AdminAuditEvent is the page of one event.
type AdminAuditEvent struct {
	AdminFrame
	Now         time.Time
	Event       Event
	SameRequest string // address of what else this request did
	WhyRefused  string // address of what was refused with this request id
}

// Render writes the page.
func (p AdminAudit) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminAuditEvent) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
