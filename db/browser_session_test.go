package db

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"regrant/app/account"
	"regrant/app/audit"
)

var _ scs.CtxStore = (*SessionStore)(nil)

// browser is a session manager over d, as package web sets it up, by a clock that the test moves.
type browser struct {
	*scs.SessionManager
	now time.Time
}

func newBrowser(d *DB) *browser {
	b := &browser{SessionManager: scs.New(), now: t0}
	b.Store, b.Codec, b.HashTokenInStore = d.SessionStore(func() time.Time { return b.now }), account.SessionCodec{}, true
	return b
}

// begin signs a person in and returns the token of the cookie.
func (b *browser) begin(t testing.TB, p account.Person) (string, account.Session) {
	t.Helper()
	s := account.NewSession(&account.SignedIn{Person: p, AuthTime: b.now, AMR: []string{"pwd"}, ACR: account.ACRSingleFactor}, from("192.0.2.1"))
	token, err := b.commit(t, "", s)
	if err != nil {
		t.Fatal(err)
	}
	return token, s
}

func (b *browser) commit(t testing.TB, token string, s account.Session) (string, error) {
	t.Helper()
	ctx, err := b.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	b.SetDeadline(ctx, b.now.Add(30*24*time.Hour))
	b.Put(ctx, account.SessionKey, s)
	token, _, err = b.Commit(ctx)
	return token, err
}

// session is what the token leads to; none if it leads nowhere.
func (b *browser) session(t testing.TB, token string) (account.Session, bool) {
	t.Helper()
	ctx, err := b.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := b.Get(ctx, account.SessionKey).(account.Session)
	return s, ok
}

