package mail

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

// The rhythm of the work. Both are told when there is something to do; the clock is for what others have written.
const (
	followEvery = time.Second
	skipEvery   = time.Minute // without a mail server
	sendEvery   = 5 * time.Second
	pause       = 15 * time.Second // after a mail server that cannot be reached
	sendTime    = 30 * time.Second // for one mail
	sendBatch   = 50

	firstDelay = time.Minute
	maxDelay   = 6 * time.Hour
)

// Run follows the log and sends what is in the outbox until ctx ends. A mail server that hangs keeps nothing else waiting.
func (p *Post) Run(ctx context.Context, w Writer) {
	done, rhythm := make(chan struct{}), followEvery
	if p.sender == nil {
		rhythm = skipEvery
	}
	go func() {
		defer close(done)
		p.every(ctx, rhythm, nil, func() {
			if err := p.Follow(ctx); err != nil && ctx.Err() == nil {
				p.alarm("background work failed", "doing", "follow the log for mails", "err", err)
			}
		})
	}()
	if p.sender != nil {
		p.every(ctx, sendEvery, p.kick, func() {
			err := p.Send(ctx, w)
			if err == nil || ctx.Err() != nil {
				return
			}
			p.alarm("mail is not sent", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		})
	}
	<-done
}

// every does work in its rhythm, and when it is told to.
func (p *Post) every(ctx context.Context, rhythm time.Duration, kick <-chan struct{}, do func()) {
	ticker := time.NewTicker(rhythm)
	defer ticker.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-kick:
		case <-ticker.C:
		}
	}
}

// Send sends what is due. It stops at the first fault of the mail server or the store and returns it, since the next mail would
// meet the same one; what a server says of one mail alone is no fault.
func (p *Post) Send(ctx context.Context, w Writer) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	for {
		due, err := p.store.DueMail(ctx, p.now(), sendBatch)
		if err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		if len(due) == 0 {
			return nil
		}
		for _, q := range due {
			if err := p.try(ctx, w, q); err != nil {
				return err
			}
		}
	}
}

// try makes one attempt to send one mail.
func (p *Post) try(ctx context.Context, w Writer, q Queued) error {
	now := p.now()
	if !now.Before(q.ExpiresAt) {
		return p.giveUp(ctx, q, "expired")
	}
	next := now.Add(delay(q.Attempts))
	if next.After(q.ExpiresAt) {
		next = q.ExpiresAt
	}
	err := p.store.ClaimMail(ctx, q.ID, q.Attempts, next)
	if errors.Is(err, ErrMoved) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim a mail: %w", err)
	}
	q.Attempts++
	m, err := p.open(q)
	if err != nil && !errors.Is(err, account.ErrUnsealable) {
		return err
	}
	if err != nil {
		p.alarm("a mail cannot be read", "kind", q.Kind, "err", err)
		return p.giveUp(ctx, q, "unreadable")
	}
	m, reader, err := p.address(ctx, m)
	if errors.Is(err, account.ErrNotFound) {
		return p.store.DeleteMail(ctx, q.ID) // nobody is to get it
	}
	if errors.Is(err, ErrTooMany) {
		p.alarm("a mail is put off: too many were asked for", "kind", q.Kind, "attempt", q.Attempts)
		return nil
	}
	if err != nil {
		return fmt.Errorf("address a mail: %w", err)
	}
	letter, err := w.WriteLetter(ctx, m, reader)
	if err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	switch err := p.deliver(ctx, letter); {
	case err == nil:
		return p.store.DeleteMail(ctx, q.ID)
	case errors.Is(err, ErrRefused):
		p.alarm("a mail is refused", "kind", m.Kind, "sub", reader.ID, "err", err)
		q.PersonID = reader.ID
		return p.giveUp(ctx, q, "refused")
	case errors.Is(err, ErrDeferred):
		p.alarm("a mail is put off", "kind", m.Kind, "sub", reader.ID, "attempt", q.Attempts, "err", err)
		return nil
	default:
		return fmt.Errorf("send a mail (kind %s, attempt %d): %w", m.Kind, q.Attempts, err)
	}
}

// delay is how long to wait after an attempt, the first being number 0.
func delay(attempts int) time.Duration {
	if attempts > 10 {
		return maxDelay
	}
	return min(firstDelay<<attempts, maxDelay)
}

func (p *Post) deliver(ctx context.Context, l Letter) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return p.sender.Send(ctx, l)
}

