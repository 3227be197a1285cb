package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db/queries"
)

// endedKept is how long the row of an ended session stays, so that no request that was under way writes it back.
const endedKept = time.Hour

// SessionStore keeps browser sessions for github.com/alexedwards/scs, whose CtxStore it is. The manager must hash tokens
// (HashTokenInStore) and use [account.SessionCodec].
type SessionStore struct {
	db  *DB
	now func() time.Time
}

// SessionStore returns the browser sessions in d, by that clock.
func (d *DB) SessionStore(now func() time.Time) *SessionStore { return &SessionStore{db: d, now: now} }

// FindCtx gives a session that is alive, of a person who may sign in.
func (s *SessionStore) FindCtx(ctx context.Context, tokenHash string) (b []byte, found bool, err error) {
	err = s.db.read(ctx, "read session", func(q *queries.Queries) error {
		row, err := q.SessionByToken(ctx, &tokenHash, micros(s.now()))
		if err != nil {
			return err
		}
		r := account.SessionRecord{Session: browserSession(row), Deadline: instant(row.ExpiresAt)}
		if err := json.Unmarshal(row.Data, &r.Values); err != nil {
			return fault("decode session", err)
		}
		b, err = json.Marshal(r)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return b, err == nil, err
}

// CommitCtx stores a session under its token. It returns account.ErrSessionEnded if the session was ended meanwhile, or
// is new and its person was disabled, deleted or given another password since they signed in, has to choose one, or their
// sessions were ended since the person was looked at.
func (s *SessionStore) CommitCtx(ctx context.Context, tokenHash string, b []byte, _ time.Time) error {
	var r account.SessionRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return err
	}
	values, err := json.Marshal(r.Values)
	if err != nil {
		return err
	}
	now := s.now()
	return s.db.write(ctx, "store session", func(tx *Tx) error {
		return tx.putSession(ctx, tokenHash, r, values, now)
	})
}

func (tx *Tx) putSession(ctx context.Context, tokenHash string, r account.SessionRecord, values []byte, now time.Time) error {
	p, err := tx.living(ctx, r.Session.PersonID)
	if errors.Is(err, account.ErrNotFound) || err == nil && (p.DisabledAt != nil || p.PasswordExpiredAt != nil) {
		return account.ErrSessionEnded
	}
	if err != nil {
		return err
	}
	_, err = tx.SessionByID(ctx, r.Session.ID)
	isNew := errors.Is(err, sql.ErrNoRows)
	if err != nil && !isNew {
		return err
	}

	idle, absolute := account.Role(p.Role).Lifetime(r.Session.Stay)
	ends := min(micros(r.Deadline), micros(r.Session.CreatedAt.Add(absolute)))
	idleAt := min(micros(now.Add(idle)), ends)
	auth := micros(r.Session.AuthTime)
	amr := strings.Join(r.Session.AMR, " ")
	if isNew {
		if after(p.GrantsRevokedBefore, auth) || after(p.PasswordChangedAt, auth) || !sameInstant(p.SessionsEndedBefore, r.Session.Ended) {
			return account.ErrSessionEnded
		}
		return tx.InsertSession(ctx, queries.InsertSessionParams{
			ID: r.Session.ID, TokenHash: &tokenHash, PersonID: p.ID, AuthTime: auth, AMR: amr, ACR: r.Session.ACR,
			IP: r.Session.IP, UserAgent: r.Session.UserAgent, CreatedAt: micros(r.Session.CreatedAt),
			LastSeenAt: micros(now), IdleAt: idleAt, ExpiresAt: ends, Data: values, StayAt: stay(r.Session),
		})
	}
	n, err := tx.UpdateSession(ctx, queries.UpdateSessionParams{
		TokenHash: &tokenHash, AuthTime: auth, AMR: amr, ACR: r.Session.ACR, LastSeenAt: micros(now),
		IdleAt: idleAt, ExpiresAt: ends, Data: values, StayAt: stay(r.Session), ID: r.Session.ID, PersonID: p.ID,
	})
	if err == nil && n == 0 {
		err = account.ErrSessionEnded
	}
	return err
}

// stay is how a session says that it outlives the browser: since when.
func stay(s account.Session) *int64 { return since(s.Stay, nil, s.CreatedAt) }

func sameInstant(us *int64, t *time.Time) bool {
	return us == nil && t == nil || us != nil && t != nil && *us == micros(*t)
}

func after(t *int64, us int64) bool { return t != nil && *t > us }

// DeleteCtx takes the token away. The session itself stays for its next token, or until it is over: scs does the same
// thing to give a session another token and to destroy it. Signing out is [DB.EndSession].
func (s *SessionStore) DeleteCtx(ctx context.Context, tokenHash string) error {
	return s.db.write(ctx, "delete session token", func(tx *Tx) error { return tx.DetachSessionToken(ctx, &tokenHash) })
}

// Find, Commit and Delete complete the scs.Store that a CtxStore also is; scs calls the ones with a context.

// Find is FindCtx without a deadline of the caller's.
func (s *SessionStore) Find(tokenHash string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), tokenHash)
}

