package oauth

import (
	"slices"
	"time"
)

// Consent is what a person has allowed a client, remembered so that a confidential client need not ask again for the
// same: RFC 8252 §8.6.
type Consent struct {
	PersonID  string
	ClientID  string
	Scope     Scope
	Resources []string
	Claims    []string // by themselves, see [Claims]; those that a scope tells go with it
	GivenAt   time.Time
}

// remembered says whether what people allow a client is remembered, so that it need not ask again. Anybody could be behind the name of a
// public client, and of one that nobody vouches for.
func (c *Client) remembered() bool { return !c.Public() && !c.Unverified() }

// grow gives what is remembered after an answer: all that was allowed before and now, without what was asked for this time
// and unticked. c may be nil.
func (c *Consent) grow(asked *Progress, granted Scope, claims Claims) *Consent {
	grown := &Consent{Scope: granted, Resources: asked.Request.Resources, Claims: claims.beyond(asked.Scope)}
	if c != nil {
		grown.Scope = c.Scope.filter(func(t string) bool { return !asked.Scope.Has(t) || granted.Has(t) }).Union(granted)
		for _, claim := range c.Claims {
			if !slices.Contains(asked.Claims, claim) && !asked.Scope.Has(claimScope(claim)) {
				grown.Claims = append(grown.Claims, claim)
			}
		}
		for _, r := range c.Resources {
			if !slices.Contains(grown.Resources, r) {
				grown.Resources = append(slices.Clip(grown.Resources), r)
			}
		}
	}
	return grown
}

// Covers says whether a request for scope, resources and claims asks for nothing new.
func (c *Consent) Covers(scope Scope, resources, claims []string) bool {
	return c != nil && c.Scope.Covers(scope) &&
		!slices.ContainsFunc(claims, func(claim string) bool { return !slices.Contains(c.Claims, claim) && !c.Scope.Has(claimScope(claim)) }) &&
		!slices.ContainsFunc(resources, func(r string) bool { return !slices.Contains(c.Resources, r) })
}
