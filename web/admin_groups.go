package web

import (
	"errors"
	"net/http"
	"strconv"

	"regrant/app/account"
	"regrant/web/view"
)

// adminGroups are the pages about groups of people.
func (s *Server) adminGroups(area *adminArea) {
	area.page("/admin/groups", s.showGroups)
	area.danger("/admin/groups/new", s.showNewGroup, s.newGroup)
	area.danger("/admin/groups/roles", s.showGroupRoles, s.changeGroupRoles)
	area.page("/admin/groups/{id}", s.ofGroup(s.showGroup))
	area.danger("/admin/groups/{id}/edit", s.ofGroup(s.showGroupForm), s.ofGroup(s.changeGroup))
	area.danger("/admin/groups/{id}/add", s.ofGroup(s.showAddMembers), s.ofGroup(s.addMembers))
	area.danger("/admin/groups/{id}/remove", s.ofGroup(s.askRemoveMember), s.ofGroup(s.removeMember))
	area.danger("/admin/groups/{id}/delete", s.ofGroup(s.askDeleteGroup), s.ofGroup(s.deleteGroup))
	area.danger("/admin/people/{id}/groups", s.showPersonGroups, s.changePersonGroups)
}

type groupHandler func(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry)

// ofGroup finds the group that the address names.
func (s *Server) ofGroup(h groupHandler) adminHandler {
	return func(w http.ResponseWriter, r *http.Request, a *admin) {
		g, err := s.groups.Group(r.Context(), r.PathValue("id"))
		switch {
		case isNotFound(err):
			s.notFound(w, r)
		case err != nil:
			s.unavailable(w, r, "read group", err)
		default:
			h(w, r, a, g)
		}
	}
}

func groupPath(id string) string { return "/admin/groups/" + id }

func groupRow(g account.GroupEntry) view.GroupRow {
	return view.GroupRow{ID: g.ID, Name: g.Name, Description: g.Description, Claim: g.Claim, Members: g.Members, Clients: g.Clients}
}

