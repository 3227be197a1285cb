package main

import (
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// Whatever ended a grant, its timeline ends with that, once.
func TestATimelineEndsWithTheEndOfTheGrant(t *testing.T) {
	made := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	later := made.Add(time.Hour)
	revoked := func(reason oauth.RevokedReason) func(*oauth.RefreshState) {
		return func(g *oauth.RefreshState) { g.RevokedAt, g.RevokedReason = &later, reason }
	}
	for _, c := range []struct {
		name, want string
		end        func(*oauth.RefreshState)
	}{
		{"nothing", "", func(*oauth.RefreshState) {}},
		{"sign-out", "the person signed out", revoked(oauth.RevokedLogout)},
		{"a reason of a later version", "moonlight", revoked("moonlight")},
		{"a deleted person's row", "the person was deleted", revoked("user_deleted")},
		{"leaked secret, the row has not heard", "every grant of the client was revoked", func(g *oauth.RefreshState) { g.ClientGrantsRevokedBefore = &later }},
		{"leaked secret, the row has heard", "every grant of the client was revoked", func(g *oauth.RefreshState) {
			revoked(oauth.RevokedAdmin)(g)
			g.ClientGrantsRevokedBefore = &later
		}},
		{"a revocation of all that was before", "", func(g *oauth.RefreshState) {
			earlier := made.Add(-time.Second)
			g.ClientGrantsRevokedBefore, g.Owner.GrantsRevokedBefore = &earlier, &earlier
		}},
		{"all of the person", "every grant of the person was revoked", func(g *oauth.RefreshState) { g.Owner.GrantsRevokedBefore = &later }},
		{"disabled", "the person was disabled", func(g *oauth.RefreshState) { g.Owner.GrantsRevokedBefore, g.Owner.Disabled = &later, true }},
		{"client gone", "the client was deleted", func(g *oauth.RefreshState) { g.ClientVersion = 0 }},
		{"reuse", "its refresh token was used by two (theft)", func(g *oauth.RefreshState) {
			revoked(oauth.RevokedReuse)(g)
			g.ReuseClass = oauth.ReuseTheft
		}},
	} {
		g := oauth.RefreshState{GrantState: oauth.GrantState{Grant: oauth.Grant{CreatedAt: made}, Owner: oauth.Owner{Version: 1}, ClientVersion: 1}}
		c.end(&g)

		all := timeline(g, nil, []audit.Event{{At: made, Kind: audit.GrantCreated, Result: "ok"}})
		told := timeline(g, nil, []audit.Event{{At: later, Kind: audit.GrantRevoked, Result: "admin"}})

		got := ""
		if last := all[len(all)-1]; last.What == "grant.ended" {
			got = last.Detail
		}
		if got != c.want {
			t.Errorf("%s: it ends with %q, not %q", c.name, got, c.want)
		}
		if len(told) != 1 {
			t.Errorf("%s: the end is told twice: %v", c.name, told)
		}
	}
}

// The ring holds no generations; they are counted back from the last.
func TestATimelineNamesGenerations(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ring := oauth.Ring{}.Append(oauth.RingEntry{At: at, Kind: oauth.RingRotation}).
		Append(oauth.RingEntry{At: at.Add(1 * time.Second), Kind: oauth.RingReplay, AddressChanged: true}).
		Append(oauth.RingEntry{At: at.Add(2 * time.Second), Kind: oauth.RingRotation, AgentChanged: true})
	g := oauth.RefreshState{Generation: 7, Ring: ring}
	g.Owner.Version, g.ClientVersion = 1, 1

	all := timeline(g, nil, nil)

	want := []string{"to generation 6", "answered with generation 6 again from another address", "to generation 7 from another program"}
	if len(all) != len(want) {
		t.Fatalf("%d entries: %v", len(all), all)
	}
	for i := range want {
		if all[i].Detail != want[i] {
			t.Errorf("entry %d is %q, not %q", i, all[i].Detail, want[i])
		}
	}
}
