package account

import (
	"context"
	"time"

	"regrant/app/audit"
)

// Store is what this package needs of a database. Each method that changes something is one transaction with the event
// given to it (its At is the time of the change), durable when it returns. Any error that is not one of this package's
// is a fault and says nothing about people.
type Store interface {
	FactorKeyStore

	// CreatePerson adds a person; [ErrEmailTaken].
	CreatePerson(ctx context.Context, p Person, e audit.Event) error
	// PersonByID gives a person, the rest of a deleted one too; [ErrNotFound].
	PersonByID(ctx context.Context, id string) (Person, error)
	// PersonByEmail gives the person with that canonical address; [ErrNotFound].
	PersonByEmail(ctx context.Context, email string) (Person, error)
	// ListPeople gives up to limit people whose address comes after that one, in the order of addresses.
	ListPeople(ctx context.Context, afterEmail string, limit int) ([]Person, error)
	// CountAdmins says how many admins can sign in.
	CountAdmins(ctx context.Context) (int, error)
	// NoAdminYet returns [ErrHasAdmin] as soon as there is an admin who was not deleted, able to sign in or not.
	NoAdminYet(ctx context.Context) error

	// UpdateProfile writes name, address and EmailVerifiedAt; [ErrChanged] if the version is not p.Version any more,
	// [ErrEmailTaken].
	UpdateProfile(ctx context.Context, p Person, e audit.Event) error
	// PutPreferences writes name, language and time zone; [ErrChanged] if the version is not p.Version any more.
	PutPreferences(ctx context.Context, p Person, e audit.Event) error
	// DisablePerson disables, ends the sessions, forgets the devices, refuses all grants made until now and deletes the
	// open codes and links; [ErrDisabled] for a second caller, [ErrNotFound], [ErrLastAdmin]: of two admins who disable,
	// delete or demote each other at once one stays.
	DisablePerson(ctx context.Context, id string, e audit.Event) error
	// EnablePerson lets the person sign in again, and brings back nothing; [ErrEnabled], [ErrNotFound].
	EnablePerson(ctx context.Context, id string, e audit.Event) error
	// DeletePerson does what DisablePerson does and leaves nothing but the id; [ErrNotFound] for a second caller,
	// [ErrLastAdmin].
	DeletePerson(ctx context.Context, id string, e audit.Event) error
	// ChangeRole writes the role, ends the sessions and deletes the links that the person made; [ErrUnchanged] for a
	// second caller, [ErrChanged] if the role is neither, [ErrNotFound], [ErrLastAdmin].
	ChangeRole(ctx context.Context, id string, before, after Role, e audit.Event) error
	// ExpirePassword notes that another password has to be chosen and ends the sessions, with the grants in them that
	// have no offline_access. No session begins until that is done. [ErrNotFound].
	ExpirePassword(ctx context.Context, id string, e audit.Event) error
	// ResetPassword sets a password for the person and does what DisablePerson does, without disabling. The counters in
	// g are cleared. [ErrNotFound].
	ResetPassword(ctx context.Context, id, hash string, g Guess, e audit.Event) error
	// ChangePassword sets the password that c says if the hash is still the one that was checked, else [ErrChanged], and
	// clears the counters in g. With c.EndOthers it ends all sessions but c.SessionID, the grants and the open codes of
	// the person that are not of that session.
	ChangePassword(ctx context.Context, c PasswordChange, seenHash, newHash string, g Guess, e audit.Event) error

	// Delay says how the guess stands. It changes nothing.
	Delay(ctx context.Context, g Guess) (Standing, error)
	// CountGuess counts the guess as a failure and says whom it is about; or returns a [ThrottledError] and counts nothing. Of any
	// number of callers at once each is counted. What it does is the same whether anybody has g.Email or not.
	CountGuess(ctx context.Context, g Guess) (Guessed, error)
	// FailSignIn records a guess that was counted and turned out wrong, as [Limits.Events] says.
	FailSignIn(ctx context.Context, g Guess, e audit.Event) error
	// FinishSignIn gives the guess back and stores f.NewHash unless that is empty. Then it either keeps f.Unfinished, or uses up
	// f.Second and remembers the device: one that the person has not signed in with before is an event of its own, unless it
	// is their first. It does nothing and returns [ErrChanged] if the person is not active any more, the password hash is not
	// the stored one, the password has expired since, or there is a second factor that is neither waited for nor shown; and
	// [ErrCode] if f.Second was used up meanwhile.
	FinishSignIn(ctx context.Context, f Finish, e audit.Event) error
	// GiveBack makes a guess that was counted and turned out right uncounted.
	GiveBack(ctx context.Context, g Guess) error
	// Unfinished gives the unfinished sign-in of that token's hash to the browser in which it began; [ErrSignInOver].
	Unfinished(ctx context.Context, hash, browser []byte, now time.Time) (Unfinished, error)
	// FinishSecond ends u with a second factor, which it uses up, gives the guess back and remembers the device, as FinishSignIn
	// does. Of any number of callers, with one u or one code, one succeeds: [ErrSignInOver], [ErrCode], and nothing has changed.
	FinishSecond(ctx context.Context, u Unfinished, s Second, e audit.Event) error
	// FinishEnrolled ends u with a second factor that is added by it, and remembers the device. Of any number of callers one
	// succeeds: [ErrSignInOver], also if there is a second factor already.
	FinishEnrolled(ctx context.Context, u Unfinished, device string, n NewFactor) error
	// UseSecond uses up a second factor that was found right, and gives its guess back; [ErrCode] for a second caller.
	UseSecond(ctx context.Context, personID string, s Second, e audit.Event) error

	// TOTP gives the person's authenticator app; [ErrNotFound].
	TOTP(ctx context.Context, personID string) (TOTP, error)
	// AddTOTP keeps an authenticator app, with the recovery codes that come with a first factor. [ErrEnrolmentOver] if the person
	// has an app, or codes came with n and there is a second factor since.
	AddTOTP(ctx context.Context, n NewFactor) error
	// RemoveTOTP takes it away, and with the last second factor the recovery codes. It ends all sessions but
	// r.SessionID, refuses all grants made until now and deletes the open codes and links. [ErrNotFound] for a second caller.
	RemoveTOTP(ctx context.Context, r FactorRemoval, e audit.Event) error
	// PutRecoveryCodes replaces all recovery codes of the person; [ErrNotFound] for somebody without a second factor.
	PutRecoveryCodes(ctx context.Context, personID string, hashes [][]byte, e audit.Event) error
	// ResetFactors takes every second factor away and does what DisablePerson does, without disabling. [ErrNotFound],
	// [ErrUnchanged] if there is none.
	ResetFactors(ctx context.Context, id string, e audit.Event) error

	// Factors says which factors the person has; none for somebody who does not exist.
	Factors(ctx context.Context, personID string) (Factors, error)

	// SessionsOf lists living sessions, the one seen last first.
	SessionsOf(ctx context.Context, personID string, now time.Time) ([]Session, error)
	// TouchSession moves the session's last use and the end of its idle time, unless that happened within [TouchEvery]
	// or the session is over.
	TouchSession(ctx context.Context, id string, now, idleEnds time.Time) error
	// EndSession ends a session of that person, revokes its grants without offline_access and deletes its open codes;
	// [ErrNotFound] for a second caller or a session of somebody else.
	EndSession(ctx context.Context, personID, sessionID string, e audit.Event) error
	// EndOtherSessions does so for all sessions but keep, and says how many there were. Without any it writes no event.
	EndOtherSessions(ctx context.Context, personID, keep string, e audit.Event) (int, error)
	// SweepPeople deletes a small batch of what is over by now, sessions, counters, devices and links, and says how many rows.
	SweepPeople(ctx context.Context, now time.Time, batch int) (int, error)
}

// event is what is written about a person.
func event(kind audit.Kind, personID string, o audit.Origin, now time.Time, details ...string) audit.Event {
	return audit.Event{At: now, Kind: kind, Origin: o, PersonID: personID, Result: "ok", Detail: audit.Details(details...)}
}
