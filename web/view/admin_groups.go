package view

import (
	"context"
	"io"
)

// AdminGroups is the list of groups, with what stands for roles in the claim groups.
type AdminGroups struct {
	AdminFrame
	Groups []GroupRow
	Roles  []GroupRole
}

// GroupRow is one group in the list.
type GroupRow struct {
	ID, Name, Description string
	Claim                 string // may be empty
	Members, Clients      int
}

// GroupRole is what stands for a role.
type GroupRole struct {
	Role  string // in words
	Claim string // may be empty
}

// AdminGroup is the page of one group.
type AdminGroup struct {
	AdminFrame
	GroupRow
	Reach  []ReachRow
	People []MemberRow
	Pager  Pager
}

// ReachRow is an application that is limited to the group.
type ReachRow struct {
	Client Party
	Note   string // what it means, in words
}

// MemberRow is a member of the group.
type MemberRow struct {
	ID, Name, Email string
	Disabled        bool
}

// AdminGroupForm is the form of a group. It posts form_token, version, name, description and claim to Action.
type AdminGroupForm struct {
	AdminFrame
	Title, Lead, Action, Back, Submit string
	Version                           string
	Error                             string // about the whole
	Name, Description, Claim          Field
}

// AdminGroupRoles is the form of what stands for roles. It posts form_token and a field for each role to /admin/groups/roles.
type AdminGroupRoles struct {
	AdminFrame
	Fields []Field
}

// AdminGroupAdd looks for people to add. Its filter is the field q of a GET; it posts form_token and person, any number of
// times, to Action.
type AdminGroupAdd struct {
	AdminFrame
	Title, Action, Back string
	Search              string
	Error               string
	People              []CandidateRow
	More                bool // there are more than are shown
}

// CandidateRow is somebody who can be added.
type CandidateRow struct {
	MemberRow
	Member bool // is one already
}

// AdminGroupAct asks before an act on a group or a membership.
type AdminGroupAct struct {
	AdminFrame
	Confirm Confirm
}

// AdminPersonGroups is the form of the groups of a person. It posts form_token, was (the groups that were shown as theirs) and group,
// each any number of times, to Action.
type AdminPersonGroups struct {
	AdminFrame
	Title, Action, Back string
	Boxes               []ScopeBox // Name is the id of a group
	Labels              map[string]string
	Was                 []string
}

// Render writes the page.
func (p AdminGroups) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminGroup) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminGroupForm) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the page.
func (p AdminGroupRoles) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the page.
func (p AdminGroupAdd) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminGroupAct) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminPersonGroups) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
