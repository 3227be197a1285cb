package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/app/oauth"
)

// panicking is a store that knows no client without a panic.
type panicking struct{ oauth.Store }

func (panicking) Client(context.Context, string) (*oauth.Client, error) {
	panic("the store is broken: rgr1_abcdefghijklmnop")
}

func (panicking) RecentClient(context.Context, string) (*oauth.Client, error) {
	panic("the store is broken: rgr1_abcdefghijklmnop")
}

// panics proves that a mistake of ours is told in the language of who asked, on every kind of route.
func panics(t *testing.T, issuer string) {
	s := newSite(t, siteOptions{issuer: issuer, store: func(store oauth.Store) oauth.Store { return panicking{store} }})

	for _, path := range []string{"/token", "/revoke", "/introspect"} {
		a := s.post(path, "CB", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "token": {"x"}})
		if a.status != http.StatusInternalServerError || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %v", path, a.status, a.header)
		}
		if a.text(t, "error") != "server_error" || strings.Contains(a.body, "broken") || strings.Contains(a.body, "goroutine") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	a := s.do(get(s.az("CB", nil)))
	if a.status != http.StatusInternalServerError || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("page: %d %v", a.status, a.header)
	}
	if !strings.Contains(a.body, "<h1") || strings.Contains(a.body, "broken") || strings.Contains(a.body, "goroutine") {
		t.Errorf("page: %s", a.body)
	}

	line := s.logged(t, "panic")
	if line["level"] != "ERROR" || line["request_id"] == "" || line["stack"] == nil || !strings.Contains(line["err"].(string), "the store is broken") {
		t.Errorf("logged as %v", line)
	}
	if strings.Contains(s.log.String(), "rgr1_abcdefghijklmnop") {
		t.Error("a secret in the words of a panic reaches the log")
	}
	if a := s.send("GET", "/healthz", "", nil); a.status != http.StatusOK {
		t.Errorf("afterwards: %d", a.status)
	}
}
