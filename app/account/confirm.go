package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"regrant/app/audit"
)

// FreshFor is how long a proof of who somebody is counts for what cannot be undone (WEB-40).
const FreshFor = 5 * time.Minute

// Fresh reports whether whoever sits in front of the session has just proved who they are, by the strongest factor that they
// have. A proof from the future, as after a clock that went back, is none.
func (s Session) Fresh(f Factors, now time.Time) bool {
	age := now.Sub(s.AuthTime)
	return age >= 0 && age < FreshFor && f.Strongest(s.AMR)
}

// Proof is what somebody shows once more.
type Proof struct {
	Password string
	Code     string // of the authenticator app or for recovery; for those who have a second factor
	Device   string // as in [Credentials]
}

// Confirm checks once more who sits in front of a session, before something that cannot be undone (WEB-40): by the strongest
// factor that the person has, besides the password. Who has a passkey shows that (or a recovery code) and no code of an app.
// Guesses count as those of SignIn do, and the errors are the same, with [ErrCode] for a wrong code.
func (p *People) Confirm(ctx context.Context, s Session, proof Proof, o audit.Origin, now time.Time) (Session, error) {
	now = now.UTC().Truncate(time.Microsecond)
	person, err := p.Find(ctx, s.PersonID)
	if err != nil {
		return s, err
	}
	checked, err := p.checkPassword(ctx, Credentials{Email: person.Email, Password: proof.Password, Device: proof.Device}, o, now)
	if err != nil {
		return s, err
	}
	if s, err = p.confirm(ctx, s, person, checked, proof, o, now); err != nil {
		// The password was right, so its guess is no failure.
		return s, errors.Join(err, p.store.GiveBack(ctx, checked.Guess))
	}
	return s, nil
}

// confirm does the rest of Confirm after a right password, whose guess is given back only where it succeeds.
func (p *People) confirm(ctx context.Context, s Session, person Person, checked *Finish, proof Proof, o audit.Origin, now time.Time) (Session, error) {
	if checked.Person.ID != s.PersonID {
		return s, ErrCredentials // the address went to somebody else meanwhile
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	factors, err := p.store.Factors(ctx, person.ID)
	if err != nil {
		return s, fmt.Errorf("confirm: %w", err)
	}
	amr := []string{AMRPassword}
	if factors.Second() {
		if checked.Second, err = p.checkProof(ctx, factors, person, proof, o, now); err != nil {
			return s, err
		}
		amr = append(amr, checked.Second.AMR...)
	}
	e := event(audit.SignInConfirmed, person.ID, o, now, "amr", strings.Join(amr, " "))
	if person.PasswordExpiredAt != nil {
		return s, &PasswordExpiredError{Person: person, AMR: amr}
	}
	err = p.store.FinishSignIn(ctx, *checked, e)
	if errors.Is(err, ErrCode) {
		return s, p.codeFailed(ctx, checked.Second.Guess, person.ID, o, now)
	}
	if errors.Is(err, ErrChanged) {
		return s, ErrCredentials // disabled, deleted, or given another password or a factor meanwhile
	}
	if err != nil {
		return s, fmt.Errorf("confirm: %w", err)
	}
	s.AuthTime, s.AMR, s.ACR = now, amr, acrOf(amr)
	return s, nil
}

func (p *People) checkProof(ctx context.Context, f Factors, person Person, proof Proof, o audit.Origin, now time.Time) (*Second, error) {
	if f.Passkeys > 0 && !recoveryCode.MatchString(plainCode(proof.Code)) {
		return nil, ErrCode
	}
	return p.checkCode(ctx, person, proof.Code, proof.Device, o, now)
}

// StepUp shows a code as the second factor of a session in which a password alone was shown, for an authorization that needs two.
// When the password was shown does not change by it. [ErrCode], [ThrottledError], [ErrSessionEnded].
func (p *People) StepUp(ctx context.Context, s Session, code, device string, o audit.Origin, now time.Time) (Session, error) {
	now = now.UTC().Truncate(time.Microsecond)
	person, err := p.Find(ctx, s.PersonID)
	if errors.Is(err, ErrNotFound) || err == nil && !person.Active() {
		return s, ErrSessionEnded
	}
	if err != nil {
		return s, err
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	second, err := p.checkCode(ctx, person, code, device, o, now)
	if errors.Is(err, ErrChanged) {
		return s, ErrSessionEnded
	}
	if err != nil {
		return s, err
	}
	amr := append([]string{AMRPassword}, second.AMR...)
	e := event(audit.SignInConfirmed, person.ID, o, now, "amr", strings.Join(amr, " "))
	if err := p.store.UseSecond(ctx, person.ID, *second, e); errors.Is(err, ErrCode) {
		return s, p.codeFailed(ctx, second.Guess, person.ID, o, now)
	} else if err != nil {
		return s, fmt.Errorf("step up: %w", err)
	}
	s.AMR, s.ACR = amr, acrOf(amr)
	return s, nil
}
