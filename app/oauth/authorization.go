package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"regrant/app/audit"
)

// SignedIn is the person whose browser it is, and how they proved it.
type SignedIn struct {
	PersonID  string
	SessionID string
	Authentication
}

// Step is what must happen next in an authorization.
type Step int

// The steps, in the order in which they come.
const (
	StepSignIn   Step = iota // show the sign-in page
	StepSecond               // ask who is signed in for another factor, or, where they have none, to sign in and add one
	StepSelect               // ask whether to go on as who is signed in
	StepConsent              // show the consent page
	StepNoAccess             // say that the application is not for this person
	StepDevice               // say that the device may go on, or may not
	StepRedirect             // send the browser to the client with Progress.Response
)

// Progress is how far an authorization has come.
type Progress struct {
	Step     Step
	Request  *AuthorizationRequest // pending, unless Step is StepRedirect or StepDevice
	Client   *Client
	Owner    *Owner    // for StepSecond, StepSelect, StepConsent and StepNoAccess
	Scope    Scope     // for StepConsent: what is asked for
	Claims   []string  // for StepConsent: the claims that are asked for beyond it, see [Claims]
	Response *Response // for StepRedirect
}

// Authorize begins an authorization, RFC 6749 §4.1.1. who is nil when nobody is signed in. An [*Error] is for a page,
// since no redirect URI is proven; a [*RedirectError] goes to the client.
func (s *Server) Authorize(ctx context.Context, q url.Values, browserHash []byte, who *SignedIn, by audit.Origin) (*Progress, error) {
	now := s.clock.Now().Wall
	q, pushed, err := s.pushed(ctx, q, browserHash)
	if err != nil {
		return nil, s.remember(PathAuthorize, nil, by, err)
	}
	client, redirectURI, err := provenClient(q, func(id string) (*Client, error) { return s.presentClient(ctx, id, q, by) })
	if err != nil {
		return nil, s.remember(PathAuthorize, nil, by, err)
	}
	progress, err := s.authorize(ctx, q, pushed, client, redirectURI, browserHash, who, by, now)
	return progress, s.remember(PathAuthorize, client, by, err)
}

// authorize begins an authorization of a client whose redirect URI is proven. pushed is nil for a request that the browser brought
// itself.
func (s *Server) authorize(ctx context.Context, q url.Values, pushed *PushedRequest, client *Client, redirectURI string, browserHash []byte, who *SignedIn, by audit.Origin, now time.Time) (*Progress, error) {
	p, err := s.readParameters(q, client, redirectURI, now)
	if err != nil {
		return nil, s.redirectedUnasked(client, p, err)
	}
	switch {
	case pushed != nil:
		p.Pushed = pushed.Hash
	case s.mustPush(client):
		return nil, s.redirectedUnasked(client, p, because(RuleRequestNotPushed, refuse(InvalidRequest, "The authorization request has to be pushed first.")))
	}
	request := newAuthorizationRequest(client, p, browserHash, by.IP, now)
	if who != nil {
		request.AuthTimeBefore = who.AuthTime
	}
	progress, err := s.proceed(ctx, client, request, who, by, false)
	if err != nil {
		return nil, s.redirectedInSilence(client, p, who, err)
	}
	if progress.Step != StepRedirect {
		err := s.store.SaveAuthorizationRequest(ctx, request, maxPendingRequests)
		if errors.Is(err, ErrSpent) { // completed in another tab at this very moment
			return nil, endedRequest(err)
		}
		if err != nil {
			return nil, s.redirectedUnasked(client, p, fault("save authorization request", err))
		}
	}
	return progress, nil
}

// Resume says how a pending authorization goes on, for the browser that began it. An id that is unknown, over or another
// browser's is an [*Error].
func (s *Server) Resume(ctx context.Context, id string, browserHash []byte, who *SignedIn, by audit.Origin) (*Progress, error) {
	client, request, err := s.pending(ctx, id, browserHash)
	if err != nil {
		return nil, err
	}
	progress, err := s.proceed(ctx, client, request, who, by, true)
	return progress, s.remember(PathAuthorize, client, by, s.redirected(&request.Parameters, err))
}

