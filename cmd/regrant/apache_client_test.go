package main

import (
	"fmt"
	"io"
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
)

const apacheModules = "/usr/lib/apache2/modules"

// TestApacheKeepsPeopleSignedIn is mod_auth_openidc in front of an upstream; it refreshes when the access token has not long to live.
func TestApacheKeepsPeopleSignedIn(t *testing.T) {
	if testing.Short() {
		t.Skip("Apache takes its time, and is not watched by the race detector")
	}
	t.Parallel()
	if _, err := os.Stat(apacheModules + "/mod_auth_openidc.so"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("libapache2-mod-auth-openidc is not installed, and CI=true")
		}
		t.Skip("libapache2-mod-auth-openidc is not installed")
	}
	s := newRealServer(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "upstream "+r.Header.Get("OIDC_CLAIM_email")+" "+r.Header.Get("OIDC_access_token"))
	}))
	defer upstream.Close()
	listen := freeAddress(t)
	origin := "http://" + listen
	id, secret := s.client(origin+"/redirect", "--trusted", "--post-logout-redirect-uri", origin+"/bye")
	dir := t.TempDir()
	config := filepath.Join(dir, "apache.conf")
	if err := os.WriteFile(config, []byte(strings.NewReplacer("DIR", dir, "LISTEN", listen, "ORIGIN", origin, "ISSUER", s.issuer, "CLIENT", id, "SECRET", secret, "UPSTREAM", upstream.URL).Replace(apacheConfig())), 0o600); err != nil {
		t.Fatal(err)
	}
	apache := exec.Command("apache2", "-f", config, "-DFOREGROUND")
	if err := apache.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		apache.Process.Signal(syscall.SIGTERM) // a kill would leave its children
		apache.Wait()
		if log, err := os.ReadFile(dir + "/error.log"); t.Failed() && err == nil {
			t.Logf("%s", log)
		}
	}()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: asksForPages{}}
	get := func(path string) (at *url.URL, page string, err error) {
		response, err := browser.Get(origin + path)
		if err != nil {
			return nil, "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return response.Request.URL, string(body), err
	}

	at, page, err := get("/")
	for deadline := time.Now().Add(15 * time.Second); err != nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		at, page, err = get("/")
	}
	if err != nil || !strings.HasPrefix(at.String(), s.issuer) {
		t.Fatalf("nobody is asked to sign in: %v %s %s", err, at, page)
	}
	response, err := fill(browser, at, page, "alice@example.com", realPassword)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	tokens := map[string]bool{}
	for deadline := time.Now().Add(time.Minute); len(tokens) < 5; time.Sleep(500 * time.Millisecond) {
		_, page, err := get("/")
		token, ok := strings.CutPrefix(page, "upstream alice@example.com ")
		if err != nil || !ok || time.Now().After(deadline) {
			t.Fatalf("after %d tokens: %v %s", len(tokens), err, page)
		}
		tokens[token] = true
	}

	at, page, err = get("/redirect?logout=" + url.QueryEscape(origin+"/bye"))
	if err != nil || at.Path != "/bye" {
		t.Errorf("signed out to %v %s: %s", err, at, page)
	}
	if at, _, err := get("/"); err != nil || !strings.HasSuffix(at.Path, "/login") {
		t.Errorf("after the sign-out: %v %s", err, at)
	}
}

// asksForPages says what browsers say when they go to a page. Others are not sent to a sign-in.
type asksForPages struct{}

func (asksForPages) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
	return http.DefaultTransport.RoundTrip(r)
}

func apacheConfig() string {
	var b strings.Builder
	for _, module := range []string{"mpm_event", "authz_core", "authz_user", "authn_core", "auth_openidc", "proxy", "proxy_http", "headers"} {
		fmt.Fprintf(&b, "LoadModule %s_module %s/mod_%s.so\n", module, apacheModules, module)
	}
	return b.String() + `
ServerName localhost
ServerRoot DIR
Listen LISTEN
PidFile DIR/apache.pid
ErrorLog DIR/error.log
LogLevel auth_openidc:info
User www-data
Group www-data
OIDCProviderMetadataURL ISSUER/.well-known/openid-configuration
OIDCClientID CLIENT
OIDCClientSecret SECRET
OIDCRedirectURI ORIGIN/redirect
OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
OIDCRefreshAccessTokenBeforeExpiry 10 logout_on_error
OIDCPassRefreshToken Off
ProxyPass /redirect !
ProxyPass /bye !
ProxyPass / UPSTREAM/
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<Location /bye>
  AuthType None
  Require all granted
</Location>
`
}
