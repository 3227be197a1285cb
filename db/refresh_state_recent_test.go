package db_test

import (
	"errors"
	"testing"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// recentRules are of the store on SQLite: what it remembers of a refresh token is what is stored, or nothing.
var recentRules = map[string]func(*world, *oauth.RefreshState){
	"before the first rotation nothing is remembered": func(w *world, s *oauth.RefreshState) {
		if got := w.RecentRefreshState(s.TokenID); got != nil {
			w.Errorf("%+v", got)
		}
	},
	"after each rotation it is what is stored": func(w *world, s *oauth.RefreshState) {
		for range 20 {
			w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
			s = w.RecentRefreshState(s.TokenID)
			same(w.T, s, must(w.RefreshState(w.Context(), s.TokenID)))
		}
	},
	"a rotation that misses is forgotten": func(w *world, s *oauth.RefreshState) {
		w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
		_ = must(w.RevokeGrant(w.Context(), s.ID, oauth.RevokedPerson, w.now, w.event(audit.GrantRevoked)))
		w.want(w.RotateRefreshToken(w.Context(), w.rotation(w.RecentRefreshState(s.TokenID))), oauth.ErrConflict)
		if got := w.RecentRefreshState(s.TokenID); got != nil {
			w.Errorf("%+v", got)
		}
	},
	"a token that is renewed in place is forgotten": func(w *world, s *oauth.RefreshState) {
		w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
		w.ok(w.TouchRefreshToken(w.Context(), w.rotation(w.RecentRefreshState(s.TokenID))))
		if got := w.RecentRefreshState(s.TokenID); got != nil {
			w.Errorf("%+v", got)
		}
	},
	"a token whose replays are written is forgotten": func(w *world, s *oauth.RefreshState) {
		w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
		w.ok(w.WriteBehind(w.Context(), &oauth.Behind{Replays: map[[16]byte][]oauth.RingEntry{s.TokenID: {{At: w.now, Kind: oauth.RingReplay}}}}))
		if got := w.RecentRefreshState(s.TokenID); got != nil {
			w.Errorf("%+v", got)
		}
	},
	"the slower of two callers does not bring back the earlier rotation": func(w *world, s *oauth.RefreshState) {
		won := w.race(func(int) error {
			for {
				read := w.RecentRefreshState(s.TokenID)
				if read == nil {
					read = must(w.RefreshState(w.Context(), s.TokenID))
				}
				if err := w.RotateRefreshToken(w.Context(), w.rotation(read)); !errors.Is(err, oauth.ErrConflict) {
					return err
				}
			}
		}, oauth.ErrConflict)
		if got := w.RecentRefreshState(s.TokenID); got != nil {
			same(w.T, int(got.Generation), won)
			same(w.T, got, must(w.RefreshState(w.Context(), s.TokenID)))
		}
	},
}

func TestARecentRefreshStateIsWhatIsStored(t *testing.T) {
	for rule, test := range recentRules {
		t.Run(rule, func(t *testing.T) {
			d, _ := openPair(t)
			w := &world{T: t, contractStore: d, now: start}
			test(w, w.grant(w.person(), w.client()))
		})
	}
}

// Whatever ends or changes what a remembered state shows makes the rotation on it miss: here another process does it, of which
// this one hears nothing.
func TestARotationOnARecentStateMissesWhateverAnotherProcessChanged(t *testing.T) {
	for change := range (&world{T: t}).changesOfState() {
		t.Run(change, func(t *testing.T) {
			mine, theirs := openPair(t)
			w, other := &world{T: t, contractStore: mine, now: start}, &world{T: t, contractStore: theirs, now: start}
			s := w.grant(w.person(), w.client())
			w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
			recent := w.RecentRefreshState(s.TokenID)

			w.ok(other.changesOfState()[change](must(other.RefreshState(w.Context(), s.TokenID))))

			w.want(w.RotateRefreshToken(w.Context(), w.rotation(recent)), oauth.ErrConflict)
		})
	}
}

func TestRecentRefreshStatesAreBounded(t *testing.T) {
	const bound = 2048
	d, _ := openPair(t)
	w := &world{T: t, contractStore: d, now: start}
	one := w.grant(w.person(), w.client())
	w.ok(w.RotateRefreshToken(w.Context(), w.rotation(one)))

	if n := d.RememberStates(one, bound+100); n != bound {
		t.Errorf("%d are remembered", n)
	}
}
