package view

import (
	"context"
	"io"
	"time"

	"github.com/a-h/templ"
)

var _ = []templ.Component{AdminRefusals{}, AdminRefusal{}}

// Render writes the page that answers why something was refused.
func (p AdminRefusals) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the explanation of one refusal.
func (p AdminRefusal) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// AdminRefusals is the page "Why was this refused?": a form for a request id, one for a token, the answer, and the last refusals.
type AdminRefusals struct {
	AdminFrame
	Now          time.Time
	RequestID    string
	RequestError string // below the field of the request id
	TokenError   string // below the field of the token
	Answer       *RefusalAnswer
	NotFound     []string // what may be the cause when a request id is unknown; nil: it was not asked for
	Clients      []Option // of the filters, with one for all of them first
	Rules        []Option
	Codes        []Option
	Filtered     bool
	Rows         []RefusalRow
	Pager        Pager
}

// AdminRefusal is one refusal, explained.
type AdminRefusal struct {
	AdminFrame
	Answer RefusalAnswer
}

// RefusalRow is a refusal in a list.
type RefusalRow struct {
	URL        string // of its explanation, without the issuer's path
	At         time.Time
	What       string
	Code       string // what the app was told; may be empty
	Client     Party
	Person     Party  // Label is empty where nobody is known
	Generation string // which came, of which; may be empty
	IP         string
	Device     string
	RequestID  string
}

// RefusalAnswer says why a request was refused, or what would become of a token.
type RefusalAnswer struct {
	Tone     string // of the badge: "danger", "warning", "success", "neutral"
	Label    string // of the badge
	Title    string
	Why      string
	Class    string // what a reuse most likely was, and why the server thinks so; may be empty
	Do       string
	Proof    string // what cannot be known; may be empty
	GrantURL string // without the issuer's path; may be empty
	Facts    []RefusalFact
	Then     string // heading of the stored state's first column; "" where only the state of now is shown
	Stored   []StoredFact
}

// RefusalFact is one thing that is known of a refused request.
type RefusalFact struct {
	Name  string
	Value string
	At    time.Time // told instead of Value, if it is not zero
	URL   string    // without the issuer's path; may be empty
	Code  bool      // for machines: monospaced
}

// StoredFact is one thing that was stored at the time of a refusal, and what it is now.
type StoredFact struct {
	Name      string
	Then, Now RefusalFact
	Changed   bool
}