// Commit is CommitCtx without a deadline of the caller's.
func (s *SessionStore) Commit(tokenHash string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), tokenHash, b, expiry)
}

// Delete is DeleteCtx without a deadline of the caller's.
func (s *SessionStore) Delete(tokenHash string) error {
	return s.DeleteCtx(context.Background(), tokenHash)
}

// SessionsOf implements account.Store.
func (d *DB) SessionsOf(ctx context.Context, personID string, now time.Time) ([]account.Session, error) {
	var sessions []account.Session
	err := d.read(ctx, "list sessions", func(q *queries.Queries) error {
		rows, err := q.SessionsOfPerson(ctx, personID, micros(now))
		sessions = make([]account.Session, len(rows))
		for i, r := range rows {
			sessions[i] = browserSession(r)
		}
		return err
	})
	return sessions, err
}

// TouchSession implements account.Store.
func (d *DB) TouchSession(ctx context.Context, id string, now, idleEnds time.Time) error {
	return d.write(ctx, "touch session", func(tx *Tx) error {
		_, err := tx.TouchSession(ctx, queries.TouchSessionParams{
			Now: micros(now), IdleAt: micros(idleEnds), ID: id, NotSince: micros(now.Add(-account.TouchEvery)),
		})
		return err
	})
}

// EndSession implements account.Store.
func (d *DB) EndSession(ctx context.Context, personID, sessionID string, e audit.Event) error {
	return d.write(ctx, "end session", func(tx *Tx) error {
		row, err := tx.SessionByID(ctx, sessionID)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (row.PersonID != personID || row.EndedAt != nil) {
			return account.ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := tx.tellOfSession(ctx, personID, sessionID, e.At); err != nil {
			return err
		}
		now := micros(e.At)
		if _, err := tx.MarkSessionEnded(ctx, queries.MarkSessionEndedParams{
			Now: &now, IdleAt: micros(e.At.Add(endedKept)), ID: sessionID,
		}); err != nil {
			return err
		}
		if err := tx.DeleteOpenCodesOfSession(ctx, sessionID); err != nil {
			return err
		}
		ended, err := tx.RevokeGrantsOfSession(ctx, &now, sessionID)
		if err != nil {
			return err
		}
		if err := tx.tellOfGrants(ctx, ended); err != nil {
			return err
		}
		return tx.audit(ctx, withCounts(e, 1, int64(len(ended))))
	})
}

// EndOtherSessions implements account.Store.
func (d *DB) EndOtherSessions(ctx context.Context, personID, keep string, e audit.Event) (int, error) {
	var sessions int64
	err := d.write(ctx, "end sessions", func(tx *Tx) (err error) {
		var grants int64
		if sessions, grants, err = tx.endOtherSessions(ctx, personID, keep, e.At); err != nil || sessions == 0 && grants == 0 {
			return err
		}
		return tx.audit(ctx, withCounts(e, sessions, grants))
	})
	return int(sessions), err
}

// endOtherSessions ends all sessions of a person but keep, and what ends with them.
func (tx *Tx) endOtherSessions(ctx context.Context, personID, keep string, at time.Time) (sessions, grants int64, err error) {
	if sessions, err = tx.endSessions(ctx, personID, keep, at); err != nil {
		return 0, 0, err
	}
	if err := tx.DeleteOpenCodesOfOtherSessions(ctx, personID, keep); err != nil {
		return 0, 0, err
	}
	grants, err = tx.endGrantsOfOtherSessions(ctx, personID, keep, at)
	return sessions, grants, err
}

// endGrantsOfOtherSessions ends the grants that do not outlive the sessions of a person but keep.
func (tx *Tx) endGrantsOfOtherSessions(ctx context.Context, personID, keep string, at time.Time) (int64, error) {
	now := micros(at)
	ended, err := tx.RevokeGrantsOfOtherSessions(ctx, queries.RevokeGrantsOfOtherSessionsParams{Now: &now, PersonID: personID, Keep: keep})
	if err != nil {
		return 0, err
	}
	return int64(len(ended)), tx.tellOfGrants(ctx, ended)
}

// endSessions ends all sessions but keep, whatever waits for a second factor, and the session of whoever has shown all that they
// must and has none yet, whatever the times say of which came first: people.sessions_ended_before is another one each time, as
// [account.Person.SessionsEnded] says, and the session of somebody who was looked at before that does not begin.
func (tx *Tx) endSessions(ctx context.Context, personID, keep string, at time.Time) (int64, error) {
	if err := tx.DeleteSignInsOfPerson(ctx, personID); err != nil {
		return 0, err
	}
	if err := tx.tellOfSessions(ctx, personID, keep, at); err != nil {
		return 0, err
	}
	now := micros(at)
	if err := tx.EndSessionsBefore(ctx, &now, personID); err != nil {
		return 0, err
	}
	return tx.MarkSessionsEnded(ctx, queries.MarkSessionsEndedParams{
		Now: &now, IdleAt: micros(at.Add(endedKept)), PersonID: personID, Keep: keep,
	})
}

// SweepPeople implements account.Store.
func (d *DB) SweepPeople(ctx context.Context, now time.Time, batch int) (int, error) {
	var removed int64
	err := d.write(ctx, "sweep sessions", func(tx *Tx) error {
		sessions, err := tx.SweepSessions(ctx, micros(now), int32(batch))
		if err != nil {
			return err
		}
		failures, err := tx.SweepFailureCounters(ctx, micros(now), int32(batch))
		if err != nil {
			return err
		}
		devices, err := tx.SweepDevices(ctx, micros(now.Add(-deviceLifetime)), int32(batch))
		if err != nil {
			return err
		}
		links, err := tx.SweepLinks(ctx, micros(now.Add(-linkKept)), int32(batch))
		if err != nil {
			return err
		}
		challenges, err := tx.SweepSpentChallenges(ctx, micros(now.Add(-challengeKept)), int32(batch))
		if err != nil {
			return err
		}
		signIns, err := tx.SweepSignIns(ctx, micros(now), int32(batch))
		removed = sessions + failures + devices + links + challenges + signIns
		return err
	})
	return int(removed), err
}

func withCounts(e audit.Event, sessions, grants int64) audit.Event {
	e.Detail = audit.Details("sessions", strconv.FormatInt(sessions, 10), "grants", strconv.FormatInt(grants, 10))
	return e
}

func browserSession(r queries.Session) account.Session {
	return account.Session{
		ID: r.ID, PersonID: r.PersonID, AuthTime: instant(r.AuthTime), AMR: strings.Fields(r.AMR), ACR: r.ACR, Stay: r.StayAt != nil,
		IP: r.IP, UserAgent: r.UserAgent, CreatedAt: instant(r.CreatedAt), LastSeenAt: instant(r.LastSeenAt),
	}
}
