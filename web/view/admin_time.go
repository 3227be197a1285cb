package view

import (
	"maps"
	"slices"
	"time"
)

// Ago returns how long before now at was, in one unit: "just now", "5 minutes ago", "3 days ago", and the day itself beyond
// sixty days. A time that is to come is told as a date.
func (t *Text) Ago(at, now time.Time) string {
	d := now.Sub(at)
	switch {
	case d < -time.Minute:
		return t.Date(at)
	case d < time.Minute:
		return t.T("time.just_now")
	case d < time.Hour:
		d = d.Truncate(time.Minute)
	case d < 48*time.Hour:
		d = d.Truncate(time.Hour)
	case d < 60*24*time.Hour:
		d = d.Truncate(24 * time.Hour)
	default:
		return t.Date(at)
	}
	return t.T("time.ago", "Duration", t.units(d))
}

// units tells d in its largest unit only, but hours up to two days.
func (t *Text) units(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return t.N("duration.days", int(d/(24*time.Hour)))
	case d >= time.Hour:
		return t.N("duration.hours", int(d/time.Hour))
	}
	return t.N("duration.minutes", int(d/time.Minute))
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
