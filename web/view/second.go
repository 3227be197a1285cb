package view

import (
	"context"
	"io"
	"net/url"
	"strings"

	"github.com/a-h/templ"
)

// Render writes the page that asks for a second factor.
func (p SecondFactor) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that asks to set a second factor up.
func (p EnrolSecond) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page of new recovery codes.
func (p RecoveryCodes) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// download is a file with the codes as an address, so that it needs neither a script nor another request with the codes in it. All
// but letters and digits is escaped.
func (p RecoveryCodes) download() templ.SafeURL {
	text := p.Text.T("recovery.file", "Issuer", p.Issuer, "Email", p.Email) + "\n\n" + strings.Join(p.Codes, "\n") + "\n"
	return templ.SafeURL("data:text/plain;charset=utf-8," + url.PathEscape(text))
}

// address is the secret as a link that opens an authenticator app on this very device; "" for one of another scheme.
func (s TOTPSetUp) address() templ.SafeURL {
	if !strings.HasPrefix(s.URL, "otpauth://totp/") {
		return ""
	}
	return templ.SafeURL(s.URL)
}
