package db

import (
	"context"
	"flag"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

var benchGrants = flag.Int("grants", 1_000_000, "how many grants the benchmarks of the dashboard seed")

// dashboardQueries are the lists of the page of grants: its first page, each filter, each order, a search of each kind.
func dashboardQueries(tb testing.TB, d *DB) map[string]oauth.GrantQuery {
	tb.Helper()
	page, err := d.ListGrants(tb.Context(), oauth.GrantQuery{}, seedTime)
	if err != nil || page.Next == nil {
		tb.Fatal(err)
	}
	week := seedTime.Add(-7 * 24 * time.Hour)
	return map[string]oauth.GrantQuery{
		"first page":               {},
		"next page":                {After: *page.Next},
		"oldest first":             {Ascending: true},
		"by last use":              {Sort: oauth.GrantsByUsed},
		"long unused first":        {Sort: oauth.GrantsByUsed, Ascending: true},
		"open":                     {State: oauth.GrantOpen},
		"revoked":                  {State: oauth.GrantRevoked},
		"expired":                  {State: oauth.GrantExpired},
		"client":                   {ClientID: "client-0"},
		"client, open":             {ClientID: "client-0", State: oauth.GrantOpen},
		"client, by last use":      {ClientID: "client-7", Sort: oauth.GrantsByUsed},
		"person":                   {PersonID: "person-7"},
		"person, open":             {PersonID: "person-7", State: oauth.GrantOpen},
		"used before":              {UsedBefore: week},
		"used before, client open": {UsedBefore: week, ClientID: "client-1", State: oauth.GrantOpen},
		"reuse":                    {ReuseClass: oauth.ReuseTheft},
		"reuse at a small client":  {ReuseClass: oauth.ReuseTheft, ClientID: "client-9"},
		"search id":                {Search: page.Grants[7].ID},
		"search email":             {Search: "person77@"},
		"search part of a name":    {Search: "77 of ex"},
		"search client":            {Search: "application 3"},
		"search IP":                {Search: "192.0.3.3"},
		"search nothing":           {Search: "zebra"},
		"search everything, open":  {Search: "example.com", State: oauth.GrantOpen},
	}
}

// BenchmarkDashboardAtAMillion is the list of grants, each filter, its counts, and revoking 100 000 beside refreshes.
//
//	go test -run '^$' -bench DashboardAtAMillion -timeout 1h ./db
func BenchmarkDashboardAtAMillion(b *testing.B) {
	d := seeded(b, *benchGrants)
	queries := dashboardQueries(b, d)
	names := make([]string, 0, len(queries))
	for name := range queries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		q := queries[name]
		b.Run("list/"+name, func(b *testing.B) {
			benchLongest(b, func() error { _, err := d.ListGrants(b.Context(), q, seedTime); return err })
		})
		b.Run("count/"+name, func(b *testing.B) {
			benchLongest(b, func() error { _, err := d.CountGrants(b.Context(), q, seedTime); return err })
		})
	}
	b.Run("preview of all open", func(b *testing.B) {
		benchLongest(b, func() error {
			_, err := d.MeasureGrants(b.Context(), oauth.GrantQuery{State: oauth.GrantOpen}, seedTime)
			return err
		})
	})
	b.Run("sweep that finds nothing", func(b *testing.B) {
		for range 5 {
			if _, err := d.expireGrants(b.Context(), seedTime, 200); err != nil {
				b.Fatal(err)
			}
		}
		benchLongest(b, func() error { _, err := d.expireGrants(b.Context(), seedTime, 200); return err })
	})
	b.Run("revoke many beside refreshes", func(b *testing.B) {
		idle := measureRefreshes(b, d, func() { time.Sleep(5 * time.Second) })
		var revoked int
		begun := time.Now()
		busy := measureRefreshes(b, d, func() { revoked = revokeClient(b, d, "client-2") })
		b.ReportMetric(float64(revoked), "grants")
		b.ReportMetric(time.Since(begun).Seconds(), "s")
		b.ReportMetric(float64(len(busy))/time.Since(begun).Seconds(), "refreshes/s")
		b.ReportMetric(milliseconds(slices.Max(busy)), "longest-wait-ms")
		b.ReportMetric(milliseconds(busy[len(busy)*99/100]), "p99-ms")
		b.ReportMetric(milliseconds(slices.Max(idle)), "longest-wait-before-ms")
		b.ReportMetric(milliseconds(idle[len(idle)*99/100]), "p99-before-ms")
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// benchLongest also reports the longest call.
func benchLongest(b *testing.B, do func() error) {
	var longest time.Duration
	for b.Loop() {
		begun := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		longest = max(longest, time.Since(begun))
	}
	b.ReportMetric(milliseconds(longest), "longest-ms")
}

// atSeedTime is a clock whose day is that of a seeded database, whatever day it is.
type atSeedTime struct{ oauth.TimeSource }

func (atSeedTime) Wall() time.Time { return seedTime }

// revokeClient revokes all of a client as the server does, and says how many that were.
func revokeClient(tb testing.TB, d *DB, clientID string) int {
	tb.Helper()
	engine, err := oauth.New(tb.Context(), oauth.Config{Issuer: "https://as.test", Time: atSeedTime{oauth.SystemTime()}}, d)
	if err != nil {
		tb.Fatal(err)
	}
	begun, err := engine.RevokeMany(tb.Context(), d, oauth.BulkChoice{Query: oauth.GrantQuery{ClientID: clientID}}, audit.Origin{Actor: audit.ByAdmin})
	if err == nil {
		err = engine.FollowBulk(tb.Context())
	}
	if err != nil {
		tb.Fatal(err)
	}
	b, err := d.BulkRevocation(tb.Context(), begun.ID)
	if err != nil || b.FinishedAt == nil {
		tb.Fatal(b, err)
	}
	return b.Revoked
}

// measureRefreshes rotates refresh tokens of one client from four callers while during runs, and gives what each took, in order.
func measureRefreshes(tb testing.TB, d *DB, during func()) (took []time.Duration) {
	tb.Helper()
	var tokens [][16]byte
	page, err := d.ListGrants(tb.Context(), oauth.GrantQuery{ClientID: "client-0", State: oauth.GrantOpen, Limit: 400}, seedTime)
	if err != nil {
		tb.Fatal(err)
	}
	for _, g := range page.Grants {
		tokens = append(tokens, g.TokenID)
	}
	const callers = 4
	var (
		stop atomic.Bool
		all  sync.WaitGroup
		mu   sync.Mutex
	)
	for caller := range callers {
		all.Go(func() {
			var mine []time.Duration
			for i := caller; !stop.Load(); i += callers {
				begun := time.Now()
				if err := rotateOnce(tb.Context(), d, tokens[i%len(tokens)]); err != nil {
					tb.Error(err)
					break
				}
				mine = append(mine, time.Since(begun))
				time.Sleep(time.Millisecond) // a client does other things too
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	during()
	stop.Store(true)
	all.Wait()
	slices.Sort(took)
	return took
}

// rotateOnce is what a refresh asks of the store.
func rotateOnce(ctx context.Context, d *DB, id [16]byte) error {
	s, err := d.RefreshState(ctx, id)
	if err != nil {
		return err
	}
	return d.RotateRefreshToken(ctx, &oauth.Rotation{
		Read: s, Epoch: s.Epoch, CurrentHash: s.CurrentHash, PreviousHash: s.CurrentHash, Nonce: []byte("nonce"), RotatedAt: seedTime, IdleDeadline: s.IdleDeadline, UsedAt: s.LastUsedAt,
		IP: s.LastIP, UserAgent: s.LastUserAgent, Ring: s.Ring,
	})
}

func TestTheBenchmarkOfTheDashboardAsksWhatItSays(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of grants take their time")
	}
	d := seeded(t, 5_000)
	for name, q := range dashboardQueries(t, d) {
		page, err := d.ListGrants(t.Context(), q, seedTime)
		if err != nil || (len(page.Grants) == 0) != (name == "search nothing") && name != "reuse at a small client" {
			t.Errorf("%s: %d grants, %v", name, len(page.Grants), err)
		}
	}
	var revoked int
	took := measureRefreshes(t, d, func() { revoked = revokeClient(t, d, "client-2") })
	if left, err := d.CountGrants(t.Context(), oauth.GrantQuery{ClientID: "client-2", State: oauth.GrantOpen}, seedTime); err != nil || left.N != 0 || revoked < 300 || len(took) == 0 {
		t.Errorf("revoked %d, left %v, %d refreshes: %v", revoked, left, len(took), err)
	}
}
