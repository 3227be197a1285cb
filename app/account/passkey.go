package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/google/uuid"

	"regrant/app/audit"
)

// Passkey is a key with which a person signs in: a WebAuthn credential that their device or password manager finds by itself.
// What is stored of it opens nothing. Times are UTC in microseconds.
type Passkey struct {
	ID           string // public: names the passkey on pages
	CredentialID []byte // by which the authenticator knows it; unique among all people
	PersonID     string
	Name         string     // as the person calls it
	Record       []byte     // as it was registered, in JSON
	SignCount    uint32     // the highest that it has shown; 0 for most, which do not count
	Synced       bool       // may be copied to other devices ("backup eligible"), which never changes
	BackedUp     bool       // has been, when it was last used
	CreatedAt    time.Time  //
	LastUsedAt   *time.Time // nil: never
}

// MaxPasskeys is how many a person may have.
const MaxPasskeys = 20

// Errors about passkeys.
var (
	// ErrPasskeyRefused is the one answer to a passkey that is unknown, removed, somebody else's, answers another question or too
	// late, and to a question that was answered before.
	ErrPasskeyRefused = errors.New("account: the passkey was not accepted")
	// ErrPasskeyTaken says that the passkey to add is registered already.
	ErrPasskeyTaken = errors.New("account: the passkey is registered already")
	// ErrTooManyPasskeys says that the person has [MaxPasskeys].
	ErrTooManyPasskeys = errors.New("account: the person has as many passkeys as may be")
	// ErrOnlyWay says that somebody without a password could not sign in any more.
	ErrOnlyWay = errors.New("account: it is the only way to sign in")
	// ErrNoPasskeys says that there cannot be any at the address of this server: browsers know none for an IP address.
	ErrNoPasskeys = errors.New("account: there are no passkeys at an IP address")
)

// CountedBack reports whether a passkey that had counted to before has now shown after, as a copy of it would. Those that do
// not count show 0 (WebAuthn §6.1.1).
func CountedBack(before, after uint32) bool { return after <= before && (before != 0 || after != 0) }

// PasskeyUse is one use of a passkey whose answer was right. The store accepts each challenge once.
type PasskeyUse struct {
	PasskeyID string
	PersonID  string
	SignCount uint32
	BackedUp  bool
	Challenge Challenge
	Warning   audit.Event // that there may be a copy of it
}

// Challenge is a question that may be answered once. ExpiresAt is when no answer would be looked at any more.
type Challenge struct {
	Hash      []byte
	ExpiresAt time.Time
}

// PasskeyStore is what [Passkeys] need of a database, with the promises of [Store].
type PasskeyStore interface {
	// PasskeysOf lists the passkeys of a person, the oldest first.
	PasskeysOf(ctx context.Context, personID string) ([]Passkey, error)
	// PasskeyByCredential gives the passkey with that credential id; [ErrNotFound].
	PasskeyByCredential(ctx context.Context, credentialID []byte) (Passkey, error)
	// AddPasskey adds a passkey and spends the challenge. Of any number of callers with one challenge one succeeds, the others get
	// [ErrPasskeyRefused]. [ErrPasskeyTaken], [ErrTooManyPasskeys]; [ErrNotFound] for somebody who may not sign in; as with
	// [Store].AddTOTP, [ErrEnrolmentOver] if another second factor came or went since n was made.
	AddPasskey(ctx context.Context, n NewFactor) error
	// RenamePasskey gives it another name; [ErrNotFound], also for one of somebody else.
	RenamePasskey(ctx context.Context, personID, id, name string, e audit.Event) error
	// RemovePasskey deletes it; [ErrNotFound] for a second caller and for one of somebody else, [ErrOnlyWay] for the last one of
	// somebody without a password. It ends what
	// [Store].RemoveTOTP ends.
	RemovePasskey(ctx context.Context, r PasskeyRemoval, e audit.Event) error
	// FinishPasskeySignIn spends the challenge of u, notes the use, gives the guess back and remembers its device, all as
	// [Store].FinishSignIn does. Of any number of callers with one challenge one succeeds. It does nothing and returns
	// [ErrPasskeyRefused] for the others, if the passkey is gone, if the person is not active any more, or if their password has
	// expired since p was read. Of a passkey that has counted back it also writes u.Warning.
	FinishPasskeySignIn(ctx context.Context, g Guess, p Person, u PasskeyUse, e audit.Event) error
}

// Passkeys lets people add passkeys and sign in with them. It is safe for concurrent use.
type Passkeys struct {
	people *People
	store  PasskeyStore
	party  *relyingParty // nil: there can be none
}

// NewPasskeys returns the passkeys in store, for people. They belong to the issuer's host, whatever a request says. Where that
// is an IP address, nothing is offered and all is refused.
func NewPasskeys(people *People, store PasskeyStore, issuer string) *Passkeys {
	party, err := newRelyingParty(issuer)
	if err != nil {
		party = nil
	}
	return &Passkeys{people: people, store: store, party: party}
}

// Offered reports whether there can be passkeys at the address of this server.
func (k *Passkeys) Offered() bool { return k.party != nil }

