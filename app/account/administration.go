package account

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
)

// ErrLastAdmin says that the person is the last admin who can sign in. Somebody has to stay who can.
var ErrLastAdmin = errors.New("account: the person is the last admin who can sign in")

// ErrUnchanged says that what is asked for is so already.
var ErrUnchanged = errors.New("account: it is so already")

// ChangeRole gives a person another role and ends their sessions, so that none outlives the role it was made for. Links that
// they made die with the right to make them. Errors: [InvalidError], [ErrNotFound], [ErrUnchanged], [ErrLastAdmin], and
// [ErrChanged] when the role was changed by somebody else at this moment.
func (p *People) ChangeRole(ctx context.Context, id string, role Role, o audit.Origin, now time.Time) error {
	if _, err := ParseRole(string(role)); err != nil {
		return err
	}
	person, err := p.Find(ctx, id)
	if err != nil {
		return err
	}
	e := event(audit.PersonRoleChanged, person.ID, o, now, "before", string(person.Role), "after", string(role))
	return p.store.ChangeRole(ctx, person.ID, person.Role, role, e)
}

// ExpirePassword makes a person choose another password at the next sign-in, before any session begins, and ends the
// sessions that they have. Doing it twice ends those that began since, none. [ErrNotFound].
func (p *People) ExpirePassword(ctx context.Context, id string, o audit.Origin, now time.Time) error {
	return p.store.ExpirePassword(ctx, id, event(audit.PasswordExpired, id, o, now, "before", "good", "after", "expired"))
}

// PersonState says which people are looked for.
type PersonState string

// The states of a person; the empty one means any.
const (
	PersonActive   PersonState = "active"
	PersonDisabled PersonState = "disabled"
)

// PeopleFilter chooses people. Zero values choose all.
type PeopleFilter struct {
	Search string // part of a name or an address, in any case
	Role   Role
	State  PersonState
	After  string // only people whose address comes after this one …
	Before string // … or, when it is set, before this one: the last of those
	Limit  int    // at most so many
}

// PersonEntry is a person in a list.
type PersonEntry struct {
	Person
	SignedInAt *time.Time // the last sign-in in the audit log; nil: none lately
	Grants     int        // open ones, counted up to [MaxCountedGrants]
}

// MaxCountedGrants is where counts of a person's grants stop.
const MaxCountedGrants = 1000

// Directory is what admins read of people.
type Directory interface {
	// SearchPeople gives people in the order of their addresses. One read, a few more for each of them.
	SearchPeople(ctx context.Context, f PeopleFilter, now time.Time) ([]PersonEntry, error)
	// PersonEntry gives one living person; [ErrNotFound].
	PersonEntry(ctx context.Context, id string, now time.Time) (PersonEntry, error)
}
