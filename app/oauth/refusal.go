package oauth

import (
	"errors"
	"regexp"
	"strconv"
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
}

// Rule names what a request did not keep to. The names are stable: they stand in stored refusals and have a text each.
type Rule string

// The rules. What has none of its own goes by its code, see [ruleOf].
const (
	RuleWrongSecret        Rule = "client.wrong_secret"
	RuleWrongMethod        Rule = "client.wrong_method"
	RuleClientDisabled     Rule = "client.disabled"
	RuleClientGrantType    Rule = "client.grant_type"
	RuleClientPublic       Rule = "client.public"
	RuleRequest            Rule = "request.invalid"
	RuleGrantType          Rule = "request.grant_type"
	RuleResponseType       Rule = "request.response_type"
	RuleUnsupported        Rule = "request.unsupported"
	RuleTokenType          Rule = "request.token_type"
	RuleScope              Rule = "scope.invalid"
	RuleScopeWider         Rule = "scope.wider"
	RuleScopeNone          Rule = "scope.none_left"
	RuleResource           Rule = "resource.invalid"
	RuleRedirectURI        Rule = "redirect_uri.not_registered"
	RuleRedirectURIMissing Rule = "redirect_uri.missing"
	RulePKCE               Rule = "pkce.challenge"
	RuleSignInNeeded       Rule = "authorization.sign_in_needed"
	RuleConsentNeeded      Rule = "authorization.consent_needed"
	RuleAuthentication     Rule = "authorization.authentication"
	RuleDenied             Rule = "authorization.denied"

	RuleCodeClient      Rule = "code.client_mismatch"
	RuleCodeRedirectURI Rule = "code.redirect_uri"
	RuleCodeVerifier    Rule = "code.verifier"
	RuleCodeTries       Rule = "code.too_many_tries"
	RuleCodeSpent       Rule = "code.spent"
	RuleCodeExpired     Rule = "code.expired"
	RuleCodePerson      Rule = "code.person"

	RuleTokenOrphan      Rule = "refresh_token.orphan"
	RuleTokenClient      Rule = "refresh_token.client_mismatch"
	RuleTokenRevoked     Rule = "refresh_token.revoked"
	RuleTokenPerson      Rule = "refresh_token.person_disabled"
	RuleTokenCovered     Rule = "refresh_token.revoked_with_all"
	RuleTokenAbsolute    Rule = "refresh_token.expired_absolute"
	RuleTokenIdle        Rule = "refresh_token.expired_idle"
	RuleTokenReuse       Rule = "refresh_token.reuse"
	RuleTokenReported    Rule = "refresh_token.reuse_reported"
	RuleTokenStale       Rule = "refresh_token.stale"
	RuleTokenFork        Rule = "refresh_token.fork"
	RuleTokenFuture      Rule = "refresh_token.after_restore"
	RuleTokenReplayed    Rule = "refresh_token.replayed_too_often"
	RuleTokenKeyLost     Rule = "refresh_token.successor_lost"
	RuleTokenLimit       Rule = "refresh_token.too_many"
	RuleTokenOfflineGone Rule = "refresh_token.offline_access_removed"

	RuleAccessExpired  Rule = "access_token.expired"
	RuleAccessRevoked  Rule = "access_token.revoked"
	RuleAccessAudience Rule = "access_token.audience"
	RuleAccessScope    Rule = "access_token.scope"
)

// Rules gives every rule, in the order in which they are declared.
func Rules() []Rule {
	return []Rule{
		RuleWrongSecret, RuleWrongMethod, RuleClientDisabled, RuleClientGrantType, RuleClientPublic, RuleRequest, RuleGrantType,
		RuleResponseType, RuleUnsupported, RuleTokenType, RuleScope, RuleScopeWider, RuleScopeNone, RuleResource, RuleRedirectURI,
		RuleRedirectURIMissing, RulePKCE, RuleSignInNeeded, RuleConsentNeeded, RuleAuthentication, RuleDenied,
		RuleCodeClient, RuleCodeRedirectURI, RuleCodeVerifier, RuleCodeTries, RuleCodeSpent, RuleCodeExpired, RuleCodePerson,
		RuleTokenOrphan, RuleTokenClient, RuleTokenRevoked, RuleTokenPerson, RuleTokenCovered, RuleTokenAbsolute, RuleTokenIdle,
		RuleTokenReuse, RuleTokenReported, RuleTokenStale, RuleTokenFork, RuleTokenFuture, RuleTokenReplayed, RuleTokenKeyLost,
		RuleTokenLimit, RuleTokenOfflineGone, RuleAccessExpired, RuleAccessRevoked, RuleAccessAudience, RuleAccessScope,
	}
}

// ruleOf is the rule of an error that names none.
func ruleOf(code Code) Rule {
	switch code {
	case UnauthorizedClient:
		return RuleClientGrantType
	case UnsupportedGrantType:
		return RuleGrantType
	case UnsupportedResponseType:
		return RuleResponseType
	case UnsupportedTokenType:
		return RuleTokenType
	case RequestNotSupported, RequestURINotSupported, RegistrationNotSupported:
		return RuleUnsupported
	case InvalidScope:
		return RuleScope
	case InvalidTarget:
		return RuleResource
	case LoginRequired:
		return RuleSignInNeeded
	case ConsentRequired:
		return RuleConsentNeeded
	case UnmetAuthentication:
		return RuleAuthentication
	case AccessDenied:
		return RuleDenied
	}
	return RuleRequest
}

// because names the rule by which err refuses. An error that has one keeps it: the innermost knows best.
func because(rule Rule, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) && e.refusal().Rule == "" {
		e.Refusal.Rule = rule
	}
	return err
}

// ofGrant notes which grant a refusal is about, and what was stored of it.
func ofGrant(g *GrantState, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) {
		f := e.refusal()
		f.PersonID, f.GrantID = g.PersonID, g.ID
		if f.Found == "" {
			f.Found = audit.Details(g.found()...)
		}
	}
	return err
}

// ofToken notes which generation of which refresh token a refusal is about, and what was stored of it.
func ofToken(state *RefreshState, token *refreshToken, p Policy, now Instant, err error) error {
	var e *Error
	if errors.As(err, &e) && !isFault(e) {
		f := e.refusal()
		presented, current := token.generation, state.Generation
		f.Generation, f.OfGeneration = &presented, &current
		f.Found = audit.Details(append(state.found(token, now), p.found()...)...)
	}
	return ofGrant(&state.GrantState, err)
}

// secretText finds what programs put where no secret belongs, as in grant_type.
var secretText = regexp.MustCompile(`rg[racs]1_[0-9A-Za-z]+|eyJ[0-9A-Za-z_-]{10,}(\.[0-9A-Za-z_-]*)*`)

// remember keeps a refusal for the admin who will be asked about it, and gives the error unchanged. A fault is no refusal, and
// what nobody is known for is not remembered: garbage costs no write.
func (s *Server) remember(endpoint string, client *Client, by audit.Origin, err error) error {
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
