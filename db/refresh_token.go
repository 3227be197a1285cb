package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// RefreshState implements [oauth.Store]: one statement, so all of it is of one moment. A person or client that is gone gives a
// state that is dead.
func (d *DB) RefreshState(ctx context.Context, tokenID [16]byte) (*oauth.RefreshState, error) {
	var s *oauth.RefreshState
	err := d.readRow(ctx, "read refresh token", func(q *queries.Queries) error {
		row, err := q.RefreshState(ctx, tokenID[:])
		s = refreshState(row)
		return err
	})
	return orNotFound(s, err)
}

// RotateRefreshToken implements [oauth.Store]. It is one UPDATE, without a look before it.
func (d *DB) RotateRefreshToken(ctx context.Context, r *oauth.Rotation) error {
	s := r.Read
	p := queries.RotateRefreshTokenParams{
		TokenID: s.TokenID[:], Generation: int64(s.Generation), Epoch: int64(s.Epoch),
		NextGeneration: int64(s.Generation) + int64(r.Skipped) + 1, NextEpoch: int64(r.Epoch),
		GrantVersion: s.Version, PersonVersion: s.Owner.Version, ClientVersion: s.ClientVersion,
		CurrentHash: r.CurrentHash, PreviousHash: r.PreviousHash, Nonce: r.Nonce, WindowKeyID: idOrNull(r.WindowKeyID),
		WindowEnd: int64(r.WindowEnd), RotatedAt: micros(r.RotatedAt), IdleDeadline: micros(r.IdleDeadline),
		LastUsedAt: micros(r.UsedAt), LastIP: r.IP, LastUserAgent: r.UserAgent, Thumbprint: orNull(r.Thumbprint),
		BoundGeneration: boundGeneration(r.Thumbprint, s.Generation+r.Skipped+1), Ring: notNull(r.Ring),
	}
	err := d.writeToken(ctx, "rotate refresh token", func(tx *Tx) error {
		n, err := tx.RotateRefreshToken(ctx, p)
		return oneRow(n, err, oauth.ErrConflict)
	})
	if err != nil {
		d.states.forget(s.TokenID)
		return err
	}
	d.states.rotated(r)
	return nil
}

// TouchRefreshToken implements [oauth.Store]. It writes deadline, last use and ring, and what a restore has left open.
func (d *DB) TouchRefreshToken(ctx context.Context, r *oauth.Rotation) error {
	s := r.Read
	hash := r.CurrentHash
	if hash == nil {
		hash = s.CurrentHash
	}
	p := queries.TouchRefreshTokenParams{
		TokenID: s.TokenID[:], Generation: int64(s.Generation), Epoch: int64(s.Epoch),
		NextGeneration: int64(s.Generation) + int64(r.Skipped), NextEpoch: int64(r.Epoch), CurrentHash: hash,
		GrantVersion: s.Version, PersonVersion: s.Owner.Version, ClientVersion: s.ClientVersion,
		IdleDeadline: micros(r.IdleDeadline), LastUsedAt: micros(r.UsedAt), LastIP: r.IP, LastUserAgent: r.UserAgent, Thumbprint: orNull(r.Thumbprint),
		BoundGeneration: boundGeneration(r.Thumbprint, s.Generation+r.Skipped), Ring: notNull(r.Ring),
	}
	defer d.states.forget(s.TokenID)
	return d.writeToken(ctx, "touch refresh token", func(tx *Tx) error {
		n, err := tx.TouchRefreshToken(ctx, p)
		return oneRow(n, err, oauth.ErrConflict)
	})
}

// RevokeReused implements [oauth.Store]. The verdict is checked again in the UPDATE that carries it out. Of any number of
// callers one revokes and records; the others find the grant revoked and are content.
func (d *DB) RevokeReused(ctx context.Context, s *oauth.RefreshState, class oauth.ReuseClass, at time.Time, event audit.Event) error {
	return d.write(ctx, "revoke reused refresh token", func(tx *Tx) error {
		ended, err := tx.RevokeReused(ctx, queries.RevokeReusedParams{
			GrantID: s.ID, TokenID: s.TokenID[:], Generation: int64(s.Generation), Epoch: int64(s.Epoch),
			ReuseClass: orNull(string(class)), At: microsOrNull(&at),
		})
		if err != nil {
			return err
		}
		if len(ended) == 1 {
			if err := tx.tellOfGrants(ctx, ended); err != nil {
				return err
			}
			return tx.audit(ctx, event)
		}
		row, err := tx.GrantState(ctx, s.ID)
		switch {
		case err == nil && !grantState(row).Alive():
			return nil
		case err == nil, errors.Is(err, sql.ErrNoRows):
			return oauth.ErrConflict
		}
		return err
	})
}

func (tx *Tx) insertRefreshToken(ctx context.Context, grantID string, s *oauth.RefreshState) error {
	return tx.InsertRefreshToken(ctx, queries.InsertRefreshTokenParams{
		TokenID: s.TokenID[:], GrantID: grantID, Generation: int64(s.Generation), Epoch: int64(s.Epoch),
		CurrentHash: s.CurrentHash, PreviousHash: s.PreviousHash, Nonce: s.Nonce, WindowKeyID: idOrNull(s.WindowKeyID),
		WindowEnd: int64(s.WindowEnd), RotatedAt: micros(s.RotatedAt), IdleDeadline: micros(s.IdleDeadline),
		AbsoluteDeadline: micros(s.AbsoluteDeadline), LastUsedAt: micros(s.LastUsedAt), LastIP: s.LastIP,
		LastUserAgent: s.LastUserAgent, Thumbprint: orNull(s.Thumbprint), BoundGeneration: boundGeneration(s.Thumbprint, s.BoundGeneration), Ring: notNull(s.Ring),
	})
}

// refreshState is of a grant that may have no refresh token; its TokenID is zero then.
func refreshState(r queries.GrantState) *oauth.RefreshState {
	s := &oauth.RefreshState{GrantState: *grantState(r)}
	if copy(s.TokenID[:], r.TokenID) == 0 {
		return s
	}
	s.Generation, s.Epoch = uint32(orZero(r.Generation)), uint8(orZero(r.Epoch))
	s.CurrentHash, s.PreviousHash, s.Nonce = r.CurrentHash, r.PreviousHash, r.Nonce
	s.WindowKeyID, s.WindowEnd = orZero(r.WindowKeyID), oauth.ServiceTime(orZero(r.WindowEnd))
	s.RotatedAt, s.LastUsedAt = instant(orZero(r.RotatedAt)), instant(orZero(r.LastUsedAt))
	s.IdleDeadline, s.AbsoluteDeadline = instant(orZero(r.IdleDeadline)), instant(orZero(r.AbsoluteDeadline))
	s.LastIP, s.LastUserAgent, s.Thumbprint = orEmpty(r.LastIP), orEmpty(r.LastUserAgent), orEmpty(r.Thumbprint)
	s.BoundGeneration = uint32(orZero(r.BoundGeneration))
	if len(r.Ring) > 0 {
		s.Ring = r.Ring
	}
	return s
}

// boundGeneration is from which generation on a key binds; null without a key.
func boundGeneration(thumbprint string, generation uint32) *int64 {
	if thumbprint == "" {
		return nil
	}
	return new(int64(generation))
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func idOrNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// notNull is for columns that hold an empty value rather than null.
func notNull[T ~[]byte](b T) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
