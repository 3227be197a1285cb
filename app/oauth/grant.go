package oauth

import (
	"time"
)

// Grant is what one person allowed one client at one sign-in on one device. Codes, access tokens and the refresh token
// hang on it and die with it.
type Grant struct {
	ID        string // public; stands in access tokens, pages and logs
	PersonID  string
	ClientID  string
	SessionID string // the browser session of the sign-in, see account.Session
	Scope     Scope
	Resources []string
	Claims    Claims // that the person allowed one by one, or with their scope
	Authentication
	IP            string // of the code's authorization
	UserAgent     string
	Offline       bool // offline_access was granted: it survives the sign-out of its session
	CreatedAt     time.Time
	EndsAt        time.Time // the absolute deadline of what hangs on it
	RevokedAt     *time.Time
	RevokedReason RevokedReason
	ReuseClass    ReuseClass
	Version       int64
}

// Authentication is how and when a person proved who they are, OpenID Connect Core §2.
type Authentication struct {
	AuthTime time.Time
	ACR      string
	AMR      []string // RFC 8176
}

// RevokedReason says why a grant ended.
type RevokedReason string

// The reasons.
const (
	RevokedReuse         RevokedReason = "reuse"
	RevokedPerson        RevokedReason = "user"
	RevokedReported      RevokedReason = "reported" // the person said that the sign-in was not theirs
	RevokedClient        RevokedReason = "client"   // at the revocation endpoint
	RevokedAdmin         RevokedReason = "admin"
	RevokedConsent       RevokedReason = "consent"
	RevokedPassword      RevokedReason = "password"
	RevokedFactor        RevokedReason = "factor" // a second factor was removed or reset
	RevokedLogout        RevokedReason = "logout"
	RevokedCodeReplay    RevokedReason = "code_replay"
	RevokedScope         RevokedReason = "scope_removed"
	RevokedAccessLost    RevokedReason = "access_lost"
	RevokedEvicted       RevokedReason = "evicted"
	RevokedUserDisabled  RevokedReason = "user_disabled"
	RevokedUserDeleted   RevokedReason = "user_deleted"
	RevokedClientDeleted RevokedReason = "client_deleted"
	RevokedRestore       RevokedReason = "restore" // a backup was restored without its grants
)

// Owner is what the engine knows of a resource owner, read together with their grants.
type Owner struct {
	ID                  string
	Name                string
	Email               string
	EmailVerified       bool
	Disabled            bool // disabled or deleted
	SecondFactor        bool // has one to show; known where the owner is asked for by id
	GrantsRevokedBefore *time.Time
	Version             int64
}

// GrantState is a grant with all that decides whether it is alive, from one snapshot.
type GrantState struct {
	Grant
	Owner                     Owner
	ClientVersion             int64
	ClientGrantsRevokedBefore *time.Time
	ClientDisabled            bool
	ClientRestricted          bool // it is limited to groups
}

// Alive says whether nothing has ended the grant. The passing of time is not looked at.
func (g *GrantState) Alive() bool {
	return g.RevokedAt == nil && !g.Owner.Disabled &&
		!coveredBy(g.CreatedAt, g.Owner.GrantsRevokedBefore) && !coveredBy(g.CreatedAt, g.ClientGrantsRevokedBefore)
}

// coveredBy says whether a revocation of everything made up to before covers something made at created.
func coveredBy(created time.Time, before *time.Time) bool {
	return before != nil && !created.After(*before)
}

// RefreshState is the refresh token of a grant as the store has it, and the grant, from one snapshot.
type RefreshState struct {
	GrantState
	TokenID          [tokenIDSize]byte
	Generation       uint32
	Epoch            uint8
	CurrentHash      []byte
	PreviousHash     []byte
	Nonce            []byte
	WindowKeyID      int64 // 0: no window
	WindowEnd        ServiceTime
	RotatedAt        time.Time
	IdleDeadline     time.Time
	AbsoluteDeadline time.Time
	LastUsedAt       time.Time
	LastIP           string
	LastUserAgent    string
	Thumbprint       string // of the key that it is bound to, RFC 9449 §5; of a client that authenticates the first one; "": none
	BoundGeneration  uint32 // the first one that is; those before were issued to whoever bore them
	Ring             Ring
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
