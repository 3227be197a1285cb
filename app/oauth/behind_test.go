package oauth

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"regrant/app/audit"
)

func TestReplaysThatARotationTookComeBackWhenItFails(t *testing.T) {
	b, now := newBehind(), time.Now()
	s := &RefreshState{TokenID: [16]byte{1}}
	entry := func(n int) RingEntry { return RingEntry{At: now.Add(time.Duration(n) * time.Second), Kind: RingReplay} }
	for n := range 10 {
		b.replay(s, now, entry(n))
	}

	taken := b.takeReplays(s.TokenID)
	b.replay(s, now, entry(10))
	b.putReplays(s.TokenID, taken)

	got := b.takeReplays(s.TokenID)
	if len(got) != 11 {
		t.Fatalf("%d replays", len(got))
	}
	for n, e := range got {
		if e != entry(n) {
			t.Errorf("entry %d is of %v", n, e.At)
		}
	}
}

// behindFails refuses every batch.
type behindFails struct{ Store }

func (behindFails) WriteBehind(context.Context, *Behind) error { return errDisk }

func TestAStoreThatFailsForHoursDoesNotFillTheMemory(t *testing.T) {
	b, now := newBehind(), time.Now()
	s := &RefreshState{TokenID: [16]byte{1}}
	s.ID = "grant"
	for range 50 {
		for n := range 1000 {
			b.moment(Moment{GrantID: "grant", Detail: fmt.Sprint(n)})
			b.event(audit.Event{Kind: audit.ClientAuthFailed})
			b.replay(s, now, RingEntry{At: now, Kind: RingReplay})
		}
		if _, err := b.flush(t.Context(), behindFails{}); err == nil {
			t.Fatal("no fault")
		}
	}

	p := b.pending
	if len(p.Moments) != maxBehindList || len(p.Events) != maxBehindList || len(p.Replays[s.TokenID]) != ringEntries {
		t.Errorf("%d moments, %d events, %d replays", len(p.Moments), len(p.Events), len(p.Replays[s.TokenID]))
	}
	if got := p.Days[GrantDay{"grant", now.Unix() / 86400}].Replays; got != 50_000 {
		t.Errorf("%d of 50000 replays are counted", got)
	}
}

func TestTheReplaysOfAGenerationAreBounded(t *testing.T) { // T3
	var c replayCounter
	token, other, began := [tokenIDSize]byte{1}, [tokenIDSize]byte{2}, time.Now()
	c.sweep(began.Add(-replaysKept + maxReplays/2*time.Second))
	for n := range maxReplays + 5 {
		c.sweep(began.Add(time.Duration(n) * time.Second)) // a while ends amidst them
		if ok := c.add(token, 1); ok != (n < maxReplays) {
			t.Fatalf("replay %d: %v", n+1, ok)
		}
	}
	if !c.add(other, 1) || !c.add(token, 2) {
		t.Error("another generation has a count of its own")
	}
}

func TestWhatIsRememberedOfReplaysIsBounded(t *testing.T) {
	var c replayCounter
	id := func(n int) (id [tokenIDSize]byte) {
		binary.BigEndian.PutUint64(id[:], uint64(n))
		return id
	}
	for generation := range uint32(1000) {
		c.add(id(0), generation+1)
	}
	if len(c.recent)+len(c.earlier) != 1 {
		t.Errorf("%d counts of one token", len(c.recent)+len(c.earlier))
	}

	for n := range 3 * maxReplayed {
		c.add(id(n), 1)
	}
	if n := len(c.recent) + len(c.earlier); n > 2*maxReplayed {
		t.Errorf("%d counts", n)
	}
	for range maxReplays {
		c.add(id(3*maxReplayed-1), 1)
	}
	if c.add(id(3*maxReplayed-1), 1) {
		t.Error("the count of a token that is replayed now was forgotten")
	}

	began := time.Now()
	c.sweep(began)
	c.sweep(began.Add(replaysKept + time.Second))
	if n := len(c.recent) + len(c.earlier); n != 0 {
		t.Errorf("%d counts are kept when all windows are over", n)
	}
}

func TestWEB65FailuresFromManyAddressesAreToldAFewTimes(t *testing.T) {
	b, now := newBehind(), time.Now()
	b.first("refused:grant", now)

	told := 0
	for n := range 1_000_000 {
		if b.firstFailure("CB", fmt.Sprintf("2001:db8::%x", n), now.Add(time.Duration(n)*time.Microsecond)) {
			told++
		}
	}

	if told != maxFailuresTold+13 { // 128 to 524 288
		t.Errorf("%d events of a million failures", told)
	}
	if b.first("refused:grant", now) {
		t.Error("they have made the server forget what it had told")
	}
	if !b.firstFailure("CX", "203.0.113.9", now) || b.firstFailure("CX", "203.0.113.9", now) {
		t.Error("another client's failure is not told once")
	}
	if later := now.Add(repeatAfter + time.Minute); !b.firstFailure("CB", "2001:db8::1", later) || b.firstFailure("CB", "2001:db8::1", later) {
		t.Error("a while later it is not told once")
	}
}
