package web_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"regrant/app/backup"
	"regrant/db"
)

// overview gives the page after some time. The sign-in of before has rested too long then.
func (s *site) overviewAfter(t *testing.T, d time.Duration) string {
	t.Helper()
	s.pass(d)
	return s.admin(t).get("/admin").body
}

func TestTheOverviewWarnsWhenNoRecentBackupIsThere(t *testing.T) {
	const day = 24 * time.Hour
	const none, old = "There is no backup of this server", "The last backup is"
	s := newSite(t)
	for _, c := range []struct {
		after time.Duration
		warns bool
	}{{0, false}, {6 * day, false}, {2 * day, true}} {
		if page := s.overviewAfter(t, c.after); strings.Contains(page, none) != c.warns {
			t.Errorf("after %v more the overview warns: %v, want %v", c.after, !c.warns, c.warns)
		}
	}

	to := filepath.Join(t.TempDir(), "copy.db")
	made := backup.Made{At: s.clock.Wall(), Path: to, Bytes: 13_000_000, Rows: 99, By: backup.ByCommand, Unsealed: 5}
	if err := db.NoteBackup(t.Context(), s.path, made, nil); err != nil {
		t.Fatal(err)
	}

	if page := s.overviewAfter(t, 7*day); strings.Contains(page, none) || strings.Contains(page, old) {
		t.Error("a backup of a week is no reason to warn")
	}
	page := s.overviewAfter(t, day)
	if !strings.Contains(page, old+" 8 days old.") || !strings.Contains(page, `href="/admin/settings#backup"`) {
		t.Error("the overview does not warn of an old backup")
	}
	page = s.admin(t).get("/admin/settings").body
	for _, want := range []string{`id="backup"`, "None: this server makes no backups by itself", "8 days ago", "12.4 MB: " + to, "keys that are not sealed"} {
		if !strings.Contains(page, want) {
			t.Errorf("the settings lack %q", want)
		}
	}
	if err := db.NoteBackup(t.Context(), s.path, backup.Made{}, errors.New("the disk of /b is full")); err != nil {
		t.Fatal(err)
	}
	if page := s.admin(t).get("/admin").body; !strings.Contains(page, "The last attempt failed: the disk of /b is full") {
		t.Error("the overview does not say why the last attempt failed")
	}
	if page := s.admin(t).get("/admin/settings").body; !strings.Contains(page, "the disk of /b is full") {
		t.Error("the settings do not say why the last attempt failed")
	}
}

func TestABackupThatIsMadeFromTheServerIsShown(t *testing.T) {
	s := newSite(t)
	to := filepath.Join(t.TempDir(), "regrant-20261128T200500Z.db")
	if _, err := s.db.Backup(t.Context(), to, backup.BySchedule); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(to); err != nil {
		t.Fatal(err)
	}
	if page := s.admin(t).get("/admin/settings").body; !strings.Contains(page, to) {
		t.Error("the settings do not name the last backup")
	}
}
