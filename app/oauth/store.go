package oauth

import (
	"context"
	"time"

	"regrant/app/audit"
)

// Store is what the engine needs of a database. One method that changes something is one transaction, which holds its
// audit events too and is durable when the method returns. Lookups that find nothing return [ErrNotFound]; any error that
// is not one of this package's sentinels is a fault and never a verdict.
type Store interface {
	DeviceStore
	RegistrationStore

	// Client gives a registered client, disabled ones too.
	Client(ctx context.Context, id string) (*Client, error)
	// RecentClient gives a client as [Store.Client] does, but as it was up to a quarter of a second ago when another process changed
	// it meanwhile. What this process wrote it knows at once. Its lists are shared and must not be changed.
	RecentClient(ctx context.Context, id string) (*Client, error)
	// Clients gives all clients in the order of their names.
	Clients(ctx context.Context) ([]Client, error)
	// CreateClient adds a client; [ErrExists] if its id is taken, [ErrNoGroup] if one of its groups is gone.
	CreateClient(ctx context.Context, c *Client, event audit.Event) error
	// UpdateClient replaces a client and raises its version; [ErrConflict] if c.Version is not the stored one, [ErrNoGroup] as
	// CreateClient. Where its policy says so, the grants of people who may not use it any more end.
	UpdateClient(ctx context.Context, c *Client, event audit.Event) error
	// DeleteClient removes a client with its codes and consents and ends its grants, all at once; their rows follow in
	// batches ([Store.Sweep]).
	DeleteClient(ctx context.Context, id string, event audit.Event) error

	// APIs gives all resource servers in the order of their resource indicators.
	APIs(ctx context.Context) ([]API, error)
	// CreateAPI adds a resource server and the client with which it introspects; [ErrExists] if either is taken.
	CreateAPI(ctx context.Context, a *API, c *Client, event audit.Event) error
	// UpdateAPI replaces a resource server; [ErrNotFound] if there is none.
	UpdateAPI(ctx context.Context, a *API, event audit.Event) error
	// DeleteAPI removes a resource server and its client.
	DeleteAPI(ctx context.Context, resource string, event audit.Event) error

	// UseAssertion uses up an assertion of a client, which is remembered until keepUntil; [ErrSpent] if it was used before. Of any
	// number of callers with the same id one wins.
	UseAssertion(ctx context.Context, id []byte, keepUntil time.Time) error

	// Keys gives every key that has not ended.
	Keys(ctx context.Context) ([]Key, error)
	// AddKeys adds keys and sets the end of those in ending; [ErrExists] if another process added the same number first.
	AddKeys(ctx context.Context, add []Key, ending map[string]time.Time, events ...audit.Event) error

	// MayUse says whether a person is in one of the groups that a client is limited to. What changes the answer raises the version
	// of the person or of the client.
	MayUse(ctx context.Context, personID, clientID string) (bool, error)
	// GroupsClaim gives what stands in the claim groups for a person, in any order.
	GroupsClaim(ctx context.Context, personID string) ([]string, error)

	// Owner gives a resource owner; a deleted one is [ErrNotFound], a disabled one is given.
	Owner(ctx context.Context, id string) (*Owner, error)

	// PushRequest keeps a pushed request until its ExpiresAt. [ErrTooMany] if its holder has bound.Holder that wait; the table holds
	// at most bound.All, and the oldest of clients that did not authenticate make way first.
	PushRequest(ctx context.Context, r *PushedRequest, bound WaitingBound) error
	// PushedRequest gives a pushed request, spent and expired ones too, as long as it is remembered.
	PushedRequest(ctx context.Context, hash []byte) (*PushedRequest, error)

	// SaveAuthorizationRequest keeps a pending request. The table is bounded: at most max pending ones, the oldest make way. A pushed
	// request that it came as is kept as long as it, for this browser; [ErrSpent] if that was completed.
	SaveAuthorizationRequest(ctx context.Context, r *AuthorizationRequest, max int) error
	// ChangeAuthorizationRequest keeps new parameters of a pending request; [ErrSpent] if it ended.
	ChangeAuthorizationRequest(ctx context.Context, r *AuthorizationRequest) error
	// AuthorizationRequest gives a pending request.
	AuthorizationRequest(ctx context.Context, id string) (*AuthorizationRequest, error)
	// EndAuthorizationRequest removes a pending request that ends without a code, and spends the pushed request that it came as;
	// [ErrSpent] if either ended before.
	EndAuthorizationRequest(ctx context.Context, r *AuthorizationRequest, event audit.Event) error
	// IssueCode ends the pending request, spends the pushed one (code.Pushed), remembers the consent (nil: nothing to remember) and
	// stores the code; [ErrSpent] if either request ended before, and [ErrConflict] if the session or the person did; nothing is stored then. A requestID of "" has no pending request.
	IssueCode(ctx context.Context, requestID string, code *AuthorizationCode, consent *Consent, event *audit.Event) error

	// Consent gives what a person has allowed a client before.
	Consent(ctx context.Context, personID, clientID string) (*Consent, error)
	// WithdrawConsent removes it, the codes of the pair, and revokes every grant of the pair.
	WithdrawConsent(ctx context.Context, personID, clientID string, at time.Time, event audit.Event) error

	// Code gives a code, spent and expired ones too, as long as it is remembered.
	Code(ctx context.Context, hash []byte) (*AuthorizationCode, error)
	// CountCodeTry counts a redemption that failed.
	CountCodeTry(ctx context.Context, hash []byte) error
	// RedeemCode spends a code and makes its grant and refresh token, and evicts the oldest idle grants of the pair beyond
	// r.MaxGrants. Of any number of callers one wins; the others get [ErrSpent]. [ErrConflict] if owner or client changed
	// since they were read.
	RedeemCode(ctx context.Context, r *Redemption) error

	// RefreshState gives a refresh token with its grant from one snapshot.
	RefreshState(ctx context.Context, tokenID [tokenIDSize]byte) (*RefreshState, error)
	// RecentRefreshState gives a refresh token as this process rotated it last, or nil. It may be out of date, so it is good for
	// nothing but a rotation, which finds out ([Store.RotateRefreshToken]). It is shared and must not be changed.
	RecentRefreshState(tokenID [tokenIDSize]byte) *RefreshState
	// RotateRefreshToken moves a token to its next generation if generation, epoch and the versions of grant, owner and client
	// are as they were read, and the grant is alive; else [ErrConflict], and nothing is changed. Of any number of
	// callers with the same generation one wins. A token that is bound to a key already is not bound to another: [ErrConflict].
	RotateRefreshToken(ctx context.Context, r *Rotation) error
	// TouchRefreshToken renews the idle deadline of a token that does not rotate, under the same conditions.
	TouchRefreshToken(ctx context.Context, r *Rotation) error
	// RevokeReused revokes the grant of a token that was proven to have two holders, if the token's generation is still
	// the one that was read; else [ErrConflict]. On a grant that is revoked already it does nothing.
	RevokeReused(ctx context.Context, s *RefreshState, class ReuseClass, at time.Time, event audit.Event) error

	// Grant gives a grant with what decides whether it is alive.
	Grant(ctx context.Context, id string) (*GrantState, error)
	// Grants lists grants with their refresh tokens, newest first.
	Grants(ctx context.Context, f GrantFilter) ([]RefreshState, error)
	// RevokeGrant ends one grant for ever and says whether it was alive.
	RevokeGrant(ctx context.Context, id string, reason RevokedReason, at time.Time, event audit.Event) (bool, error)
	// RevokeGrantsOf ends every grant of a person, of a client, or of the pair, and says how many were not revoked before.
	// One fact ends them; their rows follow in batches.
	RevokeGrantsOf(ctx context.Context, personID, clientID string, reason RevokedReason, at time.Time, event audit.Event) (int, error)

	// RevokeAccessToken makes one access token inactive until it would have expired.
	RevokeAccessToken(ctx context.Context, jti string, expiresAt time.Time, event audit.Event) error
	// AccessTokenRevoked says whether that happened.
	AccessTokenRevoked(ctx context.Context, jti string) (bool, error)

	// Clock gives what is remembered of the clock and of the epoch.
	Clock(ctx context.Context) (ClockState, uint8, error)
	// SaveClock remembers it. Service time never goes back.
	SaveClock(ctx context.Context, s ClockState) error
	// ResetClockMark sets the mark, for a mark that a wrong clock had raised.
	ResetClockMark(ctx context.Context, mark time.Time, event audit.Event) error
	// WindowKeys gives the keys of the windows that are not over.
	WindowKeys(ctx context.Context) ([]WindowKey, error)
	// AddWindowKey keeps a key; ids rise.
	AddWindowKey(ctx context.Context, k WindowKey) error
	// EraseWindowKeys deletes the keys whose id is at most upTo, so that nothing of them stays in the file.
	EraseWindowKeys(ctx context.Context, upTo int64) error

	// WriteBehind adds what was counted in memory. It may be lost in a crash without harm.
	WriteBehind(ctx context.Context, b *Behind) error
	// Sweep deletes a small batch of what nobody needs any more and says how many rows.
	Sweep(ctx context.Context, now time.Time, batch int) (int, error)
	// Audit records an event that has no other change in its transaction.
	Audit(ctx context.Context, events ...audit.Event) error
}

