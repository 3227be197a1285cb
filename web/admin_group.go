package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"regrant/app/account"
	"regrant/web/view"
)

// How much the pages of a group show.
const (
	memberPage    = 50
	candidatePage = 20
	maxTicked     = 100
)

// showGroup shows what a group is for, and who is in it.
func (s *Server) showGroup(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	reach, err := s.groups.GroupReach(r.Context(), g.ID)
	if err != nil {
		s.unavailable(w, r, "read the clients of a group", err)
		return
	}
	members, err := s.groups.Members(r.Context(), g.ID, r.URL.Query().Get("after"), memberPage+1)
	if err != nil {
		s.unavailable(w, r, "list members", err)
		return
	}
	page := view.AdminGroup{AdminFrame: s.adminFrame(w, r, a, "groups", view.Crumb{Label: g.Name}), GroupRow: groupRow(g)}
	t := page.Text
	for _, c := range reach {
		page.Reach = append(page.Reach, view.ReachRow{Client: clientParty(c), Note: reachNote(t, c)})
	}
	if r.URL.Query().Get("after") != "" {
		page.Pager.First = groupPath(g.ID)
	}
	if len(members) > memberPage {
		members = members[:memberPage]
		page.Pager.Next = groupPath(g.ID) + "?after=" + url.QueryEscape(members[memberPage-1].Email)
	}
	for _, m := range members {
		page.People = append(page.People, memberRow(m))
	}
	if n := len(members); n > 0 && n < g.Members {
		page.Pager.Shown = t.N("admin.people.shown", n)
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

func memberRow(p account.Person) view.MemberRow {
	return view.MemberRow{ID: p.ID, Name: p.Name, Email: p.Email, Disabled: p.DisabledAt != nil}
}

func clientParty(c account.Reach) view.Party {
	return view.Party{Label: c.ClientName, Note: c.ClientID, URL: clientPath(c.ClientID)}
}

// reachNote says what the group means for a client.
func reachNote(t *view.Text, c account.Reach) string {
	if c.Last {
		return t.T("admin.groups.only_group")
	}
	return t.T("admin.groups.one_of_groups")
}

// lossNote says who loses access to a client with the group, and what becomes of their sign-ins.
func lossNote(t *view.Text, c account.Reach) string {
	note := t.N("admin.groups.loses", c.Losers, "Client", c.ClientName)
	if c.Losers >= account.MaxCountedLosers {
		note = t.T("admin.groups.loses_many", "Client", c.ClientName, "Number", t.Number(c.Losers))
	}
	switch {
	case c.Losers == 0:
	case c.Revokes:
		note += " " + t.T("admin.groups.loses_revoked")
	default:
		note += " " + t.T("admin.groups.loses_suspended")
	}
	if c.Last {
		note += " " + t.T("admin.groups.loses_last")
	}
	return note
}

// showAddMembers looks for people who can be added.
func (s *Server) showAddMembers(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	s.writeAddMembers(w, r, a, g, http.StatusOK, outside(r.URL.Query().Get("q"), 100), "")
}

func (s *Server) writeAddMembers(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry, status int, search, wrong string) {
	found, err := s.store.SearchPeople(r.Context(), account.PeopleFilter{Search: search, Limit: candidatePage + 1}, s.now())
	if err != nil {
		s.unavailable(w, r, "list people", err)
		return
	}
	t := s.frame(r).Text
	page := view.AdminGroupAdd{
		AdminFrame: s.groupFrame(w, r, a, g, t.T("admin.groups.add")), Title: t.T("admin.groups.add_title", "Group", g.Name),
		Action: groupPath(g.ID) + "/add", Back: groupPath(g.ID), Search: search, Error: wrong, More: len(found) > candidatePage,
	}
	for _, p := range found[:min(len(found), candidatePage)] {
		groups, err := s.groups.GroupsOf(r.Context(), p.ID)
		if err != nil {
			s.unavailable(w, r, "list the groups of a person", err)
			return
		}
		page.People = append(page.People, view.CandidateRow{
			MemberRow: memberRow(p.Person), Member: slices.ContainsFunc(groups, func(of account.Group) bool { return of.ID == g.ID }),
		})
	}
	s.showPage(w, r, status, false, page)
}

// addMembers puts the people who were ticked into the group, all or none.
func (s *Server) addMembers(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	people, t := r.PostForm["person"], s.frame(r).Text
	if len(people) == 0 || len(people) > maxTicked {
		s.writeAddMembers(w, r, a, g, http.StatusUnprocessableEntity, outside(r.PostForm.Get("q"), 100), t.T("admin.groups.error.nobody"))
		return
	}
	_, err := s.groups.Add(r.Context(), g.ID, people, s.byAdmin(r, a), s.now())
	switch {
	case errors.Is(err, account.ErrNotFound):
		s.writeAddMembers(w, r, a, g, http.StatusUnprocessableEntity, outside(r.PostForm.Get("q"), 100), t.T("admin.groups.error.gone"))
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "add members", err)
	default:
		s.done(w, r, groupPath(g.ID), "done.members_added")
	}
}

// memberOf finds the person that an act on a membership names. When there is none, it answers itself.
func (s *Server) memberOf(w http.ResponseWriter, r *http.Request, id string) (account.Person, bool) {
	p, err := s.people.Find(r.Context(), id)
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "read person", err)
	}
	return p, err == nil
}