// Pending gives a pending authorization to the browser that began it and does nothing: for the form that signs somebody in,
// whoever is signed in already.
func (s *Server) Pending(ctx context.Context, id string, browserHash []byte) (*Progress, error) {
	client, request, err := s.pending(ctx, id, browserHash)
	if err != nil {
		return nil, err
	}
	return &Progress{Step: StepSignIn, Request: request, Client: client}, nil
}

// SelectAccount notes that the person goes on as who is signed in, and says how.
func (s *Server) SelectAccount(ctx context.Context, id string, browserHash []byte, who *SignedIn, by audit.Origin) (*Progress, error) {
	client, request, err := s.pending(ctx, id, browserHash)
	if err != nil {
		return nil, err
	}
	request.AccountSelected = true
	if err := s.store.ChangeAuthorizationRequest(ctx, request); err != nil {
		return nil, endedRequest(err)
	}
	progress, err := s.proceed(ctx, client, request, who, by, true)
	return progress, s.remember(PathAuthorize, client, by, s.redirected(&request.Parameters, err))
}

// Allowed is what a person left ticked on the consent page.
type Allowed struct {
	Scope  Scope // openid cannot be unticked
	Claims []string
}

// Decide takes the person's answer on the consent page; nil is a refusal. When they must sign in again first, the progress says
// so and the answer is not taken.
func (s *Server) Decide(ctx context.Context, id string, browserHash []byte, who *SignedIn, allowed *Allowed, by audit.Origin) (*Progress, error) {
	client, request, err := s.pending(ctx, id, browserHash)
	if err != nil {
		return nil, s.remember(PathAuthorize, nil, by, err)
	}
	progress, err := s.decide(ctx, client, request, who, allowed, by)
	return progress, s.remember(PathAuthorize, client, by, err)
}

func (s *Server) decide(ctx context.Context, client *Client, request *AuthorizationRequest, who *SignedIn, allowed *Allowed, by audit.Origin) (*Progress, error) {
	progress, err := s.proceed(ctx, client, request, who, by, true)
	if err != nil || progress.Step != StepConsent {
		return progress, s.redirected(&request.Parameters, err)
	}
	var granted Scope
	var claims Claims
	if allowed != nil {
		granted = progress.Scope.filter(func(token string) bool { return token == ScopeOpenID || allowed.Scope.Has(token) })
		claims = request.Claims.filter(func(claim string) bool {
			if slices.Contains(progress.Claims, claim) {
				return slices.Contains(allowed.Claims, claim)
			}
			return granted.Has(claimScope(claim))
		})
	}
	now := s.clock.Now().Wall
	by.Actor, by.ActorID = audit.ByPerson, who.PersonID
	if len(granted) == 0 {
		event := audit.Event{At: now, Kind: audit.ConsentDenied, Origin: by, PersonID: who.PersonID, ClientID: client.ID, Result: "denied"}
		if request.Device != nil {
			return s.denyDevice(ctx, client, request, event)
		}
		if err := s.store.EndAuthorizationRequest(ctx, request, event); err != nil {
			return nil, s.redirected(&request.Parameters, endedRequest(err))
		}
		return nil, s.redirected(&request.Parameters, refuse(AccessDenied, "The person refused."))
	}
	var consent *Consent
	if client.remembered() && request.Device == nil { // what a device was allowed is no answer to another one
		remembered, err := s.store.Consent(ctx, who.PersonID, client.ID)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, s.redirected(&request.Parameters, fault("read consent", err))
		}
		consent = remembered.grow(progress, granted, claims)
		consent.PersonID, consent.ClientID, consent.GivenAt = who.PersonID, client.ID, now
	}
	event := audit.Event{At: now, Kind: audit.ConsentGiven, Origin: by, PersonID: who.PersonID, ClientID: client.ID, Result: "ok",
		Detail: audit.Details("scope", granted.String())}
	if names := claims.Names(); len(names) > 0 {
		event.Detail = audit.Details("scope", granted.String(), "claims", strings.Join(names, " "))
	}
	progress, err = s.issueCode(ctx, client, request, who, granted, claims, consent, &event, by, true)
	return progress, s.redirected(&request.Parameters, err)
}

