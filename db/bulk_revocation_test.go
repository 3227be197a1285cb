package db

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func bulkEvent(b *oauth.BulkRevocation, count int) audit.Event {
	e := revokeEvent(seedTime)
	e.Kind, e.Origin, e.Detail = audit.GrantBulkRevoked, b.By, audit.Details("revocation", b.ID, "count", oauth.GrantCount{N: count}.String())
	return e
}

func startBulk(t testing.TB, d *DB, id string, c oauth.BulkChoice) {
	t.Helper()
	if c.Query.CreatedBefore.IsZero() {
		c.Query.CreatedBefore = seedTime
	}
	if c.Query.State == "" {
		c.Query.State = oauth.GrantOpen
	}
	b := &oauth.BulkRevocation{ID: id, BulkChoice: c, By: audit.Origin{Actor: audit.ByAdmin, ActorID: "root"}, CreatedAt: seedTime}
	if err := d.StartBulkRevocation(t.Context(), b, bulkEvent(b, 0)); err != nil {
		t.Fatal(err)
	}
}

// followBulk follows until nothing is left and gives the last state of the last one.
func followBulk(t testing.TB, d *DB) (last *oauth.BulkRevocation) {
	t.Helper()
	for range 10_000 {
		b, err := d.FollowBulkRevocation(t.Context(), seedTime, 40, bulkEvent)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return last
		}
		last = b
	}
	t.Fatal("it does not end")
	return nil
}

