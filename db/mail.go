package db

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"regrant/app/audit"
	"regrant/app/mail"
	"regrant/db/queries"
)

var _ mail.Store = (*DB)(nil)

// mailCountsKept is how many hours the counts of mails stay.
const mailCountsKept = 2

// mailKept is how long after its end a mail stays: the sender gives it up itself, as long as there is a mail server.
const mailKept = time.Hour

// PutMail implements [mail.Store].
func (d *DB) PutMail(ctx context.Context, q mail.Queued) error {
	return d.write(ctx, "queue a mail", func(tx *Tx) error { return tx.putMail(ctx, q, nil) })
}

func (tx *Tx) putMail(ctx context.Context, q mail.Queued, asked *time.Time) error {
	return tx.InsertMail(ctx, queries.InsertMailParams{
		ID: q.ID, Kind: string(q.Kind), PersonID: q.PersonID, Sealed: q.Sealed, NextAt: micros(q.NextAt), CreatedAt: micros(q.CreatedAt),
		ExpiresAt: micros(q.ExpiresAt), AskedAt: microsOrNull(asked),
	})
}

// AskMail implements [mail.Store].
func (d *DB) AskMail(ctx context.Context, q mail.Queued, address mail.Allowance, others []mail.Allowance, waiting int) error {
	return d.write(ctx, "queue a mail that was asked for", func(tx *Tx) error {
		ok, err := tx.allowMail(ctx, address, q.CreatedAt)
		if err != nil {
			return err
		}
		if !ok {
			return mail.ErrAddressFull
		}
		for _, a := range others {
			if ok, err = tx.allowMail(ctx, a, q.CreatedAt); err != nil {
				return err
			} else if !ok {
				return mail.ErrTooMany
			}
		}
		n, err := tx.CountAskedMails(ctx)
		if err != nil {
			return err
		}
		if n >= int64(waiting) {
			return mail.ErrNoRoom
		}
		return tx.putMail(ctx, q, &q.CreatedAt)
	})
}

// AllowMail implements [mail.Store].
func (d *DB) AllowMail(ctx context.Context, a mail.Allowance, now time.Time) error {
	return d.write(ctx, "count a mail", func(tx *Tx) error {
		ok, err := tx.allowMail(ctx, a, now)
		if err == nil && !ok {
			err = mail.ErrTooMany
		}
		return err
	})
}

// allowMail counts one mail, unless there are as many in this hour as there may be.
func (tx *Tx) allowMail(ctx context.Context, a mail.Allowance, at time.Time) (bool, error) {
	n, err := tx.CountMail(ctx, queries.CountMailParams{Name: a.Name, Hour: at.Unix() / 3600, Most: int64(a.Most)})
	return n > 0, err
}

// DueMail implements [mail.Store].
func (d *DB) DueMail(ctx context.Context, now time.Time, limit int) ([]mail.Queued, error) {
	var due []mail.Queued
	err := d.read(ctx, "read the outbox", func(q *queries.Queries) error {
		rows, err := q.DueMails(ctx, micros(now), int32(limit))
		due = make([]mail.Queued, len(rows))
		for i, r := range rows {
			due[i] = mail.Queued{
				ID: r.ID, Kind: mail.Kind(r.Kind), PersonID: r.PersonID, Sealed: r.Sealed, Attempts: int(r.Attempts), NextAt: instant(r.NextAt),
				CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt),
			}
		}
		return err
	})
	return due, err
}

// ClaimMail implements [mail.Store].
func (d *DB) ClaimMail(ctx context.Context, id string, seen int, next time.Time) error {
	return d.write(ctx, "claim a mail", func(tx *Tx) error {
		n, err := tx.Queries.ClaimMail(ctx, queries.ClaimMailParams{ID: id, Seen: int64(seen), NextAt: micros(next)})
		if err == nil && n == 0 {
			err = mail.ErrMoved
		}
		return err
	})
}

// DeleteMail implements [mail.Store]. The events are those of the caller that removes it.
func (d *DB) DeleteMail(ctx context.Context, id string, events ...audit.Event) error {
	return d.write(ctx, "remove a mail", func(tx *Tx) error {
		n, err := tx.Queries.DeleteMail(ctx, id)
		if err != nil || n == 0 {
			return err
		}
		return tx.auditAll(ctx, events)
	})
}

// sweepMails deletes mails that nobody has sent in time, and says so of each as the sender does.
func (tx *Tx) sweepMails(ctx context.Context, now time.Time, lim int32) (int64, error) {
	over, err := tx.SweepMails(ctx, micros(now.Add(-mailKept)), lim)
	if err != nil {
		return 0, err
	}
	for _, m := range over {
		err := tx.audit(ctx, audit.Event{
			At: now.UTC().Truncate(time.Microsecond), Kind: audit.MailFailed, Origin: audit.Origin{Actor: audit.ByServer}, PersonID: m.PersonID, Result: "expired",
			Detail: audit.Details("kind", m.Kind, "attempts", strconv.FormatInt(m.Attempts, 10)),
		})
		if err != nil {
			return 0, err
		}
	}
	return int64(len(over)), nil
}

// NewsAfter implements [mail.Store].
func (d *DB) NewsAfter(ctx context.Context, after int64, limit int) (seen int64, events []audit.Event, err error) {
	err = d.snapshot(ctx, "follow the audit log", func(q *queries.Queries) error {
		if seen, err = q.MailPosition(ctx); err != nil {
			return fault("follow the audit log", err) // the row is made with the table, so its absence says nothing but damage
		}
		rows, err := q.AuditEventsFrom(ctx, max(seen, after), int32(limit))
		events = auditEvents(rows)
		return err
	})
	return seen, events, err
}

// FormerEmail implements [mail.Store].
func (d *DB) FormerEmail(ctx context.Context, seq int64) (email string, err error) {
	err = d.read(ctx, "read a former address", func(q *queries.Queries) error {
		email, err = q.FormerEmail(ctx, seq)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return email, err
}

// FollowTo implements [mail.Store].
func (d *DB) FollowTo(ctx context.Context, seen, next int64, mails []mail.Queued, now time.Time) error {
	return d.write(ctx, "follow the audit log", func(tx *Tx) error {
		n, err := tx.MoveMailPosition(ctx, next, seen)
		if err != nil {
			return err
		}
		if n == 0 {
			return mail.ErrMoved
		}
		for _, q := range mails {
			if q.Allowance != nil {
				if ok, err := tx.allowMail(ctx, *q.Allowance, now); err != nil {
					return err
				} else if !ok {
					continue
				}
			}
			if err := tx.putMail(ctx, q, nil); err != nil {
				return err
			}
		}
		return tx.DeleteFormerEmailsTo(ctx, next)
	})
}
