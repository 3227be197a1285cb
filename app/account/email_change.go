package account

import (
	"context"
	"time"

	"regrant/app/audit"
)

// EmailLink makes a link that gives a person another address once it is followed from the mailbox of that address; an earlier
// one of theirs dies. Until then nothing changes. Errors: [InvalidError], [ErrUnchanged] for the address that they have,
// [ErrEmailTaken], [ErrNotFound] for somebody who may not sign in.
func (l *Links) EmailLink(ctx context.Context, personID, email string, o audit.Origin, now time.Time) (link Link, address string, err error) {
	link = Link{Kind: LinkEmail, PersonID: personID}
	if link.Email, err = ParseEmail(email); err != nil {
		return Link{}, "", err
	}
	person, err := l.people.Find(ctx, personID)
	if err != nil {
		return Link{}, "", err
	}
	if person.Email == link.Email {
		return Link{}, "", ErrUnchanged
	}
	token, err := l.put(ctx, &link, audit.EmailChangeAsked, o, now)
	if err != nil {
		return Link{}, "", err
	}
	return link, l.address(LinkEmail, token), nil
}

// ChangeEmail gives the person the address that their link names, and takes it as verified. The link is good for them alone: a
// mistyped address would else hand the account to whoever reads there. Links that were sent to the old address die with it. Of
// any number of callers one succeeds. Errors: [ErrLinkOver], also for the link of somebody else, [ErrEmailTaken].
func (l *Links) ChangeEmail(ctx context.Context, personID, token string, o audit.Origin, now time.Time) error {
	link, err := l.Find(ctx, LinkEmail, token, now)
	if err != nil {
		return err
	}
	if link.PersonID != personID {
		return ErrLinkOver
	}
	o.Actor, o.ActorID = audit.ByPerson, personID
	return l.store.ChangeEmail(ctx, hashLink(token), event(audit.EmailChanged, personID, o, now.UTC().Truncate(time.Microsecond), "link", link.ID))
}
