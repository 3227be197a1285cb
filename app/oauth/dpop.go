package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	proofType = "dpop+jwt"
	// proofSkew is how far a proof's iat may be from the server's clock, in both directions, RFC 9449 §11.1.
	proofSkew = 60 * time.Second

	minProofRSABits = 2048
	maxProofRSABits = 4096 // larger ones only cost
	jktSize         = 43   // characters of a SHA-256 in base64url
)

// proofAlgorithms are what a proof may be signed with. All are asymmetric, RFC 9449 §4.2.
var proofAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.PS256, jose.RS256}

// proof is what a DPoP proof says, RFC 9449 §4.2. Members that nobody needs are not looked at.
type proof struct {
	ID              string           `json:"jti"`
	Method          string           `json:"htm"`
	URI             string           `json:"htu"`
	IssuedAt        *jwt.NumericDate `json:"iat"`
	Nonce           string           `json:"nonce"`
	AccessTokenHash string           `json:"ath"`

	jkt string // thumbprint of the key that it proves, RFC 7638 §3
}

// parseProof reads a proof that its own key has signed. The error says what is wrong in words for the client's developer.
func parseProof(raw string) (*proof, error) {
	if len(raw) > maxJWTSize || !isCompact(raw) {
		return nil, errors.New("it is not a JWT")
	}
	token, err := jwt.ParseSigned(raw, proofAlgorithms)
	if err != nil || len(token.Headers) != 1 {
		return nil, errors.New("it is not a JWT under an algorithm that is accepted, with a public key in its header")
	}
	header := token.Headers[0]
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(typ, proofType) {
		return nil, errors.New("its typ is not dpop+jwt")
	}
	if _, critical := header.ExtraHeaders["crit"]; critical {
		return nil, errors.New("it has critical header members, and none is understood")
	}
	key := header.JSONWebKey
	if key == nil || !key.Valid() || !key.IsPublic() || !suits(key.Key, header.Algorithm) {
		return nil, errors.New("its jwk is not a public key for its algorithm")
	}
	var p proof
	if err := token.Claims(key, &p); err != nil {
		return nil, errors.New("its signature does not verify, or its claims are malformed")
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, errors.New("its jwk is not a public key for its algorithm")
	}
	p.jkt = encodeB64(thumbprint)
	if p.ID == "" || p.Method == "" || p.URI == "" || p.IssuedAt == nil {
		return nil, errors.New("jti, htm, htu or iat is missing")
	}
	return &p, nil
}

// suits says whether a public key is of the kind and size that the algorithm names.
func suits(key any, algorithm string) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		name, known := map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
		return known && algorithm == name
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		return (algorithm == "RS256" || algorithm == "PS256") && bits >= minProofRSABits && bits <= maxProofRSABits
	}
	return false
}

// proofOf is where a proof came: the DPoP header fields of a request, and to what. Without fields there is none.
type proofOf struct {
	headers     []string
	method      string
	path        string // of the endpoint below the issuer
	accessToken string // that the proof has to name; "" at endpoints that give tokens
}

// prove gives the thumbprint of the key that a request proves, and "" for a request without a proof: RFC 9449 §4.3. A proof is good
// for one request. Nothing but the memory of it has changed when it is refused.
func (s *Server) prove(r proofOf) (jkt string, err error) {
	if len(r.headers) == 0 {
		return "", nil
	}
	if len(r.headers) > 1 {
		return "", errProof("there is more than one")
	}
	p, err := parseProof(r.headers[0])
	if err != nil {
		return "", errProof(err.Error())
	}
	now, issued := s.clock.Now().Wall, p.IssuedAt.Time()
	switch {
	case p.Method != r.method:
		return "", errProof("its htm is not the method of this request")
	case !sameTarget(p.URI, s.issuer+r.path):
		return "", errProof("its htu is not the address of this endpoint")
	case issued.Before(now.Add(-proofSkew)) || issued.After(now.Add(proofSkew)):
		return "", errProof("its iat is not the present time; is the clock right")
	case r.accessToken != "" && p.AccessTokenHash != accessTokenHash(r.accessToken):
		return "", errProof("its ath is not the hash of the access token")
	}
	switch s.proofs.take(p.Nonce, p.identity(), s.clock.monotonic()) {
	case proofStale:
		return "", errNonce()
	case proofSeen:
		return "", errProof("it was used before")
	}
	return p.jkt, nil
}

