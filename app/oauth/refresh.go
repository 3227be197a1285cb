package oauth

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
)

// errRefreshToken is the one answer to every refresh token that is not accepted: nobody learns whether it is unknown,
// expired, revoked or reused.
func errRefreshToken(rule Rule, detail string) error {
	return because(rule, refusef(InvalidGrant, refreshTokenRefused, "%s", detail))
}

const refreshTokenRefused = "The refresh token is invalid, expired or revoked. The person must sign in again."

// refresh answers the grant of RFC 6749 §6. The checks stand in their normative order (requirements.md 2.2); each failure
// before the last leaves the stored token as it was. Steps 1 to 9 run on a snapshot; the write repeats what they stood
// on, and a miss starts again.
func (s *Server) refresh(ctx context.Context, client *Client, r *TokenRequest) (*TokenResponse, error) {
	if r.RefreshToken == "" {
		return nil, refuse(InvalidRequest, "The refresh_token is missing.")
	}
	token, err := parseRefreshToken(r.RefreshToken, s.keys().tokenKey)
	if err != nil {
		return nil, &Error{Code: InvalidGrant, Description: refreshTokenRefused, Detail: "not a token of this server", garbage: true}
	}
	now := s.clock.Now()
	if recent := s.store.RecentRefreshState(token.id); recent != nil && s.surelyRotates(client, recent, token, r, now) {
		response, err := s.refreshGenuine(ctx, client, recent, token, r, now)
		return response, ofToken(recent, token, client.Policy, now, err)
	}
	state, err := s.stateOf(ctx, client, token, r)
	if err != nil {
		return nil, err
	}
	now = s.clock.Now()
	response, err := s.refreshGenuine(ctx, client, state, token, r, now)
	return response, ofToken(state, token, client.Policy, now, err)
}

// stateOf reads what is stored of a genuine token, for its own client alone.
func (s *Server) stateOf(ctx context.Context, client *Client, token *refreshToken, r *TokenRequest) (*RefreshState, error) {
	state, err := s.store.RefreshState(ctx, token.id)
	if errors.Is(err, ErrNotFound) {
		s.noteStranger(audit.TokenOrphan, client, "", token, r)
		return nil, errRefreshToken(RuleTokenOrphan, "orphan: genuine, but its grant is not stored")
	}
	if err != nil {
		return nil, fault("read refresh token", err)
	}
	if state.ClientID != client.ID {
		s.noteStranger(audit.TokenMismatch, client, state.ID, token, r)
		return nil, ofToken(state, token, client.Policy, s.clock.Now(), errRefreshToken(RuleTokenClient, "client_mismatch: the token belongs to another client"))
	}
	if state.ClientVersion != client.Version {
		return nil, ErrConflict // an admin changed the client since it authenticated: decide on what it is now
	}
	return state, nil
}

// surelyRotates says of a state and a client that may be out of date whether they lead to a rotation, whose write looks at all of
// this again. Everything else is decided on what is stored, above all a refusal.
func (s *Server) surelyRotates(c *Client, state *RefreshState, t *refreshToken, r *TokenRequest, now Instant) bool {
	switch {
	case state.ClientID != c.ID, state.ClientVersion != c.Version, c.Policy.RotationOff, c.Restricted, state.lostOffline(c):
		return false
	case state.hasEnded(now), state.judge(t, c.Policy, now, s.epoch) != verdictCurrent, state.unproven(c, r):
		return false
	}
	_, err := s.targetWithin(c, state, r)
	return err == nil
}

// refreshGenuine decides on a token that is this server's and its presenter's.
func (s *Server) refreshGenuine(ctx context.Context, client *Client, state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) (*TokenResponse, error) {
	if state.unproven(client, r) && !state.unboundReuse(token, client.Policy, now, s.epoch) {
		return nil, s.constrained(state, token, r, now)
	}
	if rule, why := state.ended(now); why != "" {
		return nil, s.refused(state, token, r, now, rule, why)
	}
	v := state.judge(token, client.Policy, now, s.epoch)
	if !r.counted && (v == verdictCurrent || v == verdictReplay || v == verdictForward) {
		if wait, ok := s.limiter.allow(state.ID, client.Policy.RefreshLimit, now.Wall); !ok {
			return nil, because(RuleTokenLimit, &Error{Code: TemporarilyUnavailable, RetryAfter: wait, Description: "Too many refreshes of this sign-in. Nothing has changed; try again later."})
		}
		r.counted = true
	}
	switch v {
	case verdictCurrent, verdictForward:
		return s.rotate(ctx, client, state, token, r, now)
	case verdictReplay:
		return s.replay(ctx, client, state, token, r, now)
	case verdictReuse:
		return nil, s.reuse(ctx, client, state, token, r, now)
	case verdictStale, verdictFork, verdictFuture:
		return nil, s.refusedGenuine(v, client, state, token, r, now)
	default:
		panic("oauth.refresh: no such verdict") // unreachable
	}
}

