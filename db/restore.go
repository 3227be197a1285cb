package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// RestoreOptions of [Restore].
type RestoreOptions struct {
	RevokeAll    bool      // every grant ends; else those of the backup go on
	AcceptCopy   bool      // take a file that is not provably complete, if it is sound
	DropReplaced bool      // do not keep the database that is replaced
	Now          time.Time // of the restore [the time of now]
	Event        func(detail string) audit.Event
	Progress     func(doing string, done, of int) // as in [BackupOptions]
}

// Restored says what a restore has done.
type Restored struct {
	Path     string    // of the database, absolute
	At       time.Time // of the state that it holds now; what happened after it is lost; zero: nothing in it says
	Exact    bool      // At is what the backup itself says; else that of its last event
	Kept     string    // where the replaced database is; "" for none
	Grants   int64     // that were not revoked in the backup; with RevokeAll they are now
	Sessions int64     // of browsers, that ended
	Epoch    uint8
	Owner    string // the user whom the database was given to, by number or name; "" where that is the one who restores
}

// Restore puts a backup in the place of the database at path.
//
// Everything is prepared beside the database and changes its place by one rename at the end: whenever the process dies, the old
// database is there or the new one, whole. The replaced one is kept under another name. No server may run, and no command may have
// the file open (ErrRefused).
//
// The state of the backup is made fit for a world that has gone on since (requirements.md 2.6): the epoch is raised, so that tokens
// of before are known from those of now; codes, sessions, links, begun sign-ins and authorization requests, waiting mails and the
// keys of windows go. Grants that go on have as much of their idle lifetime left as they had in the backup: who has used them since
// is not known. Absolute lifetimes end when they did. Errors are plain sentences.
func Restore(ctx context.Context, path, from string, o RestoreOptions) (Restored, error) {
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	path, err := absolute(path)
	if err != nil {
		return Restored{}, mustNot(err.Error())
	}
	if from, err = restoreSource(path, from); err != nil {
		return Restored{}, err
	}
	settleCrash(ctx, path)
	lock, err := AcquireServerLock(path)
	if errors.Is(err, ErrServerRunning) {
		return Restored{}, mustNotf("a server is running on %s; stop it first", path)
	}
	if err != nil {
		return Restored{}, err
	}
	defer lock.Release()

	if err := checkForeignWAL(ctx, from); err != nil {
		return Restored{}, err
	}
	// Before anything opens it, which could leave a WAL beside it that makes it look complete.
	if err := CheckComplete(ctx, from); err != nil && !(o.AcceptCopy && errors.Is(err, ErrIncomplete)) {
		return Restored{}, err
	}
	st, err := examineAs(ctx, from, stillDSN(from))
	if err != nil {
		return Restored{}, err
	}
	if !st.marked {
		return Restored{}, fmt.Errorf("%s is not a Regrant database", from)
	}
	epoch, err := newestEpoch(ctx, path)
	if err != nil {
		return Restored{}, err
	}
	sweepRestoring(path)
	r := restoring{path: path, fresh: path + restoringMark + randomHex(), o: o, done: Restored{Path: path}}
	defer removeDatabase(r.fresh)
	if err := r.prepare(ctx, from, st.version, epoch); err != nil {
		return Restored{}, err
	}
	if err := r.swap(ctx); err != nil {
		return Restored{}, err
	}
	return r.done, nil
}

// What stands in the names of the files that a restore makes, behind the name of the database.
const (
	restoringMark = ".restoring-"
	replacedMark  = ".replaced-"
)

// sweepRestoring removes what restores have left behind whose process was killed. Whoever calls it holds the server lock.
func sweepRestoring(path string) {
	left, _ := filepath.Glob(globSafe(path) + restoringMark + "*")
	for _, name := range left {
		_ = os.Remove(name)
	}
}

