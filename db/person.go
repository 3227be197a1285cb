package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ account.Store = (*DB)(nil)

// CreatePerson implements account.Store.
func (d *DB) CreatePerson(ctx context.Context, p account.Person, e audit.Event) error {
	return d.write(ctx, "create person", func(tx *Tx) error { return tx.createPerson(ctx, p, e) })
}

func (tx *Tx) createPerson(ctx context.Context, p account.Person, events ...audit.Event) error {
	n, err := tx.InsertPerson(ctx, queries.InsertPersonParams{
		ID: p.ID, Email: &p.Email, Name: p.Name, Role: string(p.Role), EmailVerifiedAt: microsOrNull(p.EmailVerifiedAt),
		PasswordHash: p.PasswordHash, PasswordChangedAt: microsOrNull(p.PasswordChangedAt), Now: micros(p.CreatedAt),
	})
	if err == nil && n == 0 {
		err = account.ErrEmailTaken
	}
	return andAudit(ctx, tx, err, events...)
}

// PersonByID implements account.Store.
func (d *DB) PersonByID(ctx context.Context, id string) (account.Person, error) {
	return d.person(ctx, func(q *queries.Queries) (queries.Person, error) { return q.PersonByID(ctx, id) })
}

// PersonByEmail implements account.Store.
func (d *DB) PersonByEmail(ctx context.Context, email string) (account.Person, error) {
	return d.person(ctx, func(q *queries.Queries) (queries.Person, error) { return q.PersonByEmail(ctx, &email) })
}

func (d *DB) person(ctx context.Context, find func(*queries.Queries) (queries.Person, error)) (account.Person, error) {
	var p account.Person
	err := d.read(ctx, "read person", func(q *queries.Queries) error {
		row, err := find(q)
		p = person(row)
		return noPerson(err)
	})
	return p, err
}

// ListPeople implements account.Store.
func (d *DB) ListPeople(ctx context.Context, afterEmail string, limit int) ([]account.Person, error) {
	var people []account.Person
	err := d.read(ctx, "list people", func(q *queries.Queries) error {
		rows, err := q.ListPeople(ctx, &afterEmail, int32(limit))
		people = make([]account.Person, len(rows))
		for i, r := range rows {
			people[i] = person(r)
		}
		return err
	})
	return people, err
}

// CountAdmins implements account.Store.
func (d *DB) CountAdmins(ctx context.Context) (int, error) {
	var n int64
	err := d.read(ctx, "count admins", func(q *queries.Queries) (err error) {
		n, err = q.CountAdmins(ctx)
		return err
	})
	return int(n), err
}

// UpdateProfile implements account.Store.
func (d *DB) UpdateProfile(ctx context.Context, p account.Person, e audit.Event) error {
	return d.write(ctx, "update person", func(tx *Tx) error {
		was, err := tx.PersonByID(ctx, p.ID)
		if errors.Is(err, sql.ErrNoRows) {
			return account.ErrChanged
		}
		if err != nil {
			return err
		}
		n, err := tx.UpdateProfile(ctx, queries.UpdateProfileParams{
			Name: p.Name, Email: &p.Email, EmailVerifiedAt: microsOrNull(p.EmailVerifiedAt), Now: micros(e.At),
			ID: p.ID, Version: p.Version,
		})
		if isUnique(err) {
			return account.ErrEmailTaken
		}
		if err == nil && n == 0 {
			err = account.ErrChanged
		}
		if err := andAudit(ctx, tx, err, e); err != nil {
			return err
		}
		return tx.leaveEmail(ctx, was, p.Email)
	})
}

// PutPreferences implements account.Store.
func (d *DB) PutPreferences(ctx context.Context, p account.Person, e audit.Event) error {
	return d.write(ctx, "change preferences", func(tx *Tx) error {
		n, err := tx.PutPreferences(ctx, queries.PutPreferencesParams{
			Name: p.Name, Language: p.Language, TimeZone: p.TimeZone, Now: micros(e.At), ID: p.ID, Version: p.Version,
		})
		if err == nil && n == 0 {
			err = account.ErrChanged
		}
		return andAudit(ctx, tx, err, e)
	})
}

// DisablePerson implements account.Store.
func (d *DB) DisablePerson(ctx context.Context, id string, e audit.Event) error {
	return d.write(ctx, "disable person", func(tx *Tx) error {
		before, err := tx.remove(ctx, id, oauth.RevokedUserDisabled, e.At)
		if err != nil {
			return err
		}
		now := micros(e.At)
		n, err := tx.DisablePerson(ctx, queries.DisablePersonParams{Now: &now, RevokedBefore: &before, ID: id})
		if err == nil && n == 0 {
			err = account.ErrDisabled
		}
		return andAudit(ctx, tx, err, e)
	})
}

// EnablePerson implements account.Store.
func (d *DB) EnablePerson(ctx context.Context, id string, e audit.Event) error {
	return d.write(ctx, "enable person", func(tx *Tx) error {
		if _, err := tx.living(ctx, id); err != nil {
			return err
		}
		n, err := tx.EnablePerson(ctx, micros(e.At), id)
		if err == nil && n == 0 {
			err = account.ErrEnabled
		}
		return andAudit(ctx, tx, err, e)
	})
}

