package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

func TestAnAdminMakesAGroupAndPutsPeopleIntoIt(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	if a := root.get("/admin/groups"); a.status != 200 || !strings.Contains(a.body, "No groups yet") {
		t.Errorf("empty: %d", a.status)
	}

	for _, wrong := range []url.Values{{"name": {""}}, {"name": {strings.Repeat("x", 61)}}, {"name": {"a\u202eb"}}, {"name": {"ok"}, "claim": {strings.Repeat("x", 101)}}} {
		if a := root.post("/admin/groups/new", wrong); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `aria-invalid`) {
			t.Errorf("%q: %d", wrong, a.status)
		}
	}
	a := root.post("/admin/groups/new", url.Values{"name": {" Staff "}, "description": {"All who work here"}, "claim": {"staff"}})
	group := strings.TrimPrefix(a.header.Get("Location"), "/admin/groups/")
	if a := root.post("/admin/groups/new", url.Values{"name": {"STAFF"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Another group has this name") {
		t.Errorf("the same name in another case: %d", a.status)
	}
	page := root.get("/admin/groups/" + group)
	if page.status != 200 || !strings.Contains(page.body, "All who work here") || !strings.Contains(page.body, "<code>staff</code>") || !strings.Contains(page.body, "Nobody is in this group yet") {
		t.Fatalf("%d", page.status)
	}

	found := root.get("/admin/groups/" + group + "/add?q=alice")
	if !strings.Contains(found.body, "Alice Archer") || strings.Contains(found.body, "Bob Baker") {
		t.Error("the search for people")
	}
	if a := root.post("/admin/groups/"+group+"/add", nil); a.status != http.StatusUnprocessableEntity {
		t.Errorf("nobody ticked: %d", a.status)
	}
	if a := root.post("/admin/groups/"+group+"/add", url.Values{"person": {s.person["U1"].ID, "gone"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("somebody who is gone: %d", a.status)
	}
	if a := root.follow(root.post("/admin/groups/"+group+"/add", url.Values{"person": {s.person["U1"].ID, s.person["U2"].ID}})); !strings.Contains(a.body, "Alice Archer") || !strings.Contains(a.body, "Bob Baker") {
		t.Error("the members")
	}
	if e := s.last(audit.GroupMemberAdded, s.person["U2"].ID); !strings.Contains(e.Detail, "group=Staff") || e.Actor != audit.ByAdmin {
		t.Errorf("%+v", e)
	}

	edit := "/admin/groups/" + group + "/edit"
	form := hiddenFields(root.get(edit).body, edit)
	form.Set("name", "Crew")
	stale := url.Values{"version": form["version"], "name": {"Other"}}
	if a := root.follow(root.post(edit, form)); !strings.Contains(a.body, "Crew") {
		t.Error("the new name")
	}
	if a := root.post(edit, stale); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Somebody else changed") {
		t.Errorf("a stale form: %d", a.status)
	}
	if e := s.lastOfKind(audit.GroupUpdated); !strings.Contains(e.Detail, "Staff") || !strings.Contains(e.Detail, "Crew") {
		t.Errorf("%+v", e)
	}
}

func TestTakingSomebodyOutOfAGroupSaysWhatTheyLose(t *testing.T) { // T34
	s := newSite(t)
	root := s.admin(t)
	group := s.group("Staff", "staff", "U1")
	s.limit("CB", group)
	s.change("CP", func(c *oauth.Client) {
		c.Restricted, c.Groups, c.Policy.OnAccessLost = true, []oauth.Group{{ID: group}}, oauth.AccessLostRevokes
	})
	refresh := s.grant("CB", "openid read").text(t, "refresh_token")
	path := "/admin/groups/" + group + "/remove"

	ask := root.get(path + "?person=" + s.person["U1"].ID)
	for _, says := range []string{"Take Alice Archer out of Staff?", "suspended", "end for good", "staff"} {
		if !strings.Contains(ask.body, says) {
			t.Errorf("it does not say %q", says)
		}
	}
	if a := root.follow(root.post(path, hiddenFields(ask.body, path))); !strings.Contains(a.body, "Taken out.") {
		t.Errorf("%d", a.status)
	}

	wantError(t, s.refresh("CB", refresh), "invalid_grant")
}

func TestDeletingAGroupSaysWhoLosesAccessToWhat(t *testing.T) { // T34
	s := newSite(t)
	root := s.admin(t)
	staff, board := s.group("Staff", "", "U1", "U2"), s.group("Board", "", "U2")
	s.limit("CB", staff, board)
	s.limit("TR", staff)
	path := "/admin/groups/" + staff + "/delete"

	ask := root.get(path)
	for _, says := range []string{"1 member loses access", "2 members lose access", "Nobody may use it then", "It has 2 members"} {
		if !strings.Contains(ask.body, says) {
			t.Errorf("it does not say %q", says)
		}
	}
	if a := root.follow(root.post(path, nil)); !strings.Contains(a.body, "The group is deleted.") {
		t.Errorf("%d", a.status)
	}

	if c, err := s.db.Client(context.Background(), "TR"); err != nil || !c.Restricted || len(c.Groups) != 0 {
		t.Errorf("the client without groups is open to everybody: %+v %v", c, err)
	}
	if a := root.post(path, nil); a.status != http.StatusNotFound {
		t.Errorf("deleting twice: %d", a.status)
	}
}

func TestAnAdminLimitsAnApplicationToGroups(t *testing.T) { // T34
	s := newSite(t)
	root := s.admin(t)
	group := s.group("Staff", "", "U2")
	path := "/admin/clients/CB/settings"
	if page := root.get(path).body; !strings.Contains(page, `name="scope" type="checkbox" value="groups"`) {
		t.Error("the scope groups cannot be given")
	}
	form := func() url.Values {
		page := root.get(path).body
		f := hiddenFields(page, path)
		f["name"], f["redirect_uris"], f["grant_type"] = []string{"App"}, []string{"https://app.test/cb"}, []string{"authorization_code", "refresh_token"}
		f["scope"], f["auth_method"], f["pkce"] = []string{"openid", "read"}, []string{"client_secret_basic"}, []string{"on"}
		return f
	}

	if a := root.post(path, merged(form(), url.Values{"access": {"groups"}})); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Tick at least one group") {
		t.Errorf("no group ticked: %d", a.status)
	}
	if a := root.post(path, merged(form(), url.Values{"access": {"groups"}, "group": {group}})); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if c, _ := s.db.Client(context.Background(), "CB"); !c.Restricted || len(c.Groups) != 1 || c.Groups[0].Name != "Staff" {
		t.Errorf("%+v", c)
	}
	if e := s.lastOfKind(audit.ClientUpdated); !strings.Contains(e.Detail, "groups=everybody") || !strings.Contains(e.Detail, "groups=Staff") {
		t.Errorf("%+v", e)
	}
	if a := root.post(path, form()); a.status != http.StatusSeeOther {
		t.Errorf("without the choice: %d", a.status)
	}
	if c, _ := s.db.Client(context.Background(), "CB"); !c.Restricted {
		t.Error("a form without the choice has opened it to everybody")
	}
	if a := root.post(path, merged(form(), url.Values{"access": {"everybody"}})); a.status != http.StatusSeeOther {
		t.Errorf("%d", a.status)
	}
	if c, _ := s.db.Client(context.Background(), "CB"); c.Restricted {
		t.Error("it is limited still")
	}
}

func TestThePageOfAPersonChangesTheirGroups(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	a, b, c := s.group("A", "", "U1"), s.group("B", ""), s.group("C", "")
	path := "/admin/people/" + s.person["U1"].ID + "/groups"
	if page := root.get(path); page.status != 200 || strings.Count(page.body, `name="was"`) != 1 {
		t.Fatalf("%d", page.status)
	}
	s.join(c, "U1") // somebody else, meanwhile

	done := root.follow(root.post(path, url.Values{"was": {a}, "group": {b}}))

	groups, err := account.NewGroups(s.db).GroupsOf(context.Background(), s.person["U1"].ID)
	if err != nil || len(groups) != 2 || groups[0].ID != b || groups[1].ID != c {
		t.Errorf("%v %v", groups, err)
	}
	if !strings.Contains(done.body, "/admin/groups/"+b) || strings.Contains(done.body, "/admin/groups/"+a) {
		t.Error("the person's page")
	}
}

func TestAnAdminSaysWhatStandsForRoles(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	if a := root.post("/admin/groups/roles", url.Values{"admin": {strings.Repeat("x", 101)}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("too long: %d", a.status)
	}

	a := root.follow(root.post("/admin/groups/roles", url.Values{"admin": {"admins"}, "person": {""}}))

	if !strings.Contains(a.body, "<code>admins</code>") {
		t.Errorf("%d", a.status)
	}
	if e := s.lastOfKind(audit.GroupRolesChanged); !strings.Contains(e.Detail, "admins") {
		t.Errorf("%+v", e)
	}
}

// lastOfKind is the newest event of a kind.
func (s *site) lastOfKind(kind audit.Kind) audit.Event {
	s.t.Helper()
	page, err := s.db.ReadAudit(context.Background(), audit.Query{Kinds: []audit.Kind{kind}}, 1)
	if err != nil || len(page.Events) == 0 {
		s.t.Fatalf("%s: no event, %v", kind, err)
	}
	return page.Events[0]
}
