package view

import "github.com/a-h/templ"

// groupSamples are the pages about groups.
func groupSamples(f Frame) map[string]templ.Component {
	t := f.Text
	frame := func(crumbs ...Crumb) AdminFrame {
		return AdminFrame{Frame: f, Section: "groups", Crumbs: crumbs, Admin: "rosa@acme.example", FormToken: "yD3l8Jc0R6nq"}
	}
	auditor := frame()
	auditor.ReadOnly = true
	staff := GroupRow{ID: "k3jd9", Name: "Staff", Description: "Everybody who works here", Claim: "staff", Members: 212, Clients: 2}
	roles := []GroupRole{{Role: t.T("admin.people.role_person")}, {Role: t.T("admin.people.role_auditor")}, {Role: t.T("admin.people.role_admin"), Claim: "admins"}}
	ann := MemberRow{ID: "1", Name: "Ann Archer", Email: "ann@acme.example"}
	zach := MemberRow{ID: "2", Email: "zacharias.donaudampfschifffahrtsgesellschaft@department.example", Disabled: true}
	return map[string]templ.Component{
		"admin_groups":         AdminGroups{AdminFrame: frame(), Groups: []GroupRow{{ID: "x", Name: "Board", Members: 3}, staff}, Roles: roles},
		"admin_groups_none":    AdminGroups{AdminFrame: frame(), Roles: roles},
		"admin_groups_auditor": AdminGroups{AdminFrame: auditor, Groups: []GroupRow{staff}, Roles: roles},
		"admin_group": AdminGroup{
			AdminFrame: frame(Crumb{Label: "Staff"}), GroupRow: staff, People: []MemberRow{ann, zach}, Pager: Pager{Next: "/admin/groups/k3jd9?after=x"},
			Reach: []ReachRow{{Client: Party{Label: "Grafana", Note: "grafana", URL: "/admin/clients/grafana"}, Note: t.T("admin.groups.only_group")}},
		},
		"admin_group_new": AdminGroupForm{
			AdminFrame: frame(Crumb{Label: t.T("admin.groups.new")}), Title: t.T("admin.groups.new"), Lead: t.T("admin.groups.new_lead"), Action: "/admin/groups/new",
			Back: "/admin/groups", Submit: t.T("admin.groups.new"), Version: "0",
			Name:        Field{Name: "name", Label: t.T("admin.groups.name"), Value: "Staff", Error: t.T("admin.groups.error.taken"), Required: true, Focus: true},
			Description: Field{Name: "description", Label: t.T("admin.groups.about")},
			Claim:       Field{Name: "claim", Label: t.T("admin.groups.claim"), Help: t.T("admin.groups.claim_help")},
		},
		"admin_group_add": AdminGroupAdd{
			AdminFrame: frame(Crumb{Label: "Staff", URL: "/admin/groups/k3jd9"}, Crumb{Label: t.T("admin.groups.add")}), Title: t.T("admin.groups.add_title", "Group", "Staff"),
			Action: "/admin/groups/k3jd9/add", Back: "/admin/groups/k3jd9", Search: "a", People: []CandidateRow{{ann, true}, {zach, false}}, More: true, Error: t.T("admin.groups.error.nobody"),
		},
		"admin_person_groups": AdminPersonGroups{
			AdminFrame: frame(), Title: t.T("admin.person.groups_title", "Name", "Ann Archer"), Action: "/admin/people/1/groups", Back: "/admin/people/1",
			Boxes: []ScopeBox{{Name: "x"}, {Name: "k3jd9", Help: "Everybody who works here", On: true}}, Labels: map[string]string{"x": "Board", "k3jd9": "Staff"}, Was: []string{"k3jd9"},
		},
		"admin_group_roles": AdminGroupRoles{AdminFrame: frame(Crumb{Label: t.T("admin.groups.roles")}), Fields: []Field{{Name: "person", Label: t.T("admin.people.role_person")}, {Name: "admin", Label: t.T("admin.people.role_admin"), Value: "admins"}}},
	}
}
