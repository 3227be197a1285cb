package db

import (
	"context"
	"time"

	"regrant/app/oauth"
	"regrant/db/queries"
)

// PushRequest implements [oauth.Store]. When the table is full, by the number of requests or by their size, a twentieth makes way in
// the same transaction.
func (d *DB) PushRequest(ctx context.Context, r *oauth.PushedRequest, bound oauth.WaitingBound) error {
	err := d.write(ctx, "push authorization request", func(tx *Tx) error {
		waiting, err := tx.CountPushedRequestsOf(ctx, queries.CountPushedRequestsOfParams{Holder: r.Holder, Now: micros(r.CreatedAt), Lim: int32(bound.Holder)})
		if err != nil {
			return err
		}
		if waiting >= int64(bound.Holder) {
			return oauth.ErrTooMany
		}
		p := queries.InsertPushedRequestParams{
			Hash: r.Hash, ClientID: r.ClientID, Holder: r.Holder, Parameters: r.Parameters,
			CreatedAt: micros(r.CreatedAt), ExpiresAt: micros(r.ExpiresAt), KeptUntil: micros(r.ExpiresAt),
		}
		if r.Authenticated {
			p.AuthenticatedAt = &p.CreatedAt
		}
		if err := tx.InsertPushedRequest(ctx, p); err != nil {
			return err
		}
		if d.pushed.max.Swap(int64(bound.All)) == int64(bound.All) && d.pushed.left.Add(-1) >= 0 && d.pushed.bytes.Add(-int64(len(r.Parameters))) >= 0 {
			return nil
		}
		size, err := tx.SizePushedRequests(ctx)
		if err != nil {
			return err
		}
		for size.Requests > int64(bound.All) || size.Bytes > maxPendingBytes {
			over := size.Requests - int64(bound.All) + int64(bound.All)/20
			if size.Bytes > maxPendingBytes {
				over = size.Requests/20 + 1
			}
			if _, err := tx.DeleteOldestPushedRequests(ctx, int32(over)); err != nil {
				return err
			}
			if size, err = tx.SizePushedRequests(ctx); err != nil {
				return err
			}
		}
		d.pushed.left.Store(int64(bound.All) - size.Requests)
		d.pushed.bytes.Store(maxPendingBytes - size.Bytes)
		return nil
	})
	if err != nil {
		d.pushed.left.Store(0) // what was counted may have been rolled back
	}
	return err
}

// PushedRequest implements [oauth.Store]. One that is over is given until [DB.Sweep] has removed it.
func (d *DB) PushedRequest(ctx context.Context, hash []byte) (*oauth.PushedRequest, error) {
	var r *oauth.PushedRequest
	err := d.read(ctx, "read pushed request", func(q *queries.Queries) error {
		row, err := q.PushedRequest(ctx, hash)
		r = &oauth.PushedRequest{
			Hash: row.Hash, ClientID: row.ClientID, Holder: row.Holder, Authenticated: row.AuthenticatedAt != nil, Parameters: row.Parameters,
			CreatedAt: instant(row.CreatedAt), ExpiresAt: instant(row.ExpiresAt), BrowserHash: row.BrowserHash, KeptUntil: instant(row.KeptUntil),
			SpentAt: instantOrNil(row.SpentAt),
		}
		return err
	})
	return orNotFound(r, err)
}

// spendPushed completes a pushed request, if there was one. Of any number of callers one does; the others get [oauth.ErrSpent].
func (tx *Tx) spendPushed(ctx context.Context, hash []byte, at time.Time) error {
	if hash == nil {
		return nil
	}
	n, err := tx.SpendPushedRequest(ctx, microsOrNull(&at), hash)
	return oneRow(n, err, oauth.ErrSpent)
}
