package oauth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// KeyUse says what a key is for.
type KeyUse string

// The uses.
const (
	KeySigning KeyUse = "signing" // JWTs; its public half stands in the JWKS
	KeyToken   KeyUse = "token"   // the MAC of refresh tokens
	KeyDerive  KeyUse = "derive"  // one of the inputs from which successors are derived
	KeyAccess  KeyUse = "access"  // AES-256-GCM of opaque access tokens
	KeyFactor  KeyUse = "factor"  // what package account seals with; nothing of this package
)

// The algorithms of keys.
const (
	AlgES256      = "ES256"
	AlgRS256      = "RS256"
	algHMACSHA256 = "HS256"
	algHKDFSHA256 = "HKDF-SHA256"
	algAES256GCM  = "A256GCM"
)

// The life of keys.
const (
	JWKSMaxAge           = time.Hour            // how long others may cache the JWKS; a new signing key is published so long before its use
	keyRotationPeriod    = 90 * 24 * time.Hour  // of signing keys, by schedule
	secretRotationPeriod = 365 * 24 * time.Hour // of the keys that nobody else knows
	secretAhead          = time.Minute          // until every process has read a new one
	keySkew              = 5 * time.Minute      // a key is kept so long after the last token that needs it has expired
)

// Key is a key as the store has it.
type Key struct {
	ID        string // kid
	Use       KeyUse
	Algorithm string
	Number    uint8  // the key id byte of refresh and opaque access tokens; a serial number for signing keys
	Material  []byte // PKCS #8 for signing keys, raw bytes else
	CreatedAt time.Time
	ActiveAt  time.Time  // signs from then on, until a newer one does
	EndsAt    *time.Time // is published and verifies until then; nil: not yet replaced
}

// NewKey makes a key that is published at now and active from activeAt.
func NewKey(use KeyUse, algorithm string, number uint8, now, activeAt time.Time) (Key, error) {
	k := Key{ID: rand.Text(), Use: use, Algorithm: algorithm, Number: number, CreatedAt: now, ActiveAt: activeAt}
	var private any
	var err error
	switch algorithm {
	case AlgES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case AlgRS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		k.Material = make([]byte, 32)
		rand.Read(k.Material)
		return k, nil
	}
	if err == nil {
		k.Material, err = x509.MarshalPKCS8PrivateKey(private)
	}
	if err != nil {
		return Key{}, fmt.Errorf("make %s key: %w", algorithm, err)
	}
	return k, nil
}

// signingKey is a private key ready to sign.
type signingKey struct {
	Key
	public  jose.JSONWebKey
	signers map[string]jose.Signer // by typ
}

// keyRing is every key that has not ended: an unchanging value that is replaced as a whole.
type keyRing struct {
	all     []Key // the oldest first
	signing []signingKey
	token   map[uint8]tokenKey
	access  map[uint8]cipher.AEAD
	jwks    jose.JSONWebKeySet
	print   string // see fingerprint
}

func newKeyRing(keys []Key) (*keyRing, error) {
	r := &keyRing{token: map[uint8]tokenKey{}, access: map[uint8]cipher.AEAD{}, jwks: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}}
	sortKeys(keys)
	r.all = keys
	r.print = fingerprint(keys)
	for _, k := range keys {
		switch k.Use {
		case KeySigning:
			s, err := k.signing()
			if err != nil {
				return nil, err
			}
			r.signing = append(r.signing, s)
			r.jwks.Keys = append(r.jwks.Keys, s.public)
		case KeyToken:
			r.token[k.Number] = tokenKey{k.Number, k.Material}
		case KeyAccess:
			block, err := aes.NewCipher(k.Material)
			if err != nil {
				return nil, fmt.Errorf("key %s: %w", k.ID, err)
			}
			aead, err := cipher.NewGCM(block)
			if err != nil {
				return nil, fmt.Errorf("key %s: %w", k.ID, err)
			}
			r.access[k.Number] = aead
		}
	}
	if len(r.token) == 0 || len(r.access) == 0 {
		return nil, errors.New("the database has no token keys")
	}
	return r, nil
}

