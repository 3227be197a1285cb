package oauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func identity(n int) (id [16]byte) {
	id[0], id[1], id[2] = byte(n), byte(n>>8), byte(n>>16)
	return id
}

func TestDP06TheMemoryOfProofsIsBoundedAndForgetsNothingThatIsAccepted(t *testing.T) {
	m := newProofMemory(0)
	m.bound = 100
	type used struct {
		nonce string
		id    int
	}
	var all []used
	for i := range 5000 {
		nonce := m.nonce(0)
		if got := m.take(nonce, identity(i), 0); got != proofFresh {
			t.Fatalf("proof %d: %v", i, got)
		}
		all = append(all, used{nonce, i})
		if n := len(m.seen[0]) + len(m.seen[1]); n > 4*m.bound {
			t.Fatalf("%d proofs are remembered", n)
		}
	}
	for _, u := range all {
		if m.take(u.nonce, identity(u.id), 0) == proofFresh {
			t.Fatalf("proof %d was accepted twice", u.id)
		}
	}

	// Whoever keeps to the nonce before cannot fill the memory either.
	before := m.nonces[1]
	for i := range 1000 {
		m.take(before, identity(10_000+i), 0)
	}
	if n := len(m.seen[1]); n > 2*m.bound {
		t.Errorf("%d proofs with the nonce before", n)
	}
	if got := m.take(before, identity(20_000), 0); got != proofStale {
		t.Errorf("a proof that nobody could remember: %v", got)
	}
}

func TestDP05TheLastTwoNoncesAreAccepted(t *testing.T) {
	m := newProofMemory(time.Hour)
	at, id := time.Hour, 0
	take := func(nonce string) proofVerdict { id++; return m.take(nonce, identity(id), at) }
	first := m.nonce(at)

	at += nonceLifetime - time.Second
	if m.nonce(at) != first || take(first) != proofFresh {
		t.Error("the nonce is over too early")
	}
	at += time.Second
	second := m.nonce(at)
	if second == first || take(first) != proofFresh || take(second) != proofFresh {
		t.Error("the nonce before is not accepted, or there is no new one")
	}
	at += nonceLifetime
	if take(first) != proofStale || take(second) != proofFresh {
		t.Error("not exactly the last two are accepted")
	}
	at += 100 * nonceLifetime
	if take(second) != proofStale {
		t.Error("after a long silence an old nonce is accepted")
	}
	for _, nonce := range []string{"", "x", first[:len(first)-1]} {
		if take(nonce) != proofStale {
			t.Errorf("%q is accepted", nonce)
		}
	}
	if other := newProofMemory(at); other.take(m.nonce(at), identity(0), at) != proofStale {
		t.Error("the nonce of another process is accepted")
	}
}

