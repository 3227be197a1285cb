package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/alexedwards/scs/v2"

	"regrant/app/account"
)

// SessionStore keeps browser sessions under the hash of their token.
type SessionStore = scs.CtxStore

const (
	roleValue       = "role"
	maxSessionToken = 64 // characters; scs makes 43
)

// sessions is who is signed in with which browser. Nobody who is not signed in has one, so visitors write nothing.
type sessions struct {
	manager *scs.SessionManager
	cookies cookies
	now     func() time.Time
}

func newSessions(issuer *url.URL, store SessionStore, now func() time.Time) *sessions {
	m := scs.New()
	m.Store, m.Codec, m.HashTokenInStore = store, account.SessionCodec{}, true
	_, m.Lifetime = account.RolePerson.Lifetime(true) // the store shortens it for other roles
	return &sessions{manager: m, cookies: newCookies(issuer), now: now}
}

// current gives the session of a request, nil for none. A cookie that is malformed, doubled, unknown or over is none; an
// error means that the store cannot say.
func (s *sessions) current(r *http.Request) (*account.Session, account.Role, error) {
	token := s.cookies.read(r, s.cookies.session)
	if token == "" || len(token) > maxSessionToken {
		return nil, "", nil
	}
	ctx, err := s.manager.Load(r.Context(), token)
	if err != nil {
		return nil, "", err
	}
	session, ok := s.manager.Get(ctx, account.SessionKey).(account.Session)
	if !ok {
		return nil, "", nil
	}
	return &session, account.Role(s.manager.GetString(ctx, roleValue)), nil
}

// begin gives the browser a session with a token that nobody has seen before. Whoever was signed in keeps nothing of it: the
// old token is dead. The same person signing in again goes on with the same session, newly proven, so that its grants
// still end with it.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, session account.Session, role account.Role) (account.Session, error) {
	old := s.cookies.read(r, s.cookies.session)
	ctx, err := s.manager.Load(r.Context(), old)
	if err != nil {
		return session, err
	}
	if before, ok := s.manager.Get(ctx, account.SessionKey).(account.Session); ok {
		if err := s.manager.RenewToken(ctx); err != nil {
			return session, err
		}
		if before.PersonID == session.PersonID {
			session.ID, session.CreatedAt = before.ID, before.CreatedAt
		}
	} else if ctx, err = s.manager.Load(context.WithoutCancel(r.Context()), ""); err != nil {
		return session, err
	}
	s.manager.Put(ctx, account.SessionKey, session)
	s.manager.Put(ctx, roleValue, string(role))
	token, _, err := s.manager.Commit(ctx)
	if err != nil {
		return session, err
	}
	var lifetime time.Duration // ends with the browser
	if session.Stay && role.MayStay() {
		_, lifetime = role.Lifetime(true)
	}
	s.cookies.write(w, s.cookies.session, token, lifetime)
	return session, nil
}

// clear takes the cookie away. The session itself is ended by [account.People.SignOut].
func (s *sessions) clear(w http.ResponseWriter) { s.cookies.write(w, s.cookies.session, "", -1) }

// session gives who is signed in, nil for nobody, and notes once a minute that they still are. When the store cannot say,
// it answers itself.
func (s *Server) session(w http.ResponseWriter, r *http.Request) (*account.Session, bool) {
	session, role, err := s.sessions.current(r)
	if err == nil && session != nil {
		err = s.people.TouchSession(r.Context(), *session, role, s.now())
	}
	if err != nil {
		s.unavailable(w, r, "read session", err)
		return nil, false
	}
	return session, true
}
