package oauth

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"regrant/app/audit"
)

// TokenHead is what a refresh token says in the open: everything but its secret and its MAC. Without those nobody can tell
// whether it is genuine, and nobody can use it.
type TokenHead struct {
	Key        uint8
	ID         [tokenIDSize]byte
	Epoch      uint8
	Generation uint32
	IssuedAt   time.Time
}

// tokenHeadSize is how many bytes of a refresh token are its head.
const tokenHeadSize = 1 + tokenIDSize + 1 + 4 + 4

// HeadOf gives the head of a refresh token that is spelled right, and forgets the rest.
func HeadOf(token string) (TokenHead, bool) {
	b, err := unspell(refreshTokenPrefix, strings.TrimSpace(token), refreshTokenSize)
	if err != nil {
		return TokenHead{}, false
	}
	return ReadTokenHead(b[:tokenHeadSize])
}

// ReadTokenHead reads a head that somebody else has taken from its token: key id 1 B, token id 16 B, epoch 1 B, generation 4 B,
// issued at 4 B (Unix seconds).
func ReadTokenHead(b []byte) (TokenHead, bool) {
	if len(b) != tokenHeadSize {
		return TokenHead{}, false
	}
	h := TokenHead{Key: b[0], Epoch: b[1+tokenIDSize], Generation: binary.BigEndian.Uint32(b[2+tokenIDSize:]),
		IssuedAt: time.Unix(int64(binary.BigEndian.Uint32(b[6+tokenIDSize:])), 0).UTC()}
	copy(h.ID[:], b[1:])
	return h, true
}

// Outcome is what would become of a token that was presented now.
type Outcome string

// The outcomes that are no refusal.
const (
	OutcomeUnknown Outcome = "unknown" // no such token is stored
	OutcomeRotate  Outcome = "rotate"  // accepted, the next generation is issued
	OutcomeRenew   Outcome = "renew"   // accepted, the same token is issued again
	OutcomeReplay  Outcome = "replay"  // the window is open: the same successor is issued again
	OutcomeActive  Outcome = "active"  // an access token that is accepted
	OutcomeRefuse  Outcome = "refuse"  // by Forecast.Rule
)

// Forecast says what would become of a token, judged by its head alone.
type Forecast struct {
	Outcome Outcome
	Rule    Rule
	State   *RefreshState // nil where no grant is known
	Client  *Client       // nil where it is gone
	Head    TokenHead
	Class   ReuseClass // of a reuse, as far as it can be told without address and agent
	Found   string     // what is stored now, as Refusal.Found
}

// Foresee says what would become of the refresh token with that head, if its secret and MAC are right. Nothing is changed.
func (s *Server) Foresee(ctx context.Context, h TokenHead) (*Forecast, error) {
	f := &Forecast{Outcome: OutcomeUnknown, Head: h}
	if _, known := s.keys().tokenKey(h.Key); !known {
		return f, nil
	}
	state, err := s.store.RefreshState(ctx, h.ID)
	if errors.Is(err, ErrNotFound) {
		return f, nil
	}
	if err != nil {
		return nil, fault("read refresh token", err)
	}
	if err := s.foreseeClient(ctx, f, state); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	token := &refreshToken{id: h.ID, epoch: h.Epoch, generation: h.Generation, issuedAt: h.IssuedAt}
	policy := Policy{}
	if f.Client != nil {
		policy = f.Client.Policy
	}
	f.Found = audit.Details(append(state.found(token, now), policy.found()...)...)
	f.Outcome = OutcomeRefuse
	if f.Rule != "" {
		return f, nil
	}
	if f.Rule, _ = state.ended(now); f.Rule != "" {
		return f, nil
	}
	if f.judge(token, policy, now, s.epoch); f.Outcome == OutcomeRefuse {
		return f, nil
	}
	return f, s.foreseeAccess(ctx, f, RuleTokenAccess)
}

// foreseeClient reads the client of a grant and refuses in its name.
func (s *Server) foreseeClient(ctx context.Context, f *Forecast, state *RefreshState) error {
	f.State = state
	client, err := s.store.Client(ctx, state.ClientID)
	switch {
	case errors.Is(err, ErrNotFound):
		f.Rule = RuleTokenCovered
	case err != nil:
		return fault("read client", err)
	case client.DisabledAt != nil:
		f.Client, f.Rule = client, RuleClientDisabled
	case !client.Allows(GrantRefreshToken):
		f.Client, f.Rule = client, RuleClientGrantType
	default:
		f.Client = client
	}
	return nil
}

