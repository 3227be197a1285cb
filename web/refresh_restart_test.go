package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
	"regrant/web"
)

// restart ends the server as a crash does, with nothing saved on the way, and starts it on the same file when so much time
// has passed.
func (s *site) restart(down time.Duration) {
	s.t.Helper()
	s.stop()
	s.clock.jump(down)
	s.start(nil)
}

func (s *site) stop() {
	s.t.Helper()
	if err := s.db.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// start starts a server on the file of a site that was stopped.
func (s *site) start(wrap func(oauth.Store) oauth.Store) {
	s.t.Helper()
	s.startOver(func(d *db.DB) stores {
		over := stores{d, d, d.SessionStore(s.clock.Wall)}
		if wrap != nil {
			over.oauth = wrap(d)
		}
		return over
	})
}

// stores is what the parts of a server see of the database.
type stores struct {
	oauth    oauth.Store
	people   account.Store
	sessions web.SessionStore
}

func (s *site) startOver(wrap func(*db.DB) stores) {
	s.t.Helper()
	ctx := context.Background()
	var err error
	if s.db, err = db.Open(ctx, s.path, db.Options{Server: true, MasterKey: s.master}); err != nil {
		s.t.Fatal(err)
	}
	opened := s.db
	s.t.Cleanup(func() { opened.Close() })
	over := wrap(s.db)
	hasher, err := account.NewHasher(account.HasherOptions{Cost: account.Cost{Memory: 64, Iterations: 1, Lanes: 1}, Parallel: 2})
	if err != nil {
		s.t.Fatal(err)
	}
	s.people = account.New(over.people, hasher, account.Options{})
	s.clock.forgetMonotonic()
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	if s.engine, err = oauth.New(ctx, oauth.Config{Issuer: s.issuer, Time: s.clock, Alarm: log.Warn}, over.oauth); err != nil {
		s.t.Fatal(err)
	}
	handler, err := web.New(web.Config{Issuer: s.issuer, Log: log, Now: s.clock.Wall, Store: s.db}, s.engine, s.people, over.sessions, s.db.Ready)
	if err != nil {
		s.t.Fatal(err)
	}
	server := httptest.NewTLSServer(handler)
	s.t.Cleanup(server.Close)
	s.dial(server.Listener.Addr())
}

// forgetMonotonic is what a new process knows of the old one's monotonic clock.
func (c *fakeClock) forgetMonotonic() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mono = 0
}

