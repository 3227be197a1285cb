package web_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// person gives a browser in which somebody has just signed in.
func (s *site) as(person string) *adminBrowser {
	s.t.Helper()
	b := &adminBrowser{s.browser()}
	b.signIn(person)
	return b
}

// allow makes a grant for client in the browser of somebody who is signed in, and gives the first token response.
func (b *adminBrowser) allow(client, scope string) answer {
	b.t.Helper()
	a := b.redeem(client, b.walk(b.az(client, url.Values{"scope": {scope}, "prompt": {"consent"}}), ""))
	if a.status != 200 {
		b.t.Fatalf("redeem: %d %s", a.status, a.body)
	}
	return a
}

// grantsOfPerson gives the ids of somebody's grants for a client, the newest first.
func (s *site) grantsOfPerson(person, client string) []string {
	s.t.Helper()
	states, err := s.db.Grants(context.Background(), oauth.GrantFilter{PersonID: s.person[person].ID, ClientID: client})
	if err != nil {
		s.t.Fatal(err)
	}
	var ids []string
	for _, g := range states {
		ids = append(ids, g.ID)
	}
	return ids
}

// events gives the newest events about somebody of one kind.
func (s *site) events(person string, kind audit.Kind) []audit.Event {
	s.t.Helper()
	page, err := s.db.ReadAudit(context.Background(), audit.Query{PersonID: s.person[person].ID, Kinds: []audit.Kind{kind}}, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	return page.Events
}

const offline = "openid profile offline_access read"

func TestWEB_28_AppsAreListedWithWhatTheyMayAndUntilWhen(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	if a := alice.get("/account"); !strings.Contains(a.body, "No application is signed in") {
		t.Errorf("with none: %d %s", a.status, a.body)
	}
	tokens := alice.allow("CB", offline)
	s.as("U2").allow("PW", offline)
	s.clock.jump(time.Hour)
	if a := s.refresh("CB", tokens.text(t, "refresh_token")); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	alice.allow("PN", "openid write")
	if err := s.engine.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	a := alice.get("/account")

	for _, want := range []string{
		"Client CB", "app.test", "See your profile", "Stay signed in", ">read", "Client PN", "An app on your device", "127.0.0.1", "if it is not used before",
		"Ends when you sign out of the browser", "just now", `/end" class="button outline small" aria-label="Sign out`,
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(a.body, "Client PW") {
		t.Error("the page shows what somebody else has allowed")
	}
	if n := strings.Count(a.body, "None yet"); n != 1 {
		t.Errorf("%d sign-ins were never refreshed, want 1: %s", n, a.body)
	}
}

func TestT31_SigningAnAppOutEverywhereWithdrawsTheConsentWithAllGrants(t *testing.T) {
	s := newSite(t)
	alice, phone := s.as("U1"), s.as("U1")
	one, two, other := alice.allow("CB", offline), phone.allow("CB", offline), alice.allow("CX", offline)
	bobs := s.as("U2").allow("CB", offline)
	const address = "/account/apps/CB/end"
	page := alice.get(address)
	if page.status != 200 || !strings.Contains(page.body, "Sign out Client CB everywhere?") || !strings.Contains(page.body, "2 devices") {
		t.Errorf("%d %s", page.status, page.body)
	}

	a := alice.post(address, nil)

	if a.status != 303 || a.header.Get("Location") != "/account" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := alice.follow(a); !strings.Contains(a.body, "signed out everywhere") || strings.Contains(a.body, "Client CB") {
		t.Errorf("%s", a.body)
	}
	for _, tokens := range []answer{one, two} {
		if a := s.refresh("CB", tokens.text(t, "refresh_token")); a.status != 400 || a.text(t, "error") != "invalid_grant" {
			t.Errorf("%d %s", a.status, a.body)
		}
		if s.active("RS", tokens.text(t, "access_token")) {
			t.Error("an access token is active")
		}
	}
	if a := s.refresh("CX", other.text(t, "refresh_token")); a.status != 200 {
		t.Errorf("another application: %d %s", a.status, a.body)
	}
	if a := s.refresh("CB", bobs.text(t, "refresh_token")); a.status != 200 {
		t.Errorf("somebody else: %d %s", a.status, a.body)
	}
	if a := alice.browser.get(s.az("CB", url.Values{"scope": {offline}})); !strings.Contains(a.header.Get("Location"), "/consent") {
		t.Errorf("the application may come back without asking: %d %s", a.status, a.header.Get("Location"))
	}
	if events := s.events("U1", audit.ConsentWithdrawn); len(events) != 1 || events[0].ClientID != "CB" || events[0].Actor != audit.ByPerson {
		t.Errorf("%+v", events)
	}
	if a := alice.post(address, nil); a.status != 404 {
		t.Errorf("a second time: %d", a.status)
	}
}

func TestT31_ARememberedConsentIsListedAndCanBeWithdrawn(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	alice.allow("CB", offline)
	alice.post("/account/grants/"+s.grantsOfPerson("U1", "CB")[0]+"/end", nil)
	if a := alice.get("/account"); !strings.Contains(a.body, "Client CB") || !strings.Contains(a.body, "may have this again without asking") {
		t.Fatalf("%s", a.body)
	}

	alice.post("/account/apps/CB/end", nil)

	if a := alice.get("/account"); strings.Contains(a.body, "Client CB") {
		t.Errorf("%s", a.body)
	}
}

func TestT32_SigningOneDeviceOutEndsThatOneOnly(t *testing.T) {
	s := newSite(t)
	alice, phone := s.as("U1"), s.as("U1")
	phones := phone.allow("CB", offline)
	s.clock.jump(time.Second)
	desks := alice.allow("CB", offline)
	ids := s.grantsOfPerson("U1", "CB")
	address := "/account/grants/" + ids[len(ids)-1] + "/end" // the phone's, which is older
	if page := alice.get(address); page.status != 200 || !strings.Contains(page.body, "Sign out Client CB on") {
		t.Errorf("%d %s", page.status, page.body)
	}

	a := alice.post(address, nil)

	if a.status != 303 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := s.refresh("CB", phones.text(t, "refresh_token")); a.status != 400 || a.text(t, "error") != "invalid_grant" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if s.active("RS", phones.text(t, "access_token")) {
		t.Error("its access token is active")
	}
	if a := s.refresh("CB", desks.text(t, "refresh_token")); a.status != 200 {
		t.Errorf("the other device: %d %s", a.status, a.body)
	}
	if events := s.events("U1", audit.GrantRevoked); len(events) != 1 || events[0].Result != "user" || events[0].ActorID != s.person["U1"].ID {
		t.Errorf("%+v", events)
	}
	if a := alice.post(address, nil); a.status != 404 {
		t.Errorf("a second time: %d", a.status)
	}
}

func TestThisWasNotMeEndsTheGrantAsTheftWithAllOtherSessions(t *testing.T) {
	s := newSite(t)
	alice, thief, phone := s.as("U1"), s.as("U1"), s.as("U1")
	bob := s.as("U2")
	stolen := thief.allow("CB", offline)
	withSession := phone.allow("CX", "openid read")
	kept := phone.allow("CP", offline)
	address := "/account/grants/" + s.grantsOfPerson("U1", "CB")[0] + "/report"
	if page := alice.get(address); page.status != 200 || !strings.Contains(page.body, "this wasn’t you?") {
		t.Errorf("%d %s", page.status, page.body)
	}
	if a := thief.get("/account"); a.status != 200 {
		t.Fatalf("asking has ended something: %d", a.status)
	}

	a := alice.post(address, nil)

	if a.status != 303 || a.header.Get("Location") != "/account/security/password?after=report" {
		t.Fatalf("%d %s", a.status, a.header.Get("Location"))
	}
	page := alice.follow(a)
	if page.status != 200 || !strings.Contains(page.body, "they may know your password") || strings.Contains(page.body, `name="end_others"`) {
		t.Errorf("%d %s", page.status, page.body)
	}
	for name, b := range map[string]*adminBrowser{"the thief": thief, "the phone": phone} {
		if a := b.get("/account"); a.status != 303 {
			t.Errorf("%s is still signed in: %d", name, a.status)
		}
	}
	if a := bob.get("/account"); a.status != 200 {
		t.Errorf("somebody else: %d", a.status)
	}
	for client, tokens := range map[string]answer{"CB": stolen, "CX": withSession} {
		if token := tokens.text(t, "refresh_token"); token != "" {
			if a := s.refresh(client, token); a.status != 400 || a.text(t, "error") != "invalid_grant" {
				t.Errorf("%s: %d %s", client, a.status, a.body)
			}
		}
		if s.active("RS", tokens.text(t, "access_token")) {
			t.Errorf("%s: an access token is active", client)
		}
	}
	if a := s.refresh("CP", kept.text(t, "refresh_token")); a.status != 200 {
		t.Errorf("what outlives sessions ends with the change of the password only: %d %s", a.status, a.body)
	}
	events := s.events("U1", audit.GrantReported)
	if len(events) != 1 || events[0].Result != "reported" || events[0].ClientID != "CB" || !strings.Contains(events[0].Detail, "class=theft sessions=2") {
		t.Errorf("%+v", events)
	}
	root := s.admin(t)
	if a := root.get("/admin/grants/" + s.grantsOfPerson("U1", "CB")[0]); !strings.Contains(a.body, "the person said that it was not them") {
		t.Errorf("the admin's page of the grant does not say so: %s", a.body)
	}

	form := passwordForm(password, otherPassword, false) // not ticked: after a report all else ends
	form.Set("after", "report")
	s.clock.jump(time.Second)
	if a := alice.post("/account/security/password", form); a.status != 303 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := s.refresh("CP", kept.text(t, "refresh_token")); a.status != 400 {
		t.Errorf("after the change of the password: %d %s", a.status, a.body)
	}
}

func TestThisWasNotMeIsDoneOnceAndAgainstARefresh(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	tokens := alice.allow("CB", offline)
	id := s.grantsOfPerson("U1", "CB")[0]
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.engine.ReportOwnGrant(context.Background(), s.db, s.person["U1"].ID, id, "none", by)
		})
	}
	var refreshed answer
	wg.Go(func() { refreshed = s.refresh("CB", tokens.text(t, "refresh_token")) })

	wg.Wait()

	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		}
	}
	if events := s.events("U1", audit.GrantReported); done != 1 || len(events) != 1 {
		t.Errorf("%d callers did it, with %d events: %v", done, len(events), errs)
	}
	if refreshed.status == 200 {
		if a := s.refresh("CB", refreshed.text(t, "refresh_token")); a.status != 400 || s.active("RS", refreshed.text(t, "access_token")) {
			t.Errorf("a refresh at that moment lives on: %d %s", a.status, a.body)
		}
	}
}

