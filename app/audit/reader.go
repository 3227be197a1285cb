package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Outcome is whether what an event reports was done.
type Outcome string

// The outcomes.
const (
	OutcomeOK      Outcome = "ok"
	OutcomeRefused Outcome = "refused"
)

// refusals are the kinds that report that somebody was refused, whatever their result says.
var refusals = []Kind{
	SignInFailed, SignInThrottled, ClientAuthFailed, ConsentDenied, GrantReuse, CodeReplayed, TokenMismatch, TokenOrphan,
	TokenFork, TokenFuture, TokenReuseReport,
}

// Outcome says whether what the event reports was done. A grant that was revoked was, whatever for.
func (e Event) Outcome() Outcome {
	if slices.Contains(refusals, e.Kind) {
		return OutcomeRefused
	}
	switch e.Result {
	case "refused", "denied", "wrong password", "broken":
		return OutcomeRefused
	}
	return OutcomeOK
}

// Query chooses events of the log. Zero values choose all.
type Query struct {
	Kinds       []Kind // any of them
	Actor       Actor
	ActorID     string
	PersonID    string // the person concerned, or the one who acted
	ConcernedID string // the person concerned, whoever acted
	ClientID    string
	GrantID     string
	RequestID   string
	Outcome     Outcome
	From, To    time.Time // From is included, To is not
	Before      int64     // only events with a smaller Seq: the Next of a page before
}

// Matches says whether the event is one that is asked for.
func (q Query) Matches(e Event) bool {
	switch {
	case len(q.Kinds) > 0 && !slices.Contains(q.Kinds, e.Kind),
		q.Actor != "" && e.Actor != q.Actor,
		q.ActorID != "" && e.ActorID != q.ActorID,
		q.PersonID != "" && e.PersonID != q.PersonID && !e.doneBy(q.PersonID),
		q.ConcernedID != "" && e.PersonID != q.ConcernedID,
		q.ClientID != "" && e.ClientID != q.ClientID,
		q.GrantID != "" && e.GrantID != q.GrantID,
		q.RequestID != "" && e.RequestID != q.RequestID,
		q.Outcome != "" && e.Outcome() != q.Outcome,
		!q.From.IsZero() && e.At.Before(q.From),
		!q.To.IsZero() && !e.At.Before(q.To),
		q.Before > 0 && e.Seq >= q.Before:
		return false
	}
	return true
}

func (e Event) doneBy(personID string) bool {
	return e.ActorID == personID && (e.Actor == ByPerson || e.Actor == ByAdmin)
}

// Page is a part of the log, the newest event first.
type Page struct {
	Events []Event
	Next   int64 // Query.Before of the page that follows; 0: this is the last one
	Short  bool  // the search was cut off, so that it holds up nobody; Next goes on with it
}

// Check is how far the hash chain was followed, and what came of it.
type Check struct {
	At     time.Time // when it ended
	By     string    // person id of the admin who asked
	Events int64
	First  int64 // Seq of the first event that was checked, 0 for none
	Last   int64
	From   time.Time // time of the first event, To of the last
	To     time.Time
	Hash   []byte // of the last event
	Broken int64  // Seq where the chain breaks, 0: it does not
	Why    string // "changed" or "missing", where it does
	Cut    bool   // it took too long; what is after Last was not checked
}

// ErrNotFound says that the log has no such event, or no longer has it.
var ErrNotFound = errors.New("audit: not found")

// Reader reads the log. Reading never waits for writers nor they for it. An error that is not one of this package's is a
// fault.
type Reader interface {
	// ReadAudit gives up to limit events that q chooses, the newest first. It looks at a bounded number of events and then
	// gives what it has ([Page].Short), so that rare events in a long log take several calls.
	ReadAudit(ctx context.Context, q Query, limit int) (Page, error)
	// AuditEvent gives one event; [ErrNotFound].
	AuditEvent(ctx context.Context, seq int64) (Event, error)
	// CheckAudit follows the whole chain up to the event that is the last when it comes there. A break is a Check with
	// Broken and an error that is [ErrBroken]; a ctx that ends is a Check with Cut and no error.
	CheckAudit(ctx context.Context) (Check, error)
	// SaveAuditCheck remembers the check as the last one, with the event that tells of it.
	SaveAuditCheck(ctx context.Context, c Check, event Event) error
	// LastAuditCheck gives the last one that was remembered; [ErrNotFound] if there was none.
	LastAuditCheck(ctx context.Context) (Check, error)
}

// BrokenError is [ErrBroken] with the place.
type BrokenError struct {
	Seq     int64
	Missing bool // there is no such event; else it is not as it was written
}

// Error names the place.
func (e *BrokenError) Error() string {
	if e.Missing {
		return fmt.Sprintf("%v: event %d is missing", ErrBroken, e.Seq)
	}
	return fmt.Sprintf("%v at event %d", ErrBroken, e.Seq)
}

// Is says that it is an [ErrBroken].
func (e *BrokenError) Is(target error) bool { return target == ErrBroken }
