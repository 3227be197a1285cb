package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

var (
	t0     = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	admin  = audit.Origin{Actor: audit.ByAdmin, ActorID: "a", IP: "192.0.2.1", UserAgent: "test", RequestID: "r"}
	secret = "a lighthouse keeper's teapot"
)

// cheap hashes in a millisecond, a few at a time.
func cheap(t testing.TB, o account.HasherOptions) *account.Hasher {
	t.Helper()
	if o.Cost == (account.Cost{}) {
		o.Cost = account.Cost{Memory: 64, Iterations: 1, Lanes: 1}
	}
	h, err := account.NewHasher(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func peopleOf(t testing.TB, d *DB) *account.People {
	return account.New(d, cheap(t, account.HasherOptions{Waiting: 5000}), account.Options{})
}

func create(t testing.TB, p *account.People, email string) account.Person {
	t.Helper()
	person, err := p.Create(t.Context(), account.NewPerson{Email: email, Name: "Ann", Password: secret}, admin, t0)
	if err != nil {
		t.Fatal(err)
	}
	return person
}

// insert adds a row in which only what matters to the test is given; all else that must not be null is empty.
func insert(t testing.TB, d *DB, table string, row map[string]any) {
	t.Helper()
	err := d.alone(t.Context(), "insert", func(s *session) error {
		rows, err := s.conn.QueryContext(context.Background(), "SELECT name, type FROM pragma_table_info('"+table+"') WHERE \"notnull\" = 1")
		if err != nil {
			return err
		}
		defer rows.Close()
		all := map[string]any{}
		for rows.Next() {
			var name, typ string
			if err := rows.Scan(&name, &typ); err != nil {
				return err
			}
			all[name] = map[string]any{"INTEGER": 0, "TEXT": "", "BLOB": []byte{}}[typ]
		}
		rows.Close()
		maps.Copy(all, row)
		names := slices.Sorted(maps.Keys(all))
		var marks []string
		var args []any
		for i, n := range names {
			marks, args = append(marks, fmt.Sprintf("$%d", i+1)), append(args, all[n])
		}
		_, err = s.conn.ExecContext(context.Background(),
			"INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, d *DB, query string, args ...any) int {
	t.Helper()
	var n int
	err := d.alone(t.Context(), "count", func(s *session) error {
		return s.conn.QueryRowContext(context.Background(), query, args...).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func execute(t testing.TB, d *DB, query string, args ...any) {
	t.Helper()
	err := d.alone(t.Context(), "execute", func(s *session) error {
		_, err := s.conn.ExecContext(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lastEvent returns the newest event and fails the test if the log is broken.
func lastEvent(t testing.TB, d *DB) audit.Event {
	t.Helper()
	if _, err := d.VerifyAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	events, err := d.Events(t.Context(), EventFilter{}, 1)
	if err != nil || len(events) == 0 {
		t.Fatalf("no event: %v", err)
	}
	return events[0]
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got %v, want %v", err, target)
	}
}

// settle gives a person a session, a device, an open and a spent code, and two grants of which one is offline.
func settle(t testing.TB, d *DB, p account.Person, session string) {
	t.Helper()
	insert(t, d, "sessions", map[string]any{
		"id": session, "token_hash": "hash of " + session, "person_id": p.ID, "created_at": micros(t0), "last_seen_at": micros(t0),
		"idle_at": micros(t0.Add(time.Hour)), "expires_at": micros(t0.Add(time.Hour)), "data": []byte("{}"),
	})
	insert(t, d, "devices", map[string]any{"person_id": p.ID, "device_hash": session, "last_used_at": micros(t0)})
	insert(t, d, "codes", map[string]any{"hash": []byte("open " + session), "person_id": p.ID, "session_id": session, "created_at": micros(t0)})
	insert(t, d, "codes", map[string]any{"hash": []byte("spent " + session), "person_id": p.ID, "session_id": session, "spent_at": 1})
	insert(t, d, "grants", map[string]any{"id": "online " + session, "person_id": p.ID, "session_id": session, "created_at": micros(t0)})
	insert(t, d, "grants", map[string]any{"id": "offline " + session, "person_id": p.ID, "session_id": session, "created_at": micros(t0), "offline_at": 1})
}

func TestPeople(t *testing.T) {
	endings := []struct {
		rule string
		kind audit.Kind
		end  func(*account.People, account.Person, time.Time) error
	}{
		{"T21 disabling", audit.PersonDisabled, func(p *account.People, who account.Person, at time.Time) error {
			return p.Disable(t.Context(), who.ID, admin, at)
		}},
		{"T23 deleting", audit.PersonDeleted, func(p *account.People, who account.Person, at time.Time) error {
			return p.Delete(t.Context(), who.ID, admin, at)
		}},
		{"T24 a reset of the password", audit.PasswordChanged, func(p *account.People, who account.Person, at time.Time) error {
			return p.SetPassword(t.Context(), who.ID, "another teapot on the shelf", admin, at)
		}},
	}
	for _, c := range endings {
		t.Run(c.rule+" ends sessions, grants and open codes in one transaction", func(t *testing.T) {
			d := openTest(t, Options{})
			p := peopleOf(t, d)
			ann, bob := create(t, p, "ann@example.com"), create(t, p, "bob@example.com")
			settle(t, d, ann, "s1")
			settle(t, d, bob, "s2")

			if err := c.end(p, ann, t0.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}

			row, err := d.PersonByID(t.Context(), ann.ID)
			if err != nil || row.GrantsRevokedBefore == nil || !row.GrantsRevokedBefore.Equal(t0.Add(time.Minute)) {
				t.Fatalf("grants_revoked_before is %v, %v", row.GrantsRevokedBefore, err)
			}
			if row.Version != ann.Version+1 {
				t.Errorf("version %d after %d", row.Version, ann.Version)
			}
			for query, left := range map[string]int{
				"SELECT COUNT(*) FROM sessions WHERE person_id = $1 AND ended_at IS NULL": 0,
				"SELECT COUNT(*) FROM codes WHERE person_id = $1 AND spent_at IS NULL":    0,
				"SELECT COUNT(*) FROM codes WHERE person_id = $1":                         1, // the spent one still tells a replay
				"SELECT COUNT(*) FROM devices WHERE person_id = $1":                       0,
			} {
				if n := count(t, d, query, ann.ID); n != left {
					t.Errorf("%d, want %d: %s", n, left, query)
				}
			}
			if s, err := p.Sessions(t.Context(), bob.ID, t0); err != nil || len(s) != 1 {
				t.Errorf("the other person has %d sessions, %v", len(s), err)
			}
			if e := lastEvent(t, d); e.Kind != c.kind || e.PersonID != ann.ID || e.ActorID != "a" {
				t.Errorf("got event %+v", e)
			}
		})
	}

	t.Run("T21 enabling again revives nothing", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		ann := create(t, p, "ann@example.com")
		settle(t, d, ann, "s1")
		if err := p.Disable(t.Context(), ann.ID, admin, t0.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		want(t, p.Disable(t.Context(), ann.ID, admin, t0.Add(time.Minute)), account.ErrDisabled)

		if err := p.Enable(t.Context(), ann.ID, admin, t0.Add(2*time.Minute)); err != nil {
			t.Fatal(err)
		}

		row, err := p.Find(t.Context(), ann.ID)
		if err != nil || !row.Active() || row.GrantsRevokedBefore == nil || row.Version != ann.Version+2 {
			t.Fatalf("got %+v, %v", row, err)
		}
		if s, _ := p.Sessions(t.Context(), ann.ID, t0.Add(3*time.Minute)); len(s) != 0 {
			t.Errorf("%d sessions", len(s))
		}
		want(t, p.Enable(t.Context(), ann.ID, admin, t0), account.ErrEnabled)
	})

	t.Run("T47 a clock that went back leaves no grant alive", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		ann := create(t, p, "ann@example.com")
		insert(t, d, "grants", map[string]any{"id": "g", "person_id": ann.ID, "created_at": micros(t0.Add(time.Hour))})

		if err := p.Disable(t.Context(), ann.ID, admin, t0); err != nil {
			t.Fatal(err)
		}

		row, _ := p.Find(t.Context(), ann.ID)
		if row.GrantsRevokedBefore.Before(t0.Add(time.Hour)) {
			t.Errorf("a grant of %v outlives %v", t0.Add(time.Hour), row.GrantsRevokedBefore)
		}
	})

	t.Run("T23 a deleted person leaves an id and nothing else, and the address is free", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		ann := create(t, p, "ann@example.com")
		if err := p.Delete(t.Context(), ann.ID, admin, t0); err != nil {
			t.Fatal(err)
		}

		row, err := d.PersonByID(t.Context(), ann.ID)
		if err != nil || row.Email != "" || row.Name != "" || row.PasswordHash != "" || row.DeletedAt == nil {
			t.Fatalf("got %+v, %v", row, err)
		}
		_, err = p.Find(t.Context(), ann.ID)
		want(t, err, account.ErrNotFound)
		_, err = p.Find(t.Context(), "ann@example.com")
		want(t, err, account.ErrNotFound)
		want(t, p.Delete(t.Context(), ann.ID, admin, t0), account.ErrNotFound)
		want(t, p.Enable(t.Context(), ann.ID, admin, t0), account.ErrNotFound)
		want(t, p.SetPassword(t.Context(), ann.ID, secret, admin, t0), account.ErrNotFound)
		if again := create(t, p, "ann@example.com"); again.ID == ann.ID {
			t.Error("the id was given twice")
		}
		events, _ := d.Events(t.Context(), EventFilter{}, 10)
		for _, e := range events {
			if strings.Contains(fmt.Sprint(e), "ann@") || strings.Contains(fmt.Sprint(e), "Ann") {
				t.Errorf("the log names the person: %+v", e)
			}
		}
	})

	t.Run("one address has one account, however it is spelt", func(t *testing.T) {
		p := peopleOf(t, openTest(t, Options{}))
		create(t, p, "ann@example.com")
		_, err := p.Create(t.Context(), account.NewPerson{Email: " Ann@EXAMPLE.com ", Password: secret}, admin, t0)
		want(t, err, account.ErrEmailTaken)
	})

	t.Run("another address is not verified, and two changes at once are not both made", func(t *testing.T) {
		d := openTest(t, Options{})
		p := peopleOf(t, d)
		create(t, p, "bob@example.com")
		ann, err := p.Create(t.Context(), account.NewPerson{Email: "ann@example.com", Password: secret, EmailVerified: true}, admin, t0)
		if err != nil || ann.EmailVerifiedAt == nil {
			t.Fatal(ann, err)
		}
		_, err = p.ChangeProfile(t.Context(), ann.ID, account.Profile{Email: "bob@example.com"}, admin, t0)
		want(t, err, account.ErrEmailTaken)

		got, err := p.ChangeProfile(t.Context(), ann.ID, account.Profile{Email: "ann@example.net", Name: "A"}, admin, t0)
		if err != nil {
			t.Fatal(err)
		}

		row, _ := p.Find(t.Context(), "ann@example.net")
		if row.EmailVerifiedAt != nil || row.Version != got.Version || row.Name != "A" {
			t.Errorf("got %+v", row)
		}
		want(t, d.UpdateProfile(t.Context(), ann, audit.Event{At: t0}), account.ErrChanged)
	})

	t.Run("people are listed in the order of their addresses, page by page", func(t *testing.T) {
		p := peopleOf(t, openTest(t, Options{}))
		for _, e := range []string{"c@example.com", "a@example.com", "b@example.com"} {
			create(t, p, e)
		}
		var got []string
		after := ""
		for range 3 {
			page, err := p.List(t.Context(), after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range page {
				got = append(got, x.Email)
				after = x.Email
			}
		}
		if strings.Join(got, " ") != "a@example.com b@example.com c@example.com" {
			t.Errorf("got %v", got)
		}
		if has, err := p.HasAdmin(t.Context()); has || err != nil {
			t.Error(has, err)
		}
	})
}
