package view

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// Each page is a templ.Component.
var _ = []templ.Component{Login{}, SelectAccount{}, NoAccess{}, Consent{}, FormPost{}, Device{}, DeviceDone{}, SignOut{}, SignedOut{}, Home{}, ErrorPage{}, Docs{}, Demo{}}

// Render writes the sign-in page.
func (p Login) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that asks which account to continue with.
func (p SelectAccount) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p NoAccess) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the consent page.
func (p Consent) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that posts an answer to a client.
func (p FormPost) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that asks for the code of a device.
func (p Device) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that says what became of a device.
func (p DeviceDone) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that asks whether to sign out.
func (p SignOut) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page that says that somebody is signed out.
func (p SignedOut) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the home page.
func (p Home) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the error page.
func (p ErrorPage) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes a page of the documentation.
func (p Docs) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page of the demo.
func (p Demo) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }
