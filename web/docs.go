package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"regrant/assets"
	"regrant/web/view"
)

// docs are the pages of the documentation, rendered once at the start.
type docs struct {
	pages []docsPage
	files map[string][]byte // to take away, by name
}

type docsPage struct {
	title, name string
	headings    []view.DocsHeading
	content     templ.Component
}

// theDocs are rendered at the first call. What is embedded can be read; a test sees that it is whole.
var theDocs = sync.OnceValue(func() *docs {
	d, err := loadDocs()
	if err != nil {
		panic("web.theDocs: " + err.Error()) // unreachable: the pages are embedded
	}
	return d
})

// loadDocs renders every page. Markdown is ours and embedded; raw HTML in it is left out all the same.
func loadDocs() (*docs, error) {
	files := assets.Docs()
	names, err := fs.Glob(files, "*.md")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no documentation embedded: %w", err)
	}
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	d := &docs{files: map[string][]byte{}}
	for name := range docsFiles {
		if d.files[name], err = fs.ReadFile(files, name); err != nil {
			return nil, err
		}
	}
	for _, file := range names {
		source, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		_, name, _ := strings.Cut(strings.TrimSuffix(file, ".md"), "-")
		page := docsPage{name: name}
		tree := markdown.Parser().Parse(text.NewReader(source))
		for node := tree.FirstChild(); node != nil; node = node.NextSibling() {
			heading, ok := node.(*ast.Heading)
			if !ok {
				continue
			}
			words := headingText(heading, source)
			if heading.Level == 1 && page.title == "" {
				page.title = words
			}
			if id, ok := heading.AttributeString("id"); ok && heading.Level == 2 {
				if b, ok := id.([]byte); ok {
					page.headings = append(page.headings, view.DocsHeading{Title: words, ID: string(b)})
				}
			}
		}
		var html bytes.Buffer
		if err := markdown.Renderer().Render(&html, source, tree); err != nil {
			return nil, fmt.Errorf("render %s: %w", file, err)
		}
		page.content = templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
			_, err := w.Write(html.Bytes())
			return err
		})
		d.pages = append(d.pages, page)
	}
	return d, nil
}

// docsFiles are what the documentation offers to take away, and of what kind each is.
var docsFiles = map[string]string{
	"grafana-dashboard.json":  "application/json",
	"alerts.yml":              "application/yaml",
	"certification-oidc.json": "application/json",
	"certification-fapi.json": "application/json",
}

func headingText(heading ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(heading, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // our own function never fails
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// docsHome sends to the first page.
func (s *Server) docsHome(w http.ResponseWriter, _ *http.Request) {
	s.redirect(w, s.base+"/docs/"+theDocs().pages[0].name)
}

// docsPage shows a page of the documentation, or gives a file of it.
func (s *Server) docsPage(w http.ResponseWriter, r *http.Request) {
	if file, ok := theDocs().files[r.PathValue("name")]; ok {
		h := w.Header()
		h.Set("Content-Type", docsFiles[r.PathValue("name")])
		h.Set("Content-Disposition", `attachment; filename="`+r.PathValue("name")+`"`)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Length", strconv.Itoa(len(file)))
		w.Write(file)
		return
	}
	var links []view.DocsLink
	var current *docsPage
	for i := range theDocs().pages {
		page := &theDocs().pages[i]
		if page.name == r.PathValue("name") {
			current = page
		}
		links = append(links, view.DocsLink{Title: page.title, Path: "/docs/" + page.name, Current: page == current})
	}
	if current == nil {
		s.notFound(w, r)
		return
	}
	s.showPage(w, r, http.StatusOK, false, view.Docs{Frame: s.frame(r), Title: current.title, Pages: links, Headings: current.headings, Content: current.content})
}
