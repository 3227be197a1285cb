package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/oauth"
)

// flawed is an application that does everything right but for its flaws.
type flawed struct {
	keepsFirst      bool // the first refresh token is used again and again
	refreshesAlone  bool // each call refreshes by itself
	givesUp         bool // one lost answer ends the session
	takesFault      bool // a status of 500 or more ends the session
	neverRefreshes  bool // an expired access token ends the session
	looksAway       bool // expired access tokens are used, and nothing is refreshed
	keepsDead       bool // a refresh token that was refused is presented again
	pretends        bool // it answers without a session, too
	doesNotTryAgain bool // a lost answer fails the call
	hammers         bool // a server that is out of order is asked at once again
	wantsNoRefresh  bool // it doesn't ask for a refresh token
	otherPage       bool // who has no session is sent to a page of its own
	forgets         bool // it refreshes, and calls with the old access token
	hasFault        bool // it answers 500 instead of asking for a sign-in
	storesLate      bool // a new sign-in does not replace the old refresh token
}

// flawedApp is such an application, for one person.
type flawedApp struct {
	flawed
	t      *testing.T
	server *trialServer
	url    string

	mu       sync.Mutex // of what follows
	session  string
	verifier string
	access   string
	refresh  string
	expires  time.Time
	turn     sync.Mutex // held by who refreshes
}

func newFlawedApp(t *testing.T, flaws flawed) *flawedApp {
	t.Helper()
	a := &flawedApp{flawed: flaws, t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /me", a.me)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("GET /welcome", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Please sign in.") })
	mux.HandleFunc("GET /start", a.start)
	here := httptest.NewServer(mux)
	t.Cleanup(here.Close)
	a.url = here.URL
	return a
}

