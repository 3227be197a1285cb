package view

import (
	"context"
	"io"
	"net/url"
	"time"

	"github.com/a-h/templ"
)

// Each page is a templ.Component.
var _ = []templ.Component{
	AdminClients{}, AdminClientNew{}, AdminClientCreated{}, AdminClient{}, AdminClientSettings{}, AdminClientPolicy{}, AdminClientPolicyPreview{},
	AdminClientCredentials{}, AdminClientRotate{}, AdminClientSecret{}, AdminClientConnect{}, AdminClientConfirm{},
}

// Render writes the list of clients.
func (p AdminClients) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the form that registers a client.
func (p AdminClientNew) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the page that shows a new client.
func (p AdminClientCreated) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the overview of a client.
func (p AdminClient) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the settings of a client.
func (p AdminClientSettings) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the policy of a client as a form.
func (p AdminClientPolicy) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes what a change of policy would do.
func (p AdminClientPolicyPreview) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the secrets of a client.
func (p AdminClientCredentials) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the form that rotates a secret.
func (p AdminClientRotate) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes a new secret.
func (p AdminClientSecret) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes how to connect an application.
func (p AdminClientConnect) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the question before a client is disabled or deleted.
func (p AdminClientConfirm) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// ClientHead is what every page of one client begins with.
type ClientHead struct {
	ID         string
	Name       string
	Path       string // of its overview, without the issuer's path
	Kind       string // what sort of application it is
	Disabled   bool
	Trusted    bool
	Unverified bool   // nobody here vouches for it
	Tab        string // "overview", "settings", "policy", "credentials", "push", "connect", "test"
}

// tabs are the views of one client.
func (h ClientHead) tabs(t *Text) []Tab {
	tab := func(name, label, path string) Tab {
		return Tab{Label: label, URL: h.Path + path, Current: h.Tab == name}
	}
	return []Tab{
		tab("overview", t.T("admin.clients.tab.overview"), ""), tab("settings", t.T("admin.clients.tab.settings"), "/settings"),
		tab("policy", t.T("admin.clients.tab.policy"), "/policy"), tab("credentials", t.T("admin.clients.tab.credentials"), "/credentials"),
		tab("push", t.T("admin.clients.tab.push"), "/push"), tab("connect", t.T("admin.clients.tab.connect"), "/connect"), tab("test", t.T("admin.clients.tab.test"), "/test"),
	}
}

// ClientRow is one line of the list.
type ClientRow struct {
	ID         string
	Name       string
	URL        string
	Kind       string
	Policy     string // "", for one that gets no refresh tokens
	Grants     string // how many are open; "" where it gets none
	LastUsed   *time.Time
	Disabled   bool
	Trusted    bool
	Unverified bool   // nobody here vouches for it
	LeadsTo    string // where its redirect URIs lead
}

// ScopeBoxes are the scopes that belong to one API, or to the server itself.
type ScopeBoxes struct {
	API   string // "" for the server's own
	Host  string
	Boxes []ScopeBox
}

// ScopeBox is a scope that may be ticked.
type ScopeBox struct {
	Name string
	Help string // what it is for
	On   bool
}

// Guide is how to connect one kind of software: the steps, and what to copy.
type Guide struct {
	ID    string
	Title string
	Lead  string
	Parts []GuidePart
}

// GuidePart is something to copy, and what to do with it.
type GuidePart struct {
	ID   string
	Text string
	Code string
}

func queryEscaped(s string) string { return url.QueryEscape(s) }
