package db

import (
	"path/filepath"
	"testing"
)

func open1(t testing.TB, path string, opts Options) *DB {
	t.Helper()
	d, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestSetting(t *testing.T) {
	d := open1(t, filepath.Join(t.TempDir(), "a b?#.db"), Options{Server: true})
	if err := d.PutSetting(t.Context(), "x", []byte("y")); err != nil {
		t.Fatal(err)
	}
	v, ok, err := d.Setting(t.Context(), "x")
	t.Log(string(v), ok, err)
	if err := d.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Checkpoint(t.Context(), true); err != nil {
		t.Fatal(err)
	}
}