func (a *flawedApp) start(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.verifier = rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(a.verifier))
	a.mu.Unlock()
	q := url.Values{
		"client_id": {a.server.client.ID}, "redirect_uri": {a.url + "/callback"}, "response_type": {"code"}, "scope": {"openid offline_access"}, "state": {"s"},
		"prompt": {"consent"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	if a.wantsNoRefresh {
		q.Set("scope", "openid")
	}
	http.Redirect(w, r, a.server.issuer+"/authorize?"+q.Encode(), http.StatusSeeOther)
}

func (a *flawedApp) callback(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.refresh
	if err := a.ask(url.Values{"grant_type": {"authorization_code"}, "code": {r.FormValue("code")}, "redirect_uri": {a.url + "/callback"}, "code_verifier": {a.verifier}}); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if a.storesLate && old != "" {
		a.refresh = old
	}
	a.session = rand.Text()
	http.SetCookie(w, &http.Cookie{Name: "session", Value: a.session, Path: "/"})
	http.Redirect(w, r, "/me", http.StatusSeeOther)
}

// refusal is an answer of the token endpoint that is no success.
type refusal struct {
	status int
	code   string
}

// Error names both.
func (r refusal) Error() string { return fmt.Sprint(r.status, " ", r.code) }

// ask asks the token endpoint and keeps what comes. The caller holds a.mu.
func (a *flawedApp) ask(form url.Values) error {
	r, err := http.NewRequest(http.MethodPost, a.server.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(a.server.client.ID, a.server.secret)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		tokenResponse
		Error string `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return refusal{response.StatusCode, answer.Error}
	}
	if !a.forgets || form.Get("grant_type") == "authorization_code" {
		a.access = answer.AccessToken
	}
	a.expires = a.server.clock.Wall().Add(time.Duration(answer.ExpiresIn) * time.Second)
	if !a.keepsFirst || form.Get("grant_type") == "authorization_code" {
		a.refresh = answer.RefreshToken
	}
	return nil
}

// expired says whether the access token has expired, and with which refresh token to get another.
func (a *flawedApp) expired() (refresh string, yes bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refresh, !a.server.clock.Wall().Before(a.expires)
}

func (a *flawedApp) renew(refresh string) error {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	if a.refreshesAlone {
		other := &flawedApp{flawed: a.flawed, server: a.server}
		err := other.ask(form)
		a.mu.Lock()
		defer a.mu.Unlock()
		if err == nil {
			a.access, a.expires, a.refresh = other.access, other.expires, other.refresh
		}
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ask(form)
}

// fresh sees to it that the access token lives. It says whether there is a session still.
func (a *flawedApp) fresh() (status int) {
	if !a.refreshesAlone {
		a.turn.Lock()
		defer a.turn.Unlock()
	}
	refresh, expired := a.expired()
	switch {
	case !expired || a.looksAway:
		return http.StatusOK
	case a.neverRefreshes || refresh == "":
		return http.StatusUnauthorized
	}
	err := a.renew(refresh)
	for n := 0; n < 20 && err != nil; n++ {
		var refused refusal
		isRefused := errors.As(err, &refused)
		if isRefused && !(a.hammers && refused.status >= 500) || !isRefused && (a.givesUp || a.doesNotTryAgain) {
			break
		}
		err = a.renew(refresh)
	}
	var refused refusal
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &refused) && refused.code == "invalid_grant" && a.keepsDead:
		return http.StatusUnauthorized
	case errors.As(err, &refused) && (refused.code == "invalid_grant" || a.takesFault), !errors.As(err, &refused) && a.givesUp:
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.session = ""; !a.storesLate {
			a.refresh = ""
		}
		return http.StatusUnauthorized
	}
	return http.StatusBadGateway
}

func (a *flawedApp) me(w http.ResponseWriter, r *http.Request) {
	cookie, _ := r.Cookie("session")
	a.mu.Lock()
	known := cookie != nil && a.session != "" && cookie.Value == a.session
	a.mu.Unlock()
	status := http.StatusUnauthorized
	if known {
		status = a.fresh()
	}
	if status == http.StatusOK && !a.looksAway {
		a.mu.Lock()
		access := a.access
		a.mu.Unlock()
		status = a.userinfo(access)
	}
	switch {
	case status == http.StatusOK, a.pretends && cookie != nil:
		fmt.Fprintln(w, "Hello")
	case status == http.StatusUnauthorized && a.hasFault && cookie != nil:
		http.Error(w, "oops", http.StatusInternalServerError)
	case status == http.StatusUnauthorized && a.otherPage:
		http.Redirect(w, r, "/welcome", http.StatusSeeOther)
	case status == http.StatusUnauthorized:
		http.Redirect(w, r, "/start", http.StatusSeeOther)
	default:
		w.WriteHeader(status)
	}
}

// userinfo is the call that needs the access token.
func (a *flawedApp) userinfo(access string) int {
	r, err := http.NewRequest(http.MethodGet, a.server.issuer+"/userinfo", nil)
	if err != nil {
		return http.StatusInternalServerError
	}
	r.Header.Set("Authorization", "Bearer "+access)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return http.StatusBadGateway
	}
	response.Body.Close()
	return response.StatusCode
}

// newTestTrial starts the server of a test with a clock that passes at once.
func newTestTrial(t *testing.T, redirectURI, secret string, change func(*oauth.Client)) *trial {
	t.Helper()
	client := &oauth.Client{ID: "app", Name: "App", AuthMethod: oauth.AuthNone, RedirectURIs: []string{redirectURI}, Trusted: true}
	client.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
	client.Policy.AccessTokenLifetime = time.Minute // of the test's clock, which the machine's drives on, too
	if secret != "" {
		client.AuthMethod = oauth.AuthBasic
	}
	if change != nil {
		change(client)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	cheap := account.Cost{Memory: 64, Iterations: 1, Lanes: 1} // what a password costs is tested where passwords are
	s, err := newTrialServer(t.Context(), "127.0.0.1:0", client, secret, newDemoClock(), log, cheap)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, s.close()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Errorf("the database is still there: %v", err)
		}
	})
	return &trial{
		server: s, calls: 4, slow: 200 * time.Millisecond,
		pause: func(ctx context.Context, d time.Duration) error { return s.clock.pass(ctx, d, s.engine.Beat) },
	}
}

func TestAClientTestFindsWhatAnApplicationDoesWrong(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		name  string
		flaws flawed
		want  string // what did not pass, and how
	}{
		{"none", flawed{}, ""},
		{"with a page of its own for strangers", flawed{otherPage: true}, ""},
		{"keeps the first refresh token", flawed{keepsFirst: true}, "storing failed, lost response failed"},
		{"each call refreshes by itself", flawed{refreshesAlone: true}, "parallel refresh warning"},
		{"a lost answer ends the session", flawed{givesUp: true}, "lost response failed"},
		{"a lost answer fails the call", flawed{doesNotTryAgain: true}, "lost response warning"},
		{"a fault ends the session", flawed{takesFault: true}, "server away failed"},
		{"a fault ends the session and leads to another page", flawed{takesFault: true, otherPage: true}, "server away failed"},
		{"never refreshes", flawed{neverRefreshes: true}, "expiry failed, storing failed, parallel refresh failed, lost response failed, server away failed, replay failed, sign-in again failed"},
		{"does not look at the expiry", flawed{looksAway: true}, "expiry failed, lost response failed, server away failed, replay failed"},
		{"keeps a dead refresh token", flawed{keepsDead: true}, "replay warning"},
		{"pretends that there is a session", flawed{pretends: true}, "replay failed"},
		{"hammers a server that is out of order", flawed{hammers: true}, "server away warning"},
		{"asks for no refresh token", flawed{wantsNoRefresh: true}, "sign-in failed"},
		{"calls with the old access token", flawed{forgets: true}, "expiry failed, storing failed, parallel refresh failed, lost response failed, server away failed, sign-in again failed"},
		{"shows a fault instead of a sign-in", flawed{hasFault: true}, "replay warning"},
		{"keeps the refresh token of the sign-in before", flawed{storesLate: true}, "sign-in again failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && i > 3 {
				t.Skip("what happens at the same time is the same for all")
			}
			t.Parallel()
			a := newFlawedApp(t, c.flaws)
			tr := newTestTrial(t, a.url+"/callback", "the secret that the application has", func(c *oauth.Client) {
				if a.wantsNoRefresh {
					c.Policy.Refresh = oauth.RefreshOffline
				}
			})
			a.server = tr.server
			tr.app = &trialSite{server: tr.server, url: a.url + "/me", signInURL: a.url + "/start", wait: time.Minute, timeout: time.Minute}
			results, err := tr.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := notPassed(results); got != c.want {
				t.Errorf("got  %s\nwant %s\n%+v", got, c.want, results)
			}
			if c.want == "" && len(results) != 8 {
				t.Errorf("%d trials", len(results))
			}
		})
	}
}

func TestAClientTestRunsACommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, flaw string
		policy     oauth.Preset
		want       string
	}{
		{"that does everything right", "", oauth.PresetStandard, ""},
		{"that does everything right, and loses an answer under a strict policy", "", oauth.PresetStrict, "lost response warning"},
		{"that takes no turns, which the grace carries", "unlocked", oauth.PresetMultiProcess, "parallel refresh warning"},
		{"that takes no turns, which a strict policy does not stand", "unlocked", oauth.PresetStrict, "parallel refresh failed, lost response warning"},
		{"that does not store what it gets", "stale", oauth.PresetStandard, "storing failed, parallel refresh warning, lost response failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tr := newTestTrial(t, trialCallback, "", func(client *oauth.Client) {
				client.Policy, _ = oauth.PolicyOf(c.policy)
				client.Policy.AccessTokenLifetime = time.Minute // of the test's clock, which the machine's drives on, too
			})
			tr.app = &trialCommand{server: tr.server, args: []string{"tokenuser", c.flaw}, expect: "hello", wait: time.Minute, timeout: time.Minute}
			results, err := tr.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := notPassed(results); got != c.want {
				t.Errorf("got  %s\nwant %s\n%+v", got, c.want, results)
			}
		})
	}
}

func TestOfALongOutputTheBeginningIsKept(t *testing.T) {
	t.Parallel()
	var c capped
	long := strings.Repeat("0123456789", maxTrialAnswer/10+1000)
	if n, err := io.Copy(&c, strings.NewReader(long)); n != int64(len(long)) || err != nil || string(c.kept) != long[:maxTrialAnswer] {
		t.Errorf("%d of %d bytes are taken and %d kept: %v", n, len(long), len(c.kept), err)
	}
}

func notPassed(results []trialResult) string {
	var all []string
	for _, r := range results {
		if r.Outcome != trialPassed {
			all = append(all, r.Name+" "+string(r.Outcome))
		}
	}
	return strings.Join(all, ", ")
}

// tokenUserMain is a command that keeps its tokens in the file of a client test and asks for userinfo. Its flaws are its arguments.
func tokenUserMain() {
	flaw := strings.Join(os.Args[1:], " ")
	file := os.Getenv("REGRANT_TEST_TOKENS")
	lock, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil && flaw != "unlocked" {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		fail(err)
	}
	text, err := os.ReadFile(file)
	var tokens tokenResponse
	if err == nil {
		err = json.Unmarshal(text, &tokens)
	}
	if err != nil {
		fail(err)
	}
	call := func() int {
		r, _ := http.NewRequest(http.MethodGet, os.Getenv("REGRANT_TEST_ISSUER")+"/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			fail(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	switch {
	case tokens.RefreshToken == "":
		fail(errors.New("please sign in"))
	case call() == http.StatusOK:
		fmt.Println("hello")
		return
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken}, "client_id": {os.Getenv("REGRANT_TEST_CLIENT_ID")}}
	var response *http.Response
	for range 2 {
		if response, err = http.PostForm(os.Getenv("REGRANT_TEST_ISSUER")+"/token", form); err == nil {
			break
		}
	}
	if err != nil {
		fail(err)
	}
	var answer struct {
		tokenResponse
		Error string `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		fail(err)
	}
	if answer.Error == "invalid_grant" {
		os.WriteFile(file, []byte("{}"), 0o600)
		fail(errors.New("please sign in"))
	} else if answer.Error != "" {
		fail(errors.New(answer.Error))
	}
	tokens = answer.tokenResponse
	if text, err = json.Marshal(tokens); err == nil && flaw != "stale" {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		fail(err)
	}
	if call() != http.StatusOK {
		fail(errors.New("no hello"))
	}
	fmt.Println("hello")
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
