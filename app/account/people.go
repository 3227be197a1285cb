package account

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"regrant/app/audit"
)

// People is the way to everything in this package. It is safe for concurrent use.
type People struct {
	store  Store
	hasher *Hasher
	limits Limits
	words  []string
	sealer *Sealer
}

// Options of [New]. A zero field takes its default.
type Options struct {
	Limits       Limits           // of guesses; default [DefaultLimits]
	Now          func() time.Time // of what happens by itself: a key that is made; nil: time.Now
	ServiceWords []string         // what a password must not be made of, besides what belongs to the person: the issuer's host, say
}

// New returns the people in store.
func New(store Store, hasher *Hasher, o Options) *People {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &People{store: store, hasher: hasher, limits: o.Limits, words: o.ServiceWords, sealer: NewSealer(store, o.Now)}
}

// NewPerson is what is told of somebody who gets an account.
type NewPerson struct {
	Email         string
	Name          string
	Role          Role // default RolePerson
	EmailVerified bool // somebody who may has said so; an address is never taken as verified by itself
	Password      string
}

// Create makes a person with a password. Errors: [InvalidError], [PasswordError], [ErrEmailTaken], [ErrBusy].
func (p *People) Create(ctx context.Context, n NewPerson, o audit.Origin, now time.Time) (Person, error) {
	person, err := p.prepare(ctx, n, now)
	if err != nil {
		return Person{}, err
	}
	if err := p.store.CreatePerson(ctx, person, created(person, o, now)); err != nil {
		return Person{}, err
	}
	return person, nil
}

