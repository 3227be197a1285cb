package oauth

import (
	"context"
	"encoding/json"
	"slices"
)

// maxGroupsInAccessToken bounds the claim groups in access tokens, bytes: they travel in a header with every request, and many
// servers refuse headers of more than 8 KiB. Of somebody who is in more, the ID token and userinfo tell.
const maxGroupsInAccessToken = 4 << 10

// groupsClaim gives the claim groups (RFC 9068 §2.2.3.1) for a token of that scope: what stands for the person's groups and
// role at this moment, sorted. Nil where the scope does not ask for it; empty where nothing stands for them.
func (s *Server) groupsClaim(ctx context.Context, personID string, scope Scope) ([]string, error) {
	if !scope.Has(ScopeGroups) {
		return nil, nil
	}
	values, err := s.store.GroupsClaim(ctx, personID)
	if err != nil {
		return nil, fault("read groups", err)
	}
	claim := append([]string{}, values...)
	slices.Sort(claim)
	return slices.Compact(claim), nil
}

// inAccessToken gives the claim where it is short enough for an access token, else nil.
func inAccessToken(groups []string) []string {
	if b, err := json.Marshal(groups); err != nil || len(b) > maxGroupsInAccessToken {
		return nil
	}
	return groups
}
