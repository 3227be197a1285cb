package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"regrant/app/backup"
	"regrant/db/queries"
)

var (
	// ErrRefused says that a backup or a restore was asked for that must not be. Nothing was tried.
	ErrRefused = errors.New("refused")

	// ErrBackupExists says that there is a file where the backup should go.
	ErrBackupExists = mustNot("there is a file of this name")
)

// mustNot is ErrRefused in plain words.
type mustNot string

func (m mustNot) Error() string        { return string(m) }
func (m mustNot) Is(target error) bool { return target == ErrRefused }

func mustNotf(format string, args ...any) error { return mustNot(fmt.Sprintf(format, args...)) }

// BackupOptions of [Backup]. A zero field means the default in brackets.
type BackupOptions struct {
	Replace  bool                             // take the place of a file that is there
	Progress func(doing string, done, of int) // told now and then: copy, verify, sync; done and of are pages, 0 for what has no measure
	WALLimit int64                            // give up when the WAL has grown by more meanwhile [1 GiB]
}

const (
	backupPages    = 256            // pages copied at a time: 1 MiB, about a millisecond
	backupWALLimit = 1 << 30        // enough for minutes at full load
	partialKept    = 24 * time.Hour // nobody works on one for so long
)

// Backup writes what is committed now in the database at path into the file to, while servers and commands go on working with it.
//
// It is SQLite's online backup from a connection that holds one snapshot: it blocks no writer, and never has to begin again.
// The WAL cannot start anew as long as the snapshot is held, so that is kept short: nothing is synced and nothing is verified
// before it is let go. Should the WAL grow beyond o.WALLimit meanwhile, the backup gives up. Half of the time it rests, so that
// those who wait for a commit get the processor and the disk.
//
// The file appears under its name when it is whole, verified and on the disk, with mode 0600; until then it has another name,
// and an error leaves nothing behind. Errors are plain sentences.
func Backup(ctx context.Context, path, to string, o BackupOptions) (backup.Made, error) {
	enableOFDLocks()
	defaultTo(&o.WALLimit, backupWALLimit)
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	path, err := absolute(path)
	if err != nil {
		return backup.Made{}, err
	}
	if to, err = backupTarget(path, to, o.Replace); err != nil {
		return backup.Made{}, err
	}
	if err := checkForeignWAL(ctx, path); err != nil {
		return backup.Made{}, err
	}
	sweepPartial(to)
	settleCrash(ctx, path)
	return writeBackup(ctx, path, to, o)
}

// backupTarget makes sure that a backup may go to a place, and gives its absolute name.
func backupTarget(path, to string, replace bool) (string, error) {
	if to == "" {
		return "", mustNotf("a backup needs a file name")
	}
	to, err := absolute(to)
	if err != nil {
		return "", mustNot(err.Error())
	}
	for _, own := range []string{path, path + "-wal", path + "-shm", path + "-journal", path + ".lock"} {
		a, errA := os.Stat(own)
		b, errB := os.Stat(to)
		if to == own || errA == nil && errB == nil && os.SameFile(a, b) {
			return "", mustNotf("%s belongs to the database itself; name another file for the backup", to)
		}
	}
	// SQLite would take the remains of another database for those of the backup.
	for _, rest := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(to + rest); err == nil && info.Size() > 0 {
			return "", mustNotf("%s%s is there, so %s is or was a database in use; name another file for the backup", to, rest, to)
		}
	}
	if _, err := os.Stat(to); err == nil && !replace {
		return "", fmt.Errorf("%s: %w", to, ErrBackupExists)
	}
	return to, nil
}

func writeBackup(ctx context.Context, path, to string, o BackupOptions) (made backup.Made, err error) {
	begun := time.Now()
	st, err := examine(ctx, path, longWait)
	if err != nil {
		return made, err
	}
	if !st.marked {
		return made, fmt.Errorf("there is no database %s", path)
	}
	partial := to + backup.PartialMark + randomHex()
	if err := createPrivate(partial); err != nil {
		return made, err
	}
	defer func() {
		if err != nil {
			removeDatabase(partial)
		}
	}()

	c := copying{from: path, to: partial, o: o}
	if err := c.run(ctx); err != nil {
		return made, c.explain(err)
	}
	o.Progress("verify", 0, 0)
	if made, err = c.verify(ctx, st.version); err != nil {
		return made, err
	}
	o.Progress("sync", 0, 0)
	if err := syncFile(partial); err != nil {
		return made, c.explain(err)
	}
	if err := place(partial, to, o.Replace); err != nil {
		return made, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return made, err
	}
	made.Path, made.Bytes, made.At, made.Held = to, info.Size(), c.at, c.held
	made.Took = time.Since(begun)
	return made, nil
}

// longWait is for other processes that write, where nobody waits for us.
const longWait = 30 * time.Second

