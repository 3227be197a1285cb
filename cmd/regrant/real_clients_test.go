package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const realPassword = "plum-thunder-orbit-93"

// realServer is the binary itself at work on a database of its own, by the real clock.
type realServer struct {
	t       *testing.T
	db      string
	listen  string
	issuer  string
	program string   // "": the test binary's own regrant
	flags   []string // of serve
	env     []string // besides this process's
	starved bool     // of time: what it could not answer in it, it may call an error
	process *os.Process
	took    time.Duration // from the start of the process until it was ready
	ended   chan struct{} // closed once the process has
	stop    func()
}

func newRealServer(t *testing.T, flags ...string) *realServer {
	t.Helper()
	return startRealServer(t, &realServer{flags: flags})
}

// startRealServer starts a server, of which program, flags and env are set, with a database that has Alice in it.
func startRealServer(t *testing.T, s *realServer) *realServer {
	t.Helper()
	s.place(t)
	sealed := slices.Contains(s.flags, "--master-key-file")
	if !sealed {
		s.begin()
	}
	s.start()
	t.Cleanup(func() { s.stop() })
	if sealed {
		s.createAlice()
	}
	return s
}

// realTemplate is the file from which the servers begin: to make a schema, keys and a person takes as long as many a test.
var realTemplate struct {
	once sync.Once
	file []byte
}

// begin gives the server, which is not running yet, its database.
func (s *realServer) begin() {
	s.t.Helper()
	realTemplate.once.Do(func() {
		first := &realServer{}
		first.place(s.t)
		first.start()
		first.createAlice()
		if err := first.process.Signal(syscall.SIGTERM); err != nil {
			s.t.Fatal(err)
		}
		<-first.ended
		first.stop() // fails the test for what it said
		file, err := os.ReadFile(first.db)
		if err != nil {
			s.t.Fatal(err)
		}
		realTemplate.file = file
	})
	if realTemplate.file == nil {
		s.t.Fatal("an earlier test could not make the template")
	}
	if err := os.WriteFile(s.db, realTemplate.file, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *realServer) createAlice() {
	s.t.Helper()
	s.regrant(realPassword+"\n", "user", "create", "--email", "alice@example.com", "--name", "Alice Archer", "--email-verified", "--password-stdin")
}

// place chooses where the server listens and keeps its database.
func (s *realServer) place(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.t, s.db, s.listen = t, filepath.Join(t.TempDir(), "regrant.db"), l.Addr().String()
	l.Close()
	s.issuer = "http://" + strings.Replace(s.listen, "127.0.0.1", "localhost", 1)
	if slices.Contains(s.flags, "--tls-cert") {
		s.issuer = strings.Replace(s.issuer, "http", "https", 1)
	}
}

func (s *realServer) start() {
	s.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(cmp.Or(s.program, "regrant"), append([]string{"serve", "--db", s.db, "--listen", s.listen}, s.flags...)...)
	cmd.Dir, cmd.Stderr, cmd.Env = filepath.Dir(s.db), &said, append(os.Environ(), s.env...)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.process, s.ended = cmd.Process, make(chan struct{})
	go func() {
		cmd.Wait()
		close(s.ended)
	}()
	ended := s.ended
	s.stop = sync.OnceFunc(func() {
		cmd.Process.Kill() // as a power cut would; every answer was durable
		<-ended
		if !s.starved && strings.Contains(said.String(), "level=ERROR") || strings.Contains(said.String(), "panic") {
			s.t.Errorf("the server said: %s", said.String())
		}
	})
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if response, err := insecure.Get(strings.Replace(s.issuer, "localhost", "127.0.0.1", 1) + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				s.took = time.Since(began)
				return
			}
		}
	}
	s.t.Fatalf("the server did not start: %s", said.String())
}

