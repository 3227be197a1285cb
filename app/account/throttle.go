package account

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"time"

	"regrant/app/audit"
)

// Throttling of guesses (WEB-36). Each guess is counted, in the database and before the password is looked at, so that
// guesses made at once all count; a right password gives its count back. Four counters are kept:
//
//   - of the account, known or not: after some free failures it delays, twice as long each time. After Limits.Hard
//     failures in a row only devices that this person has signed in with before get in, until one of them does or the
//     password is set anew (NIST SP 800-63B-4 §3.2.2);
//   - of the address, IPv4 whole and IPv6 by /64: a bucket that leaks;
//   - of everybody: a bucket too. While it is full, accounts and addresses have fewer free failures. It refuses nobody
//     by itself, else a stranger could lock everybody out;
//   - of a device that this person has signed in with before, in place of the other three. So whoever guesses at an
//     account delays other strangers, not its owner.
//
// Nothing here depends on whether an account exists, and being throttled ends neither sessions nor grants (T22).

// Limits say how many failures are free and what the next ones cost.
type Limits struct {
	Free       int64         // failures of an account or device before the first delay
	FirstDelay time.Duration // after that many; doubled by each further failure
	MaxDelay   time.Duration
	Hard       int64         // failures in a row before only known devices get in; 0: strangers always get a next try
	PerFailure time.Duration // how much longer an account's failures are remembered for each of them

	AddressBurst int64         // failures of an address at once …
	AddressEvery time.Duration // … and one more in each of these
	GlobalBurst  int64
	GlobalEvery  time.Duration

	PressedFree         int64 // Free and AddressBurst while the bucket of everybody is full
	PressedAddressBurst int64
}

// DefaultLimits returns what NIST allows and people bear.
func DefaultLimits() Limits {
	return Limits{
		Free: 5, FirstDelay: time.Second, MaxDelay: 15 * time.Minute, Hard: 100, PerFailure: 4 * 24 * time.Hour,
		AddressBurst: 20, AddressEvery: 30 * time.Second,
		GlobalBurst: 1000, GlobalEvery: 5 * time.Second,
		PressedFree: 2, PressedAddressBurst: 3,
	}
}

// ThrottledError says how long to wait before the next attempt is looked at. It is the same for accounts that exist and
// that don't.
type ThrottledError struct{ RetryAfter time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("account: too many attempts, try again in %s", e.RetryAfter.Round(time.Second))
}

// Counter is one row of failures. The zero value has none.
type Counter struct {
	Failures  int64
	FailedAt  time.Time
	ExpiresAt time.Time // then it is as if there were none; for a bucket, when it will have leaked empty
}

// Counters are what one guess is weighed against.
type Counters struct {
	Account, Address, Global Counter
	Device                   Counter
	KnownDevice              bool // the person has signed in with this device before
}

// Standing is what becomes of a guess.
type Standing struct {
	Wait  time.Duration // how long it must wait; 0 if it may be made now
	Known bool          // it is counted on a device that the person has signed in with before
}

// Guess is one try of a password, as the store counts it.
type Guess struct {
	Email      string // canonical, empty if it cannot be an address
	DeviceHash string // empty if the browser showed none
	At         time.Time
	Limits     Limits

	AccountCounter, DeviceCounter, AddressCounter, GlobalCounter string // names of counters; empty: not counted
}

// Guessed is whom a guess is about.
type Guessed struct {
	Person *Person // nil if nobody has the address
	Like   string  // the hash of somebody else's password when nobody has it: looking at the guess costs what that one costs
}

func newGuess(l Limits, email, device string, o audit.Origin, now time.Time) Guess {
	g := Guess{
		DeviceHash: device, At: now, Limits: l,
		AccountCounter: counterName("account", CanonicalEmail(email)),
		AddressCounter: addressCounter(o.IP),
		GlobalCounter:  "global",
	}
	g.Email, _ = typedEmail(email)
	if device != "" {
		g.DeviceCounter = counterName("device", CanonicalEmail(email), device)
	}
	return g
}

