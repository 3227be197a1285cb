package oauth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"regrant/app/audit"
)

// AccessTokenType is the one type of token that is exchanged, and that an exchange gives: RFC 8693 §3. An ID token says who signed in
// and not what was allowed, so it is no subject token here.
const AccessTokenType = "urn:ietf:params:oauth:token-type:access_token"

// maxActors bounds how often a token may be exchanged for another one that is exchanged in turn.
const maxActors = 4

// Exchange is what a token exchange asks for beyond the scope and the resources, RFC 8693 §2.1.
type Exchange struct {
	SubjectToken       string
	SubjectTokenType   string
	ActorToken         string
	ActorTokenType     string
	RequestedTokenType string
	Audiences          []string // as resources: the resource indicator of an API
}

// Actor is the claim act, RFC 8693 §4.1: the client that acts for the person, and inside who did before it.
type Actor struct {
	Subject string `json:"sub"`
	Actor   *Actor `json:"act,omitempty"`
}

// subjects gives the chain, the present actor first.
func (a *Actor) subjects() (chain []string) {
	for ; a != nil; a = a.Actor {
		chain = append(chain, a.Subject)
	}
	return chain
}

// errSubjectToken is the one answer to every subject token that is not exchanged, RFC 8693 §2.2.2.
func errSubjectToken(rule Rule, detail string) error {
	return because(rule, &Error{Code: InvalidRequest, Description: "The subject_token is invalid, expired or revoked, or this client may not exchange it.", Detail: "subject_token: " + detail})
}

// exchange answers the grant of RFC 8693 §2: a service that got a token for a person's request gets another one for its own request to
// another service. The new token hangs on the grant of the old one and outlives neither it nor that grant. It is never for userinfo, and
// no refresh token comes with it.
func (s *Server) exchange(ctx context.Context, client *Client, r *TokenRequest) (*TokenResponse, error) {
	x := &r.Exchange
	if client.Public() {
		return nil, because(RuleClientPublic, refuse(UnauthorizedClient, "A public client cannot exchange tokens."))
	}
	if err := x.check(); err != nil {
		return nil, err
	}
	asked, err := ParseScope(r.Scope)
	if err != nil {
		return nil, err
	}
	apis, err := s.exchangeTargets(client, append(nonEmpty(r.Resources), nonEmpty(x.Audiences)...))
	if err != nil {
		return nil, err
	}
	now := s.clock.Now().Wall
	subject, grant, err := s.subjectToken(ctx, client, r, now)
	if err != nil {
		return nil, err
	}
	actor, until, err := s.actor(ctx, client, r, subject, now)
	if err != nil {
		return nil, err
	}
	scope, err := s.exchangedScope(ctx, client, subject, grant, asked, apis)
	if err != nil {
		return nil, err
	}
	var resources []string
	for _, api := range apis {
		resources = append(resources, api.Resource)
	}
	t, err := s.registry().target(s.issuer, resources, resources, scope, client.Policy.AccessTokenFormat)
	if err != nil {
		return nil, err
	}
	t.jkt, t.actor, t.until = r.jkt, actor, until
	response, err := s.issue(client, &grant.Grant, t, "", now)
	if err != nil {
		return nil, err
	}
	response.IssuedTokenType = AccessTokenType
	if to := strings.Join(resources, " "); s.behind.first("exchange:"+grant.ID+" "+client.ID+" "+to, now) {
		s.behind.event(audit.Event{At: now, Kind: audit.TokenExchanged, Origin: r.By, PersonID: grant.PersonID, ClientID: client.ID, GrantID: grant.ID, Result: "ok",
			Detail: audit.Details("of", subject.ClientID, "resource", to, "scope", response.Scope, "act", strings.Join(actor.subjects(), " "))})
	}
	return response, nil
}

