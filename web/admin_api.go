package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// adminAPIs shows and changes resource servers, each by the id of its introspection client.
func (s *Server) adminAPIs(area *adminArea) {
	area.page("/admin/apis", s.listAPIs)
	area.form("/admin/apis/new", s.showNewAPI, s.createAPI)
	area.page("/admin/apis/{id}", s.ofAPI(s.showAPI))
	area.form("/admin/apis/{id}/edit", s.ofAPI(s.showAPIForm), s.ofAPI(s.changeAPI))
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

// secretRows are the secrets of an introspection client that live now.
func secretRows(c *oauth.Client, s *Server) []view.ClientSecretRow {
	var rows []view.ClientSecretRow
	if c.Secret != nil {
		rows = append(rows, view.ClientSecretRow{Hint: c.Secret.Hint, Created: c.Secret.CreatedAt})
	}
	if old := c.OldSecret; old.Living(s.now()) {
		rows = append(rows, view.ClientSecretRow{Hint: old.Hint, Created: old.CreatedAt, Ends: old.EndsAt})
	}
	return rows
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

// apiForm is the form of a resource server as it was filled in.
type apiForm struct {
	uri, name, scope, format, seen string
	errors                         map[string]string
	problem                        string
}

func readAPIForm(form url.Values) apiForm {
	return apiForm{
		uri: strings.TrimSpace(form.Get("uri")), name: strings.TrimSpace(form.Get("name")), scope: form.Get("scope"), format: form.Get("access_token_format"),
		seen: form.Get("seen"), errors: map[string]string{},
	}
}

// parsedScope reads scopes that are written with spaces or one a line.
func (f *apiForm) parsedScope(t *view.Text) oauth.Scope {
	scope, err := oauth.ParseScope(strings.Join(strings.Fields(f.scope), " "))
	if err != nil {
		f.errors["scope"] = t.T("admin.apis.error.scope")
	}
	return scope
}

// refused puts an error of the engine beside its field, and says whether it was one.
func (f *apiForm) refused(t *view.Text, err error) bool {
	if errors.Is(err, oauth.ErrExists) {
		f.errors["uri"] = t.T("admin.apis.error.exists")
		return true
	}
	e := oauth.AsError(err)
	if e.Code != oauth.InvalidClientMetadata {
		return false
	}
	member, why, _ := strings.Cut(e.Description, ": ")
	switch member {
	case "uri":
		f.errors["uri"] = t.T("admin.apis.error.uri")
	case "name":
		f.errors["name"] = t.T("admin.apis.error.name")
	case "scope":
		f.errors["scope"] = sentence(why)
	default:
		f.errors["access_token_format"] = sentence(why)
	}
	return true
}

func (s *Server) showNewAPI(w http.ResponseWriter, r *http.Request, a *admin) {
	s.writeAPIForm(w, r, a, http.StatusOK, nil, apiForm{})
}

// createAPI registers a resource server and shows the secret with which it introspects, this once.
func (s *Server) createAPI(w http.ResponseWriter, r *http.Request, a *admin) {
	t, f := s.frame(r).Text, readAPIForm(r.PostForm)
	api := &oauth.API{Resource: f.uri, Name: f.name, Scope: f.parsedScope(t), AccessTokenFormat: oauth.Format(f.format)}
	if err := api.Validate(); err != nil {
		f.refused(t, err)
	}
	if len(f.errors) > 0 {
		s.writeAPIForm(w, r, a, http.StatusUnprocessableEntity, nil, f)
		return
	}
	_, secret, err := oauth.RegisterAPI(r.Context(), s.store, api, s.now(), s.byAdmin(r, a))
	switch {
	case err != nil && f.refused(t, err):
		s.writeAPIForm(w, r, a, http.StatusUnprocessableEntity, nil, f)
		return
	case err != nil:
		s.unavailable(w, r, "register API", err)
		return
	}
	if err := s.oauth.Reload(r.Context()); err != nil { // it comes by itself within a second; the secret would never come again
		s.log.Error("reload after an API was registered", "request_id", requestOf(r).id, "err", err.Error())
	}
	s.writeAPISecret(w, r, a, api, secret, t.T("admin.apis.created", "Name", api.Name))
}

// writeAPISecret shows a secret in the answer to the form itself, which no cache keeps.
func (s *Server) writeAPISecret(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API, secret, title string) {
	page := view.AdminAPISecret{
		AdminFrame: s.adminFrame(w, r, a, "apis", view.Crumb{Label: api.Name, URL: apiPath(api.ClientID)}, view.Crumb{Label: title}),
		Title:      title, Path: apiPath(api.ClientID), ClientID: api.ClientID, Secret: secret,
	}
	page.Guides = s.apiGuides(page.Text, api, secret)
	s.showPage(w, r, http.StatusOK, false, page)
}

func (s *Server) showAPIForm(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	s.writeAPIForm(w, r, a, http.StatusOK, api, apiForm{
		uri: api.Resource, name: api.Name, scope: strings.Join(api.Scope, "\n"), format: string(api.AccessTokenFormat), seen: strconv.FormatInt(api.UpdatedAt.UnixMicro(), 10),
	})
}

// writeAPIForm shows the form of a new resource server, or of one that is there.
func (s *Server) writeAPIForm(w http.ResponseWriter, r *http.Request, a *admin, status int, api *oauth.API, f apiForm) {
	frame := s.adminFrame(w, r, a, "apis")
	t := frame.Text
	page := view.AdminAPIForm{Title: t.T("admin.apis.new.title"), Lead: t.T("admin.apis.new.lead"), Submit: t.T("admin.apis.new.submit"), Action: "/admin/apis/new", Cancel: "/admin/apis", Problem: f.problem, Seen: f.seen}
	frame.Crumbs = []view.Crumb{{Label: page.Title}}
	if api != nil {
		page.Title, page.Lead, page.Submit = t.T("admin.apis.edit.title", "Name", api.Name), t.T("admin.apis.edit.lead"), t.T("admin.apis.edit.submit")
		page.Action, page.Cancel = apiPath(api.ClientID)+"/edit", apiPath(api.ClientID)
		frame.Crumbs = []view.Crumb{{Label: api.Name, URL: apiPath(api.ClientID)}, {Label: t.T("admin.apis.edit.crumb")}}
	} else {
		page.URI = view.Field{Name: "uri", Label: t.T("admin.apis.uri.label"), Help: t.T("admin.apis.uri.help"), Value: f.uri, Type: "url", Error: f.errors["uri"], Required: true, Placeholder: "https://api.example.com", Autocomplete: "off"}
	}
	page.AdminFrame = frame
	page.Name = view.Field{Name: "name", Label: t.T("admin.apis.name.label"), Help: t.T("admin.apis.name.help"), Value: f.name, Error: f.errors["name"], Required: true, Autocomplete: "off"}
	page.Scope = view.Field{Name: "scope", Label: t.T("admin.apis.scope.label"), Help: t.T("admin.apis.scope.help"), Value: f.scope, Error: f.errors["scope"], Placeholder: "orders.read\norders.write"}
	page.Format = view.Field{Name: "access_token_format", Label: t.T("admin.apis.format.label"), Help: t.T("admin.apis.format.help"), Error: f.errors["access_token_format"]}
	for _, format := range []oauth.Format{"", oauth.FormatJWT, oauth.FormatOpaque} {
		page.Formats = append(page.Formats, view.Option{Value: string(format), Label: formatName(t, format), Help: formatHelp(t, format), Selected: string(format) == f.format})
	}
	s.showPage(w, r, status, false, page)
}

func formatHelp(t *view.Text, f oauth.Format) string {
	switch f {
	case oauth.FormatJWT:
		return t.T("admin.apis.format.jwt_help")
	case oauth.FormatOpaque:
		return t.T("admin.apis.format.opaque_help")
	}
	return t.T("admin.apis.format.client_help")
}

// changeAPI saves the form. Scopes that somebody has are taken away only after the admin has seen who that is.
func (s *Server) changeAPI(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	t, f := s.frame(r).Text, readAPIForm(r.PostForm)
	f.uri = api.Resource
	next := *api
	next.Name, next.Scope, next.AccessTokenFormat = f.name, f.parsedScope(t), oauth.Format(f.format)
	if err := next.Validate(); err != nil {
		f.refused(t, err)
	}
	if len(f.errors) > 0 {
		s.writeAPIForm(w, r, a, http.StatusUnprocessableEntity, api, f)
		return
	}
	gone := api.Scope.Without(next.Scope...)
	if len(gone) > 0 && r.PostForm.Get("removes") != gone.String() {
		use, err := oauth.UseOfScope(r.Context(), s.store, gone)
		if err != nil {
			s.unavailable(w, r, "read use of scopes", err)
			return
		}
		if len(use.Clients) > 0 || use.Grants > 0 {
			s.askRemoveScopes(w, r, a, api, f, gone, use)
			return
		}
	}
	change := oauth.APIChange{Name: next.Name, Scope: next.Scope, AccessTokenFormat: next.AccessTokenFormat, Seen: api.UpdatedAt}
	conflict := f.seen != strconv.FormatInt(api.UpdatedAt.UnixMicro(), 10)
	var err error
	if !conflict {
		_, err = oauth.ChangeAPI(r.Context(), s.store, api.ClientID, change, s.now(), s.byAdmin(r, a))
		conflict = errors.Is(err, oauth.ErrConflict)
	}
	switch {
	case conflict:
		f.problem, f.seen = t.T("admin.apis.edit.meanwhile"), strconv.FormatInt(api.UpdatedAt.UnixMicro(), 10)
		s.writeAPIForm(w, r, a, http.StatusConflict, api, f)
		return
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
		return
	case err == nil:
		err = s.oauth.Reload(r.Context())
	}
	if err != nil {
		s.unavailable(w, r, "change API", err)
		return
	}
	s.done(w, r, apiPath(api.ClientID), "done.api_changed")
}

// askRemoveScopes says who would miss the scopes, and sends the form once more with that knowledge.
func (s *Server) askRemoveScopes(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API, f apiForm, gone oauth.Scope, use oauth.ScopeUse) {
	frame := s.adminFrame(w, r, a, "apis", view.Crumb{Label: api.Name, URL: apiPath(api.ClientID)}, view.Crumb{Label: s.frame(r).Text.T("admin.apis.edit.crumb")})
	t := frame.Text
	page := view.AdminAPIConfirm{AdminFrame: frame, Confirm: view.Confirm{
		Title: t.N("admin.apis.remove.title", len(gone), "Scopes", gone.String(), "Name", api.Name), Lead: t.T("admin.apis.remove.lead"),
		Consequences: append(useLines(t, use), t.T("admin.apis.remove.refresh"), t.T("admin.apis.remove.tokens"), t.T("admin.apis.remove.ask")),
		Action:       apiPath(api.ClientID) + "/edit", Submit: t.T("admin.apis.remove.submit"), Cancel: apiPath(api.ClientID) + "/edit", FormToken: frame.FormToken, Danger: true,
		Hidden: map[string]string{"name": f.name, "scope": f.scope, "access_token_format": f.format, "seen": f.seen, "removes": gone.String()},
	}}
	s.showPage(w, r, http.StatusOK, false, page)
}

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

func (s *Server) askRotateAPISecret(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	s.writeRotateAPISecret(w, r, a, http.StatusOK, api, "", "24h")
}

func (s *Server) writeRotateAPISecret(w http.ResponseWriter, r *http.Request, a *admin, status int, api *oauth.API, problem, overlap string) {
	client, err := s.store.Client(r.Context(), api.ClientID)
	if err != nil {
		s.unavailable(w, r, "read client", err)
		return
	}
	frame := s.adminFrame(w, r, a, "apis")
	t := frame.Text
	frame.Crumbs = []view.Crumb{{Label: api.Name, URL: apiPath(api.ClientID)}, {Label: t.T("admin.apis.rotate.crumb")}}
	page := view.AdminAPIConfirm{AdminFrame: frame, Problem: problem, Overlap: view.Field{Name: "overlap", Label: t.T("admin.apis.rotate.overlap")}, Confirm: view.Confirm{
		Title: t.T("admin.apis.rotate.title", "Name", api.Name), Lead: t.T("admin.apis.rotate.lead"),
		Consequences: []string{t.T("admin.apis.rotate.once"), t.T("admin.apis.rotate.tokens")},
		Action:       apiPath(api.ClientID) + "/rotate-secret", Submit: t.T("admin.apis.rotate.submit"), Cancel: apiPath(api.ClientID), FormToken: frame.FormToken, Danger: true,
		Hidden: map[string]string{"version": strconv.FormatInt(client.Version, 10)},
	}}
	for _, o := range overlaps {
		label := t.T("admin.apis.rotate.for", "Duration", t.Duration(o.long))
		if o.long == 0 {
			label = t.T("admin.apis.rotate.now")
		}
		page.Overlaps = append(page.Overlaps, view.Option{Value: o.value, Label: label, Selected: o.value == overlap})
	}
	s.showPage(w, r, status, false, page)
}

func (s *Server) rotateAPISecret(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	t := s.frame(r).Text
	version, _ := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	overlap := r.PostForm.Get("overlap")
	i := 0
	for i < len(overlaps) && overlaps[i].value != overlap {
		i++
	}
	if i == len(overlaps) {
		s.writeRotateAPISecret(w, r, a, http.StatusUnprocessableEntity, api, t.T("admin.apis.rotate.choose"), "24h")
		return
	}
	rotation := oauth.SecretRotation{Overlap: overlaps[i].long, Version: max(version, 1)}
	_, secret, err := oauth.RotateClientSecret(r.Context(), s.store, api.ClientID, rotation, s.now(), s.byAdmin(r, a))
	switch {
	case errors.Is(err, oauth.ErrConflict):
		s.writeRotateAPISecret(w, r, a, http.StatusConflict, api, t.T("admin.apis.rotate.meanwhile"), overlap)
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "rotate secret", err)
	default:
		s.writeAPISecret(w, r, a, api, secret, t.T("admin.apis.rotated", "Name", api.Name))
	}
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

// apiGuides tell how the API checks an access token, with its real values.
func (s *Server) apiGuides(t *view.Text, api *oauth.API, secret string) []view.Guide {
	guides := []view.Guide{{ID: "introspect", Title: t.T("admin.apis.guide.introspect"), Lead: t.T("admin.apis.guide.introspect_lead"), Parts: []view.GuidePart{
		{ID: "introspect-1", Text: t.T("admin.apis.guide.introspect_curl"), Code: fmt.Sprintf("curl -s %s \\\n  -u '%s:%s' \\\n  -d token=\"$ACCESS_TOKEN\"", s.cfg.Issuer+oauth.PathIntrospect, api.ClientID, secret)},
		{ID: "introspect-2", Text: t.T("admin.apis.guide.introspect_answer"), Code: fmt.Sprintf("{\n  \"active\": true,\n  \"aud\": \"%s\",\n  \"scope\": \"%s\",\n  …\n}", api.Resource, api.Scope)},
	}}}
	if api.AccessTokenFormat == oauth.FormatOpaque {
		return guides
	}
	return append(guides, view.Guide{ID: "jwt", Title: t.T("admin.apis.guide.jwt"), Lead: t.T("admin.apis.guide.jwt_lead"), Parts: []view.GuidePart{
		{ID: "jwt-1", Text: t.T("admin.apis.guide.jwt_values"), Code: fmt.Sprintf("iss  %s\naud  %s\ntyp  at+jwt\nalg  ES256\nJWKS %s", s.cfg.Issuer, api.Resource, s.cfg.Issuer+oauth.PathJWKS)},
		{ID: "jwt-2", Text: t.T("admin.apis.guide.jwt_javascript"), Code: fmt.Sprintf(`import { createRemoteJWKSet, jwtVerify } from "jose";

const keys = createRemoteJWKSet(new URL("%s"));
const { payload } = await jwtVerify(accessToken, keys, {
  issuer: "%s", audience: "%s", typ: "at+jwt", algorithms: ["ES256"],
});
const scopes = (payload.scope ?? "").split(" ");`, s.cfg.Issuer+oauth.PathJWKS, s.cfg.Issuer, api.Resource)},
		{ID: "jwt-3", Text: t.T("admin.apis.guide.refuse"), Code: "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer error=\"invalid_token\""},
	}})
}
