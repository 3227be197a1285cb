package oauth

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"regrant/app/audit"
)

// ForwardCallback is the path of the redirect URI by which an application is known that a reverse proxy protects: the proxy asks here
// before each request, and the application itself need know nothing of OAuth. It is a confidential client like any other, and who is
// signed in to it has a grant like any other. The cookie of that sign-in is the grant's refresh token, which does not rotate.
const ForwardCallback = "/.regrant/callback"

// ForwardApp is an application behind a reverse proxy that asks here.
type ForwardApp struct {
	ClientID    string
	Origin      string // as browsers write it, RFC 6454 §6.2
	RedirectURI string
	Scope       Scope         // to ask for at a sign-in
	Lifetime    time.Duration // of a sign-in at most
	Wrong       string        // why nobody can sign in, for the operator; "": they can
}

// Forwarded is who a request that a proxy holds comes from.
type Forwarded struct {
	Subject string   // of the person; the client ID of a program that acts for itself
	Name    string   // "": not told
	Email   string   // "": not told, or nobody has proven that it is theirs
	Groups  []string // sorted; nil: not told
}

// ForwardApps gives the applications that proxies may ask about, by their origins.
func (s *Server) ForwardApps(ctx context.Context) (map[string]*ForwardApp, error) {
	clients, err := s.store.Clients(ctx)
	if err != nil {
		return nil, fault("read clients", err)
	}
	apps := map[string]*ForwardApp{}
	for i := range clients {
		c := &clients[i]
		if c.Unverified() || c.DisabledAt != nil { // whoever registers themselves could name the site of somebody else
			continue
		}
		for _, raw := range c.RedirectURIs {
			u, err := url.Parse(raw)
			if err != nil || u.EscapedPath() != ForwardCallback || u.RawQuery != "" || u.ForceQuery {
				continue
			}
			origin, ok := WebOrigin(u.Scheme, u.Host)
			if !ok {
				continue
			}
			app := &ForwardApp{
				ClientID: c.ID, Origin: origin, RedirectURI: raw, Lifetime: c.Policy.Absolute, Wrong: s.forwardProblem(c),
				Scope: Scope{ScopeOpenID, ScopeProfile, ScopeEmail, ScopeGroups}.Intersect(c.Scope),
			}
			if other, taken := apps[origin]; taken && other.ClientID != c.ID {
				app.Wrong = "another client has the same redirect URI; take it from one of the two"
			}
			apps[origin] = app
		}
	}
	return apps, nil
}

// WebOrigin gives the origin of a scheme and a host with or without a port, as browsers write it: RFC 6454 §6.2. ok is false for what
// is none of the web. A WebSocket belongs to the site that it was opened from.
func WebOrigin(scheme, host string) (origin string, ok bool) {
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	port := ":443"
	switch scheme {
	case "https", "wss":
		scheme = "https"
	case "http", "ws":
		scheme, port = "http", ":80"
	default:
		return "", false
	}
	if host == "" || strings.ContainsAny(host, "/\\?#@, \t") {
		return "", false
	}
	return scheme + "://" + strings.TrimSuffix(host, port), true
}

// forwardProblem says why a client cannot stand for an application behind a proxy, and what to do; "" if it can.
func (s *Server) forwardProblem(c *Client) string {
	update := "; run: regrant client update " + c.ID + " "
	switch {
	case c.Public():
		return "the client is public, and the cookie of a sign-in is a refresh token; register a web application with a server"
	case !c.Allows(GrantAuthorizationCode), !c.Allows(GrantRefreshToken):
		return "the client may not use the grant types authorization_code and refresh_token"
	case !c.Policy.RotationOff:
		return "the client's refresh tokens rotate, so that no cookie can hold one" + update + "--no-rotation"
	case c.Policy.Refresh != RefreshAlways:
		return "the client gets a refresh token with offline_access only" + update + "--refresh always"
	case c.DPoPRequired:
		return "the client's tokens are bound to a key, which no cookie is" + update + "--no-dpop"
	case c.PARRequired:
		return "authorization requests of the client have to be pushed, and a proxy pushes none" + update + "--no-require-par"
	case s.parRequired:
		return "authorization requests have to be pushed (serve --require-par), and a proxy pushes none"
	case !c.Scope.Has(ScopeOpenID):
		return "the client may not ask for the scope openid"
	}
	return ""
}

