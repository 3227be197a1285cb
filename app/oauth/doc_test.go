package oauth_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	citation  = regexp.MustCompile(`(RFC \d+|OpenID Connect (?:[A-Z][a-z]+|RP-Initiated Logout|Back-Channel Logout)|OAuth 2\.1|Client ID Metadata Document) (§\d+(?:\.\d+)*|Appendix [A-Z](?:\.\d+)*)`)
	indexLine = regexp.MustCompile(`^\t(\S.*?) {2,}(\S+\.go(?:, \S+\.go)*)$`)
	spaces    = regexp.MustCompile(`\s+`)
)

// TestIndexAndCitationsAreEqual keeps the index of doc.go true: each section that a comment of this package cites stands
// there with the files that do, and nothing else does.
func TestIndexAndCitationsAreEqual(t *testing.T) {
	cited, index := map[string][]string{}, map[string][]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if name == "doc.go" {
			index = readIndex(t, file)
			continue
		}
		for _, group := range file.Comments {
			text := spaces.ReplaceAllString(group.Text(), " ")
			for _, m := range citation.FindAllStringSubmatch(text, -1) {
				if section := m[1] + " " + m[2]; !slices.Contains(cited[section], name) {
					cited[section] = append(cited[section], name)
				}
			}
			if rest := citation.ReplaceAllString(text, ""); strings.Contains(rest, "§") {
				t.Errorf("%s: a section is cited without its document, write it as RFC 9700 §4.14: %s", name, text)
			}
		}
	}
	for section, names := range cited {
		if !slices.Equal(index[section], names) {
			t.Errorf("doc.go should say:\n//\t%-36s %s", section, strings.Join(names, ", "))
		}
	}
	for section := range index {
		if cited[section] == nil {
			t.Errorf("doc.go lists %s, which nothing cites", section)
		}
	}
	if len(cited) < 40 {
		t.Errorf("only %d sections are cited: does the test still read the comments?", len(cited))
	}
}

// readIndex reads the lines of the index and wants them in order.
func readIndex(t *testing.T, file *ast.File) map[string][]string {
	t.Helper()
	index, last := map[string][]string{}, ""
	for line := range strings.SplitSeq(file.Doc.Text(), "\n") {
		m := indexLine.FindStringSubmatch(line)
		if m == nil {
			if strings.Contains(line, "§") {
				t.Errorf("doc.go: not a line of the index: %q", line)
			}
			continue
		}
		if index[m[1]] != nil {
			t.Errorf("doc.go lists %s twice", m[1])
		}
		if key := sectionKey(m[1]); key < last {
			t.Errorf("doc.go: %s is out of order", m[1])
		} else {
			last = key
		}
		index[m[1]] = strings.Split(m[2], ", ")
	}
	if len(index) == 0 {
		t.Error("doc.go has no index")
	}
	return index
}

var number = regexp.MustCompile(`\d+`)

// sectionKey makes sections sort by their numbers.
func sectionKey(section string) string {
	return number.ReplaceAllStringFunc(section, func(n string) string { return strings.Repeat("0", 6-len(n)) + n })
}
