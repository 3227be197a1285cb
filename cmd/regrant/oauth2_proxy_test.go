package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// oauth2Proxy is the module of the real program.
const oauth2Proxy = "github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.3"

// oauth2ProxyBinary gives the real program: that of REGRANT_OAUTH2_PROXY, or one that is built where the full figures are asked for.
func oauth2ProxyBinary(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("REGRANT_OAUTH2_PROXY"); name != "" {
		return name
	}
	if !full() {
		t.Skip("oauth2-proxy takes minutes to build: REGRANT_FAULTS=full, or REGRANT_OAUTH2_PROXY=its file")
	}
	dir := t.TempDir()
	build := exec.Command("go", "install", oauth2Proxy)
	build.Dir = dir // not inside a module
	build.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("oauth2-proxy cannot be built here: %v: %s", err, out)
	}
	return filepath.Join(dir, "oauth2-proxy")
}

// TestOAuth2ProxyKeepsPeopleSignedIn has oauth2-proxy in front of an upstream, with a refresh at nearly each request.
func TestOAuth2ProxyKeepsPeopleSignedIn(t *testing.T) {
	t.Parallel()
	program := oauth2ProxyBinary(t)
	s := newRealServer(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "upstream "+r.Header.Get("X-Forwarded-Email")+" "+r.Header.Get("X-Forwarded-Access-Token"))
	}))
	defer upstream.Close()
	listen := freeAddress(t)
	origin := "http://" + listen
	id, secret := s.client(origin+"/oauth2/callback", "--trusted")
	var said bytes.Buffer
	proxy := exec.Command(program, "--provider=oidc", "--oidc-issuer-url="+s.issuer, "--client-id="+id, "--client-secret="+secret, "--redirect-url="+origin+"/oauth2/callback",
		"--http-address="+listen, "--upstream="+upstream.URL, "--email-domain=*", "--cookie-secret=0123456789abcdef0123456789abcdef", "--cookie-secure=false",
		"--cookie-refresh=1s", "--scope=openid email profile", "--code-challenge-method=S256", "--skip-provider-button", "--pass-access-token", "--pass-user-headers")
	proxy.Stdout, proxy.Stderr = &said, &said
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		proxy.Process.Kill()
		proxy.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	}()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get(origin + "/ping")
		if err == nil {
			response.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	get := func() (at *url.URL, page string) {
		t.Helper()
		response, err := browser.Get(origin + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.Request.URL, string(body)
	}

	at, page := get()
	if !strings.HasPrefix(at.String(), s.issuer) {
		t.Fatalf("nobody is asked to sign in: %s %s", at, page)
	}
	response, err := fill(browser, at, page, "alice@example.com", realPassword)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	tokens := map[string]bool{}
	for deadline := time.Now().Add(time.Minute); len(tokens) < 11; time.Sleep(500 * time.Millisecond) { // it counts in whole seconds
		_, page := get()
		token, ok := strings.CutPrefix(page, "upstream alice@example.com ")
		if !ok || time.Now().After(deadline) {
			t.Fatalf("after %d tokens: %s", len(tokens), page)
		}
		tokens[token] = true
	}

	s.regrant("", "grant", "revoke", "--client", id)
	mine, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	cookies := jar.Cookies(mine)
	if browser.Jar, err = cookiejar.New(nil); err != nil { // without the session at the server, so that nobody is signed in again in silence
		t.Fatal(err)
	}
	browser.Jar.SetCookies(mine, cookies)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(500 * time.Millisecond) { // its access token lives 11 s
		if at, _ := get(); strings.HasPrefix(at.String(), s.issuer) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("whose grant was revoked is still let in")
		}
	}
}
