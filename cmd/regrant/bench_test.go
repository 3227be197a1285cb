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
	"slices"
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

// BenchmarkRefresh drives chains of refresh grants, each answer feeding the next request, over HTTP keep-alive against the
// real binary with its durable database: a confidential client by Basic, JWT access tokens, no openid. It reports grants a
// second, latencies, CPU seconds of the server per 1 000 grants and how much the database file grew.
func BenchmarkRefresh(b *testing.B) {
	const clients = 64
	site := newBenchSite(b, clients)
	for _, n := range []int{1, 16, clients} {
		b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) { site.refresh(b, n) })
	}
}

// benchSite is a running server and the newest refresh token of each chain.
type benchSite struct {
	address string
	file    string
	secret  string
	pid     int
	tokens  []string
	http    *http.Client
}

const benchClient = "bench"

func newBenchSite(b *testing.B, chains int) *benchSite {
	b.Helper()
	dir := b.TempDir()
	binary := filepath.Join(dir, "regrant")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &benchSite{address: listener.Addr().String(), file: filepath.Join(dir, "bench.db"), tokens: make([]string, chains)}
	listener.Close()
	s.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: chains}}
	s.seed(b)

	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "--db", s.file, "--listen", s.address, "--issuer", "http://"+s.address, "--token-budget", "0", "--log-level", "warn")
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, dir
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
		log.Close()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		response, err := s.http.Get("http://" + s.address + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return s
			}
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			b.Fatalf("the server is not ready: %v\n%s", err, said)
		}
	}
}

// seed makes a person, a client and one grant a chain with the engine itself, before the server opens the file.
func (s *benchSite) seed(b *testing.B) {
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
	client := oauth.Client{ID: benchClient, Name: "Bench", AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://app.example/callback"}, Scope: oauth.Scope{"profile"}}
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

func (s *benchSite) refresh(b *testing.B, clients int) {
	latencies := make([][]time.Duration, clients)
	size, cpu := fileSize(b, s.file), cpuSeconds(b, s.pid)
	b.ResetTimer()
	started := time.Now()
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for range (b.N + clients - 1) / clients {
				before := time.Now()
				next, err := s.next(s.tokens[i])
				if err != nil {
					b.Error(err)
					return
				}
				s.tokens[i] = next
				latencies[i] = append(latencies[i], time.Since(before))
			}
		})
	}
	wg.Wait()
	took := time.Since(started)
	b.StopTimer()

	all := slices.Concat(latencies...)
	slices.Sort(all)
	if len(all) == 0 {
		b.Fatal("no grant was answered")
	}
	b.ReportMetric(float64(len(all))/took.Seconds(), "grants/s")
	b.ReportMetric(float64(all[len(all)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100])/1e6, "p99-ms")
	b.ReportMetric((cpuSeconds(b, s.pid)-cpu)/float64(len(all))*1000, "cpu-s/1000")
	b.ReportMetric(float64(fileSize(b, s.file)-size)/float64(len(all))*10_000, "growth-B/10000")
	b.ReportMetric(0, "ns/op")
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

func fileSize(b *testing.B, path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// cpuSeconds is what a process has used of the processors, user and system: fields 14 and 15 of proc(5), in hundredths.
func cpuSeconds(b *testing.B, pid int) float64 {
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
