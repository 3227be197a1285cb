package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"regrant/app/oauth"
	"regrant/db"
	"regrant/db/faultdisk"
)

// failingDiskMain is regrant over a disk that does what a file says: nothing, "read-only", "sync fails", or "slow" and a duration.
// REGRANT_TEST_DISK is the directory, REGRANT_TEST_DISK_MOOD the file.
func failingDiskMain() {
	disk, err := faultdisk.Under(os.Getenv("REGRANT_TEST_DISK"), 1)
	exitWith(err)
	var mood atomic.Pointer[string]
	look := func() {
		b, _ := os.ReadFile(os.Getenv("REGRANT_TEST_DISK_MOOD"))
		text := string(b)
		mood.Store(&text)
		disk.ReadOnly(text == "read-only")
	}
	look()
	go func() {
		for range time.Tick(2 * time.Millisecond) {
			look()
		}
	}()
	disk.Judge(func(c faultdisk.Call) faultdisk.Fault {
		if c.Kind != faultdisk.Sync {
			return faultdisk.Fault{}
		}
		switch how, much, _ := strings.Cut(*mood.Load(), " "); how {
		case "sync":
			return faultdisk.Fault{Code: sqlite3.SQLITE_IOERR_FSYNC}
		case "slow":
			d, err := time.ParseDuration(much)
			exitWith(err)
			time.Sleep(d)
		}
		return faultdisk.Fault{}
	})
	main()
}

// diskSite is a server over a disk that fails, and honest clients that try again until they are told otherwise.
type diskSite struct {
	t       *testing.T
	dir     string // the disk
	mood    string // the file that says what it does
	server  *exec.Cmd
	log     string
	ended   chan struct{}
	issuer  string
	listen  string
	client  *http.Client
	id      string
	secret  string
	person  string
	holders []*holder
}

// holder has the tokens of one grant.
type holder struct{ refresh, access string }

func newDiskSite(t *testing.T, dir string, holders int) *diskSite {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &diskSite{t: t, dir: dir, mood: filepath.Join(t.TempDir(), "mood"), listen: l.Addr().String(),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: holders + 16}, Timeout: time.Minute}}
	l.Close()
	s.issuer, s.log = "http://"+s.listen, filepath.Join(dir, "log")
	s.be("")
	s.start()
	t.Cleanup(func() {
		s.kill()
		s.client.CloseIdleConnections()
	})
	s.regrant(realPassword+"\n", "user", "create", "--email", "alice@example.com", "--name", "Alice Archer", "--email-verified", "--password-stdin")
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	out := s.regrant("", "client", "create", "--json", "--name", "App", "--redirect-uri", scriptCallback, "--trusted", "--max-grants", "1000")
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	s.id, s.secret = made.ID, made.Secret
	for _, code := range s.codes(holders) {
		a := s.post("/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {scriptVerifier}, "redirect_uri": {scriptCallback}})
		if a.status != http.StatusOK {
			t.Fatalf("redeem: %+v", a)
		}
		s.holders = append(s.holders, &holder{a.refresh, a.access})
	}
	return s
}

func (s *diskSite) db() string { return filepath.Join(s.dir, "regrant.db") }

// be sets what the disk does from now on.
func (s *diskSite) be(mood string) {
	s.t.Helper()
	name := s.mood + ".new"
	if err := errors.Join(os.WriteFile(name, []byte(mood), 0o600), os.Rename(name, s.mood)); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
}

func (s *diskSite) start() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.server = exec.Command("failingdisk", "serve", "--db", s.db(), "--listen", s.listen, "--issuer", s.issuer)
	s.server.Dir, s.server.Stderr = s.t.TempDir(), log
	s.server.Env = append(os.Environ(), "REGRANT_TEST_DISK="+s.dir, "REGRANT_TEST_DISK_MOOD="+s.mood, "REGRANT_TOKEN_BUDGET=0", "REGRANT_PAGE_BUDGET=0")
	if err := s.server.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func() {
		s.server.Wait()
		close(s.ended)
	}()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if response, err := http.Get(s.issuer + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
	}
	b, _ := os.ReadFile(s.log)
	s.t.Fatalf("the server did not start: %s", b)
}

func (s *diskSite) kill() {
	s.server.Process.Kill()
	<-s.ended
}

