package db

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/db/faultdisk"
)

// TestMain lets this test binary play another process on the same file.
func TestMain(m *testing.M) {
	if role := os.Getenv("REGRANT_DB_TEST_ROLE"); role != "" {
		if err := play(role, os.Getenv("REGRANT_DB_TEST_PATH")); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	openByHand = func(name string, flag int) (byHand, error) { return faultdisk.OpenFile(name, flag) }
	os.Exit(m.Run())
}

const childWrites = 100

// patience is for writes whose turn comes late on a busy machine, where no test is about how long they wait.
const patience = time.Minute

func play(role, path string) error {
	ctx := context.Background()
	if n, err := strconv.Atoi(os.Getenv("REGRANT_DB_TEST_STATEMENT")); err == nil {
		dieAtStatement(n)
	}
	if role == "seal" {
		return sealUntilKilled(ctx, path)
	}
	if role == "restore" {
		n, err := strconv.Atoi(os.Getenv("REGRANT_DB_TEST_STEP"))
		if err != nil {
			return err
		}
		_, err = Restore(ctx, path, filepath.Join(filepath.Dir(path), "copy.db"), RestoreOptions{Event: restored, Progress: dyingAt(n)})
		return err
	}
	d, err := Open(ctx, path, Options{Server: role == "serve", QueueWait: patience})
	if err != nil {
		return err
	}
	fmt.Println("open")
	switch role {
	case "open":
		return d.Close()
	case "write":
		for i := range childWrites {
			if err := d.PutSetting(ctx, fmt.Sprintf("%d-%d", os.Getpid(), i), []byte("x")); err != nil {
				return err
			}
		}
		return d.Close()
	case "serve":
		for i := 0; ; i++ { // until killed
			if err := d.PutSetting(ctx, "last", fmt.Append(nil, i)); err != nil {
				return err
			}
			fmt.Println(i)
		}
	}
	return errors.New("unknown role")
}

func sealUntilKilled(ctx context.Context, path string) error {
	master := masterKey(1)
	d, err := Open(ctx, path, Options{MasterKey: master, QueueWait: patience})
	if err != nil {
		return err
	}
	seal, err := d.KeySeal(ctx)
	if err != nil {
		return err
	}
	fmt.Println("open")
	for next := seal.SealedAt == nil; ; next = !next {
		with, kind := master, audit.KeysSealed
		if !next {
			with, kind = nil, audit.KeysUnsealed
		}
		if _, err := d.SealKeys(ctx, with, sealEvent(kind)); err != nil {
			return err
		}
	}
}

func child(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "REGRANT_DB_TEST_ROLE="+role, "REGRANT_DB_TEST_PATH="+path)
	return cmd
}

func TestProcessesWriteToOneFileAtOnce(t *testing.T) {
	d := openTest(t, Options{Server: true, QueueWait: patience})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if out, err := child(t, "write", d.Path()).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	for i := range childWrites {
		if err := d.PutSetting(t.Context(), fmt.Sprint("own-", i), []byte("x")); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()

	var n int
	if err := d.readers.pool.QueryRow("SELECT COUNT(*) FROM settings WHERE name LIKE '%-%'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 3*childWrites {
		t.Errorf("%d writes are there of %d", n, 3*childWrites)
	}
}

func TestProcessesThatCreateTheFileAtOnceAllGetIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			role := "open"
			if i == 0 {
				role = "write"
			}
			if out, err := child(t, role, path).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	openPath(t, path, Options{Server: true})
}

func TestASecondServerIsRefusedUntilTheFirstHasDied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	server := child(t, "serve", path)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Process.Kill()
	lines := bufio.NewScanner(out)
	next := func() string {
		if !lines.Scan() {
			t.Fatal("the server ended")
		}
		return lines.Text()
	}
	for next() != "20" {
	}

	if _, err := Open(t.Context(), path, Options{Server: true}); !errors.Is(err, ErrServerRunning) {
		t.Errorf("a second server: %v", err)
	}
	if _, err := AcquireServerLock(path); !errors.Is(err, ErrServerRunning) {
		t.Errorf("its lock: %v", err)
	}
	command := openPath(t, path, Options{})
	if err := command.PutSetting(t.Context(), "command", []byte("x")); err != nil {
		t.Errorf("a command beside the server: %v", err)
	}

	// kill -9: what it had answered is there, and its lock is gone.
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	last := "20"
	for lines.Scan() {
		last = lines.Text()
	}
	_ = server.Wait()
	if err := command.Close(); err != nil { // with the WAL
		t.Fatal(err)
	}
	d := openPath(t, path, Options{Server: true})
	if err := d.Incomplete(); err != nil {
		t.Errorf("the database is whole, and said to lack something: %v", err)
	}
	value, _, err := d.Setting(t.Context(), "last")
	if err != nil {
		t.Fatal(err)
	}
	var have, answered int
	fmt.Sscan(string(value), &have)
	fmt.Sscan(last, &answered)
	if have < answered || have > answered+1 {
		t.Errorf("the file has %d, answered was %d", have, answered)
	}
}

func TestTheServerLockIsOnePerFileInOneProcessToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	lock, err := AcquireServerLock(path)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := Open(t.Context(), path, Options{Server: true}); !errors.Is(err, ErrServerRunning) {
		t.Error(err)
	}
	lock.Release()
	openPath(t, path, Options{Server: true})
}

func TestASchemaIsNotChangedBelowARunningServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	lock, err := AcquireServerLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()

	_, err = Open(t.Context(), path, Options{BusyTimeout: 50 * time.Millisecond})

	if !errors.Is(err, ErrServerRunning) || !strings.Contains(err.Error(), "newer schema") {
		t.Error(err)
	}
}

// Permissions bind everybody but root, so root plays somebody else.
func TestWithoutPermissionTheErrorIsOneSentence(t *testing.T) {
	for name, c := range map[string]struct{ dir, file os.FileMode }{
		"a directory that can't be written":         {0o555, 0},
		"a directory that can't be written, a file": {0o555, 0o666},
		"a file that can't be written":              {0o777, 0o444},
		"a file that can't be read":                 {0o777, 0o000},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "regrant")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			path := filepath.Join(dir, "regrant.db")
			if c.file != 0 || strings.Contains(name, "read") {
				d := openPath(t, path, Options{})
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(path + ".lock"); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, c.file); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, c.dir); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(dir, 0o700)
			cmd := child(t, "open", path)
			if os.Getuid() == 0 {
				if err := errors.Join(os.Chown(dir, 65534, 65534), os.Chown(path, 65534, 65534)); err != nil && c.file != 0 {
					t.Fatal(err)
				}
				cmd.Path = "/proc/self/exe" // the binary's own directory may be closed to others
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}

			out, err := cmd.CombinedOutput()

			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("%v: %s", err, out)
			}
			if !strings.Contains(string(out), "writable") || strings.Count(string(out), "\n") != 1 {
				t.Errorf("said %q", out)
			}
		})
	}
}
