package db

import (
	"errors"
	"testing"
	"time"

	"regrant/app/account"
)

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

	t.Run("WEB-36 guesses in a stolen session delay no device of the owner's", func(t *testing.T) {
		_, p, ann := setUp(t)
		for range 5 {
			want(t, p.ChangePassword(t.Context(), change(ann, "wrong", true), from("192.0.2.1"), t0), account.ErrCredentials)
		}
		throttled(t, p.ChangePassword(t.Context(), change(ann, secret, true), from("192.0.2.1"), t0))
		c := change(ann, secret, false)
		c.Device = "here"
		if err := p.ChangePassword(t.Context(), c, from("192.0.2.2"), t0); err != nil {
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
