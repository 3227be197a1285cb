// Package assets holds what a browser loads besides pages: the stylesheet, the scripts, the typeface and the mark, and
// beside them the texts of the message catalogue. Everything is embedded; nothing is built and nothing is fetched.
//
// A file is asked for by its name ([Path]) and served under a name that contains a hash of its content ([Handler]), so
// that browsers may keep it for ever and a new binary is seen at once.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"strings"
	"sync"
)

//go:embed css js font icon licence text
var embedded embed.FS

// Text returns the message catalogue: TOML files named by their language tag, some with their subject before it (en.toml,
// admin.en.toml).
func Text() fs.FS {
	texts, err := fs.Sub(embedded, "text")
	if err != nil {
		panic("assets.Text: " + err.Error()) // unreachable: the folder is embedded
	}
	return texts
}

// Path returns the address of the asset called name, as "/assets/app.3f2a91c07b5e.css" for "app.css". The address is
// relative to the issuer's path. It panics for an unknown name, which is a programmer's mistake.
func Path(name string) string {
	a, ok := all().byName[name]
	if !ok {
		panic("assets.Path: no asset called " + name)
	}
	return Prefix + a.served
}

// asset is one file as it is served.
type asset struct {
	served      string // name with hash
	contentType string
	etag        string
	body        []byte
	gzipped     func() []byte // made when it is first asked for; nil where compressing does not pay
}

type set struct {
	byName   map[string]*asset
	byServed map[string]*asset
}

// all assembles the assets once, at first use.
var all = sync.OnceValue(func() set {
	s := set{byName: map[string]*asset{}, byServed: map[string]*asset{}}
	s.add("inter.woff2", "font/woff2", read("font/inter.woff2"))
	s.add("mark.svg", "image/svg+xml", read("icon/mark.svg"))
	s.add("theme.js", "text/javascript; charset=utf-8", read("js/theme.js"))
	s.add("app.js", "text/javascript; charset=utf-8", script(scripts))
	s.add("adminpage.js", "text/javascript; charset=utf-8", script(adminScripts))
	s.add("adminpage.css", "text/css; charset=utf-8", further(adminSheets))
	s.add("app.css", "text/css; charset=utf-8", stylesheet(s.byName["inter.woff2"].served))
	s.add("demopage.js", "text/javascript; charset=utf-8", read("js/demo.js"))
	s.add("demopage.css", "text/css; charset=utf-8", further(demoSheets))
	s.add("licences.txt", "text/plain; charset=utf-8", licences())
	return s
})

func (s set) add(name, contentType string, body []byte) {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:6])
	ext := path.Ext(name)
	a := &asset{
		served:      strings.TrimSuffix(name, ext) + "." + hash + ext,
		contentType: contentType,
		etag:        `"` + hash + `"`,
		body:        body,
	}
	if ext != ".woff2" {
		a.gzipped = sync.OnceValue(func() []byte { return compress(body) })
	}
	s.byName[name], s.byServed[a.served] = a, a
}

func compress(body []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(body) // a bytes.Buffer takes all
	_ = w.Close()
	return out.Bytes()
}

func read(name string) []byte {
	body, err := embedded.ReadFile(name)
	if err != nil {
		panic("assets: " + err.Error()) // unreachable: the file is embedded
	}
	return body
}
