package web_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// keyRules are what becomes of refresh tokens when keys change. Each has a site of its own.
func keyRules(rule ruleFunc) {
	ctx := context.Background()
	rule("T40 rotating the signing keys leaves refresh tokens alone", func(t *testing.T, _ *site) {
		s := newSite(t)
		f := s.rotated()
		before, kid := f.row(), jwtPart(t, f.access[1], 0)["kid"]
		if _, err := oauth.RotateSigningKeys(ctx, s.db, s.clock.Wall(), by); err != nil {
			t.Fatal(err)
		}
		if err := s.engine.Reload(ctx); err != nil {
			t.Fatal(err)
		}
		f.unchanged(before)
		wantOK(t, f.use(1))
		if got := jwtPart(t, f.access[2], 0)["kid"]; got != kid {
			t.Error("a key signs before everybody can know it")
		}
		s.pass(oauth.JWKSMaxAge)
		wantOK(t, f.use(2))
		if got := jwtPart(t, f.access[3], 0)["kid"]; got == kid {
			t.Error("the new key does not sign")
		}
		f.alive()
		s.pass(oauth.MaxAccessTokenLifetime)
		if err := errors.Join(s.engine.Sweep(ctx), s.engine.Reload(ctx)); err != nil {
			t.Fatal(err)
		}
		wantOK(t, f.use(3))
		f.alive()
	})
	rule("T42 without the derive key replays are refused and nothing is revoked", func(t *testing.T, _ *site) {
		s := newSite(t)
		f := s.rotated()
		s.sql(func(q *sql.DB) error { _, err := q.Exec("DELETE FROM keys WHERE use = 'derive'"); return err })
		if err := s.engine.Reload(ctx); err != nil {
			t.Fatal(err)
		}
		before := f.row()
		wantError(t, f.use(0), "invalid_grant")
		f.unchanged(before)
		if len(f.events(audit.GrantReuse)) != 0 {
			t.Error("it counts as reuse")
		}
		wantOK(t, f.use(1))
		f.alive()
	})
	rule("T42 without the window key too", func(t *testing.T, _ *site) {
		s := newSite(t)
		f := s.rotated()
		s.sql(func(q *sql.DB) error { _, err := q.Exec("UPDATE window_keys SET key = zeroblob(32)"); return err })
		s.restart(0)
		before := f.row()
		wantError(t, f.use(0), "invalid_grant")
		f.unchanged(before)
		wantOK(t, f.use(1))
		s.pass(time.Second)
		f.alive()
	})
}
