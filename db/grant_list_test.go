package db

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// everyGrant reads a list to its end, page by page.
func everyGrant(t *testing.T, d *DB, q oauth.GrantQuery) (all []oauth.RefreshState) {
	t.Helper()
	for range 10_000 {
		page, err := d.ListGrants(t.Context(), q, seedTime)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page.Grants...); page.Next == nil {
			return all
		}
		if len(page.Grants) < 50 && !page.Looked && q.Limit == 0 {
			t.Fatalf("a page of %d in the middle", len(page.Grants))
		}
		text := page.Next.Text(q.Order())
		if err := q.ReadCursor(text); err != nil {
			t.Fatalf("the list's own cursor %s: %v", text, err)
		}
	}
	t.Fatal("the list does not end")
	return nil
}

func ids(all []oauth.RefreshState) []string {
	var list []string
	for _, s := range all {
		list = append(list, s.ID)
	}
	return list
}

func TestEachListHasAllThatMatchesInOrderAndNothingElse(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of grants take their time")
	}
	d := seeded(t, 3_000)
	all := everyGrant(t, d, oauth.GrantQuery{Limit: 3_000})
	if len(all) != 3_000 {
		t.Fatalf("%d of 3000", len(all))
	}
	weekAgo := seedTime.Add(-7 * 24 * time.Hour)

	for name, c := range map[string]struct {
		q    oauth.GrantQuery
		want func(*oauth.RefreshState) bool
	}{
		"all":                  {oauth.GrantQuery{}, func(*oauth.RefreshState) bool { return true }},
		"oldest first":         {oauth.GrantQuery{Ascending: true}, func(*oauth.RefreshState) bool { return true }},
		"by last use":          {oauth.GrantQuery{Sort: oauth.GrantsByUsed}, func(*oauth.RefreshState) bool { return true }},
		"long unused first":    {oauth.GrantQuery{Sort: oauth.GrantsByUsed, Ascending: true}, func(*oauth.RefreshState) bool { return true }},
		"open":                 {oauth.GrantQuery{State: oauth.GrantOpen}, func(s *oauth.RefreshState) bool { return s.Standing(seedTime) == oauth.GrantOpen }},
		"revoked":              {oauth.GrantQuery{State: oauth.GrantRevoked}, func(s *oauth.RefreshState) bool { return !s.Alive() }},
		"expired, by last use": {oauth.GrantQuery{State: oauth.GrantExpired, Sort: oauth.GrantsByUsed}, func(s *oauth.RefreshState) bool { return s.Standing(seedTime) == oauth.GrantExpired }},
		"a client":             {oauth.GrantQuery{ClientID: "client-1"}, func(s *oauth.RefreshState) bool { return s.ClientID == "client-1" }},
		"a client's open ones, long unused first": {oauth.GrantQuery{ClientID: "client-1", State: oauth.GrantOpen, Sort: oauth.GrantsByUsed, Ascending: true},
			func(s *oauth.RefreshState) bool {
				return s.ClientID == "client-1" && s.Standing(seedTime) == oauth.GrantOpen
			}},
		"a person": {oauth.GrantQuery{PersonID: "person-7"}, func(s *oauth.RefreshState) bool { return s.PersonID == "person-7" }},
		"a person's open ones of a client": {oauth.GrantQuery{PersonID: "person-7", ClientID: "client-0", State: oauth.GrantOpen},
			func(s *oauth.RefreshState) bool {
				return s.PersonID == "person-7" && s.ClientID == "client-0" && s.Standing(seedTime) == oauth.GrantOpen
			}},
		"theft":             {oauth.GrantQuery{ReuseClass: oauth.ReuseTheft}, func(s *oauth.RefreshState) bool { return s.ReuseClass == oauth.ReuseTheft }},
		"theft at a client": {oauth.GrantQuery{ReuseClass: oauth.ReuseTheft, ClientID: "client-0"}, func(s *oauth.RefreshState) bool { return s.ReuseClass == oauth.ReuseTheft && s.ClientID == "client-0" }},
		"unused for a week": {oauth.GrantQuery{UsedBefore: weekAgo}, func(s *oauth.RefreshState) bool { return s.LastUsedAt.Before(weekAgo) }},
		"a client's unused for a week": {oauth.GrantQuery{UsedBefore: weekAgo, ClientID: "client-2", Ascending: true},
			func(s *oauth.RefreshState) bool { return s.ClientID == "client-2" && s.LastUsedAt.Before(weekAgo) }},
		"made before, of a client": {oauth.GrantQuery{CreatedBefore: weekAgo, ClientID: "client-2"}, func(s *oauth.RefreshState) bool {
			return s.ClientID == "client-2" && !s.CreatedAt.After(weekAgo)
		}},
		"a name":             {oauth.GrantQuery{Search: "pErSoN 17 OF"}, func(s *oauth.RefreshState) bool { return s.PersonID == "person-17" }},
		"an address":         {oauth.GrantQuery{Search: "Person17@Example.com"}, func(s *oauth.RefreshState) bool { return s.PersonID == "person-17" }},
		"a client's name":    {oauth.GrantQuery{Search: "application 4"}, func(s *oauth.RefreshState) bool { return s.ClientID == "client-4" }},
		"a client's id":      {oauth.GrantQuery{Search: "client-2", State: oauth.GrantRevoked}, func(s *oauth.RefreshState) bool { return s.ClientID == "client-2" && !s.Alive() }},
		"an IP address":      {oauth.GrantQuery{Search: "192.0.3.3"}, func(s *oauth.RefreshState) bool { return s.IP == "192.0.3.3" }},
		"a grant":            {oauth.GrantQuery{Search: all[77].ID}, func(s *oauth.RefreshState) bool { return s.ID == all[77].ID }},
		"nothing":            {oauth.GrantQuery{Search: "%"}, func(*oauth.RefreshState) bool { return false }},
		"a name at a client": {oauth.GrantQuery{Search: "person 17 of", ClientID: "client-0"}, func(s *oauth.RefreshState) bool { return s.PersonID == "person-17" && s.ClientID == "client-0" }},
	} {
		t.Run(name, func(t *testing.T) {
			var want []oauth.RefreshState
			for _, s := range all {
				if c.want(&s) {
					want = append(want, s)
				}
			}
			slices.SortFunc(want, func(a, b oauth.RefreshState) int {
				n := strings.Compare(a.ID, b.ID)
				if ka, kb := sortKey(c.q.Order(), &a), sortKey(c.q.Order(), &b); ka != kb {
					n = int(max(-1, min(1, ka-kb)))
				}
				if !c.q.Ascending {
					n = -n
				}
				return n
			})

			got := everyGrant(t, d, c.q)

			if diff := cmp.Diff(ids(want), ids(got)); diff != "" {
				t.Errorf("(-want +got) of %d:\n%.600s", len(want), diff)
			}
			if len(want) == 0 && name != "nothing" {
				t.Error("the seed has none of these: the test says nothing")
			}
			count, err := d.CountGrants(t.Context(), c.q, seedTime)
			if err != nil || count.N != len(want) || count.More {
				t.Errorf("counted %v, %v; want %d", count, err, len(want))
			}
		})
	}
}

