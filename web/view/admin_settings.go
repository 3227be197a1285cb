package view

import (
	"context"
	"io"
)

// AdminSettings is the page of what an organisation decides for its installation. Its form posts, as multipart/form-data, version,
// name, accent, logo, remove_logo, invite_domains, second_factor and the fields of the policy; action=preview saves nothing.
type AdminSettings struct {
	AdminFrame
	Version          string
	Problem          string // above the form
	ProveURL         string // where to prove who one is, in another tab, before saving again; "" where that is not what is missing
	Unsaved          bool   // what the form shows is not saved
	Name             Field
	Accent           Field
	Logo             Field
	HasLogo          bool
	Domains          Field
	SignUp           SignUpChoice
	Registration     string // who may register applications, in a sentence
	Mail             string // how mails are sent, in a sentence
	TestMail         string // label of the button that sends one; empty: they are not
	Second           Field
	SecondRules      []Option
	Policy           PolicyFields
	Preset           string
	StaleGenerations string
	Presets          []PresetLink
	Preview          LookPreview
	Backups          []EventFact
	Server           []EventFact
	Environment      []EnvironmentRow
}

// SignUpChoice says whether people make their accounts themselves.
type SignUpChoice struct {
	On      bool
	Error   string
	Domains Field
}

// LookPreview is what a choice of name and accent makes of the pages.
type LookPreview struct {
	Name        string
	Light, Dark LookColors
}

// LookColors are the colours of one scheme, as #rrggbb.
type LookColors struct{ Page, Card, Text, Soft, Line, Action, OnAction, Brand string }

// EnvironmentRow is a setting of the process.
type EnvironmentRow struct {
	Name, Value, Source string
	Set                 bool // somebody has set it
}

// Render writes the page.
func (p AdminSettings) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
