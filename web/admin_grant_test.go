package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// form fills in what a form that changes a grant bears: the version that its page shows.
func (b *adminBrowser) changeGrant(path string, fields url.Values) answer {
	b.t.Helper()
	page := b.get(path)
	if page.status != 200 {
		b.t.Fatalf("%s: %d", path, page.status)
	}
	fields["version"] = []string{hiddenValue(page.body, "version")}
	return b.post(path, fields)
}

func TestTheLifeOfAGrantIsToldFromSignInToReuse(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.rotated()
	s.pass(time.Second)
	wantOK(t, f.use(0)) // a retry within the window
	s.pass(time.Minute)
	wantOK(t, f.use(1, url.Values{"scope": {"read"}}))
	wantError(t, f.use(2, url.Values{"scope": {"list"}}), "invalid_scope")
	s.pass(time.Minute)
	refused := f.use(0)
	wantError(t, refused, "invalid_grant")

	page := adm.get("/admin/grants/" + f.id)

	if page.status != 200 {
		t.Fatal(page.status, page.body)
	}
	body := page.body[strings.Index(page.body, `<ol class="timeline"`):]
	at := 0
	for _, want := range []string{"An old refresh token came again", "It may be theft", "More scope than was granted", "Refreshed", "Only for: read", "Retry answered with the same token", "Refreshed", "Signed in and allowed"} {
		next := strings.Index(body[at:], want)
		if next < 0 {
			t.Fatalf("%q is missing, or not in its place", want)
		}
		at += next + 1
	}
	for _, want := range []string{"Revoked for reuse", "<svg", `aria-label="Revoked for reuse. 2 refreshes, 1 `, "2 generations behind", refused.header.Get("X-Request-Id"), "/admin/refusals/"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(page.body, "/revoke\"") {
		t.Error("a dead grant can be revoked")
	}
	oldest := adm.get("/admin/grants/" + f.id + "?order=oldest").body
	if strings.Index(oldest, "Signed in and allowed") > strings.Index(oldest, `generation 2`) && !strings.Contains(oldest, "Newest first") {
		t.Error("the order is not the other one")
	}
	if a := adm.get("/admin/grants/nothing"); a.status != 404 {
		t.Errorf("unknown: %d", a.status)
	}
}

func TestAnAdminRevokesOneGrant(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.rotated()
	other := s.another(f.client, f.who, "openid read offline_access")
	ask := adm.get("/admin/grants/" + f.id + "/revoke")
	if ask.status != 200 || !strings.Contains(ask.body, "Revoke Somebody’s sign-in to") || !strings.Contains(ask.body, "generation 1") || !strings.Contains(ask.body, "until") {
		t.Fatalf("%d %s", ask.status, ask.body)
	}
	f.alive()

	done := adm.follow(adm.post("/admin/grants/"+f.id+"/revoke", nil))

	if !strings.Contains(done.body, "The sign-in was revoked.") {
		t.Error("no notice")
	}
	f.dead()
	f.revoked(oauth.RevokedAdmin)
	e := f.onlyEvent(audit.GrantRevoked)
	if e.Actor != audit.ByAdmin || e.ActorID != s.person["ADM"].ID || !strings.Contains(e.Detail, "before=") || !strings.Contains(e.Detail, "after=") || e.RequestID == "" {
		t.Errorf("%+v", e)
	}
	if again := adm.follow(adm.post("/admin/grants/"+f.id+"/revoke", nil)); !strings.Contains(again.body, "had ended already") {
		t.Error("a second time says something else")
	}
	if len(f.events(audit.GrantRevoked)) != 1 {
		t.Error("a second time is an event")
	}
	other.alive()
	why := adm.get("/admin/refusals?request_id=" + f.use(1).header.Get("X-Request-Id"))
	if !strings.Contains(why.body, "Already revoked") || !strings.Contains(why.body, "by an admin.") {
		t.Error("the refusal afterwards does not say who ended it")
	}
}

func TestRFC6749_5_1_ANarrowedGrantSaysSoAtTheNextRefresh(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.rotated()
	path := "/admin/grants/" + f.id + "/scope"
	for _, c := range []struct {
		keep []string
		want string
	}{
		{nil, "Leave at least one scope"}, {[]string{"offline_access"}, "Leave at least one scope"},
		{[]string{"openid", "read", "write", "offline_access"}, "Untick what"}, {[]string{"read", "list"}, "Only scopes that were granted"},
	} {
		if a := adm.changeGrant(path, url.Values{"scope": c.keep}); a.status != 422 || !strings.Contains(a.body, c.want) {
			t.Errorf("%v: %d", c.keep, a.status)
		}
	}
	if a := adm.post(path, url.Values{"scope": {"read"}, "version": {"0"}}); a.status != 422 || !strings.Contains(a.body, "meanwhile") || strings.Count(a.body, " checked") != 1 {
		t.Errorf("a stale version: %d, or what was ticked is lost", a.status)
	}
	if got := f.row().Scope; len(got) != 4 {
		t.Fatalf("refused, and changed to %v", got)
	}

	done := adm.follow(adm.changeGrant(path, url.Values{"scope": {"openid", "read"}}))

	if !strings.Contains(done.body, "The next refresh returns less.") || !strings.Contains(done.body, "Scopes taken away") {
		t.Error("no notice, or not in the timeline")
	}
	a := f.use(1)
	wantOK(t, a)
	if a.text(t, "scope") != "openid read" {
		t.Errorf("scope is %q", a.text(t, "scope"))
	}
	wantError(t, f.use(2, url.Values{"scope": {"write"}}), "invalid_scope")
	if f.row().Offline {
		t.Error("it still survives a sign-out")
	}
	e := f.onlyEvent(audit.GrantNarrowed)
	if e.Detail != `before="scope=\"openid read write offline_access\"" after="scope=\"openid read\""` || e.Actor != audit.ByAdmin {
		t.Errorf("%+v", e)
	}
}

func TestRT_13_AnAdminMovesTheAbsoluteEnd(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.rotated()
	path := "/admin/grants/" + f.id + "/end"
	in := func(d time.Duration) string { return s.clock.Wall().Add(d).UTC().Format("2006-01-02T15:04") }
	for _, c := range []struct{ end, want string }{
		{"", "Enter a date"}, {"tomorrow", "Enter a date"}, {in(-time.Hour), "over already"}, {in(11 * 365 * 24 * time.Hour), "more than ten years"},
	} {
		a := adm.changeGrant(path, url.Values{"end": {c.end}})
		if a.status != 422 || !strings.Contains(a.body, c.want) || !strings.Contains(a.body, `value="`+c.end+`"`) {
			t.Errorf("%q: %d", c.end, a.status)
		}
	}

	if a := adm.changeGrant(path, url.Values{"end": {in(2 * time.Hour)}}); a.status != 303 {
		t.Fatal(a.status, a.body)
	}

	row := f.row()
	if !row.EndsAt.Equal(row.AbsoluteDeadline) || row.EndsAt.Sub(s.clock.Wall()) > 2*time.Hour {
		t.Errorf("%s, %s", row.EndsAt, row.AbsoluteDeadline)
	}
	wantOK(t, f.use(1))
	if e := f.onlyEvent(audit.GrantEndChanged); !strings.Contains(e.Detail, "before=") || !strings.Contains(e.Detail, "after=") || e.Actor != audit.ByAdmin {
		t.Errorf("%+v", e)
	}
	s.pass(2 * time.Hour)
	wantError(t, f.use(2), "invalid_grant")
	adm = s.admin(t)
	if a := adm.get(path); a.status != 303 {
		t.Errorf("a dead grant: %d", a.status)
	}
	if page := adm.get("/admin/grants/" + f.id); !strings.Contains(page.body, "Expired: it had reached its end") || !strings.Contains(page.body, "End moved") {
		t.Error("the timeline does not say so")
	}
}
