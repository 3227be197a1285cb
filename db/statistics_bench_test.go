package db

import (
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// BenchmarkOverview reads what the overview shows, of a database with a million grants (-short: ten thousand).
func BenchmarkOverview(b *testing.B) {
	grants := 1_000_000
	if testing.Short() {
		grants = 10_000
	}
	d, ctx := seeded(b, grants), b.Context()
	hours := &oauth.Behind{Hours: map[oauth.Hour]oauth.Count{}}
	for i := range 24 * 32 {
		hours.Hours[oauth.HourOf(seedTime)-oauth.Hour(i)] = oauth.Count{Rotations: 1000}
	}
	if err := d.WriteBehind(ctx, hours); err != nil {
		b.Fatal(err)
	}
	var events []audit.Event
	for i := range 10_000 {
		e := audit.Event{At: seedTime.Add(time.Duration(i-10_000) * time.Minute), Kind: audit.SignInSucceeded, Origin: audit.Origin{Actor: audit.ByPerson}}
		if i%50 == 0 {
			e.Kind = audit.GrantReuse
		}
		events = append(events, e)
	}
	if err := d.Audit(ctx, events...); err != nil {
		b.Fatal(err)
	}
	parts := []struct {
		what string
		read func() error
	}{
		{"figures", func() error { _, err := d.Figures(ctx, 10_001); return err }},
		{"hours", func() error { _, err := d.ServerHours(ctx, oauth.HourOf(seedTime)-24*30); return err }},
		{"reuse", func() error {
			_, err := d.ReadAudit(ctx, audit.Query{Kinds: []audit.Kind{audit.GrantReuse}, From: seedTime.AddDate(0, 0, -7)}, 100)
			return err
		}},
		{"events", func() error { _, err := d.ReadAudit(ctx, audit.Query{}, 10); return err }},
		{"revocations", func() error { _, err := d.OpenBulkRevocations(ctx, 3); return err }},
		{"older grants", func() error { _, err := d.GrantsOlderThan(ctx, "client-0", seedTime, 10_001); return err }},
	}
	for _, part := range parts {
		b.Run(part.what, func(b *testing.B) {
			for b.Loop() {
				if err := part.read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
