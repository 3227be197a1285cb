package web_test

import (
	"context"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// client reads a client as it is stored.
func (s *site) client(id string) *oauth.Client {
	s.t.Helper()
	c, err := s.db.Client(context.Background(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// clientEvent gives the newest event of a client.
func (s *site) clientEvent(id string) audit.Event {
	s.t.Helper()
	events, err := s.db.Events(context.Background(), db.EventFilter{ClientID: id}, 1)
	if err != nil || len(events) == 0 {
		s.t.Fatalf("no event of %s: %v", id, err)
	}
	return events[0]
}

var shownCode = regexp.MustCompile(`<code id="([a-z0-9-]+)">([^<]*)</code>`)

// shown gives what a page offers to copy under an id.
func shown(page, id string) string {
	for _, m := range shownCode.FindAllStringSubmatch(page, -1) {
		if m[1] == id {
			return html.UnescapeString(m[2])
		}
	}
	return ""
}

// fieldError gives the message at a field.
func fieldError(page, field string) string {
	m := regexp.MustCompile(`(?s)id="` + field + `-error"[^>]*>.*?<span>(.*?)</span>`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// newClient fills in the form that registers an application.
func (b *adminBrowser) newClient(fields url.Values) answer {
	b.t.Helper()
	return b.submit(b.get("/admin/clients/new"), b.issuer+"/admin/clients/new", fields)
}

func TestAnAdminRegistersAnApplicationOfEachKind(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	people := []string{"openid", "profile", "email", "offline_access", "read"}
	for kind, want := range map[string]struct {
		uris   string
		method oauth.AuthMethod
		types  string
		preset oauth.Preset
		scope  string
	}{
		"web_server":  {"https://w.test/cb\r\nhttps://w.test/other\r\n", oauth.AuthBasic, "authorization_code refresh_token", oauth.PresetStandard, "openid profile email offline_access read"},
		"single_page": {"https://s.test/cb", oauth.AuthNone, "authorization_code refresh_token", oauth.PresetStandard, "openid profile email offline_access read"},
		"native":      {"http://127.0.0.1/cb", oauth.AuthNone, "authorization_code refresh_token", oauth.PresetMultiProcess, "openid profile email offline_access read"},
		"mcp":         {"http://localhost/cb", oauth.AuthNone, "authorization_code refresh_token", oauth.PresetMultiProcess, "openid profile email offline_access read"},
		"machine":     {"", oauth.AuthBasic, "client_credentials", oauth.PresetStandard, "read"},
	} {
		a := adm.newClient(url.Values{"kind": {kind}, "name": {"My " + kind}, "redirect_uris": {want.uris}, "scope": people})

		id, secret := shown(a.body, "client-id"), shown(a.body, "client-secret")
		if a.status != 200 || id == "" {
			t.Fatalf("%s: %d %s", kind, a.status, a.body)
		}
		c := s.client(id)
		if c.Name != "My "+kind || c.AuthMethod != want.method || strings.Join(c.GrantTypes, " ") != want.types || c.Policy.Preset != want.preset || c.Scope.String() != want.scope {
			t.Errorf("%s: %+v", kind, c)
		}
		if got := strings.Join(c.RedirectURIs, "\r\n"); got != strings.TrimSpace(want.uris) {
			t.Errorf("%s: redirect URIs %q", kind, got)
		}
		if (secret == "") != c.Public() {
			t.Errorf("%s: secret %q", kind, secret)
		}
		if e := s.clientEvent(id); e.Kind != audit.ClientCreated || e.Actor != audit.ByAdmin || e.ActorID != s.person["ADM"].ID {
			t.Errorf("%s: the log says %+v", kind, e)
		}
		if !strings.Contains(a.body, id) || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the answer may be kept: %s", kind, a.header)
		}
	}
}

func TestWEB45ASecretIsShownOnceAndAFormSentTwiceRegistersOneApplication(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	page := adm.get("/admin/clients/new")
	fields := url.Values{"kind": {"web_server"}, "name": {"Once"}, "redirect_uris": {"https://once.test/cb"}}

	first := adm.submit(page, s.issuer+"/admin/clients/new", fields)
	second := adm.submit(page, s.issuer+"/admin/clients/new", fields)

	id, secret := shown(first.body, "client-id"), shown(first.body, "client-secret")
	if !strings.HasPrefix(secret, "rgs1_") {
		t.Fatalf("no secret: %s", first.body)
	}
	if second.status != 303 || second.header.Get("Location") != "/admin/clients/"+id {
		t.Errorf("sent twice: %d %s", second.status, second.header.Get("Location"))
	}
	for _, path := range []string{"", "/settings", "/policy", "/credentials", "/connect"} {
		a := adm.get("/admin/clients/" + id + path)
		if a.status != 200 || strings.Contains(a.body, secret) {
			t.Errorf("%q: %d, or the secret is there", path, a.status)
		}
	}
	if hint := s.client(id).Secret.Hint; !strings.Contains(adm.get("/admin/clients/"+id+"/credentials").body, "rgs1_…"+hint) {
		t.Errorf("the hint %s is not shown", hint)
	}
}

func TestAFormThatCannotBeRegisteredComesBackWithItsValues(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	before := len(mustClients(s))

	a := adm.newClient(url.Values{
		"kind": {"single_page"}, "name": {""}, "redirect_uris": {"https://ok.test/cb\nhttp://app.test/cb\n\nhttps://*.test/cb"}, "scope": {"openid", "write"},
	})

	if a.status != 422 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if e := fieldError(a.body, "name"); e == "" {
		t.Error("the name has no message")
	}
	e := fieldError(a.body, "redirect_uris")
	if !strings.Contains(e, "Line 2: Http is allowed") && !strings.Contains(e, "Line 2: ") || !strings.Contains(e, "Line 4: ") || strings.Contains(e, "Line 1") {
		t.Errorf("redirect URIs: %q", e)
	}
	for _, kept := range []string{"https://ok.test/cb\nhttp://app.test/cb\n\nhttps://*.test/cb", `value="single_page" checked`, `value="write" checked`} {
		if !strings.Contains(html.UnescapeString(a.body), kept) {
			t.Errorf("lost: %s", kept)
		}
	}
	if strings.Contains(a.body, `value="profile" checked`) {
		t.Error("what was unticked is ticked again")
	}
	if n := len(mustClients(s)); n != before {
		t.Errorf("%d clients instead of %d", n, before)
	}
	if a := adm.newClient(url.Values{"kind": {"toaster"}, "name": {"x"}, "redirect_uris": {"https://ok.test/cb"}}); a.status != 422 || fieldError(a.body, "kind") == "" {
		t.Errorf("an unknown kind: %d", a.status)
	}
	if a := adm.newClient(url.Values{"kind": {"web_server"}, "name": {"x"}, "redirect_uris": {"https://ok.test/cb"}, "scope": {"fly"}}); a.status != 422 || fieldError(a.body, "scope") == "" {
		t.Errorf("an unknown scope: %d", a.status)
	}
}

func mustClients(s *site) []oauth.Client {
	all, err := s.db.Clients(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func TestTheListFindsMarksAndCounts(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	s.grant("CB", "openid read")
	s.grant("CB", "openid read")

	all := adm.get("/admin/clients")
	found := adm.get("/admin/clients?q=client+of")
	none := adm.get("/admin/clients?q=%3Cscript%3Ezzz")

	if !strings.Contains(all.body, `href="/admin/clients/CB"`) || strings.Contains(all.body, `href="/admin/clients/`+s.secret["RS.id"]) {
		t.Error("applications are listed, and clients of APIs are not")
	}
	row := regexp.MustCompile(`(?s)href="/admin/clients/CB".*?</tr>`).FindString(all.body)
	if !strings.Contains(row, `<td class="number">2</td>`) {
		t.Errorf("CB has 2 grants: %s", row)
	}
	if off := regexp.MustCompile(`(?s)href="/admin/clients/OFF".*?</tr>`).FindString(all.body); !strings.Contains(off, "Disabled") {
		t.Errorf("OFF is disabled: %s", off)
	}
	if !strings.Contains(found.body, "/admin/clients/OFF") || strings.Contains(found.body, `href="/admin/clients/CB"`) {
		t.Error("the search for “client of”")
	}
	if none.status != 200 || strings.Contains(none.body, "<script>zzz") || !strings.Contains(none.body, "Show all") {
		t.Errorf("nothing found: %d", none.status)
	}
	if a := adm.get("/admin/clients/" + s.secret["RS.id"]); a.status != 303 || a.header.Get("Location") != "/admin/apis/"+s.secret["RS.id"] {
		t.Errorf("the client of an API: %d %s", a.status, a.header.Get("Location"))
	}
	if a := adm.get("/admin/clients/nobody"); a.status != 404 {
		t.Errorf("no client: %d", a.status)
	}
}

func TestWEB43NobodyElseTouchesAnApplication(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	for _, path := range []string{"", "/settings", "/policy", "/policy/preview", "/credentials", "/rotate", "/end-old-secret", "/connect", "/disable", "/delete"} {
		if a := alice.get("/admin/clients/CB" + path); a.status != 403 {
			t.Errorf("GET %s: %d", path, a.status)
		}
	}
	before := s.client("CB").Version
	for _, path := range []string{"/settings", "/policy/preview", "/rotate", "/end-old-secret", "/disable", "/enable", "/delete"} {
		if a := alice.post("/admin/clients/CB"+path, url.Values{"version": {"1"}}); a.status != 403 {
			t.Errorf("POST %s: %d", path, a.status)
		}
		if a := adm.postForm("/admin/clients/CB"+path, url.Values{"form_token": {"forged"}}); a.status != 403 {
			t.Errorf("POST %s with a foreign form: %d", path, a.status)
		}
	}
	if a := alice.post("/admin/clients/new", url.Values{"kind": {"web_server"}, "name": {"x"}}); a.status != 403 {
		t.Errorf("POST new: %d", a.status)
	}
	if c := s.client("CB"); c.Version != before {
		t.Error("something was changed")
	}
}

func TestWEB12AnApplicationMayHaveAnyNameAndAddress(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	name := "<img src=x onerror=alert(1)>\u202eevil'\"&" + strings.Repeat("W", 100)
	s.addClient("X", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://x.test/cb?a='$(id)'&b=1"}})
	s.rename("X", name)
	for _, path := range []string{"", "/settings", "/policy", "/credentials", "/rotate", "/connect", "/disable", "/delete"} {
		a := adm.get("/admin/clients/X" + path)
		if a.status != 200 || strings.Contains(a.body, "<img") || !strings.Contains(a.body, "&lt;img src=x") {
			t.Errorf("%s: %d, or the name is markup", path, a.status)
		}
	}
	if a := adm.get("/admin/clients/X/connect"); !strings.Contains(html.UnescapeString(a.body), `REDIRECT_URI='https://x.test/cb?a='\''$(id)'\''&b=1'`) {
		t.Error("the shell would run what a redirect URI holds")
	}
}
