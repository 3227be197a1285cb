package mail

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
)

// Queued is a message in the outbox.
type Queued struct {
	ID        string
	Kind      Kind
	PersonID  string
	Sealed    []byte // the [Message]
	Attempts  int
	NextAt    time.Time
	CreatedAt time.Time
	ExpiresAt time.Time
	Allowance *Allowance // not nil: it is left out when there are too many
}

// Allowance is how many mails of one sort there may be in an hour.
type Allowance struct {
	Name string
	Most int
}

// Errors of [Post.Ask].
var (
	// ErrAddressFull says that an address was sent as many mails of this kind as it may be in an hour.
	ErrAddressFull = errors.New("mail: that address has got enough mails for now")
	// ErrTooMany says that the network or person that asks has asked for as many as they may.
	ErrTooMany = errors.New("mail: too many mails were asked for")
	// ErrNoRoom says that as many mails wait as may.
	ErrNoRoom = errors.New("mail: too many mails wait")
)

// ErrMoved says that somebody else has followed the log meanwhile, or sends this mail.
var ErrMoved = errors.New("mail: somebody else was there first")

// Store is what this package needs of a database. Each method that changes something is one transaction, durable when it
// returns. An error that is none of this package's is a fault.
type Store interface {
	// PutMail adds a message.
	PutMail(ctx context.Context, q Queued) error
	// AskMail counts the message against the allowances, of its address first, and adds it; or it returns [ErrAddressFull] or
	// [ErrTooMany] and has added nothing. Of any number of callers at once each is counted. [ErrNoRoom] once waiting
	// messages that strangers caused wait.
	AskMail(ctx context.Context, q Queued, address Allowance, others []Allowance, waiting int) error
	// AllowMail counts one mail that is about to be sent; [ErrTooMany].
	AllowMail(ctx context.Context, a Allowance, now time.Time) error
	// DueMail gives up to limit messages whose time has come, the one that has waited longest first.
	DueMail(ctx context.Context, now time.Time, limit int) ([]Queued, error)
	// ClaimMail notes that an attempt begins and when the next would be due, before anything is sent; [ErrMoved] for a second
	// caller that has seen the same number of attempts.
	ClaimMail(ctx context.Context, id string, seen int, next time.Time) error
	// DeleteMail removes a message that is sent or of no use, with an event if there is one.
	DeleteMail(ctx context.Context, id string, events ...audit.Event) error

	// NewsAfter gives the position up to which the log was followed, the greater of it and after, and up to limit events behind
	// that, in order.
	NewsAfter(ctx context.Context, after int64, limit int) (seen int64, events []audit.Event, err error)
	// FormerEmail gives the address that the person of the event at seq had before it; "" if it changed none.
	FormerEmail(ctx context.Context, seq int64) (string, error)
	// FollowTo moves the position from seen to next and adds the messages; [ErrMoved], and nothing is added, if the stored
	// position is beyond seen.
	FollowTo(ctx context.Context, seen, next int64, mails []Queued, now time.Time) error
}
