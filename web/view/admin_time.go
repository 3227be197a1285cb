package view

import (
	"maps"
	"slices"
	"time"
)

// Ago returns how long before now at was, in one unit: "just now", "5 minutes ago", "3 days ago", and the day itself beyond
// sixty days. A time that is to come is told as a date. Each unit has a sentence of its own, since a language may change the
// unit within it: "3 Tage" are "vor 3 Tagen".
func (t *Text) Ago(at, now time.Time) string {
	switch d := now.Sub(at); {
	case d < -time.Minute:
		return t.Date(at)
	case d < time.Minute:
		return t.T("time.just_now")
	case d < time.Hour:
		return t.N("time.ago.minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return t.N("time.ago.hours", int(d/time.Hour))
	case d < 60*24*time.Hour:
		return t.N("time.ago.days", int(d/(24*time.Hour)))
	}
	return t.Date(at)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