// regrant runs a command beside the server.
func (s *diskSite) regrant(stdin string, args ...string) []byte {
	s.t.Helper()
	cmd := exec.Command("regrant", append(args, "--db", s.db())...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stderr = s.t.TempDir(), strings.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("regrant %s: %v %s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// codes makes codes that nobody had to sign in for.
func (s *diskSite) codes(n int) (codes []string) {
	s.t.Helper()
	ctx := s.t.Context()
	d, err := db.Open(ctx, s.db(), db.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer d.Close()
	all, err := d.ListPeople(ctx, "", 1)
	if err != nil || len(all) != 1 {
		s.t.Fatal(len(all), err)
	}
	s.person = all[0].ID
	sum := sha256.Sum256([]byte(scriptVerifier))
	for range n {
		code := rand.Text()
		hash, at := sha256.Sum256([]byte(code)), now()
		if err := d.IssueCode(ctx, "", &oauth.AuthorizationCode{
			Hash: hash[:], ClientID: s.id, PersonID: s.person, SessionID: "s", RedirectURI: scriptCallback, Scope: oauth.Scope{"email", "offline_access"},
			CodeChallenge:  base64.RawURLEncoding.EncodeToString(sum[:]),
			Authentication: oauth.Authentication{AuthTime: at}, CreatedAt: at, ExpiresAt: at.Add(oauth.CodeLifetime),
		}, nil, nil); err != nil {
			s.t.Fatal(err)
		}
		codes = append(codes, code)
	}
	return codes
}

// diskAnswer is an answer of the server and how long it took.
type diskAnswer struct {
	status          int
	retry           string // Retry-After
	refresh, access string
	code            string // of an error
	active          bool
	took            time.Duration
}

func (s *diskSite) do(r *http.Request) (a diskAnswer) {
	begun := time.Now()
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Errorf("%s: %v", r.URL.Path, err)
		return a
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Errorf("%s: %v", r.URL.Path, err)
	}
	a.took, a.status, a.retry = time.Since(begun), response.StatusCode, response.Header.Get("Retry-After")
	var body struct {
		RefreshToken string `json:"refresh_token"`
		AccessToken  string `json:"access_token"`
		Error        string `json:"error"`
		Active       bool   `json:"active"`
	}
	_ = json.Unmarshal(b, &body) // a page is none
	a.refresh, a.access, a.code, a.active = body.RefreshToken, body.AccessToken, body.Error, body.Active
	return a
}

func (s *diskSite) get(path string) diskAnswer {
	r, _ := http.NewRequest(http.MethodGet, s.issuer+path, nil)
	return s.do(r)
}

func (s *diskSite) post(path string, form url.Values) diskAnswer {
	r, _ := http.NewRequest(http.MethodPost, s.issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(s.id), url.QueryEscape(s.secret))
	return s.do(r)
}

// rotate refreshes once. An answer that is neither a token nor 503 is a verdict, which no honest client may get.
func (s *diskSite) rotate(h *holder) diskAnswer {
	s.t.Helper()
	a := s.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {h.refresh}})
	switch a.status {
	case http.StatusOK:
		h.refresh, h.access = a.refresh, a.access
	case http.StatusServiceUnavailable:
		s.wantUnavailable("refresh", a)
	default:
		s.t.Errorf("an honest client gets %d %s", a.status, a.code)
	}
	return a
}

func (s *diskSite) wantUnavailable(what string, a diskAnswer) {
	s.t.Helper()
	if a.status != http.StatusServiceUnavailable || a.retry == "" {
		s.t.Errorf("%s: %d, Retry-After %q, %s; want 503", what, a.status, a.retry, a.code)
	}
	if a.took > 2*time.Second && full() {
		s.t.Errorf("%s: 503 after %v", what, a.took)
	}
}

// untilRefused has the clients refresh until the disk refuses it.
func (s *diskSite) untilRefused() {
	s.t.Helper()
	for range 20_000 {
		for _, h := range s.holders {
			if s.rotate(h).status != http.StatusOK {
				return
			}
		}
	}
	s.t.Fatal("the disk takes everything")
}

// signIn is a form that was opened while all was well.
type signIn struct {
	browser *http.Client
	page    *url.URL
	body    string
}

func (s *diskSite) openSignIn() signIn {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Get(s.issuer + "/login")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatal(response.StatusCode, err)
	}
	return signIn{browser, response.Request.URL, string(b)}
}

