package view

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

var _ = []templ.Component{Setup{}, SetupOver{}, Welcome{}, AcceptInvite{}, NewPassword{}, PasswordSet{}, ConfirmIdentity{}}

// Render writes the page that makes the first admin.
func (p Setup) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page for a setup link that is over.
func (p SetupOver) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that the first admin sees first.
func (p Welcome) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page of an invitation.
func (p AcceptInvite) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that asks for another password.
func (p NewPassword) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that says that a password is set.
func (p PasswordSet) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that asks an admin who they are.
func (p ConfirmIdentity) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

var (
	// ProblemInviteOver is an invitation that is unknown, used, withdrawn or expired.
	ProblemInviteOver = Problem{"error.invite_over.title", "error.invite_over.message", "error.invite_over.next", true}
	// ProblemResetOver is a link for a password that is unknown, used or expired.
	ProblemResetOver = Problem{"error.reset_over.title", "error.reset_over.message", "error.reset_over.next", true}
	// ProblemResetOverMail is the same where people may ask for another one by mail.
	ProblemResetOverMail = Problem{"error.reset_over.title", "error.reset_over.message", "error.reset_over.next_mail", true}
)
