package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

func from(ip string) audit.Origin {
	return audit.Origin{Actor: audit.ByPerson, IP: ip, UserAgent: "test"}
}

func with(email, password, device string) account.Credentials {
	return account.Credentials{Email: email, Password: password, Device: device}
}

// refused fails the test unless err is the answer to wrong credentials.
func refused(t testing.TB, err error) {
	t.Helper()
	want(t, err, account.ErrCredentials)
}

func throttled(t testing.TB, err error) time.Duration {
	t.Helper()
	wait, ok := account.IsThrottled(err)
	if !ok {
		t.Fatalf("got %v, want to be throttled", err)
	}
	return wait
}

func TestSignIn(t *testing.T) {
	wrong := "not the teapot of anyone"

	t.Run("the right password signs in, in any spelling of the address", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		ann := create(t, p, "ann@example.com")

		s, err := p.SignIn(t.Context(), with(" ANN@example.com", secret, ""), from("192.0.2.7"), t0)

		if err != nil || s.Person.ID != ann.ID || !s.AuthTime.Equal(t0) || strings.Join(s.AMR, " ") != "pwd" || s.ACR != account.ACRSingleFactor {
			t.Fatalf("got %+v, %v", s, err)
		}
		if e := lastEvent(t, d); e.Kind != audit.SignInSucceeded || e.PersonID != ann.ID || e.ActorID != ann.ID || e.IP != "192.0.2.7" {
			t.Errorf("got %+v", e)
		}
	})

	t.Run("WEB-33 unknown, wrong and disabled get one answer for the same statements and hashes", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		create(t, p, "ann@example.com")
		off := create(t, p, "off@example.com")
		if err := p.Disable(t.Context(), off.ID, admin, t0); err != nil {
			t.Fatal(err)
		}
		for i, c := range []account.Credentials{
			with("nobody@example.com", secret, "dev"), with("ann@example.com", wrong, "dev"), with("off@example.com", secret, "dev"),
			with("off@example.com", wrong, "dev"), with("not an address", secret, "dev"), with("", "", "dev"),
			with("\xff\x00@example.com", secret, "dev"), with("ann@example.com", strings.Repeat("x", 5000), "dev"),
		} {
			_, err := p.SignIn(t.Context(), c, from(fmt.Sprint("192.0.2.", i)), t0)
			if err != account.ErrCredentials {
				t.Errorf("%q: got %v", c.Email, err)
			}
			if e := lastEvent(t, d); e.Kind != audit.SignInFailed || strings.Contains(fmt.Sprint(e), "teapot") {
				t.Errorf("got %+v", e)
			}
		}
	})

	t.Run("WEB-33 accounts are throttled alike whether they exist or not", func(t *testing.T) {
		p := peopleOf(t, openTest(t, Options{}))
		create(t, p, "ann@example.com")
		answers := func(email, network string) (all []string) {
			now := t0
			for i := range 250 {
				_, err := p.SignIn(t.Context(), with(email, wrong, ""), from(fmt.Sprintf("2001:db8:%s:%x::1", network, i)), now)
				all = append(all, err.Error())
				wait, _ := account.IsThrottled(err)
				now = now.Add(wait)
			}
			return all
		}
		known, unknown := answers("ann@example.com", "a"), answers("nobody@example.com", "b")
		for i := range known {
			if known[i] != unknown[i] {
				t.Fatalf("answer %d: %q to the one that exists, %q to the other", i, known[i], unknown[i])
			}
		}
	})

	t.Run("WEB-36 delays double from one second to 15 minutes, and after 100 failures only known devices get in", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		ann := create(t, p, "ann@example.com")
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, "laptop"), from("198.51.100.1"), t0); err != nil {
			t.Fatal(err)
		}
		now, guesses := t0, 0
		var waits []time.Duration
		for range 250 {
			_, err := p.SignIn(t.Context(), with("ann@example.com", wrong, "stranger"), from(fmt.Sprintf("2001:db8:0:%x::1", guesses)), now)
			if errors.Is(err, account.ErrCredentials) {
				guesses++
				continue
			}
			wait := throttled(t, err)
			waits = append(waits, wait)
			now = now.Add(wait)
		}
		if guesses != 100 {
			t.Errorf("%d guesses were looked at, want 100", guesses)
		}
		if waits[0] != time.Second || waits[1] != 2*time.Second || waits[20] != 15*time.Minute {
			t.Errorf("waits %v", waits[:21])
		}
		_, err := p.SignIn(t.Context(), with("ann@example.com", secret, "new phone"), from("203.0.113.1"), now.Add(24*time.Hour))
		throttled(t, err)

		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, "laptop"), from("198.51.100.1"), now); err != nil {
			t.Fatalf("the owner's own device: %v", err)
		}
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, "new phone"), from("203.0.113.1"), now); err != nil {
			t.Fatalf("after the owner signed in: %v", err)
		}
		row, _ := p.Find(t.Context(), ann.ID)
		if row.Version != ann.Version || row.GrantsRevokedBefore != nil {
			t.Error("T22: being throttled touched the person")
		}
	})

	t.Run("WEB-36 a reset of the password ends the lock", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		ann := create(t, p, "ann@example.com")
		now := t0
		for i := range 220 {
			_, err := p.SignIn(t.Context(), with("ann@example.com", wrong, ""), from(fmt.Sprintf("2001:db8:0:%x::1", i)), now)
			wait, _ := account.IsThrottled(err)
			now = now.Add(wait)
		}
		_, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.1"), now)
		throttled(t, err)
		if err := p.SetPassword(t.Context(), ann.ID, "another teapot on the shelf", admin, now); err != nil {
			t.Fatal(err)
		}
		if _, err := p.SignIn(t.Context(), with("ann@example.com", "another teapot on the shelf", ""), from("192.0.2.1"), now.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("WEB-36 a device that only guessed is no known device, and a known one has its own limit", func(t *testing.T) {
		p := peopleOf(t, openTest(t, Options{}))
		create(t, p, "ann@example.com")
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, "laptop"), from("198.51.100.1"), t0); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_, err := p.SignIn(t.Context(), with("ann@example.com", wrong, "laptop"), from("198.51.100.1"), t0)
			refused(t, err)
		}
		_, err := p.SignIn(t.Context(), with("ann@example.com", secret, "laptop"), from("198.51.100.1"), t0)
		throttled(t, err)
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, "other"), from("198.51.100.2"), t0); err != nil {
			t.Fatalf("the guesses of the device were counted on the account: %v", err)
		}
	})

	t.Run("WEB-36 an address is throttled over many accounts, IPv6 by /64, and a right password gives back one", func(t *testing.T) {
		p := peopleOf(t, openTest(t, Options{}))
		create(t, p, "ann@example.com")
		for i := range 20 {
			_, err := p.SignIn(t.Context(), with(fmt.Sprintf("p%d@example.com", i), wrong, ""), from(fmt.Sprintf("2001:db8::%x", i+1)), t0)
			refused(t, err)
		}
		_, err := p.SignIn(t.Context(), with("p99@example.com", wrong, ""), from("2001:db8::ffff"), t0)
		if wait := throttled(t, err); wait > 30*time.Second {
			t.Errorf("wait %v", wait)
		}
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("2001:db8:0:1::1"), t0); err != nil {
			t.Fatalf("the neighbour network: %v", err)
		}
		// One leaks in 30 s: a right password takes its own count back, so it is not the last that gets in.
		for range 3 {
			if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("2001:db8::1"), t0.Add(31*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		_, err = p.SignIn(t.Context(), with("p98@example.com", wrong, ""), from("2001:db8::1"), t0.Add(31*time.Second))
		refused(t, err)
		_, err = p.SignIn(t.Context(), with("p97@example.com", wrong, ""), from("2001:db8::1"), t0.Add(31*time.Second))
		throttled(t, err)
	})

	t.Run("WEB-36 1 000 guesses at once count 1 000", func(t *testing.T) {
		d := openTest(t, Options{QueueLength: 2000, QueueWait: time.Minute})
		l := account.DefaultLimits()
		l.Free, l.Hard, l.AddressBurst, l.GlobalBurst = 5000, 5000, 5000, 5000
		p := account.New(d, cheap(t, account.HasherOptions{Parallel: 64, Waiting: 5000}), account.Options{Limits: l})
		create(t, p, "ann@example.com")
		var wrongs atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				_, err := p.SignIn(context.Background(), with("ann@example.com", wrong, ""), from("192.0.2.1"), t0)
				if errors.Is(err, account.ErrCredentials) {
					wrongs.Add(1)
				} else {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, d, "SELECT MIN(failures) FROM throttle"); n != 1000 || wrongs.Load() != 1000 {
			t.Errorf("%d were looked at and %d counted", wrongs.Load(), n)
		}
	})

	t.Run("WEB-36 of 1 000 guesses at once no more are looked at than are free", func(t *testing.T) {
		d := openTest(t, Options{QueueLength: 2000, QueueWait: time.Minute})
		p := account.New(d, cheap(t, account.HasherOptions{Parallel: 64, Waiting: 5000}), account.Options{})
		create(t, p, "ann@example.com")
		var looked, waiting atomic.Int64
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				_, err := p.SignIn(context.Background(), with("ann@example.com", wrong, ""), from(fmt.Sprintf("2001:db8:0:%x::1", i)), t0)
				if errors.Is(err, account.ErrCredentials) {
					looked.Add(1)
				} else if _, ok := account.IsThrottled(err); ok {
					waiting.Add(1)
				} else {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if looked.Load() != 5 || waiting.Load() != 995 {
			t.Errorf("%d looked at, %d made to wait", looked.Load(), waiting.Load())
		}
	})

	t.Run("WEB-36 while everybody is guessed at, nobody is locked out", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		create(t, p, "ann@example.com")
		for i := range 1010 {
			_, err := p.SignIn(t.Context(), with(fmt.Sprintf("p%d@example.com", i), wrong, ""), from(fmt.Sprintf("2001:db8:0:%x::1", i)), t0)
			refused(t, err)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM audit_events"); n > 1005 {
			t.Errorf("WEB-65: %d events", n)
		}
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("198.51.100.1"), t0); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err := p.SignIn(t.Context(), with("ann@example.com", wrong, ""), from("198.51.100.1"), t0)
			refused(t, err)
		}
		_, err := p.SignIn(t.Context(), with("ann@example.com", wrong, ""), from("198.51.100.1"), t0)
		throttled(t, err)
	})

	t.Run("WEB-65 the counters of strangers are bounded, and many failures outlive single ones", func(t *testing.T) {
		d := openTest(t, Options{})
		execute(t, d, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 51000)
			INSERT INTO throttle (counter, failures, failed_at, expires_at) SELECT 'account:' || i, 1, 0, $1 FROM n`, micros(t0.Add(24*time.Hour)))
		execute(t, d, "INSERT INTO throttle (counter, failures, failed_at, expires_at) VALUES ('global', 255, $1, $2), ('account:many', 90, $1, $3)",
			micros(t0), micros(t0.Add(time.Minute)), micros(t0.Add(360*24*time.Hour)))
		p := peopleOf(t, d)

		_, err := p.SignIn(t.Context(), with("x@example.com", wrong, ""), from("192.0.2.1"), t0)

		refused(t, err)
		if n := count(t, d, "SELECT COUNT(*) FROM throttle"); n != countersKept {
			t.Errorf("%d counters", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM throttle WHERE counter = 'account:many'"); n != 1 {
			t.Error("many failures were forgotten first")
		}
	})

	t.Run("GEN-00 a fault of the store is never a wrong password", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		create(t, p, "ann@example.com")
		for _, table := range []string{"people", "throttle", "audit_events", "devices"} {
			execute(t, d, "ALTER TABLE "+table+" RENAME TO gone")
			for _, password := range []string{secret, wrong} {
				_, err := p.SignIn(t.Context(), with("ann@example.com", password, "dev"), from("192.0.2.1"), t0)
				if !errors.Is(err, ErrFault) || errors.Is(err, account.ErrCredentials) || errors.Is(err, account.ErrNotFound) {
					t.Errorf("without %s: got %v", table, err)
				}
			}
			execute(t, d, "ALTER TABLE gone RENAME TO "+table)
		}
		execute(t, d, "UPDATE people SET password_hash = '$argon2id$damaged'")
		_, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.9"), t0)
		if err == nil || errors.Is(err, account.ErrCredentials) {
			t.Errorf("a damaged hash: got %v", err)
		}
		d.Close()
		_, err = p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.1"), t0)
		want(t, err, ErrFault)
	})

	t.Run("WEB-32 parameters are stored, and the hash is renewed at a sign-in when they change", func(t *testing.T) {
		d := openTest(t, Options{})
		ann := create(t, peopleOf(t, d), "ann@example.com")
		p := account.New(d, cheap(t, account.HasherOptions{Cost: account.Cost{Memory: 128, Iterations: 2, Lanes: 1}}), account.Options{})
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.1"), t0); err != nil {
			t.Fatal(err)
		}
		row, _ := p.Find(t.Context(), ann.ID)
		if !strings.HasPrefix(row.PasswordHash, "$argon2id$v=19$m=128,t=2,p=1$") || row.Version != ann.Version {
			t.Errorf("got %s, version %d", row.PasswordHash, row.Version)
		}
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.1"), t0); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("WEB-32 beyond the queue a sign-in is told to come back, and nothing is counted", func(t *testing.T) {
		d := openTest(t, Options{})
		cost := account.Cost{Memory: 8 * 1024, Iterations: 10, Lanes: 1}
		p := account.New(d, cheap(t, account.HasherOptions{Cost: cost, Parallel: 1, Waiting: 1}), account.Options{})
		create(t, p, "ann@example.com")
		var busy, in atomic.Int64
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := p.SignIn(context.Background(), with("ann@example.com", secret, ""), from("192.0.2.1"), t0)
				switch {
				case err == nil:
					in.Add(1)
				case errors.Is(err, account.ErrBusy):
					busy.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if busy.Load() == 0 || in.Load() == 0 {
			t.Errorf("%d busy, %d signed in", busy.Load(), in.Load())
		}
		if n := count(t, d, "SELECT COUNT(*) FROM throttle"); n != 0 {
			t.Errorf("%d counters are left", n)
		}
	})

	t.Run("WEB-46 neither passwords nor addresses that were typed are in the file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "regrant.db")
		d := openPath(t, path, Options{})
		p := peopleOf(t, d)
		_, err := p.SignIn(t.Context(), with("typed-by-mistake@example.com", wrong, "dev"), from("192.0.2.1"), t0)
		refused(t, err)
		create(t, p, "ann@example.com")
		d.Close()
		for _, s := range []string{"typed-by-mistake", wrong, secret} {
			if n := occurrences(t, path, s); n != 0 {
				t.Errorf("%q stands %d times in the file", s, n)
			}
		}
	})
}

func TestChangePassword(t *testing.T) {
	next := "another teapot on the shelf"
	setUp := func(t *testing.T) (*DB, *account.People, account.Person) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		ann := create(t, p, "ann@example.com")
		settle(t, d, ann, "here")
		settle(t, d, ann, "there")
		return d, p, ann
	}
	change := func(ann account.Person, current string, others bool) account.PasswordChange {
		return account.PasswordChange{PersonID: ann.ID, SessionID: "here", Current: current, New: next, EndOthers: others}
	}

	t.Run("T24 with the box ticked all else ends, and what hangs on this session stays", func(t *testing.T) {
		d, p, ann := setUp(t)
		if err := p.ChangePassword(t.Context(), change(ann, secret, true), from("192.0.2.1"), t0.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if s, _ := p.Sessions(t.Context(), ann.ID, t0.Add(time.Minute)); len(s) != 1 || s[0].ID != "here" {
			t.Errorf("sessions %+v", s)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL AND session_id = 'here'"); n != 2 {
			t.Errorf("%d grants of this session", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE revoked_reason = 'password' AND session_id = 'there'"); n != 2 {
			t.Errorf("%d grants of the other were revoked", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM codes WHERE spent_at IS NULL"); n != 1 {
			t.Errorf("%d open codes", n)
		}
		_, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.1"), t0.Add(time.Hour))
		refused(t, err)
		if _, err := p.SignIn(t.Context(), with("ann@example.com", next, ""), from("192.0.2.1"), t0.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("T24 without it nothing else ends", func(t *testing.T) {
		d, p, ann := setUp(t)
		if err := p.ChangePassword(t.Context(), change(ann, secret, false), from("192.0.2.1"), t0.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL"); n != 4 {
			t.Errorf("%d grants", n)
		}
		if s, _ := p.Sessions(t.Context(), ann.ID, t0.Add(time.Minute)); len(s) != 2 {
			t.Errorf("%d sessions", len(s))
		}
	})

	t.Run("WEB-34 the current password is needed, guesses at it are throttled, and signing in is not", func(t *testing.T) {
		_, p, ann := setUp(t)
		for range 5 {
			want(t, p.ChangePassword(t.Context(), change(ann, "wrong", true), from("192.0.2.1"), t0), account.ErrCredentials)
		}
		throttled(t, p.ChangePassword(t.Context(), change(ann, secret, true), from("192.0.2.1"), t0))
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.2"), t0); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("WEB-31 the new one is held to the rules", func(t *testing.T) {
		_, p, ann := setUp(t)
		c := change(ann, secret, true)
		c.New = "passwordpassword1"
		var refusal *account.PasswordError
		if err := p.ChangePassword(t.Context(), c, from("192.0.2.1"), t0); !errors.As(err, &refusal) || refusal.Key != "password.common" {
			t.Fatalf("got %v", err)
		}
	})
}

// occurrences counts s in the database file, closed, and what is left of its WAL.
func occurrences(t *testing.T, path, s string) (n int) {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(b, []byte(s))
	}
	return n
}
