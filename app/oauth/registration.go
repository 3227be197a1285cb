package oauth

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"regrant/app/audit"
)

// DefaultScope is what a client may ask for when its registration says nothing.
var DefaultScope = Scope{ScopeOpenID, ScopeProfile, ScopeEmail, ScopeOfflineAccess}

// memberAuthMethod begins what is wrong with how a client authenticates.
const memberAuthMethod = "token_endpoint_auth_method: "

// RegisterClient makes a client of what an admin asks for: an empty ID gets a random one, empty grant types the usual ones,
// an empty scope [DefaultScope]. It returns the secret, which nobody sees again, or "" for a public client.
func RegisterClient(ctx context.Context, store Store, c *Client, now time.Time, by audit.Origin) (secret string, err error) {
	if c.ID == "" {
		c.ID = strings.ToLower(rand.Text())
	}
	if c.AuthMethod == "" {
		c.AuthMethod = AuthBasic
	}
	if c.GrantTypes == nil {
		c.GrantTypes = []string{GrantAuthorizationCode, GrantRefreshToken}
	}
	if c.Scope == nil {
		c.Scope = slices.Clone(DefaultScope)
	}
	if c.Policy.Preset == "" {
		c.Policy, _ = PolicyOf(PresetStandard)
	}
	c.CreatedAt, c.UpdatedAt, c.Version = now, now, 1
	if c.HasSecret() {
		secret = c.newSecret(now)
	}
	if err := validateClient(ctx, store, c, &Client{}); err != nil {
		return "", err
	}
	event := audit.Event{At: now, Kind: audit.ClientCreated, Origin: by, ClientID: c.ID, Result: "ok", Detail: audit.Details(c.facts()...)}
	if err := store.CreateClient(ctx, c, event); err != nil {
		return "", err
	}
	return secret, nil
}

// validateClient adds to [Client.Validate] what only the store knows: the scopes and the APIs that exist. What the client held before may
// stay, although its API is gone meanwhile: else nobody could so much as disable it. Keys are brought into the form in which they are
// stored.
func validateClient(ctx context.Context, store Store, c, held *Client) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.JWKS != "" {
		var err error
		if c.JWKS, err = publicKeys(c.JWKS); err != nil {
			return err
		}
	}
	apis, err := store.APIs(ctx)
	if err != nil {
		return fault("read APIs", err)
	}
	all := &registry{apis: apis}
	known := all.known()
	for _, token := range c.Scope {
		if !known.Has(token) && !held.Scope.Has(token) {
			return refuse(InvalidClientMetadata, fmt.Sprintf("scope: %s is not a scope of this server; an API must own it (known: %s)", printable(token), known))
		}
	}
	return c.exchangeAPIs(all, held)
}

// exchangeAPIs brings the resource indicators of a client into the form in which their APIs have them.
func (c *Client) exchangeAPIs(r *registry, held *Client) (err error) {
	read := func(member string, named, before []string) (resources []string, err error) {
		for _, resource := range named {
			api, err := r.find(resource)
			switch {
			case err == nil:
				resource = api.Resource
			case !slices.Contains(before, resource):
				return nil, refuse(InvalidClientMetadata, member+": "+printable(resource)+" is not the resource of an API of this server")
			}
			if !slices.Contains(resources, resource) {
				resources = append(resources, resource)
			}
		}
		return resources, nil
	}
	if c.ExchangeSubjects, err = read("exchange_subject", c.ExchangeSubjects, held.ExchangeSubjects); err != nil {
		return err
	}
	c.ExchangeAudiences, err = read("exchange_audience", c.ExchangeAudiences, held.ExchangeAudiences)
	return err
}

// ChangeClient replaces a client's registration. Its secrets stay, unless it authenticates without one from now on; its keys go when it
// has no use for them any more. A confidential client cannot become public while it has living grants, since their tokens were
// given to somebody who authenticates (T20).
func ChangeClient(ctx context.Context, store Store, id string, change func(*Client) error, now time.Time, by audit.Origin) (*Client, error) {
	for range maxRetries {
		c, err := store.Client(ctx, id)
		if err != nil {
			return nil, err
		}
		before, wasPublic, hadSecret, kind := *c, c.Public(), c.HasSecret(), audit.ClientUpdated
		wasDisabled := c.DisabledAt != nil
		if err := change(c); err != nil {
			return nil, err
		}
		switch {
		case c.Public() && !wasPublic:
			open, err := hasOpenGrants(ctx, store, c, now)
			if err != nil {
				return nil, err
			}
			if open && c.Source != SourceDocument { // what a document says is so; its grants end below
				return nil, refusef(InvalidClientMetadata, memberAuthMethod+"the client has grants that were not revoked; revoke them first, then make it public", "client_id=%s", id)
			}
			// A code that is redeemed at this very moment must not slip through.
			c.GrantsRevokedBefore = &now
		case wasPublic && c.HasSecret():
			return nil, refusef(InvalidClientMetadata, memberAuthMethod+"a public client becomes confidential by a rotation of its secret, which names the method", "client_id=%s", id)
		case !hadSecret && c.HasSecret():
			return nil, refusef(InvalidClientMetadata, memberAuthMethod+"a client that has keys gets a secret by a rotation, which names the method", "client_id=%s", id)
		}
		if !c.HasSecret() {
			c.Secret, c.OldSecret = nil, nil
		}
		if before.AuthMethod == AuthPrivateKeyJWT && c.AuthMethod != AuthPrivateKeyJWT {
			c.dropKeys()
		}
		if disabled := c.DisabledAt != nil; disabled != wasDisabled {
			kind = audit.ClientEnabled
			if disabled {
				kind = audit.ClientDisabled
			}
		}
		c.UpdatedAt = now
		if err := validateClient(ctx, store, c, &before); err != nil {
			return nil, err
		}
		event := audit.Event{At: now, Kind: kind, Origin: by, ClientID: c.ID, Result: "ok", Detail: c.changed(&before)}
		switch err := store.UpdateClient(ctx, c, event); {
		case err == nil:
			return c, nil
		case !isConflict(err):
			return nil, err
		}
	}
	return nil, ErrConflict
}

