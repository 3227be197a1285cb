package db

import (
	"errors"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

// Whoever knows the password guesses codes. However long they do, the owner comes in again, with no device that is known.
func TestWEB_36_NobodyLocksTheOwnerOutOfTheSecondFactor(t *testing.T) {
	d := openTest(t, Options{})
	_, ann, app, _ := withApp(t, d, "ann@example.com")
	p := peopleOf(t, d) // with the limits that hold
	links := account.NewLinks(p, d, "https://id.example.com")
	owner, admin := from("192.0.2.2"), audit.Origin{Actor: audit.ByAdmin}
	now, password := t0.Add(time.Minute), secret
	finish := func(code string) error {
		t.Helper()
		c := with(ann.Email, password, "")
		c.Course.Browser = []byte("b")
		_, err := p.SignIn(t.Context(), c, owner, now)
		var unfinished *account.UnfinishedError
		if !errors.As(err, &unfinished) {
			t.Fatalf("the password alone: %v", err)
		}
		_, err = p.FinishWithCode(t.Context(), unfinished.Token, code, "", []byte("b"), owner, now)
		return err
	}
	lockOut := func() {
		t.Helper()
		for range 5 {
			want(t, finish("000000"), account.ErrCode)
		}
		throttled(t, finish(codeAt(t, app, now)))
	}

	lockOut()
	for range 200 { // for longer than a hundred failures, the hard end of passwords
		now = now.Add(5 * time.Minute)
		want(t, finish("000000"), account.ErrCode)
	}
	if wait := throttled(t, finish(codeAt(t, app, now))); wait > 5*time.Minute {
		t.Errorf("the owner waits %v", wait)
	}
	now = now.Add(5 * time.Minute)
	if err := finish(codeAt(t, app, now)); err != nil {
		t.Fatalf("after five minutes: %v", err)
	}

	for _, reset := range []func() error{
		func() error {
			_, address, err := links.AskReset(t.Context(), ann.ID, owner, now)
			if err != nil {
				return err
			}
			password = "another teapot on the shelf"
			_, err = links.ChoosePassword(t.Context(), account.LinkReset, tokenOf(address), password, account.Course{}, "", owner, now)
			return err
		},
		func() error {
			password = "a third teapot on the shelf"
			return p.SetPassword(t.Context(), ann.ID, password, admin, now)
		},
	} {
		now = now.Add(time.Hour)
		lockOut()
		if err := reset(); err != nil {
			t.Fatal(err)
		}
		if err := finish(codeAt(t, app, now)); err != nil {
			t.Errorf("with %q: %v", password, err)
		}
	}

	now = now.Add(time.Hour)
	lockOut()
	if err := d.ResetFactors(t.Context(), ann.ID, audit.Event{Kind: audit.FactorReset, PersonID: ann.ID, At: now}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM throttle WHERE counter LIKE 'code:%'"); n != 0 {
		t.Error("guesses at factors that are gone still count against new ones")
	}
}
