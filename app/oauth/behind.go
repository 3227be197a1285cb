package oauth

import (
	"context"
	"math/bits"
	"slices"
	"sync"
	"time"

	"regrant/app/audit"
)

// Bounds of what waits in memory to be written behind. Past them things are dropped: they are counters and moments, and
// no promise hangs on them.
const (
	maxBehindGrants = 200_000
	maxBehindList   = 10_000
	maxBehindHours  = 1_000
	// A client and day takes 300 bytes.
	maxBehindClients = 10_000

	// repeatAfter is how long the same refusal of the same grant is not worth another moment or event. Clients have been seen
	// to present a dead token 189 times in a row.
	repeatAfter = 10 * time.Minute

	// maxFailuresTold is how many addresses that failed to authenticate as one client in that time are told each by itself.
	maxFailuresTold = 100
)

// behind collects what routine traffic leaves to remember, for one write every few seconds.
type behind struct {
	mu       sync.Mutex
	pending  Behind
	told     map[string]time.Time // refusals that were recorded lately
	failures map[string]int       // by client, of authentication in the while that began at since
	since    time.Time
	refusals refusalBudget
}

func newBehind() *behind { return &behind{pending: emptyBehind(), told: map[string]time.Time{}} }

func emptyBehind() Behind {
	return Behind{
		Days: map[GrantDay]DayCount{}, Replays: map[[tokenIDSize]byte][]RingEntry{}, Hours: map[Hour]Count{}, Clients: map[ClientDay]*ClientCount{},
	}
}

func (b *behind) countLocked(grantID string, at time.Time, add DayCount) {
	b.addDayLocked(GrantDay{grantID, at.Unix() / 86400}, add)
}

func (b *behind) addDayLocked(key GrantDay, add DayCount) {
	c, known := b.pending.Days[key]
	if !known && len(b.pending.Days) >= maxBehindGrants {
		return
	}
	b.pending.Days[key] = DayCount{c.Rotations + add.Rotations, c.Replays + add.Replays, c.Refusals + add.Refusals}
}

// refreshed counts a refresh that was answered and not a replay.
func (b *behind) refreshed(s *RefreshState, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.countLocked(s.ID, at, DayCount{Rotations: 1})
	if c := b.pending.addCount(s.ClientID, at, Count{Rotations: 1}); c != nil {
		c.Idle[bucketOf(&idleBounds, at.Sub(s.LastUsedAt))]++
	}
}

// refused counts a refusal of a genuine token that client presented, of its own grant or, with "", of none that is its own.
func (b *behind) refused(clientID, grantID string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if grantID != "" {
		b.countLocked(grantID, at, DayCount{Refusals: 1})
	}
	b.pending.addCount(clientID, at, Count{Refusals: 1})
}

// superseded counts an older token that came too late, and by how much if it is the previous one: a longer window would have
// absorbed that.
func (b *behind) superseded(s *RefreshState, generation uint32, at time.Time, add Count) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.pending.addCount(s.ClientID, at, add); c != nil && s.Generation-generation == 1 {
		c.Replay[bucketOf(&replayBounds, at.Sub(s.RotatedAt))]++
	}
}

// replay counts one replay in the window and keeps its entry for the ring.
func (b *behind) replay(s *RefreshState, at time.Time, e RingEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.countLocked(s.ID, at, DayCount{Replays: 1})
	if c := b.pending.addCount(s.ClientID, at, Count{Replays: 1}); c != nil {
		c.Replay[bucketOf(&replayBounds, at.Sub(s.RotatedAt))]++
	}
	if entries := b.pending.Replays[s.TokenID]; len(entries) < ringEntries && len(b.pending.Replays) < maxBehindGrants {
		b.pending.Replays[s.TokenID] = append(entries, e)
	}
}

// takeReplays gives the replays of a token that wait, since a rotation writes the whole ring.
func (b *behind) takeReplays(id [tokenIDSize]byte) []RingEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := b.pending.Replays[id]
	delete(b.pending.Replays, id)
	return entries
}

// putReplays gives back what [behind.takeReplays] gave to a rotation that did not happen.
func (b *behind) putReplays(id [tokenIDSize]byte, entries []RingEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putReplaysLocked(id, entries)
}

func (b *behind) putReplaysLocked(id [tokenIDSize]byte, entries []RingEntry) {
	newer, known := b.pending.Replays[id]
	if len(entries) == 0 || !known && len(b.pending.Replays) >= maxBehindGrants {
		return
	}
	all := append(slices.Clone(entries), newer...)
	b.pending.Replays[id] = all[max(0, len(all)-ringEntries):]
}

func (b *behind) moment(m Moment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending.Moments) < maxBehindList {
		b.pending.Moments = append(b.pending.Moments, m)
	}
}

func (b *behind) event(e audit.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending.Events) < maxBehindList {
		b.pending.Events = append(b.pending.Events, e)
	}
}

