package view

import (
	"context"
	"io"
	"strings"

	"github.com/a-h/templ"
)

// Mail is a mail in its reader's language, the same in two forms: HTML is Render, plain text is [Mail.Plain]. It loads nothing
// from anywhere and looks the same to everybody who reads it, so nobody learns that it was read.
type Mail struct {
	Text     *Text
	Brand    string // what the product is called
	Issuer   string // the server's address
	Title    string
	Lead     []string // what it is about, a paragraph each
	Facts    []MailFact
	Action   string // what Link does; empty: there is no link
	Link     string // with the configured issuer, whatever a request says (GEN-05)
	LinkNote string // until when it works
	Private  bool   // the link is a secret of the reader's, and shown in full so that it can be copied
	Rest     []string
}

// MailFact is one line of facts.
type MailFact struct{ Name, Value string }

var _ templ.Component = Mail{}

// Render writes the mail as HTML.
func (m Mail) Render(ctx context.Context, w io.Writer) error { return m.page().Render(ctx, w) }

// Plain gives the mail as plain text, in lines of at most 76 characters where words allow it.
func (m Mail) Plain() string {
	var b strings.Builder
	block := func(lines ...string) {
		for _, line := range lines {
			b.WriteString(line + "\n")
		}
		if len(lines) > 0 {
			b.WriteString("\n")
		}
	}
	block(m.Title)
	for _, p := range m.Lead {
		block(wrapped(p)...)
	}
	var facts []string
	for _, f := range m.Facts {
		facts = append(facts, f.Name+": "+f.Value)
	}
	block(facts...)
	if m.Action != "" {
		block(m.Action+":", m.Link)
	}
	if m.LinkNote != "" {
		block(wrapped(m.LinkNote)...)
	}
	for _, p := range m.Rest {
		block(wrapped(p)...)
	}
	b.WriteString("-- \n" + m.brandLine() + "\n" + m.Text.T("mail.automatic") + "\n")
	return b.String()
}

func (m Mail) brandLine() string { return m.Text.T("mail.brand", "Brand", m.Brand, "Issuer", m.Issuer) }

// wrapped breaks a paragraph between words.
func wrapped(paragraph string) []string {
	const width = 76
	var lines []string
	line := ""
	for _, word := range strings.Fields(paragraph) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
