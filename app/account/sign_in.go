package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"regrant/app/audit"
)

// ErrCredentials is the one answer to a sign-in that fails, whether the address is unknown, the password wrong or the
// person disabled (WEB-33).
var ErrCredentials = errors.New("account: that address and password do not match")

// Credentials are what somebody typed into the sign-in form.
type Credentials struct {
	Email    string
	Password string
	Device   string // hash of the browser's own cookie, by which a device that signed in before is known; may be empty
	Course          // what the sign-in is for
}

// SignedIn says who has proved who they are, when and how.
type SignedIn struct {
	Person   Person
	AuthTime time.Time
	AMR      []string
	ACR      string
	Stay     bool // wants to stay signed in with this browser
}

// SignIn checks an address and a password. It does the same work and gives the same [ErrCredentials] whatever is wrong with
// them. [ThrottledError] and [ErrBusy] say that nothing was looked at; [UnfinishedError] that they were right and a second factor
// is missing; [PasswordExpiredError] that they were right, and that no session may begin; any other error is a fault and no verdict.
func (p *People) SignIn(ctx context.Context, c Credentials, o audit.Origin, now time.Time) (*SignedIn, error) {
	now = now.UTC().Truncate(time.Microsecond)
	checked, err := p.checkPassword(ctx, c, o, now)
	if err != nil {
		return nil, err
	}
	person, amr := checked.Person, []string{AMRPassword}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	factors, err := p.store.Factors(ctx, person.ID)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	// A second factor comes before an expired password is renewed: whoever knows only that must not choose the next one. Adding a
	// first one comes after it.
	expired := person.PasswordExpiredAt != nil && !factors.Second()
	e := event(audit.SignInSucceeded, person.ID, o, now, "amr", AMRPassword)
	var missing *UnfinishedError
	if expired {
		e.Result = "password expired"
	} else if checked.Unfinished, missing = p.pause(person, factors, amr, c.Course, now); missing != nil {
		e.Kind = audit.SignInSecondAsked
	}
	err = p.store.FinishSignIn(ctx, *checked, e)
	switch {
	case errors.Is(err, ErrChanged):
		return nil, ErrCredentials // disabled, deleted or given another password meanwhile
	case err != nil:
		return nil, fmt.Errorf("sign in: %w", err)
	case expired:
		return nil, &PasswordExpiredError{Person: person, AMR: amr}
	case missing != nil:
		return nil, missing
	}
	return signedIn(person, amr, c.Stay, now), nil
}

// Finish is a right password as the store takes it.
type Finish struct {
	Guess      Guess       // is given back
	Person     Person      // as the password was checked
	NewHash    string      // the same password at another cost; empty: the hash stays
	Unfinished *Unfinished // what waits for a second factor in place of a whole sign-in; nil: nothing does
	Second     *Second     // the second factor that was shown with it; nil: none was
}

// checkPassword finds out whether an address and a password match, and gives what there is to be finished. Errors as SignIn.
func (p *People) checkPassword(ctx context.Context, c Credentials, o audit.Origin, now time.Time) (*Finish, error) {
	o.Actor = audit.ByPerson
	g := newGuess(p.limits, c.Email, c.Device, o, now)

	// Whoever must wait is told so before taking a place in the queue for hashing.
	standing, err := p.store.Delay(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	if standing.Wait > 0 {
		return nil, &ThrottledError{RetryAfter: standing.Wait}
	}
	turn, err := p.hasher.enter(ctx, standing.Known)
	if err != nil {
		return nil, err
	}
	defer turn.leave()

	// Counted before it is checked: guesses made at the same time must all count.
	guessed, err := p.store.CountGuess(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	person := guessed.Person
	var hash, personID string
	if person != nil {
		hash, personID = person.PasswordHash, person.ID
		o.ActorID = personID
	}
	match, stale, err := turn.check(c.Password, hash, guessed.Like)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	if !match || !person.Active() {
		e := event(audit.SignInFailed, personID, o, now)
		e.Result = "wrong password"
		if person == nil {
			e.Result = "unknown address"
		} else if match {
			e.Result = "disabled"
		}
		if err := p.store.FailSignIn(ctx, g, e); err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
		return nil, ErrCredentials
	}
	f := &Finish{Guess: g, Person: *person}
	if stale {
		if f.NewHash, err = turn.hash(c.Password); err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
	}
	return f, nil
}
