package mail

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"regrant/app/account"
)

// GiveUpAfter is how long a mail is tried at most.
const GiveUpAfter = 3 * 24 * time.Hour

// Post is the way to everything in this package. It is safe for concurrent use.
type Post struct {
	store  Store
	sealer *account.Sealer
	people *account.People
	links  *account.Links
	sender Sender
	alarm  func(msg string, args ...any)
	now    func() time.Time
	kick   chan struct{}

	sending sync.Mutex // held by the one who sends
	testing sync.Mutex // held by the one test mail under way

	following sync.Mutex
	position  int64 // up to where the log was read; what is stored may lie behind where nothing was to be told
	stored    int64
}

// Options of [New].
type Options struct {
	Store  Store
	Sealer *account.Sealer
	People *account.People
	Links  *account.Links
	Sender Sender // nil: there is no mail server, and nothing is sent; the log is followed so that nothing old is told once there is one
	Alarm  func(msg string, args ...any)
	Now    func() time.Time
}

// New returns the post office of a server.
func New(o Options) *Post {
	return &Post{
		store: o.Store, sealer: o.Sealer, people: o.People, links: o.Links, sender: o.Sender, alarm: o.Alarm, now: o.Now, kick: make(chan struct{}, 1),
	}
}

// Open reports whether mails can be sent.
func (p *Post) Open() bool { return p != nil && p.sender != nil }

// Queue puts a message into the outbox. It is sent soon after, if it can be.
func (p *Post) Queue(ctx context.Context, m Message) error {
	q, err := p.prepare(m)
	if err != nil {
		return err
	}
	if err := p.store.PutMail(ctx, q); err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	p.hurry()
	return nil
}

// prepare gives a message an id and an end, and seals it.
func (p *Post) prepare(m Message) (Queued, error) {
	now := p.now().UTC().Truncate(time.Microsecond)
	m.ID = rand.Text()
	if m.ExpiresAt.IsZero() || m.ExpiresAt.After(now.Add(GiveUpAfter)) {
		m.ExpiresAt = now.Add(GiveUpAfter)
	}
	if !m.LinkEnds.IsZero() && m.LinkEnds.Before(m.ExpiresAt) {
		m.ExpiresAt = m.LinkEnds
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return Queued{}, fmt.Errorf("seal a mail: %w", err)
	}
	sealed, err := p.sealer.Seal(purpose(m.ID), plain)
	if err != nil {
		return Queued{}, fmt.Errorf("seal a mail: %w", err)
	}
	return Queued{ID: m.ID, Kind: m.Kind, PersonID: m.PersonID, Sealed: sealed, NextAt: now, CreatedAt: now, ExpiresAt: m.ExpiresAt}, nil
}

func (p *Post) open(q Queued) (Message, error) {
	var m Message
	plain, err := p.sealer.Open(purpose(q.ID), q.Sealed)
	if err != nil {
		return m, fmt.Errorf("read a mail: %w", err)
	}
	if err := json.Unmarshal(plain, &m); err != nil {
		return m, fmt.Errorf("read a mail: %w", errors.Join(account.ErrUnsealable, err))
	}
	m.CreatedAt, m.ExpiresAt = q.CreatedAt, q.ExpiresAt
	return m, nil
}

// purpose binds what is sealed to its row.
func purpose(id string) string { return "mail:" + id }

// hurry makes the sender look now.
func (p *Post) hurry() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}
