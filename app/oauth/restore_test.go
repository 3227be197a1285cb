package oauth_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/backup"
	"regrant/app/oauth"
	"regrant/db"
)

// held is a grant with the tokens that its application got, the newest last.
type held struct {
	id     string
	tokens []string
}

func (h *held) last() string { return h.tokens[len(h.tokens)-1] }

// rotate refreshes with the newest token.
func (w *world) rotate(client string, h *held) {
	w.Helper()
	response, err := w.refresh(client, h.last(), "")
	w.ok(err)
	h.tokens = append(h.tokens, response.RefreshToken)
}

func (w *world) hold(client, person string) *held {
	w.Helper()
	token, id := w.grant(client, person)
	return &held{id, []string{token}}
}

// many registers a client that may have as many grants as a test wants.
func (w *world) many(id string) {
	w.Helper()
	c := oauth.Client{ID: id, Name: id, RedirectURIs: []string{"https://app.test/cb"}, Scope: oauth.Scope{"read", "write", "offline_access"}}
	c.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
	c.Policy.MaxGrants = 1000
	var err error
	w.secret[id], err = oauth.RegisterClient(context.Background(), w.db, &c, w.clock.Wall(), audit.Origin{Actor: audit.ByCommand})
	w.ok(err)
}

func (w *world) backup(t *testing.T) string {
	w.Helper()
	to := w.path + ".backup-" + rand.Text()
	w.ok(w.engine.Flush(context.Background()))
	_, err := w.db.Backup(context.Background(), to, backup.ByCommand)
	w.ok(err)
	// The store goes by the clock of the machine, and this world does not.
	file, err := sql.Open("sqlite", "file:"+to)
	w.ok(err)
	_, err = file.Exec("UPDATE settings SET value = ? WHERE name = 'backup_of'", []byte(w.clock.Wall().Format(time.RFC3339Nano)))
	w.ok(errors.Join(err, file.Close()))
	return to
}

// restore ends the server, restores and starts it again.
func (w *world) restore(from string, revokeAll bool) db.Restored {
	w.Helper()
	w.close()
	r, err := db.Restore(context.Background(), w.path, from, db.RestoreOptions{RevokeAll: revokeAll, Now: w.clock.Wall(), Event: func(detail string) audit.Event {
		return audit.Event{Kind: audit.DatabaseRestored, Origin: audit.Origin{Actor: audit.ByCommand}, Result: "ok", Detail: detail}
	}})
	w.ok(err)
	w.open()
	return r
}

// revokedAsReuse counts the grants that were.
func (w *world) revokedAsReuse() int {
	w.Helper()
	w.ok(w.engine.Flush(context.Background()))
	events, err := w.db.Events(context.Background(), db.EventFilter{Kind: audit.GrantReuse}, 10_000)
	w.ok(err)
	return len(events)
}

func refusedAs(err error, rule oauth.Rule) bool {
	if err == nil {
		return false
	}
	e := oauth.AsError(err)
	return e.Code == oauth.InvalidGrant && e.Refusal != nil && e.Refusal.Rule == rule
}

func TestARestoredBackupSignsNoHonestApplicationOut(t *testing.T) { // T53, S14, F15, requirements.md 2.6 step 4
	made, rotated, later := 1000, 500, 50
	if testing.Short() {
		made, rotated, later = 100, 50, 5
	}
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	w.many("app")
	var all, orphans []*held
	for i := range made {
		all = append(all, w.hold("app", people[i%len(people)]))
	}
	copied := w.backup(t)
	for i := range rotated {
		for range 1 + i%3 {
			w.rotate("app", all[i])
		}
	}
	for i := range later {
		orphans = append(orphans, w.hold("app", people[i%len(people)]))
	}
	w.clock.pass(time.Hour)
	for _, revokeAll := range []bool{false, true} {
		name, want := "keep-grants", made
		if revokeAll {
			name, want = "revoke-all", 0
		}

		r := w.restore(copied, revokeAll)

		refreshed, refused := 0, 0
		for _, h := range all {
			if _, err := w.refresh("app", h.last(), ""); err == nil {
				refreshed++
			}
		}
		for _, h := range orphans {
			if _, err := w.refresh("app", h.last(), ""); refusedAs(err, oauth.RuleTokenOrphan) {
				refused++
			}
		}
		reused := w.revokedAsReuse()
		t.Logf("%s: of %d grants %d refresh, of %d orphans %d are refused, %d are revoked as reuse", name, made, refreshed, later, refused, reused)
		if refreshed != want || refused != later || reused != 0 || r.Grants != int64(made) || !r.Exact {
			t.Errorf("%s: want %d, %d and 0; %+v", name, want, later, r)
		}
	}
}

