package db

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

var _ oauth.OpenRehearsal = OpenRehearsal

// OpenRehearsal implements [oauth.OpenRehearsal]: a database in a new directory of the system's place for temporary files that
// nobody else can enter, deleted when it is closed.
func OpenRehearsal(ctx context.Context) (store oauth.Store, closeStore func() error, err error) {
	dir, err := os.MkdirTemp("", "regrant-rehearsal-")
	if err != nil {
		return nil, nil, err
	}
	d, err := Open(ctx, filepath.Join(dir, "rehearsal.db"), Options{})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	end := func() error { return errors.Join(d.Close(), os.RemoveAll(dir)) }
	person := account.Person{ID: oauth.RehearsalPerson, Name: "Rehearsal", Email: "rehearsal@example.invalid", Role: account.RolePerson, CreatedAt: time.Unix(0, 0).UTC()}
	event := audit.Event{At: person.CreatedAt, Kind: audit.PersonCreated, Origin: audit.Origin{Actor: audit.ByServer}, PersonID: person.ID, Result: "ok"}
	if err := d.CreatePerson(ctx, person, event); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return d, end, nil
}