func TestAppsOfSomebodyWithHundredsOfSignInsAreBounded(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	alice.allow("CB", offline)
	id := s.grantsOfPerson("U1", "CB")[0]
	for i := range 70 {
		// As the flow makes them, but 70 times.
		s.exec(fmt.Sprintf(`INSERT INTO grants SELECT '%s-%02d', person_id, client_id, session_id, scope, resources, auth_time, acr, amr, ip, 'device-%02d/1', offline_at,
			created_at - %d, ends_at, revoked_at, revoked_reason, reuse_class, version, state, used_hour, bulk_id, claims FROM grants WHERE id = '%s'`, id, i, i, i+1, id))
	}

	a := alice.get("/account")

	if n := strings.Count(a.body, "<h3>"); n != 3 || !strings.Contains(a.body, "Show all sign-ins") {
		t.Errorf("%d devices: %s", n, a.body)
	}
	page := alice.get("/account/apps/CB")
	if n := strings.Count(page.body, "<h3>"); n != oauth.GrantPageSize {
		t.Errorf("%d devices on a page", n)
	}
	next := regexp.MustCompile(`href="(/account/apps/CB\?after=[^"]+)"`).FindStringSubmatch(page.body)
	if next == nil {
		t.Fatal("there is no next page")
	}
	page = alice.get(next[1])
	if n := strings.Count(page.body, "<h3>"); n != 21 || strings.Contains(page.body, "device 1<") {
		t.Errorf("%d devices on the second page", n)
	}
	for _, after := range []string{"x", "dXNlZCBmIDEgeA", strings.Repeat("a", 5000)} {
		if a := alice.get("/account/apps/CB?after=" + after); a.status != 404 {
			t.Errorf("after=%.20s: %d", after, a.status)
		}
	}
}
