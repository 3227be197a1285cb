package oauth

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"regrant/app/audit"
)

// Refusal is one answer of no to a genuine token or to a client that is known: what an admin finds again by the request id.
// It holds no secret, token, code or whole redirect URI.
type Refusal struct {
	ID           int64 // set by the store; rises
	RequestID    string
	At           time.Time
	Endpoint     string // a path, as PathToken
	Code         Code   // what the client was told; "" where the protocol tells it nothing
	Rule         Rule
	Detail       string // for the operator, in words
	ClientID     string // the client that asked
	PersonID     string
	GrantID      string
	Generation   *uint32 // of the token that was presented; nil: no refresh token was
	OfGeneration *uint32 // the current one then
	Found        string  // what was stored then, key=value pairs as [audit.Details] writes them
	IP           string
	UserAgent    string

	tell func() string // gives more of Found, at a cost that is spent only on what is kept
}

// because names the rule by which err refuses. An error that has one keeps it: the innermost knows best.
func because(rule Rule, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) && e.refusal().Rule == "" {
		e.Refusal.Rule = rule
	}
	return err
}

// ofClient notes which client a refusal is of, where it did not prove who it is.
func ofClient(c *Client, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) {
		e.refusal().ClientID = c.ID
	}
	return err
}

// ofCode notes which sign-in a refusal is about.
func ofCode(code *AuthorizationCode, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) {
		f := e.refusal()
		f.PersonID, f.GrantID = code.PersonID, code.GrantID
		pairs := []string{"issued", moment(code.CreatedAt), "expires", moment(code.ExpiresAt), "tries", strconv.Itoa(code.Tries)}
		if code.SpentAt != nil {
			pairs = append(pairs, "spent", moment(*code.SpentAt))
		}
		f.Found = audit.Details(pairs...)
	}
	return err
}

// ofAccessToken notes whose access token was refused.
func ofAccessToken(claims *AccessToken, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) {
		f := e.refusal()
		f.ClientID, f.GrantID = claims.ClientID, claims.GrantID
		if claims.GrantID != "" {
			f.PersonID = claims.Subject
		}
		f.Found = audit.Details("jti", claims.ID, "issued", moment(claims.IssuedAt.Time()), "expires", moment(claims.Expiry.Time()), "scope", claims.Scope)
	}
	return err
}

// AboutKey says whether a refusal of an access token is about the key that it is bound to.
func AboutKey(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Refusal != nil && e.Refusal.Rule == RuleAccessKey
}

// ofReuse notes what a reuse was taken for, and what of its presenter was as in the last use that was accepted.
func ofReuse(class ReuseClass, state *RefreshState, by audit.Origin, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) {
		same := map[bool]string{true: "yes", false: "no"}
		e.refusal().Found = audit.Details("class", string(class), "same_address", same[by.IP == state.LastIP], "same_agent", same[by.UserAgent == state.LastUserAgent])
	}
	return err
}

// ofToken notes which generation of which refresh token a refusal is about, and what was stored of it. A refresh that is answered
// costs nothing here.
func ofToken(state *RefreshState, token *refreshToken, p Policy, now Instant, err error) error {
	if err == nil {
		return nil
	}
	return ofRefusedToken(state, token, p, now, err)
}

func ofRefusedToken(state *RefreshState, token *refreshToken, p Policy, now Instant, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) {
		f := e.refusal()
		presented, current := token.generation, state.Generation
		f.PersonID, f.GrantID, f.Generation, f.OfGeneration = state.PersonID, state.ID, &presented, &current
		f.tell = func() string { return audit.Details(append(state.found(token, now), p.found()...)...) }
	}
	return err
}

// secretText finds what programs put where no secret belongs, as in grant_type.
var secretText = regexp.MustCompile(`rg[racsld]1_[0-9A-Za-z]+|eyJ[0-9A-Za-z_-]{10,}(\.[0-9A-Za-z_-]*)*`)

