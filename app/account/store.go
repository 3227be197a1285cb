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
	// second caller, [ErrNotFound], [ErrLastAdmin].
	ChangeRole(ctx context.Context, id string, role Role, e audit.Event) error
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

	// Delay says how long the guess must wait. It changes nothing.
	Delay(ctx context.Context, g Guess) (time.Duration, error)
	// CountGuess counts the guess as a failure and gives the person with g.Email, nil if there is none; or returns a
	// [ThrottledError] and counts nothing. Of any number of callers at once each is counted.
	CountGuess(ctx context.Context, g Guess) (*Person, error)
	// FailSignIn records a guess that was counted and turned out wrong, as [Limits.Events] says.
	FailSignIn(ctx context.Context, g Guess, e audit.Event) error
	// FinishSignIn gives the guess back, remembers its device, and stores newHash unless that is empty. It does nothing
	// and returns [ErrChanged] if the person is not active any more, p.PasswordHash is not the stored one, or the
	// password has expired since p was read.
	FinishSignIn(ctx context.Context, g Guess, p Person, newHash string, e audit.Event) error

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