// showGroups lists all groups, and what stands for roles.
func (s *Server) showGroups(w http.ResponseWriter, r *http.Request, a *admin) {
	groups, err := s.groups.Groups(r.Context())
	if err != nil {
		s.unavailable(w, r, "list groups", err)
		return
	}
	claims, err := s.groups.RoleClaims(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the claims of roles", err)
		return
	}
	page := view.AdminGroups{AdminFrame: s.adminFrame(w, r, a, "groups")}
	for _, g := range groups {
		page.Groups = append(page.Groups, groupRow(g))
	}
	for _, o := range roleOptions(page.Text, "") {
		page.Roles = append(page.Roles, view.GroupRole{Role: o.Label, Claim: claims[account.Role(o.Value)]})
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// groupForm is a group as its form has it.
type groupForm struct {
	account.Group
	field, wrong string // the field that is wrong, and why
	problem      string
}

func readGroupForm(r *http.Request) groupForm {
	f := r.PostForm
	version, err := strconv.ParseInt(f.Get("version"), 10, 64)
	if err != nil || version < 1 {
		version = -1 // of no group that was shown
	}
	return groupForm{Group: account.Group{Name: f.Get("name"), Description: f.Get("description"), Claim: f.Get("claim"), Version: version}}
}

// refused notes what is wrong with what was typed, and says whether something is.
func (f *groupForm) refused(t *view.Text, err error) bool {
	var invalid *account.InvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Field == "name":
		f.field, f.wrong = "name", t.T("admin.groups.error.name")
	case errors.As(err, &invalid) && invalid.Field == "description":
		f.field, f.wrong = "description", t.T("admin.groups.error.about")
	case errors.As(err, &invalid):
		f.field, f.wrong = "claim", t.T("admin.groups.error.claim")
	case errors.Is(err, account.ErrNameTaken):
		f.field, f.wrong = "name", t.T("admin.groups.error.taken")
	default:
		return false
	}
	return true
}

// fill puts the form's values into the fields of a page.
func (f *groupForm) fill(page *view.AdminGroupForm) {
	t := page.Text
	page.Version, page.Error = version(f.Version), f.problem
	page.Name = view.Field{Name: "name", Label: t.T("admin.groups.name"), Value: f.Name, Required: true, Autocomplete: "off"}
	page.Description = view.Field{Name: "description", Label: t.T("admin.groups.about"), Value: f.Description, Autocomplete: "off"}
	page.Claim = view.Field{Name: "claim", Label: t.T("admin.groups.claim"), Help: t.T("admin.groups.claim_help"), Value: f.Claim, Autocomplete: "off"}
	for _, field := range []*view.Field{&page.Name, &page.Description, &page.Claim} {
		if field.Name == f.field {
			field.Error, field.Focus = f.wrong, true
		}
	}
	if f.field == "" {
		page.Name.Focus = true
	}
}

func (s *Server) showNewGroup(w http.ResponseWriter, r *http.Request, a *admin) {
	s.writeNewGroup(w, r, a, http.StatusOK, groupForm{})
}

func (s *Server) writeNewGroup(w http.ResponseWriter, r *http.Request, a *admin, status int, f groupForm) {
	t := s.frame(r).Text
	page := view.AdminGroupForm{
		AdminFrame: s.adminFrame(w, r, a, "groups", view.Crumb{Label: t.T("admin.groups.new")}), Title: t.T("admin.groups.new"),
		Lead: t.T("admin.groups.new_lead"), Action: "/admin/groups/new", Back: "/admin/groups", Submit: t.T("admin.groups.new"),
	}
	f.fill(&page)
	s.showPage(w, r, status, false, page)
}

// newGroup makes a group and leads to its page, where members are added.
func (s *Server) newGroup(w http.ResponseWriter, r *http.Request, a *admin) {
	f := readGroupForm(r)
	g, err := s.groups.Create(r.Context(), f.Group, s.byAdmin(r, a), s.now())
	switch {
	case f.refused(s.frame(r).Text, err):
		s.writeNewGroup(w, r, a, http.StatusUnprocessableEntity, f)
	case err != nil:
		s.unavailable(w, r, "create group", err)
	default:
		s.done(w, r, groupPath(g.ID), "done.group_created")
	}
}

// groupFrame is the frame of a page below a group's.
func (s *Server) groupFrame(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry, title string) view.AdminFrame {
	return s.adminFrame(w, r, a, "groups", view.Crumb{Label: g.Name, URL: groupPath(g.ID)}, view.Crumb{Label: title})
}

func (s *Server) showGroupForm(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	s.writeGroupForm(w, r, a, g, http.StatusOK, groupForm{Group: g.Group})
}

func (s *Server) writeGroupForm(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry, status int, f groupForm) {
	t := s.frame(r).Text
	page := view.AdminGroupForm{
		AdminFrame: s.groupFrame(w, r, a, g, t.T("admin.groups.edit")), Title: t.T("admin.groups.edit"), Action: groupPath(g.ID) + "/edit",
		Back: groupPath(g.ID), Submit: t.T("admin.groups.save"),
	}
	f.fill(&page)
	s.showPage(w, r, status, false, page)
}

// changeGroup writes name, description and claim. When somebody else has changed the group meanwhile, what was typed stays, and the
// next try counts.
func (s *Server) changeGroup(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	f, t := readGroupForm(r), s.frame(r).Text
	f.ID = g.ID
	_, err := s.groups.Update(r.Context(), f.Group, s.byAdmin(r, a), s.now())
	switch {
	case f.refused(t, err):
		s.writeGroupForm(w, r, a, g, http.StatusUnprocessableEntity, f)
	case errors.Is(err, account.ErrChanged):
		f.Version, f.problem = g.Version, t.T("admin.groups.error.changed")
		s.writeGroupForm(w, r, a, g, http.StatusUnprocessableEntity, f)
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "change group", err)
	default:
		s.done(w, r, groupPath(g.ID), "done.group_updated")
	}
}

func (s *Server) showGroupRoles(w http.ResponseWriter, r *http.Request, a *admin) {
	claims, err := s.groups.RoleClaims(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the claims of roles", err)
		return
	}
	s.writeGroupRoles(w, r, a, http.StatusOK, claims, "")
}

func (s *Server) writeGroupRoles(w http.ResponseWriter, r *http.Request, a *admin, status int, claims map[account.Role]string, wrong string) {
	t := s.frame(r).Text
	page := view.AdminGroupRoles{AdminFrame: s.adminFrame(w, r, a, "groups", view.Crumb{Label: t.T("admin.groups.roles")})}
	for _, o := range roleOptions(t, "") {
		field := view.Field{Name: o.Value, Label: o.Label, Value: claims[account.Role(o.Value)], Autocomplete: "off"}
		if o.Value == wrong {
			field.Error, field.Focus = t.T("admin.groups.error.claim"), true
		}
		page.Fields = append(page.Fields, field)
	}
	s.showPage(w, r, status, false, page)
}

// changeGroupRoles says what stands for roles in the claim groups.
func (s *Server) changeGroupRoles(w http.ResponseWriter, r *http.Request, a *admin) {
	claims := map[account.Role]string{}
	for _, role := range account.Roles() {
		claims[role] = r.PostForm.Get(string(role))
	}
	err := s.groups.SetRoleClaims(r.Context(), claims, s.byAdmin(r, a), s.now())
	var invalid *account.InvalidError
	switch {
	case errors.As(err, &invalid):
		s.writeGroupRoles(w, r, a, http.StatusUnprocessableEntity, claims, invalid.Field)
	case err != nil:
		s.unavailable(w, r, "set the claims of roles", err)
	default:
		s.done(w, r, "/admin/groups", "done.group_updated")
	}
}
