package db

import (
	"path/filepath"
	"testing"
)

// openTest opens a new database that is closed with the test.
func openTest(t testing.TB, opts Options) *DB {
	t.Helper()
	return openPath(t, filepath.Join(t.TempDir(), "regrant.db"), opts)
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
