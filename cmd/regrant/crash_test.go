package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// TestKillingTheServerLosesNothing kills the real server in the middle of rotations, again and again. The oracle is the log
// of each application, which is on the disk before a request is sent and after an answer has come whole: no acknowledged
// rotation is lost, a lost answer heals with one successor, nobody honest is signed out, one token lives, what was revoked
// stays so, a code is redeemed once, and the file is whole.
func TestKillingTheServerLosesNothing(t *testing.T) {
	t.Setenv("REGRANT_TOKEN_BUDGET", "0")
	kills, applications := 50, 12
	if testing.Short() {
		kills, applications = 5, 6
	}
	c := newCrash(t, applications)
	for kill := range kills {
		c.untilKilled(time.Duration(20+mathrand.IntN(250)) * time.Millisecond)
		switch {
		case kill == kills/2 && !testing.Short():
			time.Sleep(11 * time.Second) // longer than any window of these clients is open
		case kill%10 == 3:
			c.server.start() // and again, as soon as it is there
			c.server.stop()
		}
		if kill%5 == 0 || kill == kills-1 {
			c.examineCopy()
		}
		c.server.start()
		c.verify()
		if t.Failed() {
			t.Fatalf("after %d kills", kill+1)
		}
	}
	acked := 0
	for _, a := range c.applications {
		acked += len(a.readLog().acked)
	}
	t.Logf("%d kills, %d acknowledged rotations", kills, acked)
	if acked < kills {
		t.Error("so little was done between two kills that this proves nothing")
	}
}

// crash is a server that is killed, and those who use it.
type crash struct {
	t            *testing.T
	server       *realServer
	id, secret   string
	person       string
	applications []*crashedApplication
	revoked      []string // refresh tokens whose revocation was answered
	spent        []string // codes whose redemption was answered
}

func newCrash(t *testing.T, applications int) *crash {
	t.Helper()
	c := &crash{t: t, server: newRealServer(t)}
	c.id, c.secret = c.server.client(scriptCallback, "--trusted")
	c.store(func(d *db.DB) {
		people, err := d.ListPeople(t.Context(), "", 1)
		if err != nil || len(people) != 1 {
			t.Fatal(len(people), err)
		}
		c.person = people[0].ID
	})
	for i := range applications {
		log, err := os.OpenFile(filepath.Join(t.TempDir(), fmt.Sprintf("application %d", i)), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() })
		a := &crashedApplication{crash: c, log: log}
		_, token := c.grant()
		a.write("ack", token)
		c.applications = append(c.applications, a)
	}
	return c
}

