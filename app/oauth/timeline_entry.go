package oauth

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"regrant/app/audit"
)

// ringEntries derives what the ring does not hold: generations by counting back from the current one, addresses and agents by
// going back from the last ones to the moments at which they changed.
func (l *Life) ringEntries(moments []Moment) []Entry {
	s := &l.State
	before := map[time.Time]map[MomentKind]string{}
	for _, m := range moments {
		at := m.At.Truncate(time.Millisecond)
		if before[at] == nil {
			before[at] = map[MomentKind]string{}
		}
		before[at][m.Kind] = m.Detail
	}
	generation, ip, agent := s.Generation, s.LastIP, s.LastUserAgent
	ring := s.Ring.Entries()
	entries := make([]Entry, len(ring))
	for i := len(ring) - 1; i >= 0; i-- {
		r, of := ring[i], generation
		e := Entry{At: r.At, Kind: EntryReplayed, Generation: &of, AddressChanged: r.AddressChanged, AgentChanged: r.AgentChanged, Actor: audit.ByClient, ActorID: s.ClientID}
		if r.Kind == RingReplay {
			// It is compared with the last use, and does not become it.
			if !r.AddressChanged {
				e.IP = ip
			}
			if !r.AgentChanged {
				e.UserAgent = agent
			}
			entries[i] = e
			continue
		}
		e.Kind, e.IP, e.UserAgent = EntryUsed, ip, agent
		if r.Kind == RingRotation {
			e.Kind = EntryRotated
			generation = max(generation, 1) - 1
		}
		at := before[r.At]
		e.Reason = at[MomentNarrowed]
		if r.AddressChanged {
			ip = wordsBefore(at[MomentAddressChanged])
		}
		if r.AgentChanged {
			agent = wordsBefore(at[MomentAgentChanged])
		}
		entries[i] = e
	}
	return entries
}

// momentEntry is an entry for a moment that nothing else tells of.
func momentEntry(m Moment, refused map[string]*Refusal, kept map[time.Time]bool) (Entry, bool) {
	generation := m.Generation
	e := Entry{At: m.At, Generation: &generation, IP: m.IP, UserAgent: m.UserAgent, Detail: m.Detail, Actor: audit.ByClient, RequestID: m.RequestID}
	switch m.Kind {
	case MomentRefused:
		e.Kind = EntryRefused
		return e, refused[m.RequestID] == nil
	case MomentNarrowed:
		e.Kind, e.Reason = EntryNarrowed, m.Detail
	case MomentAddressChanged:
		e.Kind, e.Reason = EntryAddress, wordsBefore(m.Detail)
	case MomentAgentChanged:
		e.Kind, e.Reason = EntryAgent, wordsBefore(m.Detail)
	}
	return e, !kept[m.At.Truncate(time.Millisecond)]
}

// eventEntry is an entry for an audit event. Events that only repeat a refusal have none.
func (l *Life) eventEntry(e audit.Event, f *Refusal) (Entry, bool) {
	entry := Entry{At: e.At, IP: e.IP, UserAgent: e.UserAgent, Detail: e.Detail, Actor: e.Actor, ActorID: e.ActorID, RequestID: e.RequestID, Event: e.Kind}
	switch e.Kind {
	case audit.GrantCreated:
		entry.Kind = EntrySignedIn
		if l.HasRefreshToken() {
			entry.Generation = new(uint32)
		}
	case audit.GrantReuse:
		entry.Kind, entry.Reason, entry.Reuse = EntryReused, string(RevokedReuse), l.reuseOf(e)
		entry.Generation = &entry.Reuse.Generation
	case audit.GrantNarrowed:
		entry.Kind = EntryScope
	case audit.GrantEndChanged:
		entry.Kind = EntryEnd
	case audit.CodeReplayed:
		entry.Kind, entry.Reason = EntryCodeReplay, string(RevokedCodeReplay)
	case audit.GrantRevoked, audit.GrantReported:
		entry.Kind, entry.Reason = EntryRevoked, e.Result
	case audit.GrantEvicted:
		entry.Kind, entry.Reason = EntryRevoked, string(RevokedEvicted)
	case audit.TokenRevoked:
		entry.Kind = EntryToken
	case audit.TokenMismatch, audit.TokenOrphan, audit.TokenFork, audit.TokenFuture, audit.TokenReuseReport:
		entry.Kind = EntryOther
		return entry, f == nil
	default:
		entry.Kind = EntryOther
	}
	if f != nil {
		entry.Rule, entry.RefusalID = f.Rule, f.ID
	}
	return entry, true
}

