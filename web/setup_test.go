package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

// links are the links of the site, as the command line makes them.
func (s *site) links() *account.Links { return account.NewLinks(s.people, s.db, s.issuer) }

// setupLink prints a link for the first admin, as "regrant serve" does.
func (s *site) setupLink() string {
	s.t.Helper()
	address, err := s.links().Setup(context.Background(), audit.Origin{Actor: audit.ByServer}, s.clock.Wall())
	if err != nil {
		s.t.Fatal(err)
	}
	return address
}

var rootFields = url.Values{"name": {"Rosa Root"}, "email": {"Root@Example.com"}, "password": {password}}

func TestWEB_41_TheSetupLinkMakesTheFirstAdminAndCloses(t *testing.T) {
	s := newSite(t, siteOptions{issuer: "https://as.test/t1"})
	b := s.browser()
	if a := b.get(s.issuer + "/"); !strings.Contains(a.body, "setup link") {
		t.Error("the home page does not say what to do first")
	}
	link := s.setupLink()
	page := b.get(link)
	if page.status != http.StatusOK || page.header.Get("Cache-Control") != "no-store" || page.header.Get("Referrer-Policy") != "same-origin" {
		t.Fatalf("%d %v", page.status, page.header)
	}

	a := b.submit(page, link, rootFields)

	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/t1/admin/welcome" {
		t.Fatalf("%d %s %s", a.status, a.header.Get("Location"), a.body)
	}
	welcome := b.get(a.header.Get("Location"))
	for _, next := range []string{`href="/t1/admin/clients/new"`, `href="/t1/admin/people/invite"`, `href="/t1/docs"`} {
		if welcome.status != 200 || !strings.Contains(welcome.body, next) {
			t.Errorf("%d, no %s", welcome.status, next)
		}
	}
	root, err := s.people.Find(context.Background(), "root@example.com")
	if err != nil || root.Role != account.RoleAdmin || root.Name != "Rosa Root" {
		t.Errorf("%+v %v", root, err)
	}
	for _, path := range []string{link, s.issuer + "/setup", s.issuer + "/setup/rgl1_ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		if a := b.get(path); a.status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, a.status)
		}
		if a := b.submit(b.get(s.issuer+"/logout"), path, rootFields); a.status != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, a.status)
		}
	}
	if log := s.log.String(); strings.Contains(log, link[strings.Index(link, "rgl1_")+5:]) {
		t.Error("the token of the link is in the log")
	}
}

func TestWEB_41_ALinkThatIsOutDiesWithTheFirstAdminOfTheCommandLine(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	link := s.setupLink()
	page := b.get(link)
	s.addAdmin("ADM", "cli@example.com")

	if a := b.submit(page, link, rootFields); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
	if a := b.get(link); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
	if b.signedIn() {
		t.Error("signed in")
	}
}

func TestWEB_41_OfManyWhoSetUpAtOnceOneBecomesAdmin(t *testing.T) {
	s := newSite(t)
	link := s.setupLink()
	type visitor struct {
		b    *browser
		page answer
	}
	var visitors []visitor
	for range 12 {
		b := s.browser()
		visitors = append(visitors, visitor{b, b.get(link)})
	}

	var all sync.WaitGroup
	status := make([]int, len(visitors))
	for i, v := range visitors {
		all.Go(func() {
			fields := merged(rootFields, nil)
			fields.Set("email", fmt.Sprintf("root%d@example.com", i))
			status[i] = v.b.submit(v.page, link, fields).status
		})
	}
	all.Wait()

	made := 0
	for _, got := range status {
		switch got {
		case http.StatusSeeOther:
			made++
		case http.StatusNotFound:
		default:
			t.Errorf("%d", got)
		}
	}
	admins, err := s.db.SearchPeople(context.Background(), account.PeopleFilter{Role: account.RoleAdmin, Limit: 10}, s.clock.Wall())
	if made != 1 || err != nil || len(admins) != 1 {
		t.Errorf("%d were made, there are %d, %v", made, len(admins), err)
	}
}

func TestWEB_41_AnOldSetupLinkSaysWhatToDo(t *testing.T) {
	s := newSite(t)
	old := s.setupLink()
	link := s.setupLink()
	b := s.browser()
	page := b.get(link)
	if a := b.get(old); a.status != http.StatusGone || !strings.Contains(a.body, "Restart") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.clock.jump(time.Hour)
	if a := b.submit(page, link, rootFields); a.status != http.StatusGone || b.signedIn() {
		t.Errorf("%d", a.status)
	}
}

func TestWEB_30_WEB_31_WhatIsWrongStandsBesideTheFieldAndNothingIsLost(t *testing.T) {
	s := newSite(t)
	link := s.setupLink()
	b := s.browser()
	for name, c := range map[string]struct {
		field, value, says, id string
	}{
		"14 characters": {"password", "plum-thunder-o", "at least 15", "password-error"},
		"too long":      {"password", strings.Repeat("plum thunder ", 20), "at most 256", "password-error"},
		"own name":      {"password", "rosaroot@example", "Leave out your name", "password-error"},
		"a pattern":     {"password", "qwertyuiopasdfghj", "guess", "password-error"},
		"no address":    {"email", "nonsense", "does not look like", "email-error"},
		"no name":       {"name", "Rosa\u202eRoot", "control characters", "name-error"},
	} {
		fields := merged(rootFields, nil)
		fields.Set(c.field, c.value)
		a := b.submit(b.get(link), link, fields)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, c.says) || !strings.Contains(a.body, `id="`+c.id+`"`) || !strings.Contains(a.body, c.id+`"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if c.field != "email" && !strings.Contains(a.body, `value="Root@Example.com"`) || strings.Contains(a.body, c.value) && c.field == "password" {
			t.Errorf("%s: what was typed is lost, or the password is shown", name)
		}
	}
	if a := b.submit(b.get(link), link, rootFields); a.status != http.StatusSeeOther {
		t.Errorf("the link was used up by what was refused: %d", a.status)
	}
}
