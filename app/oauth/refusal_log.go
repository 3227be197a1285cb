package oauth

import (
	"context"
	"time"
)

// RefusalLog is what a store tells of refusals. They come into it with [Store.WriteBehind], which keeps their number bounded.
type RefusalLog interface {
	// Refusals gives the refusals that f chooses, newest first.
	Refusals(ctx context.Context, f RefusalFilter) ([]Refusal, error)
	// Refusal gives one; [ErrNotFound] when there is none, or none any more.
	Refusal(ctx context.Context, id int64) (*Refusal, error)
}

// RefusalFilter chooses refusals. Zero values choose all.
type RefusalFilter struct {
	RequestID string
	ClientID  string
	GrantID   string
	Rule      Rule
	Code      Code
	Before    int64 // only those with a smaller ID, for the next page
	Limit     int   // 0: 100
}

// How many refusals are kept, and for how long.
const (
	RefusalsKept         = 100_000 // in all; the oldest go
	RefusalsKeptOfClient = 20_000
	RefusalsKeptOfGrant  = 200
	RefusalsKeptFor      = 30 * 24 * time.Hour
)

// How many refusals are taken down in a while ([repeatAfter]): some clients present a dead token hundreds of times a minute, and
// must not push out what happened to others.
const (
	maxRefusalsOfRule   = 20 // of one rule and one grant, or one client where no grant is known
	maxRefusalsOfClient = 1000
)

// refusalKey is what a budget of refusals is for.
type refusalKey struct {
	of   string
	rule Rule
}

// refusalBudget counts the refusals that were taken down lately.
type refusalBudget struct {
	counts map[refusalKey]int
	since  time.Time
}

// allow counts one more and says whether there is room for it. Everything is forgotten when the while is over, or when there is
// too much to remember.
func (r *refusalBudget) allow(f *Refusal) bool {
	if passed := f.At.Sub(r.since); r.counts == nil || passed < 0 || passed >= repeatAfter {
		r.counts, r.since = map[refusalKey]int{}, f.At
	}
	rule, client := refusalKey{f.GrantID, f.Rule}, refusalKey{of: f.ClientID}
	if f.GrantID == "" {
		rule.of = f.ClientID
	}
	if r.counts[rule] >= maxRefusalsOfRule || r.counts[client] >= maxRefusalsOfClient {
		return false
	}
	if _, known := r.counts[rule]; !known && len(r.counts) >= maxBehindGrants {
		return false
	}
	r.counts[rule]++
	r.counts[client]++
	return true
}

// mayRefuse counts one refusal and says whether there is room for it.
func (b *behind) mayRefuse(f *Refusal) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pending.Refusals) < maxBehindList && b.refusals.allow(f)
}

// refuse keeps one refusal for the next write.
func (b *behind) refuse(f Refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending.Refusals = append(b.pending.Refusals, f)
}
