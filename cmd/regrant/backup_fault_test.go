package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pad makes the database longer by so many MiB of what nobody reads, so that a copy takes a while.
func (c *crashSite) pad(megabytes int) {
	c.t.Helper()
	q, err := sql.Open("sqlite", "file:"+c.server.db+"?_pragma=busy_timeout(60000)")
	if err != nil {
		c.t.Fatal(err)
	}
	defer q.Close()
	for i := range megabytes {
		if _, err := q.Exec("INSERT INTO settings (name, value) VALUES (?, zeroblob(1000000))", fmt.Sprint("padding-", i)); err != nil {
			c.t.Fatal(err)
		}
	}
}

// backingUp is a backup in a process of its own.
type backingUp struct {
	cmd  *exec.Cmd
	said bytes.Buffer
	to   string
}

func (c *crashSite) startBackup(to string) *backingUp {
	c.t.Helper()
	b := &backingUp{cmd: exec.Command("regrant", "backup", "--db", c.server.db, to), to: to}
	b.cmd.Dir, b.cmd.Stderr = filepath.Dir(c.server.db), &b.said
	if err := b.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	return b
}

// partial says whether the file is being written.
func (b *backingUp) partial() bool {
	left, _ := filepath.Glob(b.to + ".partial-*")
	return len(left) > 0
}

// wantWhole holds a file with the name of a backup to be one.
func (c *crashSite) wantWhole(path string) {
	c.t.Helper()
	out, err := exec.Command("regrant", "doctor", "--json", "--db", path).CombinedOutput()
	c.tally.check(fileIsWhole, err == nil && !bytes.Contains(out, []byte(`"failed"`)), "%s: %v %s", filepath.Base(path), err, out)
}

// TestF11_ABackupThatIsCutOffOrFrozenHarmsNobody kills backups under way, the server below them, and freezes them for a while, as a
// suspended laptop or a stopped container does. What has the name of a backup is one, and restores to a state that passes the oracle.
func TestF11_ABackupThatIsCutOffOrFrozenHarmsNobody(t *testing.T) { // F4, F15
	if testing.Short() {
		t.Skip("the processes that die are not watched by the race detector")
	}
	t.Parallel()
	freeze := time.Second
	if full() {
		freeze = 12 * time.Second // longer than a window
	}
	c := newCrashSite(t, often(50, 10, 10), func(int) string { return "standard" }, realServer{starved: true})
	c.pad(often(300, 12, 12))
	dir := t.TempDir()
	begun := time.Now()
	first := c.startBackup(filepath.Join(dir, "first.db"))
	if err := first.cmd.Wait(); err != nil {
		t.Fatalf("%v %s", err, first.said.String())
	}
	usual := time.Since(begun)
	c.wantWhole(first.to)

	outcomes := map[string]int{}
	for round := range often(120, 6, 6) {
		b := c.startBackup(filepath.Join(dir, "backup.db"))
		stop := make(chan struct{})
		done := allWork(c.applications, stop)
		for deadline := time.Now().Add(usual); !b.partial() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(rand.N(usual / 2))
		what := []string{"the backup is killed", "the server is killed", "the backup is frozen"}[round%3]
		switch what {
		case "the backup is killed":
			_ = b.cmd.Process.Kill()
		case "the server is killed":
			c.server.stop()
		case "the backup is frozen":
			if err := b.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			time.Sleep(freeze)
			if err := b.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
		}
		err := b.cmd.Wait()
		outcomes[fmt.Sprintf("%s: made %v", what, err == nil)]++
		if err != nil && what != "the backup is killed" {
			t.Errorf("%s: %v %s", what, err, b.said.String())
		}
		if _, missing := os.Stat(b.to); missing == nil {
			c.wantWhole(b.to)
		} else if err == nil {
			t.Errorf("%s: it is said to be made: %v", what, missing)
		}
		close(stop)
		if rotations := done(); rotations == 0 {
			t.Errorf("%s: nobody could refresh meanwhile", what)
		}
		c.readLog()
		if what == "the server is killed" {
			c.server.start()
		}
		c.verifyAll()
		_ = os.Remove(b.to)
	}
	t.Logf("%v", outcomes)

	// What a killed one left is in nobody's way, and the WAL is not held any more.
	last := c.startBackup(filepath.Join(dir, "backup.db"))
	if err := last.cmd.Wait(); err != nil {
		t.Fatalf("%v %s", err, last.said.String())
	}
	if size := fileSize(t, c.server.db+"-wal"); size > 64<<20 {
		t.Errorf("the WAL has %d MiB", size>>20)
	}
	stop := make(chan struct{})
	time.AfterFunc(time.Second, func() { close(stop) })
	allWork(c.applications, stop)() // on, beyond the backup
	c.readLog()
	c.server.stop()
	c.server.regrant("", "restore", "--keep-grants", last.to)
	c.server.start()
	for _, a := range c.applications {
		answer := c.refresh(a.client, a.held.last())
		c.tally.check(noFalseReuse, answer.ok(), "%s, after a restore: %+v", a.name, answer)
	}
	c.examine()
	c.tally.report(ackedStays, noFalseReuse, oneLives, fileIsWhole, faultsDoNotBar)
}

// TestASealedBackupIsOfUseWithItsMasterKeyOnly restores one, on the machine and on another one.
func TestASealedBackupIsOfUseWithItsMasterKeyOnly(t *testing.T) { // F8, F15, WEB-49, S2
	t.Parallel()
	dir := t.TempDir()
	key, other := filepath.Join(dir, "master.key"), filepath.Join(dir, "other.key")
	for _, name := range []string{key, other} {
		if out, err := exec.Command("regrant", "key", "generate", name).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	c := newCrashSite(t, 3, func(int) string { return "standard" }, realServer{flags: []string{"--master-key-file", key}})
	refresh := func() {
		t.Helper()
		for _, a := range c.applications {
			answer := c.refresh(a.client, a.held.last())
			if !answer.ok() {
				t.Errorf("%s: %+v", a.name, answer)
			}
			a.held.ack(answer.refresh)
		}
	}
	refresh()
	copied := filepath.Join(dir, "copy.db")
	if out := c.server.regrant("", "backup", "--json", copied); !bytes.Contains(out, []byte(`"unsealed_keys": 0`)) {
		t.Errorf("%s", out)
	}
	refresh()
	refresh()
	c.server.stop()

	c.server.regrant("", "restore", "--keep-grants", copied) // which needs no key

	for why, flags := range map[string][]string{
		"are sealed; give the master key with":                           nil,
		"are sealed with another master key than the one that was given": {"--master-key-file", other},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		serve := exec.CommandContext(ctx, "regrant", slices.Concat([]string{"serve", "--db", c.server.db, "--listen", c.server.listen}, flags)...)
		out, err := serve.CombinedOutput()
		cancel()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), why) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%v: %v %s", flags, err, out)
		}
	}
	c.server.start()
	refresh() // newer than the backup
	refresh()
	for _, a := range c.applications {
		if answer := c.refresh(a.client, a.held.acked[0]); !answer.refused() {
			t.Errorf("a token that is older than the backup: %+v", answer)
		}
	}
	c.examine()
	if c.tally.violated[fileIsWhole] > 0 || c.tally.checked[fileIsWhole] == 0 {
		t.Error("the file is not whole")
	}
}
