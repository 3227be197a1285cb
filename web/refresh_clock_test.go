package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// clockRules are what a wrong clock may and may not do.
func clockRules(t *testing.T) {
	rule := func(name string, check func(t *testing.T, s *site)) {
		t.Helper()
		t.Run(name, func(t *testing.T) { check(t, newSite(t)) })
	}
	rule("T46 a wall clock that goes an hour forward closes no window", func(t *testing.T, s *site) {
		f := s.rotated()
		s.pass(time.Second)
		s.clock.step(time.Hour)
		s.pass(time.Second)
		wantOK(t, f.use(0))
		wantOK(t, f.use(1))
		f.alive()
		s.flush()
		events, err := s.db.Events(context.Background(), db.EventFilter{Kind: audit.ClockStepped}, 10)
		if err != nil || len(events) != 1 || !strings.Contains(s.log.String(), "clock has stepped") {
			t.Errorf("%d events, %v; nobody was told", len(events), err)
		}
		s.pass(8 * time.Second)
		wantError(t, f.use(0), "invalid_grant")
	})
	rule("T46 deadlines come early, by the step and no more, and end nothing for ever", func(t *testing.T, s *site) {
		f := s.family(func(c *oauth.Client) { c.Policy.Idle = 90 * time.Minute })
		s.clock.step(time.Hour)
		s.pass(29 * time.Minute)
		wantOK(t, f.use(0))
		g := s.family(func(c *oauth.Client) { c.Policy.Idle = time.Hour })
		s.clock.step(2 * time.Hour)
		wantError(t, g.use(0), "invalid_grant")
		s.clock.step(-2 * time.Hour)
		s.pass(time.Second)
		wantOK(t, g.use(0))
		if g.row().RevokedAt != nil {
			t.Error("a step alone has revoked")
		}
	})
	rule("T47 a wall clock that goes back revives nothing, and windows run on", func(t *testing.T, s *site) {
		old := s.family(func(c *oauth.Client) { c.Policy.Idle = 30 * time.Minute })
		s.pass(31 * time.Minute)
		f := s.rotated()
		s.pass(time.Second)
		s.clock.step(-time.Hour)
		s.pass(time.Second)
		wantError(t, old.use(0), "invalid_grant")
		wantOK(t, f.use(0))
		s.pass(8 * time.Second)
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
	})
	rule("T47 nor across a restart", func(t *testing.T, s *site) {
		old := s.family(func(c *oauth.Client) { c.Policy.Idle = 30 * time.Minute })
		s.pass(31 * time.Minute)
		f := s.rotated() // a window is open, so the time is saved
		s.pass(12 * time.Second)
		s.stop()
		s.clock.step(-time.Hour)
		s.start(nil)
		wantError(t, old.use(0), "invalid_grant")
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
		g := s.rotated()
		if iat := jwtPart(t, g.access[1], 1)["iat"].(float64); int64(iat) != s.clock.Wall().Unix() {
			t.Error("the tokens of a server do not say its wall time")
		}
	})
	rule("T47 a mark that a wrong clock has raised can be mended", func(t *testing.T, s *site) {
		f := s.family(func(c *oauth.Client) { c.Policy.Idle = 3 * time.Hour })
		s.clock.step(4 * time.Hour)
		for range 3700 { // it stands for an hour, so it is believed
			s.clock.jump(time.Second)
			if err := s.engine.Beat(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		wantOK(t, s.family().use(0))
		s.pass(time.Second)
		s.stop()
		s.clock.step(-4 * time.Hour)
		s.start(nil)
		wantError(t, f.use(0), "invalid_grant")
		if err := s.db.ResetClockMark(context.Background(), s.clock.Wall(), audit.Event{At: s.clock.Wall(), Kind: audit.ClockReset, Origin: by}); err != nil {
			t.Fatal(err)
		}
		s.restart(0)
		wantOK(t, f.use(0))
	})
}
