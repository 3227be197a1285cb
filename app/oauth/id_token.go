package oauth

import (
	"crypto/sha256"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

// idTokenLifetime is how long an ID token may be taken as fresh. It is proof of a sign-in, not a session.
const idTokenLifetime = time.Hour

// idToken is what an ID token says, OpenID Connect Core §2.
type idToken struct {
	Issuer          string           `json:"iss"`
	Subject         string           `json:"sub"`
	Audience        string           `json:"aud"`
	Expiry          *jwt.NumericDate `json:"exp"`
	IssuedAt        *jwt.NumericDate `json:"iat"`
	AuthTime        *jwt.NumericDate `json:"auth_time,omitempty"`
	SessionID       string           `json:"sid,omitempty"` // of the browser session of the sign-in, OpenID Connect Back-Channel Logout §2.1
	Nonce           string           `json:"nonce,omitempty"`
	ACR             string           `json:"acr,omitempty"`
	AMR             []string         `json:"amr,omitempty"`
	AccessTokenHash string           `json:"at_hash,omitempty"`
	personClaims                     // the groups by their scope; everything else where it was asked for by name
}

// mintIDToken makes an ID token for a grant. nonce is empty on refresh: OpenID Connect Core §12.2.
func (s *Server) mintIDToken(c *Client, g *Grant, told personClaims, nonce, accessToken string, now time.Time) (string, error) {
	claims := idToken{
		Issuer: s.issuer, Subject: g.PersonID, Audience: c.ID, SessionID: g.SessionID, Nonce: nonce, ACR: g.ACR, AMR: g.AMR, personClaims: told,
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(idTokenLifetime)), AuthTime: jwt.NewNumericDate(g.AuthTime),
	}
	sum := sha256.Sum256([]byte(accessToken))
	claims.AccessTokenHash = encodeB64(sum[:len(sum)/2])
	return s.sign(c.Policy.IDTokenAlg, idTokenType, claims, now)
}
