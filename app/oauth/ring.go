package oauth

import (
	"encoding/binary"
	"time"
)

// Ring remembers the last 16 rotations and replays of a grant, 8 bytes each: 6 bytes of Unix milliseconds, the kind, and
// whether address or user agent had changed. It costs no growth, since it is part of the row.
type Ring []byte

const (
	ringEntries   = 16
	ringEntrySize = 8
)

// RingKind says what a ring entry is.
type RingKind byte

// What a ring remembers.
const (
	RingRotation RingKind = 1
	RingReplay   RingKind = 2
	RingUse      RingKind = 3 // a refresh of a token that does not rotate
)

// RingEntry is one rotation or replay.
type RingEntry struct {
	At             time.Time // milliseconds
	Kind           RingKind
	AddressChanged bool
	AgentChanged   bool
}

// Append gives the ring with e as its newest entry.
func (r Ring) Append(e RingEntry) Ring {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(e.At.UnixMilli())<<16)
	b[6] = byte(e.Kind)
	if e.AddressChanged {
		b[7] |= 1
	}
	if e.AgentChanged {
		b[7] |= 2
	}
	if extra := len(r) + ringEntrySize - ringEntries*ringEntrySize; extra > 0 {
		r = r[extra:]
	}
	return append(append(make(Ring, 0, len(r)+ringEntrySize), r...), b[:]...)
}

// Entries gives the entries, oldest first.
func (r Ring) Entries() []RingEntry {
	var entries []RingEntry
	for ; len(r) >= ringEntrySize; r = r[ringEntrySize:] {
		entries = append(entries, RingEntry{
			At:   time.UnixMilli(int64(binary.BigEndian.Uint64(r) >> 16)).UTC(),
			Kind: RingKind(r[6]), AddressChanged: r[7]&1 != 0, AgentChanged: r[7]&2 != 0,
		})
	}
	return entries
}

// supersededAt gives when the generation that is behind rotations ago was rotated away, if the ring still knows.
func (r Ring) supersededAt(behind uint32) (time.Time, bool) {
	entries := r.Entries()
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Kind != RingRotation {
			continue
		}
		if behind--; behind == 0 {
			return entries[i].At, true
		}
	}
	return time.Time{}, false
}
