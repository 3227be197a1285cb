package oauth

import (
	"context"
	"slices"
	"time"

	"regrant/app/audit"
)

// ClientUse is what hangs on a client at this moment.
type ClientUse struct {
	Grants   int        // that are open, up to what was asked for
	Consents int        // that are remembered, up to what was asked for
	LastUsed *time.Time // the last day, in UTC, on which one of its grants was refreshed; nil: not within memory
}

// ClientUsage is what a database tells of the use of clients.
type ClientUsage interface {
	// ClientUse counts what hangs on a client, up to max of each; a client that does not exist has no use. What happened in the
	// last seconds may be missing.
	ClientUse(ctx context.Context, id string, max int) (ClientUse, error)
}

// SetClientDisabled refuses a client, or accepts it again. Its grants stay as they are: a disabled client is answered
// unauthorized_client and its access tokens are inactive, until it is enabled (T26). Where it is so already, nothing changes.
func SetClientDisabled(ctx context.Context, store Store, id string, disabled bool, now time.Time, by audit.Origin) (*Client, error) {
	c, err := store.Client(ctx, id)
	if err != nil || disabled == (c.DisabledAt != nil) {
		return c, err
	}
	return ChangeClient(ctx, store, id, func(c *Client) error {
		if c.DisabledAt = nil; disabled {
			c.DisabledAt = &now
		}
		return nil
	}, now, by)
}

// RemoveClient deletes a client with its consents and ends its grants (T27). The client of an API is [ErrConflict]: it goes with
// the API.
func RemoveClient(ctx context.Context, store Store, id string, now time.Time, by audit.Origin) error {
	c, err := store.Client(ctx, id)
	if err != nil {
		return err
	}
	event := audit.Event{At: now, Kind: audit.ClientDeleted, Origin: by, ClientID: id, Result: "ok", Detail: audit.Details(c.facts()...)}
	return store.DeleteClient(ctx, id, event)
}

// Loosens says whether a change of a registration gives somebody power that they did not have: where codes are sent, what may
// be asked for, what has to be proven, and who may use it. The policy is not looked at.
func (c *Client) Loosens(before *Client) bool {
	added := func(list, old []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(old, s) })
	}
	return added(c.RedirectURIs, before.RedirectURIs) || added(c.PostLogoutRedirectURIs, before.PostLogoutRedirectURIs) || added(c.Scope, before.Scope) || added(c.GrantTypes, before.GrantTypes) ||
		added(c.ExchangeSubjects, before.ExchangeSubjects) || added(c.ExchangeAudiences, before.ExchangeAudiences) ||
		c.BackchannelLogoutURI != "" && c.BackchannelLogoutURI != before.BackchannelLogoutURI || before.Restricted && (!c.Restricted || added(groupIDs(c.Groups), groupIDs(before.Groups))) ||
		c.Trusted && !before.Trusted || c.PKCEWaived && !before.PKCEWaived || before.SecondFactor && !c.SecondFactor || before.PARRequired && !c.PARRequired || before.DPoPRequired && !c.DPoPRequired || c.FormPost && !before.FormPost || c.Public() && !before.Public() ||
		c.AuthMethod == AuthPrivateKeyJWT && (c.JWKS != before.JWKS || c.JWKSURI != before.JWKSURI || before.AuthMethod != AuthPrivateKeyJWT)
}

func groupIDs(groups []Group) []string {
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.ID
	}
	return ids
}
