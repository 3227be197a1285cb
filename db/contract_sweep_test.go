package db_test

import (
	"fmt"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

const day = 24 * time.Hour

var behindRules = map[string]func(*world){
	"counters of a day add up": func(w *world) {
		s := w.grant(w.person(), w.client())
		for range 3 {
			b := &oauth.Behind{Days: map[oauth.GrantDay]oauth.DayCount{
				{GrantID: s.ID, Day: 1}: {Rotations: 1, Replays: 2, Refusals: 3}, {GrantID: s.ID, Day: 2}: {Rotations: 5}, {GrantID: "gone", Day: 1}: {},
			}}
			w.ok(w.WriteBehind(w.Context(), b))
			same(w.T, len(b.Days), 0)
		}
		same(w.T, w.read("SELECT rotations * 10000 + replays * 100 + refusals FROM grant_days WHERE day = 1"), 30609)
		same(w.T, w.read("SELECT rotations FROM grant_days WHERE day = 2"), 15)
		same(w.T, w.read("SELECT COUNT(*) FROM grant_days"), 2)
	},
	"more than one transaction holds are all written": func(w *world) {
		s := w.grant(w.person(), w.client())
		b := &oauth.Behind{Days: map[oauth.GrantDay]oauth.DayCount{}, Replays: map[[16]byte][]oauth.RingEntry{}}
		for i := range 1234 {
			b.Days[oauth.GrantDay{GrantID: s.ID, Day: int64(i)}] = oauth.DayCount{Rotations: 1}
			b.Events = append(b.Events, w.event(audit.TokenFork))
		}
		w.ok(w.WriteBehind(w.Context(), b))
		same(w.T, []int{w.read("SELECT SUM(rotations) FROM grant_days"), w.events(audit.TokenFork)}, []int{1234, 1234})
	},
	"replays are appended to the ring": func(w *world) {
		s := w.grant(w.person(), w.client())
		w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
		replay := oauth.RingEntry{At: start.Truncate(time.Millisecond), Kind: oauth.RingReplay, AgentChanged: true}

		w.ok(w.WriteBehind(w.Context(), &oauth.Behind{Replays: map[[16]byte][]oauth.RingEntry{s.TokenID: {replay, replay}, {9}: {replay}}}))

		entries := must(w.RefreshState(w.Context(), s.TokenID)).Ring.Entries()
		same(w.T, []any{len(entries), entries[0].Kind, entries[1], entries[2]}, []any{3, oauth.RingRotation, replay, replay})
	},
	"the last moments of a grant stay, each as it was written": func(w *world) {
		s, other := w.grant(w.person(), w.client()), w.grant(w.person(), w.client())
		m := oauth.Moment{At: start, Kind: oauth.MomentRefused, IP: "192.0.2.9", UserAgent: "agent", Detail: "why", RequestID: "r"}
		var moments []oauth.Moment
		for i := range oauth.MomentsKept + 30 {
			m.GrantID, m.Generation = s.ID, uint32(i)
			moments = append(moments, m)
		}
		m.GrantID = other.ID
		moments = append(moments, m)
		m.GrantID = "gone"
		moments = append(moments, m)

		w.ok(w.WriteBehind(w.Context(), &oauth.Behind{Moments: moments}))

		same(w.T, w.read("SELECT COUNT(*) FROM grant_moments WHERE grant_id = $1", s.ID), oauth.MomentsKept)
		same(w.T, w.read("SELECT MIN(generation) FROM grant_moments WHERE grant_id = $1", s.ID), 30)
		same(w.T, w.read(`SELECT COUNT(*) FROM grant_moments WHERE grant_id = $1 AND at = $2 AND kind = 'refused' AND ip = '192.0.2.9'
			AND user_agent = 'agent' AND detail = 'why' AND request_id = 'r'`, other.ID, start.UnixMicro()), 1)
		same(w.T, w.read("SELECT COUNT(*) FROM grant_moments WHERE grant_id = 'gone'"), 0)
	},
}

// sweep sweeps until nothing is left to do and says how many rows went.
func (w *world) sweep(now time.Time) (total int) {
	w.Helper()
	for range 1000 {
		n := must(w.Sweep(w.Context(), now, 3))
		if total += n; n == 0 {
			return total
		}
	}
	w.Fatal("sweeping does not end")
	return 0
}

var sweepRules = map[string]func(*world){
	"what is needed stays": func(w *world) {
		o, c := w.person(), w.client()
		s, code := w.grant(o, c), w.code(o, c)
		w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest("r", start), 10))
		w.ok(w.RevokeAccessToken(w.Context(), "jti", start.Add(time.Second), w.event(audit.TokenRevoked)))
		w.ok(w.AddKeys(w.Context(), []oauth.Key{testKey("a", 1)}, nil))
		w.ok(w.WriteBehind(w.Context(), &oauth.Behind{Days: map[oauth.GrantDay]oauth.DayCount{{GrantID: s.ID, Day: start.Unix() / 86400}: {}}}))

		same(w.T, w.sweep(start), 0)

		w.alive(s)
		must(w.Code(w.Context(), code.Hash))
		must(w.AuthorizationRequest(w.Context(), "r"))
		same(w.T, must(w.AccessTokenRevoked(w.Context(), "jti")), true)
		same(w.T, []int{len(must(w.Keys(w.Context()))), w.read("SELECT COUNT(*) FROM grant_days")}, []int{1, 1})
	},
	"what is over goes, at its time": func(w *world) {
		o, c := w.person(), w.client()
		code, ends := w.code(o, c), start.Add(time.Hour)
		for i := range 7 {
			w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest(fmt.Sprint(i), start), 10))
		}
		w.ok(w.RevokeAccessToken(w.Context(), "jti", ends, w.event(audit.TokenRevoked)))
		w.ok(w.AddKeys(w.Context(), []oauth.Key{testKey("a", 1), testKey("b", 2)}, nil))
		w.ok(w.AddKeys(w.Context(), nil, map[string]time.Time{"a": ends}))

		same(w.T, w.sweep(ends.Add(-time.Microsecond)), 0)
		same(w.T, w.sweep(ends), 7+1)
		same(w.T, must(w.Keys(w.Context())), []oauth.Key{testKey("b", 2)})
		same(w.T, w.events(audit.KeyDeleted), 1)
		must(w.Code(w.Context(), code.Hash)) // a replay is recognised for an hour longer
		same(w.T, w.sweep(code.ExpiresAt.Add(time.Hour)), 1)
		_, err := w.Code(w.Context(), code.Hash)
		w.want(err, oauth.ErrNotFound)
		same(w.T, w.sweep(ends.Add(day-time.Microsecond)), 0)
		same(w.T, must(w.AccessTokenRevoked(w.Context(), "jti")), true) // a wall clock that goes back revives nothing
		same(w.T, w.sweep(ends.Add(day)), 1)
		same(w.T, must(w.AccessTokenRevoked(w.Context(), "jti")), false)
	},
	"a dead grant is remembered for 30 days, and then all of it goes": func(w *world) {
		o, c := w.person(), w.client()
		for _, tombstone := range []struct {
			s     *oauth.RefreshState
			ended time.Time
		}{{w.grant(o, c), start}, {w.grant(o, c), start.Add(180 * day)}} {
			s := tombstone.s
			if tombstone.ended.Equal(start) {
				must(w.RevokeGrant(w.Context(), s.ID, oauth.RevokedPerson, start, w.event(audit.GrantRevoked)))
			}
			b := &oauth.Behind{Moments: []oauth.Moment{{GrantID: s.ID}}}
			b.Days = map[oauth.GrantDay]oauth.DayCount{{GrantID: s.ID, Day: tombstone.ended.Unix() / 86400}: {Rotations: 1}}
			w.ok(w.WriteBehind(w.Context(), b))
			w.sweep(tombstone.ended.Add(30*day - time.Microsecond))
			must(w.RefreshState(w.Context(), s.TokenID))

			w.sweep(tombstone.ended.Add(30 * day))

			_, err := w.RefreshState(w.Context(), s.TokenID)
			w.want(err, oauth.ErrNotFound)
			_, err = w.Grant(w.Context(), s.ID)
			w.want(err, oauth.ErrNotFound)
			for _, table := range []string{"refresh_tokens", "grant_days", "grant_moments"} {
				same(w.T, w.read("SELECT COUNT(*) FROM "+table+" WHERE grant_id = $1", s.ID), 0)
			}
		}
	},
	"counters go after 400 days": func(w *world) {
		s, today := w.grant(w.person(), w.client()), start.Unix()/86400
		days := map[oauth.GrantDay]oauth.DayCount{}
		for _, d := range []int64{0, 399, 400, 401, 500} {
			days[oauth.GrantDay{GrantID: s.ID, Day: today - d}] = oauth.DayCount{Rotations: 1}
		}
		w.ok(w.WriteBehind(w.Context(), &oauth.Behind{Days: days}))

		same(w.T, w.sweep(start), 2)
		same(w.T, w.read("SELECT MIN(day) FROM grant_days"), int(today-400))
	},
	"the grants of a deleted person and of a deleted client follow": func(w *world) {
		a, b := w.grant(w.person(), w.client()), w.grant(w.person(), w.client())
		w.ok(w.DeletePerson(w.Context(), a.PersonID, w.event(audit.PersonDeleted)))
		w.ok(w.DeleteClient(w.Context(), b.ClientID, w.event(audit.ClientDeleted)))

		w.sweep(start)

		same(w.T, must(w.Grant(w.Context(), a.ID)).RevokedReason, oauth.RevokedUserDeleted)
		same(w.T, must(w.Grant(w.Context(), b.ID)).RevokedReason, oauth.RevokedClientDeleted)
		w.sweep(start.Add(30 * day))
		same(w.T, w.read("SELECT (SELECT COUNT(*) FROM grants) + (SELECT COUNT(*) FROM refresh_tokens)"), 0)
	},
}
