package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"regrant/app/oauth"
)

// clientView is a client in JSON: the registered members of RFC 7591 §2 and §3.2.1 and of OpenID Connect Registration §2,
// then ours. Lifetimes are seconds.
type clientView struct {
	ClientID                string   `json:"client_id"`
	ClientSecret            string   `json:"client_secret,omitempty"`
	ClientIDIssuedAt        int64    `json:"client_id_issued_at"`
	ClientSecretExpiresAt   *int64   `json:"client_secret_expires_at,omitempty"` // 0: never; required where a secret is
	ClientName              string   `json:"client_name"`
	RedirectURIs            []string `json:"redirect_uris"`
	PostLogoutRedirectURIs  []string `json:"post_logout_redirect_uris"`
	BackchannelLogoutURI    string   `json:"backchannel_logout_uri,omitempty"`
	LogoutSessionRequired   bool     `json:"backchannel_logout_session_required"`
	WebhookURL              string   `json:"webhook_url,omitempty"`
	SecurityEventURL        string   `json:"security_event_url,omitempty"`
	GrantTypes              []string `json:"grant_types"`
	TokenEndpointAuthMethod string   `json:"token_endpoint_auth_method"`
	ExchangeSubjects        []string `json:"token_exchange_subjects"`
	ExchangeAudiences       []string `json:"token_exchange_audiences"`

	JWKS           json.RawMessage `json:"jwks,omitempty"`
	JWKSURI        string          `json:"jwks_uri,omitempty"`
	AuthSigningAlg string          `json:"token_endpoint_auth_signing_alg,omitempty"`

	Scope      string `json:"scope"`
	IDTokenAlg string `json:"id_token_signed_response_alg"`
	RequirePAR bool   `json:"require_pushed_authorization_requests"`
	DPoP       bool   `json:"dpop_bound_access_tokens"`

	Source              string     `json:"source,omitempty"` // who registered it, where that was no admin
	DocumentReadAt      *time.Time `json:"document_read_at,omitempty"`
	Status              string     `json:"status"`
	DisabledAt          *time.Time `json:"disabled_at,omitempty"`
	UpdatedAt           time.Time  `json:"updated_at"`
	Trusted             bool       `json:"trusted"`
	PKCE                bool       `json:"pkce"`
	RedirectURIRequired bool       `json:"redirect_uri_required"` // at the token endpoint, too
	ResponseModes       []string   `json:"response_modes"`
	SecondFactor        bool       `json:"second_factor"`
	Groups              []string   `json:"groups"` // names; null: everybody may use it
	SecretHint          string     `json:"client_secret_hint,omitempty"`
	OldSecret           *time.Time `json:"old_client_secret_ends_at,omitempty"`

	Policy              string  `json:"policy"`
	Refresh             string  `json:"refresh"`
	Rotation            bool    `json:"rotation"`
	Grace               float64 `json:"grace"`
	Idle                float64 `json:"idle"`
	Absolute            float64 `json:"absolute"`
	AccessTokenLifetime float64 `json:"access_token_lifetime"`
	AccessTokenFormat   string  `json:"access_token_format"`
	MaxGrants           int     `json:"max_grants"`
	ScopesOnRefresh     *string `json:"scopes_on_refresh"` // null: all that were granted
	OnReuse             string  `json:"on_reuse"`
	OnAccessLost        string  `json:"on_access_lost"`
	RefreshLimit        int     `json:"refresh_limit"`
}

