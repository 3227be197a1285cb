package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"regrant/assets"
)

// TestNginxAsksBeforeEachRequest is Debian's nginx with the configuration of the guide, before an application that knows nothing of OAuth.
func TestNginxAsksBeforeEachRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("nginx is not watched by the race detector")
	}
	t.Parallel()
	nginx, err := exec.LookPath("nginx")
	if err != nil { // Debian has it where only root looks
		nginx, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("nginx is not installed, and CI=true")
		}
		t.Skip("nginx is not installed")
	}
	s := newRealServer(t, "--trusted-proxy", "127.0.0.1")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %q %q %q %q %s", r.Method, r.RequestURI, r.Header["Remote-User"], r.Header["Remote-Email"], r.Header["Remote-Name"], r.Header["Remote-Groups"], body)
	}))
	defer upstream.Close()
	listen := freeAddress(t)
	origin := "http://" + listen
	id, _ := s.client(origin+"/.regrant/callback", "--trusted", "--no-rotation", "--scope", "openid profile email groups")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: asksForPages{}}
	stop := startNginx(t, nginx, listen, strings.TrimPrefix(s.issuer, "http://"), strings.TrimPrefix(upstream.URL, "http://"))
	defer stop()
	send := func(method, path string, headers ...string) (at *url.URL, status int, page string) {
		t.Helper()
		r, err := http.NewRequest(method, origin+path, strings.NewReader(""))
		if method == http.MethodPost {
			r, err = http.NewRequest(method, origin+path, strings.NewReader("what was written"))
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups", "X-Forwarded-Host", "X-Forwarded-Uri"} {
			r.Header.Set(name, "smuggled")
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		response, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.Request.URL, response.StatusCode, string(body)
	}
	var alice struct{ Sub string }
	if err := json.Unmarshal(s.regrant("", "user", "show", "alice@example.com", "--json"), &alice); err != nil || alice.Sub == "" {
		t.Fatal(err)
	}
	// told is what the application hears: nothing of what was smuggled, and no header where there is nothing to say.
	told := func(rest string) string {
		return fmt.Sprintf(`["%s"] ["alice@example.com"] ["Alice Archer"] [] %s`, alice.Sub, rest)
	}

	at, _, page := send("GET", "/page?a=b%20c&d=//x")
	if !strings.HasPrefix(at.String(), s.issuer) {
		t.Fatalf("nobody is asked to sign in: %s %s", at, page)
	}
	response, err := fill(browser, at, page, "alice@example.com", realPassword)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if want := "GET /page?a=b%20c&d=//x " + told(""); err != nil || string(body) != want || response.Request.URL.String() != origin+"/page?a=b%20c&d=//x" {
		t.Fatalf("%s: %d %s, want %s", response.Request.URL, response.StatusCode, body, want)
	}
	if _, status, page := send("POST", "/form"); status != http.StatusOK || page != "POST /form "+told("what was written") {
		t.Errorf("a form: %d %s", status, page)
	}
	if at, _, page := send("GET", "/.regrant/"); at.Path != "/" || page != "GET / "+told("") {
		t.Errorf("who is signed in and asks the proxy's own path is at %s: %s", at, page)
	}
	if _, status, _ := send("GET", "/.regrant/ask"); status != http.StatusNotFound {
		t.Errorf("what is between the two can be asked for from outside: %d", status)
	}

	s.regrant("", "grant", "revoke", "--client", id)
	for method, headers := range map[string][]string{"GET": {"Sec-Fetch-Mode", "cors"}, "POST": {"Sec-Fetch-Mode", "navigate"}} {
		if at, status, page := send(method, "/", headers...); status != http.StatusUnauthorized || at.String() != origin+"/" || strings.Contains(page, "alice") {
			t.Errorf("%s after the end of the sign-in: %d at %s: %s", method, status, at, page)
		}
	}
	if at, status, page := send("GET", "/"); status != http.StatusOK || at.String() != origin+"/" || page != "GET / "+told("") {
		t.Errorf("who is still signed in here: %d at %s: %s", status, at, page)
	}
	if at, status, _ := send("GET", "/.regrant/sign-out"); status != http.StatusOK || at.Path != "/end_session" {
		t.Errorf("signing out leads to %d %s", status, at)
	}
	if _, status, _ := send("GET", "/", "Sec-Fetch-Mode", "cors"); status != http.StatusUnauthorized {
		t.Errorf("after the sign-out: %d", status)
	}
	s.regrant("", "client", "update", id, "--rotation")
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, status, page := send("GET", "/"); status == http.StatusForbidden && strings.Contains(page, "--no-rotation") {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the proxy's visitors don't see what is wrong: %d %s", status, page)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// startNginx starts nginx with the configuration of the guide, but for addresses and TLS, and waits until it answers.
func startNginx(t *testing.T, nginx, listen, regrant, upstream string) (stop func()) {
	t.Helper()
	guide, err := fs.ReadFile(assets.Docs(), "55-forward-auth.md")
	if err != nil {
		t.Fatal(err)
	}
	_, config, _ := strings.Cut(string(guide), "\n## nginx\n\n```\n")
	config, _, _ = strings.Cut(config, "```")
	for _, change := range [][2]string{
		{"    listen 443 ssl;\n", "    listen " + listen + ";\n"},
		{"    ssl_certificate     /etc/ssl/wiki.example.com.pem;\n", ""},
		{"    ssl_certificate_key /etc/ssl/wiki.example.com.key;\n", ""},
		{"X-Forwarded-Proto https;", "X-Forwarded-Proto http;"},
		{"X-Forwarded-Host wiki.example.com;", "X-Forwarded-Host " + listen + ";"},
		{"http://127.0.0.1:8080", "http://" + regrant},
		{"http://127.0.0.1:3000", "http://" + upstream},
	} {
		if !strings.Contains(config, change[0]) {
			t.Fatalf("the guide's configuration does not have %q: %s", change[0], config)
		}
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	dir := t.TempDir()
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // who may write where the test does
	}
	main := user + strings.ReplaceAll(`daemon off;
worker_processes 1;
pid DIR/nginx.pid;
error_log DIR/error.log;
events {}
http {
access_log off;
client_body_temp_path DIR/body;
proxy_temp_path DIR/proxy;
fastcgi_temp_path DIR/fastcgi;
uwsgi_temp_path DIR/uwsgi;
scgi_temp_path DIR/scgi;
`, "DIR", dir) + config + "}\n"
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-e", filepath.Join(dir, "error.log"), "-p", dir, "-c", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if log, err := os.ReadFile(filepath.Join(dir, "error.log")); t.Failed() && err == nil {
			t.Logf("%s", log)
		}
	}
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get("http://" + listen + "/.regrant/ask")
		if err == nil {
			response.Body.Close()
			return stop
		}
		select {
		case <-ended:
			stop()
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Fatalf("nginx does not start: %s", log)
		default:
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatal("nginx does not answer")
		}
	}
}
