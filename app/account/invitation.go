package account

import (
	"context"
	"time"

	"regrant/app/audit"
)

// Invitation is whom an admin invites, and as what.
type Invitation struct {
	Email string
	Name  string                  // may be empty; the person may change it
	Role  Role                    // default RolePerson
	May   func(email string) bool // whether a canonical address may be invited; nil: any
}

// Invite makes a link with which the invited person makes an account. An earlier invitation of that address dies. Errors:
// [InvalidError] with the key email.domain for an address that may not be invited, [ErrEmailTaken].
func (l *Links) Invite(ctx context.Context, i Invitation, o audit.Origin, now time.Time) (link Link, address string, err error) {
	link.Kind = LinkInvite
	if link.Email, err = ParseEmail(i.Email); err != nil {
		return Link{}, "", err
	}
	if i.May != nil && !i.May(link.Email) {
		return Link{}, "", &InvalidError{Field: "email", Key: "email.domain"}
	}
	if link.Name, err = ParseName(i.Name); err != nil {
		return Link{}, "", err
	}
	if i.Role == "" {
		i.Role = RolePerson
	}
	if link.Role, err = ParseRole(string(i.Role)); err != nil {
		return Link{}, "", err
	}
	token, err := l.put(ctx, &link, audit.InvitationCreated, o, now, "role", string(link.Role))
	if err != nil {
		return Link{}, "", err
	}
	return link, l.address(LinkInvite, token), nil
}

// Invitations gives up to limit invitations that nobody has accepted yet and that are not over, the newest first.
func (l *Links) Invitations(ctx context.Context, now time.Time, limit int) ([]Link, error) {
	return l.store.Invitations(ctx, now, limit)
}

// WithdrawInvitation makes an invitation useless. [ErrNotFound] for one that is over.
func (l *Links) WithdrawInvitation(ctx context.Context, id string, o audit.Origin, now time.Time) error {
	return l.store.WithdrawInvitation(ctx, id, event(audit.InvitationWithdrawn, "", o, now, "link", id))
}

// Accept makes the account that an invitation promises, with the name and the password that the person chose, and signs
// them in; [UnfinishedError] says that the account is made and that they have to add a second factor first. The address is not verified by it: the link came by a way that this server does not know. Of any number of
// callers one succeeds. Errors: [ErrLinkOver], [InvalidError], [PasswordError], [ErrEmailTaken], [ErrBusy].
func (l *Links) Accept(ctx context.Context, token, name, password string, c Course, device string, o audit.Origin, now time.Time) (*SignedIn, error) {
	link, err := l.Find(ctx, LinkInvite, token, now)
	if err != nil {
		return nil, err
	}
	person, err := l.people.prepare(ctx, NewPerson{Email: link.Email, Name: name, Role: link.Role, Password: password}, now)
	if err != nil {
		return nil, err
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	e := created(person, o, now, "by", "invitation", "link", link.ID, "invited_by", link.CreatedBy)
	amr := []string{AMRPassword}
	unfinished, missing := l.people.pause(person, Factors{}, amr, c, person.CreatedAt)
	if err := l.store.CreateInvited(ctx, LinkInvite, hashLink(token), person, unfinished, device, e, signedInBy(LinkInvite, person.ID, amr, missing, o, now)); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	return signedIn(person, amr, c.Stay, now), nil
}