// counterName hashes what was typed: people type passwords into the wrong field, and the table must stay narrow.
func counterName(kind string, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return kind + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// CountersOf are the names of the counters of a person that only they themselves, by a new password or new factors, or an admin
// can set back, besides those that are known by their address.
func CountersOf(personID string) []string {
	return []string{codeCounter(personID), changeCounter(personID)}
}

func codeCounter(personID string) string   { return counterName("code", personID) }
func changeCounter(personID string) string { return counterName("change", personID) }

func addressCounter(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	n := 32
	if addr.Is6() {
		n = 64
	}
	prefix, err := addr.Prefix(n)
	if err != nil {
		return "" // unreachable: n fits the family
	}
	return "address:" + prefix.String()
}

// known reports whether the guess is counted on its device alone. A device that has used up its own failures is a
// stranger's again.
func (l Limits) known(c Counters, now time.Time) bool {
	return c.KnownDevice && !l.hard(c.Device.alive(now))
}

// hard reports whether a counter has come to its hard end.
func (l Limits) hard(c Counter) bool { return l.Hard > 0 && c.Failures >= l.Hard }

// Standing returns how a guess stands that is weighed against c.
func (l Limits) Standing(c Counters, now time.Time) Standing {
	return Standing{Wait: l.Wait(c, now), Known: l.known(c, now)}
}

// Wait returns how long this guess must wait, 0 if it may be made now.
func (l Limits) Wait(c Counters, now time.Time) time.Duration {
	if l.known(c, now) {
		return l.delay(c.Device.alive(now), l.Free, now)
	}
	account := c.Account.alive(now)
	if l.hard(account) {
		return l.MaxDelay
	}
	free, burst := l.Free, l.AddressBurst
	if level(c.Global, l.GlobalEvery, now) >= l.GlobalBurst {
		free, burst = l.PressedFree, l.PressedAddressBurst
	}
	wait := l.delay(account, free, now)
	if n := level(c.Address, l.AddressEvery, now); n >= burst {
		wait = max(wait, c.Address.bucket(now)-time.Duration(burst-1)*l.AddressEvery)
	}
	return wait
}

// Count returns the counters with this guess among the failures.
func (l Limits) Count(c Counters, now time.Time) Counters {
	if l.known(c, now) {
		c.Device = l.fail(c.Device, now)
		return c
	}
	c.Account = l.fail(c.Account, now)
	c.Address = fill(c.Address, l.AddressEvery, l.AddressBurst, now)
	c.Global = fill(c.Global, l.GlobalEvery, l.GlobalBurst, now)
	return c
}

// GiveBack returns the counters after the guess that was counted turned out right. Failures in a row end with it; an
// address gets only its own guess back, else one's own account would pay for guesses at others.
func (l Limits) GiveBack(c Counters, now time.Time) Counters {
	known := l.known(c, now)
	c.Account, c.Device = Counter{}, Counter{}
	if !known {
		c.Address = drain(c.Address, l.AddressEvery, now)
		c.Global = drain(c.Global, l.GlobalEvery, now)
	}
	return c
}

// Events returns what the log is to say of a guess that was counted in c and turned out wrong: each failure by itself,
// and when delays begin. While everybody's bucket is full, one failure in ever more is enough, for strangers must not
// be able to fill the disk (WEB-65).
func (l Limits) Events(c Counters, failed audit.Event) []audit.Event {
	now := failed.At
	counter, known := c.Account, l.known(c, now)
	if known {
		counter = c.Device
	}
	full := level(c.Global, l.GlobalEvery, now) >= l.GlobalBurst
	if n := c.Global.Failures; !known && full && bits.OnesCount64(uint64(n)) != 1 {
		return nil
	}
	failed.Detail = audit.Details("failures", strconv.FormatInt(counter.Failures, 10))
	events := []audit.Event{failed}
	if counter.Failures == l.Free || counter.Failures == l.Hard {
		failed.Kind = audit.SignInThrottled
		events = append(events, failed)
	}
	return events
}

// maxLag is how much older than the last failure a guess may be that waited for its turn since. What lies further back
// comes from a clock that went back.
const maxLag = 5 * time.Minute

// alive returns the counter as it stands now, or none if it is too old to count. When the clock went back, nobody can say
// how long ago the last failure was: long enough, or people would wait for the clock to catch up.
func (c Counter) alive(now time.Time) Counter {
	if ahead := c.FailedAt.Sub(now); ahead > maxLag {
		c.FailedAt, c.ExpiresAt = time.Time{}, c.ExpiresAt.Add(-ahead)
	}
	if !now.Before(c.ExpiresAt) {
		return Counter{}
	}
	return c
}

// delay returns what is left of the delay after the last failure.
func (l Limits) delay(c Counter, free int64, now time.Time) time.Duration {
	if c.Failures < free {
		return 0
	}
	delay := l.MaxDelay
	if over := c.Failures - free; over < 32 {
		delay = min(l.FirstDelay<<over, l.MaxDelay)
	}
	return max(0, delay-max(0, now.Sub(c.FailedAt)))
}

// remembered is how many failures make a counter live longer where none are too many.
const remembered = 100

func (l Limits) fail(c Counter, now time.Time) Counter {
	c = c.alive(now)
	n, at := c.Failures+1, latest(now, c.FailedAt)
	return Counter{Failures: n, FailedAt: at, ExpiresAt: at.Add(time.Duration(min(n, cmp.Or(l.Hard, remembered))) * l.PerFailure)}
}

// bucket returns how long it takes until the bucket has leaked empty. One that the clock has left behind is empty.
func (c Counter) bucket(now time.Time) time.Duration {
	if c.FailedAt.Sub(now) > maxLag {
		return 0
	}
	return max(0, c.ExpiresAt.Sub(latest(now, c.FailedAt)))
}

// level returns how much is in a bucket from which one leaks in each every.
func level(c Counter, every time.Duration, now time.Time) int64 {
	return int64((c.bucket(now) + every - 1) / every)
}

// fill puts one into a bucket, which holds no more than one above burst.
func fill(c Counter, every time.Duration, burst int64, now time.Time) Counter {
	left := c.bucket(now)
	if left == 0 {
		c = Counter{FailedAt: now}
	}
	left = min(left+every, time.Duration(burst+1)*every)
	at := latest(now, c.FailedAt)
	return Counter{Failures: c.Failures + 1, FailedAt: at, ExpiresAt: at.Add(left)}
}

// drain takes one out again.
func drain(c Counter, every time.Duration, now time.Time) Counter {
	left := c.bucket(now) - every
	if left <= 0 {
		return Counter{}
	}
	return Counter{Failures: max(0, c.Failures-1), FailedAt: c.FailedAt, ExpiresAt: latest(now, c.FailedAt).Add(left)}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// IsThrottled returns the wait, if err says that there is one.
func IsThrottled(err error) (time.Duration, bool) {
	var e *ThrottledError
	if errors.As(err, &e) {
		return e.RetryAfter, true
	}
	return 0, false
}
