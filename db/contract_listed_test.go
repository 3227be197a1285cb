package db_test

import (
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// stateOf says where a grant is listed.
func (w *world) stateOf(s *oauth.RefreshState) (state string) {
	w.Helper()
	w.ok(w.raw.QueryRowContext(w.Context(), "SELECT state FROM grants WHERE id = $1", s.ID).Scan(&state))
	return state
}

func (w *world) usedHour(s *oauth.RefreshState) int {
	w.Helper()
	return w.read("SELECT used_hour FROM grants WHERE id = $1", s.ID)
}

var listedRules = map[string]func(*world){
	"a new grant is open, and was used in the hour it was made": func(w *world) {
		s := w.grant(w.person(), w.client())

		same(w.T, w.stateOf(s), "open")
		same(w.T, w.usedHour(s), int(start.Unix()/3600))
	},
	"the hour of the last use is written behind, and a rotation touches no index": func(w *world) {
		s, other := w.grant(w.person(), w.client()), w.grant(w.person(), w.client())
		w.now = start.Add(5 * time.Hour)
		w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
		same(w.T, w.usedHour(s), int(start.Unix()/3600))

		w.ok(w.WriteBehind(w.Context(), &oauth.Behind{Days: map[oauth.GrantDay]oauth.DayCount{
			{GrantID: s.ID, Day: 1}: {Rotations: 1}, {GrantID: other.ID, Day: 1}: {Refusals: 1},
		}}))

		same(w.T, w.usedHour(s), int(start.Unix()/3600)+5)
		same(w.T, w.usedHour(other), int(start.Unix()/3600))
	},
	"what time has ended is listed as expired, and nothing else is": func(w *world) {
		c := w.client()
		idle, used, ended, gone := w.grant(w.person(), c), w.grant(w.person(), c), w.grant(w.person(), w.client()), w.grant(w.person(), c)
		must(w.RevokeGrant(w.Context(), gone.ID, oauth.RevokedPerson, w.now, w.event(audit.GrantRevoked)))
		w.now = start.Add(30*day - time.Hour)
		for _, s := range []*oauth.RefreshState{used, ended} {
			w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
		}
		w.sweep(start.Add(30*day - time.Second))
		same(w.T, []string{w.stateOf(idle), w.stateOf(gone)}, []string{"open", "revoked"})

		w.sweep(start.Add(30*day + 10*time.Minute))
		same(w.T, []string{w.stateOf(idle), w.stateOf(used), w.stateOf(ended)}, []string{"expired", "open", "open"})

		w.sweep(start.Add(180 * day))
		same(w.T, []string{w.stateOf(idle), w.stateOf(used), w.stateOf(ended)}, []string{"expired", "expired", "expired"})
		w.alive(idle) // where it is listed says nothing about whether anything has ended it
	},
	"an expired grant that is revoked is listed as revoked": func(w *world) {
		s := w.grant(w.person(), w.client())
		w.sweep(start.Add(30 * day))

		must(w.RevokeGrant(w.Context(), s.ID, oauth.RevokedAdmin, start.Add(31*day), w.event(audit.GrantRevoked)))

		same(w.T, w.stateOf(s), "revoked")
	},
}
