package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/db"
)

// clientFlags are what create and update share. Nil is what was not named.
type clientFlags struct {
	RedirectURI         []string          `name:"redirect-uri" sep:"none" placeholder:"URI" help:"Where the browser returns to; give it once for each. Compared exactly; the port of a loopback address is free."`
	PostLogoutURI       []string          `name:"post-logout-redirect-uri" sep:"none" placeholder:"URI" help:"Where it may send the browser after signing somebody out; give it once for each, \"\" for none. Compared exactly."`
	BackchannelURI      *string           `name:"backchannel-logout-uri" placeholder:"URL" help:"Where it is told that a session has ended, an https address; \"\" for nowhere."`
	LogoutSession       *bool             `name:"backchannel-logout-session-required" negatable:"" help:"It has to be told which session has ended (sid) whenever it is told."`
	Scope               *string           `placeholder:"\"A B\"" help:"What it may ask for (default \"openid profile email offline_access\")."`
	GrantType           []string          `placeholder:"TYPE" help:"authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code or urn:ietf:params:oauth:grant-type:token-exchange (default the first two)."`
	AuthMethod          *oauth.AuthMethod `placeholder:"METHOD" help:"client_secret_basic (default), client_secret_post, private_key_jwt, or none for a public client."`
	JWKS                *string           `name:"jwks" placeholder:"FILE" help:"For private_key_jwt: its public keys, a JWK set; - reads standard input."`
	JWKSURI             *string           `name:"jwks-uri" placeholder:"URL" help:"For private_key_jwt: where its public keys stand, an https address."`
	AuthSigningAlg      *string           `name:"auth-signing-alg" placeholder:"ALG" help:"For private_key_jwt: sign with ES256, RS256, PS256 or EdDSA only; \"\" for any of them."`
	Trusted             *bool             `negatable:"" help:"It is your own: people are not asked for consent."`
	PKCE                *bool             `name:"pkce" negatable:"" help:"--no-pkce accepts a confidential client that does not know PKCE."`
	RedirectURIRequired *bool             `name:"redirect-uri-required" negatable:"" help:"OAuth 2.0 behaviour: redirect_uri must be repeated at the token endpoint."`
	FormPost            *bool             `name:"form-post" negatable:"" help:"It may ask for response_mode=form_post: the code is posted to it, in no address."`
	SecondFactor        *bool             `name:"second-factor" negatable:"" help:"People need two factors to sign in to it; who has one only is led to add another."`
	RequirePAR          *bool             `name:"require-par" negatable:"" help:"Refuse authorization requests that it has not pushed first (RFC 9126)."`
	DPoP                *bool             `name:"dpop" negatable:"" help:"Give it only access tokens that are bound to a key (RFC 9449)."`
	ExchangeSubject     []string          `name:"exchange-subject" sep:"none" placeholder:"URI" help:"Token exchange: it may exchange tokens that are meant for this API, beside its own; give it once for each, \"\" for none."`
	ExchangeAudience    []string          `name:"exchange-audience" sep:"none" placeholder:"URI" help:"Token exchange: it gets tokens for this API; give it once for each, \"\" for none."`
	Group               []string          `sep:"none" placeholder:"NAME" help:"Only members of this group may use it; give it once for each. Without, and by \"\" in an update: everybody."`
	policyFlags
}

type policyFlags struct {
	Policy              *string        `group:"Policy of its tokens" placeholder:"PRESET" help:"Begin with standard, strict or multi-process (programs whose processes share one stored token)."`
	Refresh             *string        `group:"Policy of its tokens" placeholder:"WHEN" help:"Issue refresh tokens always, or only with offline_access."`
	Rotation            *bool          `group:"Policy of its tokens" negatable:"" help:"--no-rotation keeps one refresh token; only for confidential clients and those with --dpop."`
	Grace               *time.Duration `group:"Policy of its tokens" placeholder:"10s" help:"For how long a lost response can be asked for again, up to 60s."`
	Idle                *time.Duration `group:"Policy of its tokens" placeholder:"30d" help:"A refresh token that is not used for so long ends."`
	Absolute            *time.Duration `group:"Policy of its tokens" placeholder:"180d" help:"Everybody signs in again after so long."`
	AccessTokenLifetime *time.Duration `group:"Policy of its tokens" placeholder:"10m" help:"How long an access token lives, up to 1h."`
	AccessTokenFormat   *string        `group:"Policy of its tokens" placeholder:"FORMAT" help:"jwt or opaque."`
	IDTokenAlg          *string        `group:"Policy of its tokens" name:"id-token-alg" placeholder:"ALG" help:"RS256 or ES256."`
	MaxGrants           *int           `group:"Policy of its tokens" placeholder:"50" help:"Sign-ins a person may have with it at a time; the oldest idle one makes way."`
	ScopesOnRefresh     *string        `group:"Policy of its tokens" placeholder:"\"A B\"" help:"Which scopes survive a refresh; \"\" for all."`
	OnReuse             *string        `group:"Policy of its tokens" placeholder:"ACTION" help:"When two hold one refresh token: revoke the grant, or only report it."`
	OnAccessLost        *string        `group:"Policy of its tokens" placeholder:"ACTION" help:"When somebody leaves its groups: suspend their grants, or revoke them."`
	RefreshLimit        *int           `group:"Policy of its tokens" placeholder:"N" help:"Refreshes a minute and grant; 0 for no limit."`
}

