package db

import (
	"context"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ oauth.AppStore = (*DB)(nil)

// AppsOf implements [oauth.AppStore].
func (d *DB) AppsOf(ctx context.Context, personID string, limit int) (clientIDs []string, consents []oauth.Consent, err error) {
	err = d.snapshot(ctx, "list apps", func(q *queries.Queries) error {
		var err error
		if clientIDs, err = q.AppsOfPerson(ctx, personID, int32(limit)); err != nil {
			return err
		}
		rows, err := q.ConsentsOfPerson(ctx, personID, int32(limit))
		consents = make([]oauth.Consent, len(rows))
		for i, r := range rows {
			consents[i] = consent(r)
		}
		return err
	})
	return clientIDs, consents, err
}

// ReportGrant implements [oauth.AppStore].
func (d *DB) ReportGrant(ctx context.Context, personID, grantID, keep string, e audit.Event) error {
	return d.write(ctx, "report grant", func(tx *Tx) error {
		row, err := tx.GrantState(ctx, grantID)
		if _, err := orNotFound(&row, err); err != nil {
			return err
		}
		if row.PersonID != personID {
			return oauth.ErrNotFound
		}
		alive, err := tx.revokeGrant(ctx, grantID, oauth.RevokedReported, e.At)
		if err == nil && !alive {
			err = oauth.ErrGrantEnded
		}
		if err != nil {
			return err
		}
		sessions, grants, err := tx.endOtherSessions(ctx, personID, keep, e.At)
		if err != nil {
			return err
		}
		if err := tx.DeleteLinksOfPerson(ctx, personID, nil); err != nil { // whoever it was may read the mailbox
			return err
		}
		marks := e.Detail
		e = withCounts(e, sessions, grants)
		e.Detail = marks + " " + e.Detail
		return tx.audit(ctx, e)
	})
}
