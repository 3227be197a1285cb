package web_test

import (
	"context"
	"database/sql"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"regrant/app/account"
	"regrant/app/oauth"
)

// adminPath is one address below /admin as its file registers it.
type adminPath struct{ kind, pattern string }

var registered = regexp.MustCompile(`area\.(page|readable|act|form|danger|upload)\("([^"]+)"`)

// adminPaths finds in the sources every address that is registered for admins, so that none is forgotten here.
func adminPaths(t testing.TB) []adminPath {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var paths []adminPath
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range registered.FindAllStringSubmatch(string(source), -1) {
			if m[2] == "/admin/people/{id}/" { // each of a list of acts
				for _, act := range []string{"role", "disable", "delete", "expire-password", "end-sessions", "revoke-grants"} {
					paths = append(paths, adminPath{m[1], m[2] + act})
				}
				continue
			}
			paths = append(paths, adminPath{m[1], m[2]})
		}
	}
	if len(paths) < 20 {
		t.Fatalf("found only %d addresses for admins: the pattern misses them", len(paths))
	}
	return paths
}

// matrix is a site with something at every kind of address.
type matrix struct {
	*site
	grant string
	group string
	token string // id of an initial access token
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{site: newSite(t)}
	m.admin(t)
	m.site.grant("CB", "openid read offline_access")
	grants, err := m.db.Grants(context.Background(), oauth.GrantFilter{})
	if err != nil || len(grants) != 1 {
		t.Fatalf("%d grants, %v", len(grants), err)
	}
	m.grant = grants[0].ID
	m.group = m.site.group("Staff", "staff", "U1")
	m.limit("TR", m.group)
	m.initialToken(1)
	tokens, err := m.db.InitialTokens(context.Background())
	if err != nil || len(tokens) != 1 {
		t.Fatal(tokens, err)
	}
	m.token = tokens[0].ID
	if err := m.engine.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	return m
}

// fill puts real ids of the thing that the address is about, of person for addresses of people.
func (m *matrix) fill(t testing.TB, pattern, person string) string {
	t.Helper()
	id := map[string]string{
		"grants": m.grant, "clients": "CB", "apis": m.secret["RS.id"], "people": m.person[person].ID, "groups": m.group, "keys": "1", "audit": "1", "refusals": "1", "registration": m.token,
	}[strings.Split(pattern+"/", "/")[2]]
	sessions, err := m.people.Sessions(t.Context(), m.person[person].ID, m.clock.Wall())
	if err != nil {
		t.Fatal(err)
	}
	path := strings.Replace(pattern, "{id}", id, 1)
	for strings.Contains(path, "{") {
		part := id
		if strings.Contains(path, "session") && len(sessions) > 0 {
			part = sessions[0].ID
		}
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + part + after
	}
	return path
}

