package web

import (
	"net/http"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/app/settings"
	"regrant/web/view"
)

// personEvents is how many of the last events a person's page shows.
const personEvents = 10

// addHistory adds to a person's page the newest grants and what has happened lately. When the store cannot say, it answers itself.
func (s *Server) addHistory(w http.ResponseWriter, r *http.Request, page *view.AdminPerson, p account.Person) bool {
	log, err := s.store.ReadAudit(r.Context(), audit.Query{PersonID: p.ID}, personEvents)
	if err == nil {
		page.Events, err = s.eventTexts(r.Context(), page.Text, log.Events)
	}
	if err == nil {
		page.Latest, err = s.latestGrants(r.Context(), page.Text, oauth.GrantQuery{PersonID: p.ID})
		page.Latest.Without = "person"
	}
	if err != nil {
		s.unavailable(w, r, "read what somebody did", err)
	}
	return err == nil
}

// invitationRules says who may be invited. When the store cannot say, it answers itself.
func (s *Server) invitationRules(w http.ResponseWriter, r *http.Request) (settings.Settings, bool) {
	rules, err := s.store.SiteSettings(r.Context())
	if err != nil {
		s.unavailable(w, r, "read settings", err)
	}
	return rules, err == nil
}
