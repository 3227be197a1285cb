package db

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

func TestSessionEnd(t *testing.T) {
	t.Run("LO-06 signing out ends the session and its grants without offline_access, and no other", func(t *testing.T) {
		d, p, b, ann := signedUp(t, account.RolePerson)
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
		if n := count(t, d, `SELECT COUNT(*) FROM grants WHERE id = 'online' AND revoked_reason = 'logout' AND revoked_at = $1
			AND version = 1`, micros(t0.Add(time.Minute))); n != 1 {
			t.Error("the grant without offline_access lives")
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants WHERE revoked_reason = 'logout'"); n != 1 {
			t.Errorf("%d grants were revoked", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM codes"); n != 0 {
			t.Error("an open code is left")
		}
		if e := lastEvent(t, d); e.Kind != audit.SignedOut || e.ActorID != ann.ID || e.Detail != "sessions=1 grants=1" {
			t.Errorf("got %+v", e)
		}
		if err := p.SignOut(t.Context(), s, from("192.0.2.1"), t0.Add(time.Hour)); err != nil {
			t.Errorf("signing out twice: %v", err)
		}
	})

	t.Run("LO-06 the expiry of a session ends no grant", func(t *testing.T) {
		d, p, b, ann := signedUp(t, account.RolePerson)
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
		d, p, b, ann := signedUp(t, account.RolePerson)
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
		d, p, b, ann := signedUp(t, account.RolePerson)
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
				_, p, b, ann := signedUp(t, account.RolePerson)
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
			_, p, b, ann := signedUp(t, account.RolePerson)
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

	t.Run("T21 a sign-in under way gets no session after what ends the sessions of its person", func(t *testing.T) {
		at := t0.Add(-5 * time.Millisecond) // what ends them began before the sign-in, and was written after it
		for name, meanwhile := range map[string]func(*DB, *account.People, account.Person) error{
			"another role": func(d *DB, p *account.People, a account.Person) error {
				return d.ChangeRole(t.Context(), a.ID, account.RolePerson, account.RoleAuditor, audit.Event{At: at, Kind: audit.PersonUpdated, PersonID: a.ID})
			},
			"all others are signed out": func(d *DB, p *account.People, a account.Person) error {
				_, err := p.EndOtherSessions(t.Context(), a.ID, "elsewhere", from("192.0.2.1"), at)
				return err
			},
			"this was not me": func(d *DB, p *account.People, a account.Person) error {
				insert(t, d, "clients", map[string]any{"id": "c"})
				insert(t, d, "grants", map[string]any{"id": "g", "person_id": a.ID, "session_id": "s", "client_id": "c"})
				return d.ReportGrant(t.Context(), a.ID, "g", "elsewhere", audit.Event{At: at, Kind: audit.GrantReported, PersonID: a.ID})
			},
			"an app is removed": func(d *DB, p *account.People, a account.Person) error {
				insert(t, d, "totps", map[string]any{"person_id": a.ID, "secret": []byte("s")})
				return p.RemoveTOTP(t.Context(), account.FactorRemoval{PersonID: a.ID, SessionID: "elsewhere"}, from("192.0.2.1"), at)
			},
			"a passkey is removed": func(d *DB, p *account.People, a account.Person) error {
				k := added(t, d, a.ID, "k")
				removal := account.PasskeyRemoval{PersonID: a.ID, PasskeyID: k.ID, SessionID: "elsewhere"}
				return d.RemovePasskey(t.Context(), removal, audit.Event{At: at, Kind: audit.FactorRemoved, PersonID: a.ID})
			},
		} {
			d, p, b, ann := signedUp(t, account.RolePerson)
			execute(t, d, fmt.Sprintf("UPDATE people SET sessions_ended_before = %d", micros(t0.Add(time.Hour)))) // by a clock that was ahead
			s, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.1"), t0)
			if err != nil {
				t.Fatal(err)
			}
			if err := meanwhile(d, p, ann); err != nil {
				t.Fatal(name, err)
			}
			_, err = b.commit(t, "", account.NewSession(s, from("192.0.2.1")))
			if !errors.Is(err, account.ErrSessionEnded) {
				t.Errorf("%s: got %v", name, err)
			}
			again, err := p.SignIn(t.Context(), with("ann@example.com", secret, ""), from("192.0.2.1"), t0)
			if err != nil {
				t.Fatal(name, err)
			}
			if _, err = b.commit(t, "", account.NewSession(again, from("192.0.2.1"))); err != nil {
				t.Errorf("%s, and a sign-in after it: %v", name, err)
			}
		}
	})

	t.Run("T21 of a session that begins and the end of all sessions at once the end wins, and the one that is kept goes on", func(t *testing.T) {
		_, p, b, ann := signedUp(t, account.RolePerson)
		token, here := b.begin(t, ann)
		for i := range 50 {
			at := t0.Add(time.Duration(i) * time.Second)
			ann, err := p.Find(t.Context(), ann.ID)
			if err != nil {
				t.Fatal(err)
			}
			s := account.NewSession(&account.SignedIn{Person: ann, AuthTime: at, AMR: []string{"pwd"}}, from("192.0.2.1"))
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := p.EndOtherSessions(context.Background(), ann.ID, here.ID, from("192.0.2.1"), at.Add(-time.Millisecond)); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := b.commit(t, "", s); err != nil && !errors.Is(err, account.ErrSessionEnded) {
					t.Error(err)
				}
			})
			wg.Wait()
			if living, err := p.Sessions(t.Context(), ann.ID, at); err != nil || len(living) != 1 || living[0].ID != here.ID {
				t.Fatalf("%+v %v", living, err)
			}
		}
		ctx, err := b.Load(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.RenewToken(ctx); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Commit(ctx); err != nil {
			t.Errorf("another token for the session that is kept: %v", err)
		}
	})

	t.Run("sessions that are ended and stored at once end up ended", func(t *testing.T) {
		_, p, b, ann := signedUp(t, account.RolePerson)
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
}
