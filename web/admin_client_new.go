package web

import (
	"crypto/rand"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// newClientForm is what the form that registers an application says.
type newClientForm struct {
	id           string
	kind         oauth.Kind
	name         string
	redirectURIs string
	scope        oauth.Scope
	keys         string            // public keys or where they stand, in the place of a secret
	errors       map[string]string // by field
}

// madeID is the form of the client_id that our own form brings.
var madeID = regexp.MustCompile(`^[a-z2-7]{26}$`)

// showNewClient shows the short form that registers an application.
func (s *Server) showNewClient(w http.ResponseWriter, r *http.Request, a *admin) {
	f := newClientForm{id: strings.ToLower(rand.Text()), kind: oauth.KindWebServer, scope: oauth.DefaultScope}
	s.writeNewClient(w, r, a, http.StatusOK, f)
}

// createClient registers an application and shows its secret, this once. A form that is sent twice registers one.
func (s *Server) createClient(w http.ResponseWriter, r *http.Request, a *admin) {
	form := r.PostForm
	f := newClientForm{
		id: form.Get("id"), kind: oauth.Kind(form.Get("kind")), name: strings.TrimSpace(form.Get("name")), redirectURIs: form.Get("redirect_uris"),
		scope: form["scope"], keys: strings.TrimSpace(form.Get("keys")), errors: map[string]string{},
	}
	c, secret, err := s.registerClient(r, a, &f)
	switch {
	case errors.Is(err, oauth.ErrExists):
		s.redirect(w, s.base+clientPath(f.id))
		return
	case err != nil && len(f.errors) == 0:
		s.unavailable(w, r, "register client", err)
		return
	case err != nil || len(f.errors) > 0:
		s.writeNewClient(w, r, a, http.StatusUnprocessableEntity, f)
		return
	}
	t := s.frame(r).Text
	s.showPage(w, r, http.StatusOK, false, view.AdminClientCreated{
		AdminFrame: s.adminFrame(w, r, a, "clients", view.Crumb{Label: t.T("admin.clients.new.title")}),
		Name:       c.Name, ID: c.ID, Path: clientPath(c.ID), Secret: secret, Keys: c.AuthMethod == oauth.AuthPrivateKeyJWT, Guides: s.guides(t, c),
	})
}

// registerClient makes the application of the form, or says in the form's errors what is wrong with it.
func (s *Server) registerClient(r *http.Request, a *admin, f *newClientForm) (c *oauth.Client, secret string, err error) {
	t := s.frame(r).Text
	site, err := s.store.SiteSettings(r.Context())
	if err != nil {
		return nil, "", err
	}
	c, known := f.kind.NewClient(site.Policy)
	if !known {
		f.errors["kind"] = t.T("admin.clients.error.kind")
		c, _ = oauth.KindWebServer.NewClient(site.Policy)
	}
	if !madeID.MatchString(f.id) {
		f.id = strings.ToLower(rand.Text())
	}
	c.ID, c.Name, c.Scope = f.id, f.name, f.scope
	if c.Scope == nil {
		c.Scope = oauth.Scope{}
	}
	if f.kind == oauth.KindMachine {
		c.Scope = c.Scope.Without(oauth.StandardScopes()...) // there is no person to ask about
	} else if c.Allows(oauth.GrantAuthorizationCode) {
		c.RedirectURIs = s.readRedirectURIs(t, f.redirectURIs, f.errors)
	}
	if f.keys != "" && c.HasSecret() {
		c.AuthMethod = oauth.AuthPrivateKeyJWT
		c.JWKS, c.JWKSURI = readKeys(f.keys)
	} else if f.keys != "" {
		f.errors["keys"] = t.T("admin.clients.error.keys_public")
	}
	if f.name == "" {
		f.errors["name"] = t.T("admin.clients.error.name")
	}
	if len(f.errors) > 0 {
		return nil, "", nil
	}
	secret, err = oauth.RegisterClient(r.Context(), s.store, c, s.now(), s.byAdmin(r, a))
	if field, text := clientProblem(t, err); err != nil && field != "" {
		f.errors[field] = text
	}
	return c, secret, err
}

func (s *Server) writeNewClient(w http.ResponseWriter, r *http.Request, a *admin, status int, f newClientForm) {
	t := s.frame(r).Text
	groups, err := s.scopeBoxes(r, t, f.scope)
	if err != nil {
		s.unavailable(w, r, "read APIs", err)
		return
	}
	page := view.AdminClientNew{
		AdminFrame: s.adminFrame(w, r, a, "clients", view.Crumb{Label: t.T("admin.clients.new.title")}),
		ID:         f.id, Kinds: kindOptions(t, f.kind), KindError: f.errors["kind"],
		Name: view.Field{
			Name: "name", Label: t.T("admin.clients.name.label"), Help: t.T("admin.clients.name.help"), Value: f.name, Required: true,
			Autocomplete: "off", Error: f.errors["name"],
		},
		RedirectURIs: redirectURIField(t, f.redirectURIs, f.errors["redirect_uris"]),
		Scopes:       groups, ScopeError: f.errors["scope"],
		Keys: keysField(t, t.T("admin.clients.new.keys_help"), f.keys, f.errors["keys"]),
	}
	for _, other := range []string{"grant_type", "auth_method", "client_id"} { // unreachable with the kinds that are offered
		if f.errors[other] != "" {
			page.KindError = f.errors[other]
		}
	}
	focusFirst(&page.Name, &page.RedirectURIs, &page.Keys)
	s.showPage(w, r, status, false, page)
}

// focusFirst gives the first field with an error the focus.
func focusFirst(fields ...*view.Field) {
	for _, f := range fields {
		if f.Error != "" {
			f.Focus = true
			return
		}
	}
}

// kindOptions are the sorts of applications, each with a sentence.
func kindOptions(t *view.Text, chosen oauth.Kind) []view.Option {
	options := []view.Option{
		{Value: string(oauth.KindWebServer), Label: t.T("admin.clients.kind.web_server.label"), Help: t.T("admin.clients.kind.web_server.help")},
		{Value: string(oauth.KindSinglePage), Label: t.T("admin.clients.kind.single_page.label"), Help: t.T("admin.clients.kind.single_page.help")},
		{Value: string(oauth.KindNative), Label: t.T("admin.clients.kind.native.label"), Help: t.T("admin.clients.kind.native.help")},
		{Value: string(oauth.KindMCP), Label: t.T("admin.clients.kind.mcp.label"), Help: t.T("admin.clients.kind.mcp.help")},
		{Value: string(oauth.KindDevice), Label: t.T("admin.clients.kind.device.label"), Help: t.T("admin.clients.kind.device.help")},
		{Value: string(oauth.KindMachine), Label: t.T("admin.clients.kind.machine.label"), Help: t.T("admin.clients.kind.machine.help")},
	}
	for i := range options {
		options[i].Selected = options[i].Value == string(chosen)
	}
	return options
}

func redirectURIField(t *view.Text, value, problem string) view.Field {
	return view.Field{
		Name: "redirect_uris", Label: t.T("admin.clients.redirect_uris.label"), Help: t.T("admin.clients.redirect_uris.help"), Value: value,
		Placeholder: "https://app.example.com/callback", Error: problem,
	}
}

// readRedirectURIs reads one redirect URI a line and names the line of each that the engine refuses.
func (s *Server) readRedirectURIs(t *view.Text, text string, errors map[string]string) []string {
	uris := readAddresses(t, "redirect_uris", text, errors, oauth.ValidateRedirectURI)
	if len(uris) == 0 && errors["redirect_uris"] == "" {
		errors["redirect_uris"] = t.T("admin.clients.error.redirect_uris")
	}
	return uris
}

// readAddresses reads one address a line for a field and names the line of each that the engine refuses.
func readAddresses(t *view.Text, field, text string, errors map[string]string, validate func(string) error) []string {
	var uris, problems []string
	for i, line := range strings.Split(text, "\n") {
		u := strings.TrimSpace(line)
		if u == "" {
			continue
		}
		if err := validate(u); err != nil {
			_, why := clientProblem(t, err)
			problems = append(problems, t.T("admin.clients.error.line", "Line", t.Number(i+1), "Problem", why))
			continue
		}
		if !slices.Contains(uris, u) {
			uris = append(uris, u)
		}
	}
	if len(problems) > 0 {
		errors[field] = strings.Join(problems, "\n")
	}
	return uris
}

// scopeBoxes are the scopes of the server and of each API, to be ticked. One that is ticked and that nobody knows any more is shown too,
// since it would be refused unseen otherwise.
func (s *Server) scopeBoxes(r *http.Request, t *view.Text, on oauth.Scope) ([]view.ScopeBoxes, error) {
	apis, err := s.store.APIs(r.Context())
	if err != nil {
		return nil, err
	}
	known := oauth.StandardScopes()
	own := view.ScopeBoxes{}
	for _, name := range oauth.StandardScopes() {
		own.Boxes = append(own.Boxes, view.ScopeBox{Name: name, Help: view.StandardScope(t, name).Title, On: on.Has(name)})
	}
	groups := []view.ScopeBoxes{own}
	for _, api := range apis {
		if len(api.Scope) == 0 {
			continue
		}
		group := view.ScopeBoxes{API: api.Name, Host: hostOf(api.Resource)}
		for _, name := range api.Scope {
			group.Boxes = append(group.Boxes, view.ScopeBox{Name: name, On: on.Has(name)})
		}
		groups, known = append(groups, group), known.Union(api.Scope)
	}
	for _, name := range on {
		if !known.Has(name) {
			groups[0].Boxes = append(groups[0].Boxes, view.ScopeBox{Name: name, Help: t.T("admin.clients.scope.unknown"), On: true})
		}
	}
	return groups, nil
}
