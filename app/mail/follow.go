package mail

import (
	"context"
	"errors"
	"fmt"

	"regrant/app/audit"
)

const (
	newsBatch = 500
	// maxDevices is how often a person is told of a new device in an hour: whoever knows their password could else fill their
	// mailbox, and the first mails have said it.
	maxDevices = 10
)

// notice is a mail about an event, and the result that the event has where there is something to tell: one that was refused is none.
type notice struct {
	kind   Kind
	result string
}

// notices are the events that a person is told of.
var notices = map[audit.Kind]notice{
	audit.SignInNewDevice:     {NewDevice, "ok"},
	audit.GrantReuse:          {Reuse, "revoked"},
	audit.GrantReported:       {Reported, "reported"},
	audit.PasswordChanged:     {PasswordChanged, "ok"},
	audit.EmailChanged:        {EmailChanged, "ok"},
	audit.PersonUpdated:       {EmailChanged, "ok"}, // if it changed the address
	audit.FactorAdded:         {FactorAdded, "ok"},
	audit.FactorRemoved:       {FactorRemoved, "ok"},
	audit.FactorReset:         {FactorReset, "ok"},
	audit.RecoveryCodeUsed:    {RecoveryCodeUsed, "ok"},
	audit.RecoveryCodesMade:   {NewRecoveryCodes, "ok"}, // if they replace others: those of the first factor come with its mail
	audit.FactorCopySuspected: {CopySuspected, "ok"},
}

// Follow reads the log from where it was followed to and puts into the outbox what people should be told, until nothing is new.
// Each event is told once, however often a server stops in between; without a mail server, and after [GiveUpAfter], it is not.
func (p *Post) Follow(ctx context.Context) error {
	p.following.Lock()
	defer p.following.Unlock()
	for {
		seen, events, err := p.store.NewsAfter(ctx, p.position, newsBatch)
		if err != nil {
			return fmt.Errorf("follow the log: %w", err)
		}
		p.stored, p.position = seen, max(seen, p.position)
		if len(events) == 0 {
			return nil
		}
		var mails []Queued
		for _, e := range events {
			of, err := p.tell(ctx, e)
			if err != nil {
				return fmt.Errorf("follow the log: %w", err)
			}
			mails = append(mails, of...)
		}
		next := events[len(events)-1].Seq
		// Where nothing is to be told, what is stored may lie behind: reading it once more after a restart gives the same.
		if len(mails) > 0 || next-p.stored >= newsBatch || p.sender == nil {
			err := p.store.FollowTo(ctx, p.stored, next, mails, p.now())
			if errors.Is(err, ErrMoved) {
				continue
			}
			if err != nil {
				return fmt.Errorf("follow the log: %w", err)
			}
			p.stored = next
		}
		p.position = next
		if len(mails) > 0 {
			p.hurry()
		}
	}
}

// tell gives the mails that an event asks for.
func (p *Post) tell(ctx context.Context, e audit.Event) ([]Queued, error) {
	n, told := notices[e.Kind]
	if !told || e.PersonID == "" || e.Result != n.result || p.sender == nil || p.now().Sub(e.At) > GiveUpAfter {
		return nil, nil
	}
	m := Message{
		Kind: n.kind, PersonID: e.PersonID, At: e.At, IP: e.IP, UserAgent: e.UserAgent, ClientID: e.ClientID,
		ByAdmin: e.Actor == audit.ByAdmin || e.Actor == audit.ByCommand,
	}
	replaced := false
	for _, d := range audit.ParseDetails(e.Detail) {
		switch d.Key {
		case "factor":
			m.Factor = d.Value
		case "replaced":
			replaced = d.Value == "true"
		}
	}
	if n.kind == NewRecoveryCodes && !replaced {
		return nil, nil
	}
	messages := []Message{m}
	if n.kind == EmailChanged {
		former, err := p.store.FormerEmail(ctx, e.Seq)
		if err != nil || former == "" {
			return nil, err
		}
		messages[0].To = former
		m.Kind = EmailIsNow
		messages = append(messages, m)
	}
	var mails []Queued
	for _, m := range messages {
		m.ExpiresAt = e.At.Add(GiveUpAfter)
		q, err := p.prepare(m)
		if err != nil {
			return nil, err
		}
		if n.kind == NewDevice {
			q.Allowance = &Allowance{"device/" + e.PersonID, maxDevices}
		}
		mails = append(mails, q)
	}
	return mails, nil
}
