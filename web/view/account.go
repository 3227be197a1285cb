package view

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// AccountSecurity shows how somebody proves who they are. Each section is a panel of its own with an h2.
type AccountSecurity struct {
	AccountFrame
	Sections []templ.Component
}

// Each page of the account, and each part of the page on security, is a templ.Component.
var _ = []templ.Component{AccountSecurity{}, PasswordSection{}, ChangePassword{}, AccountApps{}, AccountApp{}, AccountConfirm{}, AccountSessions{}, AccountActivity{}, AccountProfile{}, DeleteAccount{}, Goodbye{}}

// Render writes the page on security.
func (p AccountSecurity) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the part about the password.
func (p PasswordSection) Render(ctx context.Context, w io.Writer) error {
	return p.section().Render(ctx, w)
}

// Render writes the form for another password.
func (p ChangePassword) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the list of applications.
func (p AccountApps) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page of one application.
func (p AccountApp) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the question before something ends.
func (p AccountConfirm) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the list of browsers.
func (p AccountSessions) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes what happened.
func (p AccountActivity) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the profile.
func (p AccountProfile) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the question before the account is deleted.
func (p DeleteAccount) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the goodbye.
func (p Goodbye) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }
