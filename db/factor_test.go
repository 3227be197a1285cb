package db

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"regrant/app/account"
	"regrant/app/audit"
)

// withApp gives a person with an authenticator app, set up at t0, its secret, and their recovery codes. Guesses are not limited.
func withApp(t testing.TB, d *DB, email string) (*account.People, account.Person, string, []string) {
	t.Helper()
	free := account.DefaultLimits()
	free.Free, free.PressedFree, free.AddressBurst, free.GlobalBurst = 1000, 1000, 1000, 100_000
	p := account.New(d, cheap(t, account.HasherOptions{Waiting: 5000}), account.Options{Limits: free})
	ann := create(t, p, email)
	app, err := p.NewTOTP(ann, []byte("b"), "test", t0)
	if err != nil {
		t.Fatal(err)
	}
	_, recovery, err := p.EnrolTOTP(t.Context(), account.Session{PersonID: ann.ID, AMR: []string{"pwd"}}, []byte("b"), app.Sealed, codeAt(t, app.Secret, t0), from("192.0.2.1"), t0)
	if err != nil || len(recovery) != account.RecoveryCodes {
		t.Fatalf("%d recovery codes, %v", len(recovery), err)
	}
	return p, ann, app.Secret, recovery
}

func codeAt(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// half signs in with the password alone and gives what waits for the second factor.
func half(t testing.TB, p *account.People, email string, at time.Time) string {
	t.Helper()
	c := with(email, secret, "dev")
	c.Course = account.Course{Browser: []byte("b"), RequestID: "r1", Return: "/account", Stay: true}
	_, err := p.SignIn(t.Context(), c, from("192.0.2.1"), at)
	var unfinished *account.UnfinishedError
	if !errors.As(err, &unfinished) || unfinished.Enrol {
		t.Fatalf("the password alone: %v", err)
	}
	return unfinished.Token
}

func TestWEB_37_OfTwentyUsesOfOneCodeAtOnceOneIsAccepted(t *testing.T) {
	d := openTest(t, Options{})
	p, _, app, _ := withApp(t, d, "ann@example.com")
	at := t0.Add(time.Minute)
	steps := make([]string, 20) // a sign-in of its own for each, so that only the code is contended
	for i := range steps {
		steps[i] = half(t, p, "ann@example.com", at)
	}
	code := codeAt(t, app, at)

	results := together(len(steps), func(i int) error {
		_, err := p.FinishWithCode(t.Context(), steps[i], code, "dev", []byte("b"), from("192.0.2.1"), at)
		return err
	})

	if results[""] != 1 { // the others are wrong, or too many
		t.Errorf("got %v", results)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM audit_events WHERE kind = 'sign_in.succeeded'"); n != 1 {
		t.Errorf("%d sign-ins succeeded", n)
	}
}

func TestWEB_35_OfTwentyEndsOfOneSignInAtOnceOneBeginsASession(t *testing.T) {
	d := openTest(t, Options{})
	p, _, _, recovery := withApp(t, d, "ann@example.com")
	at := t0.Add(time.Minute)
	step := half(t, p, "ann@example.com", at)

	results := together(len(recovery), func(i int) error { // a code of its own for each
		_, err := p.FinishWithCode(t.Context(), step, recovery[i], "dev", []byte("b"), from("192.0.2.1"), at)
		return err
	})

	if results[""] != 1 {
		t.Errorf("got %v", results)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM recovery_codes WHERE used_at IS NULL"); n != account.RecoveryCodes-1 {
		t.Errorf("%d codes are left: who did not win must keep theirs", n)
	}
}

func TestWEB_38_OfTwentyUsesOfOneRecoveryCodeAtOnceOneIsAccepted(t *testing.T) {
	d := openTest(t, Options{})
	p, ann, _, recovery := withApp(t, d, "ann@example.com")
	at := t0.Add(time.Minute)
	steps := make([]string, 20)
	for i := range steps {
		steps[i] = half(t, p, "ann@example.com", at)
	}

	results := together(len(steps), func(i int) error {
		_, err := p.FinishWithCode(t.Context(), steps[i], recovery[3], "dev", []byte("b"), from("192.0.2.1"), at)
		return err
	})

	if results[""] != 1 { // the others are wrong, or too many
		t.Errorf("got %v", results)
	}
	if f, err := p.Factors(t.Context(), ann.ID); err != nil || f.RecoveryCodes != 9 || !f.TOTP {
		t.Errorf("%+v %v", f, err)
	}
	events, err := d.Events(t.Context(), EventFilter{Kind: audit.RecoveryCodeUsed}, 10)
	if err != nil || len(events) != 1 || events[0].PersonID != ann.ID {
		t.Errorf("%+v %v", events, err)
	}
}

// The limit on guesses lets few come so far at once; the store must not rely on it.
func TestOfTwentyUsesThatWereFoundRightAtOnceTheStoreTakesOne(t *testing.T) {
	d := openTest(t, Options{})
	_, ann, _, recovery := withApp(t, d, "ann@example.com")
	hash := func(code string) []byte {
		sum := sha256.Sum256([]byte("recovery\n" + ann.ID + "\n" + strings.ToUpper(strings.ReplaceAll(code, "-", ""))))
		return sum[:]
	}
	for what, s := range map[string]account.Second{
		"WEB-37 step": {TOTPStep: t0.Add(time.Minute).Unix() / 30}, "WEB-38 recovery code": {Recovery: hash(recovery[0])},
	} {
		s.Guess = account.Guess{At: t0, Limits: account.DefaultLimits()}
		results := together(20, func(int) error {
			return d.UseSecond(t.Context(), ann.ID, s, audit.Event{At: t0, Kind: audit.SignInConfirmed, PersonID: ann.ID})
		})
		if results[""] != 1 || results[account.ErrCode.Error()] != 19 {
			t.Errorf("%s: got %v", what, results)
		}
	}
}

func TestOfTwentyFirstFactorsAddedAtOnceOneIsKept(t *testing.T) {
	d := openTest(t, Options{})
	p := peopleOf(t, d)
	ann := create(t, p, "ann@example.com")
	results := together(20, func(int) error {
		app, err := p.NewTOTP(ann, []byte("b"), "test", t0)
		if err != nil {
			return err
		}
		_, _, err = p.EnrolTOTP(t.Context(), account.Session{PersonID: ann.ID}, []byte("b"), app.Sealed, codeAt(t, app.Secret, t0), from("192.0.2.1"), t0)
		return err
	})

	if results[""] != 1 || results[account.ErrEnrolmentOver.Error()] != 19 {
		t.Errorf("got %v", results)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM recovery_codes"); n != account.RecoveryCodes {
		t.Errorf("%d recovery codes", n)
	}
}

func TestAnEnrolmentIsOfItsPersonBrowserAndHalfHour(t *testing.T) {
	d := openTest(t, Options{})
	p := peopleOf(t, d)
	ann, bob := create(t, p, "ann@example.com"), create(t, p, "bob@example.com")
	app, err := p.NewTOTP(ann, []byte("b"), "Acme: Co", t0)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"of somebody else":   enrolError(p.OpenTOTP(bob, []byte("b"), "test", app.Sealed, t0)),
		"in another browser": enrolError(p.OpenTOTP(ann, []byte("c"), "test", app.Sealed, t0)),
		"after half an hour": enrolError(p.OpenTOTP(ann, []byte("b"), "test", app.Sealed, t0.Add(30*time.Minute+time.Second))),
		"from the future":    enrolError(p.OpenTOTP(ann, []byte("b"), "test", app.Sealed, t0.Add(-time.Hour))),
		"not sealed":         enrolError(p.OpenTOTP(ann, []byte("b"), "test", "AAAA", t0)),
	} {
		want(t, err, account.ErrEnrolmentOver)
		_ = what
	}
	if again, err := p.OpenTOTP(ann, []byte("b"), "Acme: Co", app.Sealed, t0.Add(29*time.Minute)); err != nil || again.Secret != app.Secret || again.URL != app.URL {
		t.Errorf("%+v %v", again, err)
	}
	if !strings.HasPrefix(app.URL, "otpauth://totp/Acme:%20Co:ann@example.com?secret="+app.Secret+"&issuer=Acme:%20Co") {
		t.Errorf("%s", app.URL)
	}
}

