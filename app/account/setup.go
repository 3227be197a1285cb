package account

import (
	"context"
	"strings"
	"time"

	"regrant/app/audit"
)

// Setup makes the link with which the first admin is made, for the operator who started the server. Earlier ones die.
// [ErrHasAdmin] once there is an admin (WEB-41).
func (l *Links) Setup(ctx context.Context, o audit.Origin, now time.Time) (address string, err error) {
	link := Link{Kind: LinkSetup, Role: RoleAdmin}
	token, err := l.put(ctx, &link, audit.SetupLinkCreated, o, now)
	if err != nil {
		return "", err
	}
	return l.address(LinkSetup, token), nil
}

// SetUp makes the first admin, who holds the token of a setup link, and signs them in. Of any number of callers one
// succeeds. Errors: [InvalidError], [PasswordError], [ErrLinkOver], [ErrHasAdmin], [ErrBusy].
func (l *Links) SetUp(ctx context.Context, token string, n NewPerson, device string, o audit.Origin, now time.Time) (*SignedIn, error) {
	if _, err := l.Find(ctx, LinkSetup, token, now); err != nil {
		return nil, err // before any work for somebody without a link
	}
	n.Role, n.EmailVerified = RoleAdmin, false
	person, err := l.people.prepare(ctx, n, now)
	if err != nil {
		return nil, err
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	e := created(person, o, now, "by", "setup")
	if err := l.store.CreateFirstAdmin(ctx, hashLink(token), person, device, e, signedInBy(LinkSetup, person.ID, []string{AMRPassword}, nil, o, now)); err != nil {
		return nil, err
	}
	return signedIn(person, []string{AMRPassword}, false, now), nil
}

// signedInBy is what is written about the sign-in that a link is, or about the second factor that it still asks for.
func signedInBy(kind LinkKind, personID string, amr []string, missing *UnfinishedError, o audit.Origin, now time.Time) audit.Event {
	e := event(audit.SignInSucceeded, personID, o, now.UTC().Truncate(time.Microsecond), "amr", strings.Join(amr, " "), "by", string(kind))
	if missing != nil {
		e.Kind = audit.SignInSecondAsked
	}
	return e
}