func TestBrowserSession(t *testing.T) {
	setUp := func(t *testing.T, role account.Role) (*DB, *account.People, *browser, account.Person) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		ann, err := p.Create(t.Context(), account.NewPerson{Email: "ann@example.com", Password: secret, Role: role}, admin, t0)
		if err != nil {
			t.Fatal(err)
		}
		return d, p, newBrowser(d), ann
	}

	t.Run("WEB-25 a session comes back as it was stored, and its token is stored hashed", func(t *testing.T) {
		d, _, b, ann := setUp(t, account.RolePerson)
		token, s := b.begin(t, ann)
		ctx, _ := b.Load(t.Context(), token)
		b.Put(ctx, "flash", "saved")
		if _, _, err := b.Commit(ctx); err != nil {
			t.Fatal(err)
		}

		got, ok := b.session(t, token)

		if !ok || got.ID != s.ID || got.PersonID != ann.ID || !got.AuthTime.Equal(t0) || strings.Join(got.AMR, " ") != "pwd" ||
			got.ACR != s.ACR || got.IP != "192.0.2.1" || got.UserAgent != "test" || !got.LastSeenAt.Equal(t0) {
			t.Fatalf("got %+v", got)
		}
		ctx, _ = b.Load(t.Context(), token)
		if b.GetString(ctx, "flash") != "saved" {
			t.Error("the other values are lost")
		}
		if n := count(t, d, "SELECT COUNT(*) FROM sessions WHERE token_hash = $1 OR CAST(data AS text) LIKE '%' || $1 || '%'", token); n != 0 {
			t.Error("the token is in the database")
		}
	})

	for _, c := range []struct {
		role           account.Role
		idle, absolute time.Duration
	}{{account.RolePerson, 12 * time.Hour, 30 * 24 * time.Hour}, {account.RoleAdmin, 30 * time.Minute, 12 * time.Hour}} {
		t.Run("WEB-27 idle and absolute timeout of role "+string(c.role), func(t *testing.T) {
			_, p, b, ann := setUp(t, c.role)
			token, _ := b.begin(t, ann)
			b.now = t0.Add(c.idle - time.Second)
			if _, ok := b.session(t, token); !ok {
				t.Fatal("over before its idle time")
			}
			b.now = t0.Add(c.idle)
			if _, ok := b.session(t, token); ok {
				t.Fatal("alive after its idle time")
			}

			b.now = t0
			token, _ = b.begin(t, ann)
			for b.now.Before(t0.Add(c.absolute)) {
				s, ok := b.session(t, token)
				if !ok {
					t.Fatalf("over at %v although it is used", b.now.Sub(t0))
				}
				if err := p.TouchSession(t.Context(), s, ann.Role, b.now); err != nil {
					t.Fatal(err)
				}
				b.now = b.now.Add(c.idle / 2)
			}
			if _, ok := b.session(t, token); ok {
				t.Fatal("alive after its absolute time")
			}
		})
	}

	t.Run("a session is touched at most once a minute", func(t *testing.T) {
		d, p, b, ann := setUp(t, account.RolePerson)
		token, _ := b.begin(t, ann)
		for _, c := range []struct{ at, seen time.Duration }{{59 * time.Second, 0}, {60 * time.Second, time.Minute}, {119 * time.Second, time.Minute}} {
			s, _ := b.session(t, token)
			if err := p.TouchSession(t.Context(), s, ann.Role, t0.Add(c.at)); err != nil {
				t.Fatal(err)
			}
			if s, _ = b.session(t, token); !s.LastSeenAt.Equal(t0.Add(c.seen)) {
				t.Errorf("at %v: last seen %v", c.at, s.LastSeenAt.Sub(t0))
			}
		}
		s, _ := b.session(t, token)
		stale := s
		stale.LastSeenAt = t0 // another request read it before it was touched
		if err := p.TouchSession(t.Context(), stale, ann.Role, t0.Add(90*time.Second)); err != nil {
			t.Fatal(err)
		}
		if again, _ := b.session(t, token); !again.LastSeenAt.Equal(s.LastSeenAt) {
			t.Error("touched twice in a minute")
		}
		_ = d
	})

	t.Run("WEB-26 another token keeps the session, and the old one is dead", func(t *testing.T) {
		_, _, b, ann := setUp(t, account.RolePerson)
		token, s := b.begin(t, ann)
		ctx, _ := b.Load(t.Context(), token)
		if err := b.RenewToken(ctx); err != nil {
			t.Fatal(err)
		}
		renewed, _, err := b.Commit(ctx)
		if err != nil || renewed == token {
			t.Fatal(renewed, err)
		}
		if _, ok := b.session(t, token); ok {
			t.Error("the old token still works")
		}
		if got, ok := b.session(t, renewed); !ok || got.ID != s.ID {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("LO-06 signing out ends the session and its grants without offline_access, and no other", func(t *testing.T) {
		d, p, b, ann := setUp(t, account.RolePerson)
		token, s := b.begin(t, ann)
		other, s2 := b.begin(t, ann)
		for id, row := range map[string]map[string]any{
			"online":         {"session_id": s.ID},
			"offline":        {"session_id": s.ID, "offline_at": 1},
			"other online":   {"session_id": s2.ID},
			"revoked before": {"session_id": s.ID, "revoked_at": 7, "revoked_reason": "user"},
		} {
			row["id"], row["person_id"] = id, ann.ID
			insert(t, d, "grants", row)
		}
		insert(t, d, "codes", map[string]any{"hash": []byte("c"), "session_id": s.ID, "person_id": ann.ID})

		if err := p.SignOut(t.Context(), s, from("192.0.2.1"), t0.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}

		if _, ok := b.session(t, token); ok {
			t.Error("WEB-27: the cookie still works")
		}
		if _, ok := b.session(t, other); !ok {
			t.Error("the other session ended too")
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE id = 'online' AND revoked_reason = 'logout' AND revoked_at = $1 AND version = 1", micros(t0.Add(time.Minute))); n != 1 {
			t.Error("the grant without offline_access lives")
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE revoked_reason = 'logout'"); n != 1 {
			t.Errorf("%d grants were revoked", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM codes"); n != 0 {
			t.Error("an open code is left")
		}
		if e := lastEvent(t, d); e.Kind != audit.SignedOut || e.Detail != "sessions=1 grants=1" {
			t.Errorf("got %+v", e)
		}
		if err := p.SignOut(t.Context(), s, from("192.0.2.1"), t0.Add(time.Hour)); err != nil {
			t.Errorf("signing out twice: %v", err)
		}
	})

	t.Run("LO-06 the expiry of a session ends no grant", func(t *testing.T) {
		d, p, b, ann := setUp(t, account.RolePerson)
		_, s := b.begin(t, ann)
		insert(t, d, "grants", map[string]any{"id": "g", "person_id": ann.ID, "session_id": s.ID})
		if n, err := p.Sweep(t.Context(), t0.Add(12*time.Hour)); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := p.Sweep(t.Context(), t0.Add(12*time.Hour+time.Second)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL"); n != 1 {
			t.Error("the grant was revoked")
		}
	})

	t.Run("WEB-28 a session can be ended from another one, but not somebody else's", func(t *testing.T) {
		d, p, b, ann := setUp(t, account.RolePerson)
		bob := create(t, p, "bob@example.com")
		token, s := b.begin(t, ann)
		want(t, p.EndSession(t.Context(), bob.ID, s.ID, from("192.0.2.1"), t0), account.ErrNotFound)
		if _, ok := b.session(t, token); !ok {
			t.Fatal("somebody else ended it")
		}
		if err := p.EndSession(t.Context(), ann.ID, s.ID, from("192.0.2.1"), t0); err != nil {
			t.Fatal(err)
		}
		if _, ok := b.session(t, token); ok {
			t.Error("it still works")
		}
		want(t, p.EndSession(t.Context(), ann.ID, s.ID, from("192.0.2.1"), t0), account.ErrNotFound)
		_ = d
	})

	t.Run("WEB-28 all other sessions end, with what was granted elsewhere", func(t *testing.T) {
		d, p, b, ann := setUp(t, account.RolePerson)
		here, s := b.begin(t, ann)
		there, s2 := b.begin(t, ann)
		b.begin(t, ann)
		insert(t, d, "grants", map[string]any{"id": "here", "person_id": ann.ID, "session_id": s.ID})
		insert(t, d, "grants", map[string]any{"id": "there", "person_id": ann.ID, "session_id": s2.ID})
		insert(t, d, "grants", map[string]any{"id": "expired session", "person_id": ann.ID, "session_id": "long gone"})
		insert(t, d, "grants", map[string]any{"id": "offline", "person_id": ann.ID, "session_id": s2.ID, "offline_at": 1})

		n, err := p.EndOtherSessions(t.Context(), ann.ID, s.ID, from("192.0.2.1"), t0)

		if n != 2 || err != nil {
			t.Fatal(n, err)
		}
		if _, ok := b.session(t, here); !ok {
			t.Error("the own session ended")
		}
		if _, ok := b.session(t, there); ok {
			t.Error("another one lives")
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE revoked_reason = 'logout' AND id IN ('there', 'expired session')"); n != 2 {
			t.Errorf("%d", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL"); n != 2 {
			t.Errorf("%d", n)
		}
		before := lastEvent(t, d).Seq
		if n, err := p.EndOtherSessions(t.Context(), ann.ID, s.ID, from("192.0.2.1"), t0); n != 0 || err != nil || lastEvent(t, d).Seq != before {
			t.Error("nothing happened, and was recorded", n, err)
		}
	})

	t.Run("a request under way does not bring an ended session back", func(t *testing.T) {
		for name, renew := range map[string]bool{"with its token": false, "with another token": true} {
			t.Run(name, func(t *testing.T) {
				_, p, b, ann := setUp(t, account.RolePerson)
				token, s := b.begin(t, ann)
				ctx, _ := b.Load(t.Context(), token)
				if renew {
					if err := b.RenewToken(ctx); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.EndSession(t.Context(), ann.ID, s.ID, from("192.0.2.1"), t0); err != nil {
					t.Fatal(err)
				}
				b.Put(ctx, "flash", "x")
				token, _, err := b.Commit(ctx)
				want(t, err, account.ErrSessionEnded)
				if _, ok := b.session(t, token); ok {
					t.Error("it is back")
				}
			})
		}
	})

	t.Run("T21 a sign-in under way gets no session after the person was disabled, even if enabled again", func(t *testing.T) {
		for name, meanwhile := range map[string]func(*account.People, account.Person) error{
			"disabled": func(p *account.People, a account.Person) error { return p.Disable(t.Context(), a.ID, admin, t0.Add(1)) },
			"deleted":  func(p *account.People, a account.Person) error { return p.Delete(t.Context(), a.ID, admin, t0.Add(1)) },
			"disabled and enabled": func(p *account.People, a account.Person) error {
				return errors.Join(p.Disable(t.Context(), a.ID, admin, t0.Add(time.Second)), p.Enable(t.Context(), a.ID, admin, t0.Add(time.Second)))
			},
			"given another password": func(p *account.People, a account.Person) error {
				return p.SetPassword(t.Context(), a.ID, "another teapot on the shelf", admin, t0.Add(time.Second))
			},
			"changed their password": func(p *account.People, a account.Person) error {
				c := account.PasswordChange{PersonID: a.ID, SessionID: "elsewhere", Current: secret, New: "another teapot on the shelf", EndOthers: true}
				return p.ChangePassword(t.Context(), c, from("192.0.2.1"), t0.Add(time.Second))
			},
		} {
			_, p, b, ann := setUp(t, account.RolePerson)
			s, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.1"), t0)
			if err != nil {
				t.Fatal(err)
			}
			if err := meanwhile(p, ann); err != nil {
				t.Fatal(name, err)
			}
			_, err = b.commit(t, "", account.NewSession(s, from("192.0.2.1")))
			if !errors.Is(err, account.ErrSessionEnded) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})

	t.Run("WEB-65 a browser that is not signed in stores nothing", func(t *testing.T) {
		d, _, b, _ := setUp(t, account.RolePerson)
		ctx, _ := b.Load(t.Context(), "")
		b.Put(ctx, "flash", "x")
		_, _, err := b.Commit(ctx)
		want(t, err, account.ErrNoSession)
		if n := count(t, d, "SELECT COUNT(*) FROM sessions"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})

	t.Run("GEN-00 a fault is neither signed in nor signed out", func(t *testing.T) {
		d, _, b, ann := setUp(t, account.RolePerson)
		token, _ := b.begin(t, ann)
		execute(t, d, "UPDATE sessions SET data = X'7b'")
		_, err := b.Load(t.Context(), token)
		want(t, err, ErrFault)
		d.Close()
		_, err = b.Load(t.Context(), token)
		want(t, err, ErrFault)
	})

	t.Run("sessions that are ended and stored at once end up ended", func(t *testing.T) {
		_, p, b, ann := setUp(t, account.RolePerson)
		for range 100 {
			token, s := b.begin(t, ann)
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := p.SignOut(context.Background(), s, from("192.0.2.1"), t0); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := b.commit(t, token, s); err != nil && !errors.Is(err, account.ErrSessionEnded) {
					t.Error(err)
				}
			})
			wg.Wait()
			if left, err := p.Sessions(t.Context(), ann.ID, t0); err != nil || len(left) != 0 {
				t.Fatal(left, err)
			}
		}
	})

	t.Run("devices and counters are swept when they are old", func(t *testing.T) {
		d, p, _, _ := setUp(t, account.RolePerson)
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, "laptop"), from("192.0.2.1"), t0); err != nil {
			t.Fatal(err)
		}
		_, err := p.SignIn(t.Context(), with("x@example.com", secret, ""), from("192.0.2.1"), t0)
		refused(t, err)
		for _, c := range []struct {
			after time.Duration
			rows  int
		}{{time.Hour, 2}, {5 * 24 * time.Hour, 1}, {179 * 24 * time.Hour, 0}, {181 * 24 * time.Hour, 1}} {
			if n, err := p.Sweep(t.Context(), t0.Add(c.after)); n != c.rows || err != nil {
				t.Errorf("after %v: %d, %v", c.after, n, err)
			}
		}
		if n := count(t, d, "SELECT (SELECT COUNT(*) FROM throttle) + (SELECT COUNT(*) FROM devices)"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})

	t.Run("a person has at most 20 known devices", func(t *testing.T) {
		d, p, _, _ := setUp(t, account.RolePerson)
		for i := range 25 {
			device := string(rune('a' + i))
			if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, device), from("192.0.2.1"), t0.Add(time.Duration(i)*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, d, "SELECT COUNT(*) FROM devices WHERE device_hash >= 'f'"); n != 20 {
			t.Errorf("%d of the newest", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM devices"); n != 20 {
			t.Errorf("%d devices", n)
		}
	})
}
