package oauth

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// API is a resource server (RFC 6749 §1.1) that this server issues access tokens for. Its client authenticates it at
// the introspection endpoint.
type API struct {
	Resource          string // the resource indicator, RFC 8707 §2
	Name              string
	Scope             Scope  // the scopes that it owns
	AccessTokenFormat Format // overrides the client's; empty: the client's
	ClientID          string
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Validate refuses an API whose registration contradicts itself.
func (a *API) Validate() error {
	if _, err := canonicalResource(a.Resource); err != nil {
		return refuse(InvalidClientMetadata, "uri: must be an absolute https or http URI without a fragment, as RFC 8707 section 2 asks")
	}
	if !validName(a.Name) {
		return refuse(InvalidClientMetadata, "name: must be 1 to 200 characters that can be seen, on one line")
	}
	for _, s := range a.Scope {
		if standardScopes.Has(s) {
			return refuse(InvalidClientMetadata, "scope: "+s+" belongs to the server")
		}
	}
	if a.AccessTokenFormat != "" && a.AccessTokenFormat != FormatJWT && a.AccessTokenFormat != FormatOpaque {
		return refuse(InvalidClientMetadata, "access-token-format: must be jwt or opaque")
	}
	return nil
}

// canonicalResource checks a resource indicator and lowers its scheme and host for comparison: RFC 8707 §2, RFC 3986
// §6.2.2.1. Nothing else is touched, a trailing slash least of all.
func canonicalResource(s string) (string, error) {
	invalid := refuse(InvalidTarget, "The resource is not an absolute URI without a fragment.")
	u, err := url.Parse(s)
	if err != nil || strings.Contains(s, "#") || u.Host == "" || u.User != nil || len(s) > 2000 {
		return "", invalid
	}
	scheme, rest, found := strings.Cut(s, "://")
	if lower := strings.ToLower(scheme); !found || lower != "https" && lower != "http" {
		return "", invalid
	}
	for _, c := range []byte(s) {
		if c <= 0x20 || c >= 0x7f {
			return "", invalid
		}
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	return strings.ToLower(scheme) + "://" + strings.ToLower(rest[:end]) + rest[end:], nil
}

// registry is what the engine knows of the APIs: an unchanging value that is replaced as a whole.
type registry struct {
	apis []API
}

// find gives the API that a resource indicator names.
func (r *registry) find(resource string) (*API, error) {
	canonical, err := canonicalResource(resource)
	if err != nil {
		return nil, err
	}
	for i := range r.apis {
		if own, _ := canonicalResource(r.apis[i].Resource); own == canonical {
			return &r.apis[i], nil
		}
	}
	return nil, refuse(InvalidTarget, "The resource is unknown.")
}

// resolve turns the resource parameters of a request into the registered indicators, in order, without duplicates.
func (r *registry) resolve(resources []string) ([]string, error) {
	var resolved []string
	for _, s := range resources {
		api, err := r.find(s)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(resolved, api.Resource) {
			resolved = append(resolved, api.Resource)
		}
	}
	return resolved, nil
}

// known gives every scope that means something here.
func (r *registry) known() Scope {
	known := slices.Clone(standardScopes)
	for _, a := range r.apis {
		known = known.Union(a.Scope)
	}
	return known
}

// ScopeOwner gives the API that owns a scope, or nil for the server's own scopes.
func (s *Server) ScopeOwner(token string) *API {
	if owners := s.registry().owners(Scope{token}); len(owners) > 0 {
		return owners[0]
	}
	return nil
}

// owners gives the APIs that own at least one of the scopes.
func (r *registry) owners(scope Scope) []*API {
	var owners []*API
	for i := range r.apis {
		if len(r.apis[i].Scope.Intersect(scope)) > 0 {
			owners = append(owners, &r.apis[i])
		}
	}
	return owners
}

// target is where an access token goes.
type target struct {
	audience []string
	scope    Scope
	format   Format
	groups   []string     // what it says of the person's groups; nil: nothing
	told     personClaims // what its ID token says of the person
	actor    *Actor       // who acts for the person by an exchanged token; nil: the client of the grant
	until    time.Time    // it ends by then; zero: by its client's policy alone
	jkt      string       // thumbprint of the key that it is bound to; "": whoever bears it
}

// lifetime is how long the access token lives.
func (t *target) lifetime(c *Client, now time.Time) time.Duration {
	if !t.until.IsZero() {
		return min(c.Policy.AccessTokenLifetime, t.until.Sub(now))
	}
	return c.Policy.AccessTokenLifetime
}

// target decides audience and scope of one access token: RFC 9068 §3, RFC 8707 §2.2. The audience is what was asked for;
// else the one resource that was granted; else the only API that owns granted scopes; else the issuer. Scopes of an API
// that the token is not for are left out. With openid the issuer is added, for userinfo.
func (r *registry) target(issuer string, granted, asked []string, scope Scope, format Format) (target, error) {
	resources := asked
	if len(resources) == 0 {
		resources = granted
		if len(granted) > 1 {
			return target{}, refuse(InvalidTarget, "Several resources were granted: name the one that the token is for.")
		}
	}
	var apis []*API
	for _, res := range resources {
		api, err := r.find(res)
		if err != nil {
			return target{}, err
		}
		named := slices.Contains(granted, api.Resource)
		if len(granted) == 0 {
			// The authorization request named no resource: the scopes that it got say which APIs were meant.
			named = len(api.Scope.Intersect(scope)) > 0
		}
		if !named {
			return target{}, refuse(InvalidTarget, "The resource was not granted.")
		}
		apis = append(apis, api)
	}
	if len(apis) == 0 {
		if owners := r.owners(scope); len(owners) == 1 {
			apis = owners
		}
	}
	t := target{scope: scope, format: format}
	if len(apis) > 0 {
		t.scope = scope.filter(func(token string) bool {
			return standardScopes.Has(token) || slices.ContainsFunc(apis, func(a *API) bool { return a.Scope.Has(token) })
		})
		for _, a := range apis {
			t.audience = append(t.audience, a.Resource)
			if a.AccessTokenFormat != "" {
				t.format = a.AccessTokenFormat
			}
		}
	}
	if (len(apis) == 0 || scope.Has(ScopeOpenID)) && !slices.Contains(t.audience, issuer) {
		t.audience = append(t.audience, issuer)
	}
	return t, nil
}
