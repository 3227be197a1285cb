package view

import (
	"time"

	"github.com/a-h/templ"
)

// samplesServer are the pages of the log, the keys, the APIs and the settings.
func samplesServer(f Frame) map[string]templ.Component {
	t := f.Text
	const token, id = "yD3l8Jc0R6nq", "api-q2v7m5x4"
	now := since.Add(3 * time.Hour)
	admin := func(section string, crumbs ...Crumb) AdminFrame {
		return AdminFrame{Frame: f, Section: section, Crumbs: crumbs, Admin: "rosa@acme.example", FormToken: token}
	}
	rosa := Party{Label: "Rosa Root", Note: "rosa@acme.example", URL: "/admin/people/5f0c1a52"}
	grafana := Party{Label: "Grafana", Note: "grafana", URL: "/admin/clients/grafana"}
	changed := Event{
		Seq: 1284, At: since, Kind: "client.updated", What: t.T("admin.audit.kind.client_updated"), Tone: "neutral", Who: rosa, About: []Party{grafana},
		IP: "192.0.2.7", Device: "Firefox on Linux", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0", RequestID: "0J7QKQ3M2V",
		Changes: []EventChange{{"name", "Grafana test", "Grafana"}, {"scopes on refresh", "", "openid"}}, Hash: "3b1c9e0a77",
	}
	events := []Event{changed, {
		Seq: 1283, At: since.Add(-time.Minute), Kind: "sign_in.failed", What: t.T("admin.audit.kind.sign_in_failed"), Tone: "warning", Refused: true, Result: "wrong password",
		Who: Party{Label: t.T("admin.audit.actor.somebody")}, IP: "2001:db8::1", Facts: []EventFact{{"failures", "3"}}, RequestID: "1K8RLR4N3W",
	}, {
		Seq: 1282, At: since.Add(-time.Hour), Kind: "grant.refresh_token_reused", What: t.T("admin.audit.kind.grant_reuse"), Tone: "danger", Refused: true, Result: t.T("admin.audit.result.revoked"),
		Who: grafana, About: []Party{{Label: "Alice Ampère", URL: "/admin/people/1"}, {Label: t.T("admin.audit.grant", "ID", "4Q2M5X…"), URL: "/admin/grants/4Q2M5X"}},
	}}
	any := []Option{{Label: t.T("admin.audit.filter.any_client"), Selected: true}}
	filter := AuditFilter{Groups: []Option{{Label: t.T("admin.audit.filter.any_group"), Selected: true}}, Clients: any, Results: []Option{{Label: t.T("admin.audit.filter.any_result"), Selected: true}}}
	wrong := filter
	wrong.From, wrong.FromError, wrong.Person, wrong.PersonError = "yesterday", t.T("admin.audit.wrong.day"), "nobody@acme.example", t.T("admin.audit.wrong.person")
	check := &AuditCheck{At: now, By: rosa, Events: 1284, From: since.Add(-time.Hour), To: since, Last: "1284", Hash: "3b1c9e0a77"}

	signing := []KeyRow{
		{ID: "3NBN4I3UNZX3", Algorithm: "ES256", Tone: "info", State: t.T("admin.keys.state.next"), Explained: t.T("admin.keys.state.next_help"), CreatedAt: now, ActiveAt: now.Add(time.Hour), RotatesAt: new(now.Add(90 * 24 * time.Hour))},
		{ID: "G4SSYHHTDIPO", Algorithm: "ES256", Tone: "success", State: t.T("admin.keys.state.active"), Explained: t.T("admin.keys.state.active_help"), CreatedAt: since, ActiveAt: since, EndsAt: new(now.Add(2 * time.Hour))},
	}
	others := []KeyRow{{Use: t.T("admin.keys.use.token"), Explained: t.T("admin.keys.use.token_help"), Algorithm: "HS256", Tone: "success", State: t.T("admin.keys.state.active"), CreatedAt: since, RotatesAt: new(now.Add(300 * 24 * time.Hour))}}

	guides := []Guide{{ID: "introspect", Title: t.T("admin.apis.guide.introspect"), Lead: t.T("admin.apis.guide.introspect_lead"), Parts: []GuidePart{{ID: "introspect-1", Text: t.T("admin.apis.guide.introspect_curl"), Code: "curl -s https://id.acme.example/introspect"}}}}
	formats := []Option{{Label: t.T("admin.apis.format.client"), Help: t.T("admin.apis.format.client_help"), Selected: true}, {Value: "jwt", Label: t.T("admin.apis.format.jwt"), Help: t.T("admin.apis.format.jwt_help")}}
	apiForm := AdminAPIForm{
		AdminFrame: admin("apis", Crumb{Label: t.T("admin.apis.new.title")}), Title: t.T("admin.apis.new.title"), Lead: t.T("admin.apis.new.lead"), Submit: t.T("admin.apis.new.submit"),
		Action: "/admin/apis/new", Cancel: "/admin/apis",
		URI:    Field{Name: "uri", Label: t.T("admin.apis.uri.label"), Help: t.T("admin.apis.uri.help"), Type: "url", Value: "orders", Error: t.T("admin.apis.error.uri"), Required: true},
		Name:   Field{Name: "name", Label: t.T("admin.apis.name.label"), Value: "Orders", Required: true},
		Scope:  Field{Name: "scope", Label: t.T("admin.apis.scope.label"), Help: t.T("admin.apis.scope.help"), Value: "orders.read\norders.write"},
		Format: Field{Name: "access_token_format", Label: t.T("admin.apis.format.label")}, Formats: formats,
	}
	settings := AdminSettings{
		AdminFrame: admin("settings"), Version: "3", HasLogo: true, Preset: "standard", StaleGenerations: "0",
		Name:         Field{Name: "name", Label: t.T("admin.settings.name.label"), Help: t.T("admin.settings.name.help"), Value: "Acme Identity"},
		Accent:       Field{Name: "accent", Label: t.T("admin.settings.accent.label"), Help: t.T("admin.settings.accent.help"), Value: "#c2410c"},
		Logo:         Field{Name: "logo", Label: t.T("admin.settings.logo.label"), Help: t.T("admin.settings.logo.help"), Type: "file"},
		Domains:      Field{Name: "invite_domains", Label: t.T("admin.settings.domains.label"), Value: "acme.example"},
		SignUp:       SignUpChoice{Domains: Field{Name: "signup_domains", Label: t.T("admin.settings.signup.domains_label"), Help: t.T("admin.settings.signup.domains_help")}},
		Registration: t.T("admin.settings.registration.off"),
		Mail:         t.T("admin.mail.on", "Server", "smtp.acme.example:587 (STARTTLS), from id@acme.example"), TestMail: t.T("admin.mail.test", "Email", "rosa@acme.example"),
		Policy: PolicyFields{
			Idle: Field{Name: "idle", Label: t.T("admin.clients.policy.idle.label"), Value: "30d"}, Absolute: Field{Name: "absolute", Label: t.T("admin.clients.policy.absolute.label"), Value: "180d"},
			Grace: Field{Name: "grace", Label: t.T("admin.clients.policy.grace.label"), Value: "10s"}, AccessTokenLifetime: Field{Name: "access_token_lifetime", Label: t.T("admin.clients.policy.access_token_lifetime.label"), Value: "10m"},
			MaxGrants: Field{Name: "max_grants", Label: t.T("admin.clients.policy.max_grants.label"), Value: "50", Type: "number"}, RefreshLimit: Field{Name: "refresh_limit", Label: t.T("admin.clients.policy.refresh_limit.label"), Value: "0", Type: "number"},
			Refresh: []Option{{Value: "always", Label: t.T("admin.clients.policy.refresh.always"), Selected: true}},
		},
		Presets: []PresetLink{{Label: t.T("admin.clients.preset.strict.label"), Help: t.T("admin.clients.preset.strict.help"), URL: "/admin/settings?preset=strict#policy"}},
		Preview: LookPreview{
			Name:  "Acme Identity",
			Light: LookColors{"#f6f7f9", "#ffffff", "#171b24", "#5b6475", "#e0e3ea", "#bb3f0c", "#ffffff", "#bb3f0c"},
			Dark:  LookColors{"#0f1115", "#171a21", "#f0f1f5", "#98a1b3", "#2b303b", "#d67b57", "#270d02", "#c2410c"},
		},
		Backups:     []EventFact{{t.T("admin.settings.backup.schedule"), t.T("admin.settings.backup.schedule_every", "Duration", t.Duration(24*time.Hour), "N", "7", "Dir", "/var/backups/regrant")}, {t.T("admin.settings.backup.last"), t.T("admin.settings.backup.last_made", "Ago", t.Ago(since, now), "At", t.DateTime(since), "Size", "12.4", "File", "/var/backups/regrant/regrant-20261128T030000Z.db")}},
		Server:      []EventFact{{t.T("admin.settings.server.issuer"), "https://id.acme.example"}, {t.T("admin.settings.server.master_key"), t.T("admin.settings.server.master_key_none")}},
		Environment: []EnvironmentRow{{"listen", "127.0.0.1:8080", t.T("admin.settings.source.flag"), true}, {"origin", "", t.T("admin.settings.source.default"), false}},
	}
	settings.Look = Look{Name: "Acme Identity", Logo: "/brand/logo.0123456789abcdef.png", Accent: "/brand/accent.0123456789ab.css"}
	refused := settings
	refused.Problem, refused.HasLogo, refused.Look = t.T("admin.settings.problems"), false, Look{}
	refused.Accent.Value, refused.Accent.Error, refused.Logo.Error = "red", t.T("admin.settings.error.accent"), t.T("admin.settings.error.logo_format")

	return map[string]templ.Component{
		"admin_audit":        AdminAudit{AdminFrame: admin("audit"), Now: now, Filter: filter, Events: events, Pager: Pager{Next: "/admin/audit?before=1282"}, CSV: "/admin/audit/export.csv", JSON: "/admin/audit/export.jsonl", Check: check},
		"admin_audit_empty":  AdminAudit{AdminFrame: admin("audit"), Now: now, Filter: filter},
		"admin_audit_none":   AdminAudit{AdminFrame: admin("audit"), Now: now, Filter: filter, Filtered: true, Short: true, Pager: Pager{First: "/admin/audit", Next: "/admin/audit?before=7"}, Check: &AuditCheck{At: now, By: rosa, Broken: true, BrokenAt: "700", Missing: true, Events: 699, Last: "699", From: since, To: since}},
		"admin_audit_wrong":  AdminAudit{AdminFrame: admin("audit"), Now: now, Filter: wrong, Filtered: true, Wrong: true, Check: &AuditCheck{At: now, By: rosa, Cut: true, Events: 100000, Last: "100000", From: since, To: since}},
		"admin_audit_event":  AdminAuditEvent{AdminFrame: admin("audit", Crumb{Label: t.T("admin.audit.event", "Seq", "1284")}), Now: now, Event: changed, SameRequest: "/admin/audit?request=0J7QKQ3M2V", WhyRefused: "/admin/refusals?request_id=0J7QKQ3M2V"},
		"admin_keys":         AdminKeys{AdminFrame: admin("keys"), Now: now, Signing: signing, Others: others, JWKS: "https://id.acme.example/.well-known/jwks.json", Pending: true, Seal: KeySeal{Tone: "success", State: t.T("admin.keys.seal.sealed"), Explained: t.T("admin.keys.seal.sealed_help", "At", t.DateTime(now))}},
		"admin_keys_empty":   AdminKeys{AdminFrame: admin("keys"), Now: now, JWKS: "https://id.acme.example/.well-known/jwks.json", Seal: KeySeal{Tone: "warning", State: t.T("admin.keys.seal.held"), Explained: t.T("admin.keys.seal.held_help"), Command: "regrant key seal"}},
		"admin_keys_rotate":  AdminKeysRotate{AdminFrame: admin("keys", Crumb{Label: t.T("admin.keys.rotate.title")}), Problem: t.T("admin.keys.rotate.meanwhile"), Confirm: Confirm{Title: t.T("admin.keys.rotate.ask"), Consequences: []string{t.T("admin.keys.rotate.nobody")}, Action: "/admin/keys/rotate", Submit: t.T("admin.keys.rotate.submit"), Cancel: "/admin/keys", FormToken: token, Danger: true, Hidden: map[string]string{"seen": "G4SSYHHTDIPO"}}},
		"admin_apis":         AdminAPIs{AdminFrame: admin("apis"), Now: now, Rows: []APIRow{{Name: "Orders", Resource: "https://orders.acme.example", URL: "/admin/apis/" + id, Scopes: []string{"orders.read", "orders.write"}, Format: t.T("admin.apis.format.opaque"), Clients: 2, CreatedAt: since}, {Name: "Bare", Resource: "https://bare.acme.example", URL: "/admin/apis/b", Format: t.T("admin.apis.format.client"), CreatedAt: since}}},
		"admin_apis_empty":   AdminAPIs{AdminFrame: admin("apis"), Now: now},
		"admin_api":          AdminAPI{AdminFrame: admin("apis", Crumb{Label: "Orders"}), Name: "Orders", Path: "/admin/apis/" + id, Resource: "https://orders.acme.example", Scopes: []string{"orders.read"}, Format: t.T("admin.apis.format.jwt"), ClientID: id, Secrets: []ClientSecretRow{{Hint: "x7Qa", Created: since}, {Hint: "coJi", Created: since, Ends: new(now)}}, Clients: []Party{grafana}, Grants: t.N("admin.apis.grants", 12), CreatedAt: since, UpdatedAt: now, Guides: guides, History: "/admin/audit?client=" + id},
		"admin_api_new":      apiForm,
		"admin_api_secret":   AdminAPISecret{AdminFrame: admin("apis", Crumb{Label: "Orders", URL: "/admin/apis/" + id}, Crumb{Label: t.T("admin.apis.rotated", "Name", "Orders")}), Title: t.T("admin.apis.rotated", "Name", "Orders"), Path: "/admin/apis/" + id, ClientID: id, Secret: "rgs1_0000000000000000000000000000", Guides: guides},
		"admin_api_confirm":  AdminAPIConfirm{AdminFrame: admin("apis", Crumb{Label: t.T("admin.apis.rotate.crumb")}), Problem: t.T("admin.apis.rotate.choose"), Overlap: Field{Name: "overlap", Label: t.T("admin.apis.rotate.overlap")}, Overlaps: []Option{{Value: "24h", Label: t.T("admin.apis.rotate.for", "Duration", "1 day"), Selected: true}}, Confirm: Confirm{Title: t.T("admin.apis.rotate.title", "Name", "Orders"), Action: "/admin/apis/" + id + "/rotate-secret", Submit: t.T("admin.apis.rotate.submit"), Cancel: "/admin/apis/" + id, FormToken: token, Danger: true}},
		"admin_settings":     settings,
		"admin_settings_422": refused,
	}
}
