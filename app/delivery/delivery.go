package delivery

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
)

// Kind says what a delivery tells of, and so what its body is.
type Kind string

// KindLogout tells a client that a session has ended: OpenID Connect Back-Channel Logout 1.0. Its body is an oauth.EndedSession.
const KindLogout Kind = "logout"

// KindWebhook and KindSecurityEvent tell a client that grants of it have ended, by Standard Webhooks and by a security event token (RFC
// 8417). Their body is an oauth.EndedGrants.
const (
	KindWebhook       Kind = "webhook"
	KindSecurityEvent Kind = "security_event"
)

// How long deliveries are tried and kept, and how many there may be.
const (
	GiveUpAfter = 24 * time.Hour
	DeadKept    = 14 * 24 * time.Hour
	MaxWaiting  = 10_000 // of one client, dead ones too
)

// Delivery is one piece of news on its way. Times are UTC in microseconds.
type Delivery struct {
	ID        string
	Kind      Kind
	ClientID  string // whose address it is
	PersonID  string // whom it is about; may be ""
	URL       string
	Body      []byte // what is to be told, by the kind
	Attempts  int
	NextAt    time.Time
	LastError string // of the last attempt; "" before
	CreatedAt time.Time
	ExpiresAt time.Time
	DeadAt    *time.Time // given up then
}

// Errors.
var (
	// ErrMoved says that somebody else has taken the delivery meanwhile.
	ErrMoved = errors.New("delivery: somebody else was there first")
	// ErrMoot says that nobody is there any more to tell.
	ErrMoot = errors.New("delivery: nobody is to be told")
	// ErrUnreachable says that it was not this delivery that the other side did not take: it would have taken none.
	ErrUnreachable = errors.New("delivery: out of reach")
)

type unreachable struct{ error }

func (u unreachable) Unwrap() error        { return u.error }
func (u unreachable) Is(target error) bool { return target == ErrUnreachable }

// Unreachable makes an error [ErrUnreachable] and leaves its text as it is.
func Unreachable(err error) error { return unreachable{err} }

// Store is what this package needs of a database. Each method that changes something is one transaction, durable when it returns.
type Store interface {
	// DueAddresses gives up to limit addresses that something is due for, the one that has waited longest first.
	DueAddresses(ctx context.Context, now time.Time, limit int) ([]string, error)
	// NextDelivery gives what has been due longest for an address, nil for nothing.
	NextDelivery(ctx context.Context, url string, now time.Time) (*Delivery, error)
	// ClaimDelivery notes that an attempt begins and when the next would be due, before anything is sent; [ErrMoved] where it is gone or
	// somebody who has seen the same number of attempts was faster.
	ClaimDelivery(ctx context.Context, id string, seen int, next time.Time) error
	// Delivered removes one that was taken, or that is moot.
	Delivered(ctx context.Context, id string) error
	// DeliveryFailed notes why an attempt failed. One that would be due after its end is dead from now on, with an event.
	DeliveryFailed(ctx context.Context, id, why string, now time.Time) error
	// PostponeDeliveries puts off what is due for an address.
	PostponeDeliveries(ctx context.Context, url string, now, next time.Time) error
}

// Desk is what admins see and do of what is in trouble: tried in vain, or given up.
type Desk interface {
	// TroubledDeliveries gives those of a client, the latest first.
	TroubledDeliveries(ctx context.Context, clientID string, limit int) ([]Delivery, error)
	// DeadDeliveries counts those that were given up, by client, the most first. Of very many it counts the last ones only.
	DeadDeliveries(ctx context.Context, limit int) ([]Dead, error)
	// RetryDeliveries begins those of a client anew, at e.At, and says how many.
	RetryDeliveries(ctx context.Context, clientID string, e audit.Event) (int, error)
	// DiscardDeliveries removes those of a client and says how many.
	DiscardDeliveries(ctx context.Context, clientID string, e audit.Event) (int, error)
}

// Dead is how many deliveries of a client were given up.
type Dead struct {
	ClientID string
	N        int
}

// Message is what is sent.
type Message struct {
	ContentType string
	Header      map[string]string // besides the content type
	Body        []byte
	// SecurityEvent says that the answer is one of RFC 8935 §2: 202 where it was taken, 400 with a reason where it is refused.
	SecurityEvent bool
}

// Make makes what is sent for one attempt; [ErrMoot].
type Make func(ctx context.Context, d *Delivery) (*Message, error)

// Send posts a message. nil: the other side has taken it. The error is shown to admins.
type Send func(ctx context.Context, url string, m *Message) error
