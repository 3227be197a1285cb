package oauth

import (
	"fmt"
	"time"
)

// Bounds and defaults of a client's policy, design.md section 3.
const (
	MaxGrace               = 60 * time.Second
	MaxAccessTokenLifetime = time.Hour
	maxLifetime            = 10 * 365 * 24 * time.Hour
	minAccessTokenLifetime = time.Second

	// staleGenerations and staleAge bound what the preset multi-process forgives: a token that is up to so many generations
	// behind and was issued less than so long ago.
	staleGenerations = 8
	staleAge         = 10 * time.Minute
)

// Preset is a named starting point for a policy.
type Preset string

// The presets.
const (
	PresetStandard     Preset = "standard"
	PresetStrict       Preset = "strict"
	PresetMultiProcess Preset = "multi-process"
)

// RefreshIssue says when a refresh token is issued with a code's redemption.
type RefreshIssue string

// When a refresh token is issued.
const (
	RefreshAlways  RefreshIssue = "always"         // to every client with the grant type refresh_token
	RefreshOffline RefreshIssue = "offline_access" // only when that scope was granted
)

// Format is the form of an access token.
type Format string

// The forms of access tokens.
const (
	FormatJWT    Format = "jwt"
	FormatOpaque Format = "opaque"
)

// OnReuse says what a proven reuse does.
type OnReuse string

// What a proven reuse does.
const (
	ReuseRevokes OnReuse = "revoke" // RFC 9700 §4.14.2
	ReuseReports OnReuse = "report" // refused and recorded, the grant lives
)

// Policy is what an admin decides for one client's tokens.
type Policy struct {
	Preset              Preset
	Refresh             RefreshIssue
	RotationOff         bool // only for clients that authenticate or are sender-constrained, RFC 9700 §4.14.2
	Grace               time.Duration
	Idle                time.Duration
	Absolute            time.Duration
	AccessTokenLifetime time.Duration
	AccessTokenFormat   Format
	IDTokenAlg          string // RS256 or ES256
	MaxGrants           int    // live grants a person and client; the oldest idle one is evicted
	RefreshLimit        int    // refreshes a minute and grant; 0: no limit
	ScopesOnRefresh     Scope  // which scopes survive a refresh; nil: all that were granted
	OnReuse             OnReuse
	OnAccessLost        OnAccessLost // for clients that are limited to groups
	StaleGenerations    int          // how far behind a recent token may be and still be refused without revoking
}

// PolicyOf gives the policy of a preset, or false for a name that is none.
func PolicyOf(preset Preset) (Policy, bool) {
	p := Policy{
		Preset: preset, Refresh: RefreshAlways, Grace: 10 * time.Second, Idle: 30 * 24 * time.Hour, Absolute: 180 * 24 * time.Hour,
		AccessTokenLifetime: 10 * time.Minute, AccessTokenFormat: FormatJWT, IDTokenAlg: "RS256", MaxGrants: 50, OnReuse: ReuseRevokes,
		OnAccessLost: AccessLostSuspends,
	}
	switch preset {
	case PresetStandard:
	case PresetStrict:
		p.Grace, p.OnAccessLost = 0, AccessLostRevokes
	case PresetMultiProcess:
		p.Grace, p.StaleGenerations = MaxGrace, staleGenerations
	default:
		return Policy{}, false
	}
	return p, true
}

// Validate refuses a policy that contradicts itself or passes a bound, naming the setting as the command line does. bound says
// that the client's tokens are bound to a key.
func (p Policy) Validate(authMethod AuthMethod, bound bool) error {
	bad := func(format string, args ...any) error {
		return refuse(InvalidClientMetadata, fmt.Sprintf(format, args...))
	}
	if _, ok := PolicyOf(p.Preset); !ok {
		return bad("policy: must be standard, strict or multi-process")
	}
	switch {
	case p.Refresh != RefreshAlways && p.Refresh != RefreshOffline:
		return bad("refresh: must be always or offline_access")
	case p.RotationOff && authMethod == AuthNone && !bound:
		return bad("no-rotation: a public client's refresh token must rotate, or be bound to a key by DPoP (RFC 9700 section 4.14.2)")
	case p.Grace < 0 || p.Grace > MaxGrace:
		return bad("grace: must be from 0s to %s", MaxGrace)
	case p.Idle < time.Second || p.Idle > maxLifetime:
		return bad("idle: must be from 1s to ten years")
	case p.Absolute < time.Second || p.Absolute > maxLifetime:
		return bad("absolute: must be from 1s to ten years")
	case p.Idle > p.Absolute:
		return bad("idle: %s is longer than the absolute lifetime %s", p.Idle, p.Absolute)
	case p.AccessTokenLifetime < minAccessTokenLifetime || p.AccessTokenLifetime > MaxAccessTokenLifetime:
		return bad("access-token-lifetime: must be from %s to %s", minAccessTokenLifetime, MaxAccessTokenLifetime)
	case p.AccessTokenFormat != FormatJWT && p.AccessTokenFormat != FormatOpaque:
		return bad("access-token-format: must be jwt or opaque")
	case p.IDTokenAlg != "RS256" && p.IDTokenAlg != "ES256":
		return bad("id-token-alg: must be RS256 or ES256")
	case p.MaxGrants < 1 || p.MaxGrants > 1000:
		return bad("max-grants: must be from 1 to 1000")
	case p.RefreshLimit < 0 || p.RefreshLimit > 100_000:
		return bad("refresh-limit: must be from 0 (no limit) to 100000 a minute")
	case p.OnReuse != ReuseRevokes && p.OnReuse != ReuseReports:
		return bad("on-reuse: must be revoke or report")
	case p.OnAccessLost != AccessLostSuspends && p.OnAccessLost != AccessLostRevokes:
		return bad("on-access-lost: must be suspend or revoke")
	case p.StaleGenerations < 0 || p.StaleGenerations > staleGenerations:
		return bad("policy: at most %d stale generations", staleGenerations)
	}
	return nil
}
