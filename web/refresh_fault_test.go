package web_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

// wantUnavailable is what a fault becomes: never a verdict.
func wantUnavailable(t testing.TB, a answer) {
	t.Helper()
	wantErrorStatus(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// machineErrors are what a store says when the machine fails.
var machineErrors = []error{
	fmt.Errorf("rotate: %w: database or disk is full (13)", db.ErrFault), fmt.Errorf("begin: %w: database is locked (5)", db.ErrFault),
	&os.PathError{Op: "write", Path: "regrant.db", Err: syscall.EIO}, context.DeadlineExceeded, db.ErrBusy, errors.New("something that nobody has thought of"),
}

// faultRules are GEN-00, T52 and RV-09: a store that fails is told as such, at each call of a whole session.
func faultRules(t *testing.T) {
	t.Run("GEN-00 whatever call of the store fails, nobody hears a verdict, and the next try goes on", func(t *testing.T) {
		s, f := faultySite(t)
		clean := newSession(t, s, f)
		clean.run()
		calls := clean.calls
		t.Logf("%d calls: %s", len(calls), strings.Join(calls, " "))
		for _, method := range []string{"Client", "IssueCode", "RedeemCode", "RotateRefreshToken", "TouchRefreshToken", "AddWindowKey", "RevokeReused", "RevokeGrant", "CommitCtx", "FinishSignIn"} {
			if !slices.Contains(calls, method) {
				t.Errorf("the session does without %s", method)
			}
		}
		for k := range calls {
			if testing.Short() && k%4 > 0 {
				continue
			}
			session := newSession(t, s, f)
			f.set(k+1, machineErrors[k%len(machineErrors)], false)
			session.run()
			if session.fired == "" {
				t.Errorf("call %d was never made", k+1)
			}
		}
	})
	t.Run("GEN-00 a write that happens and is reported as failed is no verdict either", func(t *testing.T) {
		s, f := faultySite(t)
		clean := newSession(t, s, f)
		clean.run()
		calls := clean.calls
		for k, method := range calls {
			if slices.Contains([]string{"SaveAuthorizationRequest", "IssueCode", "RedeemCode", "CommitCtx", "FinishSignIn", "CountGuess", "DeleteCtx"}, method) {
				continue // trying again after these begins anew, by design: a code is spent, a request over
			}
			session := newSession(t, s, f)
			f.set(k+1, machineErrors[k%len(machineErrors)], true)
			session.run()
		}
	})
	t.Run("T52 a database that another program has locked", func(t *testing.T) {
		s := newSite(t)
		f := s.rotated()
		before := f.row()
		other, err := sql.Open("sqlite", "file:"+s.path+"?_txlock=exclusive")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		tx, err := other.Begin()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for _, a := range f.together(5, 1) {
			wantUnavailable(t, a)
		}
		wantUnavailable(t, s.post("/revoke", f.client, url.Values{"token": {f.tokens[1]}})) // RV-09
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("the answers took %v", took)
		}
		wantOK(t, f.use(0)) // a replay writes nothing
		f.alive()           // nor does introspection
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		f.unchanged(before)
		wantOK(t, f.use(1))
		f.alive()
	})
	t.Run("T52 a disk that is full", func(t *testing.T) {
		s := newSite(t)
		f := s.rotated()
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
			t.Skipf("a small disk needs the right to mount: %v", err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		s.stop()
		files := copyOf(t, s)
		s.path = filepath.Join(dir, "regrant.db")
		putBack(t, s, files)
		s.start(nil)
		t.Cleanup(func() { s.db.Close() })
		wantOK(t, f.use(1))
		filler := filepath.Join(dir, "filler")
		if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the disk is not full: %v", err)
		}
		var a answer
		for range 2000 { // until the room in the WAL is used up
			if a = f.use(f.current()); a.status != http.StatusOK {
				break
			}
		}
		before := f.row()
		wantUnavailable(t, a)
		wantUnavailable(t, f.use(f.current()))
		wantUnavailable(t, s.post("/revoke", f.client, url.Values{"token": {f.tokens[f.current()]}}))
		f.alive()
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		f.unchanged(before)
		wantOK(t, f.use(f.current()))
		f.alive()
	})
	t.Run("RV-10 a revocation that was answered is on the disk", func(t *testing.T) {
		s := newSite(t)
		f := s.rotated()
		if a := s.post("/revoke", f.client, url.Values{"token": {f.tokens[1]}}); a.status != http.StatusOK {
			t.Fatal(a.status)
		}
		copied := copyOf(t, s)
		s.stop()
		putBack(t, s, copied)
		s.start(nil)
		f.revoked(oauth.RevokedClient)
	})
}

// faultySite is a site whose stores fail on demand.
func faultySite(t *testing.T) (*site, *faults) {
	t.Helper()
	s, f := newSite(t), &faults{}
	s.addClient("touch", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://touch.test/cb"}, Trusted: true,
		Scope: oauth.Scope{"openid", "read", "offline_access"}})
	s.change("touch", func(c *oauth.Client) { c.Policy.RotationOff = true })
	s.stop()
	s.startOver(func(d *db.DB) stores {
		return stores{faultyStore{d, f}, faultyPeople{d, f}, faultySessions{d.SessionStore(s.clock.Wall), f}}
	})
	return s, f
}