// manyGrants is how many grants are looked at one by one; a client with more must have them revoked together.
const manyGrants = 10_000

// hasOpenGrants says whether a client has a living grant, or so many grants that nobody has looked.
func hasOpenGrants(ctx context.Context, store Store, c *Client, now time.Time) (bool, error) {
	grants, err := store.Grants(ctx, GrantFilter{ClientID: c.ID, Limit: manyGrants + 1})
	if err != nil {
		return false, fault("read grants", err)
	}
	if len(grants) == 0 || coveredBy(grants[0].CreatedAt, c.GrantsRevokedBefore) { // the newest comes first
		return false, nil
	}
	living := slices.ContainsFunc(grants, func(g RefreshState) bool { return g.Alive() && now.Before(g.EndsAt) })
	return living || len(grants) > manyGrants, nil
}

// facts are all that a registration says, as names and values for the audit log. Secrets are not among them.
func (c *Client) facts() []string {
	p := c.Policy
	scopesOnRefresh := "all"
	if p.ScopesOnRefresh != nil {
		scopesOnRefresh = p.ScopesOnRefresh.String()
	}
	return []string{
		"name", c.Name, "source", c.Source.String(), "about", c.About.String(), "auth_method", string(c.AuthMethod), "jwks", c.keyFacts(), "jwks_uri", c.JWKSURI, "auth_signing_alg", c.AuthSigningAlg, "redirect_uris", strings.Join(c.RedirectURIs, " "), "post_logout_redirect_uris", strings.Join(c.PostLogoutRedirectURIs, " "),
		"backchannel_logout_uri", c.BackchannelLogoutURI, "backchannel_logout_session_required", onOff(c.LogoutSessionRequired), "grant_types", strings.Join(c.GrantTypes, ","),
		"exchange_subjects", strings.Join(c.ExchangeSubjects, " "), "exchange_audiences", strings.Join(c.ExchangeAudiences, " "),
		"scope", c.Scope.String(), "trusted", onOff(c.Trusted), "pkce", onOff(!c.PKCEWaived), "redirect_uri_required", onOff(c.RedirectURIRequired), "second_factor", onOff(c.SecondFactor), "require_par", onOff(c.PARRequired), "dpop", onOff(c.DPoPRequired), "form_post", onOff(c.FormPost),
		"disabled", onOff(c.DisabledAt != nil), "groups", c.groupNames(), "policy", string(p.Preset), "refresh", string(p.Refresh), "rotation", onOff(!p.RotationOff),
		"grace", p.Grace.String(), "idle", p.Idle.String(), "absolute", p.Absolute.String(), "access_token_lifetime", p.AccessTokenLifetime.String(),
		"access_token_format", string(p.AccessTokenFormat), "id_token_alg", p.IDTokenAlg, "max_grants", fmt.Sprint(p.MaxGrants),
		"refresh_limit", fmt.Sprint(p.RefreshLimit), "scopes_on_refresh", scopesOnRefresh, "on_reuse", string(p.OnReuse), "on_access_lost", string(p.OnAccessLost),
		"stale_generations", fmt.Sprint(p.StaleGenerations),
	}
}

// changed says what a change did, for the audit log. Of the redirect URIs it names those that went and those that came, since
// a long list would not fit.
func (c *Client) changed(before *Client) string {
	was, is := *before, *c
	only := func(uris, other []string) (rest []string) {
		for _, u := range uris {
			if !slices.Contains(other, u) {
				rest = append(rest, u)
			}
		}
		return rest
	}
	was.RedirectURIs, is.RedirectURIs = only(before.RedirectURIs, c.RedirectURIs), only(c.RedirectURIs, before.RedirectURIs)
	was.PostLogoutRedirectURIs, is.PostLogoutRedirectURIs = only(before.PostLogoutRedirectURIs, c.PostLogoutRedirectURIs), only(c.PostLogoutRedirectURIs, before.PostLogoutRedirectURIs)
	return audit.Change(was.facts(), is.facts())
}

// groupNames names the groups that the client is limited to.
func (c *Client) groupNames() string {
	if !c.Restricted {
		return "everybody"
	}
	names := make([]string, len(c.Groups))
	for i, g := range c.Groups {
		names[i] = g.Name
	}
	return strings.Join(names, ", ")
}

func onOff(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}

// RegisterAPI makes a resource server and the client with which it introspects, and returns that client's secret.
func RegisterAPI(ctx context.Context, store Store, a *API, now time.Time, by audit.Origin) (client *Client, secret string, err error) {
	if err := a.Validate(); err != nil {
		return nil, "", err
	}
	a.Resource, _ = canonicalResource(a.Resource)
	policy, _ := PolicyOf(PresetStandard)
	client = &Client{
		ID: "api-" + strings.ToLower(rand.Text()), Name: a.Name, AuthMethod: AuthBasic, GrantTypes: []string{}, Scope: Scope{}, Policy: policy,
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	secret = client.newSecret(now)
	a.ClientID, a.CreatedAt, a.UpdatedAt = client.ID, now, now
	event := audit.Event{At: now, Kind: audit.APICreated, Origin: by, ClientID: client.ID, Result: "ok",
		Detail: audit.Details("resource", a.Resource, "name", a.Name, "scope", a.Scope.String())}
	if err := store.CreateAPI(ctx, a, client, event); err != nil {
		return nil, "", err
	}
	return client, secret, nil
}
