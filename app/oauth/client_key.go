package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of the keys of a client.
const (
	maxClientKeys = 20
	maxJWKSSize   = 32 << 10 // bytes
	minRSABits    = 2048     // RFC 7518 §3.3
	maxRSABits    = 8192     // what a verification may cost
)

// ErrDocument says that an address which a client registered gives for good, and not for a moment, what it should not: it may not
// be called, or what is there is no document.
var ErrDocument = errors.New("oauth: no document")

// Fetch reads what stands at an address that a client registered, with the care of WEB-50. An error that is not [ErrDocument] may
// pass.
type Fetch func(ctx context.Context, address string) ([]byte, error)

// signsWith says whether a public key is one of an algorithm and may be used for signatures, RFC 7517 §4.
func signsWith(k *jose.JSONWebKey, algorithm string) bool {
	if k.Algorithm != "" && k.Algorithm != algorithm || k.Use != "" && k.Use != "sig" || !k.Valid() {
		return false
	}
	switch public := k.Key.(type) {
	case *ecdsa.PublicKey:
		return algorithm == AlgES256 && public.Curve == elliptic.P256()
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return (algorithm == AlgRS256 || algorithm == AlgPS256) && bits >= minRSABits && bits <= maxRSABits
	case ed25519.PublicKey:
		return algorithm == AlgEdDSA
	}
	return false
}

// privateMembers are what a private or a symmetric key has and no public one, RFC 7517 §4.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// readKeys reads the keys of a JWK set that may sign assertions, RFC 7517 §5. Those of other kinds are left out, as the set may serve
// other purposes too. Private and symmetric keys are an error where strict is set, and left out elsewhere.
func readKeys(text []byte, strict bool) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(text) > maxJWKSSize || json.Unmarshal(text, &set) != nil || set.Keys == nil {
		return nil, errors.New(`is not a JWK set such as {"keys": [...]}`)
	}
	if len(set.Keys) > maxClientKeys {
		return nil, fmt.Errorf("has more than %d keys", maxClientKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var members map[string]any
		if json.Unmarshal(raw, &members) != nil {
			return nil, errors.New("has a key that is no JSON object")
		}
		if slices.ContainsFunc(privateMembers, func(name string) bool { _, has := members[name]; return has }) {
			if strict {
				return nil, errors.New("has a private or symmetric key; give the public keys only, and make new ones where this left the application")
			}
			continue
		}
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !slices.ContainsFunc(AssertionAlgs(), func(alg string) bool { return signsWith(&k, alg) }) {
			continue
		}
		k.Certificates, k.CertificatesURL, k.CertificateThumbprintSHA1, k.CertificateThumbprintSHA256 = nil, nil, nil, nil
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("has no key for " + strings.Join(AssertionAlgs(), ", ") + "; RSA keys need 2048 bits")
	}
	return keys, nil
}

// publicKeys gives a JWK set as it is stored: the keys that may sign, and of each what is needed.
func publicKeys(text string) (string, error) {
	keys, err := readKeys([]byte(text), true)
	if err != nil {
		return "", refuse(InvalidClientMetadata, "jwks: "+err.Error())
	}
	kept, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		return "", refuse(InvalidClientMetadata, "jwks: cannot be written: "+err.Error()) // unreachable: it was read
	}
	return string(kept), nil
}

// ClientKey is a key of a client as people may see it.
type ClientKey struct {
	ID         string // kid; may be ""
	Type       string // "ES256", or "RSA 3072" since such a key signs with more than one algorithm
	Thumbprint string // RFC 7638, SHA-256 in base64url
}

