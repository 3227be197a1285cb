package oauth

import (
	"context"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

// The events that security event tokens tell of: the first of the Continuous Access Evaluation Profile 1.0, the second of the Shared
// Signals Framework 1.0, by which a receiver and this server try each other.
const (
	eventSessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	eventVerification   = "https://schemas.openid.net/secevent/ssf/event-type/verification"
)

// securityEvent is what a security event token says, RFC 8417 §2.2. It has no sub and no exp: what it is about stands in sub_id, and
// nobody takes it for another token.
type securityEvent struct {
	Issuer   string           `json:"iss"`
	ID       string           `json:"jti"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	Audience string           `json:"aud"`
	Subject  any              `json:"sub_id"` // RFC 9493 §3
	Events   map[string]any   `json:"events"`
}

// subjectID is a subject identifier of one of the formats iss_sub and opaque, RFC 9493 §3.2.
type subjectID struct {
	Format  string `json:"format"`
	Issuer  string `json:"iss,omitempty"`
	Subject string `json:"sub,omitempty"`
	ID      string `json:"id,omitempty"`
}

// complexSubject names by each of its members what an event is about, as the Shared Signals Framework has it.
type complexSubject struct {
	Format      string     `json:"format"`
	User        *subjectID `json:"user,omitempty"`
	Session     *subjectID `json:"session,omitempty"`
	Application *subjectID `json:"application,omitempty"`
}

type sessionRevoked struct {
	At         *jwt.NumericDate  `json:"event_timestamp"`
	Initiating string            `json:"initiating_entity,omitempty"`
	Reason     map[string]string `json:"reason_admin,omitempty"` // by language
}

// SecurityEvent makes the security event token that tells a client of the end of grants, and the header Authorization for its receiver,
// "" for none. id and createdAt are the same in each attempt, so the same token is sent again. told is the JSON of an [EndedGrants]. A
// client that is gone, or is told of nothing any more, is [ErrNotFound].
func (s *Server) SecurityEvent(ctx context.Context, seal Sealer, clientID, id string, createdAt time.Time, told []byte) (token, authorization string, err error) {
	client, err := s.store.Client(ctx, clientID)
	if err != nil {
		return "", "", err
	}
	if client.SecurityEventURL == "" {
		return "", "", ErrNotFound
	}
	e, err := readEndedGrants(told)
	if err != nil {
		return "", "", err
	}
	if client.SecurityEventAuthorization != nil {
		header, err := seal.Open(securityEventPurpose(client.ID), client.SecurityEventAuthorization)
		if err != nil {
			return "", "", fmt.Errorf("open the header for a receiver: %w", err)
		}
		authorization = string(header)
	}
	claims := securityEvent{Issuer: s.issuer, ID: id, IssuedAt: jwt.NewNumericDate(createdAt), Audience: client.ID, Subject: s.endedSubject(client.ID, e)}
	if e.Test {
		claims.Events = map[string]any{eventVerification: struct{}{}}
	} else {
		claims.Events = map[string]any{eventSessionRevoked: sessionRevoked{
			At: jwt.NewNumericDate(e.At), Initiating: e.Reason.initiatingEntity(), Reason: map[string]string{"en": string(e.Reason)},
		}}
	}
	token, err = s.sign(client.Policy.IDTokenAlg, securityEventType, claims, s.clock.Now().Wall)
	return token, authorization, err
}

// endedSubject names one grant as a session of a person, every one of a person as that person, and every one of all as those of the
// application.
func (s *Server) endedSubject(clientID string, e EndedGrants) any {
	user := &subjectID{Format: "iss_sub", Issuer: s.issuer, Subject: e.PersonID}
	switch {
	case e.Test:
		return subjectID{Format: "opaque", ID: clientID}
	case e.GrantID != "":
		return complexSubject{Format: "complex", User: user, Session: &subjectID{Format: "opaque", ID: e.GrantID}}
	case e.PersonID != "":
		return user
	}
	return complexSubject{Format: "complex", Application: &subjectID{Format: "opaque", ID: clientID}}
}

// initiatingEntity says who is behind an end, in the words of the Continuous Access Evaluation Profile; "" where the reason does not
// tell.
func (r RevokedReason) initiatingEntity() string {
	switch r {
	case RevokedPerson, RevokedReported, RevokedConsent, RevokedLogout:
		return "user"
	case RevokedAdmin, RevokedUserDisabled, RevokedRestore:
		return "admin"
	case RevokedScope, RevokedAccessLost, RevokedEvicted:
		return "policy"
	case RevokedReuse, RevokedCodeReplay:
		return "system"
	}
	return ""
}
