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
	GivenAt   time.Time
}

// grow gives what is remembered after an answer: all that was allowed before and now, without what was asked for this time
// and unticked. c may be nil.
func (c *Consent) grow(asked, granted Scope, resources []string) *Consent {
	grown := &Consent{Scope: granted, Resources: resources}
	if c != nil {
		grown.Scope = c.Scope.filter(func(t string) bool { return !asked.Has(t) || granted.Has(t) }).Union(granted)
		for _, r := range c.Resources {
			if !slices.Contains(grown.Resources, r) {
				grown.Resources = append(slices.Clip(grown.Resources), r)
			}
		}
	}
	return grown
}

// Covers says whether a request for scope and resources asks for nothing new.
func (c *Consent) Covers(scope Scope, resources []string) bool {
	return c != nil && c.Scope.Covers(scope) &&
		!slices.ContainsFunc(resources, func(r string) bool { return !slices.Contains(c.Resources, r) })
}
