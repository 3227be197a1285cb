package web

import (
	"testing"
	"time"
)

func TestLifetimesAreReadAsPeopleTypeThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, " 12h ": 12 * time.Hour, "10 m": 10 * time.Minute, "10 Minutes": 10 * time.Minute, "1d12h": 36 * time.Hour,
		"1 day 12 hours": 36 * time.Hour, "0": 0, "0s": 0, "90 sec": 90 * time.Second, "3650d": 3650 * day,
	} {
		if got, err := parseLifetime(text); err != nil || got != want {
			t.Errorf("%q is read as %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"10", "", "-5m", "1.5h", "soon", "10x", "9999999999d", "999999999d", "m", "5m oops", "５m"} {
		if got, err := parseLifetime(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestAShownLifetimeIsReadBack(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, 10 * time.Minute, 36 * time.Hour, 30 * day, 180*day + time.Minute + 5*time.Second} {
		text := lifetimeText(d)
		if got, err := parseLifetime(text); err != nil || got != d {
			t.Errorf("%s is shown as %q and read as %s", d, text, got)
		}
	}
}