// WaitingBound is how many may wait of what anybody can begin.
type WaitingBound struct {
	All    int
	Holder int // of one holder
}

// Redemption is all that one redemption of a code changes.
type Redemption struct {
	CodeHash      []byte
	At            time.Time
	Grant         Grant
	Refresh       *RefreshState // nil: no refresh token
	OwnerVersion  int64
	ClientVersion int64
	MaxGrants     int
	SeesClient    bool // the client goes for want of use, and this is one
	Event         audit.Event
	Evicted       func(grantID string) audit.Event
}

// Rotation is what one rotation, or one touch without rotation, changes.
type Rotation struct {
	Read *RefreshState // what the decision stood on

	Epoch   uint8  // in which it happens; the token bears it from now on
	Skipped uint32 // generations that came before the presented one and that a restored backup knows nothing of

	CurrentHash  []byte // nil for a touch: as it is
	PreviousHash []byte
	Nonce        []byte
	WindowKeyID  int64
	WindowEnd    ServiceTime
	RotatedAt    time.Time
	IdleDeadline time.Time
	UsedAt       time.Time
	IP           string
	UserAgent    string
	Thumbprint   string // of the key that it is bound to from now on; "": as it is
	Ring         Ring
}

// WindowKey is the random key of the windows that opened in one minute.
type WindowKey struct {
	ID        int64
	Key       []byte      // 32 bytes
	CreatedAt ServiceTime // in service time
}

