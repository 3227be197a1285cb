package assets

import (
	"embed"
	"io/fs"
)

//go:embed docs/*.md docs/*.json docs/*.yml
var docs embed.FS

// Docs holds the pages of the documentation as Markdown, one file a page, in the order of their names: 10-start.md is
// served as /docs/start. Beside them are the files that it offers to take away, which are served under their names.
func Docs() fs.FS {
	sub, err := fs.Sub(docs, "docs")
	if err != nil {
		panic("assets.Docs: " + err.Error()) // unreachable: the folder is embedded
	}
	return sub
}
