package oauth

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	accessTokenType   = "at+jwt"                  // RFC 9068 §2.1
	idTokenType       = "JWT"                     // RFC 7519 §5.1
	logoutTokenType   = "logout+jwt"              // OpenID Connect Back-Channel Logout §2.4
	securityEventType = "secevent+jwt"            // RFC 8417 §2.3
	introspectionType = "token-introspection+jwt" // RFC 9701 §5
	maxJWTSize        = 8 << 10                   // bytes
	maxOpaqueSize     = 8 << 10
	gcmNonceSize      = 12
)

// AccessToken is what an access token says, in the JWT form and in the opaque one: RFC 9068 §2.2.
type AccessToken struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	Audience jwt.Audience     `json:"aud"`
	Expiry   *jwt.NumericDate `json:"exp"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	ID       string           `json:"jti"`
	ClientID string           `json:"client_id"`
	Scope    string           `json:"scope,omitempty"`
	AuthTime *jwt.NumericDate `json:"auth_time,omitempty"`
	ACR      string           `json:"acr,omitempty"`
	AMR      []string         `json:"amr,omitempty"`
	Groups   []string         `json:"groups,omitzero"` // RFC 9068 §2.2.3.1; nil: the scope does not ask for it
	// Confirmation is nil for a bearer token.
	Confirmation *Confirmation `json:"cnf,omitempty"`
	GrantID      string        `json:"grant_id,omitempty"` // absent: the client acts for itself, RFC 6749 §4.4
	Actor        *Actor        `json:"act,omitempty"`      // who acts for the person, nil where that is the client of the grant
}

// mint makes an access token for a grant, or for the client itself when g is nil.
func (s *Server) mint(c *Client, g *Grant, t target, now time.Time) (token string, claims *AccessToken, err error) {
	claims = &AccessToken{
		Issuer: s.issuer, Subject: c.ID, Audience: t.audience, ClientID: c.ID, Scope: t.scope.String(), ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(t.lifetime(c, now))),
	}
	claims.Confirmation, claims.Actor = confirmation(t.jkt), t.actor
	if g != nil {
		claims.Subject, claims.GrantID = g.PersonID, g.ID
		claims.AuthTime, claims.ACR, claims.AMR = jwt.NewNumericDate(g.AuthTime), g.ACR, g.AMR
		claims.Groups = inAccessToken(t.groups)
	}
	if t.format == FormatOpaque {
		token, err = s.mintOpaque(claims, now)
		return token, claims, err
	}
	token, err = s.sign(AlgES256, accessTokenType, claims, now)
	return token, claims, err
}

// sign serialises claims as a JWT under the algorithm's key of now.
func (s *Server) sign(algorithm, typ string, claims any, now time.Time) (string, error) {
	key, err := s.keys().signer(algorithm, now)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := key.signers[typ].Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// mintOpaque seals the same claims, so that even the opaque form needs no table.
func (s *Server) mintOpaque(claims *AccessToken, now time.Time) (string, error) {
	plain, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	ring := s.keys()
	number := ring.at(KeyAccess, now).Number
	nonce := make([]byte, gcmNonceSize)
	rand.Read(nonce)
	sealed := append([]byte{number}, nonce...)
	sealed = ring.access[number].Seal(sealed, nonce, plain, []byte(accessTokenPrefix))
	return spell(accessTokenPrefix, sealed), nil
}

// readAccessToken gives the claims of a token that this server issued and that has not expired at now. Whether it was
// revoked is another question, see [Server.accessTokenEnded]. Of a token that is too old, or from the future, the claims come
// with false.
func (s *Server) readAccessToken(token string, now time.Time) (*AccessToken, bool) {
	claims, ok := s.openAccessToken(token)
	if !ok || claims.Issuer != s.issuer || claims.Expiry == nil || claims.IssuedAt == nil || claims.ID == "" {
		return nil, false
	}
	if !now.Before(claims.Expiry.Time()) || claims.IssuedAt.Time().After(now.Add(time.Minute)) {
		return claims, false
	}
	return claims, true
}

func (s *Server) openAccessToken(token string) (*AccessToken, bool) {
	var claims AccessToken
	ring := s.keys()
	if strings.HasPrefix(token, accessTokenPrefix) {
		if len(token) > maxOpaqueSize {
			return nil, false
		}
		sealed, err := unspellAny(accessTokenPrefix, token)
		if err != nil || len(sealed) < 1+gcmNonceSize {
			return nil, false
		}
		aead, ok := ring.access[sealed[0]]
		if !ok {
			return nil, false
		}
		plain, err := aead.Open(nil, sealed[1:1+gcmNonceSize], sealed[1+gcmNonceSize:], []byte(accessTokenPrefix))
		if err != nil || json.Unmarshal(plain, &claims) != nil {
			return nil, false
		}
		return &claims, true
	}
	return &claims, s.readJWT(token, accessTokenType, &claims)
}

// isCompact says whether a JWT has the form of RFC 7515 §7.1: three parts, each spelled in the one way there is.
func isCompact(raw string) bool {
	parts := 0
	for part := range strings.SplitSeq(raw, ".") {
		if parts++; parts > 3 || !isBase64URL(part) {
			return false
		}
	}
	return parts == 3
}

// readJWT reads the claims of a JWT that this server signed as what typ says: an access token under ES256, an ID token under
// either algorithm. A critical header is refused whatever it asks for (RFC 7515 §4.1.11), since none is understood.
func (s *Server) readJWT(raw, typ string, claims any) bool {
	if len(raw) > maxJWTSize || !isCompact(raw) {
		return false
	}
	algorithms := []jose.SignatureAlgorithm{jose.ES256}
	if typ == idTokenType {
		algorithms = append(algorithms, jose.RS256)
	}
	token, err := jwt.ParseSigned(raw, algorithms)
	if err != nil || len(token.Headers) != 1 {
		return false
	}
	header := token.Headers[0]
	said, _ := header.ExtraHeaders[jose.HeaderType].(string)
	if _, critical := header.ExtraHeaders["crit"]; critical || !strings.EqualFold(said, typ) || header.KeyID == "" {
		return false
	}
	return token.Claims(s.keys().jwks, claims) == nil
}
