package account

import (
	"bytes"
	"context"
	"time"

	"regrant/app/audit"
)

// ResetLink makes a link with which a person chooses another password without the old one; an earlier one of theirs dies.
// Making it ends nothing: using it does. [ErrNotFound] for somebody who may not sign in.
func (l *Links) ResetLink(ctx context.Context, personID string, o audit.Origin, now time.Time) (link Link, address string, err error) {
	link = Link{Kind: LinkReset, PersonID: personID}
	token, err := l.put(ctx, &link, audit.ResetLinkCreated, o, now)
	if err != nil {
		return Link{}, "", err
	}
	return link, l.address(LinkReset, token), nil
}

// AskReset is ResetLink for a person who has asked for it themselves, or of whom somebody else did: a link that an admin handed over
// stays good beside it.
func (l *Links) AskReset(ctx context.Context, personID string, o audit.Origin, now time.Time) (link Link, address string, err error) {
	link = Link{Kind: LinkReset, PersonID: personID}
	token, err := l.put(ctx, &link, audit.ResetAsked, o, now)
	if err != nil {
		return Link{}, "", err
	}
	return link, l.address(LinkReset, token), nil
}

// PasswordExpiredError says that the password was right and has to be changed before anything else. Nobody is signed in.
type PasswordExpiredError struct {
	Person Person
	AMR    []string // what was shown besides
}

func (e *PasswordExpiredError) Error() string {
	return "account: another password has to be chosen first"
}

// Renewal gives the token with which whoever has just proved to know an expired password chooses another one, in the browser with
// that hash.
func (l *Links) Renewal(ctx context.Context, e *PasswordExpiredError, browser []byte, o audit.Origin, now time.Time) (token string, err error) {
	o.Actor, o.ActorID = audit.ByPerson, e.Person.ID
	return l.put(ctx, &Link{Kind: LinkRenewal, PersonID: e.Person.ID, AMR: e.AMR, Browser: browser}, audit.PasswordRenewalAsked, o, now)
}

// FindRenewal is Find for a link of LinkRenewal; [ErrLinkOver] also for one that is another browser's.
func (l *Links) FindRenewal(ctx context.Context, token string, browser []byte, now time.Time) (Link, error) {
	link, err := l.Find(ctx, LinkRenewal, token, now)
	if err == nil && !bytes.Equal(link.Browser, browser) {
		return Link{}, ErrLinkOver
	}
	return link, err
}

// ChoosePassword sets the password of the person whose link of that kind, LinkReset or LinkRenewal, has this token, and ends
// all that they have (T24). Of any number of callers one succeeds. The [SignedIn] is for a renewal, which goes on with the course c
// and may be [UnfinishedError]: who resets a password signs in with it, by all factors that they have. Errors: [ErrLinkOver],
// [PasswordError], [ErrBusy].
func (l *Links) ChoosePassword(ctx context.Context, kind LinkKind, token, password string, c Course, device string, o audit.Origin, now time.Time) (*SignedIn, error) {
	if kind != LinkReset && kind != LinkRenewal {
		panic("account.ChoosePassword: a link of kind " + string(kind) + " sets no password")
	}
	find := func() (Link, error) { return l.Find(ctx, kind, token, now) }
	if kind == LinkRenewal {
		find = func() (Link, error) { return l.FindRenewal(ctx, token, c.Browser, now) }
	}
	link, err := find()
	if err != nil {
		return nil, err
	}
	person, err := l.people.Find(ctx, link.PersonID)
	if err != nil {
		return nil, err
	}
	if kind == LinkRenewal {
		if err := l.people.differs(ctx, password, person); err != nil {
			// Of two who come at once the second may find the password of the first.
			if _, over := find(); over != nil {
				return nil, over
			}
			return nil, err
		}
	}
	hash, err := l.people.hash(ctx, password, person)
	if err != nil {
		return nil, err
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	g := newGuess(l.people.limits, person.Email, "", audit.Origin{}, now)
	e := event(audit.PasswordChanged, person.ID, o, now, "by", string(kind), "link", link.ID)
	if kind == LinkReset {
		return nil, l.store.ResetByLink(ctx, kind, hashLink(token), hash, g, nil, "", e)
	}
	factors, err := l.people.store.Factors(ctx, person.ID)
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Microsecond)
	unfinished, missing := l.people.pause(person, factors, link.AMR, c, now)
	if err := l.store.ResetByLink(ctx, kind, hashLink(token), hash, g, unfinished, device, e, signedInBy(kind, person.ID, link.AMR, missing, o, now)); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	person.SessionsEnded = endedAt(person.SessionsEnded, e.At) // by that itself
	return signedIn(person, link.AMR, c.Stay, now), nil
}

// endedAt is what Person.SessionsEnded becomes when their sessions are ended.
func endedAt(last *time.Time, at time.Time) *time.Time {
	at = at.UTC().Truncate(time.Microsecond)
	if last != nil && !last.Before(at) {
		at = last.Add(time.Microsecond)
	}
	return &at
}

// differs refuses the password that the person has: to be told to change it and to keep it would be no change.
func (p *People) differs(ctx context.Context, password string, person Person) error {
	turn, err := p.hasher.enter(ctx, true)
	if err != nil {
		return err
	}
	defer turn.leave()
	same, _, err := turn.check(password, person.PasswordHash, "")
	if err != nil {
		return err
	}
	if same {
		return &PasswordError{Key: "password.same"}
	}
	return nil
}
