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

// How a password alone is told to clients: the method of RFC 8176, and the class of one factor.
const (
	AMRPassword     = "pwd"
	ACRSingleFactor = "urn:regrant:acr:1fa"
)

// Credentials are what somebody typed into the sign-in form.
type Credentials struct {
	Email    string
	Password string
	Device   string // hash of the browser's own cookie, by which a device that signed in before is known; may be empty
}

// SignedIn says who has proved who they are, when and how.
type SignedIn struct {
	Person   Person
	AuthTime time.Time
	AMR      []string
	ACR      string
}

// SignIn checks an address and a password. It does the same work and gives the same [ErrCredentials] whatever is wrong with
// them. [ThrottledError] and [ErrBusy] say that nothing was looked at; [PasswordExpiredError] that they were right, and
// that no session may begin; any other error is a fault and no verdict.
func (p *People) SignIn(ctx context.Context, c Credentials, o audit.Origin, now time.Time) (*SignedIn, error) {
	return p.prove(ctx, c, audit.SignInSucceeded, o, now)
}

// Confirm checks once more who sits in front of a session, before something that cannot be undone (WEB-40). It takes the
// strongest factor that the person has: today the password. Guesses count as those of SignIn do, and the errors are the same.
func (p *People) Confirm(ctx context.Context, s Session, password, device string, o audit.Origin, now time.Time) (Session, error) {
	person, err := p.Find(ctx, s.PersonID)
	if err != nil {
		return s, err
	}
	proved, err := p.prove(ctx, Credentials{Email: person.Email, Password: password, Device: device}, audit.SignInConfirmed, o, now)
	if err != nil {
		return s, err
	}
	if proved.Person.ID != s.PersonID {
		return s, ErrCredentials // the address went to somebody else meanwhile
	}
	s.AuthTime, s.AMR, s.ACR = proved.AuthTime, proved.AMR, proved.ACR
	return s, nil
}

// FreshFor is how long a proof of who somebody is counts for what cannot be undone (WEB-40).
const FreshFor = 5 * time.Minute

// Fresh reports whether whoever sits in front of the session has just proved who they are. A proof from the future, as after
// a clock that went back, is none.
func (s Session) Fresh(now time.Time) bool {
	age := now.Sub(s.AuthTime)
	return age >= 0 && age < FreshFor
}

// prove does the work of SignIn and writes a success as an event of that kind.
func (p *People) prove(ctx context.Context, c Credentials, kind audit.Kind, o audit.Origin, now time.Time) (*SignedIn, error) {
	now = now.UTC().Truncate(time.Microsecond)
	o.Actor = audit.ByPerson
	g := newGuess(p.limits, c.Email, c.Device, o, now)

	// Whoever must wait is told so before taking a place in the queue for hashing.
	if wait, err := p.store.Delay(ctx, g); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	} else if wait > 0 {
		return nil, &ThrottledError{RetryAfter: wait}
	}
	turn, err := p.hasher.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.leave()

	// Counted before it is checked: guesses made at the same time must all count.
	person, err := p.store.CountGuess(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	var hash, personID string
	if person != nil {
		hash, personID = person.PasswordHash, person.ID
		o.ActorID = personID
	}
	match, stale, err := turn.check(c.Password, hash)
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

	var rehashed string
	if stale {
		if rehashed, err = turn.hash(c.Password); err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
	}
	e := event(kind, personID, o, now, "amr", AMRPassword)
	if person.PasswordExpiredAt != nil {
		e.Result = "password expired"
	}
	err = p.store.FinishSignIn(ctx, g, *person, rehashed, e)
	if errors.Is(err, ErrChanged) {
		return nil, ErrCredentials // disabled, deleted or given another password meanwhile
	}
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	if rehashed != "" {
		person.PasswordHash = rehashed
	}
	if person.PasswordExpiredAt != nil {
		return nil, &PasswordExpiredError{Person: *person}
	}
	return &SignedIn{Person: *person, AuthTime: now, AMR: []string{AMRPassword}, ACR: ACRSingleFactor}, nil
}
