package view

import (
	"context"
	"io"
	"maps"
	"time"

	"github.com/a-h/templ"
)

var since = time.Date(2026, 11, 22, 14, 3, 0, 0, time.UTC)

// samples are the pages in the states a person meets them in.
func samples(f Frame) map[string]templ.Component {
	t := f.Text
	const request, token = "9Yb0c2rVJXk1mQ5s", "yD3l8Jc0R6nq"
	account := ScopeGroup{Scopes: []Scope{StandardScope(t, "openid"), StandardScope(t, "profile"), StandardScope(t, "email")}}
	projects := ScopeGroup{API: "Projects", Host: "api.acme.example", Scopes: []Scope{
		{Name: "projects:read", Title: "Read your projects", Description: "Their names, members and files"},
		{Name: "projects:write", Title: "Change your projects", Description: "Create, edit and delete them", Unticked: true},
	}}
	notFound := ProblemNotFound.Page(f)
	document := ProblemDocument.Page(f)
	document.Code, document.Detail, document.RequestID = "invalid_client_metadata", "The document at the client_id cannot be used: it answers with status 404", "J2QZ5VXQ2K7Y3M4N6P8R"
	notFound.RequestID = "0J7QKQ3M2V"
	redirectURI := ProblemRedirectURI.Page(f)
	redirectURI.ClientName, redirectURI.RequestID = "Grafana", "0J7QKQ3M2V"
	redirectURI.Code, redirectURI.Detail = "invalid_request", "redirect_uri is not registered for this client"
	tooMany := ProblemTooMany.Page(f)
	tooMany.RetryAfter, tooMany.RequestID = 45*time.Second, "0J7QKQ3M2V"
	back := LogoutBack{ClientID: "grafana", RedirectURI: "https://grafana.acme.example/bye", State: "s-1"}
	pages := map[string]templ.Component{
		"login":        Login{Frame: f, FormToken: token},
		"login_client": Login{Frame: f, ClientName: "Grafana", ClientHost: "grafana.acme.example", Request: request, FormToken: token},
		"login_error": Login{
			Frame: f, ClientName: "Grafana", ClientHost: "grafana.acme.example", Request: request, FormToken: token,
			Email: "alice@example.com", Error: t.T(LoginMismatch), ForgotURL: "/forgot", SignUpURL: "/signup", Passkey: &PasskeyQuestion{Options: `{"challenge":"AAAA"}`, State: "ceremony-state"},
		},
		"login_notice":   Login{Frame: f, ClientName: "Grafana", Request: request, FormToken: token, Email: "alice@example.com", Notice: t.T(LoginAgain)},
		"select_account": SelectAccount{Frame: f, ClientName: "Grafana", ClientHost: "grafana.acme.example", Email: "alice@example.com", Name: "Alice Ampère", Request: request, FormToken: token},
		"no_access":      NoAccess{Frame: f, ClientName: "Grafana", ClientHost: "grafana.acme.example", Email: "alice@example.com", Name: "Alice Ampère", Request: request, FormToken: token},
		"consent": Consent{
			Frame: f, ClientName: "Grafana", ClientHost: "grafana.acme.example", RedirectTo: "grafana.acme.example",
			Email: "alice@example.com", Name: "Alice Ampère", Groups: []ScopeGroup{account, projects},
			Refresh: true, IdleLifetime: 30 * 24 * time.Hour, Lifetime: 180 * 24 * time.Hour, Request: request, FormToken: token,
		},
		"consent_claims": Consent{
			Frame: f, ClientName: "Grafana", ClientHost: "grafana.acme.example", RedirectTo: "grafana.acme.example", Email: "alice@example.com",
			Groups:  []ScopeGroup{{Scopes: []Scope{StandardScope(t, "openid"), needed(ClaimScope(t, "email")), ClaimScope(t, "email_verified"), needed(ClaimScope(t, "groups")), ClaimScope(t, "name")}}},
			Refresh: true, IdleLifetime: 30 * 24 * time.Hour, Lifetime: 180 * 24 * time.Hour, Request: request, FormToken: token,
		},
		"consent_loopback": Consent{
			Frame: f, ClientName: "Claude Code", Target: TargetLoopback, RedirectTo: "localhost:38291", Email: "alice@example.com",
			Groups:  []ScopeGroup{{Scopes: []Scope{StandardScope(t, "openid"), StandardScope(t, "offline_access")}}, projects},
			Refresh: true, IdleLifetime: 30 * 24 * time.Hour, Lifetime: 180 * 24 * time.Hour, Request: request, FormToken: token,
		},
		"consent_app": Consent{
			Frame: f, ClientName: "Pocket Notes", Target: TargetApp, RedirectTo: "com.example.notes", Email: "bob@example.com",
			Groups: []ScopeGroup{{API: "Notes", Scopes: []Scope{{Name: "notes"}}}}, Request: request, FormToken: token,
			Error: t.T(ConsentChanged),
		},
		"consent_long": Consent{
			Frame: f, ClientName: "Kraftfahrzeughaftpflichtversicherungsvermittlungsportal der Gesamtverwaltung", ClientHost: "a-very-long-subdomain.of-an-even-longer-department.internal.example",
			RedirectTo: "a-very-long-subdomain.of-an-even-longer-department.internal.example:8443",
			Email:      "maximiliane.donaudampfschifffahrtsgesellschaft@department.example", Name: "Maximiliane Donaudampfschifffahrtsgesellschaftskapitän",
			Groups:  []ScopeGroup{account, {API: "Schadenregulierungsschnittstelle", Host: "api.internal.example", Scopes: []Scope{{Name: "urn:example:scope:with:a:very:long:name:that:does:not:break"}}}},
			Refresh: true, WithSession: true, IdleLifetime: 36 * time.Hour, Request: request, FormToken: token,
		},
		"device":         Device{Frame: f, FormToken: token},
		"device_filled":  Device{Frame: f, FormToken: token, UserCode: "BCDF-GHJK"},
		"device_error":   Device{Frame: f, FormToken: token, UserCode: `BCDF"GHJK`, Error: t.T("device.error.unknown")},
		"device_allowed": DeviceDone{Frame: f, Allowed: true},
		"device_denied":  DeviceDone{Frame: f},
		"consent_device": Consent{
			Frame: f, ClientName: "Living room TV", Email: "bob@example.com", Groups: []ScopeGroup{account}, Refresh: true, IdleLifetime: 30 * 24 * time.Hour,
			Device: &DeviceAsked{UserCode: "BCDF-GHJK", Program: "curl 8.5", Address: "203.0.113.7"}, Request: request, FormToken: token,
		},
		"consent_unverified": Consent{
			Frame: f, ClientName: `Grafana <img src=x onerror=alert(1)>`, ClientHost: "claims.example:8443", RedirectTo: "claims.example:8443", Email: "alice@example.com", Groups: []ScopeGroup{account},
			Unverified: &Unverified{Pages: []OwnPage{{t.T("consent.unverified.policy"), "https://claims.example/privacy?a=%22", "claims.example"}, {t.T("consent.unverified.terms"), "https://terms.example/", "terms.example"}}},
			Refresh:    true, IdleLifetime: 30 * 24 * time.Hour, Lifetime: 180 * 24 * time.Hour, Request: request, FormToken: token,
		},
		"consent_unverified_loopback": Consent{
			Frame: f, ClientName: "Editor", ClientHost: "localhost:38291", Target: TargetLoopback, RedirectTo: "localhost:38291", Email: "alice@example.com", Groups: []ScopeGroup{account},
			Unverified: &Unverified{}, Refresh: true, IdleLifetime: 30 * 24 * time.Hour, Lifetime: 180 * 24 * time.Hour, Request: request, FormToken: token,
		},
		"consent_document": Consent{
			Frame: f, ClientName: "Notes MCP", ClientHost: "notes.example", RedirectTo: "app.notes.example", Email: "alice@example.com", Groups: []ScopeGroup{account},
			Unverified: &Unverified{Document: true, Pages: []OwnPage{{t.T("consent.unverified.client"), "https://notes.example/", "notes.example"}}},
			Refresh:    true, IdleLifetime: 30 * 24 * time.Hour, Lifetime: 180 * 24 * time.Hour, Request: request, FormToken: token,
		},
		"consent_document_loopback": Consent{
			Frame: f, ClientName: "Notes MCP", ClientHost: "notes.example", Target: TargetLoopback, RedirectTo: "localhost:38291", Email: "alice@example.com", Groups: []ScopeGroup{account},
			Unverified: &Unverified{Document: true, OnlyLoopback: true}, Refresh: true, IdleLifetime: 30 * 24 * time.Hour, Lifetime: 180 * 24 * time.Hour, Request: request, FormToken: token,
		},
		"form_post": FormPost{
			Frame: f, Action: "https://grafana.acme.example/cb?x=1", Host: "grafana.acme.example",
			Fields: []FormPostField{{"code", "rgc1_abc"}, {"state", `"><script>alert(1)</script>&amp;`}, {"iss", "https://id.acme.example"}},
		},
		"logout":        SignOut{Frame: f, Email: "alice@example.com", FormToken: token},
		"logout_client": SignOut{Frame: f, Email: "alice@example.com", Name: "Alice Ampère", ClientName: "Grafana", Back: back, FormToken: token},
		"logout_refused": SignOut{
			Frame: f, Email: "alice@example.com", FormToken: token, ClientName: "Grafana", Code: "invalid_request",
			Detail: "The post_logout_redirect_uri is not one that the application has registered.", RequestID: "J2QZ5VXQ2K7Y3M4N6P8R",
		},
		"signed_out":          SignedOut{Frame: f},
		"signed_out_back":     SignedOut{Frame: f, ClientName: "Grafana", Back: back, FormToken: token},
		"home":                Home{Frame: f, Issuer: "https://id.acme.example"},
		"home_signed_in":      Home{Frame: f, Issuer: "https://id.acme.example", Email: "alice@example.com", Name: "Alice Ampère", Since: since, FormToken: token},
		"error_not_found":     notFound,
		"error_redirect_uri":  redirectURI,
		"error_too_many":      tooMany,
		"error_bad_request":   ProblemBadRequest.Page(f),
		"error_client":        ProblemClient.Page(f),
		"error_document":      document,
		"error_document_away": ProblemDocumentAway.Page(f),
		"error_expired":       ProblemExpired.Page(f),
		"error_cross_site":    ProblemCrossSite.Page(f),
		"error_unavailable":   ProblemUnavailable.Page(f),
		"error_internal":      ProblemInternal.Page(f),
		"docs":                sampleDocs(f),
		"demo":                sampleDemo(f),
		"demo_signed_in":      sampleDemoSignedIn(f),
		"demo_elsewhere":      sampleDemoElsewhere(f),
	}
	for _, area := range []map[string]templ.Component{
		samplesOverview(f),
		samplesPeople(f),
		samplesAccount(f),
		samplesFactor(f),
		samplesServer(f),
		samplesClient(f),
		samplesGrant(f),
		samplesGrants(f),
		samplesMail(f),
	} {
		maps.Copy(pages, groupSamples(f))
		maps.Copy(pages, area)
	}
	return pages
}