// serves holds a server whose disk takes no writes to what it can still do, and to refusing the rest without a verdict.
func (s *diskSite) serves(form signIn) {
	s.t.Helper()
	access := s.holders[0].access
	for range 3 {
		var all sync.WaitGroup
		for _, h := range s.holders {
			all.Go(func() { s.wantUnavailable("refresh", s.rotate(h)) })
		}
		all.Wait()
		s.wantUnavailable("revoke", s.post("/revoke", url.Values{"token": {s.holders[0].refresh}}))
		begun := time.Now()
		response, err := fill(form.browser, form.page, form.body, "alice@example.com", realPassword)
		if err != nil {
			s.t.Fatal(err)
		}
		response.Body.Close()
		s.wantUnavailable("login", diskAnswer{status: response.StatusCode, retry: response.Header.Get("Retry-After"), took: time.Since(begun)})
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/healthz"} {
			if a := s.get(path); a.status != http.StatusOK {
				s.t.Errorf("%s: %d", path, a.status)
			}
		}
		if a := s.post("/introspect", url.Values{"token": {access}}); a.status != http.StatusOK || !a.active {
			s.t.Errorf("introspection: %d, active %v", a.status, a.active)
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(1100 * time.Millisecond) // the answer of /readyz is kept for a second
	if a := s.get("/readyz"); a.status != http.StatusServiceUnavailable {
		s.t.Errorf("/readyz: %d", a.status)
	}
}

// recovers holds the server to write again within five seconds, without a restart.
func (s *diskSite) recovers() {
	s.t.Helper()
	begun := time.Now()
	for _, h := range s.holders {
		for s.rotate(h).status != http.StatusOK && !s.t.Failed() {
			if time.Since(begun) > 30*time.Second {
				s.t.Fatal("it does not write again")
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	took := time.Since(begun)
	s.t.Logf("writes again after %v", took.Round(time.Millisecond))
	if full() && took > 5*time.Second {
		s.t.Errorf("it writes again after %v", took)
	}
	// The revocations that were answered with 503 have not happened, not even by half.
	if a := s.post("/introspect", url.Values{"token": {s.holders[0].access}}); !a.active {
		s.t.Error("a refused revocation has happened")
	}
	if events := s.regrant("", "grant", "list", "--json"); bytes.Contains(events, []byte(`"revoked_reason"`)) {
		s.t.Errorf("a grant has ended: %s", events)
	}
	if out := s.regrant("", "doctor", "--json"); bytes.Contains(out, []byte(`"failed"`)) {
		s.t.Errorf("doctor: %s", out)
	}
}

// survivesRestart is the oracle after a kill: every client's last token is good, its older ones are not, and a revocation stays.
func (s *diskSite) survivesRestart() {
	s.t.Helper()
	ended := s.holders[len(s.holders)-1]
	if a := s.post("/revoke", url.Values{"token": {ended.refresh}}); a.status != http.StatusOK {
		s.t.Errorf("revoke: %d", a.status)
	}
	old := s.holders[0].refresh
	s.rotate(s.holders[0])
	s.rotate(s.holders[0])
	s.kill()
	s.start()
	for _, h := range s.holders[:len(s.holders)-1] {
		if a := s.rotate(h); a.status != http.StatusOK {
			s.t.Errorf("after a restart: %d", a.status)
		}
	}
	for what, token := range map[string]string{"a revoked": ended.refresh, "an old": old} {
		if a := s.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}); a.status != http.StatusBadRequest {
			s.t.Errorf("%s token gets %d", what, a.status)
		}
	}
}

// smallDisk mounts one in memory, of so many MiB.
func smallDisk(t *testing.T, size int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", size)); err != nil {
		t.Skipf("a small disk needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestF4_AFullDiskStopsWritesAndNothingElse(t *testing.T) {
	s := newDiskSite(t, smallDisk(t, 6), 4)
	form := s.openSignIn()
	filler := filepath.Join(s.dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 6<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	s.untilRefused()
	s.serves(form)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.recovers()
	s.survivesRestart()
}

func TestF5_ADiskThatTurnsReadOnlyStopsWritesAndNothingElse(t *testing.T) {
	s := newDiskSite(t, t.TempDir(), 4)
	form := s.openSignIn()
	s.be("read-only")
	s.serves(form)
	s.be("")
	s.recovers()
	s.survivesRestart()
}

func TestF5_AReadOnlyDiskStopsTheStart(t *testing.T) {
	s := newDiskSite(t, smallDisk(t, 16), 2)
	s.kill()
	if err := syscall.Mount("", s.dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("the disk stays writable: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "regrant", "serve", "--db", s.db(), "--listen", s.listen)
	cmd.Dir = t.TempDir()
	begun := time.Now()

	out, err := cmd.CombinedOutput()

	took := time.Since(begun)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "writ") {
		t.Errorf("%v: %s", err, out)
	}
	t.Logf("after %v: %s", took.Round(time.Millisecond), out)
	if full() && took > 5*time.Second {
		t.Errorf("only after %v", took)
	}
	if err := syscall.Mount("", s.dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	s.start()
	for _, h := range s.holders {
		if a := s.rotate(h); a.status != http.StatusOK {
			t.Errorf("afterwards: %d", a.status)
		}
	}
}

func TestF6_AFailedSyncEndsTheServerAndTheNextOneGoesOn(t *testing.T) {
	s := newDiskSite(t, t.TempDir(), 3)
	s.be("sync fails")
	if a := s.rotate(s.holders[0]); a.status == http.StatusOK {
		t.Error("an answer that is on no disk")
	}
	select {
	case <-s.ended:
	case <-time.After(40 * time.Second):
		t.Fatal("the server goes on")
	}
	b, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Split(strings.TrimSpace(string(b)), "\n")
	if last := said[len(said)-1]; s.server.ProcessState.ExitCode() != 1 || !strings.HasPrefix(last, "regrant: serve: the disk failed") {
		t.Errorf("exit code %d: %s", s.server.ProcessState.ExitCode(), last)
	}
	s.be("")
	s.start()
	for _, h := range s.holders {
		if a := s.rotate(h); a.status != http.StatusOK {
			t.Errorf("afterwards: %d %s", a.status, a.code)
		}
	}
	s.survivesRestart()
}

func TestF10_AVerySlowDiskRefusesWhatItCannotTake(t *testing.T) {
	if !full() {
		t.Skip("figures, for REGRANT_FAULTS=full")
	}
	s := newDiskSite(t, t.TempDir(), 400)
	before := s.memory()
	s.be("slow 5s")
	var refused, taken, late atomic.Int64
	var most, memory atomic.Int64
	end := time.Now().Add(20 * time.Second)
	var all sync.WaitGroup
	for _, h := range s.holders {
		all.Go(func() {
			for time.Now().Before(end) {
				a := s.rotate(h)
				if a.status == http.StatusOK {
					taken.Add(1)
					continue
				}
				refused.Add(1)
				most.Store(max(most.Load(), int64(a.took)))
				if a.took > time.Second {
					late.Add(1)
				}
				time.Sleep(200 * time.Millisecond)
			}
		})
	}
	all.Go(func() {
		for time.Now().Before(end) {
			memory.Store(max(memory.Load(), s.memory()))
			time.Sleep(200 * time.Millisecond)
		}
	})
	all.Wait()
	s.be("")
	t.Logf("%d refreshes taken, %d refused, %d of them after more than a second, the last after %v; memory from %d to %d MB",
		taken.Load(), refused.Load(), late.Load(), time.Duration(most.Load()).Round(time.Millisecond), before>>20, memory.Load()>>20)
	if refused.Load() == 0 || taken.Load() == 0 {
		t.Error("want some taken and some refused")
	}
	if late.Load()*100 > refused.Load() {
		t.Error("want 99 of 100 refused within a second")
	}
	if memory.Load()-before > 100<<20 {
		t.Error("want at most 100 MB more")
	}
	s.recovers()
}

// memory is what the server holds of it, in bytes.
func (s *diskSite) memory() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.server.Process.Pid))
	if err != nil {
		s.t.Error(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kb, 10, 64)
	if err != nil {
		s.t.Error(err)
	}
	return n << 10
}
