package web

import (
	"net/http"

	"regrant/app/oauth"
	"regrant/web/view"
)

// showClientConnect shows how to connect an application, with its real values.
func (s *Server) showClientConnect(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.tab.connect")
	t := frame.Text
	page := view.AdminClientConnect{
		AdminFrame: frame, ClientHead: clientHead(t, c, "connect"), Secret: c.HasSecret(), Guides: s.guides(t, c),
		Facts: []view.ConnectFact{
			{ID: "fact-issuer", Label: t.T("admin.clients.connect.issuer"), Value: s.cfg.Issuer},
			{ID: "fact-client", Label: t.T("admin.clients.fact.client_id"), Value: c.ID},
		},
	}
	add := func(id, label, value string) {
		page.Facts = append(page.Facts, view.ConnectFact{ID: id, Label: label, Value: value})
	}
	if getsPeople(c) {
		add("fact-discovery", t.T("admin.clients.connect.discovery"), s.cfg.Issuer+oauth.PathOIDCMetadata)
	}
	if c.Allows(oauth.GrantAuthorizationCode) {
		add("fact-authorize", t.T("admin.clients.connect.authorize"), s.cfg.Issuer+oauth.PathAuthorize)
	}
	if c.Allows(oauth.GrantDeviceCode) {
		add("fact-device", t.T("admin.clients.connect.device"), s.cfg.Issuer+oauth.PathDeviceAuthorization)
	}
	add("fact-token", t.T("admin.clients.connect.token"), s.cfg.Issuer+oauth.PathToken)
	if len(c.Scope) > 0 {
		add("fact-scope", t.T("admin.clients.fact.scope"), c.Scope.String())
	}
	s.showPage(w, r, http.StatusOK, false, page)
}