// ended says why a grant cannot be refreshed whatever the generation, or "".
func (s *RefreshState) ended(now Instant) (Rule, string) {
	switch {
	case s.RevokedAt != nil:
		return RuleTokenRevoked, "revoked: " + string(s.RevokedReason)
	case s.Owner.Disabled:
		return RuleTokenPerson, "revoked: the person is disabled"
	case !s.Alive():
		return RuleTokenCovered, "revoked: everything of this person or client was revoked"
	case !now.Deadline.Before(s.AbsoluteDeadline):
		return RuleTokenAbsolute, "expired: absolute lifetime"
	case !now.Deadline.Before(s.IdleDeadline):
		return RuleTokenIdle, "expired: idle lifetime"
	}
	return "", ""
}

func (s *RefreshState) hasEnded(now Instant) bool {
	_, why := s.ended(now)
	return why != ""
}

// verdict is what a genuine token of a living grant turns out to be.
type verdict int

const (
	verdictCurrent verdict = iota // the current generation
	verdictReplay                 // the previous one, inside its window
	verdictReuse                  // an older one, or the previous one after its window: two holders
	verdictStale                  // the same, but of a client that is known to present stale tokens
	verdictFork                   // the right generation with another secret: a copied database has rotated too
	verdictFuture                 // newer than what is stored: a restored backup, or storage that lied
	verdictForward                // newer than what is stored, and the first of its grant since a backup was restored with its grants
)

// judge compares a genuine token with the stored row. Whether it was used before is a matter of generations, never of time. epoch
// is the server's: a row of another one was restored from a backup and has not been used since.
func (s *RefreshState) judge(t *refreshToken, p Policy, now Instant, epoch uint8) verdict {
	behind := s.Generation - t.generation
	hash, older, newer := t.hash(), epochBefore(t.epoch, s.Epoch), epochBefore(s.Epoch, t.epoch)
	switch {
	case newer, t.generation > s.Generation && !older:
		if s.Epoch != epoch && t.generation > s.Generation {
			return verdictForward
		}
		return verdictFuture
	case behind == 0 && sameHash(hash, s.CurrentHash):
		return verdictCurrent
	case behind == 1 && sameHash(hash, s.PreviousHash):
		if s.WindowKeyID != 0 && now.Service < s.WindowEnd {
			return verdictReplay
		}
	case older && t.generation >= s.Generation:
		return verdictReuse // the restored backup took the grant up with another token
	case behind <= 1 && !older:
		return verdictFork
	}
	if behind <= uint32(p.StaleGenerations) && now.Wall.Sub(t.issuedAt) < staleAge {
		return verdictStale
	}
	return verdictReuse
}

// epochBefore says whether a is an epoch before b. They are counted in one byte, so they are compared around the circle: nobody
// restores 128 backups within the life of a token.
func epochBefore(a, b uint8) bool { return int8(a-b) < 0 }

