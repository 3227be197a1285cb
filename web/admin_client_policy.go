package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// policyForm is a policy as its form has it: the text of each field, which may not be a policy at all.
type policyForm struct {
	url.Values
	errors map[string]string // by field
}

// policyText is a policy as the fields of the form.
func policyText(p oauth.Policy) string { return policyValues(p).Encode() }

func policyValues(p oauth.Policy) url.Values {
	v := url.Values{
		"preset": {string(p.Preset)}, "refresh": {string(p.Refresh)}, "rotation": {onOffText(!p.RotationOff)}, "grace": {lifetimeText(p.Grace)},
		"idle": {lifetimeText(p.Idle)}, "absolute": {lifetimeText(p.Absolute)}, "on_reuse": {string(p.OnReuse)}, "on_access_lost": {string(p.OnAccessLost)},
		"stale_generations": {strconv.Itoa(p.StaleGenerations)}, "max_grants": {strconv.Itoa(p.MaxGrants)}, "refresh_limit": {strconv.Itoa(p.RefreshLimit)},
		"access_token_lifetime": {lifetimeText(p.AccessTokenLifetime)}, "access_token_format": {string(p.AccessTokenFormat)}, "id_token_alg": {p.IDTokenAlg},
		"scopes_on_refresh": {"all"}, "keep": p.ScopesOnRefresh,
	}
	if p.ScopesOnRefresh != nil {
		v.Set("scopes_on_refresh", "some")
	}
	return v
}

