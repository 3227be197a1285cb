package view

import (
	"context"
	"io"
	"time"
)

// AdminPeople is the list of people. Its filters are the fields q, role and state of a GET.
type AdminPeople struct {
	AdminFrame
	Search      string
	Roles       []Option
	States      []Option
	Filtered    bool // the list is not of everybody
	People      []PersonRow
	Pager       Pager
	Invitations int // that nobody has accepted yet
	Now         time.Time
}

// PersonRow is a person in the list.
type PersonRow struct {
	ID       string
	Name     string // may be empty
	Email    string
	Role     string // "person", "auditor" or "admin"
	Disabled bool
	Expired  bool // has to choose another password
	SignedIn *time.Time
	Grants   string // how many are open, in digits
}

// Render writes the page.
func (p AdminPeople) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// AdminInvite is the form of an invitation, with those that wait. It posts form_token, email, name and role to
// /admin/people/invite.
type AdminInvite struct {
	AdminFrame
	Email      string
	Name       string
	Roles      []Option
	Domains    string // which an address must have, in words; empty: any
	EmailError string
	NameError  string
	Waiting    []InvitationRow
	Now        time.Time
}

// InvitationRow is an invitation that nobody has accepted yet.
type InvitationRow struct {
	ID        string
	Email     string
	Name      string
	Role      string // as PersonRow
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Render writes the page.
func (p AdminInvite) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// AdminLink shows a link that was just made, for the only time.
type AdminLink struct {
	AdminFrame
	Title string
	Lead  string
	Label string
	Link  string
	Ends  time.Time
	Back  string // a path of this server without the issuer's path
	Again string // label of the link back
}

// Render writes the page.
func (p AdminLink) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// AdminNewPerson is the form that makes a person with a password. It posts form_token, email, name, role, email_verified and
// password to /admin/people/new.
type AdminNewPerson struct {
	AdminFrame
	Email         string
	Name          string
	Roles         []Option
	EmailVerified bool
	EmailError    string
	NameError     string
	PasswordError string
}

// Render writes the page.
func (p AdminNewPerson) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
