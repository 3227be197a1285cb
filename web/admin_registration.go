package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/app/settings"
	"regrant/web/view"
)

// adminRegistration shows and changes the rules for applications that register themselves, and the tokens that let them.
func (s *Server) adminRegistration(area *adminArea) {
	area.readable("/admin/registration", s.showRegistration, s.changeRegistration)
	area.danger("/admin/registration/token", s.showNewInitialToken, s.makeInitialToken)
	area.danger("/admin/registration/tokens/{id}/revoke", s.ofInitialToken(s.confirmRevokeInitialToken), s.ofInitialToken(s.revokeInitialToken))
}

// rulesForm are the rules as the form has them.
type rulesForm struct {
	version                   int64
	mode                      string
	perAddress, total, unused string // the last in days
	scope                     oauth.Scope
	documents                 bool
	allow, deny               string // domains
	documentsTotal            string
	errors                    map[string]string
	problem                   string
	prove                     bool // a fresh proof of who the admin is, is missing
}

func rulesFormOf(now settings.Settings) rulesForm {
	r := now.Registration
	return rulesForm{
		version: now.Version, mode: string(r.Mode), perAddress: strconv.Itoa(r.PerAddress), total: strconv.Itoa(r.Total), unused: strconv.Itoa(int(r.Unused / day)), scope: r.Scope,
		documents: r.Documents.On, allow: strings.Join(r.Documents.Allow, "\n"), deny: strings.Join(r.Documents.Deny, "\n"), documentsTotal: strconv.Itoa(r.Documents.Total),
	}
}

// read gives the rules that the form asks for; what is no number is out of every bound.
func (f rulesForm) read() oauth.RegistrationRules {
	number := func(text string) int {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n > oauth.MaxRegisteredClients*10 {
			return -1
		}
		return n
	}
	return oauth.RegistrationRules{
		Mode: oauth.RegistrationMode(f.mode), PerAddress: number(f.perAddress), Total: number(f.total), Unused: time.Duration(number(f.unused)) * day, Scope: f.scope,
		Documents: oauth.DocumentRules{On: f.documents, Allow: readDomains(f.allow), Deny: readDomains(f.deny), Total: number(f.documentsTotal)},
	}
}

