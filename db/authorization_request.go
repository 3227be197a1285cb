package db

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// maxPendingBytes bounds what pending authorization requests hold together, since anybody may begin one and fill it with a
// long state (WEB-65).
const maxPendingBytes = 40 << 20

// maxPendingOfAddress bounds the pending authorization requests of one address: whoever floods the server pushes out their
// own and nobody else's.
const maxPendingOfAddress = 300

// pendingRoom is how many authorization requests, and how many bytes of them, may still be saved before the table must be
// counted again, so that a flood of them does not count ten thousand rows each. It is a lower bound: requests that end make
// more room.
type pendingRoom struct{ left, bytes, max atomic.Int64 }

// SaveAuthorizationRequest implements [oauth.Store]. When the table is full, by their number or by their size,
// the oldest twentieth makes way in the same transaction.
func (d *DB) SaveAuthorizationRequest(ctx context.Context, r *oauth.AuthorizationRequest, max int) error {
	parameters, err := marshalParameters(&r.Parameters)
	if err != nil {
		return fmt.Errorf("save authorization request: %w", err)
	}
	err = d.write(ctx, "save authorization request", func(tx *Tx) error {
		if r.Pushed != nil {
			n, err := tx.BringPushedRequest(ctx, queries.BringPushedRequestParams{Hash: r.Pushed, BrowserHash: r.BrowserHash, KeptUntil: micros(r.ExpiresAt)})
			if err := oneRow(n, err, oauth.ErrSpent); err != nil {
				return err
			}
		}
		n, err := tx.InsertAuthorizationRequest(ctx, queries.InsertAuthorizationRequestParams{
			ID: r.ID, BrowserHash: r.BrowserHash, ClientID: r.ClientID, Address: r.Address, Parameters: parameters,
			CreatedAt: micros(r.CreatedAt), ExpiresAt: micros(r.ExpiresAt),
		})
		if err := oneRow(n, err, oauth.ErrConflict); err != nil {
			return err
		}
		if _, err := tx.DeleteExcessAuthorizationRequests(ctx, r.Address, maxPendingOfAddress); err != nil {
			return err
		}
		if d.pending.max.Swap(int64(max)) == int64(max) && d.pending.left.Add(-1) >= 0 && d.pending.bytes.Add(-int64(len(parameters))) >= 0 {
			return nil
		}
		size, err := tx.SizeAuthorizationRequests(ctx)
		if err != nil {
			return err
		}
		for size.Requests > int64(max) || size.Bytes > maxPendingBytes {
			over := size.Requests - int64(max) + int64(max)/20
			if size.Bytes > maxPendingBytes {
				over = size.Requests/20 + 1
			}
			if _, err := tx.DeleteOldestAuthorizationRequests(ctx, int32(over)); err != nil {
				return err
			}
			if size, err = tx.SizeAuthorizationRequests(ctx); err != nil {
				return err
			}
		}
		d.pending.left.Store(int64(max) - size.Requests)
		d.pending.bytes.Store(maxPendingBytes - size.Bytes)
		return nil
	})
	if err != nil {
		d.pending.left.Store(0) // what was counted may have been rolled back
	}
	return err
}

// ChangeAuthorizationRequest implements [oauth.Store].
func (d *DB) ChangeAuthorizationRequest(ctx context.Context, r *oauth.AuthorizationRequest) error {
	parameters, err := marshalParameters(&r.Parameters)
	if err != nil {
		return fmt.Errorf("change authorization request: %w", err)
	}
	return d.write(ctx, "change authorization request", func(tx *Tx) error {
		n, err := tx.ChangeAuthorizationRequest(ctx, queries.ChangeAuthorizationRequestParams{ID: r.ID, BrowserHash: r.BrowserHash, Parameters: parameters})
		return oneRow(n, err, oauth.ErrSpent)
	})
}

// AuthorizationRequest implements [oauth.Store]. One that has expired is given until [DB.Sweep] has removed it.
func (d *DB) AuthorizationRequest(ctx context.Context, id string) (*oauth.AuthorizationRequest, error) {
	var r *oauth.AuthorizationRequest
	err := d.read(ctx, "read authorization request", func(q *queries.Queries) error {
		row, err := q.AuthorizationRequest(ctx, id)
		if err != nil {
			return err
		}
		r = &oauth.AuthorizationRequest{
			ID: row.ID, BrowserHash: row.BrowserHash, ClientID: row.ClientID, Address: row.Address,
			CreatedAt: instant(row.CreatedAt), ExpiresAt: instant(row.ExpiresAt),
		}
		return unmarshalParameters(row.Parameters, &r.Parameters)
	})
	return orNotFound(r, err)
}

// EndAuthorizationRequest implements [oauth.Store]. Of any number of callers one wins; the others get [oauth.ErrSpent].
func (d *DB) EndAuthorizationRequest(ctx context.Context, r *oauth.AuthorizationRequest, event audit.Event) error {
	return d.write(ctx, "end authorization request", func(tx *Tx) error {
		n, err := tx.DeleteAuthorizationRequest(ctx, r.ID)
		if err := oneRow(n, err, oauth.ErrSpent); err != nil {
			return err
		}
		if err := tx.spendPushed(ctx, r.Pushed, event.At); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// storedParameters keeps what a client sent verbatim as bytes, since JSON would replace what is not UTF-8.
type storedParameters struct {
	oauth.Parameters
	State     []byte
	Nonce     []byte
	LoginHint []byte
}

func marshalParameters(p *oauth.Parameters) ([]byte, error) {
	return json.Marshal(storedParameters{Parameters: *p, State: []byte(p.State), Nonce: []byte(p.Nonce), LoginHint: []byte(p.LoginHint)})
}

func unmarshalParameters(b []byte, p *oauth.Parameters) error {
	var s storedParameters
	if err := json.Unmarshal(b, &s); err != nil {
		return fault("read parameters", err)
	}
	*p = s.Parameters
	p.State, p.Nonce, p.LoginHint = string(s.State), string(s.Nonce), string(s.LoginHint)
	return nil
}
