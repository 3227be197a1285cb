package assets

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func get(target string, header ...string) *http.Response {
	r := httptest.NewRequest("GET", "http://id.example/", nil)
	r.URL.Path = target
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAssetsAreServedByHashForEver(t *testing.T) {
	hashed := regexp.MustCompile(`^/assets/[a-z]+\.[0-9a-f]{12}\.[a-z0-9]+$`)
	for name, contentType := range map[string]string{
		"app.css":      "text/css; charset=utf-8",
		"app.js":       "text/javascript; charset=utf-8",
		"theme.js":     "text/javascript; charset=utf-8",
		"demopage.css": "text/css; charset=utf-8",
		"demopage.js":  "text/javascript; charset=utf-8",
		"inter.woff2":  "font/woff2",
		"mark.svg":     "image/svg+xml",
		"licences.txt": "text/plain; charset=utf-8",
	} {
		address := Path(name)
		if !hashed.MatchString(address) {
			t.Errorf("Path(%q) = %q", name, address)
		}

		res := get(address)

		if res.StatusCode != 200 || res.Header.Get("Content-Type") != contentType {
			t.Errorf("%s: %d, %q", name, res.StatusCode, res.Header.Get("Content-Type"))
		}
		if got := res.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
		if !bytes.Equal(body(t, res), all().byName[name].body) {
			t.Errorf("%s: other bytes than embedded", name)
		}
		if res := get(address, "If-None-Match", res.Header.Get("ETag")); res.StatusCode != 304 || len(body(t, res)) != 0 {
			t.Errorf("%s: asked again by its ETag: %d", name, res.StatusCode)
		}
	}
}

func TestAssetsAreCompressedForThoseWhoAcceptIt(t *testing.T) {
	for accept, want := range map[string]string{
		"gzip, deflate, br": "gzip", "br;q=1, GZIP;q=0.5": "gzip",
		"": "", "br": "", "gzip;q=0": "", "gzip; q=0.000": "",
	} {
		res := get(Path("app.css"), "Accept-Encoding", accept)

		if got := res.Header.Get("Content-Encoding"); got != want || res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q, Vary %q", accept, got, res.Header.Get("Vary"))
		}
	}

	res := get(Path("app.css"), "Accept-Encoding", "gzip")
	unzip, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(unzip)
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(plain, all().byName["app.css"].body) {
		t.Error("the compressed stylesheet is another one")
	}
	if res.Header.Get("ETag") == get(Path("app.css")).Header.Get("ETag") {
		t.Error("two encodings share a validator")
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for _, target := range []string{
		"/assets/", "/assets", "/", "/assets/app.css", "/assets/app.000000000000.css", "/assets/text/en.toml", "/assets/en.toml",
		"/assets/../assets.go", Path("app.css") + "/", Path("app.css") + "\x00", "/x" + Path("app.css"),
	} {
		if res := get(target); res.StatusCode != 404 || res.Header.Get("Cache-Control") != "" {
			t.Errorf("%q: %d, %q", target, res.StatusCode, res.Header.Get("Cache-Control"))
		}
	}

	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest("POST", Path("app.css"), nil))

	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestEveryStylesheetAndScriptIsBundled(t *testing.T) {
	for pattern, bundled := range map[string][]string{
		"css/*.css": append(slices.Concat(sheets, demoSheets, adminSheets), "layers", "oat"),
		"js/*.js":   append(slices.Concat(scripts, adminScripts), "theme", "demo"),
	} {
		files, err := fs.Glob(embedded, pattern)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, file := range files {
			names = append(names, strings.TrimSuffix(path.Base(file), path.Ext(file)))
		}
		slices.Sort(names)
		slices.Sort(bundled)
		if !slices.Equal(names, bundled) {
			t.Errorf("%s: files %v, bundled %v", pattern, names, bundled)
		}
	}
}

func TestTheStylesheetLoadsOnlyWhatIsServed(t *testing.T) {
	css := string(all().byName["app.css"].body)
	if strings.Contains(css, "@import") {
		t.Error("@import in the stylesheet")
	}
	addresses := regexp.MustCompile(`url\(["']?([^"')]+)`).FindAllStringSubmatch(css, -1)
	fonts := 0
	for _, m := range addresses {
		if strings.HasPrefix(m[1], "data:image/svg+xml,") {
			continue
		}
		fonts++
		if res := get(Prefix + m[1]); res.StatusCode != 200 {
			t.Errorf("%s: %d", m[1], res.StatusCode)
		}
	}
	if fonts != 1 {
		t.Errorf("%d fonts, want 1", fonts)
	}
}

func TestEveryRuleIsInALayer(t *testing.T) {
	for _, name := range slices.Concat(sheets, demoSheets, adminSheets) {
		if name == "font" {
			continue // @font-face takes no part in the cascade
		}
		depth := 0
		for line := range strings.Lines(regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(string(read("css/"+name+".css")), "")) {
			if depth == 0 && strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "@layer ") {
				t.Errorf("%s.css: outside of a layer: %q", name, line)
			}
			depth += strings.Count(line, "{") - strings.Count(line, "}")
		}
		if depth != 0 {
			t.Errorf("%s.css: braces do not match", name)
		}
	}
}
