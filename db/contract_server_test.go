package db_test

import (
	"fmt"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func testKey(id string, number uint8) oauth.Key {
	return oauth.Key{ID: id, Use: oauth.KeyToken, Algorithm: "HS256", Number: number, Material: []byte("material of " + id),
		CreatedAt: start.Add(time.Duration(number) * time.Second), ActiveAt: start.Add(time.Minute)}
}

var keyRules = map[string]func(*world){
	"every member comes back as it was written": func(w *world) {
		ends := start.Add(time.Hour)
		a, b := testKey("a", 1), testKey("b", 2)
		b.EndsAt = &ends

		w.ok(w.AddKeys(w.Context(), []oauth.Key{a, b}, nil, w.event(audit.KeyCreated), w.event(audit.KeyRotated)))

		same(w.T, must(w.Keys(w.Context())), []oauth.Key{a, b})
		same(w.T, []int{w.events(audit.KeyCreated), w.events(audit.KeyRotated)}, []int{1, 1})
	},
	"adding sets the end of others": func(w *world) {
		ends := start.Add(time.Hour)
		a, b := testKey("a", 1), testKey("b", 2)
		w.ok(w.AddKeys(w.Context(), []oauth.Key{a}, nil))

		w.ok(w.AddKeys(w.Context(), []oauth.Key{b}, map[string]time.Time{"a": ends}))

		a.EndsAt = &ends
		same(w.T, must(w.Keys(w.Context())), []oauth.Key{a, b})
	},
	"where one number is taken none is added and none ends": func(w *world) {
		a := testKey("a", 1)
		w.ok(w.AddKeys(w.Context(), []oauth.Key{a}, nil))

		err := w.AddKeys(w.Context(), []oauth.Key{testKey("b", 2), testKey("c", 1)}, map[string]time.Time{"a": start}, w.event(audit.KeyRotated))

		w.want(err, oauth.ErrExists)
		same(w.T, must(w.Keys(w.Context())), []oauth.Key{a})
		same(w.T, w.events(audit.KeyRotated), 0)
	},
	"of many who add the same number one wins": func(w *world) {
		won := w.race(func(i int) error {
			return w.AddKeys(w.Context(), []oauth.Key{testKey(fmt.Sprint(i), 1)}, nil, w.event(audit.KeyCreated))
		}, oauth.ErrExists)

		same(w.T, []int{won, len(must(w.Keys(w.Context()))), w.events(audit.KeyCreated)}, []int{1, 1, 1})
	},
	"the ids of window keys rise": func(w *world) {
		k := oauth.WindowKey{ID: 5, Key: []byte("key 5"), CreatedAt: 17}
		w.ok(w.AddWindowKey(w.Context(), k))

		for _, id := range []int64{4, 5} {
			w.want(w.AddWindowKey(w.Context(), oauth.WindowKey{ID: id, Key: []byte("x")}), oauth.ErrExists)
		}

		same(w.T, must(w.WindowKeys(w.Context())), []oauth.WindowKey{k})
	},
	"window keys are erased up to an id": func(w *world) {
		for id := range int64(3) {
			w.ok(w.AddWindowKey(w.Context(), oauth.WindowKey{ID: id + 1, Key: []byte("key")}))
		}

		w.ok(w.EraseWindowKeys(w.Context(), 2))
		same(w.T, must(w.WindowKeys(w.Context())), []oauth.WindowKey{{ID: 3, Key: []byte("key")}})
		w.ok(w.EraseWindowKeys(w.Context(), 9))
		w.ok(w.EraseWindowKeys(w.Context(), 9))
		same(w.T, len(must(w.WindowKeys(w.Context()))), 0)
	},
}

func (w *world) clock() oauth.ClockState {
	w.Helper()
	state, epoch, err := w.Clock(w.Context())
	w.ok(err)
	same(w.T, epoch, uint8(0))
	return state
}

var clockRules = map[string]func(*world){
	"a new store remembers nothing": func(w *world) {
		same(w.T, w.clock(), oauth.ClockState{})
	},
	"neither service time nor mark goes back": func(w *world) {
		w.ok(w.SaveClock(w.Context(), oauth.ClockState{Service: 100, Mark: start}))
		w.ok(w.SaveClock(w.Context(), oauth.ClockState{Service: 50, Mark: start.Add(time.Hour)}))
		same(w.T, w.clock(), oauth.ClockState{Service: 100, Mark: start.Add(time.Hour)})
		w.ok(w.SaveClock(w.Context(), oauth.ClockState{Service: 200}))
		same(w.T, w.clock(), oauth.ClockState{Service: 200, Mark: start.Add(time.Hour)})
	},
	"whatever order saves arrive in, the highest stays": func(w *world) {
		w.race(func(i int) error {
			return w.SaveClock(w.Context(), oauth.ClockState{Service: oauth.ServiceTime(i), Mark: start.Add(time.Duration(i))})
		}, nil)

		same(w.T, w.clock().Service, oauth.ServiceTime(racers-1))
	},
	"an admin may set the mark back, and service time stays": func(w *world) {
		w.ok(w.SaveClock(w.Context(), oauth.ClockState{Service: 100, Mark: start.Add(time.Hour)}))

		w.ok(w.ResetClockMark(w.Context(), start, w.event(audit.ClockReset)))

		same(w.T, w.clock(), oauth.ClockState{Service: 100, Mark: start})
		same(w.T, w.events(audit.ClockReset), 1)
	},
	"events are recorded together": func(w *world) {
		w.ok(w.Audit(w.Context(), w.event(audit.ClientAuthFailed), w.event(audit.ClientAuthFailed)))
		same(w.T, w.events(audit.ClientAuthFailed), 2)
	},
}

var accessTokenRules = map[string]func(*world){
	"one is revoked once": func(w *world) {
		same(w.T, must(w.AccessTokenRevoked(w.Context(), "jti")), false)
		for range 2 {
			w.ok(w.RevokeAccessToken(w.Context(), "jti", start, w.event(audit.TokenRevoked)))
		}

		same(w.T, must(w.AccessTokenRevoked(w.Context(), "jti")), true)
		same(w.T, must(w.AccessTokenRevoked(w.Context(), "other")), false)
		same(w.T, w.events(audit.TokenRevoked), 1)
	},
}
