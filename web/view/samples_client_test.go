package view

import (
	"strings"
	"time"

	"github.com/a-h/templ"
)

// samplesClient are the pages of applications.
func samplesClient(f Frame) map[string]templ.Component {
	t := f.Text
	const token, path = "yD3l8Jc0R6nq", "/admin/clients/k3fj2hs7q4mzx5vnpw6ytr2abc"
	admin := func(crumbs ...Crumb) AdminFrame {
		return AdminFrame{Frame: f, Section: "clients", Crumbs: crumbs, Admin: "rosa@acme.example", FormToken: token}
	}
	now, used := since.Add(3*time.Hour), since.AddDate(0, 0, -2).Truncate(24*time.Hour)
	head := func(tab string) ClientHead {
		return ClientHead{ID: "k3fj2hs7q4mzx5vnpw6ytr2abc", Name: "Grafana", Path: path, Kind: t.T("admin.clients.kind.web_server.short"), Trusted: true, Tab: tab}
	}
	of := func(tab string) AdminFrame { return admin(Crumb{Label: "Grafana", URL: path}, Crumb{Label: tab}) }
	long := "Kraftfahrzeughaftpflichtversicherungsvermittlungsportal der Gesamtverwaltung"
	disabled := ClientHead{ID: "portal", Name: long, Path: "/admin/clients/portal", Kind: t.T("admin.clients.kind.single_page.short"), Disabled: true, Tab: "overview"}
	scopes := []ScopeBoxes{
		{Boxes: []ScopeBox{{Name: "openid", Help: t.T("scope.openid.title"), On: true}, {Name: "offline_access", Help: t.T("scope.offline_access.title")}}},
		{API: "Projects", Host: "api.acme.example", Boxes: []ScopeBox{{Name: "projects:read", On: true}, {Name: "projects:write"}}},
	}
	kinds := []Option{
		{Value: "web_server", Label: t.T("admin.clients.kind.web_server.label"), Help: t.T("admin.clients.kind.web_server.help"), Selected: true},
		{Value: "machine", Label: t.T("admin.clients.kind.machine.label"), Help: t.T("admin.clients.kind.machine.help")},
	}
	form := AdminClientNew{
		AdminFrame: admin(Crumb{Label: t.T("admin.clients.new.title")}), ID: "bq6m2z", Kinds: kinds, Scopes: scopes,
		Name:         Field{Name: "name", Label: t.T("admin.clients.name.label"), Help: t.T("admin.clients.name.help"), Required: true},
		RedirectURIs: Field{Name: "redirect_uris", Label: t.T("admin.clients.redirect_uris.label"), Help: t.T("admin.clients.redirect_uris.help")},
		Keys:         Field{Name: "keys", Label: t.T("admin.clients.keys.label"), Help: t.T("admin.clients.new.keys_help")},
	}
	wrong := form
	wrong.KindError, wrong.ScopeError = t.T("admin.clients.error.kind"), "Projects:fly is not a scope of this server."
	wrong.Name.Error, wrong.RedirectURIs.Value = t.T("admin.clients.error.name"), "https://ok.example/cb\nhttp://app.example/cb"
	wrong.RedirectURIs.Error = t.T("admin.clients.error.line", "Line", "2", "Problem", "http is allowed for 127.0.0.1, [::1] and localhost only; use https.")
	guides := []Guide{
		{ID: "curl", Title: "curl", Lead: t.T("admin.guide.machine_lead"), Parts: []GuidePart{{ID: "curl-1", Text: t.T("admin.guide.curl_begin"), Code: "ISSUER='https://id.acme.example'\ncurl -sS \"$ISSUER/token\" -u \"$CLIENT:" + SecretPlaceholder + "\""}}},
		{ID: "python", Title: "Python", Parts: []GuidePart{{ID: "python-1", Text: "pip install authlib requests", Code: "session = OAuth2Session(\"k3fj2hs7q4mzx5vnpw6ytr2abc\")"}}},
	}
	choice := func(value, label, help string, on bool) Option {
		return Option{Value: value, Label: label, Help: help, Selected: on}
	}
	field := func(name, value, problem string) Field {
		return Field{Name: name, Label: t.T("admin.clients.policy." + name + ".label"), Help: t.T("admin.clients.policy." + name + ".help"), Value: value, Error: problem, Required: true}
	}
	policy := AdminClientPolicy{
		AdminFrame: of(t.T("admin.clients.tab.policy")), ClientHead: head("policy"), Version: "7", Preset: "standard", Refreshes: true, KeepAll: true,
		Presets: []PresetLink{
			{Label: t.T("admin.clients.preset.standard.label"), Help: t.T("admin.clients.preset.standard.help"), URL: path + "/policy?preset=standard", Current: true},
			{Label: t.T("admin.clients.preset.strict.label"), Help: t.T("admin.clients.preset.strict.help"), URL: path + "/policy?preset=strict"},
		},
		Scopes: []ScopeBox{{Name: "openid", On: true}, {Name: "projects:read", On: true}},
		Fields: PolicyFields{
			Refresh:  []Option{choice("always", t.T("admin.clients.policy.refresh.always"), t.T("admin.clients.policy.refresh.always_help"), true)},
			Rotation: []Option{choice("on", t.T("admin.clients.policy.rotation.on"), t.T("admin.clients.policy.rotation.on_help"), true)},
			Grace:    field("grace", "10s", ""), Idle: field("idle", "30d", ""), Absolute: field("absolute", "180d", ""),
			OnReuse:          []Option{choice("revoke", t.T("admin.clients.policy.on_reuse.revoke"), t.T("admin.clients.policy.on_reuse.revoke_help"), true)},
			StaleGenerations: field("stale_generations", "0", ""), MaxGrants: field("max_grants", "50", ""), RefreshLimit: field("refresh_limit", "0", ""),
			AccessTokenLifetime: field("access_token_lifetime", "10m", ""),
			AccessTokenFormat:   []Option{choice("jwt", t.T("admin.clients.policy.format.jwt"), t.T("admin.clients.policy.format.jwt_help"), true)},
			IDTokenAlg:          []Option{choice("RS256", "RS256", t.T("admin.clients.policy.alg.rs256"), true)},
		},
	}
	badPolicy := policy
	badPolicy.Problem, badPolicy.KeepAll, badPolicy.Fields.RotationError = t.N("admin.clients.policy.problems", 2), false, t.T("admin.clients.error.rotation")
	badPolicy.Fields.Idle = field("idle", "200d", t.T("admin.clients.error.idle"))
	settings := AdminClientSettings{
		AdminFrame: of(t.T("admin.clients.tab.settings")), ClientHead: head("settings"), Version: "7",
		FieldName:    Field{Name: "name", Label: t.T("admin.clients.name.label"), Help: t.T("admin.clients.name.help"), Value: "Grafana", Required: true},
		RedirectURIs: Field{Name: "redirect_uris", Label: t.T("admin.clients.redirect_uris.label"), Value: "https://grafana.acme.example/login/generic_oauth"},
		LogoutURIs:   Field{Name: "post_logout_redirect_uris", Label: t.T("admin.clients.logout_uris.label"), Help: t.T("admin.clients.logout_uris.help"), Value: "https://grafana.acme.example/"},
		Backchannel:  Field{Name: "backchannel_logout_uri", Label: t.T("admin.clients.backchannel.label"), Help: t.T("admin.clients.backchannel.help"), Value: "https://grafana.acme.example/logout"},
		Scopes:       scopes, GrantTypes: []ScopeBox{{Name: "authorization_code", Help: t.T("admin.clients.grant_type.authorization_code"), On: true}},
		ExchangeSubjects:  []ScopeBox{{Name: "https://api.acme.example/", Help: "Projects", On: true}, {Name: "https://billing.acme.example/", Help: "Billing"}},
		ExchangeAudiences: []ScopeBox{{Name: "https://api.acme.example/", Help: "Projects"}, {Name: "https://billing.acme.example/", Help: "Billing", On: true}, {Name: "https://old.acme.example/", Help: t.T("admin.clients.exchange.gone"), On: true}},
		AuthMethods:       []Option{choice("client_secret_basic", t.T("admin.clients.auth.basic.label"), t.T("admin.clients.auth.basic.help"), true)},
		Keys:              Field{Name: "keys", Label: t.T("admin.clients.keys.label"), Help: t.T("admin.clients.keys.help")},
		AuthHelp:          t.T("admin.clients.auth.help"), PKCEOn: true, TrustedOn: true,
	}
	stale := settings
	stale.Problem, stale.ProveURL = t.T("admin.clients.settings.not_fresh"), "/confirm?return="+path
	stale.ExchangeError = "Token-exchange needs at least one API that it gets tokens for."
	stale.AuthError, stale.RevokeURL, stale.PKCEError = t.T("admin.clients.error.has_grants"), "/admin/grants?client=portal", t.T("admin.clients.error.pkce")
	ends := now.Add(7 * 24 * time.Hour)
	itself := ClientHead{ID: "m2z7", Name: "Grafana <img src=x>", Path: "/admin/clients/m2z7", Kind: t.T("admin.clients.kind.native.short"), Unverified: true, Tab: "overview"}
	sources := []Option{{Label: t.T("admin.clients.source.any"), Selected: true}, {Value: "admin", Label: t.T("admin.clients.source.admin")}, {Value: "dynamic", Label: t.T("admin.clients.source.dynamic")}}
	numbers := func(name, label, help, value string) Field {
		return Field{Name: name, Label: label, Help: help, Value: value, Type: "number", Required: true}
	}
	document := ClientHead{ID: "https://notes.example/oauth/client.json", Name: "Notes MCP", Path: "/admin/clients/~aHR0cHM6Ly9ub3Rlcy5leGFtcGxlL29hdXRoL2NsaWVudC5qc29u", Kind: t.T("admin.clients.kind.native.short"), Unverified: true, Tab: "overview"}
	registration := AdminRegistration{
		AdminFrame: admin(Crumb{Label: t.T("admin.registration.title")}), Version: "3", Now: now, Scopes: scopes, Count: t.T("admin.registration.count", "N", "12", "Max", "1,000"), Endpoint: "https://id.acme.example/register",
		Mode: Field{Name: "registration", Label: t.T("admin.registration.mode.label"), Required: true},
		Modes: []Option{choice("off", t.T("admin.registration.mode.off"), t.T("admin.registration.mode.off_help"), false), choice("token", t.T("admin.registration.mode.token"), t.T("admin.registration.mode.token_help"), false),
			choice("open", t.T("admin.registration.mode.open"), t.T("admin.registration.mode.open_help"), true)},
		PerAddress: numbers("registration_per_address", t.T("admin.registration.per_address.label"), t.T("admin.registration.per_address.help"), "10"),
		Total:      numbers("registration_total", t.T("admin.registration.total.label"), t.T("admin.registration.total.help"), "1000"),
		Unused:     numbers("registration_unused", t.T("admin.registration.unused.label"), t.T("admin.registration.unused.help"), "30"),
		Tokens: []InitialTokenRow{
			{Path: "/admin/registration/tokens/a", Name: long, Hint: "a7Xc", Used: "3 of 10", Tone: "success", State: t.T("admin.registration.tokens.good"), CreatedAt: since, ExpiresAt: ends},
			{Path: "/admin/registration/tokens/b", Name: "CI <b>runner", Hint: "q0Zm", Used: "1 of 1", Tone: "neutral", State: t.T("admin.registration.tokens.used_up"), CreatedAt: since, ExpiresAt: ends},
		},
	}
	registration.Documents, registration.DocumentCount = true, t.T("admin.registration.documents.count", "N", "3", "Max", "1,000")
	registration.DocumentsTotal = numbers("documents_total", t.T("admin.registration.documents.total"), t.T("admin.registration.documents.total_help"), "1000")
	registration.Allow = Field{Name: "documents_allow", Label: t.T("admin.registration.documents.allow"), Help: t.T("admin.registration.documents.allow_help"), Placeholder: "example.com"}
	registration.Deny = Field{Name: "documents_deny", Label: t.T("admin.registration.documents.deny"), Help: t.T("admin.registration.documents.deny_help"), Value: "claims.example", Placeholder: "example.com"}
	registration.Unused.Suffix = t.T("admin.registration.unused.suffix")
	closed := registration
	closed.Tokens, closed.Endpoint, closed.Problem, closed.ProveURL = nil, "", t.T("admin.registration.not_fresh"), "/confirm?return=%2Fadmin%2Fregistration"
	closed.Documents, closed.Allow.Value, closed.Allow.Error = false, "https://claims.example/", t.T("admin.registration.documents.domain_error", "Max", "100")
	closed.Total.Error, closed.ScopeError = t.T("admin.registration.token.number_error", "Min", "1", "Max", "10,000"), t.T("admin.clients.scope.none")
	newToken := AdminInitialTokenNew{
		AdminFrame: admin(Crumb{Label: t.T("admin.registration.title"), URL: "/admin/registration"}, Crumb{Label: t.T("admin.registration.token.title")}),
		Name:       Field{Name: "name", Label: t.T("admin.registration.token.name"), Help: t.T("admin.registration.token.name_help"), Required: true, Error: t.T("admin.registration.token.name_error")},
		Uses:       Field{Name: "uses", Label: t.T("admin.registration.token.uses"), Help: t.T("admin.registration.token.uses_help"), Value: "1", Type: "number", Required: true},
		Lifetime:   Field{Name: "lifetime", Label: t.T("admin.registration.token.lifetime"), Required: true}, Lifetimes: []Option{{Value: "1h", Label: "1 hour"}, {Value: "7d", Label: "7 days", Selected: true}},
	}
	push := AdminClientPush{
		AdminFrame: of(t.T("admin.clients.tab.push")), ClientHead: head("push"), CanTest: true,
		Webhook: PushWay{
			Title: t.T("admin.clients.push.webhook.title"), Lead: t.T("admin.clients.push.webhook.lead"), Kind: "webhook", URL: "https://grafana.acme.example/hooks/regrant",
			Facts: []ClientFact{{Label: t.T("admin.clients.push.secret.made"), Value: t.DateTime(since)}, {Label: t.T("admin.clients.push.secret.old"), Value: t.DateTime(now)}},
		},
		SecurityEvent: PushWay{Title: t.T("admin.clients.push.security_event.title"), Lead: t.T("admin.clients.push.security_event.lead"), Kind: "security_event"},
	}
	pushTaken, pushRefused := push, push
	pushTaken.Sent = &PushTest{
		Title: t.T("admin.clients.push.test.title", "Way", push.Webhook.Title), At: now, Taken: true, URL: push.Webhook.URL,
		Headers: []string{"Content-Type: application/json", "webhook-id: test-GB7YQ", "webhook-signature: v1,hPwMZ8XoYxXvtYvJ3Pq8bTr7Zs5V9G0mJ2cK1dN4fLQ= v1,Q8b", "webhook-timestamp: 1795608000"},
		Body:    `{"type":"webhook.test","timestamp":"2026-11-23T12:00:00Z","data":{"client_id":"k3fj2hs7q4mzx5vnpw6ytr2abc"}}`,
	}
	pushRefused.SecurityEvent.URL = "https://grafana.acme.example/events"
	pushRefused.SecurityEvent.Facts = []ClientFact{{Label: t.T("admin.clients.push.header.label"), Value: t.T("admin.clients.push.header.sent")}}
	pushRefused.Sent = &PushTest{
		Title: t.T("admin.clients.push.test.title", "Way", push.SecurityEvent.Title), At: now, Problem: "it answers with status 400, invalid_key: <b>no key</b>", URL: pushRefused.SecurityEvent.URL,
		Headers: []string{"Accept: application/json", "Authorization: …", "Content-Type: application/secevent+jwt"}, Body: "eyJhbGciOiJSUzI1NiIsInR5cCI6InNlY2V2ZW50K2p3dCJ9." + strings.Repeat("eyJpc3MiOi", 20),
	}
	pushForm := AdminClientPushChange{
		AdminFrame: of(t.T("admin.clients.tab.push")), ClientHead: head("push"), Version: "7", HasHeader: true,
		Webhook:       Field{Name: "webhook_url", Label: t.T("admin.clients.push.webhook.title"), Help: t.T("admin.clients.push.webhook.help"), Value: "http://x", Error: "Must be an https address."},
		SecurityEvent: Field{Name: "security_event_url", Label: t.T("admin.clients.push.security_event.title"), Help: t.T("admin.clients.push.security_event.help")},
		Authorization: Field{Name: "authorization", Label: t.T("admin.clients.push.header.label"), Help: t.T("admin.clients.push.header.help_set")},
	}
	return map[string]templ.Component{
		"admin_client_push": pushTaken, "admin_client_push_refused": pushRefused, "admin_client_push_change": pushForm,
		"admin_client_push_off": AdminClientPush{AdminFrame: push.AdminFrame, ClientHead: push.ClientHead, Webhook: PushWay{Title: push.Webhook.Title, Lead: push.Webhook.Lead, Kind: "webhook"}, SecurityEvent: push.SecurityEvent},
		"admin_client_push_secret": AdminClientPushSecret{AdminFrame: of(t.T("admin.clients.push.secret.crumb")), Confirm: Confirm{
			Title: t.T("admin.clients.push.secret.title", "Name", "Grafana"), Lead: t.T("admin.clients.push.secret.lead"), Action: path + "/push/secret", Submit: t.T("admin.clients.push.secret.submit"),
			Cancel: path + "/push", FormToken: token, Hidden: map[string]string{"version": "7"},
		}, Overlaps: []Option{choice("24h", "24 hours", "", true), choice("0", t.T("admin.clients.rotate.at_once"), t.T("admin.clients.push.secret.at_once_help"), false)}},
		"admin_client_push_made": AdminClientPushMade{AdminFrame: of(t.T("admin.clients.tab.push")), ClientHead: head("push"), Secret: "whsec_" + strings.Repeat("7Kq", 14) + "Q=", Lead: t.T("admin.clients.push.made.first")},
		"admin_clients_empty":    AdminClients{AdminFrame: admin(), Now: now},
		"admin_clients_none":     AdminClients{AdminFrame: admin(), Any: true, Search: "<b>nothing", Filtered: true, Sources: sources, Now: now},
		"admin_clients": AdminClients{AdminFrame: admin(), Any: true, Sources: sources, Now: now, Pager: Pager{Shown: "1–50 of 212", Next: "/admin/clients?from=50"}, Rows: []ClientRow{
			{ID: "k3fj2hs7q4mzx5vnpw6ytr2abc", Name: "Grafana", URL: path, Kind: t.T("admin.clients.kind.web_server.short"), Policy: "Standard", Grants: "1,000+", LastUsed: &used},
			{ID: "portal", Name: long, URL: "/admin/clients/portal", Kind: t.T("admin.clients.kind.single_page.short"), Policy: "Strict, adjusted", Grants: "0", Disabled: true},
			{ID: "m2z7", Name: "Grafana <img src=x>", URL: itself.Path, Kind: itself.Kind, Policy: "Multi-process", Grants: "3", LastUsed: &used, Unverified: true, LeadsTo: "claims.example:8443, localhost, com.example.app: +2"},
			{ID: document.ID, Name: document.Name, URL: document.Path, Kind: document.Kind, Policy: "Multi-process", Grants: "1", Unverified: true, LeadsTo: "localhost"},
			{ID: "job", Name: "Nightly job", URL: "/admin/clients/job", Kind: t.T("admin.clients.kind.machine.label")},
		}},
		"admin_client_new":       form,
		"admin_client_new_error": wrong,
		"admin_client_created": AdminClientCreated{AdminFrame: admin(Crumb{Label: t.T("admin.clients.new.title")}), Name: "Grafana", ID: "k3fj2hs7q4mzx5vnpw6ytr2abc",
			Path: path, Secret: "rgs1_" + strings.Repeat("7Kq", 14), Guides: guides},
		"admin_client": AdminClient{
			AdminFrame: admin(Crumb{Label: "Grafana"}), ClientHead: head("overview"), RedirectURIs: []string{"https://grafana.acme.example/login/generic_oauth"}, LogoutURIs: []string{"https://grafana.acme.example/"}, Backchannel: "https://grafana.acme.example/logout",
			Deliveries: []Delivery{
				{At: now.Add(-3 * time.Hour), Person: Party{Label: "Alice Ampère", URL: "/admin/people/1"}, Kind: t.T("admin.clients.delivery.logout"), URL: "https://grafana.acme.example/logout", Attempts: "5", Problem: "it answers with status 503", Next: now.Add(time.Hour)},
				{At: now.Add(-30 * time.Hour), Kind: t.T("admin.clients.push.webhook.title"), URL: "https://grafana.acme.example/hooks/regrant", Attempts: "11", Problem: "no answer within 3s", Dead: &now},
			},

			Scopes: []string{"openid", "projects:read"}, Created: since, Changed: now, People: true, Now: now,
			Facts:   []ClientFact{{Label: t.T("admin.clients.fact.auth"), Value: "client_secret_basic"}, {Label: t.T("admin.clients.fact.policy"), Value: "Standard", Note: "Ends after 30 days without use"}},
			Figures: []ClientFigure{{Label: t.T("admin.clients.figure.grants"), Value: "12"}, {Label: t.T("admin.clients.figure.reuses"), Value: "1", Tone: "danger"}},
			Refusals: []RefusalRow{{URL: "/admin/refusals/17", At: now.Add(-time.Minute), What: "An old refresh token came again", Code: "invalid_grant",
				Client: Party{Label: "Grafana", URL: path}, IP: "203.0.113.9", Device: "Firefox on Linux", RequestID: "0J7QKQ3M2V"}},
		},
		"admin_client_disabled": AdminClient{AdminFrame: admin(Crumb{Label: long}), ClientHead: disabled, Created: since, Changed: now, People: true, Now: now},
		"admin_client_unverified": AdminClient{
			AdminFrame: admin(Crumb{Label: itself.Name}), ClientHead: itself, RedirectURIs: []string{"https://claims.example:8443/cb"}, Scopes: []string{"openid"}, Created: since, Changed: now, People: true, Now: now,
			OwnWord: t.T("admin.clients.source.notice", "Host", "claims.example:8443", "Unused", "30 days"), Facts: []ClientFact{{Label: t.T("admin.clients.source.fact"), Value: t.T("admin.clients.source.fact_dynamic")}},
			About: []ClientFact{{Label: t.T("admin.clients.source.client_uri"), Value: "https://claims.example/"}, {Label: t.T("admin.clients.source.contacts"), Value: "<b>ops@claims.example"}},
		},
		"admin_client_document": AdminClient{
			AdminFrame: admin(Crumb{Label: document.Name}), ClientHead: document, RedirectURIs: []string{"http://localhost/callback"}, Scopes: []string{"openid"}, Created: since, Changed: now, People: true, Now: now,
			OwnWord: t.T("admin.clients.source.notice_document", "Host", "localhost", "Unused", "30 days"), Facts: []ClientFact{{Label: t.T("admin.clients.source.fact"), Value: t.T("admin.clients.source.fact_document")}},
			ReadAt: &since, FreshUntil: &now,
		},
		"admin_registration":        registration,
		"admin_registration_closed": closed,
		"admin_initial_token_new":   newToken,
		"admin_initial_token":       AdminInitialToken{AdminFrame: admin(Crumb{Label: t.T("admin.registration.title"), URL: "/admin/registration"}, Crumb{Label: long}), Title: t.T("admin.registration.token.made", "Name", long), Secret: "rgi1_" + strings.Repeat("7Kq", 14), Ends: ends, Command: "curl -s https://id.acme.example/register"},
		"admin_initial_token_revoke": AdminInitialTokenRevoke{AdminFrame: admin(Crumb{Label: t.T("admin.registration.title"), URL: "/admin/registration"}, Crumb{Label: long}), Confirm: Confirm{
			Title: t.T("admin.registration.token.revoke_title", "Name", long), Lead: t.T("admin.registration.token.revoke_lead"), Consequences: []string{t.T("admin.registration.token.revoke_stay")},
			Action: "/admin/registration/tokens/a/revoke", Submit: t.T("admin.registration.tokens.revoke"), Cancel: "/admin/registration", FormToken: token, Danger: true}},
		"admin_client_settings":    settings,
		"admin_client_settings_no": stale,
		"admin_client_policy":      policy,
		"admin_client_policy_no":   badPolicy,
		"admin_client_preview": AdminClientPolicyPreview{
			AdminFrame: of(t.T("admin.clients.policy.preview_title")), ClientHead: head("policy"), Version: "7", Action: path + "/policy/preview?idle=12h", Edit: path + "/policy?idle=12h",
			Problem: t.T("admin.clients.stale"), Changes: []PolicyChange{{t.T("admin.clients.policy.idle.label"), "30 days", "12 hours"}},
			Effects: []string{"Of the last 30 days’ 1,284 refreshes, about 96 would have been refused."}, Notes: []string{t.T("admin.clients.policy.note.idle")},
		},
		"admin_client_preview_same": AdminClientPolicyPreview{AdminFrame: of(t.T("admin.clients.policy.preview_title")), ClientHead: head("policy"), Edit: path + "/policy"},
		"admin_client_credentials": AdminClientCredentials{AdminFrame: of(t.T("admin.clients.tab.credentials")), ClientHead: head("credentials"), Method: "client_secret_basic", Now: now,
			Secrets: []ClientSecretRow{{Hint: "a7Xc", Created: since}, {Hint: "q0Zm", Created: since.AddDate(-1, 0, 0), Ends: &ends}}},
		"admin_client_keys": AdminClientCredentials{AdminFrame: of(t.T("admin.clients.tab.credentials")), ClientHead: head("credentials"), Signing: true, Now: now,
			Keys: []ClientKeyRow{{ID: "2026-11", Type: "ES256", Thumbprint: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}, {Type: "RSA 3072", Thumbprint: "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"}}},
		"admin_client_keys_at": AdminClientCredentials{AdminFrame: of(t.T("admin.clients.tab.credentials")), ClientHead: head("credentials"), Signing: true, Now: now, KeysAt: "https://grafana.acme.example/jwks.json"},
		"admin_client_public":  AdminClientCredentials{AdminFrame: of(t.T("admin.clients.tab.credentials")), ClientHead: disabled, Public: true, Now: now},
		"admin_client_rotate": AdminClientRotate{AdminFrame: of(t.T("admin.clients.rotate.crumb")), Problem: t.T("admin.clients.rotate.stale"), Error: t.T("admin.clients.error.overlap"),
			LeakHelp: t.N("admin.clients.rotate.leaked_help", 12, "Shown", "12"), Overlaps: []Option{{Value: "24h", Label: "1 day"}, {Value: "0", Label: t.T("admin.clients.rotate.at_once"), Help: t.T("admin.clients.rotate.at_once_help")}},
			Confirm: Confirm{Title: t.T("admin.clients.rotate.title", "Name", "Grafana"), Lead: t.T("admin.clients.rotate.lead"), Consequences: []string{t.T("admin.clients.rotate.stay")},
				Action: path + "/rotate", Submit: t.T("admin.clients.rotate.submit"), Cancel: path + "/credentials", FormToken: token, Hidden: map[string]string{"version": "7"}}},
		"admin_client_secret": AdminClientSecret{AdminFrame: of(t.T("admin.clients.tab.credentials")), ClientHead: head("credentials"), Secret: "rgs1_" + strings.Repeat("7Kq", 14),
			Lead: t.T("admin.clients.secret.at_once"), BackURL: path + "/credentials"},
		"admin_client_connect": AdminClientConnect{AdminFrame: of(t.T("admin.clients.tab.connect")), ClientHead: head("connect"), Secret: true, Guides: guides,
			Facts: []ConnectFact{{ID: "fact-issuer", Label: t.T("admin.clients.connect.issuer"), Value: "https://id.acme.example"}}},
		"admin_client_delete": AdminClientConfirm{AdminFrame: of(t.T("admin.clients.delete.act")), Confirm: Confirm{
			Title: t.T("admin.clients.delete.title", "Name", long), Lead: t.T("admin.clients.delete.lead"), Consequences: []string{t.N("admin.clients.delete.grants", 12, "Shown", "12"), t.T("admin.clients.delete.log")},
			Action: path + "/delete", Submit: t.T("admin.clients.delete.submit"), Cancel: path + "/settings", FormToken: token, Danger: true}},
	}
}