// clientJSON is a client in JSON; secret is "" but where it was just made.
func clientJSON(c *oauth.Client, secret string) clientView {
	p := c.Policy
	v := clientView{
		ClientID: c.ID, ClientSecret: secret, ClientIDIssuedAt: c.CreatedAt.Unix(), ClientName: c.Name,
		RedirectURIs: append([]string{}, c.RedirectURIs...), PostLogoutRedirectURIs: append([]string{}, c.PostLogoutRedirectURIs...),
		BackchannelLogoutURI: c.BackchannelLogoutURI, LogoutSessionRequired: c.LogoutSessionRequired,
		WebhookURL: c.WebhookURL, SecurityEventURL: c.SecurityEventURL,
		GrantTypes:       append([]string{}, c.GrantTypes...),
		ExchangeSubjects: append([]string{}, c.ExchangeSubjects...), ExchangeAudiences: append([]string{}, c.ExchangeAudiences...),
		TokenEndpointAuthMethod: string(c.AuthMethod), JWKSURI: c.JWKSURI, AuthSigningAlg: c.AuthSigningAlg, Scope: c.Scope.String(), IDTokenAlg: p.IDTokenAlg, RequirePAR: c.PARRequired, DPoP: c.DPoPRequired,
		Status: clientStatus(c), DisabledAt: c.DisabledAt, UpdatedAt: c.UpdatedAt, Trusted: c.Trusted, PKCE: !c.PKCEWaived, RedirectURIRequired: c.RedirectURIRequired, SecondFactor: c.SecondFactor, ResponseModes: []string{string(oauth.ResponseQuery)},
		Policy: string(p.Preset), Refresh: string(p.Refresh), Rotation: !p.RotationOff,
		Grace: p.Grace.Seconds(), Idle: p.Idle.Seconds(), Absolute: p.Absolute.Seconds(), AccessTokenLifetime: p.AccessTokenLifetime.Seconds(),
		AccessTokenFormat: string(p.AccessTokenFormat), MaxGrants: p.MaxGrants, OnReuse: string(p.OnReuse), OnAccessLost: string(p.OnAccessLost), RefreshLimit: p.RefreshLimit,
	}
	if c.Unverified() {
		v.Source, v.DocumentReadAt = c.Source.String(), c.ReadAt
	}
	if c.FormPost {
		v.ResponseModes = append(v.ResponseModes, string(oauth.ResponseFormPost))
	}
	if c.Restricted {
		v.Groups = []string{}
		for _, g := range c.Groups {
			v.Groups = append(v.Groups, g.Name)
		}
	}
	if c.JWKS != "" {
		v.JWKS = json.RawMessage(c.JWKS)
	}
	if secret != "" {
		v.ClientSecretExpiresAt = new(int64)
	}
	if c.Secret != nil {
		v.SecretHint = c.Secret.Hint
	}
	if c.OldSecret != nil {
		v.OldSecret = c.OldSecret.EndsAt
	}
	if p.ScopesOnRefresh != nil {
		v.ScopesOnRefresh = new(p.ScopesOnRefresh.String())
	}
	return v
}

// clientSheet shows a client to people.
func clientSheet(w io.Writer, c *oauth.Client, secret string) {
	if secret != "" {
		defer fmt.Fprintln(w, "\nThe secret is shown only now. Put it where the application reads it.")
	}
	p := c.Policy
	sheet(w, "Client ID", c.ID, "Client secret", secretText(c, secret), "Old secret until", oldSecretText(c),
		"Name", c.Name, "Registered by", sourceText(c), "Document read", moment(c.ReadAt), "Status", clientStatus(c), "Authentication", string(c.AuthMethod), "Public keys", keysText(c), "Signs with", c.AuthSigningAlg,
		"Redirect URIs", strings.Join(c.RedirectURIs, " "), "After signing out", strings.Join(c.PostLogoutRedirectURIs, " "), "Told of sign-outs", backchannelText(c), "Told of ended grants", strings.Join(slices.DeleteFunc([]string{c.WebhookURL, c.SecurityEventURL}, func(u string) bool { return u == "" }), " "), "Grant types", strings.Join(c.GrantTypes, " "),
		"Exchanges tokens of", strings.Join(c.ExchangeSubjects, " "), "Exchanges them for", strings.Join(c.ExchangeAudiences, " "), "Scope", c.Scope.String(),
		"Trusted", yesNo(c.Trusted), "PKCE", pkceText(c), "Two factors", secondFactorText(c), "Pushed requests", requiredText(c.PARRequired), "DPoP", requiredText(c.DPoPRequired), "Answers", formPostText(c), "Token endpoint", redirectURIText(c), "Who may use it", accessText(c), "Created", moment(&c.CreatedAt))
	if !c.ServesPeople() && !c.Allows(oauth.GrantClientCredentials) && !c.Allows(oauth.GrantTokenExchange) {
		return // the client of an API gets no tokens
	}
	fmt.Fprintln(w)
	sheet(w, "Policy", string(p.Preset), "Refresh tokens", string(p.Refresh), "Rotation", yesNo(!p.RotationOff), "Grace", lifetime(p.Grace),
		"Idle lifetime", lifetime(p.Idle), "Absolute lifetime", lifetime(p.Absolute),
		"Access token", fmt.Sprintf("%s, %s", p.AccessTokenFormat, lifetime(p.AccessTokenLifetime)), "ID token", p.IDTokenAlg,
		"Grants a person", fmt.Sprint(p.MaxGrants), "Scopes on refresh", scopesOnRefreshText(p), "On reuse", string(p.OnReuse), "On lost access", string(p.OnAccessLost),
		"Refreshes a minute", limitText(p.RefreshLimit))
}

