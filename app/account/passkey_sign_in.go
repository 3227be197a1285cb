package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"regrant/app/audit"
)

// AMR says how the passkey is told to clients (RFC 8176 §2).
func (k Passkey) AMR() string {
	if k.Synced {
		return AMRSoftwareKey
	}
	return AMRHardwareKey
}

// Question gives the ceremony by which anybody may sign in with a passkey that their browser knows. It is the same for
// everybody, so it tells nothing about anyone (WEB-33). [ErrNoPasskeys].
func (k *Passkeys) Question(boundTo string, now time.Time) (Ceremony, error) {
	if !k.Offered() {
		return Ceremony{}, ErrNoPasskeys
	}
	options, state, err := k.party.askToShow(Person{}, nil, true, ceremonyLifetime)
	if err != nil {
		return Ceremony{}, err
	}
	return k.begin(ceremonySignIn, boundTo, options, state, now)
}

// QuestionTo gives the ceremony by which a person who is known by another proof shows one of their passkeys. [ErrNoPasskeys],
// also if they have none.
func (k *Passkeys) QuestionTo(ctx context.Context, personID, boundTo string, now time.Time) (Ceremony, error) {
	if !k.Offered() {
		return Ceremony{}, ErrNoPasskeys
	}
	have, err := k.List(ctx, personID)
	if err != nil {
		return Ceremony{}, err
	}
	if len(have) == 0 {
		return Ceremony{}, ErrNoPasskeys
	}
	options, state, err := k.party.askToShow(Person{ID: personID}, have, false, ceremonyLifetime)
	if err != nil {
		return Ceremony{}, err
	}
	return k.begin(ceremonyProve, boundTo, options, state, now)
}

// SignIn signs in whoever holds the passkey that answers a question of [Passkeys.Question]. The authenticator has verified who
// holds it, so it counts as two factors. [ErrPasskeyRefused] is the one answer to all that may be wrong; [ThrottledError] says
// that nothing was looked at; [PasswordExpiredError] that no session may begin; any other error is a fault and no verdict.
func (k *Passkeys) SignIn(ctx context.Context, a PasskeyAnswer, boundTo, device string, o audit.Origin, now time.Time) (*SignedIn, error) {
	now = now.UTC().Truncate(time.Microsecond)
	shown, err := k.look(ctx, passkeyProof{answer: a, ceremony: ceremonySignIn, boundTo: boundTo, device: device, verified: true}, o, now)
	if err != nil {
		return nil, err
	}
	o.Actor, o.ActorID = audit.ByPerson, shown.person.ID
	e := event(audit.SignInSucceeded, shown.person.ID, o, now, "amr", strings.Join(shown.amr, " "), "passkey", shown.use.PasskeyID)
	if shown.person.PasswordExpiredAt != nil {
		e.Result = "password expired"
	}
	if err := k.store.FinishPasskeySignIn(ctx, shown.guess, shown.person, shown.use, e); err != nil {
		return nil, k.failed(ctx, shown, err, o, now)
	}
	if shown.person.PasswordExpiredAt != nil {
		return nil, &PasswordExpiredError{Person: shown.person, AMR: shown.amr}
	}
	return signedIn(shown.person, shown.amr, false, now), nil
}

