package view

import (
	"context"
	"io"
	"time"
)

// AdminAPIs is the list of resource servers.
type AdminAPIs struct {
	AdminFrame
	Now  time.Time
	Rows []APIRow
}

// APIRow is one resource server in the list.
type APIRow struct {
	Name, Resource, URL string
	Scopes              []string
	Format              string
	Clients             int // that may ask for one of its scopes
	CreatedAt           time.Time
}

// AdminAPI is the page of one resource server.
type AdminAPI struct {
	AdminFrame
	Name, Path, Resource string
	Scopes               []string
	Format               string
	ClientID             string
	Secrets              []ClientSecretRow
	Clients              []Party
	Grants               string // how many have one of its scopes, in words
	CreatedAt, UpdatedAt time.Time
	Guides               []Guide
	History              string // address of its events, without the issuer's path
}

// AdminAPIForm is the form of a new resource server, or of one that is there: then URI has no name. It posts uri, name, scope,
// access_token_format and seen to Action.
type AdminAPIForm struct {
	AdminFrame
	Title, Lead, Submit, Action, Cancel string
	Problem                             string
	Seen                                string
	URI, Name, Scope, Format            Field
	Formats                             []Option
}

// AdminAPISecret shows the secret with which an API introspects, this once.
type AdminAPISecret struct {
	AdminFrame
	Title, Path, ClientID, Secret string
	Guides                        []Guide
}

// AdminAPIConfirm asks before an act; Overlap is a further field where it has a name.
type AdminAPIConfirm struct {
	AdminFrame
	Problem  string
	Confirm  Confirm
	Overlap  Field
	Overlaps []Option
}

// Render writes the page.
func (p AdminAPIs) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminAPI) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminAPIForm) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminAPISecret) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the page.
func (p AdminAPIConfirm) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
