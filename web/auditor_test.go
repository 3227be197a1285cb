package web_test

import (
	"context"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/account"
)

// auditor gives a signed-in auditor, called AUD.
func (s *site) auditor(t testing.TB) *adminBrowser {
	t.Helper()
	p, err := s.people.Create(context.Background(), account.NewPerson{Email: "aud@example.com", Name: "Aud Itor", Role: account.RoleAuditor, Password: password}, by, s.clock.Wall())
	if err != nil {
		t.Fatal(err)
	}
	s.person["AUD"] = p
	b := &adminBrowser{s.browser()}
	b.signIn("AUD")
	return b
}

// readByAuditors are the kinds of addresses whose page shows how things are.
var readByAuditors = []string{"page", "readable", "upload"}

func TestWEB_43_AnAuditorReadsEverythingAndChangesNothing(t *testing.T) {
	m := newMatrix(t)
	aud := m.auditor(t)
	before := m.stored(t)

	for _, p := range adminPaths(t) {
		path := m.fill(t, p.pattern, "U2")
		get := aud.get(path)
		if reads := slices.Contains(readByAuditors, p.kind); reads && get.status >= 400 && get.status != 404 || !reads && get.status != http.StatusForbidden && get.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s (%s): %d", path, p.kind, get.status)
		}
		if get.status == http.StatusForbidden && !strings.Contains(get.body, "Auditors do not change anything") {
			t.Errorf("GET %s does not say why", path)
		}
		if post := aud.post(path, anyFields); post.status != http.StatusForbidden && post.status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, post.status)
		}
	}

	if diff := cmp.Diff(before, m.stored(t)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

var (
	postForm     = regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*action="([^"]+)".*?</form>`)
	getForm      = regexp.MustCompile(`(?s)<form[^>]*method="get"[^>]*action="([^"]+)".*?</form>`)
	submitButton = regexp.MustCompile(`<button[^>]*type="submit"`)
)

func TestNothingIsOfferedToAnAuditorThatIsRefused(t *testing.T) {
	m := newMatrix(t)
	aud := m.auditor(t)

	seen, from := map[string]bool{}, map[string]string{}
	for queue := []string{"/admin"}; len(queue) > 0 && len(seen) < 300; queue = queue[1:] {
		path := queue[0]
		if seen[path] || strings.Contains(path, "export") {
			continue
		}
		seen[path] = true
		a := aud.get(path)
		if a.status == http.StatusForbidden {
			t.Errorf("%s is offered by %s and refused", path, from[path])
		}
		for _, form := range postForm.FindAllStringSubmatch(a.body, -1) {
			if form[1] != "/logout" && submitButton.MatchString(form[0]) {
				t.Errorf("%s offers an act: %s", path, form[1])
			}
		}
		for _, form := range getForm.FindAllStringSubmatch(a.body, -1) {
			if submitButton.MatchString(form[0]) {
				queue = append(queue, html.UnescapeString(form[1]))
			}
		}
		for _, link := range linkAddress.FindAllStringSubmatch(a.body, -1) {
			if to := html.UnescapeString(link[1]); strings.HasPrefix(to, "/admin") {
				queue = append(queue, to)
				from[to] = path
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d pages were seen", len(seen))
	}
}

func TestTheSessionOfAnAuditorEndsAsThatOfAnAdmin(t *testing.T) { // WEB-27
	s := newSite(t)
	aud := s.auditor(t)
	if a := aud.get("/login"); a.header.Get("Location") != "/admin" {
		t.Errorf("an auditor belongs to %s", a.header.Get("Location"))
	}

	s.clock.jump(31 * time.Minute)

	if a := aud.get("/admin"); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/login") {
		t.Errorf("after half an hour: %d", a.status)
	}
}
