package oauth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

// logoutTokenLifetime is how long a logout token is good for, OpenID Connect Back-Channel Logout §2.4: one attempt to deliver it.
const logoutTokenLifetime = 2 * time.Minute

// logoutEvent is what a logout token tells of.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// EndedSession is what a client is told: which person is signed out, and of which session.
type EndedSession struct {
	PersonID  string `json:"sub"`
	SessionID string `json:"sid,omitempty"` // "": of every one
}

// logoutToken is what a logout token says. It has no nonce, so that nobody takes it for an ID token.
type logoutToken struct {
	Issuer    string              `json:"iss"`
	Subject   string              `json:"sub"`
	Audience  string              `json:"aud"`
	IssuedAt  *jwt.NumericDate    `json:"iat"`
	Expiry    *jwt.NumericDate    `json:"exp"`
	ID        string              `json:"jti"`
	Events    map[string]struct{} `json:"events"`
	SessionID string              `json:"sid,omitempty"`
}

// LogoutToken makes the token by which a client learns of the end of a session; ended is the JSON of an [EndedSession]. A client that
// is not there any more is [ErrNotFound]. Each attempt gets a token of its own, since a client may refuse a jti that it has seen.
func (s *Server) LogoutToken(ctx context.Context, clientID string, ended []byte) (string, error) {
	client, err := s.store.Client(ctx, clientID)
	if err != nil {
		return "", err
	}
	var e EndedSession
	if err := json.Unmarshal(ended, &e); err != nil {
		return "", fmt.Errorf("read the end of a session: %w", err)
	}
	now := s.clock.Now().Wall
	return s.sign(client.Policy.IDTokenAlg, logoutTokenType, logoutToken{
		Issuer: s.issuer, Subject: e.PersonID, Audience: client.ID, SessionID: e.SessionID, ID: rand.Text(), Events: map[string]struct{}{logoutEvent: {}},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(logoutTokenLifetime)),
	}, now)
}