func onOffText(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// readPolicy gives the policy that the fields of a query say; what they do not mention stays as it is in p. Fields that are wrong
// stand in the form's errors, and keep their text.
func readPolicy(t *view.Text, query url.Values, c *oauth.Client) (oauth.Policy, policyForm) {
	p, f := c.Policy, policyForm{policyValues(c.Policy), map[string]string{}}
	for name := range f.Values {
		if query.Has(name) {
			f.Values[name] = query[name]
		}
	}
	f.Values["keep"] = query["keep"]
	if !query.Has("scopes_on_refresh") {
		f.Values["keep"] = c.Policy.ScopesOnRefresh
	}
	lifetime := func(name string, to *time.Duration) {
		d, err := parseLifetime(f.Get(name))
		if err != nil {
			f.errors[name] = t.T("admin.clients.error.duration")
			return
		}
		*to = d
	}
	number := func(name string, to *int) {
		n, err := strconv.Atoi(strings.TrimSpace(f.Get(name)))
		if err != nil {
			f.errors[name] = t.T("admin.clients.error.number")
			return
		}
		*to = n
	}
	lifetime("grace", &p.Grace)
	lifetime("idle", &p.Idle)
	lifetime("absolute", &p.Absolute)
	lifetime("access_token_lifetime", &p.AccessTokenLifetime)
	number("stale_generations", &p.StaleGenerations)
	number("max_grants", &p.MaxGrants)
	number("refresh_limit", &p.RefreshLimit)
	p.Preset, p.Refresh, p.RotationOff, p.OnReuse = oauth.Preset(f.Get("preset")), oauth.RefreshIssue(f.Get("refresh")), f.Get("rotation") == "off", oauth.OnReuse(f.Get("on_reuse"))
	p.OnAccessLost = oauth.OnAccessLost(f.Get("on_access_lost"))
	p.AccessTokenFormat, p.IDTokenAlg, p.ScopesOnRefresh = oauth.Format(f.Get("access_token_format")), f.Get("id_token_alg"), nil
	if f.Get("scopes_on_refresh") == "some" {
		p.ScopesOnRefresh = append(oauth.Scope{}, f.Values["keep"]...)
	}
	checkPolicy(t, p, c, f.errors)
	return p, f
}

// checkPolicy names everything that the engine finds wrong, not only the first: what was named is replaced by what is right, and asked
// about again.
func checkPolicy(t *view.Text, p oauth.Policy, c *oauth.Client, errors map[string]string) {
	good := c.Policy
	mend := map[string]func(){
		"preset": func() { p.Preset, p.StaleGenerations = good.Preset, good.StaleGenerations }, "refresh": func() { p.Refresh = good.Refresh },
		"rotation": func() { p.RotationOff = false }, "grace": func() { p.Grace = good.Grace }, "on_reuse": func() { p.OnReuse = good.OnReuse },
		"on_access_lost": func() { p.OnAccessLost = good.OnAccessLost },
		"idle":           func() { p.Idle = p.Absolute }, "absolute": func() { p.Absolute = good.Absolute }, "max_grants": func() { p.MaxGrants = good.MaxGrants },
		"access_token_lifetime": func() { p.AccessTokenLifetime = good.AccessTokenLifetime }, "refresh_limit": func() { p.RefreshLimit = good.RefreshLimit },
		"access_token_format": func() { p.AccessTokenFormat = good.AccessTokenFormat }, "id_token_alg": func() { p.IDTokenAlg = good.IDTokenAlg },
	}
	for range len(mend) {
		err := p.Validate(c.AuthMethod, c.DPoPRequired)
		if err == nil {
			return
		}
		field, text := clientProblem(t, err)
		repair, known := mend[field]
		if !known {
			return // unreachable: each setting is in the table
		}
		staleGenerations := field == "preset" && (p.StaleGenerations < 0 || p.StaleGenerations > maxStale())
		repair()
		if staleGenerations {
			field = "stale_generations"
		}
		if errors[field] == "" {
			errors[field] = policyProblem(t, field, text)
		}
	}
}

// maxStale is what the preset that forgives the most forgives.
func maxStale() int {
	p, _ := oauth.PolicyOf(oauth.PresetMultiProcess)
	return p.StaleGenerations
}

// policyProblem says the bounds of a field in the words of the form.
func policyProblem(t *view.Text, field, text string) string {
	switch field {
	case "grace":
		return t.T("admin.clients.error.grace")
	case "idle":
		return t.T("admin.clients.error.idle")
	case "absolute":
		return t.T("admin.clients.error.absolute")
	case "access_token_lifetime":
		return t.T("admin.clients.error.access_token_lifetime")
	case "max_grants":
		return t.T("admin.clients.error.max_grants")
	case "refresh_limit":
		return t.T("admin.clients.error.refresh_limit")
	case "stale_generations":
		return t.T("admin.clients.error.stale_generations")
	}
	return text
}

// showClientPolicy shows the stored policy, that of the preset that the query names, or what the query says of each field.
func (s *Server) showClientPolicy(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	t, query := s.frame(r).Text, r.URL.Query()
	f := policyForm{policyValues(c.Policy), nil}
	if query.Has("idle") || query.Has("access_token_lifetime") {
		_, f = readPolicy(t, query, c)
	} else if preset, ok := oauth.PolicyOf(oauth.Preset(query.Get("preset"))); ok {
		f.Values = policyValues(preset)
	}
	s.writeClientPolicy(w, r, a, c, http.StatusOK, f, "")
}

// previewClientPolicy shows what a change would do. Its address holds the whole policy, and saving posts to it.
func (s *Server) previewClientPolicy(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	t := s.frame(r).Text
	if r.URL.RawQuery == "" {
		s.redirect(w, s.base+clientPath(c.ID)+"/policy")
		return
	}
	to, f := readPolicy(t, r.URL.Query(), c)
	if len(f.errors) > 0 {
		s.writeClientPolicy(w, r, a, c, http.StatusUnprocessableEntity, f, "")
		return
	}
	problem := ""
	if r.URL.Query().Get("version") != strconv.FormatInt(c.Version, 10) {
		problem = t.T("admin.clients.stale")
	}
	s.writePolicyPreview(w, r, a, c, http.StatusOK, to, f, problem)
}

// changeClientPolicy saves the policy that the address says.
func (s *Server) changeClientPolicy(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	t := s.frame(r).Text
	to, f := readPolicy(t, r.URL.Query(), c)
	if len(f.errors) > 0 || r.URL.RawQuery == "" {
		s.writeClientPolicy(w, r, a, c, http.StatusUnprocessableEntity, f, "")
		return
	}
	_, err := oauth.ChangeClient(r.Context(), s.store, c.ID, func(now *oauth.Client) error {
		if strconv.FormatInt(now.Version, 10) != r.PostForm.Get("version") {
			return oauth.ErrConflict
		}
		now.Policy = to
		return nil
	}, s.now(), s.byAdmin(r, a))
	field, text := "", ""
	if err != nil {
		field, text = clientProblem(t, err)
	}
	switch {
	case err == nil:
		s.done(w, r, clientPath(c.ID)+"/policy", "done.client_policy_changed")
	case errors.Is(err, oauth.ErrConflict):
		s.writePolicyPreview(w, r, a, c, http.StatusConflict, to, f, t.T("admin.clients.stale"))
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case field != "":
		s.writeClientPolicy(w, r, a, c, http.StatusUnprocessableEntity, f, text) // no field of this form: the registration itself is wrong by now
	default:
		s.unavailable(w, r, "change policy", err)
	}
}
