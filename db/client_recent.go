package db

import (
	"context"
	"sync"
	"time"

	"regrant/app/oauth"
)

// clientFresh is how long a client may be taken from memory. Writes of this process are seen at once; those of another one, as
// the command line's, after this long at most.
const clientFresh = 250 * time.Millisecond

// maxRecentClients bounds the memory. A server with more clients reads those that find no room.
const maxRecentClients = 1024

// recentClients are clients that were read a moment ago. Each call of a program begins with one, and clients hardly ever change.
type recentClients struct {
	mu   sync.RWMutex
	byID map[string]recentClient
}

type recentClient struct {
	client *oauth.Client
	writes uint64 // of this process, when it was read
	at     time.Time
}

// RecentClient implements [oauth.Store].
func (d *DB) RecentClient(ctx context.Context, id string) (*oauth.Client, error) {
	r := &d.recent
	// The count is looked at before the row: what a write changes after this look is read anew next time.
	writes, now := d.writes.Load(), time.Now()
	r.mu.RLock()
	known, ok := r.byID[id]
	r.mu.RUnlock()
	if ok && known.writes == writes && now.Sub(known.at) < clientFresh {
		c := *known.client
		return &c, nil
	}
	c, err := d.Client(ctx, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		delete(r.byID, id)
		return nil, err
	}
	if _, ok := r.byID[id]; ok || len(r.byID) < maxRecentClients {
		if r.byID == nil {
			r.byID = map[string]recentClient{}
		}
		r.byID[id] = recentClient{c, writes, now}
	}
	kept := *c
	return &kept, nil
}