// readKeys puts the text of the file that --jwks names in the place of its name.
func (f *clientFlags) readKeys(p *program) (err error) {
	if f.JWKS == nil {
		return nil
	}
	in := p.stdin
	if *f.JWKS != "-" {
		file, err := os.Open(*f.JWKS)
		if err != nil {
			return usage("jwks: %v", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxKeysFile))
	if err != nil {
		return fmt.Errorf("jwks: %w", err)
	}
	f.JWKS = new(string(text))
	return nil
}

const maxKeysFile = 1 << 20 // bytes; the engine takes less

// apply changes what was named.
func (f clientFlags) apply(c *oauth.Client) error {
	if f.RedirectURI != nil {
		c.RedirectURIs = slices.DeleteFunc(f.RedirectURI, func(u string) bool { return u == "" })
	}
	if f.PostLogoutURI != nil {
		c.PostLogoutRedirectURIs = slices.DeleteFunc(f.PostLogoutURI, func(u string) bool { return u == "" })
	}
	if f.ExchangeSubject != nil {
		c.ExchangeSubjects = slices.DeleteFunc(f.ExchangeSubject, func(u string) bool { return u == "" })
	}
	if f.ExchangeAudience != nil {
		c.ExchangeAudiences = slices.DeleteFunc(f.ExchangeAudience, func(u string) bool { return u == "" })
	}
	set(&c.BackchannelLogoutURI, f.BackchannelURI)
	set(&c.LogoutSessionRequired, f.LogoutSession)
	if f.GrantType != nil {
		c.GrantTypes = f.GrantType
	}
	if f.Scope != nil {
		scope, err := parseScope("scope", *f.Scope)
		if err != nil {
			return err
		}
		c.Scope = scope
	}
	set(&c.AuthMethod, f.AuthMethod)
	if f.JWKS != nil && f.JWKSURI == nil {
		c.JWKSURI = ""
	}
	if f.JWKSURI != nil && f.JWKS == nil {
		c.JWKS = ""
	}
	set(&c.JWKS, f.JWKS)
	set(&c.JWKSURI, f.JWKSURI)
	set(&c.AuthSigningAlg, f.AuthSigningAlg)
	set(&c.Trusted, f.Trusted)
	if f.PKCE != nil {
		c.PKCEWaived = !*f.PKCE
	}
	set(&c.RedirectURIRequired, f.RedirectURIRequired)
	set(&c.FormPost, f.FormPost)
	set(&c.SecondFactor, f.SecondFactor)
	set(&c.PARRequired, f.RequirePAR)
	set(&c.DPoPRequired, f.DPoP)
	return f.policyFlags.apply(&c.Policy)
}

// limit says which groups may use the client, if some were named.
func (f clientFlags) limit(ctx context.Context, store *db.DB, c *oauth.Client) error {
	if f.Group == nil {
		return nil
	}
	c.Restricted, c.Groups = false, nil
	for _, name := range f.Group {
		if name == "" {
			continue
		}
		group, err := findGroup(ctx, account.NewGroups(store), name)
		if err != nil {
			return err
		}
		c.Restricted = true
		if !slices.ContainsFunc(c.Groups, func(g oauth.Group) bool { return g.ID == group.ID }) {
			c.Groups = append(c.Groups, oauth.Group{ID: group.ID, Name: group.Name})
		}
	}
	slices.SortFunc(c.Groups, func(a, b oauth.Group) int { return strings.Compare(account.GroupKey(a.Name), account.GroupKey(b.Name)) })
	return nil
}

func (f policyFlags) apply(p *oauth.Policy) error {
	if f.Policy != nil {
		preset, ok := oauth.PolicyOf(oauth.Preset(*f.Policy))
		if !ok {
			return usage("--policy: must be standard, strict or multi-process, not %q", *f.Policy)
		}
		*p = preset
	}
	if f.Rotation != nil {
		p.RotationOff = !*f.Rotation
	}
	if f.ScopesOnRefresh != nil {
		scope, err := parseScope("scopes-on-refresh", *f.ScopesOnRefresh)
		if err != nil {
			return err
		}
		if p.ScopesOnRefresh = scope; len(scope) == 0 {
			p.ScopesOnRefresh = nil // all that were granted
		}
	}
	setText(&p.Refresh, f.Refresh)
	set(&p.Grace, f.Grace)
	set(&p.Idle, f.Idle)
	set(&p.Absolute, f.Absolute)
	set(&p.AccessTokenLifetime, f.AccessTokenLifetime)
	setText(&p.AccessTokenFormat, f.AccessTokenFormat)
	set(&p.IDTokenAlg, f.IDTokenAlg)
	set(&p.MaxGrants, f.MaxGrants)
	setText(&p.OnReuse, f.OnReuse)
	setText(&p.OnAccessLost, f.OnAccessLost)
	set(&p.RefreshLimit, f.RefreshLimit)
	return nil
}

func parseScope(flag, text string) (oauth.Scope, error) {
	scope, err := oauth.ParseScope(text)
	if err != nil {
		return nil, usage("--%s: names separated by spaces, without quotes and backslashes", flag)
	}
	if scope == nil {
		scope = oauth.Scope{}
	}
	return scope, nil
}

func set[T any](field *T, named *T) {
	if named != nil {
		*field = *named
	}
}

func setText[T ~string](field *T, named *string) {
	if named != nil {
		*field = T(*named)
	}
}
