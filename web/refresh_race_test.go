package web_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"regrant/app/oauth"
)

// raceRules are RT-12 and RT-17 over real HTTP; app/oauth runs the same races a thousand times.
func raceRules(t *testing.T) {
	s := newSite(t)
	t.Run("RT-12 fifty uses at once give one successor", func(t *testing.T) {
		f := s.in(t).family()
		for round := range scaled(20) {
			for _, a := range f.together(50, f.current()) {
				wantOK(t, a)
				f.keep(a)
			}
			if len(f.tokens) != round+2 || int(f.row().Generation) != round+1 {
				t.Fatalf("round %d: %d tokens, generation %d", round, len(f.tokens), f.row().Generation)
			}
		}
		f.alive()
		if got, want := f.days(), (oauth.DayCount{Rotations: int64(scaled(20)), Replays: int64(49 * scaled(20))}); got != want {
			t.Errorf("counted as %+v, want %+v", got, want)
		}
	})
	t.Run("RT-12 T4 a strict client gets one answer at the most, and loses the grant", func(t *testing.T) {
		for range scaled(20) {
			f := s.in(t).family(strict)
			won := 0
			for _, a := range f.together(10, 0) {
				if a.status == http.StatusOK {
					won++
					f.keep(a)
					continue
				}
				wantError(t, a, "invalid_grant")
			}
			if won != 1 {
				t.Fatalf("%d answers", won)
			}
			f.revoked(oauth.RevokedReuse)
		}
	})
	t.Run("RT-17 T39 whatever a refresh makes beside a revocation is dead", func(t *testing.T) {
		for range scaled(100) {
			f := s.in(t).family()
			var both sync.WaitGroup
			var revocation answer
			both.Go(func() {
				var err error
				if revocation, err = f.try(f.request("/revoke", f.client, url.Values{"token": {f.tokens[0]}})); err != nil {
					t.Error(err)
				}
			})
			answers := f.together(2, 0)
			both.Wait()
			if revocation.status != http.StatusOK {
				t.Fatalf("revoke: %d", revocation.status)
			}
			for _, a := range answers {
				if a.status == http.StatusOK {
					f.keep(a)
					continue
				}
				wantError(t, a, "invalid_grant")
			}
			f.dead()
		}
	})
}
