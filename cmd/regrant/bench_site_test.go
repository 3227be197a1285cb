package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// benchSite is a running server and the newest refresh token of each chain.
type benchSite struct {
	address string
	file    string
	scope   oauth.Scope
	secret  string
	basic   string // the header line that authenticates the client
	pid     int
	stop    func() // and waits for its end
	tokens  []string
	http    *http.Client
}

const benchClient = "bench"

func newBenchSite(b testing.TB, chains int, more ...string) *benchSite {
	b.Helper()
	s := seedBenchSite(b, chains, oauth.Scope{"profile"})
	s.serve(b, more...)
	return s
}

// seedBenchSite makes the database of a site, on which no server runs yet.
func seedBenchSite(b testing.TB, chains int, scope oauth.Scope) *benchSite {
	b.Helper()
	s := &benchSite{address: freeBenchAddress(b), file: filepath.Join(b.TempDir(), "bench.db"), scope: scope, tokens: make([]string, chains)}
	s.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: chains}}
	s.seed(b)
	s.basic = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(benchClient+":"+s.secret)) + "\r\n"
	return s
}

func freeBenchAddress(b testing.TB) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// benchBinary is the binary that is measured: REGRANT_BENCH_BINARY, to compare builds, or one built from these sources.
var benchBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("REGRANT_BENCH_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	dir, err := os.MkdirTemp("", "regrant-bench")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "regrant")
	build := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// serve starts the binary on the site's database, and returns when it is ready.
func (s *benchSite) serve(b testing.TB, more ...string) (ready time.Duration) {
	b.Helper()
	binary, err := benchBinary()
	if err != nil {
		b.Fatal(err)
	}
	args := []string{"serve", "--db", s.file, "--listen", s.address, "--issuer", "http://" + s.address, "--token-budget", "0", "--log-level", "error"}
	return s.start(b, exec.Command(binary, append(args, more...)...))
}

// standIn starts a yardstick in the place of the binary.
func (s *benchSite) standIn(b testing.TB, kind string) {
	b.Helper()
	s.start(b, exec.Command("yardstick", kind, s.file, s.address))
}

func (s *benchSite) start(b testing.TB, cmd *exec.Cmd) (ready time.Duration) {
	b.Helper()
	dir := filepath.Dir(s.file)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, dir
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	s.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
		log.Close()
	})
	b.Cleanup(s.stop)
	for ; ; time.Sleep(time.Millisecond) {
		if c, err := newWire(s.address); err == nil {
			status, err := c.call("GET", "/readyz", "", "")
			c.conn.Close()
			if err == nil && status == http.StatusOK {
				return time.Since(began)
			}
		}
		if time.Since(began) > 30*time.Second {
			said, _ := os.ReadFile(log.Name())
			b.Fatalf("the server is not ready: %s", said)
		}
	}
}

// seed makes a person, a client and one grant a chain with the engine itself, before the server opens the file.
func (s *benchSite) seed(b testing.TB) {
	b.Helper()
	ctx, now := context.Background(), time.Now().UTC()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	store, err := db.Open(ctx, s.file, db.Options{})
	must(err)
	defer store.Close()
	engine, err := oauth.New(ctx, oauth.Config{Issuer: "http://" + s.address}, store)
	must(err)
	hasher, err := account.NewHasher(account.HasherOptions{})
	must(err)
	by := audit.Origin{Actor: audit.ByCommand, ActorID: "bench"}
	person, err := account.New(store, hasher, account.Options{}).Create(ctx, account.NewPerson{Email: "bench@example.com", Name: "Bench", Password: rand.Text()}, by, now)
	must(err)
	client := oauth.Client{ID: benchClient, Name: "Bench", AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://app.example/callback"}, Scope: s.scope}
	client.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
	client.Policy.MaxGrants = len(s.tokens)
	s.secret, err = oauth.RegisterClient(ctx, store, &client, now, by)
	must(err)
	verifier := strings.Repeat(rand.Text(), 2)
	challenge := sha256.Sum256([]byte(verifier))
	for i := range s.tokens {
		code := rand.Text()
		hash := sha256.Sum256([]byte(code))
		must(store.IssueCode(ctx, "", &oauth.AuthorizationCode{
			Hash: hash[:], ClientID: benchClient, PersonID: person.ID, SessionID: "bench", RedirectURI: client.RedirectURIs[0], Scope: client.Scope,
			CodeChallenge: base64.RawURLEncoding.EncodeToString(challenge[:]), Authentication: oauth.Authentication{AuthTime: now},
			CreatedAt: now, ExpiresAt: now.Add(time.Minute),
		}, nil, nil))
		response, err := engine.Token(ctx, oauth.TokenRequest{
			Client:    oauth.ClientCredentials{ClientID: benchClient, Secret: s.secret, Method: oauth.AuthBasic},
			GrantType: oauth.GrantAuthorizationCode, Code: code, CodeVerifier: verifier,
		})
		must(err)
		s.tokens[i] = response.RefreshToken
	}
}

// next presents a refresh token and gives its successor.
func (s *benchSite) next(token string) (string, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	r, err := http.NewRequest("POST", "http://"+s.address+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(benchClient, s.secret)
	response, err := s.http.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.RefreshToken == "" {
		return "", fmt.Errorf("%s: %s", response.Status, body)
	}
	return answer.RefreshToken, nil
}

func fileSize(b testing.TB, path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// cpuSeconds is what a process has used of the processors, user and system: fields 14 and 15 of proc(5), in hundredths.
func cpuSeconds(b testing.TB, pid int) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip("no /proc to read the server's CPU time from")
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n')
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	user, errUser := strconv.ParseFloat(fields[11], 64)
	system, errSystem := strconv.ParseFloat(fields[12], 64)
	if errUser != nil || errSystem != nil {
		b.Fatal("cannot read CPU time: ", line)
	}
	return (user + system) / 100
}
