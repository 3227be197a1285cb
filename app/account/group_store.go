package account

import (
	"context"

	"regrant/app/audit"
)

// GroupStore is what groups need of a database. The rules of [Store] hold here too.
type GroupStore interface {
	// Group gives a group; [ErrNoGroup].
	Group(ctx context.Context, id string) (GroupEntry, error)
	// GroupByName gives the group of that name, in any case; [ErrNoGroup].
	GroupByName(ctx context.Context, name string) (GroupEntry, error)
	// Groups gives all groups in the order of their names.
	Groups(ctx context.Context) ([]GroupEntry, error)
	// GroupsOf gives the groups that a person is in.
	GroupsOf(ctx context.Context, personID string) ([]Group, error)
	// Members gives up to limit members whose address comes after that one, in the order of addresses.
	Members(ctx context.Context, groupID, afterEmail string, limit int) ([]Person, error)
	// CreateGroup adds a group; [ErrNameTaken].
	CreateGroup(ctx context.Context, g Group, e audit.Event) error
	// UpdateGroup writes name, description and claim; [ErrChanged] if the version is not g.Version any more, [ErrNameTaken].
	UpdateGroup(ctx context.Context, g Group, e audit.Event) error
	// DeleteGroup removes a group with its memberships. A client that was limited to it alone is for nobody afterwards. Of any
	// number of callers one does it; [ErrNoGroup] for the others.
	DeleteGroup(ctx context.Context, id string, e audit.Event) error
	// ChangeMembers adds people to groups and takes them out, all or none, and says how many memberships changed. What is so
	// already changes nothing and writes no event. It raises the version of each person, and revokes their grants for clients
	// that they may not use any more and whose policy says so. [ErrNoGroup], [ErrNotFound].
	ChangeMembers(ctx context.Context, changes []MemberChange) (int, error)
	// GroupReach says for each client that is limited to a group who loses access with it.
	GroupReach(ctx context.Context, groupID string) ([]Reach, error)
	// PersonReach gives the clients to which a person loses access when they are taken out of a group; Losers and Last are not set.
	PersonReach(ctx context.Context, groupID, personID string) ([]Reach, error)
	// RoleClaims gives what stands for each role in the claim groups; roles without anything are missing.
	RoleClaims(ctx context.Context) (map[Role]string, error)
	// SetRoleClaims replaces them.
	SetRoleClaims(ctx context.Context, claims map[Role]string, e audit.Event) error
}

// MemberChange puts a person into a group, or takes them out.
type MemberChange struct {
	GroupID  string
	PersonID string
	Out      bool
	Event    audit.Event
}

// Reach is what a group means for one client.
type Reach struct {
	ClientID   string
	ClientName string
	Revokes    bool // the grants of those who lose access end, see oauth.Policy
	Losers     int  // members who are in no other group of the client, counted up to [MaxCountedLosers]
	Last       bool // there is no other group: nobody may use it without this one
}

// MaxCountedLosers is where the count of those who would lose access stops.
const MaxCountedLosers = 1000