// prepare checks what is told of a new person and gives them an id and a hash. Errors as Create, but for the address.
func (p *People) prepare(ctx context.Context, n NewPerson, now time.Time) (Person, error) {
	email, err := ParseEmail(n.Email)
	if err != nil {
		return Person{}, err
	}
	name, err := ParseName(n.Name)
	if err != nil {
		return Person{}, err
	}
	if n.Role == "" {
		n.Role = RolePerson
	}
	if n.Role, err = ParseRole(string(n.Role)); err != nil {
		return Person{}, err
	}
	now = now.UTC().Truncate(time.Microsecond)
	person := Person{
		ID: uuid.NewString(), Email: email, Name: name, Role: n.Role, PasswordChangedAt: &now,
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if n.EmailVerified {
		person.EmailVerifiedAt = &now
	}
	if person.PasswordHash, err = p.hash(ctx, n.Password, person); err != nil {
		return Person{}, err
	}
	return person, nil
}

// created is what is written about a new person.
func created(person Person, o audit.Origin, now time.Time, more ...string) audit.Event {
	details := append([]string{"role", string(person.Role), "email_verified", strconv.FormatBool(person.EmailVerifiedAt != nil)}, more...)
	return event(audit.PersonCreated, person.ID, o, now.UTC().Truncate(time.Microsecond), details...)
}

// Find gives a living person by id or by address; [ErrNotFound].
func (p *People) Find(ctx context.Context, idOrEmail string) (Person, error) {
	if strings.Contains(idOrEmail, "@") {
		return p.store.PersonByEmail(ctx, CanonicalEmail(idOrEmail))
	}
	person, err := p.store.PersonByID(ctx, idOrEmail)
	if err == nil && person.DeletedAt != nil {
		return Person{}, ErrNotFound
	}
	return person, err
}

// List gives up to limit people in the order of their addresses, beginning after that one.
func (p *People) List(ctx context.Context, afterEmail string, limit int) ([]Person, error) {
	return p.store.ListPeople(ctx, CanonicalEmail(afterEmail), limit)
}

// HasAdmin reports whether any admin can sign in.
func (p *People) HasAdmin(ctx context.Context) (bool, error) {
	n, err := p.store.CountAdmins(ctx)
	return n > 0, err
}

// HadAdmin reports whether there is an admin, able to sign in or not. From then on nobody can become the first (WEB-41).
func (p *People) HadAdmin(ctx context.Context) (bool, error) {
	err := p.store.NoAdminYet(ctx)
	if errors.Is(err, ErrHasAdmin) {
		return true, nil
	}
	return false, err
}

// Profile is what may change about a person.
type Profile struct {
	Name          string
	Email         string
	EmailVerified bool  // only an admin may say so of an address that was not verified
	Version       int64 // of the person who was shown; 0: whatever it is
}

// ChangeProfile writes name and address. Another address is not verified, unless f says so. Errors: [InvalidError],
// [ErrEmailTaken], [ErrNotFound], [ErrChanged].
func (p *People) ChangeProfile(ctx context.Context, id string, f Profile, o audit.Origin, now time.Time) (Person, error) {
	person, err := p.Find(ctx, id)
	if err != nil {
		return Person{}, err
	}
	email, err := ParseEmail(f.Email)
	if err != nil {
		return Person{}, err
	}
	name, err := ParseName(f.Name)
	if err != nil {
		return Person{}, err
	}
	if f.Version != 0 && f.Version != person.Version {
		return Person{}, ErrChanged
	}
	var changed, details []string
	if name != person.Name {
		changed = append(changed, "name")
	}
	verified := person.EmailVerifiedAt != nil
	if email != person.Email {
		changed = append(changed, "email")
		person.EmailVerifiedAt = nil
	}
	if f.EmailVerified && person.EmailVerifiedAt == nil {
		person.EmailVerifiedAt = &now
	}
	if after := person.EmailVerifiedAt != nil; after != verified {
		changed = append(changed, "email_verified")
		details = append(details, "before", audit.Details("email_verified", strconv.FormatBool(verified)),
			"after", audit.Details("email_verified", strconv.FormatBool(after)))
	}
	if len(changed) == 0 {
		return person, nil
	}
	// Names and addresses stay out of the log, which outlives the person (T23): that they changed is what it holds.
	details = append([]string{"changed", strings.Join(changed, ",")}, details...)
	person.Name, person.Email, person.UpdatedAt = name, email, now
	e := event(audit.PersonUpdated, person.ID, o, now, details...)
	if err := p.store.UpdateProfile(ctx, person, e); err != nil {
		return Person{}, err
	}
	person.Version++
	return person, nil
}

// Disable keeps a person from signing in and ends all that they have: sessions, grants, codes, links. [ErrNotFound],
// [ErrDisabled], [ErrLastAdmin].
func (p *People) Disable(ctx context.Context, id string, o audit.Origin, now time.Time) error {
	return p.store.DisablePerson(ctx, id, event(audit.PersonDisabled, id, o, now, "before", "active", "after", "disabled"))
}

// Enable lets a person sign in again. What Disable ended stays ended. [ErrNotFound], [ErrEnabled].
func (p *People) Enable(ctx context.Context, id string, o audit.Origin, now time.Time) error {
	return p.store.EnablePerson(ctx, id, event(audit.PersonEnabled, id, o, now, "before", "disabled", "after", "active"))
}

// Delete removes a person for good. Their id stays taken, their address is free again. [ErrNotFound],
// [ErrLastAdmin].
func (p *People) Delete(ctx context.Context, id string, o audit.Origin, now time.Time) error {
	return p.store.DeletePerson(ctx, id, event(audit.PersonDeleted, id, o, now))
}

// SetPassword gives a person another password without asking for the old one, as an admin or a recovery does, and ends all
// that they have (T24). Errors: [ErrNotFound], [PasswordError], [ErrBusy].
func (p *People) SetPassword(ctx context.Context, id, password string, o audit.Origin, now time.Time) error {
	person, err := p.Find(ctx, id)
	if err != nil {
		return err
	}
	hash, err := p.hash(ctx, password, person)
	if err != nil {
		return err
	}
	g := newGuess(p.limits, person.Email, "", audit.Origin{}, now)
	return p.store.ResetPassword(ctx, person.ID, hash, g, event(audit.PasswordChanged, person.ID, o, now, "by", "reset"))
}

// PasswordChange is a change by the person.
type PasswordChange struct {
	PersonID  string
	SessionID string // in which the person stands
	Current   string
	Proven    bool // for who has no password yet: they have just shown by other means who they are
	New       string
	Device    string // hash of the browser's, as in [Credentials]; guesses in one of the person's own count apart
	EndOthers bool   // end the other sessions and all grants that were not made in this one; the form has it on (T24)
}

// ChangePassword gives the person another password for the current one (WEB-34), or a first one to who has none and has proven
// otherwise who they are. Errors: [ErrCredentials] for a wrong current password, which is throttled like a sign-in but apart from
// it, [ThrottledError], [PasswordError], [ErrBusy], [ErrNotFound], [ErrChanged].
func (p *People) ChangePassword(ctx context.Context, c PasswordChange, o audit.Origin, now time.Time) error {
	person, err := p.Find(ctx, c.PersonID)
	if err != nil {
		return err
	}
	if err := p.checkChoice(c.New, person); err != nil {
		return err
	}
	// Guesses in a stolen session must not lock the owner out of signing in, nor out of the change on a device of their own.
	g := newGuess(p.limits, person.Email, c.Device, o, now)
	g.AccountCounter = changeCounter(person.ID)
	if c.Device != "" {
		g.DeviceCounter = counterName("change-device", person.ID, c.Device)
	}
	turn, err := p.hasher.enter(ctx, true)
	if err != nil {
		return err
	}
	defer turn.leave()
	guessed, err := p.store.CountGuess(ctx, g)
	if err != nil {
		return err
	}
	counted := guessed.Person
	if counted == nil || counted.ID != person.ID {
		return ErrChanged // deleted, or given another address, since it was found
	}
	match := c.Proven && !counted.HasPassword()
	if counted.HasPassword() {
		if match, _, err = turn.check(c.Current, counted.PasswordHash, ""); err != nil {
			return err
		}
	}
	if !match {
		e := event(audit.PasswordChanged, person.ID, o, now)
		e.Result = "wrong password"
		if err := p.store.FailSignIn(ctx, g, e); err != nil {
			return err
		}
		return ErrCredentials
	}
	hash, err := turn.hash(c.New)
	if err != nil {
		return err
	}
	e := event(audit.PasswordChanged, person.ID, o, now, "by", "person", "end_others", strconv.FormatBool(c.EndOthers))
	return p.store.ChangePassword(ctx, c, counted.PasswordHash, hash, g, e)
}

// hash checks a password that was chosen for a person and hashes it.
func (p *People) hash(ctx context.Context, password string, person Person) (string, error) {
	if err := p.checkChoice(password, person); err != nil {
		return "", err
	}
	turn, err := p.hasher.enter(ctx, true)
	if err != nil {
		return "", err
	}
	defer turn.leave()
	return turn.hash(password)
}

func (p *People) checkChoice(password string, person Person) error {
	words := append([]string{person.Email, person.Name}, p.words...)
	if err := CheckPassword(password, words...); err != nil {
		return fmt.Errorf("choose a password: %w", err)
	}
	return nil
}

// Sweep deletes what is over, a small batch at a time, and says how many rows; 0 means that nothing is left.
func (p *People) Sweep(ctx context.Context, now time.Time) (int, error) {
	return p.store.SweepPeople(ctx, now, 500)
}