// askRemoveMember asks before somebody is taken out of a group, and says what they lose.
func (s *Server) askRemoveMember(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	p, ok := s.memberOf(w, r, r.URL.Query().Get("person"))
	if !ok {
		return
	}
	lost, err := s.groups.PersonReach(r.Context(), g.ID, p.ID)
	if err != nil {
		s.unavailable(w, r, "read who loses access", err)
		return
	}
	t := s.frame(r).Text
	c := view.Confirm{
		Title: t.T("admin.groups.remove_title", "Name", calledBy(p), "Group", g.Name), Submit: t.T("admin.groups.remove_submit"), Action: groupPath(g.ID) + "/remove",
		Cancel: groupPath(g.ID), FormToken: s.formToken(w, r), Danger: true, Hidden: map[string]string{"person": p.ID},
	}
	for _, of := range lost {
		key := "admin.groups.remove_suspends"
		if of.Revokes {
			key = "admin.groups.remove_revokes"
		}
		c.Consequences = append(c.Consequences, t.T(key, "Client", of.ClientName))
	}
	if len(lost) == 0 {
		c.Consequences = []string{t.T("admin.groups.remove_nothing")}
	}
	if g.Claim != "" {
		c.Consequences = append(c.Consequences, t.T("admin.groups.loses_claim", "Claim", g.Claim))
	}
	s.showPage(w, r, http.StatusOK, false, view.AdminGroupAct{AdminFrame: s.groupFrame(w, r, a, g, t.T("admin.groups.remove_submit")), Confirm: c})
}

func (s *Server) removeMember(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	p, ok := s.memberOf(w, r, r.PostForm.Get("person"))
	if !ok {
		return
	}
	n, err := s.groups.Remove(r.Context(), g.ID, []string{p.ID}, s.byAdmin(r, a), s.now())
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "remove member", err)
	case n == 0:
		s.done(w, r, groupPath(g.ID), "done.unchanged")
	default:
		s.done(w, r, groupPath(g.ID), "done.member_removed")
	}
}

// askDeleteGroup asks before a group is deleted, and says who loses access to what.
func (s *Server) askDeleteGroup(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	reach, err := s.groups.GroupReach(r.Context(), g.ID)
	if err != nil {
		s.unavailable(w, r, "read who loses access", err)
		return
	}
	t := s.frame(r).Text
	c := view.Confirm{
		Title: t.T("admin.groups.delete_title", "Group", g.Name), Lead: t.N("admin.groups.delete_lead", g.Members), Submit: t.T("admin.groups.delete"),
		Action: groupPath(g.ID) + "/delete", Cancel: groupPath(g.ID), FormToken: s.formToken(w, r), Danger: true,
	}
	for _, of := range reach {
		c.Consequences = append(c.Consequences, lossNote(t, of))
	}
	if len(reach) == 0 {
		c.Consequences = []string{t.T("admin.groups.delete_nothing")}
	}
	if g.Claim != "" {
		c.Consequences = append(c.Consequences, t.T("admin.groups.loses_claim", "Claim", g.Claim))
	}
	s.showPage(w, r, http.StatusOK, false, view.AdminGroupAct{AdminFrame: s.groupFrame(w, r, a, g, c.Submit), Confirm: c})
}

func (s *Server) deleteGroup(w http.ResponseWriter, r *http.Request, a *admin, g account.GroupEntry) {
	err := s.groups.Delete(r.Context(), g.ID, s.byAdmin(r, a), s.now())
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "delete group", err)
	default:
		s.done(w, r, "/admin/groups", "done.group_deleted")
	}
}

// showPersonGroups shows which groups somebody is in, to be changed.
func (s *Server) showPersonGroups(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	all, err := s.groups.Groups(r.Context())
	var of []account.Group
	if err == nil {
		of, err = s.groups.GroupsOf(r.Context(), e.ID)
	}
	if err != nil {
		s.unavailable(w, r, "list groups", err)
		return
	}
	t, path := s.frame(r).Text, "/admin/people/"+e.ID
	page := view.AdminPersonGroups{
		AdminFrame: s.personFrame(w, r, a, e.Person, t.T("admin.nav.groups")), Title: t.T("admin.person.groups_title", "Name", calledBy(e.Person)),
		Action: path + "/groups", Back: path, Labels: map[string]string{},
	}
	for _, g := range of {
		page.Was = append(page.Was, g.ID)
	}
	for _, g := range all {
		page.Labels[g.ID] = g.Name
		page.Boxes = append(page.Boxes, view.ScopeBox{Name: g.ID, Help: g.Description, On: slices.Contains(page.Was, g.ID)})
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// changePersonGroups does what was changed on the form, and leaves what others have changed meanwhile.
func (s *Server) changePersonGroups(w http.ResponseWriter, r *http.Request, a *admin) {
	e, ok := s.personOf(w, r)
	if !ok {
		return
	}
	was, is := r.PostForm["was"], r.PostForm["group"]
	into := slices.DeleteFunc(slices.Clone(is), func(id string) bool { return slices.Contains(was, id) })
	outOf := slices.DeleteFunc(slices.Clone(was), func(id string) bool { return slices.Contains(is, id) })
	n, err := s.groups.ChangeOf(r.Context(), e.ID, into, outOf, s.byAdmin(r, a), s.now())
	path := "/admin/people/" + e.ID
	switch {
	case errors.Is(err, account.ErrNoGroup): // it was deleted meanwhile
		s.done(w, r, path+"/groups", "done.group_gone")
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "change the groups of a person", err)
	case n == 0:
		s.done(w, r, path, "done.unchanged")
	default:
		s.done(w, r, path, "done.person_groups")
	}
}