// GiveUp ends a pending authorization of somebody who may not use the application, and tells it so.
func (s *Server) GiveUp(ctx context.Context, id string, browserHash []byte, who *SignedIn, by audit.Origin) (*Progress, error) {
	client, request, err := s.pending(ctx, id, browserHash)
	if err != nil {
		return nil, err
	}
	progress, err := s.proceed(ctx, client, request, who, by, true)
	if err != nil || progress.Step != StepNoAccess {
		return progress, s.remember(PathAuthorize, client, by, s.redirected(&request.Parameters, err))
	}
	by.Actor, by.ActorID = audit.ByPerson, who.PersonID
	event := audit.Event{At: s.clock.Now().Wall, Kind: audit.ConsentDenied, Origin: by, PersonID: who.PersonID, ClientID: client.ID, Result: "no access"}
	if request.Device != nil {
		return s.denyDevice(ctx, client, request, event)
	}
	if err := s.store.EndAuthorizationRequest(ctx, request, event); err != nil {
		return nil, s.redirected(&request.Parameters, endedRequest(err))
	}
	return nil, s.redirected(&request.Parameters, because(RuleAccess, refuse(AccessDenied, accessDenied)))
}

// liveClient gives a client that may go on with an authorization, as it is stored.
func (s *Server) liveClient(ctx context.Context, id string) (*Client, error) {
	client, err := s.store.Client(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, errNotLive(id)
	}
	if err != nil {
		return nil, fault("read client", err)
	}
	return s.live(client)
}

// live gives the client if it may go on with an authorization.
func (s *Server) live(client *Client) (*Client, error) {
	if client.DisabledAt != nil {
		return nil, ofClient(client, because(RuleClientDisabled, errNotLive(client.ID)))
	}
	if client.Source == SourceDocument { // the rules may have changed meanwhile
		if err := s.mayIntroduce(client.ID); err != nil {
			return nil, ofClient(client, because(RuleClientDisabled, err))
		}
	}
	return client, nil
}

func errNotLive(id string) error {
	return &Error{Code: InvalidRequest, Err: ErrUnknownClient, Description: "The application is not registered here, or it was disabled.", Detail: "client_id=" + printable(id)}
}

// pending gives a stored request to the browser that it is bound to.
func (s *Server) pending(ctx context.Context, id string, browserHash []byte) (*Client, *AuthorizationRequest, error) {
	request, err := s.store.AuthorizationRequest(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, endedRequest(ErrSpent)
	}
	if err != nil {
		return nil, nil, fault("read authorization request", err)
	}
	if subtle.ConstantTimeCompare(request.BrowserHash, browserHash) != 1 || !s.clock.Now().Wall.Before(request.ExpiresAt) {
		return nil, nil, endedRequest(ErrSpent)
	}
	client, err := s.liveClient(ctx, request.ClientID)
	if err == nil && client.Source == SourceDocument && request.Device == nil { // it may lead elsewhere since it was read again
		if _, err = client.redirectURI(request.RedirectURI, false); err != nil {
			return nil, nil, ofClient(client, err)
		}
	}
	return client, request, err
}

// endedRequest is the page for a request that cannot go on: it was answered in another tab, is too old, or began in
// another browser.
func endedRequest(err error) error {
	if errors.Is(err, ErrSpent) || errors.Is(err, ErrNotFound) {
		return &Error{Code: InvalidRequest, Err: ErrOver,
			Description: "This sign-in is over: it was finished already, took too long, or began in another browser. Go back to the application and start again."}
	}
	return fault("end authorization request", err)
}

// redirected turns an error into one for the client, whose redirect URI is proven. A request that is over stays a page:
// the client has had its answer.
func (s *Server) redirected(p *Parameters, err error) error {
	var redirect *RedirectError
	var e *Error
	if err == nil || errors.As(err, &redirect) || errors.Is(err, ErrOver) || p.Device != nil {
		return err
	}
	if !errors.As(err, &e) {
		e = AsError(err)
	}
	return &RedirectError{Cause: e, RedirectURI: p.RedirectURI, Mode: p.ResponseMode, State: p.State, Issuer: s.issuer}
}

