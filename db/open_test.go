package db

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFilesAreForTheOwnerOnlyWhateverTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		t.Run(fmt.Sprintf("umask %03o", umask), func(t *testing.T) {
			dir := t.TempDir()
			defer syscall.Umask(syscall.Umask(umask))
			path := filepath.Join(dir, "regrant.db")

			d := openPath(t, path, Options{Server: true})
			if err := d.PutSetting(t.Context(), "x", []byte("y")); err != nil {
				t.Fatal(err)
			}

			wantPrivate(t, path, path+"-wal", path+"-shm", path+".lock")
		})
	}
}

func TestFilesThatOthersCouldReadAreClosedToThem(t *testing.T) {
	d := openTest(t, Options{})
	if err := d.PutSetting(t.Context(), "x", []byte("y")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{d.Path(), d.Path() + "-wal", d.Path() + "-shm"} {
		if err := os.Chmod(name, 0o666); err != nil {
			t.Fatal(err)
		}
	}

	openPath(t, d.Path(), Options{})

	wantPrivate(t, d.Path(), d.Path()+"-wal", d.Path()+"-shm")
}

func wantPrivate(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
		}
	}
}

func TestADatabaseIsFoundAgainUnderOddNames(t *testing.T) {
	for _, name := range []string{"a b.db", "a?b#c%20.db", "file:x.db", "dir&x=1/é.db"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		d := openPath(t, path, Options{})
		if err := errors.Join(d.PutSetting(t.Context(), "x", []byte("y")), d.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		wantSettings(t, openPath(t, path, Options{}), map[string]bool{"x": true})
	}
}

func TestOpenRefusesWhatIsNotOursAndSaysWhyInOneSentence(t *testing.T) {
	raw := func(t *testing.T, path string, queries ...string) {
		t.Helper()
		pool, err := sql.Open("sqlite", fileURI(path, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		for _, q := range queries {
			if _, err := pool.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := func(t *testing.T, path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	whole := func(t *testing.T, path string) []byte {
		t.Helper()
		d := openPath(t, path, Options{})
		if err := errors.Join(d.PutSetting(t.Context(), "x", make([]byte, 20_000)), d.Close()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"a missing directory": {func(t *testing.T, path string) { os.Remove(filepath.Dir(path)) }, "does not exist"},
		"a directory":         {func(t *testing.T, path string) { os.Mkdir(path, 0o700) }, "is not a regular file"},
		"a text file":         {func(t *testing.T, path string) { file(t, path, []byte("hello")) }, "is not a SQLite database"},
		"a long text file":    {func(t *testing.T, path string) { file(t, path, []byte(strings.Repeat("hello ", 5000))) }, "is not a SQLite database"},
		"another program's":   {func(t *testing.T, path string) { raw(t, path, "CREATE TABLE notes (x TEXT)") }, "is not a Regrant database"},
		"another program's, WAL": {func(t *testing.T, path string) {
			raw(t, path, "PRAGMA journal_mode = WAL", "CREATE TABLE notes (x TEXT)")
		}, "is not a Regrant database"},
		"another application id": {func(t *testing.T, path string) { raw(t, path, "PRAGMA application_id = 7") }, "is not a Regrant database"},
		"a newer schema": {func(t *testing.T, path string) {
			whole(t, path)
			raw(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		}, "was written by a newer Regrant"},
		"a file cut short": {func(t *testing.T, path string) { file(t, path, whole(t, path)[:8192]) }, "is damaged"},
		"a schema of random bits": {func(t *testing.T, path string) {
			b := whole(t, path)
			copy(b[100:4096], make([]byte, 3996))
			file(t, path, b)
		}, "is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "regrant.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			c.make(t, path)
			before, _ := os.ReadFile(path)
			mode, _ := os.Stat(path)

			d, err := Open(t.Context(), path, Options{})
			if err == nil {
				d.Close()
				t.Fatal("opened")
			}

			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
			after, _ := os.ReadFile(path)
			info, _ := os.Stat(path)
			if string(before) != string(after) || (mode != nil && mode.Mode() != info.Mode()) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestAnEmptyFileBecomesADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}

	if err := openPath(t, path, Options{}).PutSetting(t.Context(), "x", []byte("y")); err != nil {
		t.Error(err)
	}
	wantPrivate(t, path)
}

func TestASymbolicLinkLeadsToTheFile(t *testing.T) {
	real, link := filepath.Join(t.TempDir(), "real.db"), filepath.Join(t.TempDir(), "link.db")
	openPath(t, real, Options{})
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}

	d := openPath(t, link, Options{})

	if err := d.PutSetting(t.Context(), "x", []byte("y")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(link + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the WAL lies beside the link")
	}
	if d.Path() != real {
		t.Errorf("path %s, want %s", d.Path(), real)
	}
}

func TestCloseLeavesOneWholeFile(t *testing.T) {
	d := openTest(t, Options{})
	if err := errors.Join(d.PutSetting(t.Context(), "x", []byte("y")), d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(d.Path() + "-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
