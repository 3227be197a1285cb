package db

import (
	"sync"

	"regrant/app/oauth"
)

// maxRecentStates bounds the memory to a few megabytes. A server with more applications that refresh at the same time reads those
// that find no room.
const maxRecentStates = 2048

// recentStates are refresh tokens as this process rotated them last: applications that refresh often come back to their own row.
// The rest of a state (grant, person, client) is in it as it was read once, and carried on from rotation to rotation. That is safe
// only because nothing is decided on it but a rotation, whose UPDATE misses when a generation, an epoch or a version is another one,
// and because every change of those tables that a state shows raises a version. What changes a token's row without its
// generation (PutRing, TouchRefreshToken) forgets it here.
type recentStates struct {
	mu      sync.Mutex
	byToken map[[16]byte]*oauth.RefreshState
}

// RecentRefreshState implements [oauth.Store].
func (d *DB) RecentRefreshState(tokenID [16]byte) *oauth.RefreshState {
	r := &d.states
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byToken[tokenID]
}

// rotated remembers what a rotation has made of the row. A slower caller never takes the place of a later rotation.
func (r *recentStates) rotated(by *oauth.Rotation) {
	next := *by.Read
	next.Generation, next.Epoch = by.Read.Generation+by.Skipped+1, by.Epoch
	next.CurrentHash, next.PreviousHash, next.Nonce, next.Ring = by.CurrentHash, by.PreviousHash, by.Nonce, by.Ring
	next.WindowKeyID, next.WindowEnd = by.WindowKeyID, by.WindowEnd
	next.RotatedAt, next.IdleDeadline, next.LastUsedAt = stored(by.RotatedAt), stored(by.IdleDeadline), stored(by.UsedAt)
	next.LastIP, next.LastUserAgent = by.IP, by.UserAgent
	if next.Thumbprint == "" && by.Thumbprint != "" {
		next.Thumbprint, next.BoundGeneration = by.Thumbprint, next.Generation
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.byToken[next.TokenID]
	switch {
	case known != nil && known.Generation > next.Generation:
		return
	case known == nil && len(r.byToken) >= maxRecentStates:
		for any := range r.byToken { // the order of a map is random
			delete(r.byToken, any)
			break
		}
	case r.byToken == nil:
		r.byToken = map[[16]byte]*oauth.RefreshState{}
	}
	r.byToken[next.TokenID] = &next
}

func (r *recentStates) forget(tokens ...[16]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range tokens {
		delete(r.byToken, id)
	}
}
