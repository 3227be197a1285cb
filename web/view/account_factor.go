package view

import (
	"context"
	"io"
)

// Render writes the section.
func (p TOTPSection) Render(ctx context.Context, w io.Writer) error {
	return p.section().Render(ctx, w)
}

// Render writes the section.
func (p RecoverySection) Render(ctx context.Context, w io.Writer) error {
	return p.section().Render(ctx, w)
}

// Render writes the page that adds an authenticator app.
func (p AddTOTP) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that removes it.
func (p RemoveTOTP) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that makes recovery codes.
func (p MakeRecovery) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }
