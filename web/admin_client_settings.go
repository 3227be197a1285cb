package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// clientForm is a registration as the form has it.
type clientForm struct {
	version      int64
	name         string
	redirectURIs string
	logoutURIs   string // post_logout_redirect_uris
	backchannel  string // backchannel_logout_uri
	logoutSID    bool   // backchannel_logout_session_required
	scope        oauth.Scope
	grantTypes   []string
	authMethod   oauth.AuthMethod
	keys         string // a JWK set, or where one stands
	trusted      bool
	pkce         bool
	repeat       bool // the redirect URI at the token endpoint
	formPost     bool
	second       bool // two factors
	par          bool // pushed requests only
	dpop         bool // bound access tokens only
	restricted   bool
	groups       []string    // ids
	exchange     [2][]string // resources: whose tokens it may exchange, and for which it gets tokens

	errors  map[string]string // by field
	problem string            // why nothing was saved, where it is no field's fault
	prove   bool              // what is missing is a fresh proof of who the admin is
	revoke  bool              // grants are in the way
}

func clientFormOf(c *oauth.Client) clientForm {
	f := clientForm{
		version: c.Version, name: c.Name, redirectURIs: strings.Join(c.RedirectURIs, "\n"), logoutURIs: strings.Join(c.PostLogoutRedirectURIs, "\n"),
		backchannel: c.BackchannelLogoutURI, logoutSID: c.LogoutSessionRequired, scope: c.Scope, grantTypes: c.GrantTypes,
		authMethod: c.AuthMethod, trusted: c.Trusted, pkce: !c.PKCEWaived, repeat: c.RedirectURIRequired, second: c.SecondFactor, par: c.PARRequired, dpop: c.DPoPRequired, formPost: c.FormPost, errors: map[string]string{},
		restricted: c.Restricted, keys: c.JWKS + c.JWKSURI, exchange: [2][]string{c.ExchangeSubjects, c.ExchangeAudiences},
	}
	for _, g := range c.Groups {
		f.groups = append(f.groups, g.ID)
	}
	return f
}

func readClientForm(form url.Values) clientForm {
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64)
	return clientForm{
		version: version, name: strings.TrimSpace(form.Get("name")), redirectURIs: form.Get("redirect_uris"), logoutURIs: form.Get("post_logout_redirect_uris"),
		backchannel: strings.TrimSpace(form.Get("backchannel_logout_uri")), logoutSID: form.Get("backchannel_logout_session_required") == "on", scope: form["scope"],
		restricted: form.Get("access") == "groups", groups: form["group"], exchange: [2][]string{form["exchange_subject"], form["exchange_audience"]},
		grantTypes: form["grant_type"], authMethod: oauth.AuthMethod(form.Get("auth_method")), keys: strings.TrimSpace(form.Get("keys")), trusted: form.Get("trusted") == "on",
		pkce: form.Get("pkce") == "on", repeat: form.Get("redirect_uri_required") == "on", second: form.Get("second_factor") == "on", par: form.Get("require_par") == "on", dpop: form.Get("dpop") == "on", formPost: form.Get("form_post") == "on", errors: map[string]string{},
	}
}

func (s *Server) showClientSettings(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.writeClientSettings(w, r, a, c, http.StatusOK, clientFormOf(c))
}

// errNotFresh says that the admin has not proven lately who they are.
var errNotFresh = errors.New("no fresh proof of who the admin is")

