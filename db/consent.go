package db

import (
	"context"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// Consent implements [oauth.Store].
func (d *DB) Consent(ctx context.Context, personID, clientID string) (*oauth.Consent, error) {
	var c *oauth.Consent
	err := d.read(ctx, "read consent", func(q *queries.Queries) error {
		r, err := q.Consent(ctx, personID, clientID)
		given := consent(r)
		c = &given
		return err
	})
	return orNotFound(c, err)
}

func consent(r queries.Consent) oauth.Consent {
	return oauth.Consent{
		PersonID: r.PersonID, ClientID: r.ClientID, Scope: words(r.Scope), Resources: words(r.Resources), Claims: words(orEmpty(r.Claims)), GivenAt: instant(r.GivenAt),
	}
}

// WithdrawConsent implements [oauth.Store]. What is there goes together. Where nothing is there, nothing happens and no event
// is recorded, so a second caller changes nothing.
func (d *DB) WithdrawConsent(ctx context.Context, personID, clientID string, at time.Time, event audit.Event) error {
	return d.write(ctx, "withdraw consent", func(tx *Tx) error {
		consents, err := tx.DeleteConsent(ctx, personID, clientID)
		if err != nil {
			return err
		}
		codes, grants, err := tx.revokePair(ctx, personID, clientID, oauth.RevokedConsent, at)
		if err != nil || consents+codes+grants == 0 {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// revokePair ends the codes and grants of one person and one client. There are few, so their rows are written at once.
func (tx *Tx) revokePair(ctx context.Context, personID, clientID string, reason oauth.RevokedReason, at time.Time) (codes, grants int64, err error) {
	if codes, err = tx.DeleteCodesOfPair(ctx, personID, clientID); err != nil {
		return 0, 0, err
	}
	ended, err := tx.RevokeGrantsOfPair(ctx, queries.RevokeGrantsOfPairParams{
		PersonID: personID, ClientID: clientID, Reason: orNull(string(reason)), At: microsOrNull(&at),
	})
	if err != nil {
		return 0, 0, err
	}
	return codes, int64(len(ended)), tx.tellOfGrants(ctx, ended)
}