// List gives the passkeys of a person, the oldest first.
func (k *Passkeys) List(ctx context.Context, personID string) ([]Passkey, error) {
	return k.store.PasskeysOf(ctx, personID)
}

// Find gives one passkey of a person; [ErrNotFound], also for one of somebody else.
func (k *Passkeys) Find(ctx context.Context, personID, id string) (Passkey, error) {
	list, err := k.List(ctx, personID)
	if err != nil {
		return Passkey{}, err
	}
	for _, p := range list {
		if p.ID == id {
			return p, nil
		}
	}
	return Passkey{}, ErrNotFound
}

// Enrolment gives the ceremony by which a browser makes another passkey for the person of a session, who has just proved who
// they are: nobody gets one registered for an account by coming first (WEB-39). Errors: [ErrNoPasskeys], [ErrTooManyPasskeys],
// [ErrNotFound].
func (k *Passkeys) Enrolment(ctx context.Context, personID, boundTo string, now time.Time) (Ceremony, error) {
	if !k.Offered() {
		return Ceremony{}, ErrNoPasskeys
	}
	person, err := k.people.Find(ctx, personID)
	if err != nil {
		return Ceremony{}, err
	}
	have, err := k.List(ctx, personID)
	if err != nil {
		return Ceremony{}, err
	}
	if len(have) >= MaxPasskeys {
		return Ceremony{}, ErrTooManyPasskeys
	}
	options, state, err := k.party.askToMake(person, have, ceremonyLifetime)
	if err != nil {
		return Ceremony{}, err
	}
	return k.begin(ceremonyEnrol, boundTo, options, state, now)
}

// Add registers the passkey that a browser made in an enrolment, under that name. With the first second factor come recovery
// codes, which nobody sees again. Of any number of callers with one ceremony one succeeds. Errors: [InvalidError] for the name,
// [ErrPasskeyRefused], [ErrPasskeyTaken], [ErrTooManyPasskeys], [ErrNotFound]; [ErrEnrolmentOver] if another second factor came or
// went at the same moment.
func (k *Passkeys) Add(ctx context.Context, personID, boundTo, name string, a PasskeyAnswer, o audit.Origin, now time.Time) (Passkey, []string, error) {
	person, err := k.people.Find(ctx, personID)
	if err != nil {
		return Passkey{}, nil, err
	}
	n, recovery, err := k.newPasskey(ctx, person, boundTo, name, a, o, now.UTC().Truncate(time.Microsecond))
	if err != nil {
		return Passkey{}, nil, err
	}
	if err := k.store.AddPasskey(ctx, n); err != nil {
		return Passkey{}, nil, err
	}
	return *n.Passkey, recovery, nil
}

// newPasskey checks what a browser has made and gives what is to be kept.
func (k *Passkeys) newPasskey(ctx context.Context, person Person, boundTo, name string, a PasskeyAnswer, o audit.Origin, now time.Time) (n NewFactor, recovery []string, err error) {
	if name, err = parsePasskeyName(name); err != nil {
		return n, nil, err
	}
	c, err := k.resume(ceremonyEnrol, boundTo, a.State, now)
	if err != nil {
		return n, nil, err
	}
	made, err := k.party.made(person, c.Library, a.Credential)
	if err != nil {
		return n, nil, err
	}
	made.ID, made.PersonID, made.Name, made.CreatedAt = uuid.NewString(), person.ID, name, now
	if n, recovery, err = k.people.newFactor(ctx, person.ID, o, now, "factor", "passkey", "passkey", made.ID); err != nil {
		return n, nil, err
	}
	n.Passkey, n.Challenge = &made, c.challenge()
	return n, recovery, nil
}

// Rename gives a passkey of the person another name. Errors: [InvalidError], [ErrNotFound].
func (k *Passkeys) Rename(ctx context.Context, personID, id, name string, o audit.Origin, now time.Time) error {
	name, err := parsePasskeyName(name)
	if err != nil {
		return err
	}
	return k.store.RenamePasskey(ctx, personID, id, name, event(audit.FactorRenamed, personID, o, now, "factor", "passkey", "passkey", id))
}

// PasskeyRemoval is which passkey a person takes away.
type PasskeyRemoval struct {
	PersonID  string
	PasskeyID string
	SessionID string // in which the person stands; it goes on
}

// Remove takes a passkey away, so that nobody signs in with it any more, and ends the other sessions and all grants (T25). Of any
// number of callers one succeeds; [ErrNotFound], [ErrOnlyWay].
func (k *Passkeys) Remove(ctx context.Context, r PasskeyRemoval, o audit.Origin, now time.Time) error {
	// The log outlives the person, so it has the id of the passkey and never the name that they gave it (T23).
	e := event(audit.FactorRemoved, r.PersonID, o, now, "factor", "passkey", "passkey", r.PasskeyID)
	return k.store.RemovePasskey(ctx, r, e)
}

func parsePasskeyName(s string) (string, error) {
	name, err := ParseName(s)
	if err == nil && name == "" {
		err = &InvalidError{Field: "name", Key: "name.missing"}
	}
	return name, err
}

// hashChallenge is what the store remembers of a challenge that was used.
func hashChallenge(challenge string) []byte {
	h := sha256.Sum256([]byte("challenge\n" + challenge))
	return h[:]
}
