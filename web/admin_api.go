package web

import (
	"errors"
	"net/http"
	"net/url"

	"regrant/app/oauth"
	"regrant/web/view"
)

// adminAPIs shows and changes resource servers, each by the id of its introspection client.
func (s *Server) adminAPIs(area *adminArea) {
	area.page("/admin/apis", s.listAPIs)
	area.danger("/admin/apis/new", s.showNewAPI, s.createAPI)
	area.page("/admin/apis/{id}", s.ofAPI(s.showAPI))
	area.danger("/admin/apis/{id}/edit", s.ofAPI(s.showAPIForm), s.ofAPI(s.changeAPI))
	area.danger("/admin/apis/{id}/rotate-secret", s.ofAPI(s.askRotateAPISecret), s.ofAPI(s.rotateAPISecret))
	area.danger("/admin/apis/{id}/delete", s.ofAPI(s.askDeleteAPI), s.ofAPI(s.deleteAPI))
}

type apiHandler func(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API)

// ofAPI finds the resource server that the address names.
func (s *Server) ofAPI(h apiHandler) adminHandler {
	return func(w http.ResponseWriter, r *http.Request, a *admin) {
		api, err := oauth.FindAPI(r.Context(), s.store, r.PathValue("id"))
		switch {
		case errors.Is(err, oauth.ErrNotFound):
			s.notFound(w, r)
		case err != nil:
			s.unavailable(w, r, "read API", err)
		default:
			h(w, r, a, api)
		}
	}
}

func apiPath(id string) string { return "/admin/apis/" + url.PathEscape(id) }

func (s *Server) listAPIs(w http.ResponseWriter, r *http.Request, a *admin) {
	apis, err := s.store.APIs(r.Context())
	var clients []oauth.Client
	if err == nil {
		clients, err = s.store.Clients(r.Context())
	}
	if err != nil {
		s.unavailable(w, r, "list APIs", err)
		return
	}
	page := view.AdminAPIs{AdminFrame: s.adminFrame(w, r, a, "apis"), Now: s.now()}
	for _, api := range apis {
		row := view.APIRow{Name: api.Name, Resource: api.Resource, URL: apiPath(api.ClientID), Scopes: api.Scope, Format: formatName(page.Text, api.AccessTokenFormat), CreatedAt: api.CreatedAt}
		for _, c := range clients {
			if len(c.Scope.Intersect(api.Scope)) > 0 {
				row.Clients++
			}
		}
		page.Rows = append(page.Rows, row)
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// formatName says which form the access tokens for an API have.
func formatName(t *view.Text, f oauth.Format) string {
	switch f {
	case oauth.FormatJWT:
		return t.T("admin.apis.format.jwt")
	case oauth.FormatOpaque:
		return t.T("admin.apis.format.opaque")
	}
	return t.T("admin.apis.format.client")
}

// showAPI shows one resource server: what it is, who may use it, how it checks tokens.
func (s *Server) showAPI(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	client, err := s.store.Client(r.Context(), api.ClientID)
	var use oauth.ScopeUse
	if err == nil {
		use, err = oauth.UseOfScope(r.Context(), s.store, api.Scope)
	}
	if err != nil {
		s.unavailable(w, r, "read API", err)
		return
	}
	page := view.AdminAPI{
		AdminFrame: s.adminFrame(w, r, a, "apis", view.Crumb{Label: api.Name}), Name: api.Name, Path: apiPath(api.ClientID), Resource: api.Resource, Scopes: api.Scope,
		ClientID: api.ClientID, CreatedAt: api.CreatedAt, UpdatedAt: api.UpdatedAt,
	}
	t := page.Text
	page.Format = formatName(t, api.AccessTokenFormat)
	page.Secrets = secretRows(client, s)
	page.Clients, page.Grants = clientParties(use.Clients), grantsOf(t, use)
	page.Guides = s.apiGuides(t, api, view.SecretPlaceholder)
	page.History = auditFilter{client: api.ClientID}.url("/admin/audit", 0)
	s.showPage(w, r, http.StatusOK, false, page)
}

func clientParties(clients []oauth.Client) []view.Party {
	parties := make([]view.Party, len(clients))
	for i, c := range clients {
		parties[i] = view.Party{Label: c.Name, Note: c.ID, URL: "/admin/clients/" + url.PathEscape(c.ID)}
	}
	return parties
}

// grantsOf says how many grants have a scope.
func grantsOf(t *view.Text, use oauth.ScopeUse) string {
	if use.More {
		return t.N("admin.apis.grants_or_more", use.Grants)
	}
	return t.N("admin.apis.grants", use.Grants)
}
