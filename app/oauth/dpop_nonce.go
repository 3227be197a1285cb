package oauth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

const (
	// nonceLifetime is how long a nonce is the newest. It is accepted for as long again.
	nonceLifetime = 5 * time.Minute
	nonceSize     = 16
	// proofsKept bounds the memory of proofs that were used: so many with the newest nonce, and then there is a newer one.
	proofsKept = 1 << 16
)

// proofMemory gives out nonces and knows the proofs that were used, RFC 9449 §8 and RFC 9449 §11.1. A proof needs a nonce of ours,
// so it can be replayed only while its nonce is accepted: what came with older ones can be forgotten. Nonces are derived by a key
// that dies with the process. After a restart those from before are strange, and so are all proofs that nobody remembers: nothing
// has to be stored, and no clock is asked, since wall clocks step.
type proofMemory struct {
	mu     sync.Mutex
	key    [32]byte
	bound  int
	number uint64        // of the newest nonce
	since  time.Duration // monotonic time from which on it was the newest
	nonces [2]string     // the newest and the one before
	seen   [2]map[[16]byte]struct{}
}

// proofVerdict says what a proof is worth.
type proofVerdict int

const (
	proofFresh proofVerdict = iota
	proofStale              // without one of our last two nonces
	proofSeen               // used before
)

func newProofMemory(now time.Duration) *proofMemory {
	m := &proofMemory{bound: proofsKept, since: now}
	rand.Read(m.key[:])
	m.turn(now)
	m.turn(now)
	return m
}

// turn makes the next nonce.
func (m *proofMemory) turn(now time.Duration) {
	m.number++
	mac := hmac.New(sha256.New, m.key[:])
	mac.Write(binary.BigEndian.AppendUint64([]byte("dpop-nonce"), m.number))
	m.nonces = [2]string{encodeB64(mac.Sum(nil)[:nonceSize]), m.nonces[0]}
	m.seen = [2]map[[16]byte]struct{}{{}, m.seen[0]}
	m.since = now
}

func (m *proofMemory) keepTime(now time.Duration) {
	if age := now - m.since; age >= nonceLifetime {
		if age >= 2*nonceLifetime {
			m.turn(now) // the newest is too old to be the one before
		}
		m.turn(now)
	}
}

// nonce gives the newest.
func (m *proofMemory) nonce(now time.Duration) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepTime(now)
	return m.nonces[0]
}

// take uses a proof up. Of any number of callers with the same one the first gets proofFresh.
func (m *proofMemory) take(nonce string, id [16]byte, now time.Duration) proofVerdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepTime(now)
	for i, known := range m.nonces {
		if nonce != known {
			continue
		}
		if _, used := m.seen[i][id]; used {
			return proofSeen
		}
		if len(m.seen[i]) >= 2*m.bound {
			return proofStale // no room to remember it: it has to come again with a newer nonce
		}
		m.seen[i][id] = struct{}{}
		if i == 0 && len(m.seen[0]) >= m.bound {
			m.turn(now)
		}
		return proofFresh
	}
	return proofStale
}

// DPoPNonce gives the nonce that the next proof should bear, RFC 9449 §8.2.
func (s *Server) DPoPNonce() string { return s.proofs.nonce(s.clock.monotonic()) }
