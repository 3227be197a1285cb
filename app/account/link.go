package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"regrant/app/audit"
)

// LinkKind says what a link lets its holder do.
type LinkKind string

// The kinds of links.
const (
	LinkSetup  LinkKind = "setup"  // become the first admin
	LinkInvite LinkKind = "invite" // get an account with the address that it names
	LinkReset  LinkKind = "reset"  // choose another password without knowing the old one
	LinkSignUp LinkKind = "signup" // get an account with the address that it was sent to
	LinkEmail  LinkKind = "email"  // give one's account the address that it was sent to
	// LinkRenewal is what a sign-in gives instead of a session when the password has to be changed. Nobody sends it, and it is
	// good in the browser that signed in only.
	LinkRenewal LinkKind = "renewal"
)

// Lifetime is how long a link of the kind is good for (WEB-41, WEB-42).
func (k LinkKind) Lifetime() time.Duration {
	switch k {
	case LinkInvite:
		return 7 * 24 * time.Hour
	case LinkReset:
		return 30 * time.Minute
	case LinkRenewal:
		return 10 * time.Minute
	case LinkSignUp, LinkEmail:
		return 24 * time.Hour
	}
	return time.Hour
}

// path is where the link leads, below the issuer.
func (k LinkKind) path() string {
	if k == LinkEmail {
		return "/account/email/" // for a person who is signed in
	}
	return "/" + string(k) + "/"
}

// Link lets whoever holds its token do one thing once. The token is known to them alone; the store knows its hash. Times
// are UTC in microseconds.
type Link struct {
	ID        string // public: names the link on pages and in the log
	Kind      LinkKind
	PersonID  string   // of LinkReset and LinkRenewal: whose password; of LinkEmail: whose address
	Email     string   // of LinkInvite, LinkSignUp and LinkEmail, canonical
	Name      string   // of LinkInvite, may be empty
	Role      Role     // of LinkInvite and LinkSignUp
	AMR       []string // of LinkRenewal: the factors that were shown before
	Browser   []byte   // of LinkRenewal: hash of the browser's own cookie, as in [Course]
	CreatedBy string   // id of the admin who made it; empty for the server and the command line
	CreatedAt time.Time
	ExpiresAt time.Time
}

// ErrLinkOver says that a link is unknown, used, withdrawn or expired; nothing tells which.
var ErrLinkOver = errors.New("account: the link is not good any more")

// ErrHasAdmin says that there is an admin already, so that nobody can become the first.
var ErrHasAdmin = errors.New("account: there is an admin already")

// LinkStore is what [Links] need of a database, with the promises of [Store].
type LinkStore interface {
	// PutLink adds a link under the hash of its token. Those of its kind that it takes the place of die in the same
	// transaction: for setup all, for an invitation or a sign-up those to the same address, else those of the same person; a reset
	// that no admin made takes the place of such ones only.
	// [ErrHasAdmin] for setup once there is an admin; [ErrEmailTaken]; [ErrNotFound] if PersonID names nobody who may sign in.
	PutLink(ctx context.Context, l Link, hash []byte, e audit.Event) error
	// LinkByHash gives a link of that kind that can be used now; it changes nothing. [ErrLinkOver].
	LinkByHash(ctx context.Context, kind LinkKind, hash []byte, now time.Time) (Link, error)
	// Invitations gives up to limit invitations that can be used, the newest first.
	Invitations(ctx context.Context, now time.Time, limit int) ([]Link, error)
	// WithdrawInvitation makes an invitation useless; [ErrNotFound] for a second caller and for one that is over.
	WithdrawInvitation(ctx context.Context, id string, e audit.Event) error

	// CreateFirstAdmin uses up a setup link and adds the person. Of any number of callers, with one link or several, one
	// succeeds: the others get [ErrHasAdmin] or [ErrLinkOver], and nothing has changed.
	// The device, if any, is remembered as one that they have signed in with; the last event is that sign-in.
	CreateFirstAdmin(ctx context.Context, hash []byte, p Person, device string, events ...audit.Event) error
	// CreateInvited uses up an invitation or a link to sign up and adds the person, and keeps what waits for a second factor
	// (nil: nothing, and the device is remembered as by CreateFirstAdmin). Of any number of callers one succeeds; [ErrLinkOver],
	// [ErrEmailTaken].
	CreateInvited(ctx context.Context, kind LinkKind, hash []byte, p Person, u *Unfinished, device string, events ...audit.Event) error
	// ChangeEmail uses up a link of LinkEmail, gives the person of the event its address as a verified one, and deletes the
	// other links of theirs. The address that they had is remembered beside the event until it was told of the change. Of any
	// number of callers one succeeds; [ErrLinkOver], also if the link is not of that person or they were disabled meanwhile;
	// [ErrEmailTaken].
	ChangeEmail(ctx context.Context, hash []byte, e audit.Event) error
	// ResetByLink uses up a link of that kind and does for its person what [Store].ResetPassword does, and keeps what waits
	// for a second factor (nil: nothing, and a renewal remembers the device as CreateFirstAdmin does). Of any number of callers
	// one succeeds; [ErrLinkOver], also if the person was disabled or deleted meanwhile.
	ResetByLink(ctx context.Context, kind LinkKind, hash []byte, passwordHash string, g Guess, u *Unfinished, device string, e audit.Event, more ...audit.Event) error
}

