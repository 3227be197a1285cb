package web_test

import (
	"encoding/csv"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// followBulk does what the server does behind.
func (s *site) followBulk() {
	s.t.Helper()
	if err := s.engine.FollowBulk(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// hiddenFields are all hidden fields of the form that posts to action.
func hiddenFields(page, action string) url.Values {
	_, form, _ := strings.Cut(page, `action="`+action+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	fields := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(form, -1) {
		fields.Set(m[1], m[2])
	}
	return fields
}

func wantTexts(t *testing.T, a answer, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("%d instead of %d: %s", a.status, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("the page lacks %q: %s", text, a.body)
		}
	}
}

func TestTheListOfGrantsSaysWhoIsSignedInWhere(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	wantTexts(t, adm.get("/admin/grants"), 200, "Nobody is signed in to an application yet")
	f := s.rotated()
	gone := s.family()
	wantOK(t, gone.use(0))
	wantOK(t, gone.use(1))
	if a := gone.use(0); a.status != 400 {
		t.Fatal(a.status)
	}

	all := adm.get("/admin/grants")

	wantTexts(t, all, 200, f.id, gone.id, "Active", "Revoked for reuse", f.client+"@", "Go-http-client", "2 refresh tokens", "openid read write offline_access")
	for path, want := range map[string]string{
		"?state=open": f.id, "?state=revoked": gone.id, "?q=" + f.client: f.id, "?q=" + url.QueryEscape(strings.ToUpper(gone.who)+"@EXAMPLE"): gone.id, "?client=" + f.client: f.id,
		"?person=" + s.person[f.who].ID: f.id, "?q=" + f.id: f.id, "?reuse=race": gone.id, "?sort=used&order=asc&state=open": f.id,
	} {
		a := adm.get("/admin/grants" + path)
		other := f.id
		if want == f.id {
			other = gone.id
		}
		if a.status != 200 || !strings.Contains(a.body, "/admin/grants/"+want+`"`) || strings.Contains(a.body, "/admin/grants/"+other+`"`) {
			t.Errorf("%s: %d, %s", path, a.status, a.body)
		}
	}
	wantTexts(t, adm.get("/admin/grants?state=expired"), 200, "Nothing matches", "Clear all filters")
	wantTexts(t, adm.get("/admin/grants?before=2001-01-01&client="+f.client), 200, "Nothing matches", "Last used before Jan 1, 2001", "Remove the filter: Client: ")
}

func TestAnAddressThatIsNoListIsRefusedWithAPage(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	s.family()
	for _, query := range []string{
		"state=alive", "reuse=x", "sort=name", "after=x", "after=" + strings.Repeat("A", 5000), "after=Y3JlYXRlZCBmIDAgeA", "bulk=..", "q=" + strings.Repeat("x", 300) + "&state=no",
		"sort=used&after=Y3JlYXRlZCBmIDEgeA", "after=Y3JlYXRlZCBmIC0xIHg",
	} {
		for _, path := range []string{"/admin/grants?", "/admin/grants/export.csv?", "/admin/grants/revoke?all=1&"} {
			if path != "/admin/grants?" && strings.Contains(query, "after=") {
				continue // they have no pages
			}
			if a := adm.get(path + query); a.status != 400 && !strings.Contains(query, "after=Y3JlYXRlZCBmIDAgeA") {
				t.Errorf("%s%.60s: %d", path, query, a.status)
			}
		}
	}
	a := adm.get("/admin/grants?before=2026-02-31&q=ann")
	wantTexts(t, a, 422, `value="2026-02-31"`, `value="ann"`, `aria-invalid`, "Give a day as year, month and day")
}

func TestManyGrantsAreRevokedAfterAPreviewThatSaysWhatDies(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.family()
	second := s.another(f.client, "U1", "openid read offline_access")
	other := s.family()
	preview := adm.get("/admin/grants/revoke?all=1&client=" + f.client)
	wantTexts(t, preview, 200, "Revoke 2 refresh tokens?", "2 refresh tokens of 2 people in 1 client.", "until Nov 22, 2026, 10:10 am UTC at the latest (10 minutes)", "must sign in again", "Client: ")

	s.clock.step(time.Second)
	late := s.another(f.client, "U2", "openid read offline_access")
	a := adm.post("/admin/grants/revoke", hiddenFields(preview.body, "/admin/grants/revoke"))
	running := adm.follow(a)
	wantTexts(t, running, 200, "0 ended so far, of 2 refresh tokens", "Look again", "Rosa Root")
	if running.header.Get("Refresh") == "" {
		t.Error("the page does not ask again by itself")
	}
	s.followBulk()
	done := adm.follow(a)

	wantTexts(t, done, 200, "2 refresh tokens were revoked.", f.id, second.id, "Alice Archer")
	if done.header.Get("Refresh") != "" || strings.Contains(done.body, late.id) {
		t.Error("the result goes on, or lists what it spared")
	}
	f.dead()
	f.revoked(oauth.RevokedAdmin)
	second.dead()
	other.alive()
	late.alive()
	events := s.bulkEvents()
	if len(events) != 2 || events[0].ActorID != s.person["ADM"].ID || !strings.Contains(events[1].Detail, `of="open, client \"`+f.client+`\""`) || !strings.Contains(events[1].Detail, "expected=2") ||
		!strings.Contains(events[0].Detail, "count=2") {
		t.Errorf("%+v", events)
	}
}

func (s *site) bulkEvents() (events []audit.Event) {
	s.t.Helper()
	events, err := s.db.Events(s.t.Context(), db.EventFilter{Kind: audit.GrantBulkRevoked}, 10)
	if err != nil {
		s.t.Fatal(err)
	}
	return events
}

func TestSelectedGrantsAreRevoked(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	one, two, kept := s.family(), s.family(), s.family()
	preview := adm.get("/admin/grants/revoke?id=" + one.id + "&id=" + two.id)
	wantTexts(t, preview, 200, "Revoke 2 refresh tokens?")

	a := adm.post("/admin/grants/revoke", hiddenFields(preview.body, "/admin/grants/revoke"))
	s.followBulk()

	wantTexts(t, adm.follow(a), 200, "2 refresh tokens were revoked.", "2 chosen by hand")
	one.dead()
	two.dead()
	kept.alive()
	wantTexts(t, adm.get("/admin/grants/revoke?id="+one.id), 200, "There is nothing to revoke")
	wantTexts(t, adm.get("/admin/grants/revoke"), 200, "There is nothing to revoke")
}

func TestARevocationOfManyIsRefusedWhenItIsNotWhatWasShown(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.family()
	fields := hiddenFields(adm.get("/admin/grants/revoke?all=1").body, "/admin/grants/revoke")
	for name, c := range map[string]struct {
		change func(url.Values)
		status int
	}{
		"without a time":  {func(v url.Values) { v.Del("at") }, 400},
		"of the future":   {func(v url.Values) { v.Set("at", "9999999999999999") }, 422},
		"of yesterday":    {func(v url.Values) { v.Set("at", "1000000000000000") }, 422},
		"no choice":       {func(v url.Values) { v.Del("all") }, 422},
		"a strange state": {func(v url.Values) { v.Set("state", "revoked") }, 400},
		"a strange id":    {func(v url.Values) { v.Set("ids", "../x") }, 400},
		"too many":        {func(v url.Values) { v.Set("ids", strings.Repeat("x ", oauth.MaxChosen+1)) }, 400},
	} {
		form := url.Values{}
		for k, v := range fields {
			form[k] = v
		}
		c.change(form)
		if a := adm.post("/admin/grants/revoke", form); a.status != c.status {
			t.Errorf("%s: %d instead of %d", name, a.status, c.status)
		}
	}
	s.followBulk()
	f.alive()
	if len(s.bulkEvents()) != 0 {
		t.Error("something was revoked")
	}

	fields.Del("form_token")
	if a := adm.postForm("/admin/grants/revoke", fields); a.status != 403 {
		t.Errorf("a foreign form: %d", a.status)
	}
	if a := adm.get("/admin/revocations/none"); a.status != 404 {
		t.Errorf("no revocation: %d", a.status)
	}
}

func TestTheExportHasEachGrantThatMatchesAndNoFormula(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.family()
	s.clock.step(time.Second)
	s.addPerson("evil", "evil@example.com", `=HYPERLINK("https://evil.example","x")`)
	evil := s.another(f.client, "evil", "openid read offline_access")
	other := s.family()

	a := adm.get("/admin/grants/export.csv?client=" + f.client)

	if a.status != 200 || a.header.Get("Content-Type") != "text/csv; charset=utf-8" || !regexp.MustCompile(`^attachment; filename="grants-2026-11-\d\d\.csv"$`).MatchString(a.header.Get("Content-Disposition")) {
		t.Fatal(a.status, a.header)
	}
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][0] != "grant_id" || strings.Contains(a.body, other.id) {
		t.Fatal(rows, err)
	}
	if rows[1][0] != evil.id || rows[1][6] != `'=HYPERLINK("https://evil.example","x")` || rows[2][0] != f.id || rows[2][1] != "open" {
		t.Error(rows)
	}
}

func TestGrantsAreListedByTheAddressOfTheirPerson(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	s.grant("CB", "openid read")

	to := root.get("/admin/grants?state=open&person=" + url.QueryEscape(" Alice@example.com"))
	if want := "/admin/grants?person=" + s.person["U1"].ID + "&state=open"; to.status != 303 || to.header.Get("Location") != want {
		t.Fatalf("%d %s, want %s", to.status, to.header.Get("Location"), want)
	}
	if list := root.follow(to); list.status != 200 || !strings.Contains(list.body, `value="alice@example.com"`) || !strings.Contains(list.body, "Client CB") {
		t.Errorf("%d %s", list.status, list.body)
	}
	if other := root.get("/admin/grants?person=" + s.person["U2"].ID); strings.Contains(other.body, "Client CB</a>") {
		t.Error("the list of somebody else has it")
	}
	nobody := root.get("/admin/grants?person=" + url.QueryEscape(`"><b>nobody@example.com`))
	if nobody.status != 422 || !strings.Contains(nobody.body, "Nobody here has this address") || strings.Contains(nobody.body, "<b>nobody") {
		t.Errorf("%d %s", nobody.status, nobody.body)
	}
}