// store opens the database beside the server.
func (c *crash) store(do func(*db.DB)) {
	c.t.Helper()
	d, err := db.Open(c.t.Context(), c.server.db, db.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	defer d.Close()
	do(d)
}

// grant makes a grant, with a code that nobody had to sign in for.
func (c *crash) grant() (code, token string) {
	c.t.Helper()
	code = rand.Text()
	hash, sum := sha256.Sum256([]byte(code)), sha256.Sum256([]byte(scriptVerifier))
	c.store(func(d *db.DB) {
		now := time.Now().UTC()
		if err := d.IssueCode(c.t.Context(), "", &oauth.AuthorizationCode{
			Hash: hash[:], ClientID: c.id, PersonID: c.person, SessionID: "s", RedirectURI: scriptCallback, Scope: oauth.Scope{"email", "offline_access"},
			CodeChallenge:  base64.RawURLEncoding.EncodeToString(sum[:]),
			Authentication: oauth.Authentication{AuthTime: now}, CreatedAt: now, ExpiresAt: now.Add(oauth.CodeLifetime),
		}, nil, nil); err != nil {
			c.t.Fatal(err)
		}
	})
	status, body, err := c.redeem(code)
	if err != nil || status != http.StatusOK {
		c.t.Fatalf("redeem: %d %v %v", status, body, err)
	}
	return code, body["refresh_token"].(string)
}

func (c *crash) redeem(code string) (int, map[string]any, error) {
	return c.post("/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {scriptVerifier}, "redirect_uri": {scriptCallback}})
}

func (c *crash) refresh(token string) (int, map[string]any, error) {
	return c.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (c *crash) active(token string) bool {
	c.t.Helper()
	status, body, err := c.post("/introspect", url.Values{"token": {token}})
	if err != nil || status != http.StatusOK {
		c.t.Fatalf("introspect: %d %v", status, err)
	}
	return body["active"] == true
}

// post gives an error unless the answer came whole.
func (c *crash) post(path string, form url.Values) (int, map[string]any, error) {
	r, err := http.NewRequest(http.MethodPost, c.server.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	body := map[string]any{}
	if len(b) > 0 {
		err = json.Unmarshal(b, &body)
	}
	return response.StatusCode, body, err
}

// untilKilled lets the applications work, and one grant be made and revoked, until the server is killed.
func (c *crash) untilKilled(after time.Duration) {
	c.t.Helper()
	code, token := c.grant()
	c.spent = append(c.spent, code)
	var all sync.WaitGroup
	for _, a := range c.applications {
		all.Go(a.work)
	}
	if status, _, err := c.post("/revoke", url.Values{"token": {token}}); err != nil || status != http.StatusOK {
		c.t.Errorf("revoke: %d %v", status, err)
	}
	c.revoked = append(c.revoked, token)
	time.Sleep(after)
	c.server.stop()
	all.Wait()
}

// verify holds the server that has started again to what the logs say.
func (c *crash) verify() {
	c.t.Helper()
	for i, a := range c.applications {
		log := a.readLog()
		if log.pending != "" {
			successors := map[any]bool{}
			for range 3 {
				status, body, err := c.refresh(log.pending)
				if err != nil || status != http.StatusOK {
					c.t.Fatalf("application %d: the answer was lost, and the next try gets %d %v %v", i, status, body["error"], err)
				}
				successors[body["refresh_token"]] = true
			}
			if len(successors) != 1 {
				c.t.Errorf("application %d: %d successors", i, len(successors))
			}
			for s := range successors {
				a.write("ack", s.(string))
			}
			log = a.readLog()
		}
		last := len(log.acked) - 1
		if !c.active(log.acked[last]) {
			c.t.Errorf("application %d: an acknowledged rotation was lost", i)
		}
		for _, older := range log.acked[max(0, last-5):last] {
			if c.active(older) {
				c.t.Errorf("application %d: two tokens live", i)
			}
		}
	}
	for _, token := range c.revoked {
		if c.active(token) {
			c.t.Error("a revocation was undone")
		}
	}
	for _, code := range c.spent[max(0, len(c.spent)-3):] {
		if status, body, err := c.redeem(code); err != nil || status != http.StatusBadRequest || body["error"] != "invalid_grant" {
			c.t.Errorf("a code was accepted twice: %d %v %v", status, body, err)
		}
	}
}

// examineCopy looks at what the kill has left, on a copy, since some of it revokes.
func (c *crash) examineCopy() {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(c.server.db + suffix)
		if err == nil {
			err = os.WriteFile(path+suffix, b, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			c.t.Fatal(err)
		}
	}
	ctx := context.Background()
	d, err := db.Open(ctx, path, db.Options{Server: true})
	if err != nil {
		c.t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.VerifyAudit(ctx); err != nil {
		c.t.Error(err)
	}
	q, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer q.Close()
	var said string
	if err := q.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		c.t.Errorf("integrity_check: %q %v", said, err)
	}
	if err := q.QueryRow("PRAGMA foreign_key_check").Scan(&said); !errors.Is(err, sql.ErrNoRows) {
		c.t.Errorf("foreign_key_check: %v", err)
	}
	engine, err := oauth.New(ctx, oauth.Config{Issuer: c.server.issuer}, d)
	if err != nil {
		c.t.Fatal(err)
	}
	for i, a := range c.applications {
		log := a.readLog()
		for _, older := range log.acked[max(0, len(log.acked)-8):max(0, len(log.acked)-2)] {
			var refused *oauth.Error
			_, err := engine.Token(ctx, oauth.TokenRequest{
				Client:    oauth.ClientCredentials{ClientID: c.id, Secret: c.secret, Method: oauth.AuthBasic},
				GrantType: oauth.GrantRefreshToken, RefreshToken: older, By: audit.Origin{},
			})
			if !errors.As(err, &refused) || refused.Code != oauth.InvalidGrant {
				c.t.Errorf("application %d: an older generation got %v", i, err)
			}
		}
	}
}

// crashedApplication is an honest application with a log of its own.
type crashedApplication struct {
	*crash
	log *os.File
}

// work refreshes until the server is gone: one request, or two at once with the same token, as tabs do.
func (a *crashedApplication) work() {
	log := a.readLog()
	token := log.acked[len(log.acked)-1]
	for round := 0; ; round++ {
		a.write("intent", token)
		var twin sync.WaitGroup
		if round%4 == 3 {
			twin.Go(func() {
				if status, body, err := a.refresh(token); err == nil && status != http.StatusOK && status < 500 {
					a.t.Errorf("an honest application is refused: %d %v", status, body["error"])
				}
			})
		}
		status, body, err := a.refresh(token)
		twin.Wait() // nobody honest uses a successor while the token before it is under way
		switch {
		case err != nil || status >= 500:
			return
		case status != http.StatusOK:
			a.t.Errorf("an honest application is refused: %d %v", status, body["error"])
			return
		}
		token = body["refresh_token"].(string)
		a.write("ack", token)
	}
}

// write adds a line that is on the disk when it returns.
func (a *crashedApplication) write(what, token string) {
	_, err := fmt.Fprintln(a.log, what, token)
	if err := errors.Join(err, a.log.Sync()); err != nil {
		a.t.Error(err)
	}
}

// crashLog is what a log says: the tokens that came, and the one that was sent without an answer.
type crashLog struct {
	acked   []string
	pending string
}

func (a *crashedApplication) readLog() (log crashLog) {
	b, err := os.ReadFile(a.log.Name())
	if err != nil {
		a.t.Error(err)
	}
	for line := range bytes.Lines(b) {
		what, token, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		if what == "intent" {
			log.pending = token
			continue
		}
		log.pending = ""
		if len(log.acked) == 0 || log.acked[len(log.acked)-1] != token {
			log.acked = append(log.acked, token)
		}
	}
	return log
}