// copying is one copy of a database on its way.
type copying struct {
	from, to string
	o        BackupOptions
	back     bool // the other way: from is a backup, which says itself of when it is

	at     time.Time // of the snapshot
	held   time.Duration
	pages  int
	counts map[string]int64 // rows of each table
}

// run copies the pages of one snapshot. The copy is a database of its own afterwards, without a WAL.
func (c *copying) run(ctx context.Context) error {
	pool, err := sql.Open("sqlite", sourceDSN(c.from))
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	s, err := openSession(ctx, pool, nil)
	if err != nil {
		return err
	}
	defer s.discard()
	if err := c.copySnapshot(ctx, s); err != nil {
		return err
	}
	return c.settle(ctx)
}

func (c *copying) copySnapshot(ctx context.Context, s *session) error {
	walBefore := sizeOf(c.from + "-wal")
	if err := s.exec("BEGIN"); err != nil {
		return err
	}
	c.at = time.Now().UTC().Truncate(time.Microsecond)
	defer func() { c.held = time.Since(c.at) }()
	var tables int64
	// The first statement that reads takes the snapshot.
	if err := s.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if err := s.conn.Raw(func(conn any) error { return c.copyPages(ctx, conn, walBefore) }); err != nil {
		return err
	}
	var err error
	if c.counts, err = countRows(ctx, s); err != nil {
		return err
	}
	return s.exec("ROLLBACK")
}

func (c *copying) copyPages(ctx context.Context, conn any, walBefore int64) (err error) {
	b, err := conn.(interface {
		NewBackup(to string) (*sqlite.Backup, error)
	}).NewBackup(copyDSN(c.to))
	if err != nil {
		return err
	}
	defer func() {
		if end := b.Finish(); err == nil {
			err = end
		}
	}()
	pace := &restful{ctx, time.Now()}
	for more := true; more; {
		if err := pace.rest(); err != nil {
			return err
		}
		if more, err = b.Step(backupPages); err != nil {
			return err
		}
		c.pages = b.PageCount()
		c.o.Progress("copy", c.pages-b.Remaining(), c.pages)
		if grown := sizeOf(c.from+"-wal") - walBefore; more && grown > c.o.WALLimit {
			return fmt.Errorf("%w: so much was written to %s meanwhile that its WAL has grown by %d MiB; "+
				"try again when less is going on", errBackupGaveUp, c.from, grown>>20)
		}
	}
	return nil
}

var errBackupGaveUp = errors.New("the backup gave up")

// settle makes a database for itself of the copy: one file that says of when it is, and no longer that a server has it open.
func (c *copying) settle(ctx context.Context) error {
	pool, err := sql.Open("sqlite", copyDSN(c.to))
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	if _, err := pool.ExecContext(ctx, "PRAGMA journal_mode = DELETE"); err != nil {
		return err
	}
	q := queries.New(pool)
	if err := q.DeleteSetting(ctx, markSetting); err != nil || c.back {
		return err
	}
	return q.PutSetting(ctx, backupOfSetting, []byte(c.at.Format(time.RFC3339Nano)))
}

// explain says in one line why a copy failed. A full disk is that of the copy: the other one is only read.
func (c *copying) explain(err error) error {
	code, ok := sqliteCode(err)
	dir := filepath.Dir(c.to)
	switch {
	case errors.Is(err, errBackupGaveUp):
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("the backup was interrupted; nothing of it is left: %w", err)
	case ok && code&0xff == sqlite3.SQLITE_FULL, isDiskFull(err):
		return fmt.Errorf("the disk of %s is full; nothing of the backup is left there: %w", dir, fault("back up", err))
	case ok && code&0xff == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s is damaged; see: regrant doctor: %w", c.from, fault("back up", err))
	}
	return fmt.Errorf("the backup could not be written to %s; nothing of it is left there: %w", dir, fault("back up", err))
}

// place gives a finished file its name, for good: file and directory are on the disk afterwards.
func place(partial, to string, replace bool) error {
	if !replace {
		// A link never takes the place of a file that came meanwhile.
		switch err := os.Link(partial, to); {
		case err == nil:
			return errors.Join(os.Remove(partial), syncDir(filepath.Dir(to)))
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("%s: %w", to, ErrBackupExists)
		}
	}
	if err := os.Rename(partial, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// sweepPartial removes what backups to that file have left behind whose process was killed.
func sweepPartial(to string) {
	left, _ := filepath.Glob(globSafe(to) + backup.PartialMark + "*")
	for _, name := range left {
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > partialKept {
			_ = os.Remove(name)
		}
	}
}

// globSafe makes a name stand for itself in a pattern.
func globSafe(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

// removeDatabase removes a file of ours with all that SQLite may have put beside it.
func removeDatabase(name string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".lock"} {
		_ = os.Remove(name + suffix)
	}
}

func randomHex() string {
	b := make([]byte, 4)
	rand.Read(b)
	return hex.EncodeToString(b)
}
