package view

import (
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// tokens goes through the elements and texts of a page as a browser would see them.
func tokens(t *testing.T, page string) iter.Seq[html.Token] {
	return func(yield func(html.Token) bool) {
		z := html.NewTokenizer(strings.NewReader(page))
		for {
			if z.Next() == html.ErrorToken {
				if z.Err() != io.EOF {
					t.Error(z.Err())
				}
				return
			}
			if !yield(z.Token()) {
				return
			}
		}
	}
}

func TestWEB_10_NothingInAPageIsInlineOrForeign(t *testing.T) {
	for name, page := range samples(Frame{Text: TheCatalogue().For("en"), Base: "/t1"}) {
		var inScript bool
		for token := range tokens(t, render(t, page)) {
			if token.Type == html.TextToken {
				if inScript && strings.TrimSpace(token.Data) != "" {
					t.Errorf("%s: inline script %q", name, token.Data)
				}
				continue
			}
			inScript = token.Type == html.StartTagToken && token.Data == "script"
			if token.Data == "style" || token.Data == "base" {
				t.Errorf("%s: element %s", name, token.Data)
			}
			for _, a := range token.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "http-equiv" {
					t.Errorf("%s: %s has %s=%q", name, token.Data, a.Key, a.Val)
				}
				loads := a.Key == "src" || a.Key == "href" && token.Data == "link" || a.Key == "action" || a.Key == "formaction"
				toClient := name == "form_post" && token.Data == "form" // under a policy that names where it goes
				if loads && !toClient && !strings.HasPrefix(a.Val, "/t1/") {
					t.Errorf("%s: %s %s=%q is not below the issuer's path", name, token.Data, a.Key, a.Val)
				}
			}
		}
	}
}

// inline matches what templ would render inline, or unescaped.
var inline = regexp.MustCompile(`\sstyle=|\son[a-z]+=|templ\.(Raw|JSFuncCall|JSUnsafeFuncCall|SafeURL|SafeCSS|JSONScript)|<style|<script>|(?m)^(css|script) `)

func TestWEB_10_NoTemplateHoldsInlineCode(t *testing.T) {
	files, err := filepath.Glob("*.templ")
	if err != nil || len(files) == 0 {
		t.Fatal("no templates", err)
	}
	for _, file := range files {
		if file == "mail.templ" {
			continue // no page: see there, and TestAMailLoadsNothing
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range inline.FindAllString(string(source), -1) {
			t.Errorf("%s: %q", file, found)
		}
	}
}
