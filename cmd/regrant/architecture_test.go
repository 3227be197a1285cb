package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// root is the top of the repository.
const root = "../.."

// imports is the architecture: which package of this module may import which. A package that is not named here is not
// part of it.
var imports = map[string][]string{
	"app/audit":          {},
	"app/account/zxcvbn": {}, // a library's package, changed in one thing
	"app/meter":          {},
	"app/oauth":          {"app/audit", "app/meter"},
	"app/account":        {"app/audit", "app/account/zxcvbn"},
	"app/settings":       {"app/audit", "app/oauth"},
	"app/mail":           {"app/audit", "app/account"},
	"app/backup":         {},
	"app/delivery":       {"app/audit"},
	"db":                 {"app/oauth", "app/account", "app/settings", "app/mail", "app/backup", "app/delivery", "app/audit", "app/meter", "db/queries"},
	"db/queries":         {}, // generated
	"db/faultdisk":       {}, // of tests
	"web":                {"app/oauth", "app/account", "app/settings", "app/mail", "app/backup", "app/delivery", "app/audit", "app/meter", "web/view", "assets"},
	"web/view":           {"assets"},
	"web/outbound":       {},
	"assets":             {},
	"cmd/regrant":        {"app/oauth", "app/account", "app/settings", "app/mail", "app/backup", "app/delivery", "app/audit", "app/meter", "db", "web", "web/view", "web/outbound", "assets"},
}

// foreign is what parts of the tree may not import from elsewhere: the rules know neither HTTP nor SQL, the pages no rules,
// and only db knows the database.
var foreign = map[string][]string{
	"app": {"net/http", "html/template", "database/sql", "modernc.org/sqlite", "log/slog"},
	"web": {"database/sql", "modernc.org/sqlite"},
	"db":  {"net/http", "log/slog"},
}

func TestImportsFollowTheArchitecture(t *testing.T) {
	packages := map[string]bool{}
	eachFile(t, func(name string, file *ast.File) {
		dir := path.Dir(name)
		packages[dir] = true
		allowed, known := imports[dir]
		if !known {
			t.Errorf("%s: the package %s has no place in the architecture", name, dir)
			return
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if own, ok := strings.CutPrefix(imported, "regrant/"); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s; %s may import %v", name, own, dir, allowed)
			}
			top, _, _ := strings.Cut(dir, "/")
			for _, forbidden := range foreign[top] {
				if imported == forbidden || strings.HasPrefix(imported, forbidden+"/") {
					t.Errorf("%s imports %s, which %s must not know", name, imported, top)
				}
			}
		}
	})
	for dir := range imports {
		if !packages[dir] {
			t.Errorf("the architecture names %s, which is not there", dir)
		}
	}
}

func TestNothingRunsBeforeMain(t *testing.T) {
	eachFile(t, func(name string, file *ast.File) {
		if ast.IsGenerated(file) {
			return
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function", name)
			}
		}
	})
}

// eachFile gives every file of the module that is not a test, by its name below the root.
func eachFile(t *testing.T, visit func(name string, file *ast.File)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" || base == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if file.Name.Name == "main" && slices.ContainsFunc(file.Comments, ignored) {
			return nil // a generator, run by go generate
		}
		below, err := filepath.Rel(root, name)
		files++
		visit(filepath.ToSlash(below), file)
		return err
	})
	if err != nil || files < 50 {
		t.Fatalf("%d files, %v", files, err)
	}
}

func ignored(group *ast.CommentGroup) bool {
	return slices.ContainsFunc(group.List, func(c *ast.Comment) bool { return c.Text == "//go:build ignore" })
}

func TestTopOfTheRepository(t *testing.T) {
	expected := []string{"LICENSE", "Makefile", "README.md", "app", "assets", "cmd", "db", "go.mod", "go.sum", "web"}
	ignore, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		name := entry.Name()
		local := slices.ContainsFunc(strings.Fields(string(ignore)), func(pattern string) bool {
			matched, _ := path.Match(strings.Trim(pattern, "/"), name)
			return matched
		})
		if !local && !strings.HasPrefix(name, ".") {
			found = append(found, name)
		}
	}
	if !slices.Equal(found, expected) {
		t.Errorf("the top of the repository holds %v, want %v", found, expected)
	}
}

// TestLibcIsTheOneOfSQLite: modernc.org/sqlite is tested with exactly one version of modernc.org/libc, and another one has
// broken it before.
func TestLibcIsTheOneOfSQLite(t *testing.T) {
	list := exec.Command("go", "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := required(t, strings.TrimSpace(string(out)), "modernc.org/libc")
	if got := required(t, filepath.Join(root, "go.mod"), "modernc.org/libc"); got != want {
		t.Errorf("go.mod requires modernc.org/libc %s, modernc.org/sqlite is made for %s", got, want)
	}
}

// required gives the version of a module that a go.mod names.
func required(t *testing.T, file, module string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.ParseLax(file, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if r.Mod.Path == module {
			return r.Mod.Version
		}
	}
	t.Fatalf("%s does not require %s", file, module)
	return ""
}
