package view

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// The pages about passkeys, and their part of the page on security, are templ.Components.
var _ = []templ.Component{PasskeySection{}, AddPasskey{}, RenamePasskey{}, RemovePasskey{}}

// Render writes the part about passkeys.
func (p PasskeySection) Render(ctx context.Context, w io.Writer) error {
	return p.section().Render(ctx, w)
}

// Render writes the form for another passkey.
func (p AddPasskey) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the form for another name of a passkey.
func (p RenamePasskey) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the question before a passkey goes.
func (p RemovePasskey) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
