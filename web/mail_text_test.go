package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"regrant/app/mail"
	"regrant/web/view"
)

func TestEveryMailHasItsWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../app/mail/message.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Kind" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		_, has := mailTexts[mail.Kind(value)]
		if asked := strings.HasPrefix(value, "asked_"); has == asked {
			t.Errorf("mail.%s: words %v, though it is asked for: %v", spec.Names[0].Name, has, asked)
		}
		kinds++
		return true
	})
	if kinds < 20 || kinds != len(mailTexts)+3 {
		t.Errorf("%d kinds, words for %d", kinds, len(mailTexts))
	}
	text := view.TheCatalogue().For("en")
	for kind, keys := range mailTexts {
		for _, key := range append([]string{keys.subject, keys.title, keys.lead}, keys.rest...) {
			if text.T(key) == key {
				t.Errorf("%s: the catalogue lacks %s", kind, key)
			}
		}
	}
}