// firstFailure says whether it is worth an event that an address has failed to authenticate as a client. Whoever has many addresses
// must not be able to fill the disk (WEB-65): after some, one more is told whenever their number has doubled.
func (b *behind) firstFailure(clientID, ip string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := "auth:" + clientID + ip
	if b.repeatsLocked(key, now) {
		return false
	}
	if passed := now.Sub(b.since); b.failures == nil || passed < 0 || passed >= repeatAfter {
		b.failures, b.since = map[string]int{}, now
	}
	b.failures[clientID]++
	if n := b.failures[clientID]; n > maxFailuresTold {
		return bits.OnesCount(uint(n)) == 1
	}
	b.noteLocked(key, now)
	return true
}

// first says whether key was not seen in the last while, and notes it.
func (b *behind) first(key string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.repeatsLocked(key, now) {
		return false
	}
	b.noteLocked(key, now)
	return true
}

func (b *behind) repeatsLocked(key string, now time.Time) bool {
	at, ok := b.told[key]
	return ok && now.Sub(at) < repeatAfter && !now.Before(at)
}

func (b *behind) noteLocked(key string, now time.Time) {
	if len(b.told) >= maxBehindList {
		clear(b.told)
	}
	b.told[key] = now
}

func (b *behind) flush(ctx context.Context, store Store) (wrote bool, err error) {
	b.mu.Lock()
	batch := b.pending
	b.pending = emptyBehind()
	b.mu.Unlock()
	if len(batch.Days)+len(batch.Replays)+len(batch.Moments)+len(batch.Events)+len(batch.Refusals)+len(batch.Hours)+len(batch.Clients) == 0 {
		return false, nil
	}
	if err = store.WriteBehind(ctx, &batch); err != nil {
		b.restore(batch)
	}
	return err == nil, err
}

// restore puts a batch back that could not be written, within the same bounds: the store may fail for hours.
func (b *behind) restore(batch Behind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, c := range batch.Days {
		b.addDayLocked(k, c)
	}
	for id, entries := range batch.Replays {
		b.putReplaysLocked(id, entries)
	}
	b.pending.addStatistics(&batch)
	b.pending.Moments = firstOf(maxBehindList, batch.Moments, b.pending.Moments)
	b.pending.Events = firstOf(maxBehindList, batch.Events, b.pending.Events)
	b.pending.Refusals = firstOf(maxBehindList, batch.Refusals, b.pending.Refusals)
}

// firstOf gives the first n of older and newer together.
func firstOf[E any](n int, older, newer []E) []E {
	all := append(slices.Clone(older), newer...)
	return all[:min(n, len(all))]
}

// maxReplays bounds the replays of one generation: beyond them the token is refused, and nothing is revoked.
const maxReplays = 100

// Bounds of what is remembered of replays. The while is longer than any window can be without outage.
const (
	replaysKept = 2 * time.Minute
	maxReplayed = 100_000 // tokens in such a while, of 100 bytes
)

// replayCounter counts the replays of each token's previous generation. It is memory only: a restart forgets it, and so do
// two whiles without one.
type replayCounter struct {
	mu              sync.Mutex
	recent, earlier map[[tokenIDSize]byte]replayCount
	since           time.Time // when recent began
}

type replayCount struct {
	generation uint32
	replays    uint32
}

// add counts one more replay of a generation and says whether it is still within the bound.
func (r *replayCounter) add(id [tokenIDSize]byte, generation uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, known := r.recent[id]
	if !known {
		c = r.earlier[id]
	}
	if generation > c.generation {
		c = replayCount{generation: generation}
	}
	c.replays++
	if !known && len(r.recent) >= maxReplayed || r.recent == nil {
		r.turnLocked()
	}
	r.recent[id] = c
	return c.replays <= maxReplays
}

// sweep begins another while when one is over.
func (r *replayCounter) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if passed := now.Sub(r.since); passed > replaysKept {
		r.turnLocked()
		r.since = now
	} else if passed < 0 { // the clock was set back
		r.since = now
	}
}

func (r *replayCounter) turnLocked() {
	r.recent, r.earlier = map[[tokenIDSize]byte]replayCount{}, r.recent
}

// refreshLimiter counts the refreshes of grants whose client has a limit, by minute. It is memory only.
type refreshLimiter struct {
	mu     sync.Mutex
	minute int64
	counts map[string]int
}

// allow counts one more of a grant and says whether it is within the limit, and else how long until the next minute.
func (l *refreshLimiter) allow(grantID string, limit int, now time.Time) (wait time.Duration, ok bool) {
	if limit == 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if minute := now.Unix() / 60; minute != l.minute {
		l.minute, l.counts = minute, map[string]int{}
	}
	if l.counts[grantID] >= limit {
		return time.Duration(60-now.Unix()%60) * time.Second, false
	}
	l.counts[grantID]++
	return 0, true
}
