package db

import (
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"regrant/app/account"
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

// signedUp gives a database with one person and a browser.
func signedUp(t *testing.T, role account.Role) (*DB, *account.People, *browser, account.Person) {
	d := openTest(t, Options{})
	p := peopleOf(t, d)
	ann, err := p.Create(t.Context(), account.NewPerson{Email: "ann@example.com", Password: secret, Role: role}, admin, t0)
	if err != nil {
		t.Fatal(err)
	}
	return d, p, newBrowser(d), ann
}

func TestBrowserSession(t *testing.T) {
	t.Run("WEB-25 a session comes back as it was stored, and its token is stored hashed", func(t *testing.T) {
		d, _, b, ann := signedUp(t, account.RolePerson)
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
			_, p, b, ann := signedUp(t, c.role)
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
		d, p, b, ann := signedUp(t, account.RolePerson)
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
		_, _, b, ann := signedUp(t, account.RolePerson)
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

	t.Run("WEB-65 a browser that is not signed in stores nothing", func(t *testing.T) {
		d, _, b, _ := signedUp(t, account.RolePerson)
		ctx, _ := b.Load(t.Context(), "")
		b.Put(ctx, "flash", "x")
		_, _, err := b.Commit(ctx)
		want(t, err, account.ErrNoSession)
		if n := count(t, d, "SELECT COUNT(*) FROM sessions"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})

	t.Run("GEN-00 a fault is neither signed in nor signed out", func(t *testing.T) {
		d, _, b, ann := signedUp(t, account.RolePerson)
		token, _ := b.begin(t, ann)
		execute(t, d, "UPDATE sessions SET data = X'7b'")
		_, err := b.Load(t.Context(), token)
		want(t, err, ErrFault)
		d.Close()
		_, err = b.Load(t.Context(), token)
		want(t, err, ErrFault)
	})

	t.Run("devices and counters are swept when they are old", func(t *testing.T) {
		d, p, _, _ := signedUp(t, account.RolePerson)
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
		d, p, _, _ := signedUp(t, account.RolePerson)
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
