package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
)

// happen writes n events, a second apart.
func happen(t *testing.T, d *DB, n int) {
	t.Helper()
	for i := range n {
		e := audit.Event{At: t0.Add(time.Duration(i) * time.Second), Kind: audit.GrantRevoked, GrantID: fmt.Sprint("g", i%3)}
		if err := d.write(t.Context(), "test", func(tx *Tx) error { return tx.audit(t.Context(), e) }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAudit(t *testing.T) {
	for name, tamper := range map[string]string{
		"a changed event":   "UPDATE audit_events SET result = 'ok' WHERE seq = 1500",
		"the first one":     "DELETE FROM audit_events WHERE seq = 1",
		"one in the middle": "DELETE FROM audit_events WHERE seq = 700",
		"the last one":      "DELETE FROM audit_events WHERE seq = 2003",
		"all of them":       "DELETE FROM audit_events",
	} {
		t.Run("WEB-48 a log without "+name+" does not verify", func(t *testing.T) {
			d := openTest(t, Options{})
			err := d.write(t.Context(), "test", func(tx *Tx) error {
				for i := range 2003 { // more than two batches
					e := audit.Event{At: t0.Add(time.Duration(i)), Kind: audit.GrantRevoked, Result: "revoked"}
					if err := tx.audit(context.Background(), e); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n, err := d.VerifyAudit(t.Context()); n != 2003 || err != nil {
				t.Fatal(n, err)
			}

			execute(t, d, tamper)

			_, err = d.VerifyAudit(t.Context())
			want(t, err, audit.ErrBroken)
		})
	}

	t.Run("WEB-48 events written at once make one chain, and those of failed writes are not in it", func(t *testing.T) {
		d := openTest(t, Options{})
		failed := errors.New("no")
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				err := d.write(context.Background(), "test", func(tx *Tx) error {
					if err := tx.audit(context.Background(), audit.Event{At: t0, Kind: audit.GrantRevoked}); err != nil {
						return err
					}
					if i%4 == 0 {
						return failed
					}
					return nil
				})
				if i%4 == 0 != errors.Is(err, failed) {
					t.Error(i, err)
				}
			})
		}
		wg.Wait()
		if n, err := d.VerifyAudit(t.Context()); n != 150 || err != nil {
			t.Fatal(n, err)
		}
	})

	t.Run("WEB-48 retention removes the beginning and the rest still verifies", func(t *testing.T) {
		d := openTest(t, Options{})
		happen(t, d, 20)
		for _, batch := range []int{5, 100} {
			if _, err := d.SweepAudit(t.Context(), t0.Add(12*time.Second), batch); err != nil {
				t.Fatal(err)
			}
			if n, err := d.VerifyAudit(t.Context()); err != nil {
				t.Fatal(n, err)
			}
		}
		if n, err := d.VerifyAudit(t.Context()); n != 8 || err != nil {
			t.Fatal(n, err)
		}
		happen(t, d, 1)
		if _, err := d.VerifyAudit(t.Context()); err != nil {
			t.Fatal(err)
		}
		execute(t, d, "DELETE FROM audit_events WHERE seq = 13")
		_, err := d.VerifyAudit(t.Context())
		want(t, err, audit.ErrBroken)
	})

	t.Run("an old event behind a young one stays until that is old too", func(t *testing.T) {
		d := openTest(t, Options{})
		for _, at := range []time.Time{t0, t0.Add(time.Hour), t0} { // the clock went back
			err := d.write(t.Context(), "test", func(tx *Tx) error {
				return tx.audit(t.Context(), audit.Event{At: at, Kind: audit.ClockStepped})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if n, err := d.SweepAudit(t.Context(), t0.Add(time.Minute), 10); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := d.VerifyAudit(t.Context()); n != 2 || err != nil {
			t.Fatal(n, err)
		}
	})

	t.Run("WEB-47 what comes from outside is fit for a log, and the chain holds over what was stored", func(t *testing.T) {
		d := openTest(t, Options{})
		e := audit.Event{At: t0, Kind: audit.SignInFailed, Origin: audit.Origin{UserAgent: "a\r\nb\x1b[2J" + strings.Repeat("x", 5000)}}
		if err := d.write(t.Context(), "test", func(tx *Tx) error { return tx.audit(t.Context(), e) }); err != nil {
			t.Fatal(err)
		}
		got := lastEvent(t, d)
		if strings.ContainsAny(got.UserAgent, "\r\n\x1b") || len(got.UserAgent) > 400 {
			t.Errorf("got %q", got.UserAgent)
		}
	})

	t.Run("events are found by what they are about, the newest first", func(t *testing.T) {
		d := openTest(t, Options{})
		happen(t, d, 9)
		for _, c := range []struct {
			filter EventFilter
			want   string
		}{
			{EventFilter{}, "9 8 7 6 5"},
			{EventFilter{Before: 5}, "4 3 2 1"},
			{EventFilter{GrantID: "g0"}, "7 4 1"},
			{EventFilter{GrantID: "g0", Before: 7}, "4 1"},
			{EventFilter{Kind: audit.GrantReuse}, ""},
			{EventFilter{Since: t0.Add(2 * time.Second), Until: t0.Add(4 * time.Second)}, "4 3"},
		} {
			events, err := d.Events(t.Context(), c.filter, 5)
			if err != nil {
				t.Fatal(err)
			}
			var seqs []string
			for _, e := range events {
				seqs = append(seqs, fmt.Sprint(e.Seq))
			}
			if got := strings.Join(seqs, " "); got != c.want {
				t.Errorf("%+v: got %s, want %s", c.filter, got, c.want)
			}
		}
	})
}
