package db_test

import (
	"fmt"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func pushedRequest(id string, at time.Time) *oauth.PushedRequest {
	return &oauth.PushedRequest{
		Hash: []byte(id), ClientID: "client", Holder: "client client", Authenticated: true, Parameters: "client_id=client&state=st%FF",
		CreatedAt: at, ExpiresAt: at.Add(90 * time.Second), KeptUntil: at.Add(90 * time.Second),
	}
}

var wide = oauth.WaitingBound{All: 10_000, Holder: 10_000}

// brought is a pending request that came as the pushed request of that id.
func brought(id, pushed string) *oauth.AuthorizationRequest {
	r := pendingRequest(id, start)
	r.Pushed = []byte(pushed)
	return r
}

var pushedRules = map[string]func(*world){
	"every member comes back as it was written": func(w *world) {
		r := pushedRequest("p", start)
		w.ok(w.PushRequest(w.Context(), r, wide))
		same(w.T, must(w.PushedRequest(w.Context(), []byte("p"))), r)
		_, err := w.PushedRequest(w.Context(), []byte("x"))
		w.want(err, oauth.ErrNotFound)
	},
	"one that was brought is kept for the browser as long as what it became": func(w *world) {
		w.ok(w.PushRequest(w.Context(), pushedRequest("p", start), wide))
		r := brought("r", "p")
		w.ok(w.SaveAuthorizationRequest(w.Context(), r, 10))

		got := must(w.PushedRequest(w.Context(), []byte("p")))
		same(w.T, []any{got.BrowserHash, got.KeptUntil, got.SpentAt == nil}, []any{r.BrowserHash, r.ExpiresAt, true})
		same(w.T, must(w.AuthorizationRequest(w.Context(), "r")), r)
	},
	"of many tabs that complete it one does": func(w *world) {
		o, c := w.person(), w.client()
		w.ok(w.PushRequest(w.Context(), pushedRequest("p", start), wide))
		for i := range racers {
			w.ok(w.SaveAuthorizationRequest(w.Context(), brought(fmt.Sprint(i), "p"), 1000))
		}

		won := w.race(func(i int) error {
			if i%3 == 0 {
				return w.EndAuthorizationRequest(w.Context(), brought(fmt.Sprint(i), "p"), w.event(audit.ConsentDenied))
			}
			code := w.newCode(o, c)
			code.Pushed = []byte("p")
			if i%3 == 1 {
				return w.IssueCode(w.Context(), "", code, nil, nil) // nobody had to be asked
			}
			return w.IssueCode(w.Context(), fmt.Sprint(i), code, nil, nil)
		}, oauth.ErrSpent)

		same(w.T, []int{won, w.read("SELECT COUNT(*) FROM codes") + w.events(audit.ConsentDenied)}, []int{1, 1})
		same(w.T, w.read("SELECT COUNT(*) FROM pushed_requests WHERE spent_at IS NOT NULL"), 1)
	},
	"one that was completed is not brought again": func(w *world) {
		o, c := w.person(), w.client()
		w.ok(w.PushRequest(w.Context(), pushedRequest("p", start), wide))
		code := w.newCode(o, c)
		code.Pushed = []byte("p")
		w.ok(w.IssueCode(w.Context(), "", code, nil, nil))

		w.want(w.SaveAuthorizationRequest(w.Context(), brought("r", "p"), 10), oauth.ErrSpent)

		same(w.T, w.read(pendingRows), 0)
		if must(w.PushedRequest(w.Context(), []byte("p"))).SpentAt == nil {
			w.Error("nobody knows that it was used")
		}
	},
	"a holder that has too many waits, and nobody else does": func(w *world) {
		bound := oauth.WaitingBound{All: 1000, Holder: 20}
		for i := range 20 {
			w.ok(w.PushRequest(w.Context(), pushedRequest(fmt.Sprint(i), start), bound))
		}

		w.want(w.PushRequest(w.Context(), pushedRequest("more", start), bound), oauth.ErrTooMany)
		other := pushedRequest("other", start)
		other.Holder = "client other"
		w.ok(w.PushRequest(w.Context(), other, bound))

		same(w.T, w.read("SELECT COUNT(*) FROM pushed_requests"), 21)
		w.ok(w.PushRequest(w.Context(), pushedRequest("later", start.Add(91*time.Second)), bound))
	},
	"a full table keeps those of clients that authenticate": func(w *world) {
		bound := oauth.WaitingBound{All: 100, Holder: 1000}
		for i := range 50 {
			w.ok(w.PushRequest(w.Context(), pushedRequest(fmt.Sprint("mine", i), start), bound))
		}
		for i := range 400 {
			r := pushedRequest(fmt.Sprint("flood", i), start.Add(time.Second))
			r.Authenticated, r.Holder = false, fmt.Sprint("address ", i)
			w.ok(w.PushRequest(w.Context(), r, bound))
		}

		same(w.T, w.read("SELECT COUNT(*) FROM pushed_requests WHERE authenticated_at IS NOT NULL"), 50)
		if n := w.read("SELECT COUNT(*) FROM pushed_requests"); n > 100 || n < 80 {
			w.Errorf("%d pushed requests", n)
		}
		must(w.PushedRequest(w.Context(), []byte("flood399")))
	},
	"what nobody needs is swept": func(w *world) {
		w.ok(w.PushRequest(w.Context(), pushedRequest("p", start), wide))
		w.ok(w.PushRequest(w.Context(), pushedRequest("q", start), wide))
		w.ok(w.SaveAuthorizationRequest(w.Context(), brought("r", "q"), 10))

		_, err := w.Sweep(w.Context(), start.Add(91*time.Second), 10)
		w.ok(err)

		_, err = w.PushedRequest(w.Context(), []byte("p"))
		w.want(err, oauth.ErrNotFound)
		must(w.PushedRequest(w.Context(), []byte("q")))
	},
}
