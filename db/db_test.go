package db

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// openTest opens a new database that is closed with the test.
func openTest(t testing.TB, opts Options) *DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "regrant.db")
	if opts.MasterKey == nil {
		BeginAt(t, path)
	}
	return openPath(t, path, opts)
}

func openPath(t testing.TB, path string, opts Options) *DB {
	t.Helper()
	d, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// emptyDatabase is a new database as a file: to set up a schema takes longer than most tests.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "regrant")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	d, err := Open(context.Background(), filepath.Join(dir, "regrant.db"), Options{})
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(d.Path())
})

// BeginAt puts a new database at path unless something is there.
func BeginAt(t testing.TB, path string) {
	t.Helper()
	file, err := emptyDatabase()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return
	}
	if err == nil {
		_, err = f.Write(file)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