// ForwardSession says who a cookie stands for, by all that a refresh looks at, and at what is stored now: it writes no more than a
// refresh without rotation does, and signs nothing. An error that is not a fault means that they have to sign in again.
func (s *Server) ForwardSession(ctx context.Context, app *ForwardApp, cookie string, by audit.Origin) (*Forwarded, error) {
	by.Actor, by.ActorID = audit.ByClient, app.ClientID
	r := &TokenRequest{RefreshToken: cookie, By: by}
	token, err := parseRefreshToken(cookie, s.keys().tokenKey)
	if err != nil {
		return nil, &Error{Code: InvalidGrant, Description: refreshTokenRefused, Detail: "not a token of this server", garbage: true}
	}
	var who *Forwarded
	client, err := s.asForwardClient(ctx, app, func(client *Client) error {
		state, err := s.stateOf(ctx, client, token, r)
		if err != nil {
			return err
		}
		now := s.clock.Now()
		who, err = s.forwardedBy(ctx, client, state, token, r, now)
		return ofToken(state, token, client.Policy, now, err)
	})
	return who, s.remember(PathForwardAuth, client, by, err)
}

// asForwardClient acts for the client of an application, anew when it changed meanwhile.
func (s *Server) asForwardClient(ctx context.Context, app *ForwardApp, act func(*Client) error) (client *Client, err error) {
	for range maxRetries {
		if client, err = s.liveClient(ctx, app.ClientID); err == nil {
			err = act(client)
		}
		if !errors.Is(err, ErrConflict) {
			return client, err
		}
	}
	return client, fault("answer a proxy", errors.New("changed meanwhile, again and again"))
}

// forwardedBy decides on a cookie that is this server's and its application's.
func (s *Server) forwardedBy(ctx context.Context, client *Client, state *RefreshState, token *refreshToken, r *TokenRequest, now Instant) (*Forwarded, error) {
	if state.unproven(client, r) {
		return nil, s.constrained(state, token, r, now)
	}
	if rule, why := state.ended(now); why != "" {
		return nil, s.refused(state, token, r, now, rule, why)
	}
	switch v := state.judge(token, client.Policy, now, s.epoch); v {
	case verdictCurrent, verdictForward:
	case verdictReuse:
		return nil, s.reuse(ctx, client, state, token, r, now)
	case verdictReplay: // its successor is somewhere, but a cookie is not replaced here
		return nil, s.refused(state, token, r, now, RuleTokenStale, "stale: the token has rotated")
	default:
		return nil, s.refusedGenuine(v, client, state, token, r, now)
	}
	t, err := s.refreshTarget(ctx, client, state, r, now)
	if err != nil {
		return nil, s.noteError(state, token, r, now, err)
	}
	touched, err := s.touch(ctx, client, state, token, r, now)
	if err != nil {
		return nil, err
	}
	if touched { // a page is many requests: they are one use until the next is written
		s.behind.refreshed(state, now.Wall)
		s.noteUse(state, token, t, r, now)
	}
	return forwarded(&state.Owner, t.scope, t.groups), nil
}

// forwarded is what a scope tells of a person.
func forwarded(o *Owner, scope Scope, groups []string) *Forwarded {
	who := &Forwarded{Subject: o.ID, Groups: groups}
	if scope.Has(ScopeProfile) {
		who.Name = o.Name
	}
	if scope.Has(ScopeEmail) && o.EmailVerified {
		who.Email = o.Email
	}
	return who
}

