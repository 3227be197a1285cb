package web_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// useRules are the transitions of tokens that are used: once, twice, at once, too late.
func useRules(rule ruleFunc) {
	rule("T1 the current token, used once", func(t *testing.T, s *site) {
		f := s.family()
		before := f.row()
		s.pass(time.Minute)
		wantOK(t, f.use(0))
		row := f.row()
		if row.Generation != before.Generation+1 || !row.AbsoluteDeadline.Equal(before.AbsoluteDeadline) || !row.IdleDeadline.Equal(s.at(30*24*time.Hour)) {
			t.Errorf("generation %d, idle %v, absolute %v", row.Generation, row.IdleDeadline, row.AbsoluteDeadline)
		}
		f.alive()
	})
	rule("T2 two uses at once give one successor", func(t *testing.T, s *site) {
		for range scaled(20) {
			f := s.family()
			answers := f.together(2, 0)
			for _, a := range answers {
				wantOK(t, a)
				f.keep(a)
			}
			if len(f.tokens) != 2 || f.row().Generation != 1 {
				t.Fatalf("%d tokens, generation %d", len(f.tokens), f.row().Generation)
			}
			if jwtPart(t, f.access[1], 1)["jti"] == jwtPart(t, f.access[2], 1)["jti"] {
				t.Error("one access token for both")
			}
			if got := f.days(); got != (oauth.DayCount{Rotations: 1, Replays: 1}) {
				t.Errorf("counted as %+v", got)
			}
			f.alive()
		}
	})
	rule("T3 the replays of one generation are bounded, and the bound revokes nothing", func(t *testing.T, s *site) {
		f := s.family()
		for range 101 { // a rotation and 100 replays
			wantOK(t, f.use(0))
		}
		before := f.row()
		wantError(t, f.use(0), "invalid_grant")
		f.unchanged(before)
		if len(f.tokens) != 2 {
			t.Errorf("%d tokens", len(f.tokens))
		}
		f.alive()
		wantOK(t, f.use(1))
	})
	rule("T5 a lost response, tried again in time", func(t *testing.T, s *site) {
		f := s.rotated()
		before := f.row()
		s.pass(9 * time.Second)
		wantOK(t, f.use(0))
		f.unchanged(before)
		if len(f.tokens) != 2 {
			t.Error("another successor")
		}
		f.alive()
	})
	rule("T6 a lost response, tried again too late", func(t *testing.T, s *site) {
		f := s.rotated()
		s.pass(10 * time.Second)
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
		e := f.onlyEvent(audit.GrantReuse)
		if e.Detail != "class=lost_response generation=0 of=1" || f.row().ReuseClass != oauth.ReuseLostResponse {
			t.Error(e.Detail)
		}
	})
	rule("T6 not with multi-process", func(t *testing.T, s *site) {
		f := s.rotated(multiProcess)
		s.pass(61 * time.Second)
		wantError(t, f.use(0), "invalid_grant")
		f.alive()
		f.onlyEvent(audit.TokenReuseReport)
		s.pass(9 * time.Minute)
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse) // it was issued more than ten minutes ago
	})
	rule("T8 the previous token, once its successor was used", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
		if got := f.onlyEvent(audit.GrantReuse).Detail; got != "class=race generation=0 of=2" {
			t.Error(got)
		}
	})
	rule("T9 the second token again, in its window", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		s.pass(5 * time.Second)
		wantOK(t, f.use(1))
		if len(f.tokens) != 3 {
			t.Error("another successor")
		}
		f.alive()
	})
	rule("T10 any older token, at any later time", func(t *testing.T, s *site) {
		for old := range 20 {
			if old > 3 && old < 18 {
				continue
			}
			f := s.family()
			for range 20 {
				wantOK(t, f.use(f.current()))
			}
			s.pass(20 * 24 * time.Hour)
			r := f.tokenRequest(f.client, map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {f.tokens[old]}})
			r.Header.Set("User-Agent", "thief/1.0")
			wantError(t, s.do(r), "invalid_grant")
			f.revoked(oauth.RevokedReuse)
			e := f.onlyEvent(audit.GrantReuse)
			class := "theft"
			if old == 19 {
				class = "lost_response" // nobody has used its successor
			}
			want := "class=" + class + " generation=" + decimal(old) + " of=20"
			if e.Detail != want || e.IP != "127.0.0.1" || e.UserAgent != "thief/1.0" || e.PersonID != s.person[f.who].ID || e.ClientID != f.client {
				t.Errorf("%+v", e)
			}
		}
	})
	rule("T11 reuse of what is revoked changes nothing and is told once", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		wantError(t, f.use(0), "invalid_grant")
		before, moments := f.row(), len(f.moments())
		for i := range 189 {
			wantError(t, f.use(i%3), "invalid_grant")
		}
		f.unchanged(before)
		f.onlyEvent(audit.GrantReuse)
		if got := len(f.moments()) - moments; got > 1 {
			t.Errorf("%d moments", got)
		}
	})
	rule("T13 a revoked token is not a reused one", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		f.revoke(oauth.RevokedPerson)
		for i := range f.tokens {
			wantError(t, f.use(i), "invalid_grant")
		}
		f.revoked(oauth.RevokedPerson)
		if n := len(f.events(audit.GrantReuse)); n != 0 || f.row().ReuseClass != "" {
			t.Error("it counts as reuse")
		}
	})
	rule("T51 the limit of an admin", func(t *testing.T, s *site) {
		f := s.family(func(c *oauth.Client) { c.Policy.RefreshLimit = 3 })
		s.pass(time.Minute - time.Duration(s.clock.Wall().Second())*time.Second) // the beginning of a minute
		for _, a := range f.together(3, 0) {
			wantOK(t, a) // those that had to be decided anew counted once
			f.keep(a)
		}
		before := f.row()
		a := f.use(1)
		wantErrorStatus(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
		if got := a.header.Get("Retry-After"); got != "60" {
			t.Errorf("Retry-After is %q", got)
		}
		f.unchanged(before)
		wantError(t, f.use(1, map[string][]string{"refresh_token": {"x"}}), "invalid_grant")
		s.pass(time.Minute)
		wantOK(t, f.use(1))
		f.alive()
	})
	rule("T54 three rotations within one second, then the first two", func(t *testing.T, s *site) {
		for old := range 2 {
			f := s.rotated()
			wantOK(t, f.use(1))
			wantOK(t, f.use(2))
			wantError(t, f.use(old), "invalid_grant")
			f.revoked(oauth.RevokedReuse)
		}
	})
	rule("T55 the previous token is not active inside its window, and tells nothing", func(t *testing.T, s *site) {
		f := s.rotated()
		a := s.post("/introspect", f.client, map[string][]string{"token": {f.tokens[0]}})
		if strings.TrimSpace(a.body) != `{"active":false}` {
			t.Error(a.body)
		}
		wantOK(t, f.use(0))
		f.alive()
	})
	rule("on-reuse report refuses, reports and revokes nothing", func(t *testing.T, s *site) {
		f := s.rotated(func(c *oauth.Client) { c.Policy.OnReuse = oauth.ReuseReports })
		wantOK(t, f.use(1))
		before := f.row()
		for range 5 {
			wantError(t, f.use(0), "invalid_grant")
		}
		f.unchanged(before)
		f.onlyEvent(audit.TokenReuseReport)
		wantOK(t, f.use(2))
	})
}

// revoke ends the grant as the pages of people and admins do.
func (f *family) revoke(reason oauth.RevokedReason) {
	f.t.Helper()
	event := audit.Event{At: f.clock.Wall(), Kind: audit.GrantRevoked, Origin: by, GrantID: f.id, ClientID: f.client, Result: string(reason)}
	if alive, err := f.db.RevokeGrant(context.Background(), f.id, reason, f.clock.Wall(), event); err != nil || !alive {
		f.t.Fatal(alive, err)
	}
}

func decimal(n int) string { return strconv.Itoa(n) }
