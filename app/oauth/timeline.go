package oauth

import (
	"cmp"
	"context"
	"slices"
	"time"

	"regrant/app/audit"
)

// TimelineStore is what a store tells of the life of one grant.
type TimelineStore interface {
	RefusalLog
	// Moments gives up to limit moments of a grant, newest first.
	Moments(ctx context.Context, grantID string, limit int) ([]Moment, error)
	// DaysOfGrant gives its counters, oldest first.
	DaysOfGrant(ctx context.Context, grantID string) ([]DayOfGrant, error)
	// EventsOfGrant gives up to limit audit events that name it, newest first.
	EventsOfGrant(ctx context.Context, grantID string, limit int) ([]audit.Event, error)
}

// DayOfGrant is one day of a grant, as days since 1970 in UTC.
type DayOfGrant struct {
	Day int64
	DayCount
}

// EntryKind says what an entry of a timeline is.
type EntryKind string

// The kinds of entries.
const (
	EntrySignedIn   EntryKind = "signed_in"
	EntryRotated    EntryKind = "rotated"
	EntryReplayed   EntryKind = "replayed" // absorbed by the window
	EntryUsed       EntryKind = "used"     // a refresh of a token that does not rotate
	EntryNarrowed   EntryKind = "narrowed" // one refresh asked for less
	EntryAddress    EntryKind = "address_changed"
	EntryAgent      EntryKind = "agent_changed"
	EntryRefused    EntryKind = "refused"
	EntryReused     EntryKind = "reused"
	EntryScope      EntryKind = "scope_changed" // by an admin, for ever
	EntryEnd        EntryKind = "end_changed"
	EntryCodeReplay EntryKind = "code_replayed"
	EntryToken      EntryKind = "access_token_revoked"
	EntryRevoked    EntryKind = "revoked"
	EntryExpired    EntryKind = "expired"
	EntryDay        EntryKind = "day"   // what a day counted beyond the entries
	EntryOther      EntryKind = "other" // an event without an entry of its own, see Event
)

// Entry is one thing in the life of a grant.
type Entry struct {
	At             time.Time
	Kind           EntryKind
	Generation     *uint32 // which came into being, or was presented; nil where none is meant
	IP             string  // "": not known
	UserAgent      string
	AddressChanged bool
	AgentChanged   bool
	Reason         string // of an end; the scope that is left; the value before
	Detail         string // key=value pairs of the event, or words for the operator
	Actor          audit.Actor
	ActorID        string
	RequestID      string
	Rule           Rule // of a refusal
	RefusalID      int64
	Event          audit.Kind
	Count          DayCount // of EntryDay
	Reuse          *Reuse   // of EntryReused
}

// Reuse is what a proven reuse was, and what makes the server think so.
type Reuse struct {
	Class       ReuseClass
	Generation  uint32 // which came
	Of          uint32 // which was current
	Superseded  *time.Time
	SameAddress bool // as the last use that was accepted
	SameAgent   bool
}

// Life is one grant with all that is remembered of it.
type Life struct {
	State   RefreshState // TokenID is zero where there is no refresh token
	Entries []Entry      // oldest first
	Ended   Rule         // "" while it lives
	Now     Instant
}

// HasRefreshToken says whether the grant came with one.
func (l *Life) HasRefreshToken() bool { return l.State.HasToken() }

// HasToken says whether there is a refresh token at all.
func (s *RefreshState) HasToken() bool { return s.TokenID != [tokenIDSize]byte{} }

// maxEntries bounds what a timeline reads of each kind.
const maxEntries = 300

// Life tells the life of a grant from the ring, the counters, the moments, the audit log and the refusals; [ErrNotFound] when
// there is no such grant any more. What waits in memory is written first, so the last second is part of it.
func (s *Server) Life(ctx context.Context, store TimelineStore, grantID string) (*Life, error) {
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	states, err := s.store.Grants(ctx, GrantFilter{ID: grantID})
	if err != nil {
		return nil, err
	}
	if len(states) == 0 {
		return nil, ErrNotFound
	}
	l := &Life{State: states[0], Now: s.clock.Now()}
	moments, err := store.Moments(ctx, grantID, MomentsKept)
	if err != nil {
		return nil, err
	}
	days, err := store.DaysOfGrant(ctx, grantID)
	if err != nil {
		return nil, err
	}
	events, err := store.EventsOfGrant(ctx, grantID, maxEntries)
	if err != nil {
		return nil, err
	}
	refusals, err := store.Refusals(ctx, RefusalFilter{GrantID: grantID, Limit: maxEntries})
	if err != nil {
		return nil, err
	}
	l.tell(moments, days, events, refusals)
	return l, nil
}

// tell puts the entries together, each thing once.
func (l *Life) tell(moments []Moment, days []DayOfGrant, events []audit.Event, refusals []Refusal) {
	s := &l.State
	ring := l.ringEntries(moments)
	l.Entries = append(l.Entries, ring...)
	refused := map[string]*Refusal{} // by request
	for i := range refusals {        // every request over HTTP has an id
		refused[refusals[i].RequestID] = &refusals[i]
	}
	told := map[string]bool{} // requests whose refusal an event tells of
	for _, e := range events {
		if entry, ok := l.eventEntry(e, refused[e.RequestID]); ok {
			if entry.RefusalID != 0 {
				told[e.RequestID] = true
			}
			l.Entries = append(l.Entries, entry)
		}
	}
	for _, f := range refusals {
		if !told[f.RequestID] {
			l.Entries = append(l.Entries, Entry{At: f.At, Kind: EntryRefused, Generation: f.Generation, IP: f.IP, UserAgent: f.UserAgent, Detail: f.Detail,
				Actor: audit.ByClient, ActorID: f.ClientID, RequestID: f.RequestID, Rule: f.Rule, RefusalID: f.ID})
		}
	}
	kept := map[time.Time]bool{} // moments of uses that the ring tells of
	for _, e := range ring {
		kept[e.At] = true
	}
	for _, m := range moments {
		if entry, ok := momentEntry(m, refused, kept); ok {
			l.Entries = append(l.Entries, entry)
		}
	}
	l.Entries = append(l.Entries, l.beginAndEnd()...)
	l.Entries = append(l.Entries, dayEntries(s, days, l.Entries)...)
	slices.SortStableFunc(l.Entries, func(a, b Entry) int { return cmp.Or(a.At.Compare(b.At), rank(&a)-rank(&b)) })
}

// rank is the order of what happened in the same instant.
func rank(e *Entry) int {
	switch e.Kind {
	case EntrySignedIn:
		return 0
	case EntryDay:
		return 1
	case EntryRotated, EntryReplayed, EntryUsed:
		return 2
	case EntryReused, EntryCodeReplay, EntryRevoked, EntryExpired:
		return 4
	case EntryRefused:
		if e.Rule == RuleTokenRevoked {
			return 5
		}
	}
	return 3
}
