package main

import (
	"database/sql"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Beside a busy server a command waits for its turn longer than a request would.
func TestACommandWaitsForItsTurnToWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "regrant.db")
	create := func(name string) error {
		out, err := exec.Command("regrant", "group", "create", "--db", path, "--name", name).CombinedOutput()
		if err != nil {
			t.Logf("%s", out)
		}
		return err
	}
	if err := create("staff"); err != nil {
		t.Fatal(err)
	}
	pool, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	other, err := pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- create("admins") }()
	select {
	case err := <-ended:
		t.Fatal("it did not wait:", err)
	case <-time.After(6 * time.Second):
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
