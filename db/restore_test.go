package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/backup"
)

func restored(detail string) audit.Event {
	return audit.Event{Kind: audit.DatabaseRestored, Origin: audit.Origin{Actor: audit.ByCommand}, Result: "ok", Detail: detail}
}

// beforeAndAfter makes a database in which who is "new" and a backup of it in which it is "old", and closes it.
func beforeAndAfter(t *testing.T, dir string) (path, copied string) {
	t.Helper()
	path, copied = filepath.Join(dir, "regrant.db"), filepath.Join(dir, "copy.db")
	d := openPath(t, path, Options{Server: true})
	put := func(who string) {
		if err := d.PutSetting(t.Context(), "who", []byte(who)); err != nil {
			t.Fatal(err)
		}
	}
	put("old")
	if _, err := d.Backup(t.Context(), copied, backup.ByCommand); err != nil {
		t.Fatal(err)
	}
	put("new")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path, copied
}

func whoIs(t *testing.T, path string) string {
	t.Helper()
	d, err := Open(t.Context(), path, Options{Server: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.sound(t.Context(), schemaVersion()); err != nil {
		t.Fatal(err)
	}
	who, _, err := d.Setting(t.Context(), "who")
	if err != nil {
		t.Fatal(err)
	}
	return string(who)
}

func TestARestoreKeepsWhatItReplacesAndCleansUp(t *testing.T) {
	dir := t.TempDir()
	path, copied := beforeAndAfter(t, dir)

	made := time.Now()
	time.Sleep(2 * time.Millisecond)

	r, err := Restore(t.Context(), path, copied, RestoreOptions{Event: restored})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Exact || r.At.After(made) {
		t.Errorf("the state is of %v, the backup was there at %v", r.At, made)
	}

	wantPrivate(t, path, r.Kept)
	only(t, dir, "copy.db", "regrant.db", "regrant.db.lock", filepath.Base(r.Kept))
	if got, kept := whoIs(t, path), whoIs(t, r.Kept); got != "old" || kept != "new" {
		t.Errorf("restored is %s, kept is %s", got, kept)
	}
	again, err := Restore(t.Context(), path, r.Kept, RestoreOptions{Event: restored, DropReplaced: true})
	if err != nil || again.Kept != "" || again.Exact || again.Epoch != 2 {
		t.Errorf("back again: %+v %v", again, err)
	}
	if got := whoIs(t, path); got != "new" {
		t.Errorf("back again is %s", got)
	}
	fresh := filepath.Join(t.TempDir(), "other.db")
	if r, err := Restore(t.Context(), fresh, copied, RestoreOptions{Event: restored}); err != nil || r.Kept != "" || whoIs(t, fresh) != "old" {
		t.Errorf("on a new machine: %+v %v", r, err)
	}
}

func TestARestoreIsRefusedAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path, copied := beforeAndAfter(t, dir)
	change := func(name string, do func(string)) string {
		b, err := os.ReadFile(copied)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
		do(to)
		return to
	}
	for from, why := range map[string]string{
		filepath.Join(dir, "no.db"): "there is no file",
		path:                        "is the database itself",
		change("empty.db", func(n string) { _ = os.Truncate(n, 0) }):       "is empty",
		change("short.db", func(n string) { _ = os.Truncate(n, 100_000) }): "damaged",
		change("newer.db", func(n string) {
			damage(t, n, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		}): "newer Regrant",
		change("foreign.db", func(n string) { damage(t, n, "PRAGMA application_id = 1") }):            "not a Regrant database",
		change("tampered.db", func(n string) { damage(t, n, "UPDATE audit_chain SET head_seq = 7") }): "not sound",
	} {
		_, err := Restore(t.Context(), path, from, RestoreOptions{Event: restored})
		if err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", filepath.Base(from), err)
		}
	}

	d := openPath(t, path, Options{Server: true})
	if _, err := Restore(t.Context(), path, copied, RestoreOptions{Event: restored}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "a server is running") {
		t.Errorf("beside a server: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	command := openPath(t, path, Options{})
	if _, _, err := command.Setting(t.Context(), "who"); err != nil {
		t.Fatal(err)
	}
	if err := command.PutSetting(t.Context(), "x", nil); err == nil {
		t.Fatal("a null value was taken")
	}
	if err := command.PutSetting(t.Context(), "x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), path, copied, RestoreOptions{Event: restored}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "another program") {
		t.Errorf("beside a command: %v", err)
	}
	if err := command.Close(); err != nil {
		t.Fatal(err)
	}
	only(t, dir, "copy.db", "regrant.db", "regrant.db.lock")
	if got := whoIs(t, path); got != "new" {
		t.Errorf("it is %s", got)
	}
}

// dyingAt is a Progress that kills the process at the n-th call.
func dyingAt(n int) func(string, int, int) {
	return func(string, int, int) {
		if n--; n == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}

func TestARestoreThatIsKilledLeavesOneWholeDatabase(t *testing.T) { // F15
	killed := 0
	seen := map[string]int{}
	for n := 1; ; n++ {
		dir := t.TempDir()
		path, _ := beforeAndAfter(t, dir)
		cmd := child(t, "restore", path)
		cmd.Env = append(cmd.Env, fmt.Sprintf("REGRANT_DB_TEST_STEP=%d", n))
		out, err := cmd.CombinedOutput()
		if err == nil {
			break // it came to its end before
		}
		if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%v: %s", err, out)
		}
		killed++
		seen[whoIs(t, path)]++

		// Whatever it left, the next one does its work and cleans up.
		r, err := Restore(t.Context(), path, filepath.Join(dir, "copy.db"), RestoreOptions{Event: restored, DropReplaced: true})
		if err != nil || whoIs(t, path) != "old" || r.Epoch == 0 {
			t.Errorf("after a death at step %d: %+v %v", n, r, err)
		}
		if left, _ := filepath.Glob(path + restoringMark + "*"); len(left) > 0 {
			t.Errorf("left are %v", left)
		}
	}
	t.Logf("killed at %d steps: %v", killed, seen)
	if killed < replaceSteps+2 || seen["old"] == 0 || seen["new"] == 0 || len(seen) != 2 {
		t.Error("this did not kill where it should")
	}
}

func TestACopyOfADatabaseInUseIsRecognised(t *testing.T) { // F15
	d := openTest(t, Options{Server: true})
	for i := range 200 {
		if err := d.PutSetting(t.Context(), fmt.Sprint("s", i), make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	cp := func(t *testing.T, cut int64, suffixes ...string) string {
		t.Helper()
		to := filepath.Join(t.TempDir(), "copy.db")
		for _, s := range suffixes {
			b, err := os.ReadFile(d.Path() + s)
			if err != nil {
				t.Fatal(err)
			}
			if s == "-wal" && cut > 0 {
				b = b[:int64(len(b))-cut]
			}
			if err := os.WriteFile(to+s, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return to
	}
	incomplete := func(t *testing.T, path string) {
		t.Helper()
		err := CheckComplete(t.Context(), path)
		if !errors.Is(err, ErrIncomplete) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
		to := filepath.Join(t.TempDir(), "regrant.db")
		if _, err := Restore(t.Context(), to, path, RestoreOptions{Event: restored}); !errors.Is(err, ErrIncomplete) {
			t.Errorf("restored: %v", err)
		}
		// A command that looks at it does not make it look complete.
		c := openPath(t, path, Options{})
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := CheckComplete(t.Context(), path); !errors.Is(err, ErrIncomplete) {
			t.Errorf("after a command: %v", err)
		}
	}
	t.Run("without its WAL", func(t *testing.T) { incomplete(t, cp(t, 0, "")) })
	t.Run("with its WAL", func(t *testing.T) { incomplete(t, cp(t, 0, "", "-wal")) })
	t.Run("with a torn WAL", func(t *testing.T) { incomplete(t, cp(t, 10_000, "", "-wal")) })
	t.Run("taken on the operator's word", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "regrant.db")
		r, err := Restore(t.Context(), path, cp(t, 0, "", "-wal"), RestoreOptions{Event: restored, AcceptCopy: true})
		if err != nil || CheckComplete(t.Context(), path) != nil {
			t.Errorf("%+v %v", r, err)
		}
	})
	if err := CheckComplete(t.Context(), d.Path()); err != nil {
		t.Errorf("in use: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := CheckComplete(t.Context(), d.Path()); err != nil {
		t.Errorf("closed: %v", err)
	}
	t.Run("copied after the server stopped", func(t *testing.T) {
		if err := CheckComplete(t.Context(), cp(t, 0, "")); err != nil {
			t.Error(err)
		}
	})
}

func TestADatabaseWhoseServerWasKilledIsComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	killServer := func() {
		server := child(t, "serve", path)
		out, err := server.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = out.Read(make([]byte, 10)) // it has written
		_ = server.Process.Kill()
		_ = server.Wait()
	}
	for name, use := range map[string]func() error{
		"nothing":   func() error { return nil },
		"a command": func() error { return openPath(t, path, Options{}).Close() },
		"a server":  func() error { return openPath(t, path, Options{Server: true}).Close() },
		"a backup": func() error {
			_, err := Backup(context.Background(), path, filepath.Join(t.TempDir(), "b.db"), BackupOptions{})
			return err
		},
		"a note": func() error { return NoteBackup(context.Background(), path, backup.Made{}, nil) },
	} {
		killServer()
		if err := CheckComplete(t.Context(), path); err != nil {
			t.Errorf("%s, before: %v", name, err)
		}
		if err := use(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := CheckComplete(t.Context(), path); err != nil {
			t.Errorf("%s, after: %v", name, err)
		}
	}
}

// killedServer leaves the files of a server that was killed while it wrote.
func killedServer(t *testing.T, path string) {
	t.Helper()
	server := child(t, "serve", path)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for told := ""; !strings.Contains(told, "\n3\n"); {
		b := make([]byte, 100)
		n, err := out.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		told += string(b[:n])
	}
	_ = server.Process.Kill()
	_ = server.Wait()
}

func TestAFileWithoutItsWALIsNotRestored(t *testing.T) {
	for name, take := range map[string]func(from, to string) error{
		"renamed": os.Rename,
		"copied": func(from, to string) error {
			b, err := os.ReadFile(from)
			if err != nil {
				return err
			}
			return os.WriteFile(to, b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, away := filepath.Join(t.TempDir(), "regrant.db"), t.TempDir()
			killedServer(t, path)
			old := filepath.Join(away, "old.db")
			if err := take(path, old); err != nil {
				t.Fatal(err)
			}

			to := filepath.Join(t.TempDir(), "new.db")
			for range 2 { // a look at it must not make it look complete
				_, err := Restore(t.Context(), to, old, RestoreOptions{Event: restored})

				if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "or its -wal was removed") {
					t.Errorf("%v", err)
				}
				only(t, away, "old.db")
			}
			if _, err := os.Stat(to); err == nil {
				t.Error("there is a database")
			}
			if _, err := Restore(t.Context(), to, old, RestoreOptions{Event: restored, AcceptCopy: true}); err != nil {
				t.Errorf("on the operator's word: %v", err)
			}
			only(t, away, "old.db")
		})
	}
}

func TestARefusedRestoreLeavesNothingBesideTheBackup(t *testing.T) {
	path, away := filepath.Join(t.TempDir(), "regrant.db"), t.TempDir()
	_, copied := beforeAndAfter(t, t.TempDir())
	newer := filepath.Join(away, "newer.db")
	if err := os.Rename(copied, newer); err != nil {
		t.Fatal(err)
	}
	damage(t, newer, "PRAGMA journal_mode = WAL; INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")

	if _, err := Restore(t.Context(), path, newer, RestoreOptions{Event: restored}); err == nil || !strings.Contains(err.Error(), "newer Regrant") {
		t.Errorf("%v", err)
	}
	only(t, away, "newer.db")
}

func TestARestoreOfAFileWithoutEventsDoesNotInventATime(t *testing.T) {
	dir := t.TempDir()
	path, empty := filepath.Join(dir, "regrant.db"), filepath.Join(dir, "empty.db")
	if err := openPath(t, empty, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	var detail string

	r, err := Restore(t.Context(), path, empty, RestoreOptions{Event: func(d string) audit.Event { detail = d; return restored(d) }})

	if err != nil || !r.At.IsZero() || !strings.Contains(detail, "unknown") {
		t.Errorf("%+v %v, the log says %s", r, err, detail)
	}
}

// afterDowngrade leaves a copy, in which "last" is not set, under the name of a database whose server was killed, and its WAL.
func afterDowngrade(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "regrant.db")
	if err := openPath(t, path, Options{Server: true}).Close(); err != nil {
		t.Fatal(err)
	}
	copied := path + upgradeMark + "00014"
	if _, err := Backup(t.Context(), path, copied, BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	killedServer(t, path)
	if err := os.Rename(copied, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAWALThatBelongsToAnotherFileIsNotMixedIn(t *testing.T) {
	path := afterDowngrade(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, use := range map[string]func() error{
		"a server":  func() error { _, err := Open(t.Context(), path, Options{Server: true}); return err },
		"a command": func() error { _, err := Open(t.Context(), path, Options{}); return err },
		"a backup": func() error {
			_, err := Backup(t.Context(), path, filepath.Join(t.TempDir(), "b.db"), BackupOptions{})
			return err
		},
		"a note": func() error { return NoteBackup(t.Context(), path, backup.Made{}, nil) },
		"a restore of it": func() error {
			_, err := Restore(t.Context(), filepath.Join(t.TempDir(), "n.db"), path, RestoreOptions{Event: restored, AcceptCopy: true})
			return err
		},
	} {
		if err := use(); !errors.Is(err, errForeignWAL) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Fatalf("%s has changed the file: %v", name, err)
		}
	}

	for _, rest := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+rest, path+".away"+rest); err != nil {
			t.Fatal(err)
		}
	}
	d := openPath(t, path, Options{Server: true})
	if _, found, err := d.Setting(t.Context(), "last"); err != nil || found {
		t.Errorf("without the WAL: %v %v", found, err)
	}
}

func TestARestoreOverAWALThatBelongsToAnotherFileKeepsBoth(t *testing.T) {
	path := afterDowngrade(t)
	_, copied := beforeAndAfter(t, t.TempDir())
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	r, err := Restore(t.Context(), path, copied, RestoreOptions{Event: restored})

	if err != nil || whoIs(t, path) != "old" {
		t.Errorf("%v", err)
	}
	if kept, err := os.ReadFile(r.Kept); err != nil || string(kept) != string(before) || sizeOf(r.Kept+"-wal") == 0 {
		t.Errorf("what was replaced is not as it was: %v", err)
	}
}

func TestACrashedDatabaseThatWasCopiedWithItsWALStillOpens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	killedServer(t, path)
	to := filepath.Join(t.TempDir(), "regrant.db")
	for _, rest := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + rest)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+rest, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	d := openPath(t, to, Options{Server: true})

	if _, found, err := d.Setting(t.Context(), "last"); err != nil || !found {
		t.Errorf("%v %v", found, err)
	}
}

func TestTheCopyOfAnUpgradeIsRestoredAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	if err := openPath(t, path, Options{Server: true}).Close(); err != nil {
		t.Fatal(err)
	}
	copied := path + upgradeMark + "00014"
	if _, err := Backup(t.Context(), path, copied, BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	killedServer(t, path)

	if _, err := Restore(t.Context(), path, copied, RestoreOptions{Event: restored}); err != nil {
		t.Fatal(err)
	}

	d := openPath(t, path, Options{Server: true})
	if _, found, err := d.Setting(t.Context(), "last"); err != nil || found {
		t.Errorf("%v %v", found, err)
	}
}

func TestWhatRootRestoresBelongsToWhomItDidBefore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const them = 54321
	owned := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if uid, gid, ok := ownerOf(name); !ok || uid != them || gid != them {
				t.Errorf("%s belongs to %d:%d", filepath.Base(name), uid, gid)
			}
		}
	}
	give := func(name string) {
		t.Helper()
		if err := os.Chown(name, them, them); err != nil {
			t.Fatal(err)
		}
	}
	path, copied := beforeAndAfter(t, t.TempDir())
	give(path)

	r, err := Restore(t.Context(), path, copied, RestoreOptions{Event: restored})

	if err != nil || r.Owner != "54321" {
		t.Errorf("%+v %v", r, err)
	}
	owned(path, path+".lock", r.Kept)
	wantPrivate(t, path)

	fresh := t.TempDir()
	give(fresh)
	if _, err := Restore(t.Context(), filepath.Join(fresh, "regrant.db"), copied, RestoreOptions{Event: restored}); err != nil {
		t.Error(err)
	}
	owned(filepath.Join(fresh, "regrant.db"), filepath.Join(fresh, "regrant.db.lock"))

	r, err = Restore(t.Context(), filepath.Join(t.TempDir(), "regrant.db"), copied, RestoreOptions{Event: restored})
	if err != nil || r.Owner != "" {
		t.Errorf("in a directory of one's own: %+v %v", r, err)
	}
}