// errNonce asks for the request once more, with the nonce that the answer brings: RFC 9449 §8. Every application hears it now and
// then, so it is no refusal that an admin should read of.
func errNonce() error {
	return &Error{Code: UseDPoPNonce, Description: "The DPoP proof needs the nonce of this answer.", garbage: true}
}

func errProof(why string) error {
	return because(RuleProof, refuse(InvalidDPoPProof, "The DPoP proof is invalid: "+why+"."))
}

// errUnproven answers a request that needs a proof and has none. It is no verdict on the token that came along.
func errUnproven(description string) error {
	return because(RuleProofMissing, refuse(InvalidDPoPProof, description))
}

// identity is what must not come twice, RFC 9449 §11.1: a jti of one key for one endpoint.
func (p *proof) identity() (id [16]byte) {
	sum := sha256.Sum256([]byte(p.jkt + " " + p.Method + " " + p.URI + " " + p.ID))
	copy(id[:], sum[:])
	return id
}

// accessTokenHash is the ath of a proof that comes with a token, RFC 9449 §4.2.
func accessTokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return encodeB64(sum[:])
}

// sameTarget compares an htu with an endpoint as RFC 9449 §4.3 asks: query and fragment do not count, nor does the case of scheme and
// host or a default port.
func sameTarget(htu, endpoint string) bool {
	plain := func(address string) (string, bool) {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.User != nil {
			return "", false
		}
		scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[scheme])
		return scheme + "://" + host + u.EscapedPath(), true
	}
	a, ok := plain(htu)
	b, _ := plain(endpoint)
	return ok && a == b
}

// validThumbprint says whether a dpop_jkt can be one: RFC 9449 §10.
func validThumbprint(jkt string) bool { return len(jkt) == jktSize && isBase64URL(jkt) }

// proveKey notes which key a token request proves. A client that is registered for it must (RFC 9449 §5.2).
func (s *Server) proveKey(client *Client, r *TokenRequest) (err error) {
	if r.jkt, err = s.prove(proofOf{headers: r.Proofs, method: "POST", path: PathToken}); err != nil {
		return err
	}
	if client.DPoPRequired && r.jkt == "" {
		return errUnproven("This client is registered for DPoP, and the request has no proof.")
	}
	return nil
}

// unproven says whether a request does not prove the key that the refresh token is bound to, RFC 9449 §5. A client that authenticates
// may change its key: what binds the token is its secret.
func (s *RefreshState) unproven(c *Client, r *TokenRequest) bool {
	return s.Thumbprint != "" && (r.jkt == "" || c.Public() && r.jkt != s.Thumbprint)
}

// constrained refuses a request that does not prove the key. It comes before every verdict on the generation, so that who has the token
// but not the key can do nothing with it, not even end the grant.
func (s *Server) constrained(state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) error {
	if r.jkt == "" {
		return errUnproven("The refresh token is bound to a key, and the request has no DPoP proof.")
	}
	return s.refused(state, token, r, now, RuleTokenKey, "bound to another key")
}

// unboundReuse says whether a token from before its grant was bound is proof of two holders. Else a thief could bind a copied bearer
// token to a key of their own, and nobody would ever hear of the application that still has it.
func (s *RefreshState) unboundReuse(t *refreshToken, p Policy, now Instant, epoch uint8) bool {
	return t.generation < s.BoundGeneration && !s.hasEnded(now) && s.judge(t, p, now, epoch) == verdictReuse
}

// binding is the key to which a refresh binds a token that was free before; "" where nothing changes. There is no way back.
func (s *RefreshState) binding(r *TokenRequest) string {
	if s.Thumbprint != "" {
		return ""
	}
	return r.jkt
}

// Confirmation is the claim cnf: the key without whose proof a token is worth nothing, RFC 9449 §6.1.
type Confirmation struct {
	JKT string `json:"jkt"`
}

// confirmation is nil for a bearer token.
func confirmation(jkt string) *Confirmation {
	if jkt == "" {
		return nil
	}
	return &Confirmation{jkt}
}

// tokenType is the token_type of an access token, RFC 9449 §5.
func tokenType(c *Confirmation) string {
	if c == nil {
		return "Bearer"
	}
	return "DPoP"
}

// DPoPAlgorithms are what proofs may be signed with.
func DPoPAlgorithms() []string {
	names := make([]string, len(proofAlgorithms))
	for i, a := range proofAlgorithms {
		names[i] = string(a)
	}
	return names
}
