package main

import (
	"testing"
	"time"
)

func TestADurationMayBeDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"7d": 7 * day, "30 d": 30 * day, "1d12h": 36 * time.Hour, "0d": 0, "90m": 90 * time.Minute, "-5s": -5 * time.Second, "0": 0, "106750d": 106750 * day,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q is %s, %v, not %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "7", "7D", "-7d", "7d-1h", "1.5d", "7d7d", "7dd", "1d30", "106751d", "106750d600000h", "99999999999999999999d", "x"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

// What is shown can be typed.
func TestALifetimeIsReadAsItIsShown(t *testing.T) {
	for _, want := range []time.Duration{0, 10 * time.Second, 90 * time.Minute, 12 * time.Hour, 36 * time.Hour, day, 180 * day} {
		if got, err := parseDuration(lifetime(want)); err != nil || got != want {
			t.Errorf("%q is read as %s, %v", lifetime(want), got, err)
		}
	}
}
