package web

import (
	"strings"
	"testing"

	"regrant/app/oauth"
	"regrant/web/view"
)

func TestEveryEffectOfAPolicyHasItsWords(t *testing.T) {
	text := view.TheCatalogue().For("en")
	kinds := []oauth.EffectKind{
		oauth.EffectIdleTooShort, oauth.EffectIdleRefused, oauth.EffectIdleLonger, oauth.EffectGraceReuse, oauth.EffectGraceRefused, oauth.EffectGraceAbsorbed,
		oauth.EffectAbsoluteOlder, oauth.EffectAbsoluteLonger, oauth.EffectRotationOff, oauth.EffectRotationOn, oauth.EffectReuseReported,
		oauth.EffectReuseRevoked, oauth.EffectAccessToken, oauth.EffectNothingMeasured,
	}
	if len(kinds) != len(effectTexts) {
		t.Errorf("%d texts for %d kinds", len(effectTexts), len(kinds))
	}
	for _, kind := range kinds {
		for _, e := range []oauth.PolicyEffect{{Kind: kind, Of: 7}, {Kind: kind, N: 1234, Of: 5678}, {Kind: kind, N: 12, Of: 5678, About: true}, {Kind: kind, N: 10_000, More: true}} {
			if got := effectText(text, e); !strings.HasSuffix(got, ".") || strings.HasPrefix(got, "admin.") || strings.Contains(got, "no value") {
				t.Errorf("%+v: %q", e, got)
			}
		}
	}
	got := effectText(text, oauth.PolicyEffect{Kind: oauth.EffectIdleRefused, N: 1234, Of: 5678, About: true})
	if want := "Of the last 30 days’ 5,678 refreshes, about 1,234 would have been refused for resting too long, and the person would have had to sign in again."; got != want {
		t.Errorf("%q", got)
	}
}