// DeletePerson implements account.Store.
func (d *DB) DeletePerson(ctx context.Context, id string, e audit.Event) error {
	return d.write(ctx, "delete person", func(tx *Tx) error {
		p, err := tx.living(ctx, id)
		if err != nil {
			return err
		}
		before, err := tx.remove(ctx, id, oauth.RevokedUserDeleted, e.At)
		if err != nil {
			return err
		}
		if err := tx.ForgetLinks(ctx, id, p.Email); err != nil {
			return err
		}
		for _, forget := range []func(context.Context, string) error{tx.DeleteConsentsOfPerson, tx.DeleteMailsOfPerson, tx.DeleteFormerEmailsOfPerson} {
			if err := forget(ctx, id); err != nil {
				return err
			}
		}
		if err := tx.DeleteMembershipsOfPerson(ctx, id); err != nil {
			return err
		}
		if err := tx.deleteFactors(ctx, id); err != nil {
			return err
		}
		now := micros(e.At)
		n, err := tx.DeletePerson(ctx, queries.DeletePersonParams{Now: &now, RevokedBefore: &before, ID: id})
		if err == nil && n == 0 {
			err = account.ErrNotFound
		}
		return andAudit(ctx, tx, err, e)
	})
}

// living gives a person who was not deleted.
func (tx *Tx) living(ctx context.Context, id string) (queries.Person, error) {
	p, err := tx.PersonByID(ctx, id)
	if err == nil && p.DeletedAt != nil {
		return p, account.ErrNotFound
	}
	return p, noPerson(err)
}

// remove does endAll for a person who is not to sign in any more, unless nobody would be left who can look after the server.
func (tx *Tx) remove(ctx context.Context, id string, reason oauth.RevokedReason, at time.Time) (revokedBefore int64, err error) {
	p, err := tx.living(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := tx.keepAnAdmin(ctx, p); err != nil {
		return 0, err
	}
	if err := tx.DeleteLinksMadeBy(ctx, id); err != nil {
		return 0, err
	}
	return tx.endAll(ctx, id, reason, at)
}

// endAll ends what a person has open and returns the grants_revoked_before that ends their grants, whose rows follow with
// that reason. No grant is later than it, even if the clock went back since that was made.
func (tx *Tx) endAll(ctx context.Context, id string, reason oauth.RevokedReason, at time.Time) (revokedBefore int64, err error) {
	if err := tx.DeleteDevicesOfPerson(ctx, id); err != nil {
		return 0, err
	}
	return tx.endAllBut(ctx, id, "", reason, at)
}

// endAllBut does what endAll does, but for one session and the browsers that the person is known by.
func (tx *Tx) endAllBut(ctx context.Context, id, keep string, reason oauth.RevokedReason, at time.Time) (revokedBefore int64, err error) {
	p, err := tx.living(ctx, id)
	if err != nil {
		return 0, err
	}
	last, err := tx.LastOfPerson(ctx, id)
	if err != nil {
		return 0, err
	}
	revokedBefore = max(last, micros(at))
	if p.GrantsRevokedBefore != nil {
		revokedBefore = max(revokedBefore, *p.GrantsRevokedBefore)
	}
	if err := tx.DeleteOpenCodesOfPerson(ctx, id); err != nil {
		return 0, err
	}
	if err := tx.DeleteLinksOfPerson(ctx, id, nil); err != nil {
		return 0, err
	}
	if _, err := tx.endSessions(ctx, id, keep, at); err != nil {
		return 0, err
	}
	if err := tx.tellOfPerson(ctx, id, revokedBefore, reason, at); err != nil {
		return 0, err
	}
	return revokedBefore, tx.InsertRevocation(ctx, queries.InsertRevocationParams{
		PersonID: &id, Covers: revokedBefore, Reason: string(reason), RevokedAt: micros(at),
	})
}

// andAudit appends the events if nothing has failed.
func andAudit(ctx context.Context, tx *Tx, err error, events ...audit.Event) error {
	for _, e := range events {
		if err != nil {
			return err
		}
		err = tx.audit(ctx, e)
	}
	return err
}

func noPerson(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return account.ErrNotFound
	}
	return err
}

func person(r queries.Person) account.Person {
	p := account.Person{
		ID: r.ID, Name: r.Name, Role: account.Role(r.Role), Language: r.Language, TimeZone: r.TimeZone, EmailVerifiedAt: instantOrNil(r.EmailVerifiedAt),
		PasswordHash: r.PasswordHash, PasswordChangedAt: instantOrNil(r.PasswordChangedAt),
		PasswordExpiredAt: instantOrNil(r.PasswordExpiredAt),
		DisabledAt:        instantOrNil(r.DisabledAt), DeletedAt: instantOrNil(r.DeletedAt),
		GrantsRevokedBefore: instantOrNil(r.GrantsRevokedBefore), SessionsEnded: instantOrNil(r.SessionsEndedBefore), Version: r.Version,
		CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
	if r.Email != nil {
		p.Email = *r.Email
	}
	return p
}
