package db

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db/queries"
)

const (
	countersKept   = 50_000 // rows of throttle, about 10 MB with their index; strangers make them (WEB-65)
	devicesKept    = 20     // of each person
	deviceLifetime = 180 * 24 * time.Hour
)

var errCounterRace = errors.New("two transactions counted at once")

// Delay implements account.Store.
func (d *DB) Delay(ctx context.Context, g account.Guess) (standing account.Standing, err error) {
	err = d.read(ctx, "look up failed sign-ins", func(q *queries.Queries) error {
		c, _, err := counters(ctx, q, g)
		standing = g.Limits.Standing(c, g.At)
		return err
	})
	return standing, err
}

// CountGuess implements account.Store.
func (d *DB) CountGuess(ctx context.Context, g account.Guess) (account.Guessed, error) {
	var found account.Guessed
	err := d.write(ctx, "count a sign-in", func(tx *Tx) error {
		c, p, err := counters(ctx, tx.Queries, g)
		if err != nil {
			return err
		}
		if wait := g.Limits.Wait(c, g.At); wait > 0 {
			return &account.ThrottledError{RetryAfter: wait}
		}
		next := g.Limits.Count(c, g.At)
		if err := tx.saveCounters(ctx, g, c, next); err != nil {
			return err
		}
		if next.Global.Failures%256 == 0 {
			if _, err := tx.CapFailureCounters(ctx, countersKept); err != nil {
				return err
			}
		}
		found = p
		return nil
	})
	if err != nil {
		return account.Guessed{}, err
	}
	return found, nil
}

// FailSignIn implements account.Store.
func (d *DB) FailSignIn(ctx context.Context, g account.Guess, e audit.Event) error {
	return d.write(ctx, "record a failed sign-in", func(tx *Tx) error {
		c, _, err := counters(ctx, tx.Queries, g)
		if err != nil {
			return err
		}
		for _, e := range g.Limits.Events(c, e) {
			if err := tx.audit(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// meetDevice remembers the device of the sign-in e, and gives the event that the person is to be told of it: none for a device
// that they have signed in with before, and none for their first.
func (tx *Tx) meetDevice(ctx context.Context, hash string, e audit.Event) ([]audit.Event, error) {
	if hash == "" {
		return nil, nil
	}
	now := micros(e.At)
	known, err := tx.DeviceKnown(ctx, e.PersonID, hash)
	if err != nil {
		return nil, err
	}
	ways, err := tx.CountWays(ctx, e.PersonID, now)
	if err != nil {
		return nil, err
	}
	if err := tx.PutDevice(ctx, queries.PutDeviceParams{PersonID: e.PersonID, DeviceHash: hash, Now: now}); err != nil {
		return nil, err
	}
	if err := tx.TrimDevices(ctx, e.PersonID, devicesKept); err != nil {
		return nil, err
	}
	if known > 0 || ways == 0 {
		return nil, nil
	}
	e.Kind, e.Detail, e.Result = audit.SignInNewDevice, "", "ok"
	return []audit.Event{e}, nil
}

func (tx *Tx) giveBack(ctx context.Context, g account.Guess) error {
	c, _, err := counters(ctx, tx.Queries, g)
	if err != nil {
		return err
	}
	return tx.saveCounters(ctx, g, c, g.Limits.GiveBack(c, g.At))
}

// forgetGuesses sets back what strangers may have made of a person's counters, so that whoever gets in by other means stays in.
func (tx *Tx) forgetGuesses(ctx context.Context, personID string) error {
	for _, name := range account.CountersOf(personID) {
		if err := tx.DeleteFailureCounter(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// counters reads what g is weighed against, and the person with its address. It does the same for addresses that nobody has, with
// somebody else's row.
func counters(ctx context.Context, q *queries.Queries, g account.Guess) (c account.Counters, found account.Guessed, err error) {
	row, err := q.PersonAtOrAfterEmail(ctx, &g.Email)
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // there is no row before there is anybody
		return c, found, err
	}
	p := person(row)
	same := err == nil && p.Email == g.Email
	if g.DeviceHash != "" {
		n, err := q.DeviceKnown(ctx, row.ID, g.DeviceHash)
		if err != nil {
			return c, found, err
		}
		c.KnownDevice = same && n > 0
	}
	for name, counter := range named(g, &c) {
		r, err := q.FailureCounter(ctx, name)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return c, found, err
		}
		*counter = account.Counter{Failures: r.Failures, FailedAt: instant(r.FailedAt), ExpiresAt: instant(r.ExpiresAt)}
	}
	if same {
		found.Person = &p
	} else {
		found.Like = p.PasswordHash
	}
	return c, found, nil
}

// named gives the counters of c that g counts on, each with the name of its row.
func named(g account.Guess, c *account.Counters) iter.Seq2[string, *account.Counter] {
	return func(yield func(string, *account.Counter) bool) {
		_ = (g.AccountCounter == "" || yield(g.AccountCounter, &c.Account)) &&
			(g.DeviceCounter == "" || yield(g.DeviceCounter, &c.Device)) &&
			(g.AddressCounter == "" || yield(g.AddressCounter, &c.Address)) &&
			(g.GlobalCounter == "" || yield(g.GlobalCounter, &c.Global))
	}
}

// saveCounters writes the counters that differ, each only if it still is as it was read.
func (tx *Tx) saveCounters(ctx context.Context, g account.Guess, before, after account.Counters) error {
	was := map[string]account.Counter{}
	for name, counter := range named(g, &before) {
		was[name] = *counter
	}
	for name, counter := range named(g, &after) {
		if err := tx.saveCounter(ctx, name, was[name], *counter); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) saveCounter(ctx context.Context, name string, was, is account.Counter) error {
	var n int64
	var err error
	switch none := (account.Counter{}); {
	case is == was:
		return nil
	case is == none:
		return tx.DeleteFailureCounter(ctx, name)
	case was == none:
		n, err = tx.InsertFailureCounter(ctx, queries.InsertFailureCounterParams{
			Counter: name, Failures: is.Failures, FailedAt: micros(is.FailedAt), ExpiresAt: micros(is.ExpiresAt),
		})
	default:
		n, err = tx.SwapFailureCounter(ctx, queries.SwapFailureCounterParams{
			Failures: is.Failures, FailedAt: micros(is.FailedAt), ExpiresAt: micros(is.ExpiresAt), Counter: name,
			SeenFailures: was.Failures, SeenFailedAt: micros(was.FailedAt), SeenExpiresAt: micros(was.ExpiresAt),
		})
	}
	if err == nil && n != 1 {
		err = fault("count", errCounterRace)
	}
	return err
}
