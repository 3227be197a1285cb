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
	// LinkRenewal is what a sign-in gives instead of a session when the password has to be changed. It stays in the
	// browser that signed in: nobody sends it.
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
	}
	return time.Hour
}

// path is where the link leads, below the issuer.
func (k LinkKind) path() string { return "/" + string(k) + "/" }

// Link lets whoever holds its token do one thing once. The token is known to them alone; the store knows its hash. Times
// are UTC in microseconds.
type Link struct {
	ID        string // public: names the link on pages and in the log
	Kind      LinkKind
	PersonID  string // of LinkReset and LinkRenewal: whose password
	Email     string // of LinkInvite, canonical
	Name      string // of LinkInvite, may be empty
	Role      Role   // of LinkInvite
	CreatedBy string // id of the admin who made it; empty for the server and the command line
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
	// transaction: for setup all, for an invitation those to the same address, for a password those of the same person.
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
	CreateFirstAdmin(ctx context.Context, hash []byte, p Person, events ...audit.Event) error
	// CreateInvited uses up an invitation and adds the person. Of any number of callers one succeeds; [ErrLinkOver],
	// [ErrEmailTaken].
	CreateInvited(ctx context.Context, hash []byte, p Person, events ...audit.Event) error
	// ResetByLink uses up a link of that kind and does for its person what [Store].ResetPassword does. Of any number of
	// callers one succeeds; [ErrLinkOver], also if the person was disabled or deleted meanwhile.
	ResetByLink(ctx context.Context, kind LinkKind, hash []byte, passwordHash string, g Guess, e audit.Event, more ...audit.Event) error
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
	return l.store.LinkByHash(ctx, kind, hashLink(token), now)
}
