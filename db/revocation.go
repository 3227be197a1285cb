package db

import (
	"context"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// maxCounted bounds the count of what a revocation ends, so that ending a million grants costs no more than ending some.
const maxCounted = 10_001

// RevokeGrantsOf implements [oauth.Store]. For a person or a client alone it is one fact, grants_revoked_before, which covers
// codes too; rows follow in [DB.Sweep]. It is never lowered. No such person or client is [oauth.ErrNotFound]. A count of 10 001
// means that there are more than 10 000.
//
// A redemption or rotation that commits before it is covered; one that was decided before and comes after finds another
// version and changes nothing.
func (d *DB) RevokeGrantsOf(ctx context.Context, personID, clientID string, reason oauth.RevokedReason, at time.Time, event audit.Event) (int, error) {
	if personID == "" && clientID == "" {
		panic("db.RevokeGrantsOf: neither a person nor a client")
	}
	var revoked int64
	err := d.write(ctx, "revoke grants", func(tx *Tx) (err error) {
		switch {
		case clientID == "":
			revoked, err = tx.revokePerson(ctx, personID, reason, at)
		case personID == "":
			revoked, err = tx.revokeClient(ctx, clientID, reason, at)
		default:
			_, revoked, err = tx.revokePair(ctx, personID, clientID, reason, at)
		}
		if err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
	if err != nil {
		return 0, err
	}
	return int(revoked), nil
}

func (tx *Tx) revokePerson(ctx context.Context, id string, reason oauth.RevokedReason, at time.Time) (int64, error) {
	person, err := tx.Owner(ctx, id)
	if _, err := orNotFound(&person, err); err != nil {
		return 0, err
	}
	last, err := tx.LastOfPerson(ctx, id)
	if err != nil {
		return 0, err
	}
	covers := max(micros(at), last)
	alive, err := tx.CountOpenGrantsOfPerson(ctx, queries.CountOpenGrantsOfPersonParams{
		PersonID: id, After: orZero(person.GrantsRevokedBefore), Lim: maxCounted,
	})
	if err != nil {
		return 0, err
	}
	n, err := tx.RevokePersonBefore(ctx, &covers, id)
	if err != nil || n == 0 {
		return 0, err
	}
	if err := tx.tellOfPerson(ctx, id, covers, reason, at); err != nil {
		return 0, err
	}
	return alive, tx.revokeLater(ctx, id, "", covers, reason, at)
}

func (tx *Tx) revokeClient(ctx context.Context, id string, reason oauth.RevokedReason, at time.Time) (int64, error) {
	row, err := tx.Client(ctx, id)
	if _, err := orNotFound(&row, err); err != nil {
		return 0, err
	}
	last, err := tx.LastOfClient(ctx, id)
	if err != nil {
		return 0, err
	}
	covers := max(micros(at), last)
	alive, err := tx.CountOpenGrantsOfClient(ctx, queries.CountOpenGrantsOfClientParams{
		ClientID: id, After: orZero(row.GrantsRevokedBefore), Lim: maxCounted,
	})
	if err != nil {
		return 0, err
	}
	n, err := tx.RevokeClientBefore(ctx, &covers, id)
	if err != nil || n == 0 {
		return 0, err
	}
	if err := tx.tellOfClient(ctx, id, covers, reason, at); err != nil {
		return 0, err
	}
	return alive, tx.revokeLater(ctx, "", id, covers, reason, at)
}

// revokeLater notes that the rows of grants which a fact has ended, those of one person or one client made at or before
// covers, have to follow. It comes in the transaction of the fact.
func (tx *Tx) revokeLater(ctx context.Context, personID, clientID string, covers int64, reason oauth.RevokedReason, at time.Time) error {
	return tx.InsertRevocation(ctx, queries.InsertRevocationParams{
		PersonID: orNull(personID), ClientID: orNull(clientID), Covers: covers, Reason: string(reason), RevokedAt: micros(at),
	})
}

// followRevocation writes the oldest such fact into up to batch rows, and forgets it when all have followed. It says how many
// rows it touched. What was revoked for another reason before keeps that.
func (tx *Tx) followRevocation(ctx context.Context, batch int32) (int64, error) {
	r, err := tx.NextRevocation(ctx)
	if _, err := orNotFound(&r, err); err != nil {
		if err == oauth.ErrNotFound {
			return 0, nil
		}
		return 0, err
	}
	var n int64
	if r.PersonID != nil {
		n, err = tx.FollowRevocationOfPerson(ctx, queries.FollowRevocationOfPersonParams{
			PersonID: *r.PersonID, Covers: r.Covers, Reason: &r.Reason, At: &r.RevokedAt, Lim: batch,
		})
	} else {
		n, err = tx.FollowRevocationOfClient(ctx, queries.FollowRevocationOfClientParams{
			ClientID: orEmpty(r.ClientID), Covers: r.Covers, Reason: &r.Reason, At: &r.RevokedAt, Lim: batch,
		})
	}
	if err != nil || n == int64(batch) {
		return n, err
	}
	return n + 1, tx.DeleteRevocation(ctx, r.ID)
}
