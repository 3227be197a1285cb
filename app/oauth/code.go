package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"time"
)

// CodeLifetime is how long an authorization code can be redeemed, RFC 6749 §4.1.2.
const (
	CodeLifetime = 60 * time.Second

	maxCodeTries = 5
	opaqueSize   = 32 // random bytes of a code or client secret
)

// AuthorizationCode is what the store keeps of a code: everything that it was issued for, but only its hash.
type AuthorizationCode struct {
	Hash          []byte // SHA-256
	ClientID      string
	PersonID      string
	SessionID     string
	RedirectURI   string
	Scope         Scope
	Resources     []string
	Claims        Claims
	Nonce         string
	CodeChallenge string // empty: PKCE was waived
	DPoPKey       string // thumbprint of the only key that may redeem it, RFC 9449 §10; "": any
	Pushed        []byte // the hash of the pushed request that it completes, nil for none; not kept
	Authentication
	IP        string
	UserAgent string
	CreatedAt time.Time
	ExpiresAt time.Time
	Tries     int // redemptions that failed on their verifier or redirect URI
	SpentAt   *time.Time
	GrantID   string // the grant that it was redeemed for

	Device bool // it is for a device, under the hash of its device code; told to [Store.IssueCode], not kept
}

// newSecret makes a random 256-bit value with a prefix, and its hash.
func newSecret(prefix string) (secret string, hash []byte) {
	b := make([]byte, opaqueSize)
	rand.Read(b)
	secret = spell(prefix, b)
	return secret, hashSecret(secret)
}

// hashSecret is enough for values of 256 random bits; a slow hash would only slow down every refresh.
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
