package db_test

import (
	"fmt"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func waitingDevice(id string, at time.Time) *oauth.DeviceAuthorization {
	return &oauth.DeviceAuthorization{
		Hash: []byte(id), UserCode: "CODE" + id, ClientID: "client", Holder: "client client", Authenticated: true,
		Scope: oauth.Scope{"openid", "read"}, Resources: []string{"https://api.example/"}, IP: "192.0.2.1", UserAgent: "tv/1.0",
		Interval: 5 * time.Second, CreatedAt: at, ExpiresAt: at.Add(oauth.DeviceCodeLifetime),
	}
}

// device is one that waits.
func (w *world) device(id string) *oauth.DeviceAuthorization {
	w.Helper()
	d := waitingDevice(id, start)
	w.ok(w.SaveDeviceAuthorization(w.Context(), d, wide))
	return d
}

// deviceCode is what a person allows a device.
func (w *world) deviceCode(id string) *oauth.AuthorizationCode {
	w.Helper()
	code := w.newCode(w.person(), w.client())
	code.Hash, code.Device, code.ExpiresAt = []byte(id), true, start.Add(oauth.DeviceCodeLifetime)
	return code
}

var deviceRules = map[string]func(*world){
	"every member comes back as it was written": func(w *world) {
		d := w.device("d")
		same(w.T, must(w.DeviceAuthorization(w.Context(), []byte("d"))), d)
		same(w.T, must(w.DeviceAuthorizationOf(w.Context(), "CODEd")), d)
		_, err := w.DeviceAuthorization(w.Context(), []byte("x"))
		w.want(err, oauth.ErrNotFound)
		_, err = w.DeviceAuthorizationOf(w.Context(), "CODEx")
		w.want(err, oauth.ErrNotFound)
	},
	"a user code leads to one device": func(w *world) {
		w.device("d")
		other := waitingDevice("e", start)
		other.UserCode = "CODEd"
		w.want(w.SaveDeviceAuthorization(w.Context(), other, wide), oauth.ErrExists)
		_, err := w.DeviceAuthorization(w.Context(), []byte("e"))
		w.want(err, oauth.ErrNotFound)
	},
	"an early poll makes the interval longer, and one in time does not": func(w *world) {
		w.device("d")
		poll := func(after time.Duration) bool {
			return must(w.PollDevice(w.Context(), []byte("d"), start.Add(after), 500*time.Millisecond, 5*time.Second))
		}

		early := []bool{poll(0), poll(4500 * time.Millisecond), poll(8900 * time.Millisecond), poll(18 * time.Second), poll(33 * time.Second)}

		same(w.T, early, []bool{false, false, true, true, false}) // 5 s apart, then 10, then 15
		got := must(w.DeviceAuthorization(w.Context(), []byte("d")))
		same(w.T, []any{got.Interval, *got.PolledAt}, []any{15 * time.Second, start.Add(33 * time.Second)})
		_, err := w.PollDevice(w.Context(), []byte("x"), start, 0, 0)
		w.want(err, oauth.ErrNotFound)
	},
	"of polls that come at once all but one are early": func(w *world) {
		w.device("d")
		w.race(func(int) error {
			_, err := w.PollDevice(w.Context(), []byte("d"), start, 0, time.Second)
			return err
		}, nil)
		same(w.T, must(w.DeviceAuthorization(w.Context(), []byte("d"))).Interval, 5*time.Second+(racers-1)*time.Second)
	},
	"of many decisions one counts, and a poll finds it": func(w *world) {
		w.device("d")
		code := w.deviceCode("d")
		for i := range racers {
			w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest(fmt.Sprint(i), start), 1000))
		}

		won := w.race(func(i int) error {
			if i%2 == 0 {
				return w.DenyDevice(w.Context(), fmt.Sprint(i), []byte("d"), start, w.event(audit.ConsentDenied))
			}
			return w.IssueCode(w.Context(), fmt.Sprint(i), code, nil, nil)
		}, oauth.ErrSpent)

		same(w.T, []int{won, w.read("SELECT COUNT(*) FROM codes") + w.events(audit.ConsentDenied)}, []int{1, 1})
		d := must(w.DeviceAuthorization(w.Context(), []byte("d")))
		if (d.AllowedAt == nil) == (d.DeniedAt == nil) || (d.AllowedAt != nil) != (w.read("SELECT COUNT(*) FROM codes") == 1) {
			w.Errorf("%+v", d)
		}
		same(w.T, w.read(pendingRows), racers-1) // a decision that did not count ends nothing
		_, err := w.PollDevice(w.Context(), []byte("d"), start, 0, 0)
		w.want(err, oauth.ErrNotFound)
	},
	"what was allowed is of no browser": func(w *world) {
		w.device("d")
		w.ok(w.IssueCode(w.Context(), "", w.deviceCode("d"), nil, nil))
		got := must(w.Code(w.Context(), []byte("d")))
		same(w.T, []any{got.SessionID, got.ExpiresAt}, []any{"", start.Add(oauth.DeviceCodeLifetime)})
	},
	"what has expired is not allowed any more": func(w *world) {
		w.device("d")
		code := w.deviceCode("d")
		code.CreatedAt = start.Add(oauth.DeviceCodeLifetime)
		w.want(w.IssueCode(w.Context(), "", code, nil, nil), oauth.ErrSpent)
		_, err := w.Code(w.Context(), []byte("d"))
		w.want(err, oauth.ErrNotFound)
	},
	"a holder that has too many waits, and nobody else does": func(w *world) {
		bound := oauth.WaitingBound{All: 1000, Holder: 20}
		for i := range 20 {
			w.ok(w.SaveDeviceAuthorization(w.Context(), waitingDevice(fmt.Sprint(i), start), bound))
		}

		w.want(w.SaveDeviceAuthorization(w.Context(), waitingDevice("more", start), bound), oauth.ErrTooMany)
		other := waitingDevice("other", start)
		other.Holder = "client other"
		w.ok(w.SaveDeviceAuthorization(w.Context(), other, bound))

		same(w.T, w.read("SELECT COUNT(*) FROM device_authorizations"), 21)
		w.ok(w.IssueCode(w.Context(), "", w.deviceCode("7"), nil, nil)) // one that was decided does not wait
		w.ok(w.SaveDeviceAuthorization(w.Context(), waitingDevice("more", start), bound))
		w.want(w.SaveDeviceAuthorization(w.Context(), waitingDevice("still more", start), bound), oauth.ErrTooMany)
		w.ok(w.SaveDeviceAuthorization(w.Context(), waitingDevice("later", start.Add(oauth.DeviceCodeLifetime)), bound))
	},
	"a full table keeps those of clients that authenticate, and what was allowed": func(w *world) {
		bound := oauth.WaitingBound{All: 100, Holder: 1000}
		for i := range 40 {
			w.ok(w.SaveDeviceAuthorization(w.Context(), waitingDevice(fmt.Sprint("mine", i), start), bound))
		}
		add := func(id string) {
			d := waitingDevice(id, start.Add(time.Second))
			d.Authenticated, d.Holder = false, "address "+id
			w.ok(w.SaveDeviceAuthorization(w.Context(), d, bound))
		}
		add("allowed")
		w.ok(w.IssueCode(w.Context(), "", w.deviceCode("allowed"), nil, nil))
		for i := range 300 {
			add(fmt.Sprint("flood", i))
		}

		same(w.T, w.read("SELECT COUNT(*) FROM device_authorizations WHERE authenticated_at IS NOT NULL OR allowed_at IS NOT NULL"), 41)
		if n := w.read("SELECT COUNT(*) FROM device_authorizations"); n > 100 || n < 80 {
			w.Errorf("%d devices", n)
		}
		must(w.DeviceAuthorization(w.Context(), []byte("flood299")))
	},
	"what nobody waits for is swept an hour later": func(w *world) {
		w.device("d")
		must(w.Sweep(w.Context(), start.Add(oauth.DeviceCodeLifetime+59*time.Minute), 10))
		same(w.T, w.read("SELECT COUNT(*) FROM device_authorizations"), 1)
		must(w.Sweep(w.Context(), start.Add(oauth.DeviceCodeLifetime+time.Hour), 10))
		same(w.T, w.read("SELECT COUNT(*) FROM device_authorizations"), 0)
	},
}
