package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// query is the form as the query of an address, with the version of the client that its editor has seen.
func (f policyForm) query(version int64) string {
	q := url.Values{"version": {strconv.FormatInt(version, 10)}}
	for name, values := range f.Values {
		q[name] = values
	}
	return "?" + q.Encode()
}

func (s *Server) writeClientPolicy(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, status int, f policyForm, problem string) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.tab.policy")
	t := frame.Text
	page := view.AdminClientPolicy{
		AdminFrame: frame, ClientHead: clientHead(t, c, "policy"), Version: strconv.FormatInt(c.Version, 10), Problem: problem,
		Preset: f.Get("preset"), Presets: presetLinks(t, c, f), Unsaved: f.Encode() != policyText(c.Policy), Refreshes: c.Allows(oauth.GrantRefreshToken),
		Fields: policyFields(t, f), KeepAll: f.Get("scopes_on_refresh") != "some",
	}
	if len(f.errors) > 0 && problem == "" {
		page.Problem = t.N("admin.clients.policy.problems", len(f.errors))
	}
	for _, name := range c.Scope.Union(f.Values["keep"]) {
		page.Scopes = append(page.Scopes, view.ScopeBox{Name: name, On: page.KeepAll || slices.Contains(f.Values["keep"], name)})
	}
	s.showPage(w, r, status, false, page)
}

// presetLinks lead to the form with the values of each preset. The one whose values the form has is the current one.
func presetLinks(t *view.Text, c *oauth.Client, f policyForm) []view.PresetLink {
	links := []view.PresetLink{
		{Label: t.T("admin.clients.preset.standard.label"), Help: t.T("admin.clients.preset.standard.help"), URL: string(oauth.PresetStandard)},
		{Label: t.T("admin.clients.preset.strict.label"), Help: t.T("admin.clients.preset.strict.help"), URL: string(oauth.PresetStrict)},
		{Label: t.T("admin.clients.preset.multi_process.label"), Help: t.T("admin.clients.preset.multi_process.help"), URL: string(oauth.PresetMultiProcess)},
	}
	for i := range links {
		preset, _ := oauth.PolicyOf(oauth.Preset(links[i].URL))
		links[i].Current = f.Encode() == policyText(preset)
		links[i].URL = clientPath(c.ID) + "/policy?preset=" + links[i].URL
	}
	return links
}