// restartRules are what a stop, a crash or a power cut may and may not change.
func restartRules(t *testing.T) {
	rule := func(name string, check func(t *testing.T, s *site)) {
		t.Helper()
		t.Run(name, func(t *testing.T) { check(t, newSite(t)) })
	}
	rule("T7 S13 a response that was lost with the server, however long that was down", func(t *testing.T, s *site) {
		for _, down := range []time.Duration{0, 11 * time.Second, time.Hour} {
			f := s.rotated()
			s.pass(5 * time.Second)
			before := f.row()
			s.restart(down)
			s.pass(4 * time.Second)
			wantOK(t, f.use(0))
			f.unchanged(before)
			if len(f.tokens) != 2 {
				t.Error("another successor")
			}
			f.alive()
			s.pass(2 * time.Second) // the window is over now, and not a second longer
			wantError(t, f.use(0), "invalid_grant")
			f.revoked(oauth.RevokedReuse)
		}
	})
	rule("T7 the credit is for the previous generation alone", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		s.restart(time.Minute)
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
	})
	rule("T7 a freeze counts as downtime", func(t *testing.T, s *site) {
		f := s.rotated()
		s.pass(2 * time.Second)
		s.clock.jump(30 * time.Second)
		wantOK(t, f.use(0))
		s.pass(9 * time.Second)
		wantError(t, f.use(0), "invalid_grant")
	})
	rule("RT-19 a restart opens no window that was closed", func(t *testing.T, s *site) {
		for _, down := range []time.Duration{0, time.Hour} {
			f := s.rotated()
			s.pass(12 * time.Second)
			s.restart(down)
			wantError(t, f.use(0), "invalid_grant")
			f.revoked(oauth.RevokedReuse)
		}
	})
	rule("RT-19 not even while another window is open", func(t *testing.T, s *site) {
		f := s.rotated()
		s.pass(9 * time.Second)
		other := s.rotated()
		s.pass(3 * time.Second)
		s.restart(time.Hour)
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
		wantOK(t, other.use(0))
		other.alive()
	})
	rule("RT-19 an idle server that stops and starts keeps closed what is closed", func(t *testing.T, s *site) {
		f := s.rotated()
		s.pass(time.Hour)
		for range 5 {
			s.restart(time.Minute)
		}
		wantError(t, f.use(0), "invalid_grant")
	})
	rule("T43 a crash before the commit", func(t *testing.T, s *site) {
		f := s.family()
		s.stop()
		s.start(func(store oauth.Store) oauth.Store { return &rotationCut{Store: store} })
		before := f.row()
		wantUnavailable(t, f.use(0))
		f.unchanged(before)
		s.restart(time.Minute)
		wantOK(t, f.use(0))
		f.alive()
	})
	rule("T44 a crash after the commit, before the answer", func(t *testing.T, s *site) {
		f := s.family()
		s.stop()
		s.start(func(store oauth.Store) oauth.Store { return &rotationCut{Store: store, committed: true} })
		wantUnavailable(t, f.use(0))
		s.restart(time.Minute)
		before := f.row()
		if before.Generation != 1 {
			t.Fatal("nothing was committed")
		}
		for range 3 {
			wantOK(t, f.use(0))
		}
		f.unchanged(before)
		if len(f.tokens) != 2 {
			t.Errorf("%d successors", len(f.tokens)-1)
		}
		f.alive()
		wantOK(t, f.use(1))
	})
	rule("T45 what was answered is on the disk", func(t *testing.T, s *site) {
		f := s.rotated()
		copied := copyOf(t, s) // as a power cut would leave it, WAL and all
		s.stop()
		putBack(t, s, copied)
		s.start(nil)
		wantOK(t, f.use(1))
		f.alive()
	})
	rule("T45 S14 storage that lied makes a token of the future, not a reused one", func(t *testing.T, s *site) {
		f := s.rotated()
		copied := copyOf(t, s)
		wantOK(t, f.use(1))
		s.stop()
		putBack(t, s, copied)
		s.start(nil)
		before := f.row()
		wantError(t, f.use(2), "invalid_grant")
		f.unchanged(before)
		f.onlyEvent(audit.TokenFuture)
		wantOK(t, f.present(f.client, f.tokens[1]))
	})
}

// rotationCut reports every rotation as failed, before it happens or after.
type rotationCut struct {
	oauth.Store
	committed bool
}

func (c *rotationCut) RotateRefreshToken(ctx context.Context, r *oauth.Rotation) error {
	if c.committed {
		if err := c.Store.RotateRefreshToken(ctx, r); err != nil {
			return err
		}
	}
	return errors.New("the power was cut")
}

// copyOf gives the files of the database as they are on the disk at this moment.
func copyOf(t testing.TB, s *site) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(s.path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		files[suffix] = b
	}
	return files
}

func putBack(t testing.TB, s *site, files map[string][]byte) {
	t.Helper()
	os.Remove(s.path + "-shm")
	for suffix, b := range files {
		if err := os.WriteFile(s.path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// dial lets the client of this site speak to addr.
func (s *site) dial(addr net.Addr) {
	transport := s.http.Transport.(*http.Transport)
	transport.CloseIdleConnections()
	transport = transport.Clone()
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr.String())
	}
	s.http = &http.Client{Transport: transport, CheckRedirect: s.http.CheckRedirect}
}