// changeClient saves the settings. What gives somebody power is saved only shortly after the admin has proven who they are; until
// then the page keeps what was typed.
func (s *Server) changeClient(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	f, t := readClientForm(r.PostForm), s.frame(r).Text
	wanted := s.wanted(t, c, &f)
	groups, err := s.groups.Groups(r.Context())
	if err != nil {
		s.unavailable(w, r, "list groups", err)
		return
	}
	if r.PostForm.Has("access") { // a form of a client that people do not sign in to has no such choice
		wanted.Restricted, wanted.Groups = f.restricted, f.wantedGroups(t, groups)
	}
	if len(f.errors) > 0 {
		s.writeClientSettings(w, r, a, c, http.StatusUnprocessableEntity, f)
		return
	}
	_, err = oauth.ChangeClient(r.Context(), s.store, c.ID, func(now *oauth.Client) error {
		if now.Version != f.version {
			return oauth.ErrConflict
		}
		if wanted.Loosens(now) && !a.Fresh {
			return errNotFresh
		}
		now.Name, now.RedirectURIs, now.Scope, now.GrantTypes, now.AuthMethod = wanted.Name, wanted.RedirectURIs, wanted.Scope, wanted.GrantTypes, wanted.AuthMethod
		now.JWKS, now.JWKSURI, now.AuthSigningAlg = wanted.JWKS, wanted.JWKSURI, wanted.AuthSigningAlg
		now.PostLogoutRedirectURIs, now.BackchannelLogoutURI, now.LogoutSessionRequired = wanted.PostLogoutRedirectURIs, wanted.BackchannelLogoutURI, wanted.LogoutSessionRequired
		now.Trusted, now.PKCEWaived, now.RedirectURIRequired = wanted.Trusted, wanted.PKCEWaived, wanted.RedirectURIRequired
		now.SecondFactor, now.PARRequired, now.DPoPRequired, now.FormPost = wanted.SecondFactor, wanted.PARRequired, wanted.DPoPRequired, wanted.FormPost
		now.ExchangeSubjects, now.ExchangeAudiences = wanted.ExchangeSubjects, wanted.ExchangeAudiences
		now.Restricted, now.Groups = wanted.Restricted, wanted.Groups
		return nil
	}, s.now(), s.byAdmin(r, a))
	field, text := "", ""
	if err != nil {
		field, text = clientProblem(t, err)
	}
	switch {
	case err == nil:
		s.done(w, r, clientPath(c.ID)+"/settings", "done.client_changed")
	case errors.Is(err, errNotFresh):
		f.problem, f.prove = t.T("admin.clients.settings.not_fresh"), true
		s.writeClientSettings(w, r, a, c, http.StatusForbidden, f)
	case errors.Is(err, oauth.ErrConflict), errors.Is(err, oauth.ErrNoGroup):
		f.version, f.problem = c.Version, t.T("admin.clients.stale")
		s.writeClientSettings(w, r, a, c, http.StatusConflict, f)
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case field != "":
		f.revoke = field == "auth_method" && wanted.Public() && !c.Public()
		if f.errors[field] = text; f.revoke {
			f.errors[field] = t.T("admin.clients.error.has_grants")
		}
		s.writeClientSettings(w, r, a, c, http.StatusUnprocessableEntity, f)
	default:
		s.unavailable(w, r, "change client", err)
	}
}

// wanted is the registration that the form asks for; what cannot be read stands in the form's errors.
func (s *Server) wanted(t *view.Text, c *oauth.Client, f *clientForm) *oauth.Client {
	wanted := *c
	wanted.Name, wanted.Scope, wanted.GrantTypes = f.name, f.scope, f.grantTypes
	wanted.Trusted, wanted.PKCEWaived, wanted.RedirectURIRequired = f.trusted, !f.pkce, f.repeat
	wanted.SecondFactor, wanted.PARRequired, wanted.DPoPRequired, wanted.FormPost = f.second, f.par, f.dpop, f.formPost
	wanted.ExchangeSubjects, wanted.ExchangeAudiences = f.exchange[0], f.exchange[1]
	wanted.BackchannelLogoutURI, wanted.LogoutSessionRequired = f.backchannel, f.logoutSID
	if f.authMethod != "" {
		wanted.AuthMethod = f.authMethod
	}
	if wanted.AuthMethod == oauth.AuthPrivateKeyJWT {
		wanted.JWKS, wanted.JWKSURI = readKeys(f.keys)
	}
	if wanted.Scope == nil {
		wanted.Scope = oauth.Scope{}
	}
	if wanted.GrantTypes == nil {
		f.errors["grant_type"] = t.T("admin.clients.error.grant_type")
	}
	if f.name == "" {
		f.errors["name"] = t.T("admin.clients.error.name")
	}
	if wanted.RedirectURIs = nil; wanted.Allows(oauth.GrantAuthorizationCode) || strings.TrimSpace(f.redirectURIs) != "" {
		wanted.RedirectURIs = s.readRedirectURIs(t, f.redirectURIs, f.errors)
	}
	wanted.PostLogoutRedirectURIs = readAddresses(t, "post_logout_redirect_uris", f.logoutURIs, f.errors, oauth.ValidatePostLogoutRedirectURI)
	return &wanted
}