func sampleDocs(f Frame) Docs {
	return Docs{
		Frame: f, Title: "Refresh tokens",
		Pages: []DocsLink{
			{Title: "Quick start", Path: "/docs"},
			{Title: "Register a client", Path: "/docs/clients"},
			{Title: "Sign in", Path: "/docs/sign-in"},
			{Title: "Refresh tokens", Path: "/docs/refresh-tokens", Current: true},
			{Title: "Protect an API", Path: "/docs/apis"},
			{Title: "Backup and restore", Path: "/docs/backup"},
		},
		Headings: []DocsHeading{{"What rotates", "what-rotates"}, {"Errors", "errors"}},
		Content: templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, sampleProse)
			return err
		}),
	}
}

// sampleProse has every element that Markdown makes.
const sampleProse = `<h1 id="refresh-tokens">Refresh tokens</h1>
<p>An application that a person has signed in to stays signed in until somebody ends it. It trades its <strong>refresh token</strong> for a new access token at <code>POST /token</code>, and gets a new refresh token with it.</p>
<h2 id="what-rotates">What rotates <a class="anchor" href="#what-rotates" aria-label="Link to this section">#</a></h2>
<p>Send the token you hold. See <a href="https://www.rfc-editor.org/rfc/rfc6749#section-6">RFC 6749 §6</a> for the grant and <a href="/docs/clients">Register a client</a> for the policy.</p>
<pre><code class="language-sh">curl -s https://id.example/token \
  -u "$CLIENT_ID:$CLIENT_SECRET" \
  -d grant_type=refresh_token \
  -d refresh_token=rgr1_2Vn0qYw8Kf3rB6tLxM1sZc9uEoHjGaTd5iPvR7yNbWmQkXgJhUeSfDlCzAoIp4T
</code></pre>
<ul><li>The old token works once more within the window, and answers with the <em>same</em> successor.</li><li>After the window it is reuse:<ul><li>the grant ends;</li><li>the person is told.</li></ul></li></ul>
<ol><li>Store the new token before you use the new access token.</li><li>Retry a lost response with the old one.</li></ol>
<blockquote><p>A token that is not genuine never revokes anything.</p></blockquote>
<h2 id="errors">Errors <a class="anchor" href="#errors" aria-label="Link to this section">#</a></h2>
<table><thead><tr><th>Status</th><th>error</th><th>Meaning</th></tr></thead><tbody><tr><td>400</td><td><code>invalid_grant</code></td><td>Expired, revoked, reused or unknown: the person signs in again.</td></tr><tr><td>401</td><td><code>invalid_client</code></td><td>Wrong client credentials.</td></tr><tr><td>503</td><td><code>temporarily_unavailable</code></td><td>Try again after <code>Retry-After</code> seconds; the token is still good.</td></tr></tbody></table>
<h3 id="a-smaller-heading">A smaller heading</h3>
<p>Text below it.</p>
<hr>
<p>The end.</p>`

func needed(s Scope) Scope {
	s.Needed = true
	return s
}