// accessText says whom the client is for, where that is not everybody.
func accessText(c *oauth.Client) string {
	if !c.Restricted {
		return ""
	}
	names := make([]string, len(c.Groups))
	for i, g := range c.Groups {
		names[i] = g.Name
	}
	if len(names) == 0 {
		return "nobody: its groups were deleted"
	}
	return "members of " + strings.Join(names, ", ")
}

func clientStatus(c *oauth.Client) string {
	if c.DisabledAt != nil {
		return "disabled"
	}
	return "active"
}

// sourceText says who registered the client, where that was no admin.
func sourceText(c *oauth.Client) string {
	if !c.Unverified() {
		return ""
	}
	if c.Source == oauth.SourceDocument {
		return "its own document; nobody has checked it"
	}
	return "itself; nobody has checked it"
}

func secretText(c *oauth.Client, secret string) string {
	switch {
	case secret != "":
		return secret
	case c.Secret != nil:
		return "…" + c.Secret.Hint + ", made " + ago(c.Secret.CreatedAt)
	}
	if c.AuthMethod == oauth.AuthPrivateKeyJWT {
		return "none, it signs with its own key"
	}
	return "none, it is a public client"
}

// keysText names the keys of a client, or where they stand.
func keysText(c *oauth.Client) string {
	if c.JWKSURI != "" {
		return c.JWKSURI
	}
	var keys []string
	for _, k := range c.Keys() {
		name := k.ID
		if name == "" {
			name = k.Thumbprint
		}
		keys = append(keys, fmt.Sprintf("%s (%s)", name, k.Type))
	}
	return strings.Join(keys, ", ")
}

func oldSecretText(c *oauth.Client) string {
	if c.OldSecret == nil || c.OldSecret.EndsAt == nil || c.OldSecret.EndsAt.Before(now()) {
		return ""
	}
	return moment(c.OldSecret.EndsAt)
}

func pkceText(c *oauth.Client) string {
	if c.PKCEWaived {
		return "not required"
	}
	return "required"
}

func redirectURIText(c *oauth.Client) string {
	if c.RedirectURIRequired {
		return "redirect_uri required, as in OAuth 2.0"
	}
	return ""
}

func formPostText(c *oauth.Client) string {
	if c.FormPost {
		return "by query or form_post"
	}
	return ""
}

func backchannelText(c *oauth.Client) string {
	if c.BackchannelLogoutURI != "" && c.LogoutSessionRequired {
		return c.BackchannelLogoutURI + " (with sid)"
	}
	return c.BackchannelLogoutURI
}

func secondFactorText(c *oauth.Client) string {
	if c.SecondFactor {
		return "required"
	}
	return ""
}

func requiredText(required bool) string {
	if required {
		return "required"
	}
	return ""
}

func scopesOnRefreshText(p oauth.Policy) string {
	if p.ScopesOnRefresh == nil {
		return "all that were granted"
	}
	return p.ScopesOnRefresh.String()
}

func limitText(n int) string {
	if n == 0 {
		return "no limit"
	}
	return fmt.Sprint(n)
}

// lifetime is a duration as people say it: whole days where it is some.
func lifetime(d time.Duration) string {
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%d d", d/day)
	}
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "" || s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
		return d.String() // the zeros belonged to the number
	}
	return s
}