// Finish shows a passkey, in answer to [Passkeys.QuestionTo], as the second factor of the unfinished sign-in with that token. Of any
// number of callers one succeeds. Errors: [ErrPasskeyRefused], after which the sign-in still waits; the others are those of
// [People.FinishWithCode].
func (k *Passkeys) Finish(ctx context.Context, token string, a PasskeyAnswer, boundTo, device string, browser []byte, o audit.Origin, now time.Time) (*SignedIn, error) {
	now = now.UTC().Truncate(time.Microsecond)
	u, person, err := k.people.Unfinished(ctx, token, browser, now)
	if err != nil {
		return nil, err
	}
	shown, err := k.second(ctx, person.ID, a, boundTo, device, o, now)
	if err != nil {
		return nil, err
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	in, err := k.people.finish(ctx, u, person, shown.asSecond(), o, now)
	return in, k.failed(ctx, shown, err, o, now)
}

// FinishWithNew adds the passkey that a browser made in [Passkeys.Enrolment] in an unfinished sign-in that needs a second factor and
// has none, and finishes it with that. Of any number of callers one succeeds. Errors: those of [Passkeys.Add]; [ErrSignInOver].
func (k *Passkeys) FinishWithNew(ctx context.Context, token string, a PasskeyAnswer, boundTo, name, device string, browser []byte, o audit.Origin, now time.Time) (in *SignedIn, recovery []string, err error) {
	now = now.UTC().Truncate(time.Microsecond)
	u, person, err := k.people.Unfinished(ctx, token, browser, now)
	if err != nil {
		return nil, nil, err
	}
	o.Actor, o.ActorID = audit.ByPerson, person.ID
	n, recovery, err := k.newPasskey(ctx, person, boundTo, name, a, o, now)
	if err != nil {
		return nil, nil, err
	}
	in, err = k.people.finishEnrolled(ctx, u, person, device, n, n.Passkey.AMR(), o, now)
	return in, recovery, err
}

// StepUp shows a passkey as the second factor of a session in which a password alone was shown, as [People.StepUp] has it.
// [ErrPasskeyRefused], [ThrottledError], [ErrSessionEnded].
func (k *Passkeys) StepUp(ctx context.Context, s Session, a PasskeyAnswer, boundTo, device string, o audit.Origin, now time.Time) (Session, error) {
	now = now.UTC().Truncate(time.Microsecond)
	shown, err := k.second(ctx, s.PersonID, a, boundTo, device, o, now)
	if err != nil {
		return s, err
	}
	second := shown.asSecond()
	amr := append([]string{AMRPassword}, second.AMR...)
	if err := k.used(ctx, shown, second, amr, o, now); err != nil {
		return s, err
	}
	s.AMR, s.ACR = amr, acrOf(amr)
	return s, nil
}

// ErrPasswordToo says that a passkey has not verified who holds it, so that alone it proves too little.
var ErrPasswordToo = errors.New("account: the password is needed with this passkey")

// Confirm checks once more who sits in front of a session, by a passkey (WEB-40). One that has verified who holds it is enough;
// with any other the password is asked for too: [ErrPasswordToo] while proof has none. [ErrPasskeyRefused], and the errors of
// [People.Confirm].
func (k *Passkeys) Confirm(ctx context.Context, s Session, proof Proof, a PasskeyAnswer, boundTo string, o audit.Origin, now time.Time) (Session, error) {
	now = now.UTC().Truncate(time.Microsecond)
	shown, err := k.second(ctx, s.PersonID, a, boundTo, proof.Device, o, now)
	if err != nil {
		return s, err
	}
	second, amr := shown.asSecond(), shown.amr
	switch {
	case shown.verified:
		err = k.used(ctx, shown, second, amr, o, now)
	case proof.Password == "":
		err = ErrPasswordToo
	default:
		amr = append([]string{AMRPassword}, second.AMR...)
		err = k.confirmWithPassword(ctx, shown, second, proof, amr, o, now)
	}
	if err != nil {
		return s, err
	}
	s.AuthTime, s.AMR, s.ACR = now, amr, acrOf(amr)
	return s, nil
}

func (k *Passkeys) confirmWithPassword(ctx context.Context, shown shownUse, second Second, proof Proof, amr []string, o audit.Origin, now time.Time) error {
	credentials := Credentials{Email: shown.person.Email, Password: proof.Password, Device: proof.Device}
	checked, err := k.people.checkPassword(ctx, credentials, o, now)
	if err != nil {
		return err
	}
	if checked.Person.ID != shown.person.ID {
		err = ErrCredentials // the address went to somebody else meanwhile
	} else if checked.Person.PasswordExpiredAt != nil {
		err = &PasswordExpiredError{Person: checked.Person, AMR: amr}
	}
	if err != nil { // both were right
		return errors.Join(err, k.people.store.GiveBack(ctx, checked.Guess), k.people.store.GiveBack(ctx, shown.guess))
	}
	o.Actor, o.ActorID = audit.ByPerson, shown.person.ID
	checked.Second = &second
	err = k.people.store.FinishSignIn(ctx, *checked, event(audit.SignInConfirmed, shown.person.ID, o, now, "amr", strings.Join(amr, " ")))
	if err == nil {
		return nil
	}
	back := k.people.store.GiveBack(ctx, checked.Guess) // the password was right
	if errors.Is(err, ErrChanged) {
		return errors.Join(ErrCredentials, back)
	}
	return errors.Join(k.failed(ctx, shown, err, o, now), back)
}

// used writes down that a passkey was shown in a session.
func (k *Passkeys) used(ctx context.Context, shown shownUse, second Second, amr []string, o audit.Origin, now time.Time) error {
	o.Actor, o.ActorID = audit.ByPerson, shown.person.ID
	e := event(audit.SignInConfirmed, shown.person.ID, o, now, "amr", strings.Join(amr, " "), "passkey", shown.use.PasskeyID)
	return k.failed(ctx, shown, k.people.store.UseSecond(ctx, shown.person.ID, second, e), o, now)
}

// passkeyProof is what is to be checked.
type passkeyProof struct {
	answer   PasskeyAnswer
	ceremony string
	boundTo  string
	device   string
	personID string // whose passkey it must be; empty: anybody's
	verified bool   // the authenticator must have verified who holds it
}

// shownUse is one use of a passkey that was counted, and found right unless an error says otherwise.
type shownUse struct {
	person   Person
	guess    Guess
	use      PasskeyUse
	verified bool // the authenticator has verified who holds it
	amr      []string
}

// asSecond is the use as the second factor beside a password.
func (s shownUse) asSecond() Second {
	return Second{Guess: s.guess, Passkey: &s.use, AMR: []string{s.amr[0], AMRMultiFactor}}
}

// second looks at the answer of somebody who is known by another proof.
func (k *Passkeys) second(ctx context.Context, personID string, a PasskeyAnswer, boundTo, device string, o audit.Origin, now time.Time) (shownUse, error) {
	return k.look(ctx, passkeyProof{answer: a, ceremony: ceremonyProve, boundTo: boundTo, device: device, personID: personID}, o, now)
}

// look counts and checks one use of a passkey.
func (k *Passkeys) look(ctx context.Context, a passkeyProof, o audit.Origin, now time.Time) (shownUse, error) {
	var shown shownUse
	var passkey Passkey
	answer, unreadable := readShown(a.answer.Credential)
	if unreadable == nil {
		var err error
		if passkey, shown.person, err = k.holder(ctx, answer.credentialID()); err != nil {
			return shown, fmt.Errorf("look at a passkey: %w", err)
		}
	}
	o.Actor, o.ActorID = audit.ByPerson, shown.person.ID

	// A key cannot be guessed: failures count for the address and for everybody, never against the account.
	shown.guess = newGuess(k.people.limits, shown.person.Email, a.device, o, now)
	shown.guess.AccountCounter = ""
	if a.device != "" {
		// Apart from passwords, so that a passkey that was right gives back no guess at one.
		shown.guess.DeviceCounter = counterName("passkey-device", shown.guess.Email, a.device)
	}
	if _, err := k.people.store.CountGuess(ctx, shown.guess); err != nil {
		return shown, fmt.Errorf("look at a passkey: %w", err)
	}
	err := unreadable
	if err == nil {
		err = k.check(a, passkey, answer, &shown, o, now)
	}
	return shown, k.failed(ctx, shown, err, o, now)
}

// failed records a use that was refused, and returns err.
func (k *Passkeys) failed(ctx context.Context, shown shownUse, err error, o audit.Origin, now time.Time) error {
	if !errors.Is(err, ErrPasskeyRefused) {
		return err
	}
	o.Actor, o.ActorID = audit.ByPerson, shown.person.ID
	e := event(audit.SignInFailed, shown.person.ID, o, now)
	e.Result = "passkey refused"
	if fault := k.people.store.FailSignIn(ctx, shown.guess, e); fault != nil {
		return fmt.Errorf("refuse a passkey: %w", fault)
	}
	return err
}

// holder gives the passkey of that credential id and whose it is; neither, for one that nobody has registered, after the same look-ups.
func (k *Passkeys) holder(ctx context.Context, credentialID []byte) (Passkey, Person, error) {
	passkey, err := k.store.PasskeyByCredential(ctx, credentialID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Passkey{}, Person{}, err
	}
	nobody := err != nil
	person, err := k.people.store.PersonByID(ctx, passkey.PersonID)
	if nobody && errors.Is(err, ErrNotFound) {
		return Passkey{}, Person{}, nil
	}
	return passkey, person, err
}

// check says what the use proves; [ErrPasskeyRefused].
func (k *Passkeys) check(a passkeyProof, passkey Passkey, answer shownPasskey, shown *shownUse, o audit.Origin, now time.Time) error {
	c, err := k.resume(a.ceremony, a.boundTo, a.answer.State, now)
	switch {
	case err != nil:
		return err
	case passkey.ID == "":
		return fmt.Errorf("%w: nobody has it", ErrPasskeyRefused)
	case a.personID != "" && a.personID != shown.person.ID:
		return fmt.Errorf("%w: somebody else has it", ErrPasskeyRefused)
	case !shown.person.Active():
		return fmt.Errorf("%w: the person is disabled", ErrPasskeyRefused)
	}
	if shown.use, shown.verified, err = k.party.shown(shown.person, passkey, c.Library, answer); err != nil {
		return err
	}
	if a.verified && !shown.verified {
		return fmt.Errorf("%w: the user was not verified", ErrPasskeyRefused) // unreachable: the ceremony asks for it
	}
	shown.use.Challenge = c.challenge()
	shown.use.Warning = event(audit.FactorCopySuspected, shown.person.ID, o, now, "factor", "passkey", "passkey", passkey.ID)
	shown.amr = []string{passkey.AMR()}
	if shown.verified {
		shown.amr = append(shown.amr, AMRMultiFactor)
	}
	return nil
}
