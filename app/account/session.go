package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"regrant/app/audit"
)

// Session is one browser that a person is signed in with. Its ID is public and stays: it is the sid of ID tokens and what
// a grant remembers of its sign-in. The secret is the token in the cookie, which the web layer makes and changes; the
// store knows its hash. Times are UTC in microseconds.
type Session struct {
	ID         string    `json:"id"`
	PersonID   string    `json:"person_id"`
	AuthTime   time.Time `json:"auth_time"` // of the last proof of who it is, OpenID Connect Core §2
	AMR        []string  `json:"amr"`       // RFC 8176
	ACR        string    `json:"acr"`
	IP         string    `json:"ip"`             // at the sign-in
	UserAgent  string    `json:"user_agent"`     // at the sign-in
	Stay       bool      `json:"stay,omitempty"` // signed in after the browser was closed
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"` // to the minute

	// Ended is Person.SessionsEnded as it was when the person was looked at. The session begins only if it still is that.
	Ended *time.Time `json:"ended,omitempty"`
}

// Errors about sessions.
var (
	// ErrSessionEnded says that the session was ended while the request was under way, or may not begin: the person was
	// disabled or deleted, or the password changed, since they signed in. Whoever holds it is signed out.
	ErrSessionEnded = errors.New("account: the session has ended")
	// ErrNoSession says that what is to be stored belongs to nobody. Browsers that are not signed in have no session.
	ErrNoSession = errors.New("account: only the session of a person is stored")
)

// TouchEvery is how often Session.LastSeenAt moves.
const TouchEvery = time.Minute

// Lifetime says when a session of someone in this role is over: idle without a request for that long, absolute after its
// beginning whatever happens (WEB-27). Who asked to stay signed in may rest as long as that; admins may not. Neither ends a grant.
func (r Role) Lifetime(stay bool) (idle, absolute time.Duration) {
	if !r.MayStay() {
		return 30 * time.Minute, 12 * time.Hour
	}
	if stay {
		return 30 * 24 * time.Hour, 30 * 24 * time.Hour
	}
	return 12 * time.Hour, 30 * 24 * time.Hour
}

// MayStay reports whether somebody in this role may stay signed in after the browser was closed: who may see or do more than their
// own may not.
func (r Role) MayStay() bool { return !r.Reads() }

// NewSession returns the session that follows a sign-in.
func NewSession(s *SignedIn, o audit.Origin) Session {
	return Session{
		ID: uuid.NewString(), PersonID: s.Person.ID, AuthTime: s.AuthTime, AMR: s.AMR, ACR: s.ACR, Stay: s.Stay,
		IP: o.IP, UserAgent: audit.Clean(o.UserAgent, 400), CreatedAt: s.AuthTime, LastSeenAt: s.AuthTime,
		Ended: s.Person.SessionsEnded,
	}
}

// SessionKey is the name under which a browser session's values hold the [Session]. All other values are strings.
const SessionKey = "session"

// SessionRecord is what is stored of a browser session: who, until when, and the other values by name.
type SessionRecord struct {
	Session  Session           `json:"session"`
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values,omitempty"`
}

// SessionCodec writes browser sessions as the JSON of a [SessionRecord], so that the store can tell whose they are. It is
// a Codec of github.com/alexedwards/scs.
type SessionCodec struct{}

// Encode returns the JSON. It fails on [ErrNoSession] and on values that are no strings.
func (SessionCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	r := SessionRecord{Deadline: deadline.UTC(), Values: map[string]string{}}
	for name, v := range values {
		switch v := v.(type) {
		case Session:
			if name == SessionKey {
				r.Session = v
				continue
			}
		case string:
			r.Values[name] = v
			continue
		}
		return nil, fmt.Errorf("account: a session cannot hold a %T as %q", v, name)
	}
	if r.Session.ID == "" || r.Session.PersonID == "" {
		return nil, ErrNoSession
	}
	return json.Marshal(r)
}

// Decode is the inverse of Encode.
func (SessionCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var r SessionRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return time.Time{}, nil, fmt.Errorf("read a session: %w", err)
	}
	values := make(map[string]any, len(r.Values)+1)
	for name, v := range r.Values {
		values[name] = v
	}
	values[SessionKey] = r.Session
	return r.Deadline, values, nil
}

// Sessions lists the living sessions of a person, the one seen last first.
func (p *People) Sessions(ctx context.Context, personID string, now time.Time) ([]Session, error) {
	return p.store.SessionsOf(ctx, personID, now)
}

// TouchSession notes that the session was used now, at most once in [TouchEvery].
func (p *People) TouchSession(ctx context.Context, s Session, role Role, now time.Time) error {
	if now.Sub(s.LastSeenAt) < TouchEvery {
		return nil
	}
	idle, absolute := role.Lifetime(s.Stay)
	ends := s.CreatedAt.Add(absolute)
	if t := now.Add(idle); t.Before(ends) {
		ends = t
	}
	return p.store.TouchSession(ctx, s.ID, now, ends)
}

// SignOut ends the session in which the person stands, and with it the grants made in it that have no offline_access
// (LO-06). Signing out twice is no error.
func (p *People) SignOut(ctx context.Context, s Session, o audit.Origin, now time.Time) error {
	o.Actor, o.ActorID = audit.ByPerson, s.PersonID
	err := p.store.EndSession(ctx, s.PersonID, s.ID, event(audit.SignedOut, s.PersonID, o, now))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// EndSession ends another session of that person as SignOut does; [ErrNotFound] if there is none with this id, or it is
// somebody else's.
func (p *People) EndSession(ctx context.Context, personID, sessionID string, o audit.Origin, now time.Time) error {
	return p.store.EndSession(ctx, personID, sessionID, event(audit.SessionEnded, personID, o, now))
}

// EndOtherSessions ends every session of the person but the one to keep (empty: all), and every grant without
// offline_access that was made elsewhere, and says how many sessions there were.
func (p *People) EndOtherSessions(ctx context.Context, personID, keep string, o audit.Origin, now time.Time) (int, error) {
	return p.store.EndOtherSessions(ctx, personID, keep, event(audit.SessionEnded, personID, o, now))
}