func sortKey(by oauth.GrantSort, s *oauth.RefreshState) int64 {
	if by == oauth.GrantsByUsed {
		return s.LastUsedAt.Unix() / 3600
	}
	return s.CreatedAt.UnixMicro()
}

func TestAListGoesBackTheWayItCame(t *testing.T) {
	d := seeded(t, 300)
	for _, q := range []oauth.GrantQuery{{}, {Ascending: true, Sort: oauth.GrantsByUsed}} {
		first, _ := d.ListGrants(t.Context(), q, seedTime)
		q.After = *first.Next
		second, _ := d.ListGrants(t.Context(), q, seedTime)
		q.After = *second.Prev

		again, err := d.ListGrants(t.Context(), q, seedTime)

		if err != nil || !slices.Equal(ids(first.Grants), ids(again.Grants)) {
			t.Errorf("%v: back from the second page is not the first: %v", q, err)
		}
		if again.Prev != nil || again.Next == nil {
			t.Errorf("the first page, from behind: prev %v, next %v", again.Prev, again.Next)
		}
	}
}

func TestAGrantThatIsDeadBeforeItsRowFollowsIsNotListedAsOpen(t *testing.T) {
	d := seeded(t, 500)
	before, _ := d.CountGrants(t.Context(), oauth.GrantQuery{State: oauth.GrantOpen, ClientID: "client-0"}, seedTime)
	if before.N == 0 {
		t.Fatal("none is open")
	}

	if _, err := d.RevokeGrantsOf(t.Context(), "", "client-0", oauth.RevokedAdmin, seedTime, revokeEvent(seedTime)); err != nil {
		t.Fatal(err)
	}

	if open := everyGrant(t, d, oauth.GrantQuery{State: oauth.GrantOpen, ClientID: "client-0"}); len(open) != 0 {
		t.Errorf("%d dead grants are listed as open", len(open))
	}
	for _, s := range everyGrant(t, d, oauth.GrantQuery{ClientID: "client-0"}) {
		if s.Standing(seedTime) != oauth.GrantRevoked {
			t.Errorf("%s is shown as %s", s.ID, s.Standing(seedTime))
		}
	}
}

func TestAListThatLooksAtTooManyGoesOnLater(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of grants take their time")
	}
	d := seeded(t, 2*pageLooks)
	if _, err := d.RevokeGrantsOf(t.Context(), "", "client-0", oauth.RevokedAdmin, seedTime, revokeEvent(seedTime)); err != nil {
		t.Fatal(err)
	}
	q := oauth.GrantQuery{Search: "client-0", State: oauth.GrantOpen}

	page, err := d.ListGrants(t.Context(), q, seedTime)

	if err != nil || len(page.Grants) != 0 || page.Looked && page.Next == nil {
		t.Fatalf("%d grants, looked %v, next %v: %v", len(page.Grants), page.Looked, page.Next, err)
	}
	if got := everyGrant(t, d, q); len(got) != 0 {
		t.Errorf("%d dead grants", len(got))
	}
}

func revokeEvent(at time.Time) audit.Event {
	return audit.Event{At: at, Kind: audit.GrantRevoked, Origin: audit.Origin{Actor: audit.ByServer}, Result: "ok"}
}
