package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"regrant/app/audit"
)

// Course is what a sign-in is for, and what it must not forget while it is under way.
type Course struct {
	Browser   []byte          // hash of the browser's own cookie: the sign-in goes on in no other
	RequestID string          // the authorization that waits for it; empty for none
	Return    string          // the page of this server to go on with; empty for none
	Stay      bool            // whether the person wants to stay signed in with this browser
	Requires  func(Role) bool // whether somebody in this role has to show two factors; nil: nobody has to
}

// Unfinished is a sign-in in which one factor was shown and another one is missing. Nobody is signed in by it, and it ends with
// whatever ends the person's sessions.
type Unfinished struct {
	Hash      []byte // of its token
	PersonID  string
	AMR       []string // what was shown
	Course             // but for Requires
	CreatedAt time.Time
	ExpiresAt time.Time
}

// unfinishedLifetime is how long somebody may take for the next step.
const unfinishedLifetime = 10 * time.Minute

// UnfinishedError says that what was shown was right and is not enough. Nobody is signed in.
type UnfinishedError struct {
	Token string // of the [Unfinished]; good in the same browser only
	Enrol bool   // the person has no second factor and must add one first
}

func (e *UnfinishedError) Error() string { return "account: a second factor is missing" }

// ErrSignInOver says that a sign-in cannot go on: it is finished, took too long, began in another browser, or the person was
// disabled or given another password meanwhile; nothing tells which.
var ErrSignInOver = errors.New("account: this sign-in is over")

func hashStep(token string) []byte {
	h := sha256.Sum256([]byte("sign-in\n" + token))
	return h[:]
}

// pause gives the sign-in that has to go on with a second factor, nil if what was shown is enough.
func (p *People) pause(person Person, f Factors, amr []string, c Course, now time.Time) (*Unfinished, *UnfinishedError) {
	if slices.Contains(amr, AMRMultiFactor) || !f.Second() && (c.Requires == nil || !c.Requires(person.Role)) {
		return nil, nil
	}
	token := rand.Text()
	c.Requires = nil
	return &Unfinished{
		Hash: hashStep(token), PersonID: person.ID, AMR: amr, Course: c, CreatedAt: now, ExpiresAt: now.Add(unfinishedLifetime),
	}, &UnfinishedError{Token: token, Enrol: !f.Second()}
}

// Unfinished gives the sign-in with that token and its person, to the browser in which it began. It changes nothing.
// [ErrSignInOver].
func (p *People) Unfinished(ctx context.Context, token string, browser []byte, now time.Time) (Unfinished, Person, error) {
	u, err := p.store.Unfinished(ctx, hashStep(token), browser, now)
	if err != nil {
		return u, Person{}, err
	}
	person, err := p.Find(ctx, u.PersonID)
	if errors.Is(err, ErrNotFound) {
		err = ErrSignInOver
	}
	return u, person, err
}

// FinishWithCode shows a code, of the authenticator app or for recovery, as the second factor of an unfinished sign-in. Of any
// number of callers one succeeds. Errors: [ErrCode], after which the sign-in still waits; [ThrottledError]; [ErrSignInOver];
// [PasswordExpiredError] as [People.SignIn] has it.
func (p *People) FinishWithCode(ctx context.Context, token, code, device string, browser []byte, o audit.Origin, now time.Time) (*SignedIn, error) {
	now = now.UTC().Truncate(time.Microsecond)
	u, person, err := p.Unfinished(ctx, token, browser, now)
	if err != nil {
		return nil, err
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	second, err := p.checkCode(ctx, person, code, device, o, now)
	if errors.Is(err, ErrChanged) {
		return nil, ErrSignInOver
	}
	if err != nil {
		return nil, err
	}
	return p.finish(ctx, u, person, *second, o, now)
}

// finish ends an unfinished sign-in with a second factor that was found right.
func (p *People) finish(ctx context.Context, u Unfinished, person Person, second Second, o audit.Origin, now time.Time) (*SignedIn, error) {
	amr := append(slices.Clone(u.AMR), second.AMR...)
	e := event(audit.SignInSucceeded, person.ID, o, now, "amr", strings.Join(amr, " "))
	expired := person.PasswordExpiredAt != nil
	if expired {
		e.Result = "password expired"
	}
	err := p.store.FinishSecond(ctx, u, second, e)
	if errors.Is(err, ErrCode) {
		return nil, p.codeFailed(ctx, second.Guess, person.ID, o, now)
	}
	if err != nil {
		return nil, fmt.Errorf("finish a sign-in: %w", err)
	}
	if expired {
		return nil, &PasswordExpiredError{Person: person, AMR: amr}
	}
	return signedIn(person, amr, u.Stay, now), nil
}

// FinishWithTOTP adds the authenticator app of an enrolment in an unfinished sign-in that needs a second factor and has none, and
// finishes it with that. Of any number of callers one succeeds. Errors: those of [People.EnrolTOTP]; [ErrSignInOver].
func (p *People) FinishWithTOTP(ctx context.Context, token, sealed, code, device string, browser []byte, o audit.Origin, now time.Time) (in *SignedIn, recovery []string, err error) {
	now = now.UTC().Truncate(time.Microsecond)
	u, person, err := p.Unfinished(ctx, token, browser, now)
	if err != nil {
		return nil, nil, err
	}
	n, recovery, err := p.newTOTP(ctx, person.ID, browser, sealed, code, o, now)
	if err != nil {
		return nil, nil, err
	}
	in, err = p.finishEnrolled(ctx, u, person, device, n, AMROneTime, o, now)
	return in, recovery, err
}

// finishEnrolled ends an unfinished sign-in with the first second factor of the person, by that method.
func (p *People) finishEnrolled(ctx context.Context, u Unfinished, person Person, device string, n NewFactor, method string, o audit.Origin, now time.Time) (*SignedIn, error) {
	if n.Recovery == nil {
		return nil, ErrSignInOver // there is a second factor since: it is what has to be shown
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	amr := append(slices.Clone(u.AMR), method, AMRMultiFactor)
	e := event(audit.SignInSucceeded, person.ID, o, now, "amr", strings.Join(amr, " "))
	n.Events = append([]audit.Event{e}, n.Events...)
	if err := p.store.FinishEnrolled(ctx, u, device, n); err != nil {
		return nil, fmt.Errorf("finish a sign-in: %w", err)
	}
	return signedIn(person, amr, u.Stay, now), nil
}

// signedIn says that somebody has shown all that they must.
func signedIn(p Person, amr []string, stay bool, now time.Time) *SignedIn {
	return &SignedIn{Person: p, AuthTime: now.UTC().Truncate(time.Microsecond), AMR: amr, ACR: acrOf(amr), Stay: stay}
}
