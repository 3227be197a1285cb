package oauth_test

import (
	"strings"
	"testing"

	"regrant/app/oauth"
)

// A name stands on the page that asks for consent: it can hide nothing and turn nothing about there.
func TestNamesThatPeopleSee(t *testing.T) {
	names := map[string]bool{
		"Grafana": true, "Ñandú 监控": true, "می\u200cخواهم": true, "Family 👩\u200d👩\u200d👧": true, strings.Repeat("é", 200): true,
		"": false, " ": false, "\u200b": false, "\u200d\u2060": false,
		"Bank\u202eevil": false, "a\u2066b\u2069": false, "two\nlines": false, "two\u2028lines": false, "tab\t": false, "nul\x00": false,
		"\xff": false, strings.Repeat("a", 201): false,
	}
	policy, _ := oauth.PolicyOf(oauth.PresetStandard)
	for name, want := range names {
		client, _ := oauth.KindNative.NewClient(policy)
		client.ID, client.Name, client.Scope, client.RedirectURIs = "app", name, oauth.Scope{"openid"}, []string{"https://app.test/cb"}
		if err := client.Validate(); (err == nil) != want {
			t.Errorf("client %q: %v", name, err)
		}
		api := oauth.API{Resource: "https://api.test/", Name: name}
		if err := api.Validate(); (err == nil) != want {
			t.Errorf("API %q: %v", name, err)
		}
	}
}
