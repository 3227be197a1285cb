package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
)

// history writes n events: every third is a sign-in of p1 that failed, the others are an admin's acts on people and clients.
func history(t *testing.T, d *DB, n int) []audit.Event {
	t.Helper()
	var all []audit.Event
	err := d.write(t.Context(), "test", func(tx *Tx) error {
		all = nil
		for i := range n {
			e := audit.Event{At: t0.Add(time.Duration(i) * time.Minute), Kind: audit.ClientUpdated, Result: "ok",
				Origin: audit.Origin{Actor: audit.ByAdmin, ActorID: "boss", RequestID: fmt.Sprint("r", i)}, ClientID: fmt.Sprint("c", i%2)}
			switch i % 3 {
			case 0:
				e.Kind, e.Origin, e.PersonID, e.ClientID, e.Result = audit.SignInFailed, audit.Origin{Actor: audit.ByPerson, ActorID: "p1"}, "p1", "", "password"
			case 1:
				e.Kind, e.PersonID, e.GrantID = audit.GrantRevoked, "p1", fmt.Sprint("g", i%5)
			}
			if err := tx.audit(context.Background(), e); err != nil {
				return err
			}
			e.Seq = int64(i + 1)
			all = append(all, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReadAudit(t *testing.T) {
	d := openTest(t, Options{})
	all := history(t, d, 1200)
	slices.Reverse(all)
	hour := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Hour) }
	for name, q := range map[string]audit.Query{
		"everything":         {},
		"a kind":             {Kinds: []audit.Kind{audit.GrantRevoked}},
		"kinds":              {Kinds: []audit.Kind{audit.SignInFailed, audit.GrantRevoked, audit.KeyRotated}},
		"a person":           {PersonID: "p1"},
		"one who acted":      {PersonID: "boss"},
		"one concerned":      {ConcernedID: "p1", Kinds: []audit.Kind{audit.GrantRevoked}},
		"an actor":           {Actor: audit.ByAdmin, ActorID: "boss"},
		"a client":           {ClientID: "c1"},
		"a grant":            {GrantID: "g4"},
		"a request":          {RequestID: "r700"},
		"refused":            {Outcome: audit.OutcomeRefused},
		"done, of a person":  {Outcome: audit.OutcomeOK, PersonID: "p1"},
		"a period":           {From: hour(2), To: hour(5)},
		"a kind in a period": {Kinds: []audit.Kind{audit.SignInFailed}, From: hour(2), To: hour(5)},
		"until":              {To: hour(1)},
		"since":              {From: hour(19)},
		"nothing":            {ClientID: "c9"},
	} {
		t.Run(name, func(t *testing.T) {
			var want, got []int64
			for _, e := range all {
				if q.Matches(e) {
					want = append(want, e.Seq)
				}
			}
			if name != "nothing" && len(want) == 0 {
				t.Fatal("the history has none of these")
			}
			for pages := 0; ; pages++ {
				page, err := d.ReadAudit(t.Context(), q, 7)
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Events) > 7 {
					t.Fatalf("a page of %d", len(page.Events))
				}
				for _, e := range page.Events {
					got = append(got, e.Seq)
				}
				if page.Next == 0 {
					break
				}
				if q.Before = page.Next; pages > 400 {
					t.Fatal("no end of pages")
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
		})
	}

	t.Run("a search for what is rare gives up after a while and can go on", func(t *testing.T) {
		d := openTest(t, Options{})
		history(t, d, auditBudget+500)
		page, err := d.ReadAudit(t.Context(), audit.Query{RequestID: "r1"}, 10)
		if err != nil || !page.Short || len(page.Events) != 0 || page.Next == 0 {
			t.Fatalf("%+v %v", page, err)
		}

		page, err = d.ReadAudit(t.Context(), audit.Query{RequestID: "r1", Before: page.Next}, 10)

		if err != nil || page.Short || page.Next != 0 || len(page.Events) != 1 || page.Events[0].Seq != 2 {
			t.Fatalf("%+v %v", page, err)
		}
	})

	t.Run("events of a clock that was set back are found by their time", func(t *testing.T) {
		d := openTest(t, Options{})
		for _, at := range []time.Time{hour(0), hour(10), hour(9), hour(30), hour(20), hour(40)} {
			err := d.write(t.Context(), "test", func(tx *Tx) error { return tx.audit(t.Context(), audit.Event{At: at, Kind: audit.ClockStepped}) })
			if err != nil {
				t.Fatal(err)
			}
		}
		page, err := d.ReadAudit(t.Context(), audit.Query{From: hour(9), To: hour(21)}, 10)
		if err != nil || len(page.Events) != 3 {
			t.Fatalf("%+v %v", page, err)
		}
	})

	t.Run("pages hold together while events are written", func(t *testing.T) {
		d := openTest(t, Options{})
		history(t, d, 300)
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 100 {
				_ = d.write(context.Background(), "test", func(tx *Tx) error { return tx.audit(context.Background(), audit.Event{At: t0, Kind: audit.KeyRotated}) })
			}
		})
		var last, seen int64 = 1 << 62, 0
		q := audit.Query{}
		for {
			page, err := d.ReadAudit(t.Context(), q, 9)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				if e.Seq >= last || last != 1<<62 && e.Seq != last-1 {
					t.Fatalf("%d after %d", e.Seq, last)
				}
				last, seen = e.Seq, seen+1
			}
			if q.Before = page.Next; page.Next == 0 {
				break
			}
		}
		wg.Wait()
		if last != 1 || seen < 300 {
			t.Errorf("%d events down to %d", seen, last)
		}
		if _, err := d.CheckAudit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAuditEvent(t *testing.T) {
	d := openTest(t, Options{})
	history(t, d, 3)
	if e, err := d.AuditEvent(t.Context(), 2); err != nil || e.Kind != audit.GrantRevoked || len(e.Hash) != 32 {
		t.Fatalf("%+v %v", e, err)
	}
	if _, err := d.AuditEvent(t.Context(), 4); !errors.Is(err, audit.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestCheckAudit(t *testing.T) {
	t.Run("WEB-48 a check says what it has seen, and is remembered with its event", func(t *testing.T) {
		d := openTest(t, Options{})
		if _, err := d.LastAuditCheck(t.Context()); !errors.Is(err, audit.ErrNotFound) {
			t.Fatal(err)
		}
		all := history(t, d, 1500)

		c, err := d.CheckAudit(t.Context())

		if err != nil || c.Events != 1500 || c.First != 1 || c.Last != 1500 || !c.From.Equal(all[0].At) || !c.To.Equal(all[1499].At) || len(c.Hash) != 32 {
			t.Fatalf("%+v %v", c, err)
		}
		c.At, c.By = t0, "boss"
		if err := d.SaveAuditCheck(t.Context(), c, audit.Event{At: t0, Kind: audit.LogChecked, Result: "ok"}); err != nil {
			t.Fatal(err)
		}
		got, err := d.LastAuditCheck(t.Context())
		if err != nil || got.Events != 1500 || got.By != "boss" || !got.At.Equal(t0) || string(got.Hash) != string(c.Hash) {
			t.Fatalf("%+v %v", got, err)
		}
		if e := lastEvent(t, d); e.Kind != audit.LogChecked {
			t.Error(e.Kind)
		}
	})
	for tamper, want := range map[string]audit.Check{
		"UPDATE audit_events SET result = 'x' WHERE seq = 1100": {Broken: 1100, Why: "changed"},
		"DELETE FROM audit_events WHERE seq = 1100":             {Broken: 1100, Why: "missing"},
		"DELETE FROM audit_events WHERE seq = 1200":             {Broken: 1200, Why: "missing"},
	} {
		t.Run("WEB-48 "+tamper, func(t *testing.T) {
			d := openTest(t, Options{})
			history(t, d, 1200)
			execute(t, d, tamper)

			c, err := d.CheckAudit(t.Context())

			if !errors.Is(err, audit.ErrBroken) || c.Broken != want.Broken || c.Why != want.Why || !strings.Contains(err.Error(), fmt.Sprint(want.Broken)) {
				t.Fatalf("%+v %v", c, err)
			}
		})
	}
	t.Run("a check that takes too long says how far it came", func(t *testing.T) {
		d := openTest(t, Options{})
		history(t, d, 10)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if c, err := d.CheckAudit(ctx); err != nil || !c.Cut {
			t.Fatalf("%+v %v", c, err)
		}
	})
}
