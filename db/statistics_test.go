package db_test

import (
	"path/filepath"
	"testing"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

func openStatistics(t *testing.T) *db.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "regrant.db")
	db.BeginAt(t, path)
	d, err := db.Open(t.Context(), path, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// counted is a batch of everything that is counted at a time, as the engine makes it.
func counted(at time.Time, clients ...string) *oauth.Behind {
	b := &oauth.Behind{
		Hours:   map[oauth.Hour]oauth.Count{oauth.HourOf(at): {Rotations: 4, Replays: 3, Refusals: 2, Reuses: 1}},
		Clients: map[oauth.ClientDay]*oauth.ClientCount{},
	}
	for _, id := range clients {
		c := &oauth.ClientCount{Count: oauth.Count{Rotations: 4, Replays: 3, Refusals: 2, Reuses: 1}}
		c.Idle[3], c.Idle[13], c.Replay[0] = 5, 1, 7
		b.Clients[oauth.ClientDay{ClientID: id, Day: oauth.DayOf(at)}] = c
	}
	return b
}

func TestStatisticsAddUp(t *testing.T) {
	d, hour, day := openStatistics(t), oauth.HourOf(start), oauth.DayOf(start)
	for range 3 {
		b := counted(start, "a", "b")
		if err := d.WriteBehind(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		same(t, []int{len(b.Hours), len(b.Clients)}, []int{0, 0})
	}
	if err := d.WriteBehind(t.Context(), counted(start.AddDate(0, 0, -3), "a")); err != nil {
		t.Fatal(err)
	}

	thrice := oauth.Count{Rotations: 12, Replays: 9, Refusals: 6, Reuses: 3}
	same(t, must(d.ServerHours(t.Context(), hour)), []oauth.HourCount{{Hour: hour, Count: thrice}})
	same(t, must(d.ServerHours(t.Context(), hour+1)), []oauth.HourCount{})
	same(t, len(must(d.ServerHours(t.Context(), hour-72))), 2)
	same(t, must(d.ClientDays(t.Context(), "b", day-9)), []oauth.ClientDayCount{{Day: day, Count: thrice}})
	same(t, len(must(d.ClientDays(t.Context(), "a", day-9))), 2)
	var want oauth.Histograms
	want.Idle[3], want.Idle[13], want.Replay[0] = 15, 3, 21
	same(t, must(d.ClientHistograms(t.Context(), "a", day)), want)
	want.Idle[3], want.Idle[13], want.Replay[0] = 20, 4, 28
	same(t, must(d.ClientHistograms(t.Context(), "a", day-3)), want)
}

func TestStatisticsAreSweptWhenNobodyAsksForThemAnyMore(t *testing.T) {
	d := openStatistics(t)
	for _, age := range []time.Duration{0, 31 * day, 33 * day, 89 * day, 91 * day} {
		if err := d.WriteBehind(t.Context(), counted(start.Add(-age), "a")); err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; n > 0; {
		n = must(d.Sweep(t.Context(), start, 3))
	}

	same(t, len(must(d.ServerHours(t.Context(), 0))), 2)
	same(t, len(must(d.ClientDays(t.Context(), "a", 0))), 4)
	same(t, must(d.ClientHistograms(t.Context(), "a", 0)).Replay[0], int64(28))
}

func TestFiguresStopAtTheirLimit(t *testing.T) {
	d := openStatistics(t)
	w := &world{T: t, contractStore: d, now: start}
	c := w.client()
	for range 5 {
		w.grant(w.person(), c)
	}
	s := w.grant(w.person(), c)
	must(d.RevokeGrant(t.Context(), s.ID, oauth.RevokedAdmin, start, w.event("test")))

	same(t, must(d.Figures(t.Context(), 100)), oauth.Figures{Grants: 5, People: 6, Clients: 1})
	same(t, must(d.Figures(t.Context(), 3)), oauth.Figures{Grants: 3, People: 3, Clients: 1})
	same(t, must(d.GrantsOlderThan(t.Context(), c.ID, start.Add(time.Hour), 100)), 5)
	same(t, must(d.GrantsOlderThan(t.Context(), c.ID, start.Add(time.Hour), 2)), 2)
	same(t, must(d.GrantsOlderThan(t.Context(), c.ID, start.Add(-time.Hour), 100)), 0)
	same(t, len(must(d.OpenBulkRevocations(t.Context(), 5))), 0)
}