func restoreSource(path, from string) (string, error) {
	from, err := absolute(from)
	if err != nil {
		return "", mustNot(err.Error())
	}
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return "", mustNotf("there is no file %s", from)
	}
	if err != nil {
		return "", err
	}
	if own, err := os.Stat(path); err == nil && os.SameFile(info, own) {
		return "", mustNotf("%s is the database itself", from)
	}
	if info.Size() == 0 {
		return "", mustNotf("%s is empty", from)
	}
	return from, nil
}

// newestEpoch is that of the database that is to be replaced, so that the new one is beyond it too. One that cannot be read counts
// as none: the backup's own is raised all the same.
func newestEpoch(ctx context.Context, path string) (uint8, error) {
	st, err := examine(ctx, path, longWait)
	if err != nil || !st.marked || st.version < epochSince {
		return 0, ctx.Err()
	}
	d, err := openToRead(path)
	if err != nil {
		return 0, ctx.Err()
	}
	defer d.readers.close()
	_, epoch, err := d.Clock(ctx)
	if err != nil {
		return 0, ctx.Err()
	}
	return epoch, nil
}

// epochSince is the schema that brought epochs.
const epochSince = 4

type restoring struct {
	path  string
	fresh string // the new database, until it takes its place
	o     RestoreOptions
	done  Restored
}

// prepare makes the new database beside the old one.
func (r *restoring) prepare(ctx context.Context, from string, version int64, replaced uint8) error {
	if err := createPrivate(r.fresh); err != nil {
		return err
	}
	c := copying{from: from, to: r.fresh, back: true, o: BackupOptions{Progress: r.o.Progress, WALLimit: backupWALLimit}}
	if err := c.run(ctx); err != nil {
		return fmt.Errorf("%s could not be read, or not written beside the database; nothing has changed: %w", from, c.explain(err))
	}
	r.o.Progress("verify", 0, 0)
	if _, err := c.verify(ctx, version); err != nil {
		return fmt.Errorf("%s is not sound; nothing has changed: %w", from, err)
	}
	r.o.Progress("prepare", 0, 0)
	d, err := open(ctx, r.fresh, Options{QueueWait: verifyTime, throwAway: true}.withDefaults())
	if err != nil {
		return err
	}
	if err := errors.Join(r.renew(ctx, d, replaced), d.Close()); err != nil {
		return err
	}
	if err := r.giveAway(); err != nil {
		return err
	}
	return syncFile(r.fresh)
}

// giveAway gives the new database to whom the old one belongs: a server does not run as root, and could not open what root restores
// for it. Where there is no old one it is the owner of the directory, in which the server must be able to write. The lock, which may
// have been made just now, goes with it. Nobody but root can give files away.
func (r *restoring) giveAway() error {
	uid, gid, ok := ownerOf(r.path)
	if !ok {
		uid, gid, ok = ownerOf(filepath.Dir(r.path))
	}
	own, ownGroup, known := ownerOf(r.fresh)
	if os.Geteuid() != 0 || !ok || !known || uid == own && gid == ownGroup {
		return nil
	}
	for _, name := range []string{r.fresh, r.path + ".lock"} {
		if err := os.Chown(name, uid, gid); err != nil {
			return fmt.Errorf("the database cannot be given to the user whom it belongs to; nothing has changed: %w", err)
		}
	}
	if uid != own {
		r.done.Owner = strconv.Itoa(uid)
		if u, err := user.LookupId(r.done.Owner); err == nil {
			r.done.Owner = u.Username
		}
	}
	return nil
}

