package web

import (
	"net/http"
	"net/url"
	"strconv"

	"regrant/app/account"
	"regrant/web/view"
)

// adminPeople are the pages about people.
func (s *Server) adminPeople(area *adminArea) {
	area.page("/admin/welcome", s.showWelcome)

	area.page("/admin/people", s.showPeople)
	area.danger("/admin/people/invite", s.showInvitePerson, s.invitePerson)
	area.act("/admin/people/invitations/{link}/withdraw", s.withdrawInvitation)
	area.danger("/admin/people/new", s.showNewPerson, s.newPerson)

	area.page("/admin/people/{id}", s.showPerson)
	area.danger("/admin/people/{id}/edit", s.showProfile, s.changeProfile)
	area.danger("/admin/people/{id}/enable", s.showPersonAgain, s.enablePerson)
	area.danger("/admin/people/{id}/reset-link", s.showResetLink, s.makeResetLink)
	area.danger("/admin/people/{id}/sessions/{session}/end", s.showEndSession, s.endSession)
	for _, act := range s.personActs() {
		area.danger("/admin/people/{id}/"+act.path, s.showPersonAct(act), s.doPersonAct(act))
	}
}

// How much a page of people shows.
const (
	peoplePage     = 50
	maxInvitations = 100
)

// showPeople lists people in the order of their addresses.
func (s *Server) showPeople(w http.ResponseWriter, r *http.Request, a *admin) {
	q := r.URL.Query()
	now := s.now()
	filter := account.PeopleFilter{
		Search: outside(q.Get("q"), 100), Role: account.Role(q.Get("role")), State: account.PersonState(q.Get("state")),
		After: q.Get("after"), Before: q.Get("before"), Limit: peoplePage + 1,
	}
	found, err := s.store.SearchPeople(r.Context(), filter, now)
	if err != nil {
		s.unavailable(w, r, "list people", err)
		return
	}
	waiting, err := s.links.Invitations(r.Context(), now, maxInvitations)
	if err != nil {
		s.unavailable(w, r, "list invitations", err)
		return
	}
	f := s.adminFrame(w, r, a, "people")
	page := view.AdminPeople{
		AdminFrame: f, Search: filter.Search, Invitations: len(waiting), Now: now,
		Filtered: filter.Search != "" || filter.Role != "" || filter.State != "",
		Roles: chosen(q.Get("role"), view.Option{Label: f.Text.T("admin.people.any")}, view.Option{Value: string(account.RoleAdmin), Label: f.Text.T("admin.people.role_admin")},
			view.Option{Value: string(account.RoleAuditor), Label: f.Text.T("admin.people.role_auditor")},
			view.Option{Value: string(account.RolePerson), Label: f.Text.T("admin.people.role_person")}),
		States: chosen(q.Get("state"), view.Option{Label: f.Text.T("admin.people.any")}, view.Option{Value: string(account.PersonActive), Label: f.Text.T("admin.people.active")},
			view.Option{Value: string(account.PersonDisabled), Label: f.Text.T("admin.people.disabled")}),
	}
	var more bool
	if more = len(found) > peoplePage; more && filter.Before == "" {
		found = found[:peoplePage]
	} else if more {
		found = found[1:]
	}
	page.Pager = peoplePager(q, found, more)
	if n := len(found); n > 0 {
		page.Pager.Shown = f.Text.N("admin.people.shown", n)
	}
	for _, e := range found {
		page.People = append(page.People, personRow(f.Text, e))
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// peoplePager leads to the pages around the one with these people. more says that there is one beyond it.
func peoplePager(q url.Values, people []account.PersonEntry, more bool) (p view.Pager) {
	link := func(name, email string) string {
		to := url.Values{}
		for _, filter := range []string{"q", "role", "state"} {
			if v := q.Get(filter); v != "" {
				to.Set(filter, v)
			}
		}
		if name != "" {
			to.Set(name, email)
		}
		if len(to) == 0 {
			return "/admin/people"
		}
		return "/admin/people?" + to.Encode()
	}
	back := q.Get("before") != ""
	if back || q.Get("after") != "" {
		p.First = link("", "")
	}
	if len(people) == 0 {
		return p
	}
	if back && more || !back && q.Get("after") != "" {
		p.Prev = link("before", people[0].Email)
	}
	if back || more {
		p.Next = link("after", people[len(people)-1].Email)
	}
	return p
}

// chosen marks the option with that value.
func chosen(value string, options ...view.Option) []view.Option {
	for i := range options {
		options[i].Selected = options[i].Value == value
	}
	return options
}

func personRow(text *view.Text, e account.PersonEntry) view.PersonRow {
	row := view.PersonRow{
		ID: e.ID, Name: e.Name, Email: e.Email, Role: string(e.Role), Disabled: e.DisabledAt != nil, Expired: e.PasswordExpiredAt != nil,
		SignedIn: e.SignedInAt, Grants: text.Number(e.Grants),
	}
	if e.Grants >= account.MaxCountedGrants {
		row.Grants += "+"
	}
	return row
}

// showNewPerson shows the form that makes a person with a password.
func (s *Server) showNewPerson(w http.ResponseWriter, r *http.Request, a *admin) {
	s.showPage(w, r, http.StatusOK, false, s.newPersonPage(w, r, a))
}

func (s *Server) newPersonPage(w http.ResponseWriter, r *http.Request, a *admin) view.AdminNewPerson {
	text := s.frame(r).Text
	return view.AdminNewPerson{
		AdminFrame: s.adminFrame(w, r, a, "people", view.Crumb{Label: text.T("admin.people.add")}),
		Email:      r.PostForm.Get("email"), Name: r.PostForm.Get("name"), EmailVerified: r.PostForm.Get("email_verified") != "",
		Roles: s.roleChoice(r),
	}
}

// roleChoice is the choice of a role, an ordinary one unless another was chosen before.
func (s *Server) roleChoice(r *http.Request) []view.Option {
	role, err := account.ParseRole(r.PostForm.Get("role"))
	if err != nil {
		role = account.RolePerson
	}
	return roleOptions(s.frame(r).Text, role)
}

// roleOptions are all roles, each with what it may do.
func roleOptions(text *view.Text, role account.Role) []view.Option {
	return chosen(string(role),
		view.Option{Value: string(account.RolePerson), Label: text.T("admin.people.role_person"), Help: text.T("admin.people.role_person_help")},
		view.Option{Value: string(account.RoleAuditor), Label: text.T("admin.people.role_auditor"), Help: text.T("admin.people.role_auditor_help")},
		view.Option{Value: string(account.RoleAdmin), Label: text.T("admin.people.role_admin"), Help: text.T("admin.people.role_admin_help")})
}

// newPerson makes a person whose password the admin has chosen.
func (s *Server) newPerson(w http.ResponseWriter, r *http.Request, a *admin) {
	f := r.PostForm
	person, err := s.people.Create(r.Context(), account.NewPerson{
		Email: f.Get("email"), Name: f.Get("name"), Role: account.Role(f.Get("role")), EmailVerified: f.Get("email_verified") != "", Password: f.Get("password"),
	}, s.byAdmin(r, a), s.now())
	if wrong, ok := s.typedWrong(r, err); ok {
		page := s.newPersonPage(w, r, a)
		page.NameError, page.EmailError, page.PasswordError = wrong.name, wrong.email, wrong.password
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	if err != nil {
		s.unavailable(w, r, "create person", err)
		return
	}
	s.done(w, r, "/admin/people/"+person.ID, "done.person_created")
}

func version(v int64) string { return strconv.FormatInt(v, 10) }