// reuseOf says why an event was taken for what it was. The row has stood still since it proved the reuse.
func (l *Life) reuseOf(e audit.Event) *Reuse {
	s := &l.State
	reuse := &Reuse{Class: s.ReuseClass, Of: s.Generation, SameAddress: e.IP == s.LastIP, SameAgent: e.UserAgent == s.LastUserAgent}
	for _, p := range audit.ParseDetails(e.Detail) {
		if p.Key == "generation" {
			reuse.Generation = parseDecimal(p.Value)
		}
	}
	if at, known := s.Ring.supersededAt(reuse.Of - reuse.Generation); known && reuse.Generation < reuse.Of {
		reuse.Superseded = &at
	}
	return reuse
}

// beginAndEnd tells of a beginning or an end that the audit log does not hold, or not under the name of this grant.
func (l *Life) beginAndEnd() []Entry {
	s := &l.State
	var entries []Entry
	if !l.has(EntrySignedIn) {
		e := Entry{At: s.CreatedAt, Kind: EntrySignedIn, IP: s.IP, UserAgent: s.UserAgent, Detail: audit.Details("scope", s.Scope.String()), Actor: audit.ByPerson, ActorID: s.PersonID}
		if l.HasRefreshToken() {
			e.Generation = new(uint32)
		}
		entries = append(entries, e)
	}
	var why string
	if l.HasRefreshToken() {
		l.Ended, why = s.ended(l.Now)
	} else if !s.Alive() {
		l.Ended = RuleTokenRevoked
	} else if !l.Now.Deadline.Before(s.EndsAt) {
		l.Ended = RuleTokenAbsolute
	}
	end := Entry{Kind: EntryRevoked, Reason: string(s.RevokedReason), Detail: why, Actor: audit.ByServer}
	switch l.Ended {
	case "":
		return entries
	case RuleTokenAbsolute:
		end.Kind, end.Reason, end.At = EntryExpired, "absolute", s.EndsAt
	case RuleTokenIdle:
		end.Kind, end.Reason, end.At = EntryExpired, "idle", s.IdleDeadline
	default:
		if l.has(EntryRevoked) || l.has(EntryReused) || l.has(EntryCodeReplay) {
			return entries
		}
		end.At = l.endedAt()
	}
	return append(entries, end)
}

// endedAt is when a grant was revoked, as far as one fact about many says so.
func (l *Life) endedAt() time.Time {
	s := &l.State
	for _, at := range []*time.Time{s.RevokedAt, s.Owner.GrantsRevokedBefore, s.ClientGrantsRevokedBefore} {
		if at != nil && at.Year() < 9999 && !at.Before(s.CreatedAt) {
			return *at
		}
	}
	return l.Now.Wall
}

func (l *Life) has(kind EntryKind) bool {
	return slices.ContainsFunc(l.Entries, func(e Entry) bool { return e.Kind == kind })
}

// dayEntries sums up what the counters hold beyond the entries.
func dayEntries(s *RefreshState, days []DayOfGrant, entries []Entry) []Entry {
	told := map[int64]DayCount{}
	for _, e := range entries {
		c := told[e.At.Unix()/86400]
		switch e.Kind {
		case EntryRotated, EntryUsed:
			c.Rotations++
		case EntryReplayed:
			c.Replays++
		case EntryRefused, EntryReused:
			c.Refusals++
		}
		told[e.At.Unix()/86400] = c
	}
	var sums []Entry
	for _, d := range days {
		t := told[d.Day]
		rest := DayCount{max(0, d.Rotations-t.Rotations), max(0, d.Replays-t.Replays), max(0, d.Refusals-t.Refusals)}
		if rest == (DayCount{}) {
			continue
		}
		at := time.Unix(d.Day*86400, 0).UTC()
		if at.Before(s.CreatedAt) {
			at = s.CreatedAt
		}
		sums = append(sums, Entry{At: at, Kind: EntryDay, Count: rest, Actor: audit.ByClient, ActorID: s.ClientID})
	}
	return sums
}

// wordsBefore takes what stood before from the detail of a moment, see [Server.noteUse].
func wordsBefore(detail string) string { return strings.TrimPrefix(detail, "before: ") }

func parseDecimal(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32) // 0 for what is none: only our own events are read
	return uint32(n)
}
