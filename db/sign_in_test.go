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

const wrong = "not the teapot of anyone"

func TestSignIn(t *testing.T) {
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
		var seen int64
		for i, c := range []account.Credentials{
			with("nobody@example.com", secret, "dev"), with("ann@example.com", wrong, "dev"), with("off@example.com", secret, "dev"),
			with("off@example.com", wrong, "dev"), with("not an address", secret, "dev"), with("", "", "dev"),
			with("\xff\x00@example.com", secret, "dev"), with("ann@example.com", strings.Repeat("x", 5000), "dev"),
		} {
			_, err := p.SignIn(t.Context(), c, from(fmt.Sprint("192.0.2.", i)), t0)
			if err != account.ErrCredentials {
				t.Errorf("%q: got %v", c.Email, err)
			}
			e := lastEvent(t, d)
			if e.Kind != audit.SignInFailed || e.Seq == seen || strings.Contains(fmt.Sprint(e), "teapot") {
				t.Errorf("got %+v", e)
			}
			seen = e.Seq
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

	t.Run("a sign-in that was overtaken by a change of the person finishes as refused", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		for name, change := range map[string]func(account.Person) error{
			"password": func(a account.Person) error {
				return p.SetPassword(t.Context(), a.ID, "another teapot on the shelf", admin, t0)
			},
			"disabled": func(a account.Person) error { return p.Disable(t.Context(), a.ID, admin, t0) },
			"deleted":  func(a account.Person) error { return p.Delete(t.Context(), a.ID, admin, t0) },
		} {
			ann := create(t, p, name+"@example.com")
			if err := change(ann); err != nil {
				t.Fatal(err)
			}
			before := lastEvent(t, d).Seq
			err := d.FinishSignIn(t.Context(), account.Finish{Guess: account.Guess{At: t0, Limits: account.DefaultLimits(), DeviceHash: "d"}, Person: ann}, audit.Event{At: t0})
			if !errors.Is(err, account.ErrChanged) {
				t.Errorf("%s: got %v", name, err)
			}
			if n := count(t, d, "SELECT COUNT(*) FROM devices"); n != 0 || lastEvent(t, d).Seq != before {
				t.Errorf("%s: something was written", name)
			}
		}
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