// check refuses what cannot be an exchange, whatever the tokens are: RFC 8693 §2.1.
func (x *Exchange) check() error {
	switch {
	case x.SubjectToken == "" || x.SubjectTokenType == "":
		return refuse(InvalidRequest, "The subject_token and the subject_token_type are required.")
	case x.SubjectTokenType != AccessTokenType:
		return refuse(InvalidRequest, "The only subject_token_type is "+AccessTokenType+".")
	case x.ActorToken == "" != (x.ActorTokenType == ""):
		return refuse(InvalidRequest, "The actor_token and the actor_token_type come together or not at all.")
	case x.ActorTokenType != "" && x.ActorTokenType != AccessTokenType:
		return refuse(InvalidRequest, "The only actor_token_type is "+AccessTokenType+".")
	case x.RequestedTokenType != "" && x.RequestedTokenType != AccessTokenType:
		return refuse(InvalidRequest, "The only requested_token_type is "+AccessTokenType+".")
	}
	return nil
}

// exchangeTargets gives the APIs that the token is for: they have to be named, and an admin has allowed each of them to this client.
func (s *Server) exchangeTargets(client *Client, named []string) ([]*API, error) {
	if len(named) == 0 {
		return nil, refuse(InvalidTarget, "Name the resource that the token is for.")
	}
	var apis []*API
	for _, name := range named {
		api, err := s.registry().find(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(client.ExchangeAudiences, api.Resource) {
			return nil, because(RuleExchangeTarget, refusef(InvalidTarget, "This client may not exchange tokens for that resource.", "resource=%s", api.Resource))
		}
		if !slices.Contains(apis, api) {
			apis = append(apis, api)
		}
	}
	return apis, nil
}

// mayExchange says whether a token came to this client rightly: it was issued to it, is meant for its own API, or for one whose tokens an
// admin lets it exchange.
func (s *Server) mayExchange(client *Client, claims *AccessToken) bool {
	return s.mayIntrospect(client, claims) || slices.ContainsFunc(client.ExchangeSubjects, func(resource string) bool { return slices.Contains(claims.Audience, resource) })
}

// subjectToken gives the claims of the token that is exchanged, and its grant, which is alive. Everything that the other grant types ask
// of person and client is asked here too.
func (s *Server) subjectToken(ctx context.Context, client *Client, r *TokenRequest, now time.Time) (*AccessToken, *GrantState, error) {
	claims, ok := s.readAccessToken(r.Exchange.SubjectToken, now)
	if claims == nil {
		err := errSubjectToken(RuleExchangeSubject, "not an access token of this server")
		AsError(err).garbage = true
		return nil, nil, err
	}
	grant, err := s.exchangeable(ctx, client, claims, ok, r.jkt)
	if err != nil {
		return nil, nil, ofAccessToken(claims, err)
	}
	return claims, grant, nil
}

func (s *Server) exchangeable(ctx context.Context, client *Client, claims *AccessToken, valid bool, jkt string) (*GrantState, error) {
	switch {
	case !valid:
		return nil, errSubjectToken(RuleAccessExpired, "expired")
	case !s.mayExchange(client, claims):
		return nil, errSubjectToken(RuleExchangeSubject, "issued to another client, and for APIs whose tokens this client may not exchange")
	case claims.GrantID == "":
		return nil, errSubjectToken(RuleExchangeSubject, "of a client that acts for itself, and for no person")
	case claims.Confirmation != nil && claims.Confirmation.JKT != jkt:
		return nil, errSubjectToken(RuleAccessKey, "bound to a key that the request does not prove")
	}
	grant, ended, err := s.accessTokenEnded(ctx, claims)
	if err != nil {
		return nil, err
	}
	if ended != "" {
		return nil, errSubjectToken(ended, "revoked, or suspended")
	}
	if client.SecondFactor && claims.ACR != ACRTwoFactors {
		return nil, errSubjectToken(RuleAuthentication, "one factor was shown, and this client needs two")
	}
	may, err := s.mayUse(ctx, client.Restricted, grant.PersonID, client.ID)
	if err == nil && !may {
		return nil, errSubjectToken(RuleAccessNoAccess, "the person is in none of the groups of this client")
	}
	return grant, err
}

// actor gives who acts with the new token, and until when: the client itself, or the one whose token it brings. Who acted before stays in
// the chain, so that no exchange hides one.
func (s *Server) actor(ctx context.Context, client *Client, r *TokenRequest, subject *AccessToken, now time.Time) (*Actor, time.Time, error) {
	actor, until := &Actor{Subject: client.ID, Actor: subject.Actor}, subject.Expiry.Time()
	if len(actor.subjects()) > maxActors {
		return nil, until, errSubjectToken(RuleExchangeSubject, "it was exchanged too often already")
	}
	if r.Exchange.ActorToken == "" {
		return actor, until, nil
	}
	refused := func(detail string) error {
		return because(RuleExchangeActor, &Error{Code: InvalidRequest, Description: "The actor_token is invalid, expired or revoked, or this client may not use it.", Detail: "actor_token: " + detail})
	}
	claims, ok := s.readAccessToken(r.Exchange.ActorToken, now)
	switch {
	case !ok:
		return nil, until, refused("expired, or not an access token of this server")
	case !s.mayExchange(client, claims):
		return nil, until, refused("issued to another client, and for APIs whose tokens this client may not exchange")
	case claims.GrantID != "":
		return nil, until, refused("of a person: only a client that acts for itself is an actor")
	case claims.Confirmation != nil && claims.Confirmation.JKT != r.jkt:
		return nil, until, refused("bound to a key that the request does not prove")
	}
	_, ended, err := s.accessTokenEnded(ctx, claims)
	if err != nil {
		return nil, until, err
	}
	if ended != "" {
		return nil, until, refused("revoked, or its client is disabled")
	}
	actor.Subject = claims.Subject
	return actor, earlier(until, claims.Expiry.Time()), nil
}

// exchangedScope gives what of the subject token's scope the new one has: never more than that token, the grant, the application that the
// person allowed it and this client have now, and nothing that the named APIs don't own.
func (s *Server) exchangedScope(ctx context.Context, client *Client, subject *AccessToken, grant *GrantState, asked Scope, apis []*API) (Scope, error) {
	held, err := ParseScope(subject.Scope)
	if err != nil {
		return nil, errSubjectToken(RuleExchangeSubject, "malformed scope")
	}
	app, err := s.store.Client(ctx, grant.ClientID)
	if errors.Is(err, ErrNotFound) {
		return nil, errSubjectToken(RuleAccessRevoked, "the client is deleted")
	}
	if err != nil {
		return nil, fault("read client", err)
	}
	left := s.scopeNow(app, held.Without(standardScopes...)).Intersect(grant.Scope).Intersect(client.Scope)
	left = left.filter(func(token string) bool {
		return slices.ContainsFunc(apis, func(a *API) bool { return a.Scope.Has(token) })
	})
	if !left.Covers(asked) {
		return nil, scopeRefused(RuleScopeWider, "The scope is wider than that of the subject_token, or parts of it are not open to this client or the resource.")
	}
	if len(asked) > 0 {
		left = left.Intersect(asked)
	}
	if slices.ContainsFunc(apis, func(a *API) bool { return len(a.Scope.Intersect(left)) == 0 }) {
		return nil, scopeRefused(RuleScopeNone, "Nothing of the scope of the subject_token is left for the resource.")
	}
	return left, nil
}

// actorsEnded asks of an exchanged token whether one of those that act with it has ended since, or may not serve the person any more.
func (s *Server) actorsEnded(ctx context.Context, claims *AccessToken, grant *GrantState) (Rule, error) {
	ids := append(claims.Actor.subjects(), claims.ClientID)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		client, err := s.store.Client(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return RuleAccessRevoked, nil
		}
		if err != nil {
			return "", fault("read client", err)
		}
		if client.DisabledAt != nil || coveredBy(claims.IssuedAt.Time(), client.GrantsRevokedBefore) {
			return RuleAccessRevoked, nil
		}
		may, err := s.mayUse(ctx, client.Restricted, grant.PersonID, id)
		if err != nil {
			return "", err
		}
		if !may {
			return RuleAccessNoAccess, nil
		}
	}
	return "", nil
}
