package web_test

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func TestTheAuditLogIsListedInWords(t *testing.T) {
	s := newSite(t)
	s.grant("CB", "openid read")
	wrong := s.browser()
	page := wrong.get(s.issuer + "/login")
	wrong.submit(page, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {"not this one at all"}})
	s.change("CB", func(c *oauth.Client) { c.Name = "Shop <script>" })
	adm := s.admin(t)

	all := adm.get("/admin/audit")

	if all.status != 200 {
		t.Fatalf("%d %s", all.status, all.body)
	}
	for _, want := range []string{"Access granted", "Sign-in failed", "Client changed", "Alice Archer", "Shop &lt;script&gt;", "Command line (test)", "wrong password", "/admin/people/" + s.person["U1"].ID, "/admin/clients/CB"} {
		if !strings.Contains(all.body, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(all.body, "Shop <script>") {
		t.Error("WEB-12 the name became markup")
	}

	for filter, c := range map[string]struct{ has, lacks string }{
		"group=sign-ins":                      {"Sign-in failed", "Client changed"},
		"result=refused":                      {"Sign-in failed", "Access granted"},
		"result=ok&group=sign-ins":            {"Signed in", "Sign-in failed"},
		"person=alice@example.com":            {"Access granted", "Client changed"},
		"person=" + s.person["U1"].ID:         {"Access granted", "Client changed"},
		"client=CB":                           {"Client changed", "Sign-in failed"},
		"from=2026-11-22&to=2026-11-22":       {"Client changed", "No event matches"},
		"from=2026-11-23":                     {"No event matches", "Client changed"},
		"to=2026-11-21":                       {"No event matches", "Client changed"},
		"request=" + "nothing":                {"No event matches", "Client changed"},
		"client=CB&result=ok&to=2026-11-22":   {"Access granted", "Sign-in failed"},
		"client=gone":                         {"No event matches", "Client changed</a>"},
		"group=applications&from=2026-11-22&": {"Client registered", "Signed in</a>"},
	} {
		a := adm.get("/admin/audit?" + filter)
		if a.status != 200 || !strings.Contains(a.body, c.has) || strings.Contains(afterForm(a.body), c.lacks) {
			t.Errorf("%s: %d, %q is not there or %q is", filter, a.status, c.has, c.lacks)
		}
	}
	for filter, id := range map[string]string{"from=yesterday": "from-error", "to=2026-13-01": "to-error", "from=2026-11-22&to=2026-11-20": "to-error", "person=nobody@example.com": "person-error", "group=x": "group-error", "result=x": "result-error"} {
		if a := adm.get("/admin/audit?" + filter); a.status != 422 || !strings.Contains(a.body, `id="`+id+`"`) {
			t.Errorf("%s: %d", filter, a.status)
		}
	}
}

// afterForm is the page behind the filter, whose choices hold the same words.
func afterForm(body string) string { return body[strings.LastIndex(body, "</select>")+1:] }

func TestTheAuditLogGoesOnPageByPage(t *testing.T) {
	s := newSite(t)
	for range 60 {
		s.change("CB", func(c *oauth.Client) { c.Trusted = !c.Trusted })
	}
	adm := s.admin(t)

	first := adm.get("/admin/audit?group=applications")
	next := nextPage(t, first.body)
	second := adm.get(next)

	if n := strings.Count(first.body, `class="what"`); n != 50 {
		t.Errorf("%d events on the first page", n)
	}
	if n := strings.Count(second.body, `class="what"`); n < 20 || !strings.Contains(second.body, "First") || strings.Contains(second.body, `rel="next"`) {
		t.Errorf("%d events on the second page", n)
	}
	for _, path := range []string{"/admin/audit?before=x", "/admin/audit?before=-1"} {
		if a := adm.get(path); a.status != 200 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func nextPage(t *testing.T, body string) string {
	t.Helper()
	i := strings.Index(body, `rel="next"`)
	if i < 0 {
		t.Fatal("there is no next page")
	}
	before := body[:i]
	address := before[strings.LastIndex(before, `href="`)+6:]
	return strings.ReplaceAll(address[:strings.Index(address, `"`)], "&amp;", "&")
}

func TestOneEventIsShownWhole(t *testing.T) {
	s := newSite(t)
	s.change("CB", func(c *oauth.Client) { c.Name = "Shop" })
	e := lastEventOf(t, s, audit.ClientUpdated)
	adm := s.admin(t)
	adm.post("/admin/keys/rotate", url.Values{"seen": {hiddenValue(adm.get("/admin/keys/rotate").body, "seen")}})
	rotated := lastEventOf(t, s, audit.KeyRotated)

	a := adm.get("/admin/audit/" + strconv.FormatInt(e.Seq, 10))
	b := adm.get("/admin/audit/" + strconv.FormatInt(rotated.Seq, 10))

	for _, want := range []string{"Client changed", "<code>Client CB</code>", "<code>Shop</code>", "client.updated"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q: %s", want, a.body)
		}
	}
	for _, want := range []string{"Rosa Root", rotated.RequestID, "/admin/audit?request=" + rotated.RequestID, "active at"} {
		if !strings.Contains(b.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for path, want := range map[string]int{"/admin/audit/999999": 404, "/admin/audit/x": 404, "/admin/audit/0": 404} {
		if a := adm.get(path); a.status != want {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestWEB_48_AnAdminVerifiesTheHashChain(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	if a := adm.get("/admin/audit"); !strings.Contains(a.body, "It was not verified yet.") {
		t.Error("it says that it was verified")
	}
	if a := adm.get("/admin/audit/verify"); a.status != 405 {
		t.Errorf("WEB-20 GET verifies: %d", a.status)
	}

	done := adm.follow(adm.post("/admin/audit/verify", nil))

	if !strings.Contains(done.body, "The audit log is whole") || !strings.Contains(done.body, "events verified: the log is whole.") {
		t.Error(done.body)
	}
	check, err := s.db.LastAuditCheck(t.Context())
	if err != nil || check.Events == 0 || check.By != s.person["ADM"].ID {
		t.Fatalf("%+v %v", check, err)
	}
	if e := lastEventOf(t, s, audit.LogChecked); e.Result != "ok" || e.ActorID != s.person["ADM"].ID {
		t.Errorf("%+v", e)
	}

	tamper(t, s, "DELETE FROM audit_events WHERE seq = 3")
	broken := adm.follow(adm.post("/admin/audit/verify", nil))
	if !strings.Contains(broken.body, "event 3 is missing") || strings.Contains(broken.body, "The audit log is whole") {
		t.Error(broken.body)
	}
	if e := lastEventOf(t, s, audit.LogChecked); e.Result != "broken" || e.Outcome() != audit.OutcomeRefused {
		t.Errorf("%+v", e)
	}
}

// tamper changes the database behind everybody's back.
func tamper(t *testing.T, s *site, statement string) {
	t.Helper()
	q, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if _, err := q.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestWEB_47_TheAuditLogIsExportedAndNoCellIsAFormula(t *testing.T) {
	s := newSite(t)
	evil := "=HYPERLINK(\"https://evil.test\")\r\n\u202e"
	b := s.browser()
	page := b.get(s.issuer + "/login")
	r, _ := http.NewRequest("POST", s.issuer+"/login", strings.NewReader(url.Values{"form_token": {hiddenValue(page.body, "form_token")}, "email": {"nobody@example.com"}, "password": {"x"}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("User-Agent", strings.NewReplacer("\r", "", "\n", "").Replace(evil))
	b.send(r)
	adm := s.admin(t)
	var total int
	for q := (audit.Query{}); ; {
		p, err := s.db.ReadAudit(context.Background(), q, 100)
		if err != nil {
			t.Fatal(err)
		}
		total += len(p.Events)
		if q.Before = p.Next; p.Next == 0 {
			break
		}
	}

	sheet := adm.get("/admin/audit/export.csv")
	lines := adm.get("/admin/audit/export.jsonl?group=sign-ins")

	if !strings.HasPrefix(sheet.header.Get("Content-Type"), "text/csv") || !strings.Contains(sheet.header.Get("Content-Disposition"), "attachment") || sheet.header.Get("Cache-Control") != "no-store" {
		t.Error(sheet.header)
	}
	rows, err := csv.NewReader(strings.NewReader(sheet.body)).ReadAll()
	if err != nil || len(rows) != total+1 {
		t.Fatalf("%d rows of %d events: %v", len(rows), total, err)
	}
	seen := false
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
				t.Errorf("a formula: %q", cell)
			}
			seen = seen || strings.HasPrefix(cell, "'=HYPERLINK")
		}
	}
	if !seen {
		t.Error("the user agent is not in the export")
	}
	for i, line := range strings.Split(strings.TrimSpace(lines.body), "\n") {
		var e struct {
			Seq  int64  `json:"seq"`
			Kind string `json:"kind"`
			Hash string `json:"hash"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq == 0 || len(e.Hash) != 64 || !strings.HasPrefix(e.Kind, "sign_in.") && !strings.HasPrefix(e.Kind, "session.") {
			t.Errorf("line %d: %v %s", i, err, line)
		}
	}
	if a := adm.get("/admin/audit/export.csv?from=nonsense"); a.status != 303 {
		t.Errorf("a filter that makes no sense: %d", a.status)
	}
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	for _, path := range []string{"/admin/audit", "/admin/audit/1", "/admin/audit/export.csv", "/admin/audit/export.jsonl"} {
		if a := alice.get(path); a.status != 403 {
			t.Errorf("a person, %s: %d", path, a.status)
		}
	}
}
