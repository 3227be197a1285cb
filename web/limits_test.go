package web_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/web"
)

func bounds(t *testing.T) {
	s := newSite(t)
	const kind = "application/x-www-form-urlencoded"
	for _, path := range []string{"/token", "/par", "/device_authorization", "/device", "/revoke", "/introspect", "/login", "/logout", "/consent", "/login/continue", "/authorize"} {
		for name, c := range map[string]struct {
			kind, body string
			status     int
		}{
			"more than 64 KiB": {kind, "a=" + strings.Repeat("x", 64<<10), http.StatusRequestEntityTooLarge},
			"10 MiB":           {kind, "a=" + strings.Repeat("x", 10<<20), http.StatusRequestEntityTooLarge},
			"text":             {"text/plain", "a=b", http.StatusUnsupportedMediaType},
			"JSON":             {"application/json", "{}", http.StatusUnsupportedMediaType},
			"no kind":          {"", "a=b", http.StatusUnsupportedMediaType},
			"parts":            {"multipart/form-data; boundary=x", "--x--", http.StatusUnsupportedMediaType},
			"Latin-1":          {kind + "; charset=iso-8859-1", "a=b", http.StatusUnsupportedMediaType},
			"bad escape":       {kind, "a=%ZZ", http.StatusBadRequest},
			"NUL":              {kind, "a=%00", http.StatusBadRequest},
			"not UTF-8":        {kind, "a=%C0%AF", http.StatusBadRequest},
			"semicolons":       {kind, "a=b;c=d", http.StatusBadRequest},
		} {
			r, err := http.NewRequest("POST", s.issuer+path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			began := time.Now()
			a, err := s.try(r)
			if err != nil && len(c.body) > 1<<20 {
				continue // the server hung up on whoever kept sending
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", path, name, err)
			}
			if a.status != c.status || time.Since(began) > time.Second {
				t.Errorf("%s, %s: %d after %s", path, name, a.status, time.Since(began))
			}
			json := strings.HasPrefix(a.header.Get("Content-Type"), "application/json")
			if program := path == "/token" || path == "/par" || path == "/device_authorization" || path == "/revoke" || path == "/introspect"; json != program {
				t.Errorf("%s, %s: Content-Type %q", path, name, a.header.Get("Content-Type"))
			}
		}
	}
	if a := s.send("GET", "/authorize?state="+strings.Repeat("x", 33<<10), "", nil); a.status != http.StatusRequestURITooLong {
		t.Errorf("a query of 33 KiB: %d", a.status)
	}
}

func budgets(t *testing.T) {
	s := newSite(t, siteOptions{config: func(c *web.Config) { c.TokenBudget, c.PageBudget = 5, 8 }})
	status := func(path string) (answer, int) { a := s.send("GET", path, "", nil); return a, a.status }
	startOfWindow() // the budget counts by the wall clock

	// One budget for all endpoints for programs.
	for i := range 3 {
		if a := s.refresh("CB", "garbage"); a.status != http.StatusBadRequest {
			t.Fatalf("call %d: %d", i, a.status)
		}
	}
	for i := range 2 {
		if a := s.post("/introspect", "RS", url.Values{"token": {"x"}}); a.status != http.StatusOK {
			t.Fatalf("introspection %d: %d", i, a.status)
		}
	}
	for _, path := range []string{"/introspect", "/revoke", "/userinfo"} {
		if a := s.post(path, "RS", url.Values{"token": {"x"}}); a.status != http.StatusTooManyRequests {
			t.Errorf("the sixth call, at %s: %d", path, a.status)
		}
	}
	a := s.refresh("CB", "garbage")
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 60 {
		t.Errorf("the sixth call: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	if a.header.Get("Content-Type") != "application/json" || a.text(t, "error") != "temporarily_unavailable" {
		t.Errorf("the sixth call: %s", a.body)
	}
	// People are not locked out by a busy program, nor by documents, and have one budget for all pages.
	for i, path := range []string{"/login", "/", "/docs", "/login", "/logout", "/", "/docs", "/login"} {
		if _, code := status(path); code >= http.StatusBadRequest {
			t.Fatalf("page %d, %s: %d", i, path, code)
		}
	}
	for _, path := range []string{"/", "/docs", "/authorize", "/logout"} {
		if _, code := status(path); code != http.StatusTooManyRequests {
			t.Errorf("the ninth page, %s: %d", path, code)
		}
	}
	a, code := status("/login")
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if code != http.StatusTooManyRequests || err != nil || wait < 1 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("the ninth page: %d, Retry-After %q", code, a.header.Get("Retry-After"))
	}
	for _, path := range []string{"/healthz", "/.well-known/jwks.json", "/.well-known/openid-configuration"} {
		if _, code := status(path); code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// startOfWindow waits out the last seconds of a minute, in which a budget would begin anew.
func startOfWindow() {
	if left := time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)); left < 4*time.Second {
		time.Sleep(left)
	}
}

func healthTellsNothing(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if a := s.send("GET", path, "", nil); a.status != http.StatusOK || a.body != want {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
	}
	s.db.Close()
	a := s.send("GET", "/readyz", "", nil)
	for until := time.Now().Add(5 * time.Second); a.status == http.StatusOK && time.Now().Before(until); a = s.send("GET", "/readyz", "", nil) {
		time.Sleep(50 * time.Millisecond) // the answer of a moment ago
	}
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || strings.Contains(a.body, "sql") || strings.Contains(a.body, "/") {
		t.Errorf("/readyz without a database: %d %q", a.status, a.body)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars"} {
		if a := s.send("GET", path, "", nil); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func pendingRequestsBounded(t *testing.T) {
	n, state := 12_000, 6<<10
	if testing.Short() {
		n = 600
	}
	// From many addresses: one alone can hold but few.
	s := newSite(t, siteOptions{config: func(c *web.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }})
	before := databaseSize(t, s)
	var wait sync.WaitGroup
	next := make(chan int)
	failures := make(chan string, n)
	for range 32 {
		wait.Go(func() {
			for i := range next {
				r := get(s.az("CB", url.Values{"state": {fmt.Sprint(i) + strings.Repeat("x", state)}}))
				r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.%d.%d", i%100, i/100%250))
				a, err := s.try(r)
				if err != nil || a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "/login?") {
					failures <- fmt.Sprint(a.status, " ", err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
	close(failures)
	for f := range failures {
		t.Fatalf("a request failed: %s", f)
	}

	growth := databaseSize(t, s) - before
	t.Logf("%d requests of nobody: the database grew by %d KiB", n, growth>>10)
	if growth > 50<<20 {
		t.Errorf("%d requests of nobody: the database grew by %d MiB", n, growth>>20)
	}
	// A newcomer still gets through.
	if u := s.browser().walk(s.az("CB", nil), "U1"); u.Query().Get("code") == "" {
		t.Errorf("after the flood: %s", u)
	}
}

func get(address string) *http.Request {
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		panic("get: " + err.Error())
	}
	return r
}

// databaseSize is that of the database file alone; the WAL has its own bound, proven in package db.
func databaseSize(t *testing.T, s *site) int64 {
	t.Helper()
	info, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	size := info.Size()
	if wal, err := os.Stat(filepath.Join(filepath.Dir(s.path), filepath.Base(s.path)+"-wal")); err == nil {
		t.Logf("WAL %d KiB", wal.Size()>>10)
	}
	return size
}