func (s *Server) writeClientSettings(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, status int, f clientForm) {
	t := s.frame(r).Text
	groups, err := s.scopeBoxes(r, t, f.scope)
	if err != nil {
		s.unavailable(w, r, "read APIs", err)
		return
	}
	page := view.AdminClientSettings{
		AdminFrame: s.clientFrame(w, r, a, c, "admin.clients.tab.settings"), ClientHead: clientHead(t, c, "settings"),
		Version: strconv.FormatInt(f.version, 10), Problem: f.problem,
		FieldName: view.Field{
			Name: "name", Label: t.T("admin.clients.name.label"), Help: t.T("admin.clients.name.help"), Value: f.name, Required: true,
			Autocomplete: "off", Error: f.errors["name"],
		},
		RedirectURIs: redirectURIField(t, f.redirectURIs, f.errors["redirect_uris"]),
		LogoutURIs: view.Field{
			Name: "post_logout_redirect_uris", Label: t.T("admin.clients.logout_uris.label"), Help: t.T("admin.clients.logout_uris.help"),
			Value: f.logoutURIs, Placeholder: "https://app.example.com/", Error: f.errors["post_logout_redirect_uris"],
		},
		Backchannel: view.Field{
			Name: "backchannel_logout_uri", Label: t.T("admin.clients.backchannel.label"), Help: t.T("admin.clients.backchannel.help"),
			Value: f.backchannel, Placeholder: "https://app.example.com/backchannel-logout", Error: f.errors["backchannel_logout_uri"], Autocomplete: "off",
		},
		LogoutSIDOn: f.logoutSID, FromDocument: c.Source == oauth.SourceDocument,
		Scopes: groups, ScopeError: f.errors["scope"], GrantTypes: grantTypeBoxes(t, f.grantTypes), GrantError: f.errors["grant_type"],
		AuthMethods: authMethods(t, f.authMethod, c), AuthHelp: t.T("admin.clients.auth.help"), AuthError: f.errors["auth_method"],
		Keys:   keysField(t, t.T("admin.clients.keys.help"), f.keys, f.errors["keys"]),
		Public: !c.HasSecret(), TrustedOn: f.trusted, PKCEOn: f.pkce, PKCEError: f.errors["pkce"], RepeatOn: f.repeat, SecondOn: f.second, PAROn: f.par, DPoPOn: f.dpop, FormPostOn: f.formPost,
	}
	if page.AccessOptions, page.AccessGroups, page.AccessLabels, err = s.accessChoice(r, t, c, f); err != nil {
		s.unavailable(w, r, "list groups", err)
		return
	}
	page.AccessError = f.errors["group"]
	if page.ExchangeSubjects, err = s.apiBoxes(r, t, f.exchange[0]); err == nil {
		page.ExchangeAudiences, err = s.apiBoxes(r, t, f.exchange[1])
	}
	if err != nil {
		s.unavailable(w, r, "read APIs", err)
		return
	}
	page.ExchangeError = f.errors["exchange_audience"] + f.errors["exchange_subject"]
	if c.Public() {
		page.AuthHelp = t.T("admin.clients.auth.help_public")
	}
	if f.prove {
		page.ProveURL = "/confirm?return=" + url.QueryEscape(clientPath(c.ID)+"/settings")
	}
	if f.revoke {
		page.RevokeURL = "/admin/grants?client=" + url.QueryEscape(c.ID)
	}
	if other := f.errors["rotation"]; other != "" && page.AuthError == "" { // its policy forbids what the form asks for
		page.AuthError = other
	}
	focusFirst(&page.FieldName, &page.RedirectURIs, &page.LogoutURIs, &page.Backchannel, &page.Keys)
	s.showPage(w, r, status, false, page)
}