// giveUp removes a mail that will not be sent, and says so in the log.
func (p *Post) giveUp(ctx context.Context, q Queued, why string) error {
	return p.store.DeleteMail(ctx, q.ID, audit.Event{
		At: p.now().UTC().Truncate(time.Microsecond), Kind: audit.MailFailed, Origin: audit.Origin{Actor: audit.ByServer}, PersonID: q.PersonID, Result: why,
		Detail: audit.Details("kind", string(q.Kind), "attempts", strconv.Itoa(q.Attempts)),
	})
}

// address finds out who gets a message, and turns what was asked for into what they get. [account.ErrNotFound]: nobody.
func (p *Post) address(ctx context.Context, m Message) (Message, Reader, error) {
	now := p.now()
	by := audit.Origin{Actor: audit.ByPerson, ActorID: m.PersonID, IP: m.IP, UserAgent: m.UserAgent}
	var r Reader
	var err error
	switch m.Kind {
	case AskedReset:
		if r.Person, err = p.active(ctx, m.To); err != nil {
			return m, r, err
		}
		if err = p.allow(ctx, AskedReset); err != nil {
			return m, r, err
		}
		by.ActorID = ""
		var link account.Link
		m.Kind = Reset
		link, m.Link, err = p.links.AskReset(ctx, r.ID, by, now)
		m.LinkEnds = link.ExpiresAt
	case AskedSignUp:
		r.Person, err = p.active(ctx, m.To)
		if m.Kind = HasAccount; !errors.Is(err, account.ErrNotFound) {
			if err == nil {
				err = p.allow(ctx, AskedSignUp)
			}
			break
		}
		if _, err = p.people.Find(ctx, m.To); !errors.Is(err, account.ErrNotFound) {
			if err == nil {
				err = account.ErrNotFound // disabled: nobody is written to
			}
			break
		}
		if err = p.allow(ctx, AskedSignUp); err != nil {
			break
		}
		var link account.Link
		m.Kind = ConfirmSignUp
		link, m.Link, err = p.links.SignUpLink(ctx, m.To, by, now)
		if m.LinkEnds = link.ExpiresAt; errors.Is(err, account.ErrEmailTaken) {
			err = account.ErrNotFound // somebody has just got it, and knows that they have an account
		}
	case AskedEmailChange:
		if r.Person, err = p.active(ctx, m.PersonID); err != nil {
			return m, r, err
		}
		var link account.Link
		m.Kind = ConfirmEmail
		link, m.Link, err = p.links.EmailLink(ctx, m.PersonID, m.To, by, now)
		if m.LinkEnds = link.ExpiresAt; errors.Is(err, account.ErrEmailTaken) {
			m.Kind, err = EmailTaken, nil
			r.Person, err = p.active(ctx, m.To) // whoever has it reads it, in their language
		}
	case Invitation, Reset: // which an admin has handed over; it may be withdrawn, replaced or used since
		if m.Link != "" {
			err = p.links.StillGood(ctx, m.Link, now)
		}
		if err == nil && m.PersonID != "" {
			r.Person, err = p.active(ctx, m.PersonID)
		}
	default:
		if m.PersonID != "" {
			r.Person, err = p.active(ctx, m.PersonID)
		}
	}
	var invalid *account.InvalidError
	if errors.As(err, &invalid) || errors.Is(err, account.ErrUnchanged) || errors.Is(err, account.ErrLinkOver) {
		err = account.ErrNotFound // an address that nobody may have any more, or that is theirs already; a link that is over
	}
	if r.Address = m.To; r.Address == "" {
		r.Address = r.Email
	}
	return m, r, err
}

// active gives a person who can sign in, by id or address.
func (p *Post) active(ctx context.Context, idOrEmail string) (account.Person, error) {
	person, err := p.people.Find(ctx, idOrEmail)
	if err == nil && !person.Active() {
		return account.Person{}, account.ErrNotFound
	}
	return person, err
}

// ErrBusy says that another test mail is under way.
var ErrBusy = errors.New("mail: another test mail is under way")

// SendNow hands a letter over at once, without the outbox: an admin waits for what the mail server says. Beside it nobody waits.
func (p *Post) SendNow(ctx context.Context, l Letter) error {
	if !p.testing.TryLock() {
		return ErrBusy
	}
	defer p.testing.Unlock()
	return p.sender.Send(ctx, l)
}
