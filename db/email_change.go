package db

import (
	"context"
	"errors"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db/queries"
)

// ChangeEmail implements account.LinkStore.
func (d *DB) ChangeEmail(ctx context.Context, hash []byte, e audit.Event) error {
	return d.write(ctx, "change the address of a person", func(tx *Tx) error {
		l, err := tx.useLink(ctx, account.LinkEmail, hash, e.At)
		if err != nil {
			return err
		}
		p, err := tx.living(ctx, l.PersonID)
		if errors.Is(err, account.ErrNotFound) || err == nil && p.ID != e.PersonID {
			return account.ErrLinkOver
		}
		if err != nil {
			return err
		}
		now := micros(e.At)
		n, err := tx.Queries.ChangeEmail(ctx, queries.ChangeEmailParams{Email: &l.Email, Now: &now, UpdatedAt: now, ID: p.ID})
		if isUnique(err) {
			return account.ErrEmailTaken
		}
		if err == nil && n == 0 {
			err = account.ErrLinkOver
		}
		if err != nil {
			return err
		}
		if err := tx.audit(ctx, e); err != nil {
			return err
		}
		return tx.leaveEmail(ctx, p, l.Email)
	})
}

// leaveEmail does what is to be done when a person, as they were, has got another address: the links that lie in the old mailbox
// die, and that address is remembered beside the event, the last of the log, since whoever reads there must be told.
func (tx *Tx) leaveEmail(ctx context.Context, p queries.Person, now string) error {
	if p.Email == nil || *p.Email == now {
		return nil
	}
	if err := tx.DeleteLinksOfPerson(ctx, p.ID, nil); err != nil {
		return err
	}
	chain, err := tx.AuditChain(ctx)
	if err != nil {
		return err
	}
	return tx.InsertFormerEmail(ctx, queries.InsertFormerEmailParams{Seq: chain.HeadSeq, PersonID: p.ID, Email: *p.Email})
}
