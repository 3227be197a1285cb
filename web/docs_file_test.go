package web

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheConfigurationOfTheFoundationsSuiteNamesWhatIsOnThePages: the suite's browser finds fields, buttons and headings by what the files say.
func TestTheConfigurationOfTheFoundationsSuiteNamesWhatIsOnThePages(t *testing.T) {
	t.Parallel()
	type task struct {
		Match    string
		Commands [][]any
	}
	type visit struct {
		Match string
		Tasks []task
	}
	pages := map[string]string{"/login*": "login*", "/consent*": "consent*", "/end_session*": "logout*", "/logout*": "signed_out*", "/authorize*": "error_*"}
	seen := 0
	for _, name := range []string{"certification-oidc.json", "certification-fapi.json"} {
		var config struct {
			Server   struct{ DiscoveryURL string }
			Browser  []visit
			Override map[string]struct{ Browser []visit }
		}
		if err := json.Unmarshal(theDocs().files[name], &config); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		issuer := strings.TrimSuffix(config.Server.DiscoveryURL, "/.well-known/openid-configuration")
		visits := config.Browser
		for _, o := range config.Override {
			visits = append(visits, o.Browser...)
		}
		for _, v := range visits {
			for _, do := range v.Tasks {
				for _, command := range do.Commands {
					shown := pages[strings.TrimPrefix(do.Match, issuer)]
					if shown == "" && strings.HasPrefix(do.Match, "*/test/*/") {
						continue // the suite's own
					}
					seen++
					if !onAPage(t, shown, command) {
						t.Errorf("%s: %v is on no page of %s (%s)", name, command, do.Match, shown)
					}
				}
			}
		}
	}
	if seen < 60 {
		t.Errorf("%d commands", seen)
	}
}

var selector = regexp.MustCompile(`^(?:form\[action='([^']+)'\] )?button\[(type|value)=(\w+)\]$`)

// onAPage tells whether one of the pages of that pattern has what a command of the suite looks for.
func onAPage(t *testing.T, pattern string, command []any) bool {
	t.Helper()
	files, err := filepath.Glob("view/testdata/" + pattern + ".html")
	if err != nil {
		t.Fatal(err)
	}
	word := func(i int) string {
		s, _ := command[i].(string)
		return s
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		page := string(b)
		switch word(0) + " " + word(1) {
		case "text name":
			if strings.Contains(page, ` name="`+word(2)+`"`) {
				return true
			}
		case "click css":
			m := selector.FindStringSubmatch(word(2))
			if m == nil {
				t.Fatalf("a selector of another kind: %s", word(2))
			}
			if strings.Contains(page, ` action="`+m[1]) && regexp.MustCompile(`<button [^>]*`+m[2]+`="`+m[3]+`"`).MatchString(page) {
				return true
			}
		case "wait xpath":
			if strings.Contains(page, word(4)) {
				return true
			}
		}
	}
	return false
}