// policyFields are the fields with their labels, what each does, and what is wrong with it.
func policyFields(t *view.Text, f policyForm) view.PolicyFields {
	text := func(name, label, help string) view.Field {
		return view.Field{Name: name, Label: label, Help: help, Value: f.Get(name), Error: f.errors[name], Required: true, Autocomplete: "off"}
	}
	choice := func(name string, options ...view.Option) []view.Option {
		for i := range options {
			options[i].Selected = options[i].Value == f.Get(name)
		}
		return options
	}
	fields := view.PolicyFields{
		Refresh: choice("refresh",
			view.Option{Value: string(oauth.RefreshAlways), Label: t.T("admin.clients.policy.refresh.always"), Help: t.T("admin.clients.policy.refresh.always_help")},
			view.Option{Value: string(oauth.RefreshOffline), Label: t.T("admin.clients.policy.refresh.offline"), Help: t.T("admin.clients.policy.refresh.offline_help")}),
		Rotation: choice("rotation",
			view.Option{Value: "on", Label: t.T("admin.clients.policy.rotation.on"), Help: t.T("admin.clients.policy.rotation.on_help")},
			view.Option{Value: "off", Label: t.T("admin.clients.policy.rotation.off"), Help: t.T("admin.clients.policy.rotation.off_help")}),
		RotationError: f.errors["rotation"],
		Grace:         text("grace", t.T("admin.clients.policy.grace.label"), t.T("admin.clients.policy.grace.help")),
		Idle:          text("idle", t.T("admin.clients.policy.idle.label"), t.T("admin.clients.policy.idle.help")),
		Absolute:      text("absolute", t.T("admin.clients.policy.absolute.label"), t.T("admin.clients.policy.absolute.help")),
		OnReuse: choice("on_reuse",
			view.Option{Value: string(oauth.ReuseRevokes), Label: t.T("admin.clients.policy.on_reuse.revoke"), Help: t.T("admin.clients.policy.on_reuse.revoke_help")},
			view.Option{Value: string(oauth.ReuseReports), Label: t.T("admin.clients.policy.on_reuse.report"), Help: t.T("admin.clients.policy.on_reuse.report_help")}),
		OnAccessLost: choice("on_access_lost",
			view.Option{Value: string(oauth.AccessLostSuspends), Label: t.T("admin.clients.policy.on_access_lost.suspend"), Help: t.T("admin.clients.policy.on_access_lost.suspend_help")},
			view.Option{Value: string(oauth.AccessLostRevokes), Label: t.T("admin.clients.policy.on_access_lost.revoke"), Help: t.T("admin.clients.policy.on_access_lost.revoke_help")}),
		StaleGenerations:    text("stale_generations", t.T("admin.clients.policy.stale_generations.label"), t.T("admin.clients.policy.stale_generations.help")),
		MaxGrants:           text("max_grants", t.T("admin.clients.policy.max_grants.label"), t.T("admin.clients.policy.max_grants.help")),
		RefreshLimit:        text("refresh_limit", t.T("admin.clients.policy.refresh_limit.label"), t.T("admin.clients.policy.refresh_limit.help")),
		AccessTokenLifetime: text("access_token_lifetime", t.T("admin.clients.policy.access_token_lifetime.label"), t.T("admin.clients.policy.access_token_lifetime.help")),
		AccessTokenFormat: choice("access_token_format",
			view.Option{Value: string(oauth.FormatJWT), Label: t.T("admin.clients.policy.format.jwt"), Help: t.T("admin.clients.policy.format.jwt_help")},
			view.Option{Value: string(oauth.FormatOpaque), Label: t.T("admin.clients.policy.format.opaque"), Help: t.T("admin.clients.policy.format.opaque_help")}),
		IDTokenAlg: choice("id_token_alg",
			view.Option{Value: "RS256", Label: "RS256", Help: t.T("admin.clients.policy.alg.rs256")},
			view.Option{Value: "ES256", Label: "ES256", Help: t.T("admin.clients.policy.alg.es256")}),
	}
	for _, field := range []*view.Field{&fields.StaleGenerations, &fields.MaxGrants, &fields.RefreshLimit} {
		field.Type = "number"
	}
	focusFirst(&fields.Idle, &fields.Absolute, &fields.Grace, &fields.StaleGenerations, &fields.MaxGrants, &fields.RefreshLimit, &fields.AccessTokenLifetime)
	return fields
}

func (s *Server) writePolicyPreview(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, status int, to oauth.Policy, f policyForm, problem string) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.policy.preview_title")
	t := frame.Text
	effects, err := s.policyEffect(r.Context(), t, c, to)
	if err != nil {
		s.unavailable(w, r, "preview policy", err)
		return
	}
	query := f.query(c.Version)
	page := view.AdminClientPolicyPreview{
		AdminFrame: frame, ClientHead: clientHead(t, c, "policy"), Version: strconv.FormatInt(c.Version, 10), Problem: problem,
		Action: clientPath(c.ID) + "/policy/preview" + query, Edit: clientPath(c.ID) + "/policy" + query,
		Changes: policyChanges(t, c.Policy, to), Effects: effects, Notes: policyNotes(t, c, to),
	}
	s.showPage(w, r, status, false, page)
}