func enrolError(_ account.TOTPEnrolment, err error) error { return err }

func TestSecretsOfFactorsAreNotInTheDatabase(t *testing.T) {
	d := openTest(t, Options{})
	p, _, app, recovery := withApp(t, d, "ann@example.com")
	step := half(t, p, "ann@example.com", t0.Add(time.Minute))
	var dump bytes.Buffer
	for _, table := range []string{"totps", "recovery_codes", "sign_ins", "audit_events"} {
		dump.WriteString(allOf(t, d, table))
	}
	for _, secret := range append(recovery, app, step, strings.ToUpper(strings.ReplaceAll(recovery[0], "-", ""))) {
		if strings.Contains(dump.String(), secret) {
			t.Errorf("%q lies in the database", secret)
		}
	}
}

// allOf gives every value of a table as text.
func allOf(t testing.TB, d *DB, table string) string {
	t.Helper()
	var text strings.Builder
	rows, err := d.readers.pool.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if b, isBytes := (*v.(*any)).([]byte); isBytes {
				text.Write(b)
			}
			fmt.Fprintf(&text, " %v\n", *v.(*any))
		}
	}
	if text.Len() == 0 {
		t.Fatalf("%s is empty", table)
	}
	return text.String()
}

func TestUnfinishedSignInsAreBoundedAndSwept(t *testing.T) {
	d := openTest(t, Options{})
	p, _, _, _ := withApp(t, d, "ann@example.com")
	for i := range signInsKept + 5 {
		half(t, p, "ann@example.com", t0.Add(time.Duration(i)*time.Second))
	}
	if n := count(t, d, "SELECT COUNT(*) FROM sign_ins"); n != signInsKept {
		t.Errorf("%d are kept", n)
	}
	if _, err := d.SweepPeople(t.Context(), t0.Add(time.Hour), 500); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM sign_ins"); n != 0 {
		t.Errorf("%d are left after an hour", n)
	}
}

func TestADeviceIsKnownAfterTheWholeSignInOnly(t *testing.T) {
	d := openTest(t, Options{})
	p, _, app, _ := withApp(t, d, "ann@example.com")
	at := t0.Add(time.Minute)
	step := half(t, p, "ann@example.com", at)
	if n := count(t, d, "SELECT COUNT(*) FROM devices"); n != 0 {
		t.Error("whoever knows the password has a device of the person's")
	}
	in, err := p.FinishWithCode(t.Context(), step, codeAt(t, app, at), "dev", []byte("b"), from("192.0.2.1"), at)
	if err != nil || !in.Stay || in.ACR != account.ACRTwoFactors || strings.Join(in.AMR, " ") != "pwd otp mfa" {
		t.Fatalf("%+v %v", in, err)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM devices"); n != 1 {
		t.Errorf("%d devices", n)
	}
}
