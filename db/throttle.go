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
func (d *DB) Delay(ctx context.Context, g account.Guess) (wait time.Duration, err error) {
	err = d.read(ctx, "look up failed sign-ins", func(q *queries.Queries) error {
		c, _, err := counters(ctx, q, g)
		wait = g.Limits.Wait(c, g.At)
		return err
	})
	return wait, err
}

// CountGuess implements account.Store.
func (d *DB) CountGuess(ctx context.Context, g account.Guess) (*account.Person, error) {
	var found *account.Person
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
		return nil, err
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

// FinishSignIn implements account.Store.
func (d *DB) FinishSignIn(ctx context.Context, g account.Guess, p account.Person, newHash string, e audit.Event) error {
	return d.write(ctx, "sign in", func(tx *Tx) error {
		now, err := tx.living(ctx, p.ID)
		if errors.Is(err, account.ErrNotFound) || err == nil && (now.DisabledAt != nil || now.PasswordHash != p.PasswordHash || (now.PasswordExpiredAt != nil) != (p.PasswordExpiredAt != nil)) {
			return account.ErrChanged
		}
		if err != nil {
			return err
		}
		if err := tx.giveBack(ctx, g); err != nil {
			return err
		}
		if g.DeviceHash != "" {
			if err := tx.PutDevice(ctx, queries.PutDeviceParams{PersonID: p.ID, DeviceHash: g.DeviceHash, Now: micros(g.At)}); err != nil {
				return err
			}
			if err := tx.TrimDevices(ctx, p.ID, devicesKept); err != nil {
				return err
			}
		}
		if newHash != "" {
			if _, err := tx.RehashPassword(ctx, queries.RehashPasswordParams{
				PasswordHash: newHash, ID: p.ID, SeenHash: p.PasswordHash,
			}); err != nil {
				return err
			}
		}
		return tx.audit(ctx, e)
	})
}

func (tx *Tx) giveBack(ctx context.Context, g account.Guess) error {
	c, _, err := counters(ctx, tx.Queries, g)
	if err != nil {
		return err
	}
	return tx.saveCounters(ctx, g, c, g.Limits.GiveBack(c, g.At))
}

// counters reads what g is weighed against, and the person with its address. The statements are the same for addresses
// that nobody has.
func counters(ctx context.Context, q *queries.Queries, g account.Guess) (c account.Counters, found *account.Person, err error) {
	row, err := q.PersonByEmail(ctx, &g.Email)
	if err == nil {
		p := person(row)
		found = &p
	} else if !errors.Is(err, sql.ErrNoRows) {
		return c, nil, err
	}
	if g.DeviceHash != "" {
		n, err := q.DeviceKnown(ctx, row.ID, g.DeviceHash)
		if err != nil {
			return c, nil, err
		}
		c.KnownDevice = n > 0
	}
	for name, counter := range named(g, &c) {
		r, err := q.FailureCounter(ctx, name)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return c, nil, err
		}
		*counter = account.Counter{Failures: r.Failures, FailedAt: instant(r.FailedAt), ExpiresAt: instant(r.ExpiresAt)}
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
