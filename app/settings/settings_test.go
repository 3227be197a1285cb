package settings_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/audit"
	"regrant/app/settings"
	"regrant/db"
)

var (
	at = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	by = audit.Origin{Actor: audit.ByAdmin, ActorID: "boss"}
)

func open(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "regrant.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func lastEvent(t *testing.T, d *db.DB) audit.Event {
	t.Helper()
	events, err := d.Events(t.Context(), db.EventFilter{}, 1)
	if err != nil || len(events) == 0 {
		t.Fatal(events, err)
	}
	return events[0]
}

func TestSave(t *testing.T) {
	t.Run("what was saved is in force, with an event of before and after", func(t *testing.T) {
		d := open(t)
		next := settings.Default()
		next.Name, next.Accent, next.InviteDomains = "  Acme   Sign-in ", "C2410C", []string{"@Acme.example", "acme.example", ""}
		next.Policy.Grace = 30 * time.Second

		saved, err := settings.Save(t.Context(), d, next, settings.LogoChange{PNG: picture(t, 40, 20)}, at, by)

		if err != nil {
			t.Fatal(err)
		}
		stored, err := d.SiteSettings(t.Context())
		if diff := cmp.Diff(saved, stored); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
		want := settings.Default()
		want.Name, want.Accent, want.InviteDomains, want.Version, want.Logo = "Acme Sign-in", "#c2410c", []string{"acme.example"}, 1, stored.Logo
		want.Policy.Grace = 30 * time.Second
		if diff := cmp.Diff(want, stored); diff != "" || stored.Logo == "" {
			t.Error(diff)
		}
		if logo, err := d.Logo(t.Context()); err != nil || len(logo) == 0 {
			t.Error(len(logo), err)
		}
		e := lastEvent(t, d)
		changes, _ := audit.Changes(e.Detail)
		wantChanges := []audit.Changed{
			{Key: "name", After: "Acme Sign-in"}, {Key: "accent", After: "#c2410c"}, {Key: "logo", After: stored.Logo},
			{Key: "invite_domains", After: "acme.example"}, {Key: "grace", Before: "10s", After: "30s"},
		}
		if diff := cmp.Diff(wantChanges, changes); diff != "" {
			t.Error(diff)
		}
		if e.Kind != audit.SettingsChanged || e.ActorID != "boss" {
			t.Errorf("%+v", e)
		}
	})

	t.Run("the logo stays until it is removed", func(t *testing.T) {
		d := open(t)
		s, err := settings.Save(t.Context(), d, settings.Default(), settings.LogoChange{PNG: picture(t, 4, 4)}, at, by)
		if err != nil {
			t.Fatal(err)
		}
		s.Name = "Acme"
		if s, err = settings.Save(t.Context(), d, s, settings.LogoChange{}, at, by); err != nil || s.Logo == "" {
			t.Fatal(s.Logo, err)
		}
		if s, err = settings.Save(t.Context(), d, s, settings.LogoChange{Remove: true}, at, by); err != nil || s.Logo != "" {
			t.Fatal(s.Logo, err)
		}
		if logo, err := d.Logo(t.Context()); err != nil || logo != nil {
			t.Error(len(logo), err)
		}
	})

	t.Run("without a difference nothing is written", func(t *testing.T) {
		d := open(t)
		s, err := settings.Save(t.Context(), d, settings.Default(), settings.LogoChange{}, at, by)
		if err != nil || s.Version != 0 {
			t.Fatal(s.Version, err)
		}
		if events, _ := d.Events(t.Context(), db.EventFilter{}, 1); len(events) != 0 {
			t.Error(events)
		}
	})

	t.Run("of two who change the same settings one wins and the other is told", func(t *testing.T) {
		d := open(t)
		var won, told atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				s := settings.Default()
				s.Name = strings.Repeat("x", i+1)
				switch _, err := settings.Save(context.Background(), d, s, settings.LogoChange{}, at, by); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, settings.ErrChanged):
					told.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || told.Load() != 15 {
			t.Errorf("%d won, %d were told", won.Load(), told.Load())
		}
		if s, err := d.SiteSettings(t.Context()); err != nil || s.Version != 1 {
			t.Error(s.Version, err)
		}
	})
}

func TestSaveRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*settings.Settings)
		want   settings.FieldError
	}{
		"a long name":          {func(s *settings.Settings) { s.Name = strings.Repeat("ä", 61) }, settings.FieldError{Field: "name", Problem: settings.ProblemName}},
		"an override in it":    {func(s *settings.Settings) { s.Name = "a\u202eb" }, settings.FieldError{Field: "name", Problem: settings.ProblemName}},
		"a colour by name":     {func(s *settings.Settings) { s.Accent = "red" }, settings.FieldError{Field: "accent", Problem: settings.ProblemAccent}},
		"CSS for a colour":     {func(s *settings.Settings) { s.Accent = "#fff;}*{" }, settings.FieldError{Field: "accent", Problem: settings.ProblemAccent}},
		"an address":           {func(s *settings.Settings) { s.InviteDomains = []string{"a@b.example"} }, settings.FieldError{Field: "invite_domains", Problem: settings.ProblemDomain, Detail: "a@b.example"}},
		"a wildcard":           {func(s *settings.Settings) { s.InviteDomains = []string{"*.example"} }, settings.FieldError{Field: "invite_domains", Problem: settings.ProblemDomain, Detail: "*.example"}},
		"a grace beyond bound": {func(s *settings.Settings) { s.Policy.Grace = 61 * time.Second }, settings.FieldError{Field: "grace", Problem: settings.ProblemPolicy, Detail: "must be from 0s to 1m0s"}},
		"no rotation":          {func(s *settings.Settings) { s.Policy.RotationOff = true }, settings.FieldError{Field: "no-rotation", Problem: settings.ProblemPolicy, Detail: "a public client's refresh token must rotate, or be bound to a key by DPoP (RFC 9700 section 4.14.2)"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			s := settings.Default()
			c.change(&s)

			_, err := settings.Save(t.Context(), d, s, settings.LogoChange{}, at, by)

			var wrong settings.InvalidError
			if !errors.As(err, &wrong) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(settings.InvalidError{c.want}, wrong); diff != "" {
				t.Error(diff)
			}
			if s, err := d.SiteSettings(t.Context()); err != nil || s.Version != 0 {
				t.Error(s.Version, err)
			}
		})
	}
}

func TestMayInvite(t *testing.T) {
	s := settings.Default()
	if !s.MayInvite("a@anywhere.example") {
		t.Error("no domains are any domain")
	}
	s.InviteDomains = []string{"acme.example"}
	for address, want := range map[string]bool{
		"a@acme.example": true, "a@ACME.example": true, "a@sub.acme.example": false, "a@notacme.example": false, `"a@acme.example"@evil.example`: false, "acme.example": false,
	} {
		if got := s.MayInvite(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
