package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

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
