package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestASinglePageAppStaysSignedIn is oidc-client-ts in a browser, on an origin of its own (CORS).
func TestASinglePageAppStaysSignedIn(t *testing.T) {
	b := newDemoTab(t)
	needNode(t)
	s := newRealServer(t)
	page, err := os.ReadFile("testdata/node/spa.html")
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(text))
	})
	mux.HandleFunc("GET /oidc-client-ts.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "testdata/node/node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js")
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	origin := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	id, _ := s.client(origin+"/callback", "--auth-method", "none", "--post-logout-redirect-uri", origin+"/signed-out")
	text = strings.NewReplacer("ISSUER", s.issuer, "CLIENT", id).Replace(string(page))

	b.open(origin + "/")
	b.fill("#email", "alice@example.com")
	b.fill("#password", realPassword)
	b.click(`form[action$="/login"] button[type=submit]`)
	b.click(`button[name=decision][value=allow]`)
	b.says("alice@example.com 11 from the start")

	b.open(origin + "/sign-out")
	b.says("signed out bye null")
	b.open(origin + "/")
	b.reach("#password") // the session ended with it
}

// says waits for what the page of the app tells.
func (b *demoTab) says(want string) {
	b.t.Helper()
	b.until(func() bool {
		said := b.glance(`document.getElementById("result")?.textContent`)
		if strings.HasPrefix(said, "failed: ") {
			b.t.Fatal(said)
		}
		return said == want
	}, want)
}
