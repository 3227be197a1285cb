package db

import (
	"context"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db/queries"
)

// NoAdminYet implements account.Store.
func (d *DB) NoAdminYet(ctx context.Context) error {
	return d.read(ctx, "look for an admin", func(q *queries.Queries) error { return noAdminYet(ctx, q) })
}

// ChangeRole implements account.Store.
func (d *DB) ChangeRole(ctx context.Context, id string, before, role account.Role, e audit.Event) error {
	return d.write(ctx, "change role", func(tx *Tx) error {
		p, err := tx.living(ctx, id)
		if err != nil {
			return err
		}
		switch account.Role(p.Role) {
		case role:
			return account.ErrUnchanged
		case before:
		default:
			return account.ErrChanged
		}
		if role != account.RoleAdmin {
			if err := tx.keepAnAdmin(ctx, p); err != nil {
				return err
			}
		}
		if _, err := tx.PutRole(ctx, queries.PutRoleParams{Role: string(role), Now: micros(e.At), ID: id}); err != nil {
			return err
		}
		if err := tx.DeleteLinksMadeBy(ctx, id); err != nil {
			return err
		}
		if _, err := tx.endSessions(ctx, id, "", e.At); err != nil {
			return err
		}
		return tx.audit(ctx, e)
	})
}

// ExpirePassword implements account.Store.
func (d *DB) ExpirePassword(ctx context.Context, id string, e audit.Event) error {
	return d.write(ctx, "expire password", func(tx *Tx) error {
		now := micros(e.At)
		n, err := tx.ExpirePassword(ctx, queries.ExpirePasswordParams{Now: &now, UpdatedAt: now, ID: id})
		if err != nil {
			return err
		}
		if n == 0 {
			return account.ErrNotFound
		}
		if _, err := tx.endSessions(ctx, id, "", e.At); err != nil {
			return err
		}
		if err := tx.DeleteOpenCodesOfOtherSessions(ctx, id, ""); err != nil {
			return err
		}
		if _, err := tx.endGrantsOfOtherSessions(ctx, id, "", e.At); err != nil {
			return err
		}
		return tx.audit(ctx, e)
	})
}

// keepAnAdmin refuses to take the last admin who can sign in away. Nothing else is written between its count and the act,
// since both are in one transaction of the one writer.
func (tx *Tx) keepAnAdmin(ctx context.Context, p queries.Person) error {
	if account.Role(p.Role) != account.RoleAdmin || p.DisabledAt != nil {
		return nil
	}
	n, err := tx.CountAdmins(ctx)
	if err == nil && n < 2 {
		err = account.ErrLastAdmin
	}
	return err
}
