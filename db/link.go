package db

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// linkKept is how long a link stays after it is over.
const linkKept = 24 * time.Hour

var _ account.LinkStore = (*DB)(nil)

// PutLink implements account.LinkStore.
func (d *DB) PutLink(ctx context.Context, l account.Link, hash []byte, e audit.Event) error {
	return d.write(ctx, "make a link", func(tx *Tx) error {
		if err := tx.makeWay(ctx, l); err != nil {
			return err
		}
		if err := tx.InsertLink(ctx, queries.InsertLinkParams{
			Hash: hash, ID: l.ID, Kind: string(l.Kind), PersonID: l.PersonID, Email: orNull(l.Email), Name: l.Name, Role: string(l.Role),
			CreatedBy: l.CreatedBy, CreatedAt: micros(l.CreatedAt), ExpiresAt: micros(l.ExpiresAt), AMR: strings.Join(l.AMR, " "),
			BrowserHash: l.Browser,
		}); err != nil {
			return err
		}
		return tx.audit(ctx, e)
	})
}

// makeWay deletes the links of which l takes the place, or says why there can be no such link.
func (tx *Tx) makeWay(ctx context.Context, l account.Link) error {
	kind := string(l.Kind)
	switch l.Kind {
	case account.LinkSetup:
		if err := noAdminYet(ctx, tx.Queries); err != nil {
			return err
		}
		return tx.DeleteLinksOfKind(ctx, kind)
	case account.LinkInvite, account.LinkSignUp:
		_, err := tx.PersonByEmail(ctx, &l.Email)
		if err == nil {
			return account.ErrEmailTaken
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return tx.DeleteLinksTo(ctx, kind, &l.Email)
	}
	p, err := tx.living(ctx, l.PersonID)
	if err == nil && p.DisabledAt != nil {
		err = account.ErrNotFound
	}
	if err != nil {
		return err
	}
	if l.Kind == account.LinkReset && l.CreatedBy == "" {
		return tx.DeleteAskedLinks(ctx, l.PersonID, kind) // strangers may ask: what an admin handed over stays good
	}
	if l.Kind == account.LinkEmail {
		_, err := tx.PersonByEmail(ctx, &l.Email)
		if err == nil {
			return account.ErrEmailTaken
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return tx.DeleteLinksOfPerson(ctx, l.PersonID, &kind)
}

// LinkByHash implements account.LinkStore.
func (d *DB) LinkByHash(ctx context.Context, kind account.LinkKind, hash []byte, now time.Time) (account.Link, error) {
	var l account.Link
	err := d.read(ctx, "read link", func(q *queries.Queries) error {
		row, err := q.LinkByHash(ctx, queries.LinkByHashParams{Hash: hash, Kind: string(kind), Now: micros(now)})
		l = link(row)
		return noLink(err)
	})
	return l, err
}

// Invitations implements account.LinkStore.
func (d *DB) Invitations(ctx context.Context, now time.Time, limit int) ([]account.Link, error) {
	var links []account.Link
	err := d.read(ctx, "list invitations", func(q *queries.Queries) error {
		rows, err := q.Invitations(ctx, micros(now), int32(limit))
		links = make([]account.Link, len(rows))
		for i, r := range rows {
			links[i] = link(r)
		}
		return err
	})
	return links, err
}

// WithdrawInvitation implements account.LinkStore.
func (d *DB) WithdrawInvitation(ctx context.Context, id string, e audit.Event) error {
	return d.write(ctx, "withdraw invitation", func(tx *Tx) error {
		n, err := tx.DeleteInvitation(ctx, id, micros(e.At))
		if err == nil && n == 0 {
			err = account.ErrNotFound
		}
		return andAudit(ctx, tx, err, e)
	})
}

// CreateFirstAdmin implements account.LinkStore.
func (d *DB) CreateFirstAdmin(ctx context.Context, hash []byte, p account.Person, device string, events ...audit.Event) error {
	return d.write(ctx, "create the first admin", func(tx *Tx) error {
		if err := noAdminYet(ctx, tx.Queries); err != nil {
			return err
		}
		if _, err := tx.useLink(ctx, account.LinkSetup, hash, p.CreatedAt); err != nil {
			return err
		}
		if err := tx.createPerson(ctx, p, events...); err != nil {
			return err
		}
		return tx.meetByLink(ctx, device, nil, events[len(events)-1])
	})
}

// CreateInvited implements account.LinkStore.
func (d *DB) CreateInvited(ctx context.Context, kind account.LinkKind, hash []byte, p account.Person, u *account.Unfinished, device string, events ...audit.Event) error {
	return d.write(ctx, "make an account by a link", func(tx *Tx) error {
		if _, err := tx.useLink(ctx, kind, hash, p.CreatedAt); err != nil {
			return err
		}
		if err := tx.createPerson(ctx, p, events...); err != nil {
			return err
		}
		if err := tx.GiveUsedLink(ctx, p.ID, hash); err != nil {
			return err
		}
		if err := tx.keepUnfinished(ctx, u); err != nil {
			return err
		}
		return tx.meetByLink(ctx, device, u, events[len(events)-1])
	})
}

// ResetByLink implements account.LinkStore.
func (d *DB) ResetByLink(ctx context.Context, kind account.LinkKind, hash []byte, passwordHash string, g account.Guess, u *account.Unfinished, device string, e audit.Event, more ...audit.Event) error {
	return d.write(ctx, "reset password by link", func(tx *Tx) error {
		l, err := tx.useLink(ctx, kind, hash, e.At)
		if err != nil {
			return err
		}
		p, err := tx.living(ctx, l.PersonID)
		if errors.Is(err, account.ErrNotFound) || err == nil && (p.DisabledAt != nil || p.ID != e.PersonID) {
			return account.ErrLinkOver
		}
		if err != nil {
			return err
		}
		before, err := tx.endAll(ctx, p.ID, oauth.RevokedPassword, e.At)
		if err != nil {
			return err
		}
		if err := tx.putPassword(ctx, p, passwordHash, &before, g, e); err != nil {
			return err
		}
		if kind == account.LinkRenewal {
			if err := tx.wholeOrWaiting(ctx, p.ID, l.AMR, u); err != nil {
				return err
			}
		}
		if err := andAudit(ctx, tx, nil, append([]audit.Event{e}, more...)...); err != nil || kind != account.LinkRenewal {
			return err
		}
		return tx.meetByLink(ctx, device, u, more[len(more)-1])
	})
}

// meetByLink remembers the device of a sign-in by a link, unless that still waits for a second factor: else the next sign-in with
// it would be told of as one with a new device.
func (tx *Tx) meetByLink(ctx context.Context, device string, u *account.Unfinished, e audit.Event) error {
	if u != nil {
		return nil
	}
	met, err := tx.meetDevice(ctx, device, e)
	return andAudit(ctx, tx, err, met...)
}

// useLink uses up a link; every later caller gets [account.ErrLinkOver].
func (tx *Tx) useLink(ctx context.Context, kind account.LinkKind, hash []byte, at time.Time) (account.Link, error) {
	now := micros(at)
	row, err := tx.UseLink(ctx, queries.UseLinkParams{Now: &now, Hash: hash, Kind: string(kind)})
	return link(row), noLink(err)
}

func noAdminYet(ctx context.Context, q *queries.Queries) error {
	n, err := q.CountAdminsEver(ctx)
	if err == nil && n > 0 {
		err = account.ErrHasAdmin
	}
	return err
}

func noLink(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return account.ErrLinkOver
	}
	return err
}

func link(r queries.Link) account.Link {
	l := account.Link{
		ID: r.ID, Kind: account.LinkKind(r.Kind), PersonID: r.PersonID, Name: r.Name, Role: account.Role(r.Role), CreatedBy: r.CreatedBy, AMR: words(r.AMR), Browser: r.BrowserHash,
		CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt),
	}
	if r.Email != nil {
		l.Email = *r.Email
	}
	return l
}
