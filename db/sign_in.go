package db

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db/queries"
)

// signInsKept is how many unfinished sign-ins a person may have: one in each tab, and no flood from whoever knows the password.
const signInsKept = 20

// FinishSignIn implements account.Store.
func (d *DB) FinishSignIn(ctx context.Context, f account.Finish, e audit.Event) error {
	return d.write(ctx, "sign in", func(tx *Tx) error {
		p, g := f.Person, f.Guess
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
		if f.NewHash != "" {
			if _, err := tx.RehashPassword(ctx, queries.RehashPasswordParams{
				PasswordHash: f.NewHash, ID: p.ID, SeenHash: p.PasswordHash,
			}); err != nil {
				return err
			}
		}
		events := []audit.Event{e}
		if f.Second != nil {
			if err := tx.useSecond(ctx, p.ID, *f.Second, e.At); err != nil {
				return err
			}
			events = append(events, f.Second.Events...)
		} else if err := tx.wholeOrWaiting(ctx, p.ID, nil, f.Unfinished); errors.Is(err, account.ErrLinkOver) {
			return account.ErrChanged
		} else if err != nil {
			return err
		}
		if f.Unfinished == nil && p.PasswordExpiredAt == nil { // else no session begins
			met, err := tx.meetDevice(ctx, g.DeviceHash, e)
			if err != nil {
				return err
			}
			events = append(events, met...)
		}
		return tx.auditAll(ctx, events)
	})
}

// wholeOrWaiting keeps what waits for a second factor. Where nothing does, there must be none that was not shown: one may have been
// added since somebody looked; [account.ErrLinkOver].
func (tx *Tx) wholeOrWaiting(ctx context.Context, personID string, amr []string, u *account.Unfinished) error {
	if u != nil || slices.Contains(amr, account.AMRMultiFactor) {
		return tx.keepUnfinished(ctx, u)
	}
	f, err := factors(ctx, tx.Queries, personID)
	if err == nil && f.Second() {
		err = account.ErrLinkOver
	}
	return err
}

func (tx *Tx) keepUnfinished(ctx context.Context, u *account.Unfinished) error {
	if u == nil {
		return nil
	}
	if err := tx.InsertSignIn(ctx, queries.InsertSignInParams{
		Hash: u.Hash, BrowserHash: append([]byte{}, u.Browser...), // empty: nobody can go on with it
		PersonID: u.PersonID, AMR: strings.Join(u.AMR, " "), RequestID: u.RequestID, ReturnTo: u.Return,
		StayAt: since(u.Stay, nil, u.CreatedAt), CreatedAt: micros(u.CreatedAt), ExpiresAt: micros(u.ExpiresAt),
	}); err != nil {
		return err
	}
	return tx.TrimSignIns(ctx, u.PersonID, signInsKept)
}

// GiveBack implements account.Store.
func (d *DB) GiveBack(ctx context.Context, g account.Guess) error {
	return d.write(ctx, "give a guess back", func(tx *Tx) error { return tx.giveBack(ctx, g) })
}

// Unfinished implements account.Store.
func (d *DB) Unfinished(ctx context.Context, hash, browser []byte, now time.Time) (account.Unfinished, error) {
	var u account.Unfinished
	err := d.read(ctx, "read a sign-in", func(q *queries.Queries) error {
		r, err := q.SignIn(ctx, queries.SignInParams{Hash: hash, BrowserHash: browser, Now: micros(now)})
		if errors.Is(err, sql.ErrNoRows) {
			return account.ErrSignInOver
		}
		u = account.Unfinished{
			Hash: r.Hash, PersonID: r.PersonID, AMR: words(r.AMR),
			Course:    account.Course{Browser: r.BrowserHash, RequestID: r.RequestID, Return: r.ReturnTo, Stay: r.StayAt != nil},
			CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt),
		}
		return err
	})
	return u, err
}

// FinishSecond implements account.Store.
func (d *DB) FinishSecond(ctx context.Context, u account.Unfinished, s account.Second, e audit.Event) error {
	return d.write(ctx, "finish a sign-in", func(tx *Tx) error {
		if err := tx.endUnfinished(ctx, u, e.At); err != nil {
			return err
		}
		if err := tx.useSecond(ctx, u.PersonID, s, e.At); err != nil {
			return err
		}
		events := append([]audit.Event{e}, s.Events...)
		p, err := tx.living(ctx, u.PersonID)
		if err != nil {
			return err
		}
		if p.PasswordExpiredAt == nil {
			met, err := tx.meetDevice(ctx, s.Guess.DeviceHash, e)
			if err != nil {
				return err
			}
			events = append(events, met...)
		}
		return tx.auditAll(ctx, events)
	})
}

// FinishEnrolled implements account.Store.
func (d *DB) FinishEnrolled(ctx context.Context, u account.Unfinished, device string, n account.NewFactor) error {
	return d.write(ctx, "finish a sign-in", func(tx *Tx) error {
		if err := tx.endUnfinished(ctx, u, n.Events[0].At); err != nil {
			return err
		}
		f, err := factors(ctx, tx.Queries, u.PersonID)
		if err == nil && f.Second() {
			err = account.ErrSignInOver
		}
		if err != nil {
			return err
		}
		met, err := tx.meetDevice(ctx, device, n.Events[0])
		if err != nil {
			return err
		}
		n.Events = append(n.Events, met...)
		return tx.addFactor(ctx, n)
	})
}

// endUnfinished ends an unfinished sign-in; every later caller gets [account.ErrSignInOver].
func (tx *Tx) endUnfinished(ctx context.Context, u account.Unfinished, at time.Time) error {
	n, err := tx.EndSignIn(ctx, queries.EndSignInParams{Hash: u.Hash, BrowserHash: u.Browser, Now: micros(at)})
	return oneRow(n, err, account.ErrSignInOver)
}

// UseSecond implements account.Store.
func (d *DB) UseSecond(ctx context.Context, personID string, s account.Second, e audit.Event) error {
	return d.write(ctx, "use a second factor", func(tx *Tx) error {
		if err := tx.useSecond(ctx, personID, s, e.At); err != nil {
			return err
		}
		return tx.auditAll(ctx, append([]audit.Event{e}, s.Events...))
	})
}

// useSecond uses up a second factor, for the first caller only, and gives its guess back.
func (tx *Tx) useSecond(ctx context.Context, personID string, s account.Second, at time.Time) error {
	if s.Passkey != nil {
		if err := tx.usePasskey(ctx, *s.Passkey, at); err != nil {
			return err
		}
		return tx.giveBack(ctx, s.Guess)
	}
	now := micros(at)
	var n int64
	var err error
	if s.Recovery != nil {
		n, err = tx.UseRecoveryCode(ctx, queries.UseRecoveryCodeParams{Now: &now, PersonID: personID, Hash: s.Recovery})
	} else {
		n, err = tx.UseTOTPStep(ctx, queries.UseTOTPStepParams{Step: s.TOTPStep, Now: now, PersonID: personID})
	}
	if err := oneRow(n, err, account.ErrCode); err != nil {
		return err
	}
	return tx.giveBack(ctx, s.Guess)
}