// Keys gives the keys that stand in the registration itself.
func (c *Client) Keys() []ClientKey {
	keys, err := readKeys([]byte(c.JWKS), false)
	if c.JWKS == "" || err != nil {
		return nil
	}
	list := make([]ClientKey, len(keys))
	for i, k := range keys {
		list[i] = ClientKey{ID: k.KeyID, Type: AlgES256}
		switch public := k.Key.(type) {
		case *rsa.PublicKey:
			list[i].Type = fmt.Sprintf("RSA %d", public.N.BitLen())
		case ed25519.PublicKey:
			list[i].Type = AlgEdDSA
		}
		if sum, err := k.Thumbprint(crypto.SHA256); err == nil {
			list[i].Thumbprint = base64.RawURLEncoding.EncodeToString(sum)
		}
	}
	return list
}

// dropKeys forgets the keys, which a client that authenticates in another way has no use for.
func (c *Client) dropKeys() { c.JWKS, c.JWKSURI, c.AuthSigningAlg = "", "", "" }

// keyFacts names the keys for the audit log.
func (c *Client) keyFacts() string {
	var names []string
	for _, k := range c.Keys() {
		names = append(names, strings.TrimSpace(k.ID+" "+k.Thumbprint))
	}
	return strings.Join(names, ", ")
}

// validateKeys refuses keys that contradict the method: RFC 7591 §2 wants one place for them.
func (c *Client) validateKeys() error {
	bad := func(description string) error { return refuse(InvalidClientMetadata, description) }
	if c.AuthMethod != AuthPrivateKeyJWT {
		if c.JWKS != "" || c.JWKSURI != "" {
			return bad("jwks: keys are for the authentication method private_key_jwt")
		}
		if c.AuthSigningAlg != "" {
			return bad("token_endpoint_auth_signing_alg: is for the authentication method private_key_jwt")
		}
		return nil
	}
	if c.AuthSigningAlg != "" && !slices.Contains(AssertionAlgs(), c.AuthSigningAlg) {
		return bad("token_endpoint_auth_signing_alg: must be " + strings.Join(AssertionAlgs(), ", "))
	}
	switch {
	case c.JWKS == "" && c.JWKSURI == "":
		return bad("jwks: private_key_jwt needs the public keys of the application, as jwks or as jwks_uri")
	case c.JWKS != "" && c.JWKSURI != "":
		return bad("jwks: give either jwks or jwks_uri (RFC 7591 section 2)")
	case c.JWKSURI != "":
		return validateFetched("jwks_uri", c.JWKSURI)
	}
	keys, err := readKeys([]byte(c.JWKS), true)
	if err != nil {
		return bad("jwks: " + err.Error())
	}
	if c.AuthSigningAlg != "" && !slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool { return signsWith(&k, c.AuthSigningAlg) }) {
		return bad("jwks: has no key for " + c.AuthSigningAlg)
	}
	return nil
}

