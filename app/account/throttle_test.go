package account

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"regrant/app/audit"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestThrottle(t *testing.T) {
	l := DefaultLimits()

	t.Run("WEB-36 one person has one counter however the address is typed, and strangers have others", func(t *testing.T) {
		name := func(email string) string { return newGuess(l, email, "", audit.Origin{}, noon).AccountCounter }
		if name(" ANN@example.com") != name("ann@example.com") {
			t.Error("CVE-2025-24806: two spellings count apart")
		}
		if name("ann@example.com") == name("bob@example.com") || name("") == "" {
			t.Error("two people share a counter")
		}
	})

	t.Run("WEB-36 addresses count whole for IPv4 and by /64 for IPv6", func(t *testing.T) {
		for in, want := range map[string]string{
			"192.0.2.7": "address:192.0.2.7/32", "::ffff:192.0.2.7": "address:192.0.2.7/32",
			"2001:db8:1:2:3:4:5:6": "address:2001:db8:1:2::/64", "fe80::1%eth0": "address:fe80::/64", "": "", "unix": "",
		} {
			if got := addressCounter(in); got != want {
				t.Errorf("%q: got %q, want %q", in, got, want)
			}
		}
	})

	t.Run("a delay ends by itself, and ends earlier for nobody", func(t *testing.T) {
		var c Counters
		for range l.Free + 3 {
			c = l.Count(c, noon)
		}
		if got := l.Wait(c, noon); got != 8*time.Second {
			t.Errorf("got %v", got)
		}
		if got := l.Wait(c, noon.Add(7999*time.Millisecond)); got != time.Millisecond {
			t.Errorf("got %v", got)
		}
		if got := l.Wait(c, noon.Add(8*time.Second)); got != 0 {
			t.Errorf("got %v", got)
		}
	})

	t.Run("WEB-36 guesses that began before the last failure wait like those that begin after it", func(t *testing.T) {
		for _, known := range []bool{false, true} {
			c := Counters{KnownDevice: known}
			looked := 0
			for i := range 1000 {
				began := noon.Add(-time.Duration(i) * time.Millisecond) // the first to come is the last to be counted
				if l.Wait(c, began) == 0 {
					looked++
					c = l.Count(c, began)
				}
			}
			if looked != int(l.Free) {
				t.Errorf("known device %v: %d were looked at", known, looked)
			}
		}
	})

	t.Run("failures are forgotten: few after days, many after months", func(t *testing.T) {
		var c Counters
		for range l.Free {
			c = l.Count(c, noon)
		}
		if got := c.Account.alive(noon.Add(19 * 24 * time.Hour)).Failures; got != l.Free {
			t.Errorf("%d", got)
		}
		if got := c.Account.alive(noon.Add(20 * 24 * time.Hour)).Failures; got != 0 {
			t.Errorf("%d", got)
		}
	})

	t.Run("T47 no wait is longer than the longest, however the clock jumps", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			now := noon
			c := Counters{KnownDevice: rapid.Bool().Draw(t, "known")}
			for _, step := range rapid.SliceOfN(rapid.Int64Range(-int64(48*time.Hour), int64(48*time.Hour)), 1, 60).Draw(t, "steps") {
				now = now.Add(time.Duration(step))
				wait := l.Wait(c, now)
				if wait < 0 || wait > l.MaxDelay {
					t.Fatalf("wait %v", wait)
				}
				if wait == 0 {
					c = l.Count(c, now)
				}
				if rapid.IntRange(0, 20).Draw(t, "right") == 0 {
					c = l.GiveBack(c, now)
				}
			}
			if wait := l.Wait(c, now); wait > 0 && c.Account.Failures < l.Hard {
				if again := l.Wait(c, now.Add(wait+maxLag)); again != 0 {
					t.Fatalf("after waiting %v, %v more", wait, again)
				}
			}
		})
	})

	t.Run("WEB-36 what is given back is what was counted", func(t *testing.T) {
		c := l.GiveBack(l.Count(Counters{}, noon), noon)
		if c != (Counters{}) {
			t.Errorf("got %+v", c)
		}
	})

	t.Run("WEB-48 the log says when delays begin, once", func(t *testing.T) {
		var c Counters
		var begun int
		for range 50 {
			c = l.Count(c, noon)
			for _, e := range l.Events(c, audit.Event{At: noon, Kind: audit.SignInFailed}) {
				if e.Kind == audit.SignInThrottled {
					begun++
				}
			}
		}
		if begun != 1 {
			t.Errorf("%d times", begun)
		}
	})
}
