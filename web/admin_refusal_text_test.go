package web

import (
	"testing"

	"regrant/app/oauth"
	"regrant/web/view"
)

func TestEveryRuleHasItsWords(t *testing.T) {
	text := view.TheCatalogue().For("en")
	if len(ruleTexts) != len(oauth.Rules()) {
		t.Errorf("%d texts for %d rules", len(ruleTexts), len(oauth.Rules()))
	}
	titles := map[string]oauth.Rule{}
	for _, rule := range oauth.Rules() {
		words, known := ruleTexts[rule]
		if !known {
			t.Errorf("%s has no text", rule)
			continue
		}
		for _, key := range []string{words.title, words.why, words.do} {
			if text.T(key) == key {
				t.Errorf("%s: %s is missing", rule, key)
			}
		}
		if other, taken := titles[text.T(words.title)]; taken {
			t.Errorf("%s and %s are called the same", rule, other)
		}
		titles[text.T(words.title)] = rule
	}
}
