package oauth

import (
	"slices"
	"strings"
)

// The scopes that every server knows: those of OpenID Connect Core §5.4 and OpenID Connect Core §11, and groups, which asks for
// the claim of that name.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeGroups        = "groups"
	ScopeOfflineAccess = "offline_access"
)

// standardScopes belong to the server itself, not to an API.
var standardScopes = Scope{ScopeOpenID, ScopeProfile, ScopeEmail, ScopeGroups, ScopeOfflineAccess}

// StandardScopes gives the scopes that belong to the server itself.
func StandardScopes() Scope { return slices.Clone(standardScopes) }

// Scope is a set of scope tokens (RFC 6749 §3.3) in the order in which they were first named.
type Scope []string

// ParseScope reads a space-delimited list. Order and duplicates carry no meaning. A token with a character that RFC 6749
// §3.3 does not allow is [InvalidScope].
func ParseScope(s string) (Scope, error) {
	var scope Scope
	for token := range strings.SplitSeq(s, " ") {
		if token == "" {
			continue
		}
		for _, c := range []byte(token) {
			if c < 0x21 || c == '"' || c == '\\' || c > 0x7e {
				return nil, refuse(InvalidScope, "The scope is malformed.")
			}
		}
		if !scope.Has(token) {
			scope = append(scope, token)
		}
	}
	return scope, nil
}

// String gives the wire form.
func (s Scope) String() string { return strings.Join(s, " ") }

// Has says whether token is a member.
func (s Scope) Has(token string) bool { return slices.Contains(s, token) }

// Covers says whether every member of other is a member of s.
func (s Scope) Covers(other Scope) bool {
	return !slices.ContainsFunc(other, func(t string) bool { return !s.Has(t) })
}

// Intersect gives the members of s that are members of other too.
func (s Scope) Intersect(other Scope) Scope {
	return s.filter(other.Has)
}

// Without gives the members of s that are not named.
func (s Scope) Without(tokens ...string) Scope {
	return s.filter(func(t string) bool { return !slices.Contains(tokens, t) })
}

// Union gives the members of both.
func (s Scope) Union(other Scope) Scope {
	union := slices.Clone(s)
	for _, t := range other {
		if !union.Has(t) {
			union = append(union, t)
		}
	}
	return union
}

// Equal compares as sets.
func (s Scope) Equal(other Scope) bool { return len(s) == len(other) && s.Covers(other) }

// scopeRefused names the rule of a scope that cannot be had.
func scopeRefused(rule Rule, description string) error {
	return because(rule, refuse(InvalidScope, description))
}

func (s Scope) filter(keep func(string) bool) Scope {
	var kept Scope
	for _, t := range s {
		if keep(t) {
			kept = append(kept, t)
		}
	}
	return kept
}
