package outbound

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCI02_ADocumentIsAnAnswerOf200WithJSONWithinItsSize(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(bytes.Repeat([]byte(" "), 1<<20))
	z.Close()
	s := newSite(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/text":
			w.Header().Set("Content-Type", "text/plain")
		case "/kind":
			w.Header().Set("Content-Type", "application/oauth-client+json; charset=utf-8")
		case "/none":
			w.Header()["Content-Type"] = nil
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
			return
		case "/moved":
			http.Redirect(w, r, "/", http.StatusMovedPermanently)
			return
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/partial":
			w.WriteHeader(http.StatusNonAuthoritativeInfo)
		case "/busy":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/broken":
			w.WriteHeader(http.StatusBadGateway)
		case "/large":
			w.Write([]byte(strings.Repeat(" ", 100)))
		}
		w.Write([]byte("{}"))
	})
	c := New(Options{Allow: allowed(t, "127.0.0.1"), Roots: s.roots()})

	for path, want := range map[string]error{
		"/": nil, "/kind": nil, "/text": ErrNoDocument, "/none": ErrNoDocument, "/gzip": ErrNoDocument, "/moved": ErrNoDocument, "/gone": ErrNoDocument, "/partial": ErrNoDocument,
		"/large": ErrTooLarge, "/busy": errPasses, "/broken": errPasses,
	} {
		d, err := c.Document(t.Context(), s.URL+path, 99+int64(bomb.Len())*btoi(path == "/gzip"))
		switch {
		case want == nil && (err != nil || string(d.Body) != "{}" || d.Fresh >= 0):
			t.Errorf("%s: %+v, %v", path, d, err)
		case want == errPasses && (err == nil || errors.Is(err, ErrNoDocument) || errors.Is(err, ErrRefused)):
			t.Errorf("%s: %+v, %v: not what may pass", path, d, err)
		case want != nil && want != errPasses && !errors.Is(err, want):
			t.Errorf("%s: %+v, %v, want %v", path, d, err, want)
		}
	}
	if n := s.hits.Load(); n != 11 {
		t.Errorf("%d calls for 11 documents", n)
	}
}

var errPasses = errors.New("passes")

func btoi(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func TestCI07_FreshnessIsWhatTheHeaderSaysLessItsAge(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		header map[string]string
		want   time.Duration
	}{
		{nil, -1},
		{map[string]string{"Cache-Control": "public, max-age=3600"}, time.Hour},
		{map[string]string{"Cache-Control": `MAX-AGE="60", s-maxage=9999`}, time.Minute},
		{map[string]string{"Cache-Control": "max-age=60, max-age=7200"}, time.Minute},
		{map[string]string{"Cache-Control": "max-age=3600", "Age": "600"}, 50 * time.Minute},
		{map[string]string{"Cache-Control": "max-age=3600", "Age": "7200"}, 0},
		{map[string]string{"Cache-Control": "max-age=3600", "Expires": at(-time.Hour)}, time.Hour},
		{map[string]string{"Cache-Control": "max-age=3600, no-store"}, 0},
		{map[string]string{"Cache-Control": "no-cache"}, 0},
		{map[string]string{"Cache-Control": "max-age=-1"}, 0},
		{map[string]string{"Cache-Control": "max-age=soon"}, 0},
		{map[string]string{"Cache-Control": "max-age=99999999999999999999999"}, 10 * 365 * 24 * time.Hour},
		{map[string]string{"Cache-Control": "private"}, -1},
		{map[string]string{"Expires": at(2 * time.Hour)}, 2 * time.Hour},
		{map[string]string{"Expires": at(2 * time.Hour), "Date": at(time.Hour)}, time.Hour},
		{map[string]string{"Expires": at(2 * time.Hour), "Age": "60"}, 2*time.Hour - time.Minute},
		{map[string]string{"Expires": at(-time.Hour)}, 0},
		{map[string]string{"Expires": "0"}, 0},
	} {
		h := http.Header{}
		for name, value := range c.header {
			h.Set(name, value)
		}
		if got := fresh(h, now); got != c.want {
			t.Errorf("%v: %v, want %v", c.header, got, c.want)
		}
	}
}
