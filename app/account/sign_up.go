package account

import (
	"context"
	"time"

	"regrant/app/audit"
)

// SignUpLink makes a link with which whoever reads the mailbox of an address makes an account with it. An earlier one to the
// address dies. Nothing else exists until it is used. [ErrEmailTaken], [InvalidError].
func (l *Links) SignUpLink(ctx context.Context, email string, o audit.Origin, now time.Time) (link Link, address string, err error) {
	link = Link{Kind: LinkSignUp, Role: RolePerson}
	if link.Email, err = ParseEmail(email); err != nil {
		return Link{}, "", err
	}
	token, err := l.put(ctx, &link, audit.SignUpAsked, o, now)
	if err != nil {
		return Link{}, "", err
	}
	return link, l.address(LinkSignUp, token), nil
}

// SignUp makes the account that a sign-up link promises, with the name and the password that the person chose, and signs them
// in. The address is verified by it: the link was in its mailbox alone. may says whether an address may still sign up; nil: any.
// Of any number of callers one succeeds. Errors: as [Links.Accept], with [ErrLinkOver] for an address that may not.
func (l *Links) SignUp(ctx context.Context, token, name, password string, may func(email string) bool, c Course, device string, o audit.Origin, now time.Time) (*SignedIn, error) {
	link, err := l.Find(ctx, LinkSignUp, token, now)
	if err != nil {
		return nil, err
	}
	if may != nil && !may(link.Email) {
		return nil, ErrLinkOver
	}
	person, err := l.people.prepare(ctx, NewPerson{Email: link.Email, Name: name, Password: password, EmailVerified: true}, now)
	if err != nil {
		return nil, err
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	e := event(audit.PersonSignedUp, person.ID, o, person.CreatedAt, "role", string(person.Role), "link", link.ID)
	amr := []string{AMRPassword}
	unfinished, missing := l.people.pause(person, Factors{}, amr, c, person.CreatedAt)
	if err := l.store.CreateInvited(ctx, LinkSignUp, hashLink(token), person, unfinished, device, e, signedInBy(LinkSignUp, person.ID, amr, missing, o, now)); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	return signedIn(person, amr, c.Stay, now), nil
}