// foreseeAccess refuses what would be answered, if the client is not for the person now.
func (s *Server) foreseeAccess(ctx context.Context, f *Forecast, rule Rule) error {
	may, err := s.mayUse(ctx, f.State.ClientRestricted, f.State.PersonID, f.State.ClientID)
	if err == nil && !may {
		f.Outcome, f.Rule = OutcomeRefuse, rule
	}
	return err
}

// judge is [RefreshState.judge] for a token whose secret nobody has shown: it is taken for the right one.
func (f *Forecast) judge(t *refreshToken, p Policy, now Instant, epoch uint8) {
	s := f.State
	behind := s.Generation - t.generation
	older, newer := epochBefore(t.epoch, s.Epoch), epochBefore(s.Epoch, t.epoch)
	switch {
	case newer, t.generation > s.Generation && !older:
		switch f.Rule = RuleTokenFuture; {
		case s.Epoch == epoch || t.generation <= s.Generation:
		case p.RotationOff:
			f.Rule, f.Outcome = "", OutcomeRenew
		default:
			f.Rule, f.Outcome = "", OutcomeRotate
		}
	case older && t.generation >= s.Generation && !p.RotationOff:
		f.Rule, f.Class = RuleTokenReuse, classifyReuse(s, t.generation, now.Wall, s.LastIP, s.LastUserAgent)
		if p.OnReuse == ReuseReports {
			f.Rule, f.Class = RuleTokenReported, ""
		}
	case behind == 0 && p.RotationOff:
		f.Outcome = OutcomeRenew
	case behind == 0:
		f.Outcome = OutcomeRotate
	case behind == 1 && s.WindowKeyID != 0 && now.Service < s.WindowEnd:
		f.Outcome = OutcomeReplay
	case behind <= uint32(p.StaleGenerations) && now.Wall.Sub(t.issuedAt) < staleAge:
		f.Rule = RuleTokenStale
	case p.OnReuse == ReuseReports:
		f.Rule = RuleTokenReported
	default:
		f.Rule, f.Class = RuleTokenReuse, classifyReuse(s, t.generation, now.Wall, s.LastIP, s.LastUserAgent)
	}
}

// ForeseeAccessToken says what introspection would say of the access token with that jti and grant, if it has not expired.
func (s *Server) ForeseeAccessToken(ctx context.Context, jti, grantID string) (*Forecast, error) {
	f := &Forecast{Outcome: OutcomeUnknown}
	states, err := s.store.Grants(ctx, GrantFilter{ID: grantID})
	if err != nil {
		return nil, fault("read grant", err)
	}
	if len(states) == 0 || grantID == "" {
		return f, nil
	}
	if err := s.foreseeClient(ctx, f, &states[0]); err != nil {
		return nil, err
	}
	revoked, err := s.store.AccessTokenRevoked(ctx, jti)
	if err != nil {
		return nil, fault("read revoked access tokens", err)
	}
	f.Outcome, f.Found = OutcomeActive, audit.Details(f.State.GrantState.found()...)
	switch {
	case revoked, !f.State.Alive():
		f.Outcome, f.Rule = OutcomeRefuse, RuleAccessRevoked
	case f.Rule == RuleClientDisabled:
		f.Outcome = OutcomeRefuse
	default:
		f.Rule = ""
		return f, s.foreseeAccess(ctx, f, RuleAccessNoAccess)
	}
	return f, nil
}

// StandsNow gives the grant that a refusal is about as it is now, and what is stored of it as Refusal.Found has it; nil when
// there is none, or none any more.
func (s *Server) StandsNow(ctx context.Context, r *Refusal) (*RefreshState, string, error) {
	if r.GrantID == "" {
		return nil, "", nil
	}
	states, err := s.store.Grants(ctx, GrantFilter{ID: r.GrantID})
	if err != nil || len(states) == 0 {
		return nil, "", err
	}
	state := &states[0]
	if r.Generation == nil || !state.HasToken() {
		return state, audit.Details(state.GrantState.found()...), nil
	}
	client, err := s.store.Client(ctx, state.ClientID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, "", err
	}
	pairs := state.found(&refreshToken{epoch: state.Epoch, generation: *r.Generation}, s.clock.Now())
	if client != nil {
		pairs = append(pairs, client.Policy.found()...)
	}
	return state, audit.Details(pairs...), nil
}

// ClaimsOf gives jti and grant id of an access token in the JWT form, as it says them itself: its signature is not looked at.
func ClaimsOf(token string) (jti, grantID string, ok bool) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 || len(token) > maxJWTSize {
		return "", "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", "", false
	}
	var claims AccessToken
	if json.Unmarshal(payload, &claims) != nil || claims.ID == "" || len(claims.ID) > 100 {
		return "", "", false
	}
	return claims.ID, claims.GrantID, true
}
