package oauth

import (
	"context"
	"math"
	"time"
)

// EffectDays is how many days a change of policy is tried against.
const EffectDays = 30

// EffectKind says what a change of policy would have done.
type EffectKind string

// The kinds of effects. Those that begin with "unknown" say that the counters cannot tell.
const (
	EffectIdleTooShort    EffectKind = "idle_too_short"   // the refresh token ends before the access token does: every app is too late
	EffectIdleRefused     EffectKind = "idle_refused"     // N of Of refreshes came after a longer rest than the new idle lifetime
	EffectIdleLonger      EffectKind = "unknown_idle"     // nobody counts the apps that did not come back in time
	EffectGraceReuse      EffectKind = "grace_reuse"      // N of Of replays would have been reuse
	EffectGraceRefused    EffectKind = "grace_refused"    // the same, where recent older tokens are refused without revoking
	EffectGraceAbsorbed   EffectKind = "grace_absorbed"   // N of Of late replays would have been absorbed
	EffectAbsoluteOlder   EffectKind = "absolute_older"   // N of today's sign-ins are older than the new absolute lifetime
	EffectAbsoluteLonger  EffectKind = "unknown_absolute" // a sign-in's end is set when it begins
	EffectRotationOff     EffectKind = "rotation_off"     // N reuses would not have been seen
	EffectRotationOn      EffectKind = "unknown_rotation" // an app that does not keep its new token would be signed out
	EffectReuseReported   EffectKind = "reuse_reported"   // N reuses would have been reported only
	EffectReuseRevoked    EffectKind = "reuse_revoked"    // N reuses would have ended their sign-ins
	EffectAccessToken     EffectKind = "unknown_access_token"
	EffectNothingMeasured EffectKind = "nothing_measured" // no refresh in these days: the changes above cannot be estimated
)

// PolicyEffect is one effect that a change would have had in the last [EffectDays] days.
type PolicyEffect struct {
	Kind  EffectKind
	N     int64
	Of    int64
	About bool // N is an estimate: the counters only know ranges
	More  bool // N is only what was counted before the count was stopped
}

// effectLimit is how far sign-ins are counted for a preview.
const effectLimit = 10_000

// PolicyEvidence is what a change of policy can be tried against.
type PolicyEvidence interface {
	Statistics
	// GrantsOlderThan counts the grants of a client that are neither revoked nor expired and were made before that time, up to limit.
	GrantsOlderThan(ctx context.Context, clientID string, before time.Time, limit int) (int, error)
}

// PreviewPolicy says what a changed policy would have done in the last [EffectDays] days to the refreshes of a client. What
// the change does not touch is not mentioned, so an unchanged policy gives none.
func PreviewPolicy(ctx context.Context, evidence PolicyEvidence, c *Client, to Policy, now time.Time) ([]PolicyEffect, error) {
	since := DayOf(now.AddDate(0, 0, -EffectDays))
	h, err := evidence.ClientHistograms(ctx, c.ID, since)
	if err != nil {
		return nil, fault("read histograms", err)
	}
	days, err := evidence.ClientDays(ctx, c.ID, since)
	if err != nil {
		return nil, fault("read counters", err)
	}
	var total Count
	for _, d := range days {
		total = total.Plus(d.Count)
	}
	effects := policyEffects(h, total, c.Policy, to)
	if to.Absolute < c.Policy.Absolute {
		n, err := evidence.GrantsOlderThan(ctx, c.ID, now.Add(-to.Absolute), effectLimit+1)
		if err != nil {
			return nil, fault("count grants", err)
		}
		effects = append(effects, PolicyEffect{Kind: EffectAbsoluteOlder, N: int64(min(n, effectLimit)), More: n > effectLimit})
	}
	return effects, nil
}

// policyEffects tries a change against what was counted.
func policyEffects(h Histograms, total Count, from, to Policy) []PolicyEffect {
	var effects []PolicyEffect
	unmeasured := false
	add := func(e PolicyEffect) { effects = append(effects, e) }
	estimate := func(kind EffectKind, h *Histogram, bounds *[histogramBuckets - 1]time.Duration, low, high time.Duration) {
		if total == (Count{}) {
			unmeasured = true
			return
		}
		n, exact := h.between(bounds, low, high)
		add(PolicyEffect{Kind: kind, N: n, Of: h.Total(), About: !exact})
	}
	if to.Idle <= to.AccessTokenLifetime {
		add(PolicyEffect{Kind: EffectIdleTooShort})
	}
	switch {
	case to.Idle < from.Idle:
		estimate(EffectIdleRefused, &h.Idle, &idleBounds, to.Idle, math.MaxInt64)
	case to.Idle > from.Idle:
		add(PolicyEffect{Kind: EffectIdleLonger})
	}
	switch {
	case from.RotationOff || to.RotationOff: // no token is ever replaced, so none comes late
	case to.Grace < from.Grace && to.StaleGenerations > 0:
		estimate(EffectGraceRefused, &h.Replay, &replayBounds, to.Grace, from.Grace)
	case to.Grace < from.Grace:
		estimate(EffectGraceReuse, &h.Replay, &replayBounds, to.Grace, from.Grace)
	case to.Grace > from.Grace:
		estimate(EffectGraceAbsorbed, &h.Replay, &replayBounds, from.Grace, to.Grace)
	}
	if to.Absolute > from.Absolute {
		add(PolicyEffect{Kind: EffectAbsoluteLonger})
	}
	switch {
	case to.RotationOff && !from.RotationOff:
		add(PolicyEffect{Kind: EffectRotationOff, N: total.Reuses})
	case from.RotationOff && !to.RotationOff:
		add(PolicyEffect{Kind: EffectRotationOn})
	case to.OnReuse == ReuseReports && from.OnReuse != ReuseReports:
		add(PolicyEffect{Kind: EffectReuseReported, N: total.Reuses})
	case from.OnReuse == ReuseReports && to.OnReuse != ReuseReports:
		add(PolicyEffect{Kind: EffectReuseRevoked, N: total.Reuses, About: true})
	}
	if to.AccessTokenLifetime != from.AccessTokenLifetime {
		add(PolicyEffect{Kind: EffectAccessToken})
	}
	if unmeasured {
		add(PolicyEffect{Kind: EffectNothingMeasured})
	}
	return effects
}