// renew makes the state of then fit for now, in one transaction.
func (r *restoring) renew(ctx context.Context, d *DB, replaced uint8) error {
	clock, epoch, err := d.Clock(ctx)
	if err != nil {
		return err
	}
	if epochBefore(epoch, replaced) {
		epoch = replaced
	}
	r.done.Epoch = epoch + 1
	if r.done.At, r.done.Exact, err = d.stateOf(ctx); err != nil {
		return err
	}
	if !r.done.Exact && clock.Mark.After(r.done.At) {
		r.done.At = clock.Mark // the server has written this down later than its last event
	}
	at := r.o.Now.UTC().Truncate(time.Microsecond)
	return d.write(ctx, "restore", func(tx *Tx) error {
		if err := tx.SetEpoch(ctx, int64(r.done.Epoch)); err != nil {
			return err
		}
		var err error
		if r.done.Grants, err = tx.CountGrantsNotRevoked(ctx); err != nil {
			return err
		}
		if r.o.RevokeAll {
			if _, err := tx.RevokeEveryGrant(ctx, microsOrNull(&at)); err != nil {
				return err
			}
		} else if age := at.Sub(r.done.At); age > 0 && !r.done.At.IsZero() {
			if _, err := tx.PutOffIdleDeadlines(ctx, age.Microseconds()); err != nil {
				return err
			}
		}
		if r.done.Sessions, err = tx.DeleteEverySession(ctx); err != nil {
			return err
		}
		for _, remove := range []func(context.Context) (int64, error){
			tx.DeleteEveryCode, tx.DeleteEveryAuthorizationRequest, tx.DeleteEveryPushedRequest, tx.DeleteEveryDeviceAuthorization, tx.DeleteEverySignIn, tx.DeleteEveryLink, tx.DeleteEveryMail, tx.DeleteEveryDelivery, tx.DeleteEveryWindowKey,
		} {
			if _, err := remove(ctx); err != nil {
				return err
			}
		}
		if r.o.RevokeAll { // behind the removal of what waited in the backup
			rows, err := tx.TargetsOfEveryEnd(ctx)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if err := tx.tellOfAll(ctx, endTarget(row), "", micros(at), oauth.RevokedRestore, at); err != nil {
					return err
				}
			}
		}
		if err := tx.DeleteSetting(ctx, backupOfSetting); err != nil {
			return err
		}
		grants := "kept"
		if r.o.RevokeAll {
			grants = "revoked"
		}
		of := "unknown"
		if !r.done.At.IsZero() {
			of = r.done.At.Format(time.RFC3339)
		}
		event := r.o.Event(audit.Details("state_of", of, "grants", grants, "number", fmt.Sprint(r.done.Grants)))
		event.At = at
		return tx.audit(ctx, event)
	})
}

// epochBefore compares as app/oauth does: around the circle of one byte.
func epochBefore(a, b uint8) bool { return int8(a-b) < 0 }

// stateOf is of when a state is: what a backup says itself, or else its last event; zero where there is none.
func (d *DB) stateOf(ctx context.Context) (at time.Time, exact bool, err error) {
	value, found, err := d.Setting(ctx, backupOfSetting)
	if err != nil {
		return at, false, err
	}
	if at, err := time.Parse(time.RFC3339Nano, string(value)); found && err == nil {
		return at.UTC(), true, nil
	}
	err = d.read(ctx, "read the last event", func(q *queries.Queries) error {
		chain, err := q.AuditChain(ctx)
		if err != nil {
			return err
		}
		events, err := q.AuditEventsFrom(ctx, chain.HeadSeq-1, 1)
		if len(events) > 0 {
			at = instant(events[0].At)
		}
		return err
	})
	return at, false, err
}

// swap gives the new database the place of the old one, which keeps a name.
func (r *restoring) swap(ctx context.Context) error {
	step := 0
	kept, err := replace(ctx, r.path, r.fresh, replacedMark+time.Now().UTC().Format("20060102T150405.000Z"), func() {
		step++
		r.o.Progress("replace", step, replaceSteps)
	})
	if err != nil {
		return err
	}
	if r.done.Kept = kept; kept != "" && r.o.DropReplaced {
		removeDatabase(kept)
		r.done.Kept = ""
		return syncDir(filepath.Dir(r.path))
	}
	return nil
}
