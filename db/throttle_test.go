package db

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/account"
)

func throttled(t testing.TB, err error) time.Duration {
	t.Helper()
	wait, ok := account.IsThrottled(err)
	if !ok {
		t.Fatalf("got %v, want to be throttled", err)
	}
	return wait
}

// many is how often the tests of throttling try. Under the race detector, which -short goes with, a tenth shows as much.
func many() int {
	if testing.Short() {
		return 100
	}
	return 1000
}

func TestThrottle(t *testing.T) {
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
		for range many() {
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
		if n := count(t, d, "SELECT MIN(failures) FROM throttle"); n != many() || wrongs.Load() != int64(many()) {
			t.Errorf("%d were looked at and %d counted", wrongs.Load(), n)
		}
	})

	t.Run("WEB-36 of 1 000 guesses at once no more are looked at than are free", func(t *testing.T) {
		d := openTest(t, Options{QueueLength: 2000, QueueWait: time.Minute})
		p := account.New(d, cheap(t, account.HasherOptions{Parallel: 64, Waiting: 5000}), account.Options{})
		create(t, p, "ann@example.com")
		var looked, waiting atomic.Int64
		var wg sync.WaitGroup
		for i := range many() {
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
		if looked.Load() != 5 || waiting.Load() != int64(many()-5) {
			t.Errorf("%d looked at, %d made to wait", looked.Load(), waiting.Load())
		}
	})

	t.Run("WEB-36 while everybody is guessed at, nobody is locked out", func(t *testing.T) {
		d := openTest(t, Options{})
		l := account.DefaultLimits()
		l.GlobalBurst = int64(many())
		p := account.New(d, cheap(t, account.HasherOptions{}), account.Options{Limits: l})
		create(t, p, "ann@example.com")
		for i := range many() + 10 {
			_, err := p.SignIn(t.Context(), with(fmt.Sprintf("p%d@example.com", i), wrong, ""), from(fmt.Sprintf("2001:db8:0:%x::1", i)), t0)
			refused(t, err)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM audit_events"); n > many()+5 {
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
}