// GrantFilter chooses grants. Zero values choose all.
type GrantFilter struct {
	ID       string
	PersonID string
	ClientID string
	Limit    int // 0: 1000
}

// Behind is what is counted in memory and written in batches.
type Behind struct {
	Days     map[GrantDay]DayCount
	Replays  map[[tokenIDSize]byte][]RingEntry
	Moments  []Moment
	Events   []audit.Event
	Refusals []Refusal
	Hours    map[Hour]Count
	Clients  map[ClientDay]*ClientCount
}

// GrantDay is one day of one grant, as days since 1970 in UTC.
type GrantDay struct {
	GrantID string
	Day     int64
}

// DayCount is what happened to a grant in a day.
type DayCount struct{ Rotations, Replays, Refusals int64 }

// Moment is a single thing worth remembering of a grant; the last [MomentsKept] are.
type Moment struct {
	GrantID    string
	At         time.Time
	Kind       MomentKind
	Generation uint32
	IP         string
	UserAgent  string
	Detail     string
	RequestID  string
}

// MomentsKept is how many moments of a grant are remembered.
const MomentsKept = 100

// MomentKind says what a moment is.
type MomentKind string

// The kinds of moments.
const (
	MomentRefused        MomentKind = "refused"
	MomentNarrowed       MomentKind = "narrowed"
	MomentAddressChanged MomentKind = "address_changed"
	MomentAgentChanged   MomentKind = "agent_changed"
)
