package oauth

import "slices"

// clientCredentials answers the grant of RFC 6749 §4.4: the client acts for itself, and no refresh token is issued.
func (s *Server) clientCredentials(client *Client, r *TokenRequest) (*TokenResponse, error) {
	asked, err := ParseScope(r.Scope)
	if err != nil {
		return nil, err
	}
	registry := s.registry()
	own := client.Scope.Without(standardScopes...).Intersect(registry.known()) // there is no person to tell about
	scope := own
	if len(asked) > 0 {
		if scope = asked.Intersect(own); len(scope) == 0 {
			return nil, refuse(InvalidScope, "None of the scopes asked for is known and allowed for this client.")
		}
	}
	resources, err := registry.resolve(r.Resources)
	if err != nil {
		return nil, err
	}
	for _, resource := range resources {
		// A client gets tokens only for APIs of which it may use something.
		if api, err := registry.find(resource); err != nil || len(api.Scope.Intersect(own)) == 0 {
			return nil, refuse(InvalidTarget, "The resource is not open to this client.")
		}
	}
	t, err := registry.target(s.issuer, slices.Clone(resources), resources, scope, client.Policy.AccessTokenFormat)
	if err != nil {
		return nil, err
	}
	t.jkt = r.jkt
	return s.issue(client, nil, t, "", s.clock.Now().Wall)
}
