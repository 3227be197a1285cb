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

// Covers says whether a request for scope and resources asks for nothing new.
func (c *Consent) Covers(scope Scope, resources []string) bool {
	return c != nil && c.Scope.Covers(scope) &&
		!slices.ContainsFunc(resources, func(r string) bool { return !slices.Contains(c.Resources, r) })
}
