package view

import (
	"context"
	"io"
	"net/url"

	"github.com/a-h/templ"
)

var _ = []templ.Component{Forgot{}, MailSent{}, SignUp{}, FinishSignUp{}, ChangeEmail{}, ConfirmEmail{}}

// Render writes the page that asks for the address of a forgotten password.
func (p Forgot) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that says that a mail is on its way.
func (p MailSent) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that asks for the address of a new account.
func (p SignUp) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that makes an account.
func (p FinishSignUp) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that asks for another address.
func (p ChangeEmail) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that confirms another address.
func (p ConfirmEmail) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

var (
	// ProblemSignUpOver is a link to sign up that is unknown, used or expired.
	ProblemSignUpOver = Problem{"error.signup_over.title", "error.signup_over.message", "error.signup_over.next", true}
	// ProblemEmailOver is a link for an address that is unknown, used, expired or somebody else's.
	ProblemEmailOver = Problem{"error.email_over.title", "error.email_over.message", "error.email_over.next", true}
	// ProblemNoMailRoom is a server with which as many mails wait as may.
	ProblemNoMailRoom = Problem{"error.no_mail_room.title", "error.no_mail_room.message", "error.no_mail_room.next", false}
	// ProblemTooManyMails is more mails than may be asked for.
	ProblemTooManyMails = Problem{"error.too_many_mails.title", "error.too_many_mails.message", "error.too_many_mails.next", false}
)

// loginOf is the sign-in page, for an authorization that waits.
func loginOf(request string) string { return withRequest("/login", request) }

func withRequest(path, request string) string {
	if request == "" {
		return path
	}
	return path + "?request=" + url.QueryEscape(request)
}
