package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"regrant/app/account"
	"regrant/app/mail"
	"regrant/app/oauth"
	"regrant/web/view"
)

// maxLanguages is how much of what a browser says of its reader's languages waits with a mail.
const maxLanguages = 200

// WriteLetter implements [mail.Writer].
func (s *Server) WriteLetter(ctx context.Context, m mail.Message, to mail.Reader) (mail.Letter, error) {
	keys, known := mailTexts[m.Kind]
	if !known {
		return mail.Letter{}, fmt.Errorf("web: no words for a mail about %s", m.Kind)
	}
	zone, _ := account.ParseTimeZone(to.TimeZone) // what an older or newer server knew is none
	t := view.TheCatalogue().ForReader(to.Language, m.Language).In(zone)
	look := s.site.look(ctx)
	brand := look.Name
	if brand == "" {
		brand = view.Brand
	}
	app, err := s.appOf(ctx, t, m.ClientID)
	if err != nil {
		return mail.Letter{}, err
	}
	address := m.IP
	if address == "" {
		address = t.T("mail.address_unknown")
	}
	say := func(key string) string {
		return t.T(key, "Brand", brand, "App", app, "Address", address)
	}
	page := view.Mail{
		Text: t, Brand: brand, Issuer: s.cfg.Issuer, Title: say(keys.title), Lead: []string{say(mailLead(m))}, Facts: mailFacts(t, m),
	}
	if keys.action != "" {
		page.Action, page.Link = t.T(keys.action), s.mailLink(m)
	}
	if !m.LinkEnds.IsZero() {
		page.Private, page.LinkNote = true, t.T("mail.ends", "Until", t.DateTime(m.LinkEnds))
	}
	for _, key := range mailRest(m) {
		page.Rest = append(page.Rest, say(key))
	}
	var html bytes.Buffer
	if err := page.Render(ctx, &html); err != nil {
		return mail.Letter{}, fmt.Errorf("render a mail: %w", err)
	}
	date := m.CreatedAt
	if date.IsZero() {
		date = s.now()
	}
	return mail.Letter{
		ID: m.ID, To: to.Address, Name: oneLine(addresseeName(m, to)), Subject: oneLine(say(keys.subject)), Text: page.Plain(), HTML: html.String(), Date: date,
	}, nil
}

// addresseeName is what a mail calls its reader in its head: nothing where the address has not shown yet that it is theirs.
func addresseeName(m mail.Message, to mail.Reader) string {
	if m.Kind == mail.ConfirmEmail {
		return ""
	}
	return to.Person.Name
}

// mailLink is where a mail leads: what it was given, else to a page of this server. It begins with the configured issuer (GEN-05).
func (s *Server) mailLink(m mail.Message) string {
	issuer := strings.TrimSuffix(s.cfg.Issuer, "/")
	link := m.Link
	switch {
	case link == "" && m.Kind == mail.HasAccount:
		link = issuer + "/login"
	case link == "":
		return issuer + "/account/security"
	}
	return withRequest(link, m.Request)
}

// appOf is what an application is called, or what stands for one that is gone.
func (s *Server) appOf(ctx context.Context, t *view.Text, clientID string) (string, error) {
	if clientID == "" {
		return t.T("mail.some_app"), nil
	}
	client, err := s.store.Client(ctx, clientID)
	if errors.Is(err, oauth.ErrNotFound) || err == nil && strings.TrimSpace(client.Name) == "" {
		return t.T("mail.some_app"), nil
	}
	return oneLine(client.Name), err
}

// oneLine makes text fit for a header of a mail: nothing in it begins another one.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }), " ")
}

// mailing says whether mails can be sent; when not, it answers that there is no such page: what cannot work is not offered.
func (s *Server) mailing(w http.ResponseWriter, r *http.Request) bool {
	if s.cfg.Mail.Open() {
		return true
	}
	s.notFound(w, r)
	return false
}

// asked is a mail that the request asks for.
func (s *Server) asked(r *http.Request, kind mail.Kind, to string) mail.Asked {
	o := originOf(r)
	return mail.Asked{Network: budgetKey(r), Message: mail.Message{
		Kind: kind, To: to, Language: languagesOf(r), IP: o.IP, UserAgent: o.UserAgent, Request: waitingRequest(r),
	}}
}

// languagesOf is what the browser says of its reader's languages.
func languagesOf(r *http.Request) string {
	accepted := r.Header.Get("Accept-Language")
	if len(accepted) > maxLanguages {
		accepted = accepted[:strings.LastIndex(accepted[:maxLanguages], ",")+1]
	}
	return strings.TrimSuffix(accepted, ",")
}

// mailRefused answers that too many mails were asked for.
func (s *Server) mailRefused(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, mail.ErrTooMany) {
		s.writePage(w, r, pageError{status: http.StatusTooManyRequests, problem: view.ProblemTooManyMails, retryAfter: time.Hour})
		return
	}
	if errors.Is(err, mail.ErrNoRoom) {
		s.writePage(w, r, pageError{status: http.StatusServiceUnavailable, problem: view.ProblemNoMailRoom, retryAfter: 10 * time.Minute})
		return
	}
	s.unavailable(w, r, "ask for a mail", err)
}