// rotate moves the token to its next generation, or renews it in place when the client's tokens do not rotate.
func (s *Server) rotate(ctx context.Context, client *Client, state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) (*TokenResponse, error) {
	t, err := s.refreshTarget(ctx, client, state, r, now)
	if err != nil {
		return nil, s.noteError(state, token, r, now, err)
	}
	if client.Policy.RotationOff {
		return s.renew(ctx, client, state, token, t, r, now)
	}
	next, rotation, err := s.nextGeneration(ctx, client, state, token, r, now)
	if err != nil {
		return nil, err
	}
	response, err := s.issue(client, &state.Grant, t, "", now.Wall)
	if err != nil {
		return nil, err
	}
	response.RefreshToken, response.how = next.spell(s.keys().tokenKeyAt(rotation.RotatedAt)), outcomeRotated
	// The whole ring is written, so the replays that wait for it go along.
	replays := s.behind.takeReplays(state.TokenID)
	for _, e := range append(replays, ringEntry(RingRotation, state, r, now)) {
		rotation.Ring = rotation.Ring.Append(e)
	}
	if err := s.store.RotateRefreshToken(ctx, rotation); err != nil {
		s.behind.putReplays(state.TokenID, replays)
		return nil, fault("rotate refresh token", err)
	}
	s.behind.refreshed(state, now.Wall)
	s.noteUse(state, token, t, r, now)
	return response, nil
}

// nextGeneration derives the one successor and says what the row becomes.
func (s *Server) nextGeneration(ctx context.Context, client *Client, state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) (*refreshToken, *Rotation, error) {
	rotation := &Rotation{
		Read: state, Epoch: s.epoch, Skipped: token.generation - state.Generation, PreviousHash: token.hash(), RotatedAt: now.Wall, IdleDeadline: now.Deadline.Add(client.Policy.Idle),
		UsedAt: now.Wall, IP: r.By.IP, UserAgent: r.By.UserAgent, Nonce: newNonce(), Thumbprint: state.binding(r), Ring: state.Ring,
	}
	var windowKey []byte
	if client.Policy.Grace > 0 {
		key, end, err := s.windows.open(ctx, s.store, s.clock, client.Policy.Grace)
		if err != nil {
			return nil, nil, fault("add window key", err)
		}
		windowKey, rotation.WindowKeyID, rotation.WindowEnd = key.Key, key.ID, end
	} else {
		// Nobody will ask for this successor a second time, so nothing may lead to it.
		windowKey = newNonce()
	}
	next := token.successor(rotation.Epoch, rotation.Nonce, s.keys().deriveKeyAt(rotation.RotatedAt), windowKey, rotation.RotatedAt)
	rotation.CurrentHash = next.hash()
	return next, rotation, nil
}

// replay answers the previous generation inside its window with the same successor, so that tabs, retries and lost responses
// converge. Nothing is written.
func (s *Server) replay(ctx context.Context, client *Client, state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) (*TokenResponse, error) {
	t, err := s.refreshTarget(ctx, client, state, r, now)
	if err != nil {
		return nil, s.noteError(state, token, r, now, err)
	}
	if !s.replays.add(state.TokenID, token.generation) {
		return nil, s.refused(state, token, r, now, RuleTokenReplayed, "replayed too often within its window")
	}
	key, ok := s.windows.find(state.WindowKeyID)
	if !ok {
		return nil, s.refused(state, token, r, now, RuleTokenKeyLost, "the window key is lost")
	}
	next := token.successor(state.Epoch, state.Nonce, s.keys().deriveKeyAt(state.RotatedAt), key.Key, state.RotatedAt)
	if !sameHash(next.hash(), state.CurrentHash) {
		return nil, s.refused(state, token, r, now, RuleTokenKeyLost, "the successor cannot be derived again: the derive key is lost")
	}
	response, err := s.issue(client, &state.Grant, t, "", now.Wall)
	if err != nil {
		return nil, err
	}
	response.RefreshToken, response.how = next.spell(s.keys().tokenKeyAt(state.RotatedAt)), outcomeReplayed
	s.behind.replay(state, now.Wall, ringEntry(RingReplay, state, r, now))
	return response, nil
}

// touchInterval is how often a token that does not rotate writes its use.
const touchInterval = time.Hour

// renew answers a client whose tokens do not rotate: the same token again, its idle deadline written once an hour.
func (s *Server) renew(ctx context.Context, client *Client, state *RefreshState, token *refreshToken, t target, r *TokenRequest, now Instant) (*TokenResponse, error) {
	response, err := s.issue(client, &state.Grant, t, "", now.Wall)
	if err != nil {
		return nil, err
	}
	response.RefreshToken, response.how = r.RefreshToken, outcomeRenewed
	if _, err := s.touch(ctx, client, state, token, r, now); err != nil {
		return nil, err
	}
	s.behind.refreshed(state, now.Wall)
	s.noteUse(state, token, t, r, now)
	return response, nil
}

