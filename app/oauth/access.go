package oauth

import (
	"context"

	"regrant/app/audit"
)

// OnAccessLost says what becomes of the grants of somebody who may not use the client any more.
type OnAccessLost string

// What becomes of them (T34).
const (
	AccessLostSuspends OnAccessLost = "suspend" // refused at each use; they work again when access returns
	AccessLostRevokes  OnAccessLost = "revoke"  // they end for ever
)

// Group is a group of people that a client is limited to.
type Group struct {
	ID   string
	Name string
}

// mayUse says whether a person is one of those whom the client is for. Only a client that is limited to groups asks the store.
// What is read here is newer than the owner and the client that were read before it; who decides on it writes under their
// versions, which every change of access raises.
func (s *Server) mayUse(ctx context.Context, restricted bool, personID, clientID string) (bool, error) {
	if !restricted {
		return true, nil
	}
	may, err := s.store.MayUse(ctx, personID, clientID)
	return may, fault("read who may use the client", err)
}

// accessLost refuses a refresh of somebody who may not use the client any more (T34): for now, or for ever where its policy
// says so.
func (s *Server) accessLost(ctx context.Context, client *Client, state *RefreshState, r *TokenRequest, now Instant) error {
	if client.Policy.OnAccessLost != AccessLostRevokes {
		return errRefreshToken(RuleTokenAccess, "suspended: the person is in none of the client's groups")
	}
	event := audit.Event{At: now.Wall, Kind: audit.GrantRevoked, Origin: audit.Origin{Actor: audit.ByServer, RequestID: r.By.RequestID},
		PersonID: state.PersonID, ClientID: client.ID, GrantID: state.ID, Result: string(RevokedAccessLost)}
	if _, err := s.store.RevokeGrant(ctx, state.ID, RevokedAccessLost, now.Wall, event); err != nil {
		return fault("revoke grant", err)
	}
	return errRefreshToken(RuleTokenAccess, "revoked: the person is in none of the client's groups")
}

// noAccess notes that somebody signed in to a client that is not for them: a page tells them, so the client hears nothing. Looking
// at that page again is no other refusal.
func (s *Server) noAccess(client *Client, r *AuthorizationRequest, owner *Owner, by audit.Origin) {
	if !s.behind.first("access:"+r.ID+":"+owner.ID, s.clock.Now().Wall) {
		return
	}
	err := because(RuleAccess, refusef(AccessDenied, accessDenied, "person=%s is in none of the groups of client_id=%s", owner.ID, client.ID))
	AsError(err).refusal().PersonID = owner.ID
	s.remember(PathAuthorize, client, by, err)
}

const accessDenied = "The person may not use this application."
