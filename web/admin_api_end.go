package web

import (
	"errors"
	"net/http"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// useLines say who has the scopes.
func useLines(t *view.Text, use oauth.ScopeUse) []string {
	var names []string
	for _, c := range use.Clients[:min(5, len(use.Clients))] {
		names = append(names, c.Name)
	}
	lines := []string{t.T("admin.apis.use.nobody")}
	if len(names) > 0 {
		lines[0] = t.N("admin.apis.use.clients", len(use.Clients), "Names", strings.Join(names, ", "))
		if more := len(use.Clients) - len(names); more > 0 {
			lines[0] = t.N("admin.apis.use.clients_more", len(use.Clients), "Names", strings.Join(names, ", "), "More", t.Number(more))
		}
	}
	return append(lines, grantsOf(t, use))
}

func (s *Server) askDeleteAPI(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	use, err := oauth.UseOfScope(r.Context(), s.store, api.Scope)
	if err != nil {
		s.unavailable(w, r, "read use of scopes", err)
		return
	}
	frame := s.adminFrame(w, r, a, "apis")
	t := frame.Text
	frame.Crumbs = []view.Crumb{{Label: api.Name, URL: apiPath(api.ClientID)}, {Label: t.T("admin.apis.delete.crumb")}}
	s.showPage(w, r, http.StatusOK, false, view.AdminAPIConfirm{AdminFrame: frame, Confirm: view.Confirm{
		Title: t.T("admin.apis.delete.title", "Name", api.Name), Lead: api.Resource,
		Consequences: append(useLines(t, use), t.T("admin.apis.remove.refresh"), t.T("admin.apis.delete.introspect"), t.T("admin.apis.delete.jwt"), t.T("admin.apis.delete.clients")),
		Action:       apiPath(api.ClientID) + "/delete", Submit: t.T("admin.apis.delete.submit"), Cancel: apiPath(api.ClientID), FormToken: frame.FormToken, Danger: true,
	}})
}

func (s *Server) deleteAPI(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	_, err := oauth.RemoveAPI(r.Context(), s.store, api.ClientID, s.now(), s.byAdmin(r, a))
	if errors.Is(err, oauth.ErrNotFound) {
		s.notFound(w, r)
		return
	}
	if err == nil {
		err = s.oauth.Reload(r.Context())
	}
	if err != nil {
		s.unavailable(w, r, "delete API", err)
		return
	}
	s.done(w, r, "/admin/apis", "done.api_deleted")
}