// Links makes links that let somebody in once, and lets them in.
type Links struct {
	people *People
	store  LinkStore
	issuer string
}

// NewLinks returns the links in store, for people. Their addresses begin with issuer, whatever a request says (WEB-42).
func NewLinks(people *People, store LinkStore, issuer string) *Links {
	return &Links{people: people, store: store, issuer: strings.TrimSuffix(issuer, "/")}
}

// linkPrefix marks the tokens of links for secret scanners and for the log, which leaves them out.
const linkPrefix = "rgl1_"

var linkToken = regexp.MustCompile(`^` + linkPrefix + `[A-Z2-7]{26}$`)

// newLinkToken makes a token of 130 random bits and its hash.
func newLinkToken() (token string, hash []byte) {
	token = linkPrefix + rand.Text()
	return token, hashLink(token)
}

func hashLink(token string) []byte {
	h := sha256.Sum256([]byte("link\n" + token))
	return h[:]
}

// put stores a link with a new token and gives that.
func (l *Links) put(ctx context.Context, link *Link, kind audit.Kind, o audit.Origin, now time.Time, details ...string) (token string, err error) {
	now = now.UTC().Truncate(time.Microsecond)
	link.ID, link.CreatedAt, link.ExpiresAt = uuid.NewString(), now, now.Add(link.Kind.Lifetime())
	if o.Actor == audit.ByAdmin {
		link.CreatedBy = o.ActorID
	}
	token, hash := newLinkToken()
	e := event(kind, link.PersonID, o, now, append([]string{"link", link.ID}, details...)...)
	if err := l.store.PutLink(ctx, *link, hash, e); err != nil {
		return "", fmt.Errorf("make a link: %w", err)
	}
	return token, nil
}

// address is the link as somebody is given it.
func (l *Links) address(kind LinkKind, token string) string { return l.issuer + kind.path() + token }

// Find gives the link of that kind with that token, as long as it can be used, and uses nothing up: programs that look into
// mails open links too (WEB-42). [ErrLinkOver], and for setup [ErrHasAdmin].
func (l *Links) Find(ctx context.Context, kind LinkKind, token string, now time.Time) (Link, error) {
	if kind == LinkSetup {
		if err := l.people.store.NoAdminYet(ctx); err != nil {
			return Link{}, err
		}
	}
	if !linkToken.MatchString(token) {
		return Link{}, ErrLinkOver
	}
	link, err := l.store.LinkByHash(ctx, kind, hashLink(token), now)
	if kind == LinkSetup && errors.Is(err, ErrLinkOver) { // it went, maybe, with the admin whom somebody made meanwhile
		if first := l.people.store.NoAdminYet(ctx); first != nil {
			return Link{}, first
		}
	}
	return link, err
}

// StillGood says whether an invitation or a link to choose another password, as somebody was given it, can be used: [ErrLinkOver].
func (l *Links) StillGood(ctx context.Context, address string, now time.Time) error {
	for _, kind := range []LinkKind{LinkInvite, LinkReset} {
		if token, found := strings.CutPrefix(address, l.address(kind, "")); found {
			token, _, _ = strings.Cut(token, "?")
			_, err := l.Find(ctx, kind, token, now)
			return err
		}
	}
	return ErrLinkOver
}
