package web

import (
	"net/http"
	"time"

	"regrant/app/account"
	"regrant/app/oauth"
)

// reader is how somebody wants pages to speak to them. Zero values leave it to the browser.
type reader struct {
	language string
	zone     *time.Location
}

func newReader(p account.Person) *reader {
	zone, _ := account.ParseTimeZone(p.TimeZone) // what an older or newer server knew is none
	return &reader{language: p.Language, zone: zone}
}

// inLocalesOf lets the pages of an authorization speak as its client asks (ui_locales, OpenID Connect Core §3.1.2.1), which comes
// before the browser and after what the person has chosen.
func inLocalesOf(r *http.Request, p *oauth.Progress) {
	requestOf(r).locales = p.Request.UILocales
}

// readerOf gives what whoever is signed in has chosen, found once a request. Where the store cannot say, the page speaks as the
// browser asks: no page fails for its language.
func (s *Server) readerOf(r *http.Request) *reader {
	q := requestOf(r)
	if q.reader != nil {
		return q.reader
	}
	q.reader = &reader{}
	session, _, err := s.sessions.current(r)
	if err != nil || session == nil {
		return q.reader
	}
	if person, err := s.people.Find(r.Context(), session.PersonID); err == nil {
		q.reader = newReader(person)
	}
	return q.reader
}
