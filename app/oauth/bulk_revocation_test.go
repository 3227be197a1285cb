package oauth_test

import (
	"testing"
	"time"

	"regrant/app/oauth"
)

// The log outlives people, so it holds no name and no address that somebody searched for (T23).
func TestWhatIsRevokedIsSaidWithoutNames(t *testing.T) {
	used := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for want, c := range map[string]oauth.BulkChoice{
		"2 chosen":                {IDs: []string{"A", "B"}},
		"open":                    {},
		"open, found by a search": {Query: oauth.GrantQuery{Search: "ann@example.com"}},
		`open, found by a search, client "app", person "p1", reuse "theft", revocation "R", last used before 2026-11-01T00:00:00Z`: {Query: oauth.GrantQuery{
			Search: "Ann", ClientID: "app", PersonID: "p1", ReuseClass: oauth.ReuseTheft, BulkID: "R", UsedBefore: used,
		}},
	} {
		if got := c.Words(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
