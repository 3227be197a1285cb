package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var registeredOwn = regexp.MustCompile(`own\.(page|act|form|fresh)\("([^"]+)"`)

// ownPaths finds in the sources every address below /account, so that none is forgotten here.
func ownPaths(t testing.TB) []adminPath {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var paths []adminPath
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range registeredOwn.FindAllStringSubmatch(string(source), -1) {
			paths = append(paths, adminPath{m[1], m[2]})
		}
	}
	if len(paths) < 14 {
		t.Fatalf("found only %d addresses of the account: the pattern misses them", len(paths))
	}
	return paths
}

var pathValue = regexp.MustCompile(`\{[a-z]+\}`)

// ofAlice puts what is Alice's into an address.
func (m *matrix) ofAlice(pattern string) string {
	return pathValue.ReplaceAllStringFunc(pattern, func(value string) string {
		switch value {
		case "{client}":
			return "CB"
		case "{grant}":
			return m.grant
		case "{session}":
			return m.sessionsOf("U1")[0].ID
		}
		return "1"
	})
}

func TestWEB_43_NobodyReachesWhatIsSomebodyElses(t *testing.T) {
	m := newMatrix(t) // a grant of Alice's, with a session
	bob, root, stranger := m.as("U2"), m.admin(t), &adminBrowser{m.browser()}
	before := m.stored(t)

	for name, b := range map[string]*adminBrowser{"Bob": bob, "an admin": root, "nobody": stranger} {
		for _, p := range ownPaths(t) {
			path := m.ofAlice(p.pattern)
			answers := []answer{b.get(path)}
			if strings.Contains(p.pattern, "{") || name == "nobody" {
				answers = append(answers, b.post(path, anyFields))
			}
			for i, a := range answers {
				method := []string{"GET", "POST"}[i]
				if name == "nobody" && a.status != http.StatusMethodNotAllowed && (a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/login?return=")) {
					t.Errorf("nobody, %s %s: %d %s", method, path, a.status, a.header.Get("Location"))
				}
				if name != "nobody" && strings.Contains(p.pattern, "{") && a.status == http.StatusOK && method == "GET" && !strings.HasPrefix(path, "/account/email/") {
					t.Errorf("WEB-28: %s, %s %s: %d", name, method, path, a.status)
				}
				if strings.Contains(a.body, "alice@example.com") || strings.Contains(a.body, m.grant+"/") {
					t.Errorf("%s, %s %s tells of Alice", name, method, path)
				}
			}
		}
	}

	if diff := cmp.Diff(before, m.stored(t)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

func TestWEB_20_NoOtherSiteActsOnAnAccountAndLookingChangesNothing(t *testing.T) {
	m := newMatrix(t)
	alice := m.as("U1")
	m.grant = m.grantsOfPerson("U1", "CB")[0]
	token := hiddenValue(alice.get("/logout").body, "form_token")
	before := m.stored(t)

	for _, p := range ownPaths(t) {
		path := m.ofAlice(p.pattern)
		if a := alice.get(path); a.status >= 500 || p.kind != "act" && strings.Contains(p.pattern, "{grant}") && a.status != http.StatusOK {
			t.Errorf("GET %s: %d", path, a.status)
		}
		if p.kind == "page" {
			continue
		}
		for name, form := range map[string]map[string][]string{
			"without a token": merged(anyFields, nil), "with another token": merged(anyFields, map[string][]string{"form_token": {token + "x"}}),
			"with two": merged(anyFields, map[string][]string{"form_token": {token, token}}),
		} {
			if a := alice.postForm(path, form); a.status != http.StatusForbidden {
				t.Errorf("POST %s %s: %d", path, name, a.status)
			}
		}
		form := merged(anyFields, map[string][]string{"form_token": {token}})
		if a := alice.form(m.issuer+path, form, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.test"}}); a.status != http.StatusForbidden {
			t.Errorf("POST %s from another site: %d", path, a.status)
		}
	}

	if diff := cmp.Diff(before, m.stored(t)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}