func number(t testing.TB, d *DB, query string, args ...any) (n int) {
	t.Helper()
	if err := d.readers.pool.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestARevocationOfManyEndsAllThatMatchedAndNothingElse(t *testing.T) {
	weekAgo := seedTime.Add(-7 * 24 * time.Hour)
	for name, q := range map[string]oauth.GrantQuery{
		"a client":          {ClientID: "client-1"},
		"a person":          {PersonID: "person-3"},
		"a search":          {Search: "application 2"},
		"unused for a week": {UsedBefore: weekAgo},
		"everything":        {},
		"nothing":           {ReuseClass: oauth.ReuseTheft},
	} {
		t.Run(name, func(t *testing.T) {
			d := seeded(t, 600)
			q.State = oauth.GrantOpen
			chosen := map[string]bool{}
			for _, s := range everyGrant(t, d, q) {
				chosen[s.ID] = true
			}
			open := everyGrant(t, d, oauth.GrantQuery{State: oauth.GrantOpen})
			measure, err := oauth.MeasureChoice(t.Context(), d, oauth.BulkChoice{Query: q}, seedTime)
			if err != nil || measure.Grants.N != len(chosen) || (len(chosen) == 0) != (name == "nothing") {
				t.Fatalf("measured %v, %v; chosen %d", measure, err, len(chosen))
			}

			startBulk(t, d, "bulk", oauth.BulkChoice{Query: q})
			b := followBulk(t, d)

			if b.Revoked != len(chosen) || b.FinishedAt == nil {
				t.Errorf("revoked %d of %d, finished %v", b.Revoked, len(chosen), b.FinishedAt)
			}
			for _, s := range open {
				g, err := d.Grant(t.Context(), s.ID)
				if err != nil || g.Alive() == chosen[s.ID] || chosen[s.ID] && g.RevokedReason != oauth.RevokedAdmin {
					t.Errorf("%s: alive %v, chosen %v, %s, %v", s.ID, g.Alive(), chosen[s.ID], g.RevokedReason, err)
				}
			}
			if listed := everyGrant(t, d, oauth.GrantQuery{BulkID: "bulk"}); len(listed) != len(chosen) {
				t.Errorf("%d are listed as ended by it", len(listed))
			}
			sum, clients := 0, map[string]bool{}
			tallies, err := d.BulkRevokedByClient(t.Context(), "bulk", 100)
			for _, tally := range tallies {
				sum, clients[tally.ClientID] = sum+tally.N, true
			}
			if err != nil || sum != len(chosen) || len(clients) != measure.Clients {
				t.Errorf("%d by %d clients, %v; want %d by %d", sum, len(clients), err, len(chosen), measure.Clients)
			}
			if n := number(t, d, "SELECT COUNT(*) FROM audit_events WHERE kind = 'grant.bulk_revoked' AND actor_id = 'root'"); n != 1+(len(chosen)+39)/40 {
				t.Errorf("%d events for %d grants", n, len(chosen))
			}
		})
	}
}

func TestChosenGrantsEndIfTheyAreOpen(t *testing.T) {
	d := seeded(t, 300)
	var ids []string
	for _, state := range []oauth.GrantStanding{oauth.GrantOpen, oauth.GrantRevoked, oauth.GrantExpired} {
		page, _ := d.ListGrants(t.Context(), oauth.GrantQuery{State: state}, seedTime)
		for _, s := range page.Grants[:5] {
			ids = append(ids, s.ID)
		}
	}
	ids = append(ids, "gone")
	choice := oauth.BulkChoice{IDs: ids}
	measure, err := oauth.MeasureChoice(t.Context(), d, choice, seedTime)

	startBulk(t, d, "bulk", choice)
	b := followBulk(t, d)

	if err != nil || measure.Grants.N != 5 || b.Revoked != 5 || number(t, d, "SELECT COUNT(*) FROM grants WHERE bulk_id = 'bulk'") != 5 {
		t.Errorf("measured %v, %v, revoked %d; want 5", measure, err, b.Revoked)
	}
}

func TestARevocationOfManySparesWhatCameOrWasUsedAfterIt(t *testing.T) {
	d := seeded(t, 300)
	weekAgo := seedTime.Add(-7 * 24 * time.Hour)
	q := oauth.GrantQuery{UsedBefore: weekAgo, State: oauth.GrantOpen, CreatedBefore: seedTime.Add(-time.Hour)}
	matched := everyGrant(t, d, q)
	used, young := matched[0].ID, matched[1].ID
	startBulk(t, d, "bulk", oauth.BulkChoice{Query: q})
	// The hour of the last use follows behind: the truth decides.
	for _, change := range []string{
		"UPDATE refresh_tokens SET last_used_at = (SELECT MAX(last_used_at) FROM refresh_tokens) WHERE grant_id = '" + used + "'",
		fmt.Sprintf("UPDATE grants SET created_at = %d WHERE id = '%s'", seedTime.UnixMicro(), young),
	} {
		if err := d.alone(t.Context(), "change", func(s *session) error { return s.exec(change) }); err != nil {
			t.Fatal(err)
		}
	}

	b := followBulk(t, d)

	if b.Revoked != len(matched)-2 {
		t.Errorf("revoked %d of %d, two of which it must spare", b.Revoked, len(matched))
	}
	for _, id := range []string{used, young} {
		if g, err := d.Grant(t.Context(), id); err != nil || g.RevokedAt != nil {
			t.Errorf("%s was revoked: %v", id, err)
		}
	}
}

func TestARevocationOfManyEndsWhatIsUsedWhileItGoesOn(t *testing.T) {
	d := seeded(t, 300)
	engine, err := oauth.New(t.Context(), oauth.Config{Issuer: "https://as.test"}, d)
	if err != nil {
		t.Fatal(err)
	}
	q := oauth.GrantQuery{State: oauth.GrantOpen, Sort: oauth.GrantsByUsed, CreatedBefore: seedTime}
	listed := everyGrant(t, d, q)
	last := listed[len(listed)-1].ID
	if _, err := engine.RevokeMany(t.Context(), d, oauth.BulkChoice{Query: q}, audit.Origin{Actor: audit.ByAdmin}); err != nil {
		t.Fatal(err)
	}
	if b, err := d.FollowBulkRevocation(t.Context(), seedTime, 40, bulkEvent); err != nil || b.FinishedAt != nil {
		t.Fatal(b, err)
	}

	// The app of the grant that was listed last refreshes, and comes first in the order of last use.
	if err := d.alone(t.Context(), "use", func(s *session) error {
		return s.exec("UPDATE grants SET used_hour = (SELECT MAX(used_hour) + 1 FROM grants) WHERE id = '" + last + "'")
	}); err != nil {
		t.Fatal(err)
	}
	followBulk(t, d)

	if left := everyGrant(t, d, q); len(left) != 0 {
		t.Errorf("%d of %d grants live on, %s among them", len(left), len(listed), left[0].ID)
	}
}

func TestARevocationOfManyGoesOnAfterARestart(t *testing.T) {
	path := t.TempDir() + "/regrant.db"
	d := openPath(t, path, Options{})
	seed(t, d, 400)
	open := len(everyGrant(t, d, oauth.GrantQuery{State: oauth.GrantOpen}))
	startBulk(t, d, "bulk", oauth.BulkChoice{})
	first, err := d.FollowBulkRevocation(t.Context(), seedTime, 40, bulkEvent)
	if err != nil || first.Revoked != 40 || first.FinishedAt != nil {
		t.Fatalf("the first batch: %+v, %v", first, err)
	}
	d.Close()

	d = openPath(t, path, Options{})
	b := followBulk(t, d)

	if b.Revoked != open || b.FinishedAt == nil {
		t.Errorf("revoked %d of %d", b.Revoked, open)
	}
}

func TestARevocationOfManyIsForgottenWithTheGrantsThatItEnded(t *testing.T) {
	d := openTest(t, Options{})
	seed(t, d, 100)
	startBulk(t, d, "bulk", oauth.BulkChoice{})
	done := followBulk(t, d)
	if done.FinishedAt == nil {
		t.Fatal("not finished")
	}

	sweep := func(after time.Duration) error {
		if _, err := d.Sweep(t.Context(), done.FinishedAt.Add(after), 1000); err != nil {
			t.Fatal(err)
		}
		_, err := d.BulkRevocation(t.Context(), "bulk")
		return err
	}
	if err := sweep(tombstoneKept - time.Minute); err != nil {
		t.Errorf("before the grants are forgotten: %v", err)
	}
	if err := sweep(tombstoneKept); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTwoThatFollowOneRevocationCountEachGrantOnce(t *testing.T) {
	d := seeded(t, 600)
	open := len(everyGrant(t, d, oauth.GrantQuery{State: oauth.GrantOpen}))
	startBulk(t, d, "bulk", oauth.BulkChoice{})
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for {
				b, err := d.FollowBulkRevocation(context.Background(), seedTime, 20, bulkEvent)
				if err != nil && !errors.Is(err, oauth.ErrConflict) {
					t.Error(err)
					return
				}
				if err == nil && b == nil {
					return
				}
			}
		})
	}
	all.Wait()

	b, err := d.BulkRevocation(t.Context(), "bulk")
	if err != nil || b.Revoked != open || number(t, d, "SELECT COUNT(*) FROM grants WHERE bulk_id = 'bulk'") != open {
		t.Errorf("counted %d of %d: %v", b.Revoked, open, err)
	}
}

func TestWhatSomebodyElseEndedKeepsItsReason(t *testing.T) {
	d := seeded(t, 300)
	startBulk(t, d, "bulk", oauth.BulkChoice{Query: oauth.GrantQuery{ClientID: "client-0"}})
	if _, err := d.RevokeGrantsOf(t.Context(), "", "client-0", oauth.RevokedScope, seedTime, revokeEvent(seedTime)); err != nil {
		t.Fatal(err)
	}

	b := followBulk(t, d)

	if b.Revoked != 0 || b.FinishedAt == nil {
		t.Errorf("%d were ended twice", b.Revoked)
	}
}
