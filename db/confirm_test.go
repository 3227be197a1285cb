package db

import (
	"errors"
	"testing"
	"time"

	"regrant/app/account"
)

func TestWEB_40_ARightPasswordIsNoFailureWhateverElseIsWrong(t *testing.T) {
	d := openTest(t, Options{})
	p, ann, app, _ := withApp(t, d, "ann@example.com")
	s := account.Session{ID: "here", PersonID: ann.ID}
	at := t0.Add(time.Minute)
	confirm := func(code string) error {
		_, err := p.Confirm(t.Context(), s, account.Proof{Password: secret, Code: code}, from("192.0.2.1"), at)
		return err
	}
	noFailure := func(what string) {
		t.Helper()
		if n := count(t, d, "SELECT COUNT(*) FROM throttle WHERE counter LIKE 'account:%'"); n != 0 {
			t.Errorf("%s: the right password is counted", what)
		}
	}

	want(t, confirm("AAAA-AAAA-AAAA-AAAA"), account.ErrCode)
	noFailure("a recovery code that nobody has")
	if n := count(t, d, "SELECT COUNT(*) FROM throttle WHERE counter LIKE 'code:%'"); n != 1 {
		t.Error("the wrong code is not counted")
	}

	execute(t, d, "UPDATE people SET password_expired_at = 1")
	var expired *account.PasswordExpiredError
	if err := confirm(codeAt(t, app, at)); !errors.As(err, &expired) {
		t.Fatalf("got %v", err)
	}
	noFailure("an expired password")
}