// touch writes the use of a token that stays as it is, where the last one was written long enough ago, and says whether it did.
func (s *Server) touch(ctx context.Context, client *Client, state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) (bool, error) {
	deadline := now.Deadline.Add(client.Policy.Idle)
	due := deadline.Sub(state.IdleDeadline)
	if due < min(touchInterval, client.Policy.Idle/10) && due >= 0 && state.Epoch == s.epoch && state.binding(r) == "" {
		return false, nil
	}
	touch := &Rotation{Read: state, Epoch: s.epoch, Skipped: token.generation - state.Generation, CurrentHash: token.hash(), IdleDeadline: deadline, UsedAt: now.Wall, IP: r.By.IP, UserAgent: r.By.UserAgent,
		Thumbprint: state.binding(r), Ring: state.Ring.Append(ringEntry(RingUse, state, r, now))}
	return true, fault("renew refresh token", s.store.TouchRefreshToken(ctx, touch))
}

// reuse revokes the grant: two parties hold its tokens, and nobody can say which is the thief (RFC 9700 §4.14.2). The write
// checks again that the row is the one that proved it.
func (s *Server) reuse(ctx context.Context, client *Client, state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) error {
	class := classifyReuse(state, token.generation, now.Wall, r.By.IP, r.By.UserAgent)
	event := audit.Event{
		At: now.Wall, Kind: audit.GrantReuse, Origin: r.By, PersonID: state.PersonID, ClientID: client.ID, GrantID: state.ID, Result: "revoked",
		Detail: audit.Details("class", string(class), "generation", decimal(token.generation), "of", decimal(state.Generation)),
	}
	if client.Policy.OnReuse == ReuseReports {
		s.tally.reused(class, true)
		event.Kind, event.Result = audit.TokenReuseReport, "refused"
		if s.behind.first("report:"+state.ID, now.Wall) {
			s.behind.event(event)
			s.behind.superseded(state, token.generation, now.Wall, Count{Reuses: 1})
		}
		return ofReuse(class, state, r.By, s.refused(state, token, r, now, RuleTokenReported, "reuse of generation "+decimal(token.generation)+", reported"))
	}
	if err := s.store.RevokeReused(ctx, state, class, now.Wall, event); err != nil {
		return fault("revoke reused grant", err)
	}
	s.tally.reused(class, false)
	s.behind.refused(client.ID, state.ID, now.Wall)
	s.behind.superseded(state, token.generation, now.Wall, Count{Reuses: 1})
	return ofReuse(class, state, r.By, errRefreshToken(RuleTokenReuse, "reuse of generation "+decimal(token.generation)+" of "+decimal(state.Generation)+", class "+string(class)+": grant revoked"))
}

// refusedGenuine answers verdicts that revoke nothing but that an admin should see.
func (s *Server) refusedGenuine(v verdict, client *Client, state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) error {
	kind, rule, why := audit.TokenFuture, RuleTokenFuture, "after_restore: newer than what is stored"
	switch v {
	case verdictFork:
		kind, rule, why = audit.TokenFork, RuleTokenFork, "fork: the right generation with another secret"
	case verdictStale:
		kind, rule, why = audit.TokenReuseReport, RuleTokenStale, "stale: an older generation that was issued a short while ago"
	}
	if s.behind.first(string(kind)+state.ID, now.Wall) {
		if v == verdictStale {
			s.behind.superseded(state, token.generation, now.Wall, Count{})
		}
		s.behind.event(audit.Event{
			At: now.Wall, Kind: kind, Origin: r.By, PersonID: state.PersonID, ClientID: client.ID, GrantID: state.ID, Result: "refused",
			Detail: audit.Details("generation", decimal(token.generation), "of", decimal(state.Generation)),
		})
	}
	return s.refused(state, token, r, now, rule, why)
}

// ringEntry is one use as the ring remembers it.
func ringEntry(kind RingKind, state *RefreshState, r *TokenRequest, now Instant) RingEntry {
	return RingEntry{At: now.Wall, Kind: kind, AddressChanged: r.By.IP != state.LastIP, AgentChanged: r.By.UserAgent != state.LastUserAgent}
}