// redirectedUnasked is [Server.redirected] before the person has done anything. Nobody is sent to where a client leads that nobody vouches
// for, or anybody could make a link of this server that leads to a place of theirs (RFC 9700 §4.11.2).
func (s *Server) redirectedUnasked(client *Client, p *Parameters, err error) error {
	if client.Unverified() {
		return ofClient(client, err)
	}
	return s.redirected(p, err)
}

// redirectedInSilence is [Server.redirectedUnasked], but such a client that asks in silence about somebody who is signed in here is answered.
func (s *Server) redirectedInSilence(client *Client, p *Parameters, who *SignedIn, err error) error {
	if p.PromptNone && who != nil {
		return s.redirected(p, err)
	}
	return s.redirectedUnasked(client, p, err)
}

// proceed decides the next step. Every path to a code leads through it, so nothing that one path checks is missing on
// another.
func (s *Server) proceed(ctx context.Context, client *Client, r *AuthorizationRequest, who *SignedIn, by audit.Origin, stored bool) (*Progress, error) {
	now := s.clock.Now().Wall
	owner, err := s.presentOwner(ctx, who)
	if err != nil {
		return nil, err
	}
	named, err := s.mayName(ctx, client, r, owner)
	if err != nil {
		return nil, err
	}
	if owner == nil || !named || r.needsSignIn(who, now) {
		if r.PromptNone {
			return nil, refuse(LoginRequired, "Nobody is signed in, or not in the way that is asked for.")
		}
		return &Progress{Step: StepSignIn, Request: r, Client: client, Owner: owner}, nil
	}
	if !r.isFor(owner.ID) {
		return nil, refuse(LoginRequired, "Somebody else has signed in than the one whom the request names.")
	}
	if r.needsSecondFactor(client, owner, who.ACR) {
		if r.PromptNone {
			return nil, refuse(LoginRequired, "Another factor has to be shown.")
		}
		return &Progress{Step: StepSecond, Request: r, Client: client, Owner: owner}, nil
	}
	if len(r.EssentialACR) > 0 && !meetsACR(r.EssentialACR, who.ACR) {
		return nil, refuse(UnmetAuthentication, "The authentication context that is essential cannot be met.")
	}
	if r.PromptSelect && !r.AccountSelected && !r.freshlySignedIn(who) {
		return &Progress{Step: StepSelect, Request: r, Client: client, Owner: owner}, nil
	}
	may, err := s.mayUse(ctx, client.Restricted, owner.ID, client.ID)
	switch {
	case err != nil:
		return nil, err
	case !may && r.PromptNone:
		return nil, because(RuleAccess, refuse(AccessDenied, accessDenied))
	case !may:
		s.noAccess(client, r, owner, by)
		return &Progress{Step: StepNoAccess, Request: r, Client: client, Owner: owner}, nil
	}
	remembered, err := s.store.Consent(ctx, owner.ID, client.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fault("read consent", err)
	}
	scope := r.Scope
	if !r.PromptConsent && !client.Trusted && !remembered.Covers(Scope{ScopeOfflineAccess}, nil, nil) {
		scope = scope.Without(ScopeOfflineAccess) // OpenID Connect Core §11
	}
	if len(scope) == 0 {
		return nil, refuse(InvalidScope, "The scope offline_access alone gives nothing.")
	}
	claims := r.Claims.beyond(r.Scope)
	asks := r.PromptConsent || !client.Trusted && (!client.remembered() || !remembered.Covers(scope, r.Resources, claims))
	if asks {
		if r.PromptNone {
			return nil, refuse(ConsentRequired, "The person has not consented to this.")
		}
		return &Progress{Step: StepConsent, Request: r, Client: client, Owner: owner, Scope: scope, Claims: claims}, nil
	}
	return s.issueCode(ctx, client, r, who, scope, r.Claims, nil, nil, by, stored)
}

