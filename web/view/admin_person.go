package view

import (
	"context"
	"io"
	"time"
)

// AdminPerson is all about one person.
type AdminPerson struct {
	AdminFrame
	PersonRow
	EmailVerified bool
	Factors       []string   // the second factors, in words
	HasSecond     bool       // there is one that can be reset
	PasswordAt    *time.Time // when the password was chosen; nil: there is none
	DisabledAt    *time.Time
	CreatedAt     time.Time
	Self          bool // it is the admin who looks
	Groups        []Party
	Sessions      []SessionRow
	Latest        GrantTable // the newest grants, of any state
	Events        []Event    // what has happened lately
	Now           time.Time
}

// SessionRow is a browser that somebody is signed in with.
type SessionRow struct {
	ID        string
	Device    string // in words
	IP        string
	CreatedAt time.Time
	SeenAt    time.Time
	Current   bool // it is the one that looks
}

// Render writes the page.
func (p AdminPerson) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// title is what the person is called.
func (p AdminPerson) title() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}

// path is an address below the person's page.
func (p AdminPerson) path(act string) string { return p.at("/admin/people/" + p.ID + act) }

// AdminPersonAct asks before an act on a person.
type AdminPersonAct struct {
	AdminFrame
	Confirm Confirm
	Roles   []Option // to choose from; nil: it is not about the role
	Refused string   // why it was not done; empty before it was tried
}

// Render writes the page.
func (p AdminPersonAct) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// AdminProfile is the form of name and address. It posts form_token, version, name, email and email_verified to Action.
type AdminProfile struct {
	AdminFrame
	Action        string
	Back          string
	Version       string
	Name          string
	Email         string
	EmailVerified bool
	NameError     string
	EmailError    string
	Error         string // about the whole: somebody else changed it at the same time
}

// Render writes the page.
func (p AdminProfile) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }
