package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db"
)

// whenMissing says what a command does when there is no database yet.
type whenMissing bool

const (
	orFail   whenMissing = false // a command that looks at what is there: a mistyped --db must not make an empty file
	orCreate whenMissing = true
)

// commandWait is how long a command waits for its turn to write beside a busy server. Nobody waits for its answer as for a page.
const commandWait = 30 * time.Second

// with opens the database, does something and closes it.
func (p *program) with(ctx context.Context, missing whenMissing, do func(*db.DB) error) error {
	store, err := p.open(ctx, missing, db.Options{})
	if err != nil {
		return err
	}
	return errors.Join(do(store), store.Close())
}

func (p *program) open(ctx context.Context, missing whenMissing, o db.Options) (*db.DB, error) {
	if missing == orFail {
		if err := p.mustExist(); err != nil {
			return nil, err
		}
	}
	if !o.Server {
		o.QueueWait, o.BusyTimeout = commandWait, commandWait
	}
	store, err := db.Open(ctx, p.DB, o)
	if errors.Is(err, db.ErrFault) {
		return nil, mayNotOpen(p.DB, err)
	}
	return store, p.masterKeyRefused(err)
}

// mustExist refuses when there is no database.
func (p *program) mustExist() error {
	if _, err := os.Stat(p.DB); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database %s; name another with --db, or begin with: regrant serve", p.DB)
	}
	return nil
}

// mayNotOpen says in plain words why SQLite cannot open a file, where the reason is that this user may not; else it gives err.
func mayNotOpen(name string, err error) error {
	f, cause := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(cause, fs.ErrPermission) {
		return fmt.Errorf("this user may not read and write the database %s; run this as the user whom it belongs to", name)
	}
	if cause == nil {
		f.Close()
	}
	return err
}

// people gives what can be done with people. No password may be made of words.
func people(store account.Store, words ...string) (*account.People, error) {
	hasher, err := account.NewHasher(account.HasherOptions{})
	if err != nil {
		return nil, err
	}
	return account.New(store, hasher, account.Options{ServiceWords: words, Now: now}), nil
}

// now is the time of an act, as precise as the store keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// operator is who runs the command, for the audit log.
func operator() audit.Origin {
	name := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return audit.Origin{Actor: audit.ByCommand, ActorID: name}
}