func TestDP06OfManyWhoBringOneProofOneIsFirst(t *testing.T) {
	m := newProofMemory(0)
	nonce := m.nonce(0)
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh := 0
	for range 100 {
		wg.Go(func() {
			if m.take(nonce, identity(1), 0) == proofFresh {
				mu.Lock()
				fresh++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if fresh != 1 {
		t.Errorf("%d were first", fresh)
	}
}

func TestDP01AKeyOfAnotherKindOrSizeThanItsAlgorithmIsRefused(t *testing.T) {
	numbers := func(bits uint) *rsa.PublicKey {
		return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
	}
	curve := func(c elliptic.Curve) *ecdsa.PublicKey { return &ecdsa.PublicKey{Curve: c} }
	for _, c := range []struct {
		key       any
		algorithm string
		want      bool
	}{
		{numbers(2048), "RS256", true}, {numbers(4096), "PS256", true}, {numbers(2047), "RS256", false}, {numbers(1024), "PS256", false}, {numbers(4097), "RS256", false}, {numbers(1 << 16), "PS256", false},
		{numbers(2048), "ES256", false}, {curve(elliptic.P256()), "ES256", true}, {curve(elliptic.P384()), "ES384", true}, {curve(elliptic.P521()), "ES512", true},
		{curve(elliptic.P384()), "ES256", false}, {curve(elliptic.P256()), "ES384", false}, {curve(elliptic.P224()), "ES256", false}, {curve(elliptic.P224()), "", false}, {curve(elliptic.P256()), "RS256", false},
		{ed25519.PublicKey(make([]byte, 32)), "EdDSA", true}, {ed25519.PublicKey(make([]byte, 32)), "ES256", false}, {[]byte("secret"), "HS256", false}, {nil, "none", false},
	} {
		if got := suits(c.key, c.algorithm); got != c.want {
			t.Errorf("%T for %s: %v", c.key, c.algorithm, got)
		}
	}
}

// FuzzProof: what is accepted as a proof has one spelling, says all that is needed, and names a key by its thumbprint.
func FuzzProof(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	signed := func(typ string, embed bool, claims any) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: embed}).WithType(jose.ContentType(typ)))
		if err != nil {
			f.Fatal(err)
		}
		payload, err := json.Marshal(claims)
		if err != nil {
			f.Fatal(err)
		}
		object, err := signer.Sign(payload)
		if err != nil {
			f.Fatal(err)
		}
		s, err := object.CompactSerialize()
		if err != nil {
			f.Fatal(err)
		}
		return s
	}
	good := signed(proofType, true, map[string]any{"jti": "1", "htm": "POST", "htu": "https://as.test/token", "iat": 1})
	if _, err := parseProof(good); err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		good, good + "=", good[1:], strings.ToLower(good), "", "..", "a.b.c", signed("JWT", true, map[string]any{}), signed(proofType, false, map[string]any{"jti": "1", "htm": "POST", "htu": "x", "iat": 1}),
		signed(proofType, true, map[string]any{"jti": "1", "htm": "POST", "htu": "x", "iat": -1e18}), signed(proofType, true, []int{1}), signed(proofType, true, "x"),
		encodeB64([]byte(`{"typ":"dpop+jwt","alg":"none","jwk":{}}`)) + ".e30.", encodeB64([]byte(`{"typ":"dpop+jwt","alg":"RS256","jwk":{"kty":"RSA","n":"AQ","e":"AQ"}}`)) + ".e30.AA",
		encodeB64([]byte(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"","y":""}}`)) + ".e30.AA", encodeB64([]byte(`{"typ":"dpop+jwt","alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}`)) + ".e30.AA",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseProof(s)
		if err != nil {
			for _, c := range []byte(err.Error()) { // it travels, RFC 6749 §5.2
				if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
					t.Fatalf("the error holds %q", c)
				}
			}
			return
		}
		if len(s) > maxJWTSize || !isCompact(s) || !validThumbprint(p.jkt) || p.ID == "" || p.Method == "" || p.URI == "" || p.IssuedAt == nil {
			t.Fatalf("%q is accepted as %+v", s, p)
		}
	})
}

// FuzzTarget: an htu that is taken for an endpoint leads to that endpoint.
func FuzzTarget(f *testing.F) {
	const endpoint = "https://as.test/t1/token"
	for _, htu := range []string{endpoint, "HTTPS://AS.TEST/t1/token", "https://as.test:443/t1/token?x#y", "https://as.test:4430/t1/token", "https://as.test@evil.test/t1/token", "https://as.test/t1/token/", "//as.test/t1/token", "https:as.test/t1/token", "https://as.test/t1/../t1/token", ""} {
		f.Add(htu)
	}
	f.Fuzz(func(t *testing.T, htu string) {
		if !sameTarget(htu, endpoint) {
			return
		}
		rest, _, _ := strings.Cut(htu, "#")
		rest, _, _ = strings.Cut(rest, "?")
		if plain := strings.ToLower(strings.Replace(rest, ":443/", "/", 1)); plain != endpoint || !strings.HasSuffix(rest, "/t1/token") {
			t.Fatalf("%q is taken for %s", htu, endpoint)
		}
	})
}