// regrant runs a command on the same database and gives what it prints.
func (s *realServer) regrant(stdin string, args ...string) []byte {
	s.t.Helper()
	cmd := exec.Command("regrant", append(args, "--db", s.db)...)
	cmd.Dir, cmd.Stdin = filepath.Dir(s.db), strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("regrant %s: %v %s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// client registers a client whose access tokens live 11 s: x/oauth2 takes them for expired 10 s before they are.
func (s *realServer) client(redirectURI string, flags ...string) (id, secret string) {
	s.t.Helper()
	args := append([]string{"client", "create", "--json", "--name", "Real client", "--redirect-uri", redirectURI, "--access-token-lifetime", "11s"}, flags...)
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(s.regrant("", args...), &made); err != nil || made.ID == "" {
		s.t.Fatalf("client create: %v", err)
	}
	return made.ID, made.Secret
}

// application is a web application of nobody here: golang.org/x/oauth2 and github.com/coreos/go-oidc do all of its work.
type application struct {
	server   *httptest.Server
	config   *oauth2.Config
	provider *oidc.Provider

	mu      sync.Mutex
	pending map[string]string // PKCE verifier by state
	token   *oauth2.Token
	claims  idClaims
	failed  error
}

type idClaims struct {
	Subject       string `json:"sub"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Name          string `json:"name"`
}

func newApplication(t *testing.T, s *realServer, scope []string, flags ...string) *application {
	t.Helper()
	a := &application{pending: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.start)
	mux.HandleFunc("GET /callback", a.callback)
	a.server = httptest.NewServer(mux)
	t.Cleanup(a.server.Close)
	redirectURI := a.server.URL + "/callback"
	id, secret := s.client(redirectURI, flags...)
	var err error
	if a.provider, err = oidc.NewProvider(t.Context(), s.issuer); err != nil {
		t.Fatalf("discovery: %v", err)
	}
	a.config = &oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: a.provider.Endpoint(), RedirectURL: redirectURI, Scopes: scope}
	return a
}

// start sends the browser to the server.
func (a *application) start(w http.ResponseWriter, r *http.Request) {
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	a.mu.Lock()
	a.pending[state] = verifier
	a.mu.Unlock()
	http.Redirect(w, r, a.config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce("n-"+state)), http.StatusFound)
}

// callback redeems the code, verifies the ID token, asks for the claims, and says hello.
func (a *application) callback(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = a.redeem(r.Context(), r.URL.Query())
	if a.failed != nil {
		http.Error(w, a.failed.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprintf(w, `<!doctype html><title>app</title><link rel="icon" href="data:,"><h1 id="hello">Hello %s</h1>`, a.claims.Name)
}

func (a *application) redeem(ctx context.Context, q url.Values) error {
	if code := q.Get("error"); code != "" {
		return errors.New(code)
	}
	state := q.Get("state")
	verifier, known := a.pending[state]
	if !known {
		return errors.New("a state that is not ours")
	}
	delete(a.pending, state)
	token, err := a.config.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	if err := a.verify(ctx, token, "n-"+state); err != nil {
		return err
	}
	info, err := a.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("userinfo: %w", err)
	}
	var claims idClaims
	if err := info.Claims(&claims); err != nil {
		return err
	}
	if claims.Subject != a.claims.Subject {
		return fmt.Errorf("userinfo is about %q, the ID token about %q", claims.Subject, a.claims.Subject)
	}
	a.claims, a.token = claims, token
	return nil
}

// verify checks an ID token as go-oidc does, with its hash of the access token.
func (a *application) verify(ctx context.Context, token *oauth2.Token, nonce string) error {
	raw, _ := token.Extra("id_token").(string)
	id, err := a.provider.Verifier(&oidc.Config{ClientID: a.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return fmt.Errorf("ID token: %w", err)
	}
	if id.Nonce != nonce {
		return fmt.Errorf("the nonce of the ID token is %q, not %q", id.Nonce, nonce)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		return fmt.Errorf("ID token: %w", err)
	}
	return id.Claims(&a.claims)
}

// visit goes to the application with a browser made of plain HTTP, signs in and allows everything.
func (a *application) visit(t *testing.T, issuer string) *oauth2.Token {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	response, err := browser.Get(a.server.URL + "/")
	for range 5 {
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(response.Request.URL.String(), issuer) {
			break
		}
		if response, err = fill(browser, response.Request.URL, string(body), "alice@example.com", realPassword); err != nil {
			t.Fatal(err)
		}
	}
	return a.signedIn(t)
}

// signedIn gives what the application holds of the person who came.
func (a *application) signedIn(t *testing.T) *oauth2.Token {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed != nil || a.token == nil {
		t.Fatalf("the application: %v", a.failed)
	}
	if a.claims.Email != "alice@example.com" || !a.claims.EmailVerified || a.claims.Name != "Alice Archer" {
		t.Errorf("claims: %+v", a.claims)
	}
	return a.token
}

func TestRealClientsStaySignedIn(t *testing.T) {
	s := newRealServer(t)
	scope := []string{oidc.ScopeOpenID, "profile", "email"}
	for name, flags := range map[string][]string{
		"confidential, secret by Basic":    nil,
		"confidential, secret in the body": {"--auth-method", "client_secret_post"},
		"public":                           {"--auth-method", "none"},
		"ES256 and opaque access tokens":   {"--id-token-alg", "ES256", "--access-token-format", "opaque"},
		"strict":                           {"--policy", "strict", "--access-token-lifetime", "11s"},
		"without rotation":                 {"--no-rotation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApplication(t, s, scope, flags...)
			first := a.visit(t, s.issuer)
			source := a.config.TokenSource(t.Context(), first)

			refreshes := stays(t, a, source, first, 5*time.Second)

			if refreshes < 3 {
				t.Errorf("%d refreshes in 5 s", refreshes)
			}
			last, err := source.Token()
			if err != nil {
				t.Fatal(err)
			}
			if rotated := last.RefreshToken != first.RefreshToken; rotated == (name == "without rotation") {
				t.Errorf("rotated: %v", rotated)
			}
			a.signOut(t, last)
		})
	}
}

// stays uses a token source for a while, as a program at work does, and counts how often it refreshed on its own.
func stays(t *testing.T, a *application, source oauth2.TokenSource, last *oauth2.Token, long time.Duration) (refreshes int) {
	t.Helper()
	for deadline := time.Now().Add(long); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		token, err := source.Token()
		if err != nil {
			t.Fatalf("after %d refreshes: %v", refreshes, err)
		}
		if token.AccessToken == last.AccessToken {
			continue
		}
		refreshes++
		last = token
		a.mu.Lock()
		err = a.verify(t.Context(), token, "") // OpenID Connect Core §12.2
		a.mu.Unlock()
		if err != nil {
			t.Fatalf("after %d refreshes: %v", refreshes, err)
		}
		info, err := a.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
		if err != nil || info.Email != "alice@example.com" {
			t.Fatalf("after %d refreshes, userinfo: %v", refreshes, err)
		}
	}
	return refreshes
}

// signOut revokes, after which the library says invalid_grant as it says it for every server.
func (a *application) signOut(t *testing.T, token *oauth2.Token) {
	t.Helper()
	form := url.Values{"token": {token.RefreshToken}, "client_id": {a.config.ClientID}}
	if a.config.ClientSecret != "" {
		form.Set("client_secret", a.config.ClientSecret)
	}
	address := strings.TrimSuffix(a.config.Endpoint.TokenURL, "/token") + "/revoke"
	response, err := http.PostForm(address, form)
	if err == nil && response.StatusCode == http.StatusUnauthorized { // registered for Basic
		form.Del("client_secret")
		_, err = fetch(address, a.config.ClientID+":"+a.config.ClientSecret, form.Encode(), http.StatusOK)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
		t.Errorf("a refresh after the revocation: %v", err)
	}
	if _, err := a.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err == nil {
		t.Error("the access token outlived its grant")
	}
}

func TestRealClientsOfOneTokenConverge(t *testing.T) {
	s := newRealServer(t)
	a := newApplication(t, s, []string{oidc.ScopeOpenID, "profile", "email"})
	first := a.visit(t, s.issuer)

	var wait sync.WaitGroup
	tokens := make([]*oauth2.Token, 20)
	errs := make([]error, len(tokens))
	for i := range tokens { // as many processes that share one stored token
		wait.Go(func() {
			tokens[i], errs[i] = a.config.TokenSource(context.Background(), &oauth2.Token{RefreshToken: first.RefreshToken}).Token()
		})
	}
	wait.Wait()

	for i, token := range tokens {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if token.RefreshToken != tokens[0].RefreshToken || token.RefreshToken == first.RefreshToken {
			t.Fatal("the successors differ")
		}
	}
	// The server dies and comes back, and the application does not notice but for the wait.
	s.stop()
	s.start()
	if token, err := a.config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: first.RefreshToken}).Token(); err != nil || token.RefreshToken != tokens[0].RefreshToken {
		t.Errorf("a response that was lost in the crash, asked for again: %v", err)
	}
	if _, err := a.config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: tokens[0].RefreshToken}).Token(); err != nil {
		t.Errorf("after the crash: %v", err)
	}
}
