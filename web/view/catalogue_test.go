package view

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/BurntSushi/toml"

	"regrant/assets"
)

// pluralForms are the keys under which a message has the forms of CLDR instead of one text.
var pluralForms = []string{"zero", "one", "two", "few", "many", "other"}

// languages returns the names of the message files by their language: "de.toml" and "admin.de.toml" are German.
func languages(t *testing.T) map[string][]string {
	t.Helper()
	files, err := fs.Glob(assets.Text(), "*")
	if err != nil {
		t.Fatal(err)
	}
	byTag := map[string][]string{}
	for _, file := range files {
		parts := strings.Split(file, ".")
		if len(parts) < 2 || parts[len(parts)-1] != "toml" {
			t.Fatalf("%s is no message file", file)
		}
		tag := parts[len(parts)-2]
		byTag[tag] = append(byTag[tag], file)
	}
	return byTag
}

// messages returns the texts of a language by key; plural forms joined, one a line.
func messages(t *testing.T, tag string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, file := range languages(t)[tag] {
		for key, text := range messagesOf(t, file) {
			if _, twice := texts[key]; twice {
				t.Errorf("%s has %q, which another file has too", file, key)
			}
			texts[key] = text
		}
	}
	return texts
}

func messagesOf(t *testing.T, file string) map[string]string {
	t.Helper()
	var tables map[string]any
	if _, err := toml.DecodeFS(assets.Text(), file, &tables); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	var walk func(prefix string, value any)
	walk = func(prefix string, value any) {
		table, ok := value.(map[string]any)
		if !ok {
			texts[prefix] = strings.TrimPrefix(texts[prefix]+"\n"+fmt.Sprint(value), "\n")
			return
		}
		for _, key := range slices.Sorted(maps.Keys(table)) {
			if slices.Contains(pluralForms, key) {
				walk(prefix, table[key])
			} else {
				walk(strings.TrimPrefix(prefix+"."+key, "."), table[key])
			}
		}
	}
	walk("", tables)
	return texts
}

var (
	literal = regexp.MustCompile(`"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)"`)
	asked   = regexp.MustCompile(`(?:\.[TN]\(|rich\([^"\n]*?,\s*)"([^"]+)"`)

	placeholder = regexp.MustCompile(`{{.*?}}`)
)

// sources returns the code of the product that may ask for messages, without what is generated and without tests.
func sources(t *testing.T) map[string]string {
	t.Helper()
	code := map[string]string{}
	for _, dir := range []string{".", "..", "../../cmd/regrant"} {
		for _, pattern := range []string{"*.go", "*.templ"} {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, "_templ.go") {
					continue
				}
				source, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				code[file] = string(source)
			}
		}
	}
	return code
}

func TestEveryMessageThatIsAskedForExists(t *testing.T) {
	texts := messages(t, "en")
	tables := map[string]bool{}
	for key := range texts {
		if table, _, nested := strings.Cut(key, "."); nested {
			tables[table] = true
		}
	}
	seen := 0
	for file, source := range sources(t) {
		for _, m := range asked.FindAllStringSubmatch(source, -1) {
			seen++
			if _, ok := texts[m[1]]; !ok {
				t.Errorf("%s asks for %q, which English lacks", file, m[1])
			}
		}
		// Keys also stand in constants and tables, where nothing marks them but their first word.
		if filepath.Dir(file) != "." {
			continue
		}
		for _, m := range literal.FindAllStringSubmatch(source, -1) {
			table, _, nested := strings.Cut(m[1], ".")
			if _, ok := texts[m[1]]; nested && tables[table] && !ok {
				t.Errorf("%s names %q, which English lacks", file, m[1])
			}
		}
	}
	if seen < 50 {
		t.Errorf("found only %d requests for messages: the pattern misses them", seen)
	}
}

func TestEveryMessageIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, source := range sources(t) {
		for _, m := range literal.FindAllStringSubmatch(source, -1) {
			used[m[1]] = true
		}
	}
	for key := range messages(t, "en") {
		if !used[key] {
			t.Errorf("nothing uses %q", key)
		}
	}
}

func TestEveryLanguageHasTheMessagesOfEnglish(t *testing.T) {
	english := messages(t, "en")
	for tag := range languages(t) {
		texts := messages(t, tag)
		for key, text := range texts {
			for _, name := range placeholder.FindAllString(text, -1) {
				if !strings.Contains(english[key], name) {
					t.Errorf("%s: %q uses %s, which nobody fills in", tag, key, name)
				}
			}
			for _, name := range placeholder.FindAllString(english[key], -1) {
				if !strings.Contains(text, name) {
					t.Errorf("%s: %q leaves out %s", tag, key, name)
				}
			}
			if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "<>\x00") {
				t.Errorf("%s: %q is empty or holds markup: %q", tag, key, text)
			}
		}
		for key := range english {
			if _, ok := texts[key]; !ok {
				t.Errorf("%s lacks %q", tag, key)
			}
		}
	}
}

// sameInGerman are the keys of longer messages that are spelled alike in both languages. There is none yet.
var sameInGerman []string

func TestGermanIsNotLeftInEnglish(t *testing.T) {
	letters := func(text string) (n int) {
		for _, r := range placeholder.ReplaceAllString(text, "") {
			if unicode.IsLetter(r) {
				n++
			}
		}
		return n
	}
	english := messages(t, "en")
	for key, text := range messages(t, "de") {
		forms := strings.Split(english[key], "\n")
		for _, form := range strings.Split(text, "\n") {
			if same := slices.Contains(forms, form) && letters(form) > 20; same != slices.Contains(sameInGerman, key) {
				t.Errorf("%q: the same text in both languages: %v; %q", key, same, form)
			}
		}
	}
}
