package db

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

// added gives a person the passkey of that credential id.
func added(t testing.TB, d *DB, personID, credential string) account.Passkey {
	t.Helper()
	k := account.Passkey{
		ID: "k-" + credential, CredentialID: []byte(credential), PersonID: personID, Name: "Laptop", Record: []byte("{}"), SignCount: 3, CreatedAt: t0,
	}
	f, err := d.Factors(t.Context(), personID)
	if err != nil {
		t.Fatal(err)
	}
	n := newKey(k, "add "+credential)
	if !f.Second() {
		n.Recovery = [][]byte{[]byte("recovery of " + credential)}
	}
	if err := d.AddPasskey(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return k
}

// newKey is a passkey to be added, in answer to that question, by somebody who has a second factor.
func newKey(k account.Passkey, question string) account.NewFactor {
	return account.NewFactor{
		PersonID: k.PersonID, Passkey: &k, Challenge: challenge(question), Events: []audit.Event{factorEvent(audit.FactorAdded, k.PersonID)},
	}
}

func challenge(s string) account.Challenge {
	return account.Challenge{Hash: []byte(s), ExpiresAt: t0.Add(5 * time.Minute)}
}

func factorEvent(kind audit.Kind, personID string) audit.Event {
	return audit.Event{At: t0, Kind: kind, Origin: admin, PersonID: personID, Result: "ok"}
}

func TestPasskeys(t *testing.T) {
	d := openTest(t, Options{})
	p := peopleOf(t, d)
	ann, bob := create(t, p, "ann@example.com"), create(t, p, "bob@example.com")
	k := added(t, d, ann.ID, "one")

	t.Run("a credential belongs to one person for as long as it is registered", func(t *testing.T) {
		again := account.Passkey{ID: "other", CredentialID: k.CredentialID, PersonID: bob.ID, Name: "Mine", Record: []byte("{}"), CreatedAt: t0}
		want(t, d.AddPasskey(t.Context(), newKey(again, "b")), account.ErrPasskeyTaken)
		if list, err := d.PasskeysOf(t.Context(), bob.ID); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
	})

	t.Run("WEB-43 nobody renames or removes another's", func(t *testing.T) {
		want(t, d.RenamePasskey(t.Context(), bob.ID, k.ID, "Mine", factorEvent(audit.FactorRenamed, bob.ID)), account.ErrNotFound)
		want(t, d.RemovePasskey(t.Context(), account.PasskeyRemoval{PersonID: bob.ID, PasskeyID: k.ID}, factorEvent(audit.FactorRemoved, bob.ID)), account.ErrNotFound)
		list, err := d.PasskeysOf(t.Context(), ann.ID)
		if err != nil || len(list) != 1 || list[0].Name != "Laptop" {
			t.Errorf("%+v %v", list, err)
		}
	})

	t.Run("somebody has so many and no more", func(t *testing.T) {
		cat := create(t, p, "cat@example.com")
		for i := range account.MaxPasskeys {
			added(t, d, cat.ID, fmt.Sprint("cat ", i))
		}
		more := account.Passkey{ID: "more", CredentialID: []byte("more"), PersonID: cat.ID, Record: []byte("{}"), CreatedAt: t0}
		want(t, d.AddPasskey(t.Context(), newKey(more, "c")), account.ErrTooManyPasskeys)
		if f, err := p.Factors(t.Context(), cat.ID); err != nil || f.Passkeys != account.MaxPasskeys || !f.Second() {
			t.Errorf("%+v %v", f, err)
		}
	})

	t.Run("T23 with the person go their passkeys", func(t *testing.T) {
		dan := create(t, p, "dan@example.com")
		gone := added(t, d, dan.ID, "dan")
		if err := p.Delete(t.Context(), dan.ID, admin, t0); err != nil {
			t.Fatal(err)
		}
		_, err := d.PasskeyByCredential(t.Context(), gone.CredentialID)
		want(t, err, account.ErrNotFound)
		late := account.Passkey{ID: "late", CredentialID: []byte("late"), PersonID: dan.ID, Record: []byte("{}"), CreatedAt: t0}
		want(t, d.AddPasskey(t.Context(), newKey(late, "d")), account.ErrNotFound)
	})

	t.Run("WEB-39 of many uses of one challenge one counts, and it is forgotten when no clock could make it new", func(t *testing.T) {
		n := 20
		use := account.PasskeyUse{PasskeyID: k.ID, PersonID: ann.ID, SignCount: 4, Challenge: challenge("one question")}
		finish := func(at time.Time) error {
			e := factorEvent(audit.SignInSucceeded, ann.ID)
			e.At = at
			return d.FinishPasskeySignIn(t.Context(), account.Guess{At: at, Limits: account.DefaultLimits()}, ann, use, e)
		}
		got := together(n, func(int) error { return finish(t0) })
		if got[""] != 1 || got[account.ErrPasskeyRefused.Error()] != n-1 {
			t.Errorf("answers: %v", got)
		}
		for _, c := range []struct {
			at    time.Time
			spent bool
		}{{t0.Add(24 * time.Hour), true}, {t0.Add(25 * time.Hour), false}} {
			if _, err := p.Sweep(t.Context(), c.at); err != nil {
				t.Fatal(err)
			}
			if err := finish(c.at); errors.Is(err, account.ErrPasskeyRefused) != c.spent {
				t.Errorf("after a sweep at %s: %v", c.at, err)
			}
		}
	})

	t.Run("T25 a removal ends all but the session in which it was done", func(t *testing.T) {
		eve := create(t, p, "eve@example.com")
		settle(t, d, eve, "eve-here")
		settle(t, d, eve, "eve-there")
		gone := added(t, d, eve.ID, "eve")
		removal := account.PasskeyRemoval{PersonID: eve.ID, PasskeyID: gone.ID, SessionID: "eve-here"}
		got := together(10, func(int) error {
			return d.RemovePasskey(t.Context(), removal, factorEvent(audit.FactorRemoved, eve.ID))
		})
		if got[""] != 1 || got[account.ErrNotFound.Error()] != 9 {
			t.Errorf("answers: %v", got)
		}
		sessions, err := p.Sessions(t.Context(), eve.ID, t0)
		if err != nil || len(sessions) != 1 || sessions[0].ID != "eve-here" {
			t.Errorf("sessions: %+v %v", sessions, err)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM grants g JOIN people p ON p.id = g.person_id WHERE p.id = ? AND g.created_at > COALESCE(p.grants_revoked_before, -1)", eve.ID); n != 0 {
			t.Errorf("%d grants live", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM codes WHERE person_id = ? AND spent_at IS NULL", eve.ID); n != 0 {
			t.Errorf("%d open codes", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM devices WHERE person_id = ?", eve.ID); n != 2 {
			t.Errorf("%d browsers are known: the one in which they go on would be new to them", n)
		}
		if e := lastEvent(t, d); e.Kind != audit.FactorRemoved {
			t.Errorf("%+v", e)
		}
	})

	t.Run("of two at once with one enrolment one adds it", func(t *testing.T) {
		fay := create(t, p, "fay@example.com")
		got := together(10, func(i int) error {
			made := account.Passkey{ID: fmt.Sprint("fay ", i), CredentialID: []byte(fmt.Sprint("fay ", i)), PersonID: fay.ID, Record: []byte("{}"), CreatedAt: t0}
			n := newKey(made, "fay")
			n.Recovery = [][]byte{[]byte(fmt.Sprint("recovery ", i))}
			return d.AddPasskey(t.Context(), n)
		})
		if got[""] != 1 || got[account.ErrPasskeyRefused.Error()] != 9 {
			t.Errorf("answers: %v", got)
		}
		if f, err := d.Factors(t.Context(), fay.ID); err != nil || f.Passkeys != 1 || f.RecoveryCodes != 1 {
			t.Errorf("%+v %v", f, err)
		}
	})

	t.Run("of the last two passkeys of somebody without a password one stays", func(t *testing.T) {
		hal := create(t, p, "hal@example.com")
		keys := []account.Passkey{added(t, d, hal.ID, "hal 0"), added(t, d, hal.ID, "hal 1")}
		execute(t, d, "UPDATE people SET password_hash = '' WHERE id = ?", hal.ID)
		got := together(2, func(i int) error {
			return d.RemovePasskey(t.Context(), account.PasskeyRemoval{PersonID: hal.ID, PasskeyID: keys[i].ID}, factorEvent(audit.FactorRemoved, hal.ID))
		})
		if got[""] != 1 || got[account.ErrOnlyWay.Error()] != 1 {
			t.Errorf("answers: %v", got)
		}
		if f, err := d.Factors(t.Context(), hal.ID); err != nil || f.Passkeys != 1 || f.RecoveryCodes != 1 {
			t.Errorf("%+v %v", f, err)
		}
	})

	t.Run("WEB-38 of two first factors at once one brings recovery codes, and the other is not added", func(t *testing.T) {
		gus := create(t, p, "gus@example.com")
		got := together(10, func(i int) error {
			made := account.Passkey{ID: fmt.Sprint("gus ", i), CredentialID: []byte(fmt.Sprint("gus ", i)), PersonID: gus.ID, Record: []byte("{}"), CreatedAt: t0}
			n := newKey(made, fmt.Sprint("gus ", i))
			n.Recovery = [][]byte{[]byte(fmt.Sprint("recovery of gus ", i))}
			return d.AddPasskey(t.Context(), n)
		})
		if got[""] != 1 || got[account.ErrEnrolmentOver.Error()] != 9 {
			t.Errorf("answers: %v", got)
		}
		if f, err := d.Factors(t.Context(), gus.ID); err != nil || f.Passkeys != 1 || f.RecoveryCodes != 1 {
			t.Errorf("%+v %v", f, err)
		}
	})
}

func TestCountedBack(t *testing.T) {
	for _, c := range []struct {
		before, after uint32
		back          bool
	}{{0, 0, false}, {0, 1, false}, {1, 2, false}, {2, 2, true}, {2, 1, true}, {2, 0, true}} {
		if account.CountedBack(c.before, c.after) != c.back {
			t.Errorf("%d, then %d: %v", c.before, c.after, !c.back)
		}
	}
}
