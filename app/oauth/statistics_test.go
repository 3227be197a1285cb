package oauth_test

import (
	"testing"
	"time"

	"regrant/app/oauth"
)

func TestRefreshesReplaysAndRefusalsAreCountedOfTheirClient(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	token, _ := w.grant("standard", "ann")
	refresh := func(after time.Duration, token string, accepted bool) string {
		t.Helper()
		w.clock.pass(after)
		r, err := w.refresh("standard", token, "")
		if (err == nil) != accepted {
			t.Fatalf("after %s: %v", after, err)
		}
		if err != nil {
			return ""
		}
		return r.RefreshToken
	}
	second := refresh(2*time.Hour, token, true) // rested two hours
	refresh(3*time.Second, token, true)         // absorbed after three seconds
	for range 40 {                              // the window runs down while the server is there
		w.clock.pass(time.Second)
		w.engine.Now()
	}
	third := refresh(10*time.Minute, second, true) // rested ten minutes
	for range 20 {
		w.clock.pass(time.Second)
		w.engine.Now()
	}
	refresh(0, second, false) // reuse of the previous one after twenty seconds
	refresh(0, third, false)  // refused: the grant is revoked
	refresh(0, third, false)  // the same again, which does not count again
	w.ok(w.engine.Flush(t.Context()))

	now := w.clock.Wall()
	want := oauth.Count{Rotations: 2, Replays: 1, Refusals: 2, Reuses: 1}
	days, err := w.db.ClientDays(t.Context(), "standard", oauth.DayOf(now))
	w.ok(err)
	if len(days) != 1 || days[0].Count != want {
		t.Errorf("days: %+v", days)
	}
	var hours oauth.Count
	all, err := w.db.ServerHours(t.Context(), oauth.HourOf(epoch))
	w.ok(err)
	for _, h := range all {
		hours = hours.Plus(h.Count)
	}
	if hours != want {
		t.Errorf("hours: %+v", all)
	}
	h, err := w.db.ClientHistograms(t.Context(), "standard", oauth.DayOf(now))
	w.ok(err)
	// 1 h to 6 h, 5 min to 15 min; 2 s to 5 s, 20 s to 30 s
	if h.Idle.Total() != 2 || h.Idle[4] != 1 || h.Idle[2] != 1 || h.Replay.Total() != 2 || h.Replay[2] != 1 || h.Replay[6] != 1 {
		t.Errorf("histograms: %+v", h)
	}
}
