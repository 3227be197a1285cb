package view

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.html")

var (
	assetHash = regexp.MustCompile(`(/assets/[a-z]+)\.[0-9a-f]{12}\.`)
	blockTag  = regexp.MustCompile(`<(html|head|body|meta|link|title|script|header|main|article|section|aside|footer|nav|form|fieldset|legend|div|p|ul|li|dl|dt|dd|h1|h2|label|input)\b`)
)

func TestPagesAreAsReviewed(t *testing.T) {
	pages := samples(Frame{Text: TheCatalogue().For("en")})
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".html")
			got := readable(render(t, page))
			if strings.Contains(got, "no value") {
				t.Errorf("a message lacks a value:\n%s", got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}

			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("page differs from %s (-want +got; -update accepts):\n%s", file, diff)
			}
		})
	}

	files, err := filepath.Glob("testdata/*.html")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(pages) {
		t.Errorf("testdata has %d pages, samples %d", len(files), len(pages))
	}
}

// readable puts each block on a line of its own, where white space means nothing, and leaves out what changes with
// each stylesheet.
func readable(html string) string {
	return assetHash.ReplaceAllString(blockTag.ReplaceAllString(html, "\n$0"), "$1.HASH.") + "\n"
}

func render(t testing.TB, page templ.Component) string {
	t.Helper()
	var html strings.Builder
	if err := page.Render(t.Context(), &html); err != nil {
		t.Fatal(err)
	}
	return html.String()
}
