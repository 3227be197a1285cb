package account

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"regrant/app/audit"
)

// Groups is the way to groups of people. It is safe for concurrent use.
type Groups struct{ GroupStore }

// NewGroups returns the groups in store.
func NewGroups(store GroupStore) *Groups { return &Groups{store} }

// Find gives a group by id or by name, in any case; [ErrNoGroup].
func (g *Groups) Find(ctx context.Context, idOrName string) (GroupEntry, error) {
	entry, err := g.Group(ctx, idOrName)
	if errors.Is(err, ErrNoGroup) {
		return g.GroupByName(ctx, idOrName)
	}
	return entry, err
}

// Create makes a group without members. Errors: [InvalidError], [ErrNameTaken].
func (g *Groups) Create(ctx context.Context, n Group, o audit.Origin, now time.Time) (Group, error) {
	n, err := ParseGroup(n)
	if err != nil {
		return n, err
	}
	now = now.UTC().Truncate(time.Microsecond)
	n.ID, n.Version, n.CreatedAt, n.UpdatedAt = strings.ToLower(rand.Text()), 1, now, now
	return n, g.CreateGroup(ctx, n, groupEvent(audit.GroupCreated, n, "", o, now, "after", audit.Details(n.facts()...)))
}

// Update writes name, description and claim of the group with that id. n.Version is that of the group that was shown; 0: whatever
// it is. Errors: [InvalidError], [ErrNameTaken], [ErrNoGroup], [ErrChanged].
func (g *Groups) Update(ctx context.Context, n Group, o audit.Origin, now time.Time) (Group, error) {
	n, err := ParseGroup(n)
	if err != nil {
		return n, err
	}
	before, err := g.Group(ctx, n.ID)
	if err != nil {
		return n, err
	}
	if n.Version == 0 {
		n.Version = before.Version
	}
	if n.Version != before.Version {
		return n, ErrChanged
	}
	change := audit.Change(before.facts(), n.facts())
	if change == "" {
		return before.Group, nil
	}
	n.CreatedAt, n.UpdatedAt = before.CreatedAt, now.UTC().Truncate(time.Microsecond)
	e := groupEvent(audit.GroupUpdated, before.Group, "", o, n.UpdatedAt)
	e.Detail += " " + change
	if err := g.UpdateGroup(ctx, n, e); err != nil {
		return n, err
	}
	n.Version++
	return n, nil
}

// Delete removes a group. Its members stay, and lose what they had by it. [ErrNoGroup].
func (g *Groups) Delete(ctx context.Context, id string, o audit.Origin, now time.Time) error {
	entry, err := g.Group(ctx, id)
	if err != nil {
		return err
	}
	return g.DeleteGroup(ctx, id, groupEvent(audit.GroupDeleted, entry.Group, "", o, now, "before", audit.Details(entry.facts()...)))
}

// Add puts people into a group, all or none, and says how many were not in it. [ErrNoGroup], [ErrNotFound].
func (g *Groups) Add(ctx context.Context, id string, people []string, o audit.Origin, now time.Time) (int, error) {
	return g.change(ctx, id, people, false, o, now)
}

// Remove takes people out of a group, as Add.
func (g *Groups) Remove(ctx context.Context, id string, people []string, o audit.Origin, now time.Time) (int, error) {
	return g.change(ctx, id, people, true, o, now)
}

func (g *Groups) change(ctx context.Context, id string, people []string, out bool, o audit.Origin, now time.Time) (int, error) {
	entry, err := g.Group(ctx, id)
	if err != nil {
		return 0, err
	}
	changes := make([]MemberChange, len(people))
	for i, person := range people {
		changes[i] = memberChange(entry.Group, person, out, o, now)
	}
	return g.ChangeMembers(ctx, changes)
}

// ChangeOf puts a person into groups and takes them out of others, all or none, and says how many memberships changed.
// [ErrNoGroup], [ErrNotFound].
func (g *Groups) ChangeOf(ctx context.Context, personID string, into, outOf []string, o audit.Origin, now time.Time) (int, error) {
	var changes []MemberChange
	for i, id := range append(slices.Clone(into), outOf...) {
		entry, err := g.Group(ctx, id)
		if err != nil {
			return 0, err
		}
		changes = append(changes, memberChange(entry.Group, personID, i >= len(into), o, now))
	}
	return g.ChangeMembers(ctx, changes)
}

// SetRoleClaims says what stands for roles in the claim groups; an empty text: nothing. Errors: [InvalidError] of the field that
// the role names.
func (g *Groups) SetRoleClaims(ctx context.Context, claims map[Role]string, o audit.Origin, now time.Time) error {
	before, err := g.RoleClaims(ctx)
	if err != nil {
		return err
	}
	kept := map[Role]string{}
	var was, is []string
	for _, role := range Roles() {
		claim := tidy(claims[role])
		if !visible(claim, maxClaim) {
			return &InvalidError{Field: string(role), Key: "group.claim_invalid"}
		}
		if claim != "" {
			kept[role] = claim
		}
		was, is = append(was, string(role), before[role]), append(is, string(role), claim)
	}
	change := audit.Change(was, is)
	if change == "" {
		return nil
	}
	e := event(audit.GroupRolesChanged, "", o, now)
	e.Detail = change
	return g.GroupStore.SetRoleClaims(ctx, kept, e)
}

func memberChange(group Group, person string, out bool, o audit.Origin, now time.Time) MemberChange {
	kind, before, after := audit.GroupMemberAdded, "no", "yes"
	if out {
		kind, before, after = audit.GroupMemberRemoved, "yes", "no"
	}
	e := groupEvent(kind, group, person, o, now, "before", audit.Details("member", before), "after", audit.Details("member", after))
	return MemberChange{GroupID: group.ID, PersonID: person, Out: out, Event: e}
}

// groupEvent is what is written about a group. Its name may stand in the log: it says nothing of a person.
func groupEvent(kind audit.Kind, g Group, person string, o audit.Origin, now time.Time, details ...string) audit.Event {
	return event(kind, person, o, now.UTC().Truncate(time.Microsecond), append([]string{"group", g.Name}, details...)...)
}

func (g Group) facts() []string {
	return []string{"name", g.Name, "description", g.Description, "claim", g.Claim}
}
