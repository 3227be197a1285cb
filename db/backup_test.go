package db

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/backup"
)

// count adds one to two settings in one transaction, so that every committed state has them equal.
func countBoth(ctx context.Context, d *DB, n int) error {
	return d.write(ctx, "count", func(tx *Tx) error {
		value := fmt.Appendf(nil, "%d", n)
		return errors.Join(tx.PutSetting(ctx, "a-count", value), tx.PutSetting(ctx, "z-count", value))
	})
}

// counted gives what a file says, or why it is not whole.
func counted(t *testing.T, path string) int {
	t.Helper()
	d, err := openToRead(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.readers.close()
	if err := d.sound(t.Context(), schemaVersion()); err != nil {
		t.Fatalf("%s is not sound: %v", path, err)
	}
	a, _, errA := d.Setting(t.Context(), "a-count")
	z, _, errZ := d.Setting(t.Context(), "z-count")
	if errA != nil || errZ != nil || !bytes.Equal(a, z) {
		t.Fatalf("the copy is of two moments: %s and %s, %v %v", a, z, errA, errZ)
	}
	var n int
	fmt.Sscan(string(a), &n)
	return n
}

func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("there is %v, want %v", got, want)
	}
}

func TestABackupBesideWritersIsOneOfTheirCommits(t *testing.T) {
	d := openTest(t, Options{Server: true})
	rotatable(t, d)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var acked atomic.Int64
	var work sync.WaitGroup
	for c := range 8 {
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				var err error
				if c == 0 {
					if err = countBoth(t.Context(), d, i+1); err == nil {
						acked.Store(int64(i + 1))
					}
				} else {
					_, err = rotate(t.Context(), d, (i*16+c)*7919%rotatedRows)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for acked.Load() < 10 {
		time.Sleep(time.Millisecond)
	}

	for i := range 5 {
		to := filepath.Join(dir, fmt.Sprintf("%d.db", i))
		before := acked.Load()
		made, err := d.Backup(t.Context(), to, backup.BySchedule)
		if err != nil {
			t.Fatal(err)
		}
		if n := counted(t, to); int64(n) < before || int64(n) > acked.Load()+1 {
			t.Errorf("the copy is of write %d; before it %d were acknowledged", n, before)
		}
		wantPrivate(t, to)
		if info, _ := os.Stat(to); made.Bytes != info.Size() || made.Rows < rotatedRows || made.By != backup.BySchedule {
			t.Errorf("%+v", made)
		}
	}
	cancel()
	work.Wait()
	only(t, dir, "0.db", "1.db", "2.db", "3.db", "4.db")
	if err := d.Checkpoint(t.Context(), true); err != nil {
		t.Errorf("the WAL cannot start anew after a backup: %v", err)
	}
	r, err := d.BackupRecord(t.Context())
	if err != nil || r.Last == nil || r.Last.Path != filepath.Join(dir, "4.db") || r.Failed != nil {
		t.Errorf("%+v %v", r, err)
	}
}

func TestABackupIsADatabaseOfItsOwn(t *testing.T) {
	d := openTest(t, Options{Server: true})
	if err := d.Audit(t.Context(), audit.Event{At: time.Now(), Kind: audit.KeyCreated, Origin: audit.Origin{Actor: audit.ByServer}}); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if _, err := d.Backup(t.Context(), to, backup.ByCommand); err != nil {
		t.Fatal(err)
	}

	c := openPath(t, to, Options{Server: true})

	if n, err := c.VerifyAudit(t.Context()); n != 1 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
	if err := c.PutSetting(t.Context(), "x", []byte("y")); err != nil {
		t.Error(err)
	}
}

func TestABackupNeverGoesWhereItWouldHurt(t *testing.T) {
	d := openTest(t, Options{})
	dir := t.TempDir()
	there := filepath.Join(dir, "there.db")
	if err := os.WriteFile(there, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	used := filepath.Join(dir, "used.db")
	if err := os.WriteFile(used+"-wal", []byte("frames"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Link(d.Path(), link); err != nil {
		t.Fatal(err)
	}
	for to, why := range map[string]string{
		"":                               "needs a file name",
		d.Path():                         "belongs to the database itself",
		d.Path() + "-wal":                "belongs to the database itself",
		d.Path() + "-shm":                "belongs to the database itself",
		d.Path() + ".lock":               "belongs to the database itself",
		link:                             "belongs to the database itself",
		there:                            "there is a file of this name",
		used:                             "is or was a database in use",
		dir:                              "is not a regular file",
		filepath.Join(dir, "no", "x.db"): "does not exist",
	} {
		_, err := Backup(t.Context(), d.Path(), to, BackupOptions{Replace: why != "there is a file of this name"})

		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", to, err)
		}
	}
	only(t, dir, "link.db", "there.db", "used.db-wal")
	if r, err := d.BackupRecord(t.Context()); err != nil || r.Failed != nil {
		t.Errorf("what was refused counts as an attempt: %+v %v", r, err)
	}

	if _, err := Backup(t.Context(), d.Path(), there, BackupOptions{Replace: true}); err != nil {
		t.Error(err)
	}
	counted(t, there)
}

func TestAFailedBackupLeavesNothingBehind(t *testing.T) {
	d := openTest(t, Options{})
	rotatable(t, d)
	for i := range 16 { // some megabytes, so that the copy takes several steps
		if err := d.PutSetting(t.Context(), fmt.Sprint("fill-", i), make([]byte, 500_000)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("interrupted", func(t *testing.T) {
		for _, at := range []string{"copy", "verify", "sync"} {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			_, err := Backup(ctx, d.Path(), filepath.Join(dir, "x.db"), BackupOptions{Progress: func(doing string, done, of int) {
				if doing == at {
					cancel()
				}
			}})
			if at == "sync" && err == nil {
				only(t, dir, "x.db") // it was whole already
				continue
			}
			if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", at, err)
			}
			only(t, dir)
		}
	})
	t.Run("the WAL grows too much", func(t *testing.T) {
		dir := t.TempDir()
		_, err := Backup(t.Context(), d.Path(), filepath.Join(dir, "x.db"), BackupOptions{WALLimit: 1, Progress: func(string, int, int) {
			if err := d.PutSetting(t.Context(), "more", make([]byte, 100_000)); err != nil {
				t.Error(err)
			}
		}})
		if err == nil || !strings.Contains(err.Error(), "its WAL has grown") {
			t.Error(err)
		}
		only(t, dir)
		if err := d.Checkpoint(t.Context(), true); err != nil {
			t.Errorf("the snapshot is still held: %v", err)
		}
	})
	t.Run("F4: full disk", func(t *testing.T) {
		dir := smallDisk(t, "2m")
		_, err := d.Backup(t.Context(), filepath.Join(dir, "x.db"), backup.ByCommand)
		if err == nil || !strings.Contains(err.Error(), "is full") || strings.Contains(err.Error(), "\n") {
			t.Error(err)
		}
		only(t, dir)
		r, err := d.BackupRecord(t.Context())
		if err != nil || r.Failed == nil || !strings.Contains(r.Failed.Why, "is full") {
			t.Errorf("%+v %v", r, err)
		}
	})
	t.Run("a damaged database", func(t *testing.T) {
		dir := t.TempDir()
		damaged := filepath.Join(dir, "damaged.db")
		if _, err := d.Backup(t.Context(), damaged, backup.ByCommand); err != nil {
			t.Fatal(err)
		}
		damage(t, damaged, "DELETE FROM audit_chain")
		_, err := Backup(t.Context(), damaged, filepath.Join(dir, "x.db"), BackupOptions{})
		if err == nil || !strings.Contains(err.Error(), "not sound") {
			t.Error(err)
		}
		only(t, dir, "damaged.db")
	})
}

// damage changes a file as nobody should.
func damage(t *testing.T, path, statement string) {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// smallDisk gives a directory on a disk of that size, where this user may mount one.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no disk can be mounted here: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	})
	return dir
}

func TestWhatAKilledBackupLeftIsRemovedByALaterOne(t *testing.T) {
	d := openTest(t, Options{})
	dir := t.TempDir()
	to := filepath.Join(dir, "x.db")
	for name, age := range map[string]time.Duration{to + backup.PartialMark + "old": 25 * time.Hour, to + backup.PartialMark + "new": time.Hour, filepath.Join(dir, "mine.db-old"): 25 * time.Hour} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}

	if _, err := d.Backup(t.Context(), to, backup.ByCommand); err != nil {
		t.Fatal(err)
	}

	only(t, dir, "mine.db-old", "x.db", "x.db"+backup.PartialMark+"new")
}

func TestEachFailureOfAScheduleIsKept(t *testing.T) {
	d := openTest(t, Options{Server: true})
	gone := filepath.Join(t.TempDir(), "gone", "backup.db")

	if _, err := d.Backup(t.Context(), gone, backup.ByCommand); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	if r, err := d.BackupRecord(t.Context()); err != nil || r.Failed != nil {
		t.Errorf("a mistake of a command: %+v %v", r.Failed, err)
	}

	if _, err := d.Backup(t.Context(), gone, backup.BySchedule); err == nil {
		t.Error("there is a backup")
	}
	if r, err := d.BackupRecord(t.Context()); err != nil || r.Failed == nil || !strings.Contains(r.Failed.Why, "does not exist") {
		t.Errorf("a directory that has gone: %+v %v", r.Failed, err)
	}
}