// stored is what must not change, as text. Sign-ins, and what reading notes of a session, are left out.
func (m *matrix) stored(t testing.TB) string {
	t.Helper()
	q, err := sql.Open("sqlite", "file:"+m.path+"?_pragma=busy_timeout(5000)&mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var b strings.Builder
	for _, query := range []string{
		"SELECT id, email, name, role, password_hash, disabled_at, deleted_at, grants_revoked_before, version FROM people ORDER BY id",
		"SELECT * FROM clients ORDER BY id", "SELECT * FROM apis ORDER BY resource", "SELECT * FROM grants ORDER BY id", "SELECT id, ends_at FROM keys ORDER BY id",
		"SELECT id, person_id, ended_at FROM sessions ORDER BY id", "SELECT id, used_at, expires_at FROM links ORDER BY id", "SELECT * FROM settings ORDER BY name",
		"SELECT * FROM bulk_revocations ORDER BY id", "SELECT * FROM groups ORDER BY id", "SELECT * FROM group_members ORDER BY group_id, person_id",
		"SELECT * FROM client_groups ORDER BY client_id", "SELECT * FROM initial_access_tokens ORDER BY id", "SELECT * FROM role_claims ORDER BY role", "SELECT absolute_deadline FROM refresh_tokens",
		"SELECT kind, detail FROM audit_events WHERE kind NOT LIKE 'sign_in%' AND kind <> 'audit.verified' ORDER BY seq",
	} {
		rows, err := q.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				fmt.Fprintf(&b, "%s=%v ", columns[i], *v.(*any))
			}
			b.WriteString("\n")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// fields that acts below /admin look at; each form takes those that it knows.
var anyFields = url.Values{
	"name": {"Mallory's"}, "email": {"mallory@example.com"}, "role": {"admin"}, "confirm": {"yes"}, "scope": {"openid"}, "resource": {"https://mallory.test/"},
	"redirect_uris": {"https://mallory.test/cb"}, "password": {password}, "all": {"1"}, "overlap": {"0s"},
}

func TestWEB_43_NobodyButAnAdminReadsOrActsBelowAdmin(t *testing.T) {
	m := newMatrix(t)
	paths := adminPaths(t)
	people := map[string]*adminBrowser{"U1": {m.browser()}, "U2": {m.browser()}, "nobody": {m.browser()}}
	people["U1"].signIn("U1")
	people["U2"].signIn("U2")
	before := m.stored(t)

	for name, b := range people {
		for _, p := range paths {
			for _, of := range []string{"U1", "U2", "ADM"} {
				path := m.fill(t, p.pattern, of)
				answers := []answer{b.get(path), b.post(path, anyFields)}
				for i, a := range answers {
					method := []string{"GET", "POST"}[i]
					refused := a.status == http.StatusForbidden || a.status == http.StatusMethodNotAllowed
					if name == "nobody" {
						refused = a.status == http.StatusSeeOther && strings.HasPrefix(a.header.Get("Location"), "/login?return=") || a.status == http.StatusMethodNotAllowed
					}
					if !refused {
						t.Errorf("%s, %s %s: %d %s", name, method, path, a.status, a.header.Get("Location"))
					}
					if strings.Contains(a.body, "root@example.com") || strings.Contains(a.body, m.grant) {
						t.Errorf("%s, %s %s tells of others", name, method, path)
					}
				}
				if !strings.Contains(p.pattern, "{") {
					break
				}
			}
		}
	}

	if diff := cmp.Diff(before, m.stored(t)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

func TestWEB_20_NoOtherSiteActsAsAnAdmin(t *testing.T) {
	m := newMatrix(t)
	root := m.admin(t)
	token := hiddenValue(root.get("/logout").body, "form_token")
	before := m.stored(t)

	for _, p := range adminPaths(t) {
		if p.kind == "page" {
			continue
		}
		path := m.fill(t, p.pattern, "U2")
		for name, header := range foreign {
			a := root.form(m.issuer+path, merged(anyFields, url.Values{"form_token": {token}}), header)
			if a.status != http.StatusForbidden {
				t.Errorf("%s to %s: %d", name, path, a.status)
			}
		}
		for name, forged := range map[string]url.Values{"no token": nil, "another's token": {"form_token": {"AAAA"}}, "two tokens": {"form_token": {token, token}}} {
			if a := root.form(m.issuer+path, merged(anyFields, forged), sameOrigin); a.status != http.StatusForbidden {
				t.Errorf("%s to %s: %d", name, path, a.status)
			}
		}
		if a := root.get(path); a.status >= 500 {
			t.Errorf("GET %s: %d", path, a.status)
		}
	}

	if diff := cmp.Diff(before, m.stored(t)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

func TestWEB_20_ReadingChangesNothingBelowAdmin(t *testing.T) {
	m := newMatrix(t)
	root := m.admin(t)
	before := m.stored(t)

	for _, p := range adminPaths(t) {
		if path := m.fill(t, p.pattern, "U2"); p.kind != "act" {
			if a := root.get(path); a.status != 200 && a.status != 303 && a.status != 404 && a.status != 400 && a.status != 422 {
				t.Errorf("GET %s: %d", path, a.status)
			}
		}
	}

	if diff := cmp.Diff(before, m.stored(t)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

func TestIdsThatAreNotThereAreNotFoundBelowAdmin(t *testing.T) {
	m := newMatrix(t)
	root := m.admin(t)
	before := m.stored(t)

	for _, p := range adminPaths(t) {
		if !strings.Contains(p.pattern, "{") || strings.Contains(p.pattern, "{link}") { // an invitation that is over may be withdrawn again
			continue
		}
		for _, id := range []string{"nothing", "0", "-1", "00000000-0000-0000-0000-000000000000", strings.Repeat("9", 400), "%00", "a%2Fb", "'%20OR%201=1--"} {
			path := regexp.MustCompile(`{[^}]*}`).ReplaceAllString(p.pattern, id)
			var a answer
			if p.kind == "act" {
				a = root.post(path, anyFields)
			} else {
				a = root.get(path)
			}
			if a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
				t.Errorf("%s %s: %d", p.kind, path[:min(len(path), 80)], a.status)
			}
		}
	}

	if diff := cmp.Diff(before, m.stored(t)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

var linkAddress = regexp.MustCompile(`<a [^>]*href="([^"]+)"`)

func TestWEB_12_NoTextFromOutsideBecomesMarkupBelowAdmin(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	for i, payload := range payloads {
		id := fmt.Sprintf("xss%d", i)
		clean := strings.NewReplacer("\u2028", "").Replace(payload)
		c := oauth.Client{ID: id, Name: clean, AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://client.test/cb"}, Scope: oauth.Scope{"openid", "offline_access", "read"}}
		secret, err := oauth.RegisterClient(t.Context(), s.db, &c, s.clock.Wall(), by)
		if err != nil {
			t.Fatal(err)
		}
		s.secret[id] = secret
		p, err := s.people.Create(t.Context(), account.NewPerson{Email: fmt.Sprintf("p%d@example.com", i), Name: clean, Password: password}, by, s.clock.Wall())
		if err != nil {
			t.Fatal(err)
		}
		s.person[id] = p
		callback := s.browser().walk(s.az(id, url.Values{"scope": {"openid read offline_access"}, "redirect_uri": {"https://client.test/cb"}, "prompt": {"consent"}}), id)
		tokens := s.from("/token", id, payload, url.Values{"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {"https://client.test/cb"}, "code_verifier": {verifier}})
		if tokens.status != 200 {
			t.Fatalf("%d %s", tokens.status, tokens.body)
		}
		s.from("/token", id, payload+"2", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.text(t, "refresh_token")}, "scope": {payload}})
		s.from("/token", id, payload+"3", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.text(t, "refresh_token")}})
		s.addAPI("API"+id, fmt.Sprintf("https://api%d.test/", i), fmt.Sprintf("x%d:%s", i, regexp.MustCompile(`[^!#-\[\]-~]`).ReplaceAllString(payload, "")))
	}
	if err := s.engine.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	seen := map[string]bool{}
	queue := []string{"/admin"}
	for _, payload := range payloads {
		for _, path := range []string{"/admin/grants?q=", "/admin/clients?q=", "/admin/people?q=", "/admin/audit?person=", "/admin/refusals?request_id=", "/confirm?return=", "/admin/grants?client="} {
			queue = append(queue, path+url.QueryEscape(payload))
		}
	}
	for ; len(queue) > 0 && len(seen) < 400; queue = queue[1:] {
		path := queue[0]
		if seen[path] {
			continue
		}
		seen[path] = true
		a := root.get(path)
		if strings.Contains(path, "export") {
			continue
		}
		inert(t, s, path, a)
		for _, m := range linkAddress.FindAllStringSubmatch(a.body, -1) {
			if link := html.UnescapeString(m[1]); strings.HasPrefix(link, "/admin") && !slices.Contains(queue, link) {
				queue = append(queue, link)
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d pages were seen", len(seen))
	}
}
