package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/view"
)

// countHours writes counters as a month of traffic leaves them, the same each time, and gives them.
func countHours(t testing.TB, s *site, now time.Time) map[oauth.Hour]oauth.Count {
	t.Helper()
	b := &oauth.Behind{Hours: map[oauth.Hour]oauth.Count{}}
	for i := range 30 * 24 {
		at := oauth.HourOf(now) - oauth.Hour(i)
		day := int64(at.Start().Hour())
		n := 40 + 11*(12-abs(day-13)) + int64(i*i%23)
		c := oauth.Count{Rotations: n, Replays: n / 9, Refusals: int64(i * 7 % 11 / 4)}
		if i%131 == 17 {
			c.Reuses = 1
		}
		b.Hours[at] = c
	}
	counts := maps.Clone(b.Hours)
	if err := s.db.WriteBehind(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return counts
}

func abs(n int64) int64 { return max(n, -n) }

func TestTheOverviewShowsFiguresTrafficAndEvents(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")
	second := s.refresh("CB", token).text(t, "refresh_token")
	s.refresh("CB", token)
	s.refresh("CB", second)
	if err := s.engine.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	page := root.get("/admin")

	if page.status != http.StatusOK {
		t.Fatalf("%d %s", page.status, page.body)
	}
	for _, want := range []string{
		"<title>Overview", "<strong>1</strong>", // a sign-in
		"Nov 22, 2026, 10:00–11:00: 2", // two rotations
		"Nov 22, 2026, 10:00–11:00: 1", // one replay
		`href="/admin/audit"`, "Active sign-ins",
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the overview lacks %q", want)
		}
	}
	for _, period := range []string{"24h", "7d", "30d", "nonsense"} {
		a := root.get("/admin?range=" + period)
		bars := map[string]int{"24h": 24, "7d": 28, "30d": 30, "nonsense": 24}[period]
		if got := strings.Count(a.body, `class="column"`); a.status != 200 || got != 4*bars {
			t.Errorf("%s: %d with %d bars", period, a.status, got)
		}
	}
}

func TestTheChartsAddUpTheHoursOfTheirPeriod(t *testing.T) {
	s := newSite(t)
	root, now := s.admin(t), s.clock.Wall()
	counts := countHours(t, s, now) // it is 10:00, so the hour from 10:00 on is the last one that counts
	for period, first := range map[string]time.Time{
		"24h": time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC),
		"7d":  time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC), // 28 times six hours, the last from 06:00 on
		"30d": time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC),
	} {
		var want oauth.Count
		for hour, c := range counts {
			if !hour.Start().Before(first) {
				want = want.Plus(c)
			}
		}
		page := root.get("/admin?range=" + period).body
		text := view.TheCatalogue().For("en")
		for _, n := range []int64{want.Rotations, want.Replays, want.Refusals, want.Reuses} {
			if total := `<span class="total">` + text.Number(int(n)) + "</span>"; !strings.Contains(page, total) {
				t.Errorf("%s: no chart has the total %d", period, n)
			}
		}
	}
}

func TestTheOverviewNamesWhatNeedsAnAdmin(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	s.addAdmin("ADM2", "second@example.com")
	old := audit.Event{At: s.clock.Wall().AddDate(0, 0, -8), Kind: audit.GrantReuse, Origin: by, Detail: "class=theft"}
	if err := s.db.Audit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	calm := root.get("/admin").body
	if !strings.Contains(calm, "Nothing needs you") {
		t.Fatalf("not calm: %s", calm)
	}

	token := s.grant("CB", "openid read").text(t, "refresh_token")
	second := s.refresh("CB", token).text(t, "refresh_token")
	s.refresh("CB", second)
	s.pass(2 * time.Hour)
	s.refresh("CB", token)
	if _, _, err := oauth.RotateClientSecret(t.Context(), s.db, "CP", oauth.SecretRotation{Overlap: 72 * time.Hour}, s.clock.Wall(), by); err != nil {
		t.Fatal(err)
	}
	root = s.admin(t) // the first sign-in has rested too long
	page := root.get("/admin").body

	events, err := s.db.ReadAudit(t.Context(), audit.Query{Kinds: []audit.Kind{audit.GrantReuse}}, 5)
	if err != nil || len(events.Events) != 2 {
		t.Fatalf("%+v %v", events, err)
	}
	for _, want := range []string{"/admin/grants/" + url.PathEscape(events.Events[0].GrantID), "One sign-in was ended", "1 × possible theft", "The old secret of Client CP ends in"} {
		if !strings.Contains(page, want) {
			t.Errorf("the overview lacks %q", want)
		}
	}
	many := &oauth.BulkRevocation{ID: "many-1", CreatedAt: s.clock.Wall(), By: by}
	if err := s.db.StartBulkRevocation(t.Context(), many, audit.Event{At: s.clock.Wall(), Kind: audit.GrantRevoked, Origin: by}); err != nil {
		t.Fatal(err)
	}
	if page := root.get("/admin").body; !strings.Contains(page, `href="/admin/revocations/many-1"`) {
		t.Error("the overview does not lead to the revocation that is under way")
	}
	for age, want := range map[time.Duration]string{80 * 24 * time.Hour: "ES256 signing key is replaced on", 100 * 24 * time.Hour: "ES256 signing key should have been replaced on"} {
		s := newSite(t)
		root := s.admin(t)
		if _, err := oauth.RotateSigningKeys(t.Context(), s.db, s.clock.Wall().Add(-age), by); err != nil {
			t.Fatal(err)
		}
		if page := root.get("/admin").body; !strings.Contains(page, want) {
			t.Errorf("keys of %s: the overview lacks %q", age, want)
		}
	}
}

func TestAServerWithoutClientsShowsNextSteps(t *testing.T) {
	s := newSite(t)
	apis, err := s.db.APIs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range apis {
		if err := s.db.DeleteAPI(t.Context(), a.Resource, audit.Event{At: s.clock.Wall(), Kind: audit.APIDeleted, Origin: by}); err != nil {
			t.Fatal(err)
		}
	}
	clients, err := s.db.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if err := s.db.DeleteClient(t.Context(), c.ID, audit.Event{At: s.clock.Wall(), Kind: audit.ClientDeleted, Origin: by}); err != nil {
			t.Fatal(err)
		}
	}

	page := s.admin(t).get("/admin").body

	if !strings.Contains(page, `href="/admin/clients/new"`) || !strings.Contains(page, `href="/admin/people/invite"`) || !strings.Contains(page, `href="/docs"`) || strings.Contains(page, `class="column"`) {
		t.Error(page)
	}
}
