package db_test

import (
	"path/filepath"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

func TestAClockThatWentBackNeitherSavesGrantsNorKeepsPeopleOut(t *testing.T) {
	d := must(db.Open(t.Context(), filepath.Join(t.TempDir(), "regrant.db"), db.Options{}))
	defer d.Close()
	w := &world{T: t, contractStore: d, now: start}
	o, c := w.person(), w.client()
	first := w.grant(o, c)
	leak := func() {
		_, _, err := oauth.RotateClientSecret(w.Context(), w.contractStore, c.ID, oauth.SecretRotation{Leaked: true}, w.now, audit.Origin{Actor: audit.ByAdmin})
		w.ok(err)
		c = must(w.Client(w.Context(), c.ID))
	}
	leak()
	w.dead(first)

	w.now = w.now.Add(-time.Hour)
	second := w.grant(o, c) // its code is no older than what was revoked
	w.alive(second)
	code := must(w.Code(w.Context(), w.code(o, c).Hash))
	if !code.CreatedAt.After(*c.GrantsRevokedBefore) {
		t.Error("a code that is issued now counts as revoked")
	}
	leak()

	w.dead(first)
	w.dead(second)
}