func grantTypeBoxes(t *view.Text, on []string) []view.ScopeBox {
	return []view.ScopeBox{
		{Name: oauth.GrantAuthorizationCode, Help: t.T("admin.clients.grant_type.authorization_code"), On: slices.Contains(on, oauth.GrantAuthorizationCode)},
		{Name: oauth.GrantRefreshToken, Help: t.T("admin.clients.grant_type.refresh_token"), On: slices.Contains(on, oauth.GrantRefreshToken)},
		{Name: oauth.GrantDeviceCode, Help: t.T("admin.clients.grant_type.device_code"), On: slices.Contains(on, oauth.GrantDeviceCode)},
		{Name: oauth.GrantClientCredentials, Help: t.T("admin.clients.grant_type.client_credentials"), On: slices.Contains(on, oauth.GrantClientCredentials)},
		{Name: oauth.GrantTokenExchange, Help: t.T("admin.clients.grant_type.token_exchange"), On: slices.Contains(on, oauth.GrantTokenExchange)},
	}
}

// apiBoxes are the APIs, to be ticked. One that is ticked and gone is shown too, as in scopeBoxes.
func (s *Server) apiBoxes(r *http.Request, t *view.Text, on []string) ([]view.ScopeBox, error) {
	apis, err := s.store.APIs(r.Context())
	if err != nil {
		return nil, err
	}
	var boxes []view.ScopeBox
	for _, api := range apis {
		boxes = append(boxes, view.ScopeBox{Name: api.Resource, Help: api.Name, On: slices.Contains(on, api.Resource)})
	}
	for _, resource := range on {
		if !slices.ContainsFunc(apis, func(a oauth.API) bool { return a.Resource == resource }) {
			boxes = append(boxes, view.ScopeBox{Name: resource, Help: t.T("admin.clients.exchange.gone"), On: true})
		}
	}
	return boxes, nil
}

// authMethods are the ways to authenticate that a client may be given. One without a secret gets that first, by its rotation.
func authMethods(t *view.Text, chosen oauth.AuthMethod, c *oauth.Client) []view.Option {
	options := []view.Option{
		{Value: string(oauth.AuthPrivateKeyJWT), Label: t.T("admin.clients.auth.key.label"), Help: t.T("admin.clients.auth.key.help")},
		{Value: string(oauth.AuthNone), Label: t.T("admin.clients.auth.none.label"), Help: t.T("admin.clients.auth.none.help")},
	}
	if c.HasSecret() {
		options = append(secretMethods(t, chosen), options...)
	}
	return selected(options, chosen)
}

// secretMethods are the ways to send a secret.
func secretMethods(t *view.Text, chosen oauth.AuthMethod) []view.Option {
	return selected([]view.Option{
		{Value: string(oauth.AuthBasic), Label: t.T("admin.clients.auth.basic.label"), Help: t.T("admin.clients.auth.basic.help")},
		{Value: string(oauth.AuthPost), Label: t.T("admin.clients.auth.post.label"), Help: t.T("admin.clients.auth.post.help")},
	}, chosen)
}

func selected(options []view.Option, chosen oauth.AuthMethod) []view.Option {
	for i := range options {
		options[i].Selected = options[i].Value == string(chosen)
	}
	return options
}

func keysField(t *view.Text, help, value, problem string) view.Field {
	return view.Field{
		Name: "keys", Label: t.T("admin.clients.keys.label"), Help: help, Value: value, Placeholder: "https://app.example.com/jwks.json", Error: problem,
	}
}

// readKeys tells the keys of a client from the address at which they stand.
func readKeys(text string) (jwks, address string) {
	if text == "" || strings.HasPrefix(text, "{") {
		return text, ""
	}
	return "", text
}