// validateFetched refuses an address that the server could not call. Where it leads is found out by the call.
func validateFetched(member, address string) error {
	bad := func(why string) error { return refuse(InvalidClientMetadata, member+": "+why) }
	u, err := url.Parse(address)
	switch {
	case len(address) > 2000:
		return bad("longer than 2000 characters")
	case strings.ContainsFunc(address, func(c rune) bool { return c <= 0x20 || c >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", c) }):
		return bad("has a character that a URI may not have (RFC 3986)")
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		return bad("must be an https address such as https://app.example.com/jwks.json")
	case u.User != nil || strings.Contains(address, "#"):
		return bad("must not have a user name or a fragment")
	}
	return nil
}

// How long what a jwks_uri gave is believed.
const (
	keysFresh   = 15 * time.Minute
	keysStale   = 6 * time.Hour   // where it cannot be read any more
	keysRenewed = time.Minute     // at most once in, for a key that is not known
	keysRetried = 5 * time.Second // ... and for an address that gave nothing
	maxKeySets  = 1024
)

// keySet is what a jwks_uri gave.
type keySet struct {
	keys  []jose.JSONWebKey
	read  time.Time // when it gave them
	tried time.Time // when it was asked last
	asked time.Time // when it was asked last for a key that it did not have
	err   error     // of the last try
}

// keySets remembers what the addresses of clients gave. One call at a time goes to an address, and whoever knows a key waits for none.
type keySets struct {
	mu   sync.Mutex
	sets map[string]*keySlot
}

type keySlot struct {
	asking sync.Mutex
	mu     sync.Mutex
	set    keySet
}

func (k *keySets) slot(address string) *keySlot {
	k.mu.Lock()
	defer k.mu.Unlock()
	slot, known := k.sets[address]
	if known {
		return slot
	}
	if k.sets == nil {
		k.sets = map[string]*keySlot{}
	}
	for other := range k.sets { // any one: it is read again when it is needed
		if len(k.sets) < maxKeySets {
			break
		}
		delete(k.sets, other)
	}
	slot = &keySlot{}
	k.sets[address] = slot
	return slot
}

func (s *keySlot) known() keySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set
}

// within says whether less than d has passed from then to now; a clock that went back has passed everything.
func within(now, then time.Time, d time.Duration) bool {
	passed := now.Sub(then)
	return !then.IsZero() && passed >= 0 && passed < d
}

// usable says whether the set answers now, without a call: unknown means that a key is looked for that it does not have.
func (k keySet) usable(now time.Time, unknown bool) bool {
	switch {
	case k.keys == nil:
		return within(now, k.tried, keysRetried)
	case k.err != nil:
		return within(now, k.tried, keysRenewed)
	case unknown: // the client may have changed its key just after it was read
		return within(now, k.asked, keysRenewed)
	}
	return within(now, k.read, keysFresh)
}

// clientKeys gives the keys of a client, and where they can be read anew, how. Keys come from the registration alone.
func (s *Server) clientKeys(ctx context.Context, c *Client) (keys []jose.JSONWebKey, renew func() ([]jose.JSONWebKey, error), err error) {
	if c.JWKSURI == "" {
		keys, err = readKeys([]byte(c.JWKS), true)
		return keys, nil, err
	}
	slot, began := s.keySets.slot(c.JWKSURI), s.clock.Now().Wall
	keys, err = s.readKeySet(ctx, slot, c.JWKSURI, false)
	renew = func() ([]jose.JSONWebKey, error) {
		if set := slot.known(); set.keys != nil && !set.read.Before(began) { // read for this very request
			return set.keys, nil
		}
		return s.readKeySet(ctx, slot, c.JWKSURI, true)
	}
	return keys, renew, err
}

// readKeySet gives the keys at an address, from memory where that is allowed. Those that it had stay good for a while when it cannot
// be read any more.
func (s *Server) readKeySet(ctx context.Context, slot *keySlot, address string, unknown bool) ([]jose.JSONWebKey, error) {
	set := slot.known()
	if set.usable(s.clock.Now().Wall, unknown) {
		return set.keys, set.failed()
	}
	slot.asking.Lock()
	defer slot.asking.Unlock()
	now := s.clock.Now().Wall
	if set = slot.known(); set.usable(now, unknown) { // another one asked meanwhile
		return set.keys, set.failed()
	}
	if s.fetch == nil {
		return nil, fmt.Errorf("%w: this server calls no addresses", ErrDocument)
	}
	set.tried = now
	if unknown {
		set.asked = now
	}
	text, err := s.fetch(context.WithoutCancel(ctx), address) // others wait for it too
	if err == nil {
		var keys []jose.JSONWebKey
		if keys, err = readKeys(text, false); err == nil {
			set.keys, set.read = keys, now
		} else {
			err = fmt.Errorf("%w: what it gives %w", ErrDocument, err)
		}
	}
	if set.err = err; err != nil && !within(now, set.read, keysStale) {
		set.keys = nil
	}
	slot.mu.Lock()
	defer slot.mu.Unlock()
	slot.set = set
	return set.keys, set.failed()
}

// failed is the error of a set that has no keys.
func (k keySet) failed() error {
	if k.keys != nil {
		return nil
	}
	return k.err
}
