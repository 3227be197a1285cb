package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"regrant/app/audit"
	"regrant/web/view"
)

// auditKinds reads from the source which kinds there are, so that none is forgotten.
func auditKinds(t *testing.T) map[audit.Kind]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../app/audit/event.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[audit.Kind]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Kind" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds[audit.Kind(value)] = spec.Names[0].Name
		}
		return true
	})
	if len(kinds) < 40 {
		t.Fatalf("found only %d kinds", len(kinds))
	}
	return kinds
}

func TestEveryKindOfEventHasItsWords(t *testing.T) {
	text := view.TheCatalogue().For("en")
	seen := map[string]audit.Kind{}
	kinds := auditKinds(t)
	for kind, name := range kinds {
		k, ok := kindTexts[kind]
		if !ok {
			t.Errorf("kindTexts lacks audit.%s", name)
			continue
		}
		words := text.T(k.key)
		if words == k.key || strings.TrimSpace(words) == "" {
			t.Errorf("audit.%s: the catalogue lacks %s", name, k.key)
		}
		if other, twice := seen[words]; twice {
			t.Errorf("%s and %s are both called %q", kind, other, words)
		}
		seen[words] = kind
		if _, ok := kindGroup(kind); !ok {
			t.Errorf("audit.%s is in no group of the filter", name)
		}
	}
	for kind := range kindTexts {
		if _, ok := kinds[kind]; !ok {
			t.Errorf("kindTexts has %s, which is no kind", kind)
		}
	}
	for result, key := range resultTexts {
		if key != "" && text.T(key) == key {
			t.Errorf("%s: the catalogue lacks %s", result, key)
		}
	}
}