func sortKeys(keys []Key) {
	slices.SortStableFunc(keys, func(a, b Key) int { return a.CreatedAt.Compare(b.CreatedAt) })
}

// fingerprint changes when the set of keys does.
func fingerprint(keys []Key) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.ID)
		if k.EndsAt != nil {
			b.WriteString(k.EndsAt.String())
		}
	}
	return b.String()
}

func (k Key) signing() (signingKey, error) {
	private, err := x509.ParsePKCS8PrivateKey(k.Material)
	if err != nil {
		return signingKey{}, fmt.Errorf("key %s: %w", k.ID, err)
	}
	public := (&jose.JSONWebKey{Key: private, KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"}).Public()
	if !public.Valid() {
		return signingKey{}, fmt.Errorf("key %s: not a key for %s", k.ID, k.Algorithm)
	}
	signers := map[string]jose.Signer{}
	for _, typ := range []string{accessTokenType, idTokenType, introspectionType, logoutTokenType, securityEventType} {
		options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", k.ID)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: private}, options)
		if err != nil {
			return signingKey{}, fmt.Errorf("key %s: %w", k.ID, err)
		}
		signers[typ] = signer
	}
	return signingKey{Key: k, public: public, signers: signers}, nil
}

// signer gives the key that signs at now: the newest active one of the algorithm.
func (r *keyRing) signer(algorithm string, now time.Time) (signingKey, error) {
	var found *signingKey
	for i, k := range r.signing {
		if k.Algorithm == algorithm && !k.ActiveAt.After(now) && (found == nil || k.ActiveAt.After(found.ActiveAt)) {
			found = &r.signing[i]
		}
	}
	if found == nil {
		// The clock may stand before the first key: the oldest is better than none.
		for i, k := range r.signing {
			if k.Algorithm == algorithm {
				found = &r.signing[i]
				break
			}
		}
	}
	if found == nil {
		return signingKey{}, fmt.Errorf("no %s signing key", algorithm)
	}
	return *found, nil
}

// at gives the key of a use that is in force at a time: the newest that is active then. Whoever asks for the same time later gets
// the same key, so a successor can be derived and spelled again after a rotation of keys. nil: there is none.
func (r *keyRing) at(use KeyUse, t time.Time) *Key {
	var found *Key
	for i := range r.all {
		k := &r.all[i]
		switch {
		case k.Use != use:
		case found == nil: // the clock may stand before the first key: the oldest is better than none
			found = k
		case !k.ActiveAt.After(t) && (found.ActiveAt.After(t) || !k.ActiveAt.Before(found.ActiveAt)):
			found = k
		}
	}
	return found
}

// tokenKeyAt gives the key that refresh tokens bear which are issued at a time.
func (r *keyRing) tokenKeyAt(t time.Time) tokenKey {
	k := r.at(KeyToken, t)
	return tokenKey{k.Number, k.Material}
}

// deriveKeyAt gives the key with which the successor of a rotation at that time is derived; nil when it is lost (T42).
func (r *keyRing) deriveKeyAt(t time.Time) []byte {
	if k := r.at(KeyDerive, t); k != nil {
		return k.Material
	}
	return nil
}

func (r *keyRing) tokenKey(number uint8) (tokenKey, bool) {
	k, ok := r.token[number]
	return k, ok
}

// firstKeys makes what a new database needs. They are active at once: nobody has cached a JWKS yet.
func firstKeys(now time.Time) ([]Key, error) {
	var keys []Key
	for _, want := range []struct {
		use       KeyUse
		algorithm string
	}{{KeySigning, AlgES256}, {KeySigning, AlgRS256}, {KeyToken, algHMACSHA256}, {KeyDerive, algHKDFSHA256}, {KeyAccess, algAES256GCM}} {
		k, err := NewKey(want.use, want.algorithm, 1, now, now)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