// presentOwner gives who is signed in, or nil when that is nobody who may go on.
func (s *Server) presentOwner(ctx context.Context, who *SignedIn) (*Owner, error) {
	if who == nil {
		return nil, nil
	}
	owner, err := s.store.Owner(ctx, who.PersonID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fault("read owner", err)
	}
	if owner.Disabled {
		return nil, nil
	}
	return owner, nil
}

// needsSignIn says whether the session is not good enough: OpenID Connect Core §3.1.2.1. A sign-in made for this very
// request always is, however short max_age.
func (r *AuthorizationRequest) needsSignIn(who *SignedIn, now time.Time) bool {
	if r.freshlySignedIn(who) {
		return false
	}
	if !r.isFor(who.PersonID) {
		return true
	}
	tooOld := r.MaxAge != nil && now.Sub(who.AuthTime) >= time.Duration(*r.MaxAge)*time.Second
	return r.PromptLogin || tooOld
}

// isFor says whether a person is the one whom id_token_hint and the claims parameter name, where they do.
func (r *AuthorizationRequest) isFor(personID string) bool {
	return (r.HintedPersonID == "" || r.HintedPersonID == personID) && (r.Subjects == nil || slices.Contains(r.Subjects, personID))
}

// mayName says whether a client may hear, without anybody seeing a page, whether the person is one of those whom the claims parameter
// names. A client that they have never allowed anything hears the same whoever is signed in.
func (s *Server) mayName(ctx context.Context, client *Client, r *AuthorizationRequest, owner *Owner) (bool, error) {
	if !r.PromptNone || r.Subjects == nil || client.Trusted || owner == nil {
		return true, nil
	}
	_, err := s.store.Consent(ctx, owner.ID, client.ID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return client.remembered(), fault("read consent", err)
}

// freshlySignedIn says whether the person has signed in since the request began. Which sign-in it was tells, not the clock,
// which may have been set back meanwhile.
func (r *AuthorizationRequest) freshlySignedIn(who *SignedIn) bool {
	return !who.AuthTime.Equal(r.AuthTimeBefore)
}

// issueCode ends the request with a code, RFC 6749 §4.1.2.
func (s *Server) issueCode(ctx context.Context, client *Client, r *AuthorizationRequest, who *SignedIn, scope Scope, claims Claims, consent *Consent, event *audit.Event, by audit.Origin, stored bool) (*Progress, error) {
	now := s.clock.Now()
	secret, hash := newSecret(codePrefix)
	authentication := who.Authentication
	authentication.ACR = r.toldACR(who.ACR)
	code := &AuthorizationCode{
		Hash: hash, ClientID: client.ID, PersonID: who.PersonID, SessionID: who.SessionID, RedirectURI: r.RedirectURI, Scope: scope, Resources: r.Resources, Claims: claims,
		Nonce: r.Nonce, CodeChallenge: r.CodeChallenge, DPoPKey: r.DPoPKey, Pushed: r.Pushed, Authentication: authentication,
		IP: by.IP, UserAgent: by.UserAgent, CreatedAt: now.Wall, ExpiresAt: now.Deadline.Add(CodeLifetime),
	}
	if d := r.Device; d != nil {
		code.Device, code.Hash, code.ExpiresAt, code.IP, code.UserAgent = true, d.Hash, d.ExpiresAt, d.IP, d.UserAgent
	}
	requestID := ""
	if stored {
		requestID = r.ID
	}
	err := s.store.IssueCode(ctx, requestID, code, consent, event)
	if errors.Is(err, ErrSpent) || errors.Is(err, ErrNotFound) {
		return nil, endedRequest(err)
	}
	if errors.Is(err, ErrConflict) {
		return nil, refuse(LoginRequired, "The person signed out meanwhile.")
	}
	if err != nil {
		return nil, fault("issue code", err)
	}
	if r.Device != nil {
		return &Progress{Step: StepDevice, Request: r, Client: client, Scope: scope}, nil
	}
	response := newResponse(&r.Parameters, "code", secret, "state", r.State, "iss", s.issuer)
	return &Progress{Step: StepRedirect, Client: client, Response: response}, nil
}