// policyChanges are the settings that differ, in the order of the form.
func policyChanges(t *view.Text, from, to oauth.Policy) []view.PolicyChange {
	var changes []view.PolicyChange
	add := func(setting, before, after string) {
		if before != after {
			changes = append(changes, view.PolicyChange{Setting: setting, Before: before, After: after})
		}
	}
	either := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	kept := func(scope oauth.Scope) string {
		switch {
		case scope == nil:
			return t.T("admin.clients.policy.scopes.all")
		case len(scope) == 0:
			return t.T("admin.clients.policy.scopes.none")
		}
		sorted := slices.Sorted(slices.Values(scope))
		return strings.Join(sorted, " ")
	}
	limit := func(n int) string {
		if n == 0 {
			return t.T("admin.clients.policy.refresh_limit.none")
		}
		return t.Number(n)
	}
	refresh := func(p oauth.Policy) string {
		return either(p.Refresh == oauth.RefreshOffline, t.T("admin.clients.policy.refresh.offline"), t.T("admin.clients.policy.refresh.always"))
	}
	rotation := func(p oauth.Policy) string {
		return either(p.RotationOff, t.T("admin.clients.policy.rotation.off"), t.T("admin.clients.policy.rotation.on"))
	}
	reuse := func(p oauth.Policy) string {
		return either(p.OnReuse == oauth.ReuseReports, t.T("admin.clients.policy.on_reuse.report"), t.T("admin.clients.policy.on_reuse.revoke"))
	}
	access := func(p oauth.Policy) string {
		return either(p.OnAccessLost == oauth.AccessLostRevokes, t.T("admin.clients.policy.on_access_lost.revoke"), t.T("admin.clients.policy.on_access_lost.suspend"))
	}
	format := func(p oauth.Policy) string {
		return either(p.AccessTokenFormat == oauth.FormatOpaque, t.T("admin.clients.policy.format.opaque"), t.T("admin.clients.policy.format.jwt"))
	}
	add(t.T("admin.clients.policy.preset_label"), presetLabel(t, from.Preset), presetLabel(t, to.Preset))
	add(t.T("admin.clients.policy.idle.label"), t.Duration(from.Idle), t.Duration(to.Idle))
	add(t.T("admin.clients.policy.absolute.label"), t.Duration(from.Absolute), t.Duration(to.Absolute))
	add(t.T("admin.clients.policy.refresh.label"), refresh(from), refresh(to))
	add(t.T("admin.clients.policy.rotation.label"), rotation(from), rotation(to))
	add(t.T("admin.clients.policy.grace.label"), t.Duration(from.Grace), t.Duration(to.Grace))
	add(t.T("admin.clients.policy.on_reuse.label"), reuse(from), reuse(to))
	add(t.T("admin.clients.policy.stale_generations.label"), t.Number(from.StaleGenerations), t.Number(to.StaleGenerations))
	add(t.T("admin.clients.policy.on_access_lost.label"), access(from), access(to))
	add(t.T("admin.clients.policy.max_grants.label"), t.Number(from.MaxGrants), t.Number(to.MaxGrants))
	add(t.T("admin.clients.policy.refresh_limit.label"), limit(from.RefreshLimit), limit(to.RefreshLimit))
	add(t.T("admin.clients.policy.scopes.label"), kept(from.ScopesOnRefresh), kept(to.ScopesOnRefresh))
	add(t.T("admin.clients.policy.access_token_lifetime.label"), t.Duration(from.AccessTokenLifetime), t.Duration(to.AccessTokenLifetime))
	add(t.T("admin.clients.policy.format.label"), format(from), format(to))
	add(t.T("admin.clients.policy.alg.label"), from.IDTokenAlg, to.IDTokenAlg)
	return changes
}

// policyNotes say from when on a change counts.
func policyNotes(t *view.Text, c *oauth.Client, to oauth.Policy) []string {
	var notes []string
	from := c.Policy
	if to.Idle != from.Idle {
		notes = append(notes, t.T("admin.clients.policy.note.idle"))
	}
	if to.MaxGrants < from.MaxGrants {
		notes = append(notes, t.T("admin.clients.policy.note.max_grants"))
	}
	if to.AccessTokenLifetime != from.AccessTokenLifetime || to.AccessTokenFormat != from.AccessTokenFormat {
		notes = append(notes, t.T("admin.clients.policy.note.access_token"))
	}
	if len(notes) == 0 && to.Absolute == from.Absolute {
		notes = append(notes, t.T("admin.clients.policy.note.next_use"))
	}
	return notes
}
