package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/settings"
	"regrant/db"
)

// allowOnly sets the domains that may be invited.
func (s *site) allowOnly(domains ...string) {
	s.t.Helper()
	current, err := s.db.SiteSettings(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	current.InviteDomains = domains
	if err := s.db.SaveSiteSettings(context.Background(), current, nil, audit.Event{At: s.clock.Wall(), Kind: audit.SettingsChanged, Origin: by, Result: "ok"}); err != nil {
		s.t.Fatal(err)
	}
}

var _ settings.Store = (*db.DB)(nil)

// last gives the newest event of a kind about a person.
func (s *site) last(kind audit.Kind, personID string) audit.Event {
	s.t.Helper()
	events, err := s.db.Events(context.Background(), db.EventFilter{Kind: kind, PersonID: personID}, 1)
	if err != nil || len(events) == 0 {
		s.t.Fatalf("no event %s of %s: %v", kind, personID, err)
	}
	return events[0]
}

func TestAdminsFindPeople(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	for i := range 60 {
		if _, err := s.people.Create(context.Background(), account.NewPerson{Email: fmt.Sprintf("p%02d@many.example", i), Password: password}, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
	}
	s.browser().signIn("U1")
	s.grant("CB", "openid read")

	first := root.get("/admin/people")
	if first.status != 200 || strings.Count(first.body, "<tr>") != 51 || !strings.Contains(first.body, "Alice Archer") {
		t.Fatalf("%d, %d rows", first.status, strings.Count(first.body, "<tr>"))
	}
	second := root.get(linkTo(t, first, `rel="next"`))
	if second.status != 200 || strings.Count(second.body, "<tr>") != 14 || strings.Contains(second.body, `rel="next"`) {
		t.Errorf("page 2: %d, %d rows", second.status, strings.Count(second.body, "<tr>"))
	}
	if back := root.get(linkTo(t, second, `rel="prev"`)); strings.Count(back.body, "<tr>") != 51 || strings.Contains(back.body, `rel="prev"`) {
		t.Errorf("back on page 1: %d rows", strings.Count(back.body, "<tr>"))
	}
	for query, want := range map[string]string{"q=ARCHER": "Alice Archer", "role=admin": "Rosa Root", "q=nobody-at-all": "Nobody matches", "state=disabled": "Nobody matches", "q=%25": "Nobody matches"} {
		if a := root.get("/admin/people?" + query); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d lacks %q", query, a.status, want)
		}
	}
	if a := root.get("/admin/people?q=archer"); strings.Contains(a.body, "Bob Baker") || !strings.Contains(a.body, `<td class="number">1</td>`) {
		t.Error("the search shows others, or not how many grants there are")
	}
}

// linkTo gives the address of the link with that attribute.
func linkTo(t testing.TB, page answer, attribute string) string {
	t.Helper()
	i := strings.Index(page.body, attribute)
	if i < 0 {
		t.Fatalf("no link with %s", attribute)
	}
	tag := page.body[strings.LastIndex(page.body[:i], "<a"):i]
	_, rest, _ := strings.Cut(tag, `href="`)
	address, _, _ := strings.Cut(rest, `"`)
	return strings.ReplaceAll(address, "&amp;", "&")
}

func TestAPersonsPageShowsWhatTheyAreSignedInWith(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	s.browser().signIn("U1")
	s.attempt(s.browser(), "alice@example.com", "wrong-wrong-wrong")
	id := s.person["U1"].ID

	a := root.get("/admin/people/" + id)

	for _, want := range []string{"Alice Archer", "alice", id, "127.0.0.1", "/end\"", "/end-sessions", "/admin/audit?person=" + id} {
		if a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%d lacks %q", a.status, want)
		}
	}
	for _, path := range []string{"/admin/people/nobody", "/admin/people/nobody/edit", "/admin/people/nobody/delete", "/admin/people/nobody/reset-link"} {
		if a := root.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestAdminsMakeAndChangePeople(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	fields := url.Values{"email": {"Carl@example.com"}, "name": {"Carl"}, "role": {"person"}, "email_verified": {"on"}, "password": {"short"}}
	a := root.post("/admin/people/new", fields)
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="Carl@example.com"`) || !strings.Contains(a.body, `id="password-error"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	fields.Set("password", otherPassword)
	a = root.post("/admin/people/new", fields)
	page := root.follow(a)
	if page.status != 200 || !strings.Contains(page.body, "The person is added.") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	carl, err := s.people.Find(context.Background(), "carl@example.com")
	if err != nil || carl.EmailVerifiedAt == nil {
		t.Fatal(carl, err)
	}
	if e := s.last(audit.PersonCreated, carl.ID); e.Actor != audit.ByAdmin || e.ActorID != s.person["ADM"].ID || e.RequestID == "" {
		t.Errorf("%+v", e)
	}

	edit := "/admin/people/" + carl.ID + "/edit"
	form := root.get(edit)
	version := hiddenValue(form.body, "version")
	if a := root.post(edit, url.Values{"version": {version}, "name": {"Carl C."}, "email": {"alice@example.com"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="Carl C."`) || !strings.Contains(a.body, "address already") {
		t.Errorf("%d", a.status)
	}
	if a := root.post(edit, url.Values{"version": {version}, "name": {"Carl C."}, "email": {"carl@new.example"}}); a.status != http.StatusSeeOther {
		t.Errorf("%d %s", a.status, a.body)
	}
	after, _ := s.people.Find(context.Background(), carl.ID)
	if after.Name != "Carl C." || after.Email != "carl@new.example" || after.EmailVerifiedAt != nil {
		t.Errorf("%+v", after)
	}
	if e := s.last(audit.PersonUpdated, carl.ID); !strings.Contains(e.Detail, "before=") || !strings.Contains(e.Detail, "after=") || strings.Contains(e.Detail, "carl@") {
		t.Errorf("%+v", e)
	}
	// A form that somebody else has overtaken loses nothing and changes nothing.
	a = root.post(edit, url.Values{"version": {version}, "name": {"Late"}, "email": {"late@example.com"}})
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="Late"`) || !strings.Contains(a.body, "Somebody else changed") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := root.post(edit, url.Values{"version": {hiddenValue(a.body, "version")}, "name": {"Late"}, "email": {"late@example.com"}}); a.status != http.StatusSeeOther {
		t.Errorf("the next try: %d", a.status)
	}
	if a := root.post(edit, url.Values{"name": {"No version"}, "email": {"x@example.com"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a version: %d", a.status)
	}
}

func TestActsOnAPersonDoWhatTheySayAndAreLogged(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	id := s.person["U1"].ID
	path := "/admin/people/" + id
	for _, c := range []struct {
		act, asks, says string
		kind            audit.Kind
		detail          string
	}{
		{"end-sessions", "Sign Alice Archer out everywhere?", "Signed out everywhere.", audit.SessionEnded, "sessions=1"},
		{"revoke-grants", "out of all apps?", "Signed out of all apps.", audit.GrantRevoked, "reason=admin"},
		{"expire-password", "Require a new password of Alice Archer?", "choose another password", audit.PasswordExpired, "before=good after=expired"},
		{"role admin", "Which role should Alice Archer have?", "The role is changed", audit.PersonRoleChanged, "before=person after=admin"},
		{"role auditor", "Which role should Alice Archer have?", "The role is changed", audit.PersonRoleChanged, "before=admin after=auditor"},
		{"role person", "Which role should Alice Archer have?", "The role is changed", audit.PersonRoleChanged, "before=auditor after=person"},
		{"disable", "Disable Alice Archer?", "Disabled.", audit.PersonDisabled, "before=active after=disabled"},
	} {
		alice := s.browser()
		act, role, _ := strings.Cut(c.act, " ")
		if c.act == "end-sessions" {
			alice.signIn("U1")
		}
		a := root.get(path + "/" + act)
		if a.status != 200 || !strings.Contains(a.body, c.asks) {
			t.Errorf("%s asks: %d %s", c.act, a.status, a.body)
		}
		form := hiddenFields(a.body, path+"/"+act)
		if role != "" {
			form.Set("role", role)
		}
		a = root.follow(root.post(path+"/"+act, form))
		if a.status != 200 || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %d lacks %q", c.act, a.status, c.says)
		}
		if e := s.last(c.kind, id); !strings.Contains(e.Detail, c.detail) || e.Actor != audit.ByAdmin || e.ActorID != s.person["ADM"].ID {
			t.Errorf("%s: %+v", c.act, e)
		}
		if alice.cookie("_session") != "" && alice.signedIn() {
			t.Errorf("%s: still signed in", c.act)
		}
		s.clock.jump(time.Second)
	}
	if a := root.follow(root.post(path+"/disable", nil)); !strings.Contains(a.body, "It was so already") {
		t.Error("disabling twice")
	}
	if a := root.follow(root.post(path+"/reset-link", nil)); !strings.Contains(a.body, "Enable them first") {
		t.Error("a reset link for somebody who is disabled")
	}
	if a := root.follow(root.post(path+"/enable", nil)); !strings.Contains(a.body, "Enabled.") {
		t.Error("enable")
	}
	if a := root.follow(root.post(path+"/delete", nil)); !strings.Contains(a.body, "The person is deleted.") {
		t.Error("delete")
	}
	for _, p := range []string{path, path + "/edit", path + "/disable"} {
		if a := root.get(p); a.status != http.StatusNotFound {
			t.Errorf("a deleted person: %s %d", p, a.status)
		}
	}
	if a := root.post(path+"/role", nil); a.status != http.StatusNotFound {
		t.Errorf("an act on a deleted person: %d", a.status)
	}
}

func TestARoleIsChangedToWhatTheAdminHasChosen(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	path := "/admin/people/" + s.person["U1"].ID + "/role"
	role := func() account.Role {
		p, err := s.people.Find(context.Background(), s.person["U1"].ID)
		if err != nil {
			t.Fatal(err)
		}
		return p.Role
	}

	for _, asked := range []string{"admin", "auditor", "person"} {
		form := hiddenFields(root.get(path).body, path)
		form.Set("role", asked)
		if a := root.post(path, form); a.status != http.StatusSeeOther || string(role()) != asked {
			t.Errorf("%s: %d, %v, now %s", asked, a.status, form, role())
		}
		if a := root.follow(root.post(path, form)); !strings.Contains(a.body, "It was so already") || string(role()) != asked {
			t.Errorf("%s, sent twice: %d, now %s", asked, a.status, role())
		}
	}
	for _, other := range []url.Values{nil, {"role": {"owner"}}} {
		if a := root.post(path, other); a.status != http.StatusUnprocessableEntity || role() != account.RolePerson {
			t.Errorf("%v: %d, now %s", other, a.status, role())
		}
	}
	for _, form := range []string{"/admin/people/new", "/admin/people/invite"} {
		if a := root.post(form, url.Values{"email": {"owner@example.com"}, "name": {"Owner"}, "password": {otherPassword}, "role": {"owner"}}); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a role that is none at %s: %d", form, a.status)
		}
	}
}

func TestWEB_28_ASessionIsEndedOnlyAsItsPersons(t *testing.T) {
	s := newSite(t)
	root, alice, bob := s.admin(t), s.browser(), s.browser()
	alice.signIn("U1")
	bob.signIn("U2")
	sessions, err := s.people.Sessions(context.Background(), s.person["U2"].ID, s.clock.Wall())
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	wrong, right := "/admin/people/"+s.person["U1"].ID+"/sessions/"+sessions[0].ID+"/end", "/admin/people/"+s.person["U2"].ID+"/sessions/"+sessions[0].ID+"/end"

	if a := root.get(wrong); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
	if a := root.post(wrong, nil); a.status != http.StatusNotFound || !bob.signedIn() || !alice.signedIn() {
		t.Errorf("%d", a.status)
	}
	if a := root.get(right); a.status != http.StatusOK || !strings.Contains(a.body, "Bob Baker") {
		t.Errorf("%d", a.status)
	}
	if a := root.post(right, nil); a.status != http.StatusSeeOther || bob.signedIn() || !alice.signedIn() {
		t.Errorf("%d", a.status)
	}
	if a := root.post(right, nil); a.status != http.StatusNotFound {
		t.Errorf("twice: %d", a.status)
	}
}

func TestTheLastAdminStays(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	path := "/admin/people/" + s.person["ADM"].ID
	for _, act := range []string{"role", "disable", "delete"} {
		if a := root.get(path + "/" + act); a.status != 200 || !strings.Contains(a.body, "This is you") {
			t.Errorf("%s does not say what follows: %d", act, a.status)
		}
		if a := root.post(path+"/"+act, url.Values{"role": {"person"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "last admin") {
			t.Errorf("%s: %d", act, a.status)
		}
	}
	if a := root.get("/admin/people"); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	// With another one, it is done, and ends here at once.
	s.addAdmin("ADM2", "second@example.com")
	if a := root.follow(root.post(path+"/role", url.Values{"role": {"person"}})); a.status != http.StatusSeeOther && a.status != http.StatusForbidden {
		t.Errorf("%d", a.status)
	}
	if a := root.get("/admin/people"); a.status != http.StatusSeeOther {
		t.Errorf("WEB-43: a demoted admin still gets in: %d", a.status)
	}
}

func TestWEB_43_PeopleAreForAdminsAlone(t *testing.T) {
	s := newSite(t)
	root, alice := s.admin(t), &adminBrowser{s.browser()}
	alice.signIn("U1")
	id := s.person["U2"].ID
	for _, path := range []string{
		"/admin/people/new", "/admin/people/invite", "/admin/people/" + id + "/edit", "/admin/people/" + id + "/role", "/admin/people/" + id + "/disable",
		"/admin/people/" + id + "/delete", "/admin/people/" + id + "/reset-link", "/admin/people/" + id + "/end-sessions", "/admin/welcome",
	} {
		if a := alice.get(path); a.status != http.StatusForbidden {
			t.Errorf("GET %s: %d", path, a.status)
		}
		if path == "/admin/welcome" {
			continue
		}
		if a := alice.post(path, url.Values{"email": {"x@example.com"}, "name": {"x"}, "password": {otherPassword}}); a.status != http.StatusForbidden {
			t.Errorf("POST %s: %d", path, a.status)
		}
		for name, header := range foreign {
			if a := root.form(s.issuer+path, hidden(root.get("/logout"), "form_token"), header); a.status != http.StatusForbidden {
				t.Errorf("WEB-20: %s to %s: %d", name, path, a.status)
			}
		}
	}
	if p, err := s.people.Find(context.Background(), id); err != nil || !p.Active() || p.Role != account.RolePerson {
		t.Errorf("%+v %v", p, err)
	}
}

// personID finds somebody by address.
func (s *site) personID(email string) string {
	s.t.Helper()
	p, err := s.people.Find(context.Background(), email)
	if err != nil {
		s.t.Fatal(err)
	}
	return p.ID
}
