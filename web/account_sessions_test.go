package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

func (s *site) sessionsOf(person string) []account.Session {
	s.t.Helper()
	sessions, err := s.people.Sessions(context.Background(), s.person[person].ID, s.clock.Wall())
	if err != nil {
		s.t.Fatal(err)
	}
	return sessions
}

func TestWEB_28_BrowsersAreListedAndEnded(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	phone := s.as("U1")
	s.as("U2")
	s.clock.jump(2 * time.Minute)
	page := alice.get("/account/sessions")
	if strings.Count(page.body, "<h3>") != 2 || strings.Count(page.body, "This browser") != 1 || !strings.Contains(page.body, "with password") || !strings.Contains(page.body, "127.0.0.1") {
		t.Errorf("%s", page.body)
	}
	var other string
	for _, one := range s.sessionsOf("U1") {
		if !strings.Contains(page.body, "/account/sessions/"+one.ID) {
			continue // this one, which is signed out by signing out
		}
		other = one.ID
	}
	if a := alice.get("/account/sessions/" + other + "/end"); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	if a := phone.get("/account"); a.status != 200 {
		t.Fatalf("asking has ended it: %d", a.status)
	}

	a := alice.post("/account/sessions/"+other+"/end", nil)

	if a.status != 303 || a.header.Get("Location") != "/account/sessions" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := phone.get("/account"); a.status != 303 {
		t.Errorf("it is still signed in: %d", a.status)
	}
	if a := alice.post("/account/sessions/"+other+"/end", nil); a.status != 404 {
		t.Errorf("a second time: %d", a.status)
	}
	if events := s.events("U1", audit.SessionEnded); len(events) != 1 || events[0].Actor != audit.ByPerson {
		t.Errorf("%+v", events)
	}
	if a := alice.post("/account/sessions/"+s.sessionsOf("U1")[0].ID+"/end", nil); a.header.Get("Location") != "/logout" {
		t.Errorf("this browser itself: %d %s", a.status, a.header.Get("Location"))
	}
	if a := alice.get("/account"); a.status != 303 {
		t.Errorf("%d", a.status)
	}
}

func TestWEB_28_AllOtherBrowsersAreEndedAtOnce(t *testing.T) {
	s := newSite(t)
	alice, phone, tablet, bob := s.as("U1"), s.as("U1"), s.as("U1"), s.as("U2")
	if a := alice.get("/account/sessions/others/end"); a.status != 200 || !strings.Contains(a.body, "all 2 other browsers") {
		t.Errorf("%d %s", a.status, a.body)
	}

	a := alice.post("/account/sessions/others/end", nil)

	if a.status != 303 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, b := range map[string]*adminBrowser{"phone": phone, "tablet": tablet} {
		if a := b.get("/account"); a.status != 303 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	for name, b := range map[string]*adminBrowser{"this one": alice, "somebody else's": bob} {
		if a := b.get("/account"); a.status != 200 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

func TestActivityTellsPeopleWhatConcernsThem(t *testing.T) {
	s := newSite(t)
	root, alice := s.admin(t), s.as("U1")
	tokens := alice.allow("CB", offline)
	s.clock.jump(time.Minute)
	newer := s.refresh("CB", tokens.text(t, "refresh_token")).text(t, "refresh_token")
	s.refresh("CB", newer)
	s.clock.jump(time.Minute)
	s.refresh("CB", tokens.text(t, "refresh_token")) // reuse
	alice.allow("CX", offline)
	alice.post("/account/apps/CX/end", nil)
	alice.post("/account/security/password", passwordForm("wrong-wrong-wrong", otherPassword, true))
	root.post("/admin/people/"+s.person["U1"].ID+"/revoke-grants", nil)
	root.post("/admin/people/"+s.person["U2"].ID+"/revoke-grants", nil)

	a := alice.get("/account/activity")

	for _, want := range []string{
		"You signed in<", "You signed in to Client CB", "Client CB was signed out because an old key of it was used again", "Client CX was signed out everywhere",
		"did not know the current one", "by an admin", "Your account was created", "by the people who run this server", "127.0.0.1",
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if a := root.get("/account/activity"); strings.Contains(a.body, "by an admin") || strings.Contains(a.body, "was signed out") {
		t.Errorf("an admin sees what they did to others: %s", a.body)
	}
}

func TestActivityHasPages(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	e := audit.Event{Kind: audit.SignInConfirmed, Origin: by, PersonID: s.person["U1"].ID, Result: "ok"}
	events := make([]audit.Event, 70)
	for i := range events {
		e.At = s.clock.Wall()
		events[i] = e
	}
	if err := s.db.Audit(t.Context(), events...); err != nil {
		t.Fatal(err)
	}

	first := alice.get("/account/activity")
	next := nextAddress(first.body, "/account/activity?before=")
	second := alice.get(next)

	if n := strings.Count(first.body, "<li data-kind"); n != 50 || next == "" {
		t.Errorf("%d on the first page, then %q", n, next)
	}
	if n := strings.Count(second.body, "<li data-kind"); n < 20 || nextAddress(second.body, "/account/activity?before=") != "" {
		t.Errorf("%d on the second page", n)
	}
	for _, before := range []string{"0", "-1", "x", "9223372036854775808"} {
		if a := alice.get("/account/activity?before=" + before); a.status != 404 {
			t.Errorf("before=%s: %d", before, a.status)
		}
	}
}

// nextAddress gives the address that a link of the page has, which begins so.
func nextAddress(page, prefix string) string {
	_, rest, found := strings.Cut(page, `href="`+prefix)
	if !found {
		return ""
	}
	end, _, _ := strings.Cut(rest, `"`)
	return prefix + end
}
