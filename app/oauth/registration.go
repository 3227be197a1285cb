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

// secretOverlap is for how long the old secret lives on after a rotation.
const secretOverlap = 24 * time.Hour

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
	if !c.Public() {
		secret = c.newSecret(now)
	}
	if err := validateClient(ctx, store, c); err != nil {
		return "", err
	}
	event := audit.Event{At: now, Kind: audit.ClientCreated, Origin: by, ClientID: c.ID, Result: "ok", Detail: c.summary()}
	if err := store.CreateClient(ctx, c, event); err != nil {
		return "", err
	}
	return secret, nil
}

// validateClient adds to [Client.Validate] what only the store knows: the scopes that exist.
func validateClient(ctx context.Context, store Store, c *Client) error {
	if err := c.Validate(); err != nil {
		return err
	}
	apis, err := store.APIs(ctx)
	if err != nil {
		return fault("read APIs", err)
	}
	known := (&registry{apis: apis}).known()
	for _, token := range c.Scope {
		if !known.Has(token) {
			return refuse(InvalidClientMetadata, fmt.Sprintf("scope: %s is not a scope of this server; an API must own it (known: %s)", printable(token), known))
		}
	}
	return nil
}

// ChangeClient replaces a client's registration. Its secrets stay. A confidential client cannot become public while it has
// living grants, since their tokens were given to somebody who authenticates (T20).
func ChangeClient(ctx context.Context, store Store, id string, change func(*Client) error, now time.Time, by audit.Origin) (*Client, error) {
	for range maxRetries {
		c, err := store.Client(ctx, id)
		if err != nil {
			return nil, err
		}
		before, wasPublic, kind := c.summary(), c.Public(), audit.ClientUpdated
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
			if open {
				return nil, refuse(InvalidClientMetadata, "auth-method: the client has grants that were not revoked; revoke them first (grant revoke --client "+id+"), then make it public")
			}
			// A code that is redeemed at this very moment must not slip through.
			c.Secret, c.OldSecret, c.GrantsRevokedBefore = nil, nil, &now
		case wasPublic && !c.Public():
			return nil, refuse(InvalidClientMetadata, "auth-method: make it confidential by rotating its secret (client rotate-secret) after changing the method there")
		}
		if disabled := c.DisabledAt != nil; disabled != wasDisabled {
			kind = audit.ClientEnabled
			if disabled {
				kind = audit.ClientDisabled
			}
		}
		c.UpdatedAt = now
		if err := validateClient(ctx, store, c); err != nil {
			return nil, err
		}
		event := audit.Event{At: now, Kind: kind, Origin: by, ClientID: c.ID, Result: "ok", Detail: audit.Details("before", before, "after", c.summary())}
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

// RotateClientSecret gives a client a new secret. The old one lives on for a day, so that every instance of the application
// can be changed in peace; with leaked it dies at once, and every grant of the client with it (T28). method, when not empty,
// becomes the client's authentication method.
func RotateClientSecret(ctx context.Context, store Store, id string, method AuthMethod, leaked bool, now time.Time, by audit.Origin) (*Client, string, error) {
	for range maxRetries {
		c, err := store.Client(ctx, id)
		if err != nil {
			return nil, "", err
		}
		if method != "" {
			c.AuthMethod = method
		}
		if c.Public() {
			return nil, "", refuse(InvalidClientMetadata, "a public client has no secret; name the method that it is to authenticate with (--auth-method client_secret_basic)")
		}
		c.OldSecret = c.Secret
		if ends := now.Add(secretOverlap); c.OldSecret != nil {
			c.OldSecret.EndsAt = &ends
		}
		secret := c.newSecret(now)
		if leaked {
			before := now
			if last := c.GrantsRevokedBefore; last != nil && !before.After(*last) {
				before = last.Add(time.Microsecond) // the clock went back; grants that were made since the last time have to end too
			}
			c.OldSecret, c.GrantsRevokedBefore = nil, &before
		}
		c.UpdatedAt = now
		event := audit.Event{At: now, Kind: audit.ClientSecretRotated, Origin: by, ClientID: id, Result: "ok"}
		if leaked {
			event.Detail = "leaked=yes every grant of the client is revoked"
		}
		if err := c.Validate(); err != nil {
			return nil, "", err
		}
		switch err := store.UpdateClient(ctx, c, event); {
		case err == nil:
			return c, secret, nil
		case !isConflict(err):
			return nil, "", err
		}
	}
	return nil, "", ErrConflict
}

// newSecret makes the client's secret and returns it for the only time.
func (c *Client) newSecret(now time.Time) string {
	secret, hash := newSecret(secretPrefix)
	c.Secret = &ClientSecret{Hash: hash, Hint: secret[len(secret)-4:], CreatedAt: now}
	return secret
}

// summary says what a registration is, for the audit log.
func (c *Client) summary() string {
	p := c.Policy
	pairs := []string{
		"name", c.Name, "auth_method", string(c.AuthMethod), "redirect_uri_count", fmt.Sprint(len(c.RedirectURIs)), "grant_types", strings.Join(c.GrantTypes, ","),
		"scope", c.Scope.String(), "policy", string(p.Preset), "refresh", string(p.Refresh), "rotation", onOff(!p.RotationOff), "grace", p.Grace.String(),
		"idle", p.Idle.String(), "absolute", p.Absolute.String(), "access_token", string(p.AccessTokenFormat) + "/" + p.AccessTokenLifetime.String(),
		"on_reuse", string(p.OnReuse), "trusted", onOff(c.Trusted), "pkce", onOff(!c.PKCEWaived), "disabled", onOff(c.DisabledAt != nil),
	}
	return audit.Details(pairs...)
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