func TestAfterARestoreOneTokenTakesTheGrantUp(t *testing.T) { // T53, S14
	for name, c := range map[string]struct {
		client string
		play   func(t *testing.T, w *world, h *held)
	}{
		"a second, newer one of the old epoch is reuse": {"standard", func(t *testing.T, w *world, h *held) {
			forward(t, w, "standard", h.tokens[3])
			if _, err := w.refresh("standard", h.tokens[4], ""); !refusedAs(err, oauth.RuleTokenReuse) {
				t.Error(err)
			}
			if w.state(h.id).RevokedReason != oauth.RevokedReuse {
				t.Error("the grant lives")
			}
		}},
		"one older than the row is reuse": {"standard", func(t *testing.T, w *world, h *held) {
			if _, err := w.refresh("standard", h.tokens[0], ""); !refusedAs(err, oauth.RuleTokenReuse) {
				t.Error(err)
			}
		}},
		"one older than the row is reuse after the roll-forward too": {"standard", func(t *testing.T, w *world, h *held) {
			next := forward(t, w, "standard", h.tokens[4])
			if _, err := w.refresh("standard", h.tokens[3], ""); !refusedAs(err, oauth.RuleTokenReuse) {
				t.Error(err)
			}
			if _, err := w.refresh("standard", next, ""); !refusedAs(err, oauth.RuleTokenRevoked) {
				t.Error(err)
			}
		}},
		"a lost answer is given again within the window": {"standard", func(t *testing.T, w *world, h *held) {
			next := forward(t, w, "standard", h.tokens[4])
			again, err := w.refresh("standard", h.tokens[4], "")
			if err != nil || again.RefreshToken != next {
				t.Errorf("%v", err)
			}
			forward(t, w, "standard", next)
		}},
		"after the window it is reuse": {"standard", func(t *testing.T, w *world, h *held) {
			forward(t, w, "standard", h.tokens[4])
			w.clock.pass(time.Second)
			for range 20 {
				w.clock.pass(time.Second)
				w.ok(w.engine.Beat(t.Context()))
			}
			if _, err := w.refresh("standard", h.tokens[4], ""); !refusedAs(err, oauth.RuleTokenReuse) {
				t.Error(err)
			}
		}},
		"the token that the backup knows goes on": {"standard", func(t *testing.T, w *world, h *held) {
			next := forward(t, w, "standard", h.tokens[2])
			// That one proves that nothing newer is honest any more.
			if _, err := w.refresh("standard", h.tokens[4], ""); !refusedAs(err, oauth.RuleTokenReuse) {
				t.Error(err)
			}
			if w.active("standard", next) {
				t.Error("active")
			}
		}},
		"it is active before it is used": {"standard", func(t *testing.T, w *world, h *held) {
			if !w.active("standard", h.tokens[4]) || w.active("standard", h.tokens[1]) {
				t.Error("introspection says otherwise")
			}
		}},
		"a newer one of the new epoch is of a file put back by hand: refused, not reuse": {"standard", func(t *testing.T, w *world, h *held) {
			next := forward(t, w, "standard", h.tokens[4])
			second := w.backup(t)
			next = forward(t, w, "standard", next)
			w.close()
			w.ok(os.Rename(second, w.path))
			w.open()
			if _, err := w.refresh("standard", next, ""); !refusedAs(err, oauth.RuleTokenFuture) {
				t.Error(err)
			}
			if n := w.revokedAsReuse(); n != 0 {
				t.Errorf("%d revoked", n)
			}
		}},
		"restored a second time": {"standard", func(t *testing.T, w *world, h *held) {
			second := w.backup(t)
			next := forward(t, w, "standard", h.tokens[4])
			next = forward(t, w, "standard", next)
			if r := w.restore(second, false); r.Epoch != 2 {
				t.Errorf("epoch %d", r.Epoch)
			}
			next = forward(t, w, "standard", next)
			forward(t, w, "standard", next)
			if _, err := w.refresh("standard", h.tokens[4], ""); !refusedAs(err, oauth.RuleTokenReuse) {
				t.Error(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, inMemory(t))
			defer func() { w.db.Close() }()
			h := w.hold(c.client, "ann")
			w.rotate(c.client, h)
			w.rotate(c.client, h)
			w.clock.pass(time.Minute)
			copied := w.backup(t)
			w.rotate(c.client, h)
			w.rotate(c.client, h)
			w.clock.pass(time.Hour)

			if r := w.restore(copied, false); r.Epoch != 1 || !strings.Contains(r.Kept, ".replaced-") {
				t.Errorf("%+v", r)
			}

			c.play(t, w, h)
		})
	}
}

// forward presents a token that must be accepted and gives its successor.
func forward(t *testing.T, w *world, client, token string) string {
	t.Helper()
	response, err := w.refresh(client, token, "")
	if err != nil {
		t.Fatalf("refused: %v", oauth.AsError(err).Detail)
	}
	if !w.active(client, response.RefreshToken) || !w.active(client, response.AccessToken) {
		t.Fatal("not active")
	}
	return response.RefreshToken
}

func TestAClientWithoutRotationGoesOnAfterARestore(t *testing.T) { // T53
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	h := w.hold("no-rotation", "ann")
	copied := w.backup(t)
	w.restore(copied, false)

	for range 3 {
		response, err := w.refresh("no-rotation", h.last(), "")
		w.ok(err)
		if response.RefreshToken != h.last() {
			t.Fatal("it rotated")
		}
		w.clock.pass(2 * time.Hour)
	}
	if s := w.state(h.id); s.Epoch != 1 || s.Generation != 0 {
		t.Errorf("epoch %d, generation %d", s.Epoch, s.Generation)
	}
}

func TestAfterARestoreTheIdleTimeGoesOnFromTheBackup(t *testing.T) { // T53, T14, T15
	const day = 24 * time.Hour // of 30 that a grant may rest, and 180 that it may last
	for name, c := range map[string]struct {
		client               string
		before, since, after time.Duration // the sign-in to the backup, to the restore, to the refresh
		uses                 bool          // every ten days
		want                 oauth.Rule    // "": it refreshes
	}{
		"used since the backup, which is older than a grant may rest": {"standard", 0, 45 * day, 0, true, ""},
		"used in place since then":                                    {"no-rotation", 0, 45 * day, 0, true, ""},
		"an application that comes as late as it may":                 {"standard", 10 * day, 45 * day, 20*day - time.Hour, false, ""},
		"one that comes too late":                                     {"standard", 10 * day, 45 * day, 20*day + time.Hour, false, oauth.RuleTokenIdle},
		"one that had rested too long when the backup was made":       {"standard", 31 * day, day, 0, false, oauth.RuleTokenIdle},
		"one that has lasted too long":                                {"standard", 150 * day, 40 * day, 0, true, oauth.RuleTokenAbsolute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, inMemory(t))
			defer func() { w.db.Close() }()
			h := w.hold(c.client, "ann")
			pass := func(d time.Duration) {
				for ; c.uses && d > 10*day; d -= 10 * day {
					w.clock.pass(10 * day)
					if w.state(h.id).AbsoluteDeadline.After(w.clock.Wall()) {
						w.rotate(c.client, h)
					}
				}
				w.clock.pass(d)
			}
			pass(c.before)
			copied := w.backup(t)
			pass(c.since)

			w.restore(copied, false)
			w.clock.pass(c.after)

			if _, err := w.refresh(c.client, h.last(), ""); c.want == "" && err != nil || c.want != "" && !refusedAs(err, c.want) {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestARestoredCopyThatDoesNotSayOfWhenItIsRevivesNothing(t *testing.T) { // T14
	for name, meanwhile := range map[string]func(w *world, other *held){
		"the server has seen that the grant is over": func(w *world, _ *held) { w.ok(w.engine.Sweep(t.Context())) },
		"the server has written down the time": func(w *world, other *held) {
			w.rotate("standard", other) // which tells no event either
			w.clock.pass(time.Second)
			w.ok(w.engine.Beat(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, inMemory(t))
			defer func() { w.db.Close() }()
			h := w.hold("standard", "ann")
			w.clock.pass(5 * 24 * time.Hour)
			other := w.hold("standard", "bob")
			w.clock.pass(26 * 24 * time.Hour)
			meanwhile(w, other)
			w.close()
			copied := filepath.Join(t.TempDir(), "copy.db")
			file, err := os.ReadFile(w.path)
			w.ok(err)
			w.ok(os.WriteFile(copied, file, 0o600))
			w.open()
			w.clock.pass(time.Hour)

			if r := w.restore(copied, false); r.Exact {
				t.Errorf("%+v", r)
			}

			if _, err := w.refresh("standard", h.last(), ""); !refusedAs(err, oauth.RuleTokenIdle) {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestARestoreRevivesNoSignIn(t *testing.T) { // 2.6 step 1
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	h := w.hold("standard", "ann")
	copied := w.backup(t)

	r := w.restore(copied, true)

	events, err := w.db.Events(t.Context(), db.EventFilter{Kind: audit.DatabaseRestored}, 10)
	if err != nil || len(events) != 1 || !strings.Contains(events[0].Detail, "grants=revoked") {
		t.Errorf("%v %v", events, err)
	}
	if s := w.state(h.id); s.RevokedReason != oauth.RevokedRestore {
		t.Errorf("ended as %q", s.RevokedReason)
	}
	if n, err := w.db.VerifyAudit(t.Context()); err != nil || n == 0 {
		t.Errorf("%d events, %v", n, err)
	}
	if r.Grants != 1 {
		t.Errorf("%+v", r)
	}
}

func TestARestoreTellsWhatItEndsAndNothingThatWaitedInTheBackup(t *testing.T) {
	t.Parallel()
	for _, revokeAll := range []bool{true, false} {
		w := newWorld(t, inMemory(t))
		_, _, err := w.pushes(oauth.PushChange{WebhookURL: new("https://app.test/hook")})
		w.ok(err)
		h := w.hold("standard", "ann")
		w.ok(w.engine.EndGrant(t.Context(), w.hold("standard", "ann").id, adminAnn))
		copied := w.backup(t)

		w.restore(copied, revokeAll)

		next, err := w.db.NextDelivery(t.Context(), "https://app.test/hook", w.clock.Wall())
		if err != nil || (next != nil) != revokeAll || revokeAll && (!strings.Contains(string(next.Body), `"reason":"restore"`) || next.PersonID != "") {
			t.Errorf("all ended: %v; told %+v, %v", revokeAll, next, err)
		}
		if next != nil {
			w.ok(w.db.Delivered(t.Context(), next.ID))
			if next, err := w.db.NextDelivery(t.Context(), "https://app.test/hook", w.clock.Wall()); err != nil || next != nil {
				t.Errorf("told more: %+v, %v", next, err)
			}
			if s := w.state(h.id); s.RevokedReason != oauth.RevokedRestore {
				t.Errorf("ended as %q", s.RevokedReason)
			}
		}
		w.db.Close()
	}
}
