package view

import (
	"context"
	"io"
	"time"
)

// AdminRegistration is the page of the rules for applications that register themselves, and of the tokens that let them. Its form posts
// version, registration, registration_per_address, registration_total, registration_unused (days), scope, documents, documents_allow,
// documents_deny and documents_total.
type AdminRegistration struct {
	AdminFrame
	Version    string
	Problem    string // above the form
	ProveURL   string // where to prove who one is, in another tab, before saving again; "" where that is not what is missing
	Mode       Field
	Modes      []Option
	PerAddress Field
	Total      Field
	Unused     Field
	Scopes     []ScopeBoxes
	ScopeError string

	Documents      bool // applications may be known by the address of a document
	Allow          Field
	Deny           Field
	DocumentsTotal Field
	DocumentCount  string // how many are, in a sentence

	Count    string // how many have registered themselves, in a sentence
	Endpoint string // where they register; "": nowhere
	Tokens   []InitialTokenRow
	Now      time.Time
}

// InitialTokenRow is an initial access token in the list.
type InitialTokenRow struct {
	Path      string // of its acts, without the issuer's path
	Name      string
	Hint      string // its last characters
	Used      string // how often, of how many
	Tone      string // of its state
	State     string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// AdminInitialTokenNew is the form of a new token. It posts name, uses and lifetime to its own address.
type AdminInitialTokenNew struct {
	AdminFrame
	Problem   string
	Name      Field
	Uses      Field
	Lifetime  Field
	Lifetimes []Option
}

// AdminInitialToken shows a new token for the only time.
type AdminInitialToken struct {
	AdminFrame
	Title   string
	Secret  string
	Ends    time.Time
	Command string // that registers an application with it
}

// AdminInitialTokenRevoke asks before a token is removed.
type AdminInitialTokenRevoke struct {
	AdminFrame
	Confirm Confirm
}

// Render writes the page.
func (p AdminRegistration) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the page.
func (p AdminInitialTokenNew) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the page.
func (p AdminInitialToken) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the page.
func (p AdminInitialTokenRevoke) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
