package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// endTarget is a client that is to be told of the end of its grants.
type endTarget struct {
	ClientID         string
	WebhookURL       *string
	SecurityEventURL *string
}

// news is what a client is told of one end, once for each way in which it wants to hear of it.
func (t endTarget) news(e oauth.EndedGrants) ([]delivery.Delivery, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, err // unreachable: texts and times
	}
	var all []delivery.Delivery
	for _, way := range []struct {
		kind delivery.Kind
		url  *string
	}{{delivery.KindWebhook, t.WebhookURL}, {delivery.KindSecurityEvent, t.SecurityEventURL}} {
		if way.url != nil {
			all = append(all, delivery.Delivery{Kind: way.kind, ClientID: t.ClientID, PersonID: e.PersonID, URL: *way.url, Body: body, CreatedAt: e.At})
		}
	}
	return all, nil
}

// tellOfGrants queues the news that grants have ended, whose rows say since when and why. It comes in the transaction of the end, and
// writes nothing for clients that are not told. A client knows what it has revoked itself, and what was over before.
func (tx *Tx) tellOfGrants(ctx context.Context, ended []queries.Grant) error {
	of := map[string][]queries.Grant{}
	for _, g := range ended {
		if textOf(g.RevokedReason) != string(oauth.RevokedClient) && g.EndsAt > orZero(g.RevokedAt) {
			of[g.ClientID] = append(of[g.ClientID], g)
		}
	}
	for id, grants := range of {
		row, err := tx.TargetOfEnds(ctx, id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		var news []delivery.Delivery
		for _, g := range grants {
			more, err := endTarget(row).news(oauth.EndedGrants{
				GrantID: g.ID, SessionID: g.SessionID, PersonID: g.PersonID, Reason: oauth.RevokedReason(textOf(g.RevokedReason)), At: instant(orZero(g.RevokedAt)),
			})
			if err != nil {
				return err
			}
			news = append(news, more...)
		}
		if err := tx.queueDeliveries(ctx, id, news); err != nil {
			return err
		}
	}
	return nil
}

// tellOfPerson queues the news that every grant of a person ends that was made at or before covers, before it does: one for each
// client, however many grants there are.
func (tx *Tx) tellOfPerson(ctx context.Context, personID string, covers int64, reason oauth.RevokedReason, at time.Time) error {
	rows, err := tx.TargetsOfPersonsEnd(ctx, personID, micros(at))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := tx.tellOfAll(ctx, endTarget(row), personID, covers, reason, at); err != nil {
			return err
		}
	}
	return nil
}

// tellOfClient queues the news that every grant of a client ends that was made at or before covers.
func (tx *Tx) tellOfClient(ctx context.Context, clientID string, covers int64, reason oauth.RevokedReason, at time.Time) error {
	row, err := tx.TargetOfEnds(ctx, clientID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.tellOfAll(ctx, endTarget(row), "", covers, reason, at)
}

func (tx *Tx) tellOfAll(ctx context.Context, t endTarget, personID string, covers int64, reason oauth.RevokedReason, at time.Time) error {
	until := instant(covers)
	news, err := t.news(oauth.EndedGrants{PersonID: personID, Reason: reason, At: stored(at), Until: &until})
	if err != nil {
		return err
	}
	return tx.queueDeliveries(ctx, t.ClientID, news)
}

// redirectNews lets the deliveries of a client follow to its other addresses, and drops those that it has no address for any more.
func (tx *Tx) redirectNews(ctx context.Context, old queries.Client, c *oauth.Client) error {
	for _, of := range []struct {
		kind     delivery.Kind
		was, now string
	}{
		{delivery.KindLogout, textOf(old.BackchannelLogoutURI), c.BackchannelLogoutURI},
		{delivery.KindWebhook, textOf(old.WebhookURL), c.WebhookURL},
		{delivery.KindSecurityEvent, textOf(old.SecurityEventURL), c.SecurityEventURL},
	} {
		var err error
		switch {
		case of.was == of.now, of.was == "": // nothing waits
		case of.now == "":
			err = tx.DeleteDeliveriesOfKind(ctx, c.ID, string(of.kind))
		default:
			err = tx.RedirectDeliveries(ctx, queries.RedirectDeliveriesParams{ClientID: c.ID, Kind: string(of.kind), URL: of.now})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
