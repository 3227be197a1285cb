package web

import (
	"context"

	"regrant/app/oauth"
	"regrant/web/view"
)

// policyEffect says in sentences what a changed policy would have done to a client's refreshes of the last thirty days, and
// what cannot be told from what was counted. A policy that changes nothing of this kind gives none. An error is a fault.
func (s *Server) policyEffect(ctx context.Context, t *view.Text, c *oauth.Client, to oauth.Policy) ([]string, error) {
	effects, err := oauth.PreviewPolicy(ctx, s.store, c, to, s.now())
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, e := range effects {
		lines = append(lines, effectText(t, e))
	}
	return lines, nil
}

// effectTexts are the sentences of each kind of effect: for none, and for some.
var effectTexts = map[oauth.EffectKind][2]string{
	oauth.EffectIdleTooShort:    {"admin.effect.idle_too_short"},
	oauth.EffectIdleRefused:     {"admin.effect.idle_refused.none", "admin.effect.idle_refused.some"},
	oauth.EffectGraceReuse:      {"admin.effect.grace_reuse.none", "admin.effect.grace_reuse.some"},
	oauth.EffectGraceRefused:    {"admin.effect.grace_refused.none", "admin.effect.grace_refused.some"},
	oauth.EffectGraceAbsorbed:   {"admin.effect.grace_absorbed.none", "admin.effect.grace_absorbed.some"},
	oauth.EffectAbsoluteOlder:   {"admin.effect.absolute_older.none", "admin.effect.absolute_older.some"},
	oauth.EffectRotationOff:     {"admin.effect.rotation_off.none", "admin.effect.rotation_off.some"},
	oauth.EffectReuseReported:   {"admin.effect.reuse_reported.none", "admin.effect.reuse_reported.some"},
	oauth.EffectReuseRevoked:    {"admin.effect.reuse_revoked.none", "admin.effect.reuse_revoked.some"},
	oauth.EffectIdleLonger:      {"admin.effect.unknown_idle"},
	oauth.EffectAbsoluteLonger:  {"admin.effect.unknown_absolute"},
	oauth.EffectRotationOn:      {"admin.effect.unknown_rotation"},
	oauth.EffectAccessToken:     {"admin.effect.unknown_access_token"},
	oauth.EffectNothingMeasured: {"admin.effect.nothing_measured"},
}

// effectText puts one effect into words.
func effectText(t *view.Text, e oauth.PolicyEffect) string {
	texts, of := effectTexts[e.Kind], t.Number(int(e.Of))
	if e.N == 0 || texts[1] == "" {
		return t.T(texts[0], "Of", of)
	}
	number := t.Number(int(e.N))
	switch {
	case e.More:
		number = t.T("admin.effect.more", "N", number)
	case e.About:
		number = t.T("admin.effect.about", "N", number)
	}
	return t.T(texts[1], "N", number, "Of", of)
}
