package db

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// enableOFDLocks makes SQLite's locks survive the closing of another descriptor of the same file in this process. Where
// the system has no such locks, SQLite's ordinary ones stay.
var enableOFDLocks = sync.OnceFunc(func() { _, _ = sqlite.OFDLocking(true) })

// absolute resolves path and makes sure that its directory is there.
func absolute(path string) (string, error) {
	if path == "" {
		return "", errors.New("the database needs a file name")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	// SQLite puts its -wal and -shm beside the file that a symbolic link leads to.
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	dir := filepath.Dir(abs)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the directory %s does not exist", dir)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a directory", dir)
	}
	if info, err := os.Stat(abs); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", abs)
	}
	return abs, nil
}

// createPrivate creates an empty file of mode 0600, whatever the umask, if there is none. It never opens an existing
// one: closing that again could take SQLite's locks away.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("cannot create %s: the directory is not writable", path)
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// makePrivate takes the database's files away from group and others. SQLite gives new ones the database's mode.
func makePrivate(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(name, info.Mode().Perm()&^0o077); err != nil {
				return fmt.Errorf("%s can be read by other users and belongs to one of them: %w", name, err)
			}
		}
	}
	return nil
}

// byHand is a file that is used past SQLite.
type byHand interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Close() error
}

// openByHand opens such a file. Tests put a failing disk below it.
var openByHand = func(name string, flag int) (byHand, error) { return os.OpenFile(name, flag, 0) }

// openForSync gives a descriptor of the database on which nothing is done but syncing, or nil where its closing would take
// SQLite's locks away.
func openForSync(path string) byHand {
	if !sqlite.OFDLockingEnabled() {
		return nil
	}
	f, err := openByHand(path, os.O_RDONLY)
	if err != nil {
		return nil
	}
	return f
}

func fileURI(path string, q url.Values) string {
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + q.Encode()
}

func pragmas(busy time.Duration, more ...string) url.Values {
	return url.Values{
		"_pragma": append([]string{
			"busy_timeout(" + strconv.FormatInt(busy.Milliseconds(), 10) + ")",
			"foreign_keys(1)",
			"temp_store(MEMORY)",
		}, more...),
		"_defensive": {"1"},
		"_dqs":       {"0"},
		"_error_rc":  {"1"},
	}
}

func writerDSN(path string, busy time.Duration) string {
	q := pragmas(busy, "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(1)", "cache_size(-4000)",
		"wal_autocheckpoint(0)", "journal_size_limit("+strconv.Itoa(walLimit)+")")
	q.Set("_txlock", "immediate")
	return fileURI(path, q)
}

func readerDSN(path string, busy time.Duration) string {
	// Each commit of the writer empties the readers' caches, so they need be no larger than what one statement comes back to.
	q := pragmas(busy, "cache_size(-500)")
	q.Set("mode", "ro")
	return fileURI(path, q)
}

// stillDSN is for reading a file on which nobody works. One without a WAL is read as it is, so that none is made.
func stillDSN(path string) string {
	dsn := readerDSN(path, longWait)
	if _, err := os.Stat(path + "-wal"); err != nil {
		dsn += "&immutable=1"
	}
	return dsn
}

// sourceDSN is for whoever reads a file of which nobody may have a connection open: it leaves no WAL behind then. It never makes a
// file.
func sourceDSN(path string) string {
	q := pragmas(longWait, "cache_size(-2000)")
	q.Set("mode", "rw")
	q.Set("_txlock", "immediate")
	return fileURI(path, q)
}

// copyDSN is for a copy that nobody else knows of. It is brought to the disk when it is whole.
func copyDSN(path string) string {
	return fileURI(path, pragmas(longWait, "journal_mode(MEMORY)", "synchronous(OFF)", "secure_delete(1)"))
}

func lockDSN(path string) string { return fileURI(path, pragmas(0)) }

var errReadOnlyFile = errors.New("cannot be written; the file and its directory must be writable by this user")

// explain turns an error at opening into a plain sentence. The cause stays in its chain.
func explain(path string, err error) error {
	if errors.Is(err, errReadOnlyFile) {
		return fmt.Errorf("%s %w", path, err)
	}
	code, ok := sqliteCode(err)
	if !ok {
		return fmt.Errorf("open %s: %w", path, err)
	}
	text := "cannot be used"
	switch code & 0xff {
	case sqlite3.SQLITE_NOTADB:
		text = "is not a SQLite database, so it is not a Regrant database"
	case sqlite3.SQLITE_CORRUPT:
		text = "is damaged; restore it from a backup"
	case sqlite3.SQLITE_CANTOPEN:
		text = "cannot be opened; the file and its directory must be readable and writable by this user"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		text = errReadOnlyFile.Error()
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		text = "is locked by another program"
	case sqlite3.SQLITE_FULL:
		text = "cannot grow: the disk is full"
	case sqlite3.SQLITE_IOERR:
		text = "cannot be read or written: the disk reports an error"
	}
	return fmt.Errorf("%s %s: %w", path, text, fault("open", err))
}