// ForwardBearer says who an access token stands for: one that is alive now, and is meant for the application, by its origin, or of the
// application's own client and meant for nobody else's API. A token that is bound to a key is refused, since the proxy that the
// proof was made for does not check it. An error is [InvalidToken], or a fault.
func (s *Server) ForwardBearer(ctx context.Context, app *ForwardApp, p Presented, by audit.Origin) (*Forwarded, error) {
	claims, valid := s.readAccessToken(p.Token, s.clock.Now().Wall)
	if claims == nil {
		return nil, errAccessToken(RuleAccessExpired, "not a token of this server")
	}
	var who *Forwarded
	_, err := s.asForwardClient(ctx, app, func(client *Client) (err error) {
		who, err = s.forwardedByToken(ctx, client, app, p, claims, valid)
		return err
	})
	return who, s.remember(PathForwardAuth, nil, by, ofAccessToken(claims, err))
}

func (s *Server) forwardedByToken(ctx context.Context, client *Client, app *ForwardApp, p Presented, claims *AccessToken, valid bool) (*Forwarded, error) {
	meant := func(audience string) bool {
		return strings.TrimSuffix(audience, "/") == app.Origin || audience == s.issuer && claims.ClientID == client.ID
	}
	switch {
	case !valid:
		return nil, errAccessToken(RuleAccessExpired, "expired")
	case claims.Confirmation != nil || p.DPoP:
		return nil, errAccessToken(RuleAccessKey, "bound to a key, which nobody here can have proven")
	case !slices.ContainsFunc(claims.Audience, meant):
		return nil, errAccessToken(RuleAccessAudience, "the audience is another one than "+app.Origin)
	}
	scope, err := ParseScope(claims.Scope)
	if err != nil {
		return nil, errAccessToken(RuleAccessScope, "malformed scope")
	}
	_, ended, err := s.accessTokenEnded(ctx, claims)
	if err != nil {
		return nil, err
	}
	if ended != "" {
		return nil, errAccessToken(ended, "revoked, or suspended")
	}
	if claims.GrantID == "" { // a program for itself, whom no group has as a member
		if client.Restricted {
			return nil, errAccessToken(RuleAccessNoAccess, "the application is for people of some groups")
		}
		return &Forwarded{Subject: claims.Subject}, nil
	}
	// Another client may serve people whom this one is not for.
	may, err := s.mayUse(ctx, client.Restricted, claims.Subject, client.ID)
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, errAccessToken(RuleAccessNoAccess, "the person is in none of the groups of client_id="+client.ID)
	}
	owner, err := s.store.Owner(ctx, claims.Subject)
	if errors.Is(err, ErrNotFound) {
		return nil, errAccessToken(RuleAccessRevoked, "the person is deleted")
	}
	if err != nil {
		return nil, fault("read owner", err)
	}
	groups, err := s.groupsClaim(ctx, owner.ID, scope)
	return forwarded(owner, scope, groups), err
}

// ForwardRedeem gives the cookie for a code that came to the application's [ForwardCallback]. The client is this server itself, so there
// is no secret to show; everything else is as at the token endpoint: RFC 6749 §4.1.3, RFC 7636 §4.6.
func (s *Server) ForwardRedeem(ctx context.Context, app *ForwardApp, code, verifier string, by audit.Origin) (cookie string, err error) {
	by.Actor, by.ActorID = audit.ByClient, app.ClientID
	r := &TokenRequest{GrantType: GrantAuthorizationCode, Code: code, RedirectURI: app.RedirectURI, CodeVerifier: verifier, By: by}
	var response *TokenResponse
	client, err := s.asForwardClient(ctx, app, func(client *Client) (err error) {
		if why := s.forwardProblem(client); why != "" {
			return refusef(UnauthorizedClient, "The application cannot be used behind a proxy.", "client_id=%s: %s", client.ID, why)
		}
		response, err = s.redeemCode(ctx, client, r)
		return err
	})
	s.tally.answered(r.GrantType, response, err)
	if err = s.remember(PathForwardAuth, client, by, err); err != nil {
		return "", err
	}
	return response.RefreshToken, nil
}

// ForwardEnd ends the grant of a cookie for ever. A cookie that stands for nothing is none the less gone.
func (s *Server) ForwardEnd(ctx context.Context, app *ForwardApp, cookie string, by audit.Origin) error {
	by.Actor, by.ActorID = audit.ByClient, app.ClientID
	_, err := s.asForwardClient(ctx, app, func(client *Client) error { return s.revokeRefreshToken(ctx, client, cookie, by) })
	return err
}