// remember keeps a refusal for the admin who will be asked about it, and gives the error unchanged. A fault is no refusal, and
// what nobody is known for is not remembered: garbage costs no write.
func (s *Server) remember(endpoint string, client *Client, by audit.Origin, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) || isFault(e) || e.garbage || errors.Is(err, ErrOver) || e.Refusal == nil && client == nil {
		return err
	}
	f := *e.refusal()
	if client != nil {
		f.ClientID = client.ID
	}
	if f.ClientID == "" {
		return err
	}
	f.RequestID, f.At, f.Endpoint, f.Code, f.IP, f.UserAgent = by.RequestID, s.clock.Now().Wall, endpoint, e.Code, by.IP, by.UserAgent
	if f.Rule == "" {
		f.Rule = ruleOf(e.Code)
	}
	if f.Detail = e.Detail; f.Detail == "" {
		f.Detail = e.Description
	}
	if !s.behind.mayRefuse(&f) {
		return err
	}
	if f.tell != nil {
		f.Found, f.tell = strings.TrimSpace(f.tell()+" "+f.Found), nil
	}
	f.Detail = secretText.ReplaceAllString(f.Detail, "…")
	s.behind.refuse(f)
	return err
}

// isFault tells trouble of the server from refusals: a limit says when to come back.
func isFault(e *Error) bool {
	return e.Code == ServerError || e.Code == TemporarilyUnavailable && e.RetryAfter == 0
}

// found gives what is stored of a grant, as pairs.
func (g *GrantState) found() []string {
	pairs := []string{"created", moment(g.CreatedAt), "ends", moment(g.EndsAt), "scope", g.Scope.String()}
	if g.RevokedAt != nil {
		pairs = append(pairs, "revoked", moment(*g.RevokedAt), "reason", string(g.RevokedReason))
	}
	if g.ReuseClass != "" {
		pairs = append(pairs, "class", string(g.ReuseClass))
	}
	if g.Owner.Disabled {
		pairs = append(pairs, "person", "disabled")
	}
	if before := g.Owner.GrantsRevokedBefore; coveredBy(g.CreatedAt, before) {
		pairs = append(pairs, "person_ended", moment(*before))
	}
	if before := g.ClientGrantsRevokedBefore; coveredBy(g.CreatedAt, before) {
		pairs = append(pairs, "client_ended", moment(*before))
	}
	return pairs
}

// found gives what is stored of a token, and how the presented generation stands to it.
func (s *RefreshState) found(token *refreshToken, now Instant) []string {
	pairs := append([]string{"generation", decimal(s.Generation)}, s.GrantState.found()...)
	pairs = append(pairs, "rotated", moment(s.RotatedAt), "idle_deadline", moment(s.IdleDeadline), "last_used", moment(s.LastUsedAt), "issued", moment(token.issuedAt))
	if s.WindowKeyID != 0 && now.Service < s.WindowEnd {
		pairs = append(pairs, "window", (time.Duration(s.WindowEnd-now.Service) * time.Microsecond).Round(time.Millisecond).String())
	} else {
		pairs = append(pairs, "window", "closed")
	}
	if token.epoch != s.Epoch {
		pairs = append(pairs, "epoch", strconv.Itoa(int(s.Epoch)), "token_epoch", strconv.Itoa(int(token.epoch)))
	}
	if behind := s.Generation - token.generation; token.generation < s.Generation {
		if at, known := s.Ring.supersededAt(behind); known {
			pairs = append(pairs, "superseded", moment(at))
		}
	}
	return pairs
}

// found gives what of a policy decides over refreshes.
func (p Policy) found() []string {
	rotation := "on"
	if p.RotationOff {
		rotation = "off"
	}
	return []string{"preset", string(p.Preset), "grace", p.Grace.String(), "rotation", rotation, "on_reuse", string(p.OnReuse)}
}

func moment(at time.Time) string { return at.UTC().Format(time.RFC3339) }
