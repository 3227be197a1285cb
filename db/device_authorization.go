package db

import (
	"context"
	"strings"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// SaveDeviceAuthorization implements [oauth.Store]. When the table is full, a twentieth makes way in the same transaction.
func (d *DB) SaveDeviceAuthorization(ctx context.Context, a *oauth.DeviceAuthorization, bound oauth.WaitingBound) error {
	err := d.write(ctx, "save device authorization", func(tx *Tx) error {
		now := micros(a.CreatedAt)
		waiting, err := tx.CountDeviceAuthorizationsOf(ctx, queries.CountDeviceAuthorizationsOfParams{Holder: a.Holder, Now: now, Lim: int32(bound.Holder)})
		if err != nil {
			return err
		}
		if waiting >= int64(bound.Holder) {
			return oauth.ErrTooMany
		}
		p := queries.InsertDeviceAuthorizationParams{
			Hash: a.Hash, UserCode: a.UserCode, ClientID: a.ClientID, Holder: a.Holder, Scope: a.Scope.String(), Resources: strings.Join(a.Resources, " "),
			IP: a.IP, UserAgent: a.UserAgent, PollInterval: a.Interval.Microseconds(), CreatedAt: now, ExpiresAt: micros(a.ExpiresAt),
		}
		if a.Authenticated {
			p.AuthenticatedAt = &now
		}
		n, err := tx.InsertDeviceAuthorization(ctx, p)
		if err := oneRow(n, err, oauth.ErrExists); err != nil {
			return err
		}
		if d.devices.max.Swap(int64(bound.All)) == int64(bound.All) && d.devices.left.Add(-1) >= 0 {
			return nil
		}
		size, err := tx.SizeDeviceAuthorizations(ctx)
		if err != nil {
			return err
		}
		if over := size - int64(bound.All); over > 0 {
			gone, err := tx.DeleteOldestDeviceAuthorizations(ctx, now, int32(over)+int32(bound.All/20))
			if err != nil {
				return err
			}
			size -= gone
		}
		d.devices.left.Store(int64(bound.All) - size)
		return nil
	})
	if err != nil {
		d.devices.left.Store(0) // what was counted may have been rolled back
	}
	return err
}

// DeviceAuthorization implements [oauth.Store].
func (d *DB) DeviceAuthorization(ctx context.Context, hash []byte) (*oauth.DeviceAuthorization, error) {
	return d.deviceAuthorization(ctx, func(q *queries.Queries) (queries.DeviceAuthorization, error) { return q.DeviceAuthorization(ctx, hash) })
}

// DeviceAuthorizationOf implements [oauth.Store].
func (d *DB) DeviceAuthorizationOf(ctx context.Context, userCode string) (*oauth.DeviceAuthorization, error) {
	return d.deviceAuthorization(ctx, func(q *queries.Queries) (queries.DeviceAuthorization, error) {
		return q.DeviceAuthorizationOf(ctx, userCode)
	})
}

func (d *DB) deviceAuthorization(ctx context.Context, find func(*queries.Queries) (queries.DeviceAuthorization, error)) (*oauth.DeviceAuthorization, error) {
	var a *oauth.DeviceAuthorization
	err := d.read(ctx, "read device authorization", func(q *queries.Queries) error {
		r, err := find(q)
		a = &oauth.DeviceAuthorization{
			Hash: r.Hash, UserCode: r.UserCode, ClientID: r.ClientID, Holder: r.Holder, Authenticated: r.AuthenticatedAt != nil, Scope: words(r.Scope), Resources: words(r.Resources),
			IP: r.IP, UserAgent: r.UserAgent, Interval: duration(r.PollInterval), PolledAt: instantOrNil(r.PolledAt),
			AllowedAt: instantOrNil(r.AllowedAt), DeniedAt: instantOrNil(r.DeniedAt), CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt),
		}
		return err
	})
	return orNotFound(a, err)
}

// PollDevice implements [oauth.Store]. One that nobody waits for any more is [oauth.ErrNotFound].
func (d *DB) PollDevice(ctx context.Context, hash []byte, at time.Time, tolerance, more time.Duration) (early bool, err error) {
	err = d.write(ctx, "poll device", func(tx *Tx) error {
		early = false
		n, err := tx.NotePoll(ctx, queries.NotePollParams{Hash: hash, At: microsOrNull(&at), AtAndTolerance: micros(at.Add(tolerance))})
		if err != nil || n == 1 {
			return err
		}
		early = true
		n, err = tx.NoteEarlyPoll(ctx, queries.NoteEarlyPollParams{Hash: hash, At: microsOrNull(&at), More: more.Microseconds()})
		return oneRow(n, err, oauth.ErrNotFound)
	})
	return early, err
}

// DenyDevice implements [oauth.Store]. Of any number of decisions one wins.
func (d *DB) DenyDevice(ctx context.Context, requestID string, hash []byte, at time.Time, event audit.Event) error {
	return d.write(ctx, "deny device", func(tx *Tx) error {
		n, err := tx.DeleteAuthorizationRequest(ctx, requestID)
		if err := oneRow(n, err, oauth.ErrSpent); err != nil {
			return err
		}
		n, err = tx.Queries.DenyDevice(ctx, microsOrNull(&at), hash)
		if err := oneRow(n, err, oauth.ErrSpent); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}