// readDomains reads a list as people type it.
func readDomains(text string) (domains []string) {
	for _, d := range strings.FieldsFunc(strings.ToLower(text), betweenDomains) {
		if !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return domains
}

func (s *Server) showRegistration(w http.ResponseWriter, r *http.Request, a *admin) {
	now, err := s.store.SiteSettings(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the settings", err)
		return
	}
	s.writeRegistration(w, r, a, http.StatusOK, rulesFormOf(now))
}

// changeRegistration saves the rules, shortly after the admin has proven who they are; until then the page keeps what was typed.
func (s *Server) changeRegistration(w http.ResponseWriter, r *http.Request, a *admin) {
	now, err := s.store.SiteSettings(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the settings", err)
		return
	}
	form, t := r.PostForm, s.frame(r).Text
	f := rulesForm{
		mode: form.Get("registration"), perAddress: form.Get("registration_per_address"), total: form.Get("registration_total"), unused: form.Get("registration_unused"),
		scope: oauth.Scope(form["scope"]), errors: map[string]string{},
		documents: form.Get("documents") == "on", allow: form.Get("documents_allow"), deny: form.Get("documents_deny"), documentsTotal: form.Get("documents_total"),
	}
	f.version, _ = strconv.ParseInt(form.Get("version"), 10, 64) // what is no number is no version either, and refused below
	next := now
	next.Version, next.Registration = f.version, f.read()
	known, err := s.knownScope(r)
	if err != nil {
		s.unavailable(w, r, "read APIs", err)
		return
	}
	if !known.Union(now.Registration.Scope).Covers(f.scope) {
		f.errors["scope"] = t.T("admin.clients.scope.unknown")
	}
	f.say(t, next.Registration)
	switch {
	case len(f.errors) > 0:
		f.problem = t.T("admin.registration.problems")
		s.writeRegistration(w, r, a, http.StatusUnprocessableEntity, f)
		return
	case !a.Fresh:
		f.problem, f.prove = t.T("admin.registration.not_fresh"), true
		s.writeRegistration(w, r, a, http.StatusForbidden, f)
		return
	}
	_, err = settings.Save(r.Context(), s.store, next, settings.LogoChange{}, s.now(), s.byAdmin(r, a))
	if err == nil {
		err = s.oauth.Reload(r.Context())
	}
	switch {
	case err == nil:
		s.site.forget()
		s.done(w, r, "/admin/registration", "done.registration_saved")
	case errors.Is(err, settings.ErrChanged):
		f.problem, f.version = t.T("admin.registration.changed_meanwhile"), now.Version
		s.writeRegistration(w, r, a, http.StatusConflict, f)
	default:
		s.unavailable(w, r, "save the rules", err)
	}
}

// say puts what is wrong beside the fields, all of it at once.
func (f *rulesForm) say(t *view.Text, r oauth.RegistrationRules) {
	good := oauth.DefaultRegistrationRules()
	for _, field := range []struct {
		name  string
		rules oauth.RegistrationRules
		text  string
	}{
		{"registration", with(good, func(g *oauth.RegistrationRules) { g.Mode = r.Mode }), t.T("admin.registration.token.lifetime_error")},
		{"registration_per_address", with(good, func(g *oauth.RegistrationRules) { g.PerAddress = r.PerAddress }), t.T("admin.registration.token.number_error", "Min", "1", "Max", t.Number(oauth.MaxRegistrationsPerAddress))},
		{"registration_total", with(good, func(g *oauth.RegistrationRules) { g.Total = r.Total }), t.T("admin.registration.token.number_error", "Min", "1", "Max", t.Number(oauth.MaxRegisteredClients))},
		{"registration_unused", with(good, func(g *oauth.RegistrationRules) { g.Unused = r.Unused }), t.T("admin.registration.token.number_error", "Min", "1", "Max", "366")},
		{"documents_total", with(good, func(g *oauth.RegistrationRules) { g.Documents.Total = r.Documents.Total }), t.T("admin.registration.token.number_error", "Min", "1", "Max", t.Number(oauth.MaxRegisteredClients))},
		{"documents_allow", with(good, func(g *oauth.RegistrationRules) { g.Documents.Allow = r.Documents.Allow }), t.T("admin.registration.documents.domain_error", "Max", t.Number(oauth.MaxDocumentDomains))},
		{"documents_deny", with(good, func(g *oauth.RegistrationRules) { g.Documents.Deny = r.Documents.Deny }), t.T("admin.registration.documents.domain_error", "Max", t.Number(oauth.MaxDocumentDomains))},
		{"scope", with(good, func(g *oauth.RegistrationRules) { g.Scope = r.Scope }), t.T("admin.clients.scope.none")},
	} {
		if field.rules.Validate() != nil {
			f.errors[field.name] = field.text
		}
	}
}

func with(rules oauth.RegistrationRules, change func(*oauth.RegistrationRules)) oauth.RegistrationRules {
	change(&rules)
	return rules
}

// knownScope gives every scope that there is.
func (s *Server) knownScope(r *http.Request) (oauth.Scope, error) {
	apis, err := s.store.APIs(r.Context())
	known := oauth.StandardScopes()
	for _, api := range apis {
		known = known.Union(api.Scope)
	}
	return known, err
}

func (s *Server) writeRegistration(w http.ResponseWriter, r *http.Request, a *admin, status int, f rulesForm) {
	frame := s.adminFrame(w, r, a, "clients", view.Crumb{Label: s.frame(r).Text.T("admin.registration.title")})
	t := frame.Text
	number := func(name, label, help, value string) view.Field {
		return view.Field{Name: name, Label: label, Help: help, Value: value, Type: "number", Required: true, Error: f.errors[name]}
	}
	page := view.AdminRegistration{
		AdminFrame: frame, Version: strconv.FormatInt(f.version, 10), Problem: f.problem, Now: s.now(), ScopeError: f.errors["scope"],
		Mode: view.Field{Name: "registration", Label: t.T("admin.registration.mode.label"), Error: f.errors["registration"], Required: true},
		Modes: []view.Option{
			{Value: string(oauth.RegistrationOff), Label: t.T("admin.registration.mode.off"), Help: t.T("admin.registration.mode.off_help"), Selected: f.mode == string(oauth.RegistrationOff)},
			{Value: string(oauth.RegistrationByToken), Label: t.T("admin.registration.mode.token"), Help: t.T("admin.registration.mode.token_help"), Selected: f.mode == string(oauth.RegistrationByToken)},
			{Value: string(oauth.RegistrationOpen), Label: t.T("admin.registration.mode.open"), Help: t.T("admin.registration.mode.open_help"), Selected: f.mode == string(oauth.RegistrationOpen)},
		},
		PerAddress: number("registration_per_address", t.T("admin.registration.per_address.label"), t.T("admin.registration.per_address.help"), f.perAddress),
		Total:      number("registration_total", t.T("admin.registration.total.label"), t.T("admin.registration.total.help"), f.total),
		Unused:     number("registration_unused", t.T("admin.registration.unused.label"), t.T("admin.registration.unused.help"), f.unused),
	}
	page.Documents = f.documents
	page.DocumentsTotal = number("documents_total", t.T("admin.registration.documents.total"), t.T("admin.registration.documents.total_help"), f.documentsTotal)
	page.Allow = view.Field{Name: "documents_allow", Label: t.T("admin.registration.documents.allow"), Help: t.T("admin.registration.documents.allow_help"), Value: f.allow, Error: f.errors["documents_allow"], Placeholder: "example.com", Autocomplete: "off"}
	page.Deny = view.Field{Name: "documents_deny", Label: t.T("admin.registration.documents.deny"), Help: t.T("admin.registration.documents.deny_help"), Value: f.deny, Error: f.errors["documents_deny"], Placeholder: "example.com", Autocomplete: "off"}
	page.Unused.Suffix = t.T("admin.registration.unused.suffix")
	if f.prove {
		page.ProveURL = "/confirm?return=%2Fadmin%2Fregistration"
	}
	if s.oauth.RegistrationOffered() {
		page.Endpoint = s.cfg.Issuer + oauth.PathRegister
	}
	focusFirst(&page.PerAddress, &page.Total, &page.DocumentsTotal, &page.Allow, &page.Deny, &page.Unused)
	var err error
	if page.Scopes, err = s.scopeBoxes(r, t, f.scope); err != nil {
		s.unavailable(w, r, "read APIs", err)
		return
	}
	now, err := s.store.SiteSettings(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the settings", err)
		return
	}
	n, err := s.store.CountClients(r.Context(), oauth.SourceDynamic, oauth.MaxRegisteredClients)
	if err != nil {
		s.unavailable(w, r, "count clients", err)
		return
	}
	page.Count = t.T("admin.registration.count", "N", t.Number(n), "Max", t.Number(now.Registration.Total))
	if n, err = s.store.CountClients(r.Context(), oauth.SourceDocument, oauth.MaxRegisteredClients); err != nil {
		s.unavailable(w, r, "count clients", err)
		return
	}
	page.DocumentCount = t.T("admin.registration.documents.count", "N", t.Number(n), "Max", t.Number(now.Registration.Documents.Total))
	tokens, err := s.store.InitialTokens(r.Context())
	if err != nil {
		s.unavailable(w, r, "list initial access tokens", err)
		return
	}
	for _, token := range tokens {
		page.Tokens = append(page.Tokens, initialTokenRow(t, token, page.Now))
	}
	s.showPage(w, r, status, false, page)
}

func initialTokenRow(t *view.Text, token oauth.InitialToken, now time.Time) view.InitialTokenRow {
	row := view.InitialTokenRow{
		Path: "/admin/registration/tokens/" + url.PathEscape(token.ID), Name: token.Name, Hint: token.Hint, CreatedAt: token.CreatedAt, ExpiresAt: token.ExpiresAt,
		Used: t.T("admin.registration.tokens.used_of", "Used", t.Number(token.Used), "Uses", t.Number(token.Uses)),
		Tone: toneGood, State: t.T("admin.registration.tokens.good"),
	}
	switch {
	case token.Used >= token.Uses:
		row.Tone, row.State = tonePlain, t.T("admin.registration.tokens.used_up")
	case token.Over(now):
		row.Tone, row.State = tonePlain, t.T("admin.registration.tokens.expired")
	}
	return row
}

// tokenLives are for how long an initial access token may be good, by the value of the form's field.
var tokenLives = []struct {
	value string
	long  time.Duration
}{{"1h", time.Hour}, {"1d", day}, {"7d", 7 * day}, {"30d", 30 * day}, {"365d", 365 * day}}

func (s *Server) showNewInitialToken(w http.ResponseWriter, r *http.Request, a *admin) {
	s.writeNewInitialToken(w, r, a, http.StatusOK, url.Values{"uses": {"1"}, "lifetime": {"7d"}}, map[string]string{}, "")
}

func (s *Server) writeNewInitialToken(w http.ResponseWriter, r *http.Request, a *admin, status int, form url.Values, wrong map[string]string, problem string) {
	frame := s.adminFrame(w, r, a, "clients")
	t := frame.Text
	frame.Crumbs = []view.Crumb{{Label: t.T("admin.registration.title"), URL: "/admin/registration"}, {Label: t.T("admin.registration.token.title")}}
	page := view.AdminInitialTokenNew{
		AdminFrame: frame, Problem: problem,
		Name:     view.Field{Name: "name", Label: t.T("admin.registration.token.name"), Help: t.T("admin.registration.token.name_help"), Value: form.Get("name"), Error: wrong["name"], Required: true, Autocomplete: "off"},
		Uses:     view.Field{Name: "uses", Label: t.T("admin.registration.token.uses"), Help: t.T("admin.registration.token.uses_help"), Value: form.Get("uses"), Error: wrong["uses"], Type: "number", Required: true},
		Lifetime: view.Field{Name: "lifetime", Label: t.T("admin.registration.token.lifetime"), Error: wrong["lifetime"], Required: true},
	}
	for _, l := range tokenLives {
		page.Lifetimes = append(page.Lifetimes, view.Option{Value: l.value, Label: t.Duration(l.long), Selected: l.value == form.Get("lifetime")})
	}
	focusFirst(&page.Name, &page.Uses)
	s.showPage(w, r, status, false, page)
}

// makeInitialToken makes a token and shows it in its answer, which no cache keeps.
func (s *Server) makeInitialToken(w http.ResponseWriter, r *http.Request, a *admin) {
	form, t := r.PostForm, s.frame(r).Text
	uses, err := strconv.Atoi(strings.TrimSpace(form.Get("uses")))
	if err != nil {
		uses = -1
	}
	var lifetime time.Duration
	for _, l := range tokenLives {
		if l.value == form.Get("lifetime") {
			lifetime = l.long
		}
	}
	token, secret, err := oauth.MakeInitialToken(r.Context(), s.store, strings.TrimSpace(form.Get("name")), uses, lifetime, s.now(), s.byAdmin(r, a))
	var e *oauth.Error
	switch {
	case err == nil:
		frame := s.adminFrame(w, r, a, "clients", view.Crumb{Label: t.T("admin.registration.title"), URL: "/admin/registration"}, view.Crumb{Label: token.Name})
		s.showPage(w, r, http.StatusOK, false, view.AdminInitialToken{
			AdminFrame: frame, Title: t.T("admin.registration.token.made", "Name", token.Name), Secret: secret, Ends: token.ExpiresAt,
			Command: registerCommand(s.cfg.Issuer, secret),
		})
	case errors.Is(err, oauth.ErrTooMany):
		s.writeNewInitialToken(w, r, a, http.StatusConflict, form, nil, t.T("admin.registration.token.too_many", "N", t.Number(oauth.MaxInitialTokens)))
	case errors.As(err, &e) && e.Code == oauth.InvalidRequest:
		field, _, _ := strings.Cut(e.Description, ": ")
		wrong := map[string]string{
			"name": t.T("admin.registration.token.name_error"), "uses": t.T("admin.registration.token.uses_error", "Max", t.Number(oauth.MaxInitialTokenUses)), "lifetime": t.T("admin.registration.token.lifetime_error"),
		}
		s.writeNewInitialToken(w, r, a, http.StatusUnprocessableEntity, form, map[string]string{field: wrong[field]}, "")
	default:
		s.unavailable(w, r, "make initial access token", err)
	}
}

// registerCommand registers an application with a token.
func registerCommand(issuer, token string) string {
	return "curl -s " + issuer + oauth.PathRegister + " \\\n  -H 'Authorization: Bearer " + token + "' \\\n  -H 'Content-Type: application/json' \\\n" +
		`  -d '{"client_name": "My app", "redirect_uris": ["http://127.0.0.1/callback"],` + "\n" +
		`       "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none"}'`
}

// ofInitialToken reads the token that the path names.
func (s *Server) ofInitialToken(h func(http.ResponseWriter, *http.Request, *admin, *oauth.InitialToken)) adminHandler {
	return func(w http.ResponseWriter, r *http.Request, a *admin) {
		tokens, err := s.store.InitialTokens(r.Context())
		if err != nil {
			s.unavailable(w, r, "list initial access tokens", err)
			return
		}
		for i := range tokens {
			if tokens[i].ID == r.PathValue("id") {
				h(w, r, a, &tokens[i])
				return
			}
		}
		s.notFound(w, r)
	}
}

func (s *Server) confirmRevokeInitialToken(w http.ResponseWriter, r *http.Request, a *admin, token *oauth.InitialToken) {
	frame := s.adminFrame(w, r, a, "clients")
	t := frame.Text
	frame.Crumbs = []view.Crumb{{Label: t.T("admin.registration.title"), URL: "/admin/registration"}, {Label: token.Name}}
	s.showPage(w, r, http.StatusOK, false, view.AdminInitialTokenRevoke{AdminFrame: frame, Confirm: view.Confirm{
		Title: t.T("admin.registration.token.revoke_title", "Name", token.Name), Lead: t.T("admin.registration.token.revoke_lead"),
		Consequences: []string{t.T("admin.registration.token.revoke_stay")}, Action: "/admin/registration/tokens/" + url.PathEscape(token.ID) + "/revoke",
		Submit: t.T("admin.registration.tokens.revoke"), Cancel: "/admin/registration", FormToken: frame.FormToken, Danger: true,
	}})
}

func (s *Server) revokeInitialToken(w http.ResponseWriter, r *http.Request, a *admin, token *oauth.InitialToken) {
	err := oauth.EndInitialToken(r.Context(), s.store, token, s.now(), s.byAdmin(r, a))
	if err != nil && !errors.Is(err, oauth.ErrNotFound) { // what was wanted is so
		s.unavailable(w, r, "revoke initial access token", err)
		return
	}
	s.done(w, r, "/admin/registration", "done.initial_token_revoked")
}
