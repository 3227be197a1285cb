package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"

	"github.com/alexedwards/argon2id"
)

// ErrBusy says that as many passwords wait to be hashed as may. It is answered with 503 and Retry-After.
var ErrBusy = errors.New("account: too many sign-ins at once")

// Cost is what one hash costs. The default is the second line of OWASP's table for argon2id: 46 MiB, once over, one lane.
type Cost struct {
	Memory     uint32 // KiB
	Iterations uint32
	Lanes      uint8
}

// DefaultCost takes about 30 ms of one core.
func DefaultCost() Cost { return Cost{Memory: 46 * 1024, Iterations: 1, Lanes: 1} }

// HasherOptions bound the work of a [Hasher]. A zero field takes its default.
type HasherOptions struct {
	Cost     Cost
	Parallel int // hashes at a time; default one less than the cores, at least 1 and at most 4
	Waiting  int // callers that may wait for their turn; default 64
}

// Hasher hashes and checks passwords with argon2id. It runs few at a time, so that signing in takes neither all the
// memory nor the core that answers refreshes, and makes few wait, so that a flood is told to come back (WEB-32).
type Hasher struct {
	params argon2id.Params
	queue  chan struct{} // a ticket for each caller inside, running or waiting
	slots  chan struct{} // a slot for each hash that runs
	dummy  string        // of a password that nobody knows, for accounts that do not exist
}

// NewHasher returns a hasher, or an error when the machine has no randomness.
func NewHasher(o HasherOptions) (*Hasher, error) {
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost()
	}
	if o.Parallel == 0 {
		// More than the free guesses of an account (Limits.Free) at a time would make right passwords wait for each other.
		o.Parallel = min(max(1, runtime.GOMAXPROCS(0)-1), 4)
	}
	if o.Waiting == 0 {
		o.Waiting = 64
	}
	h := &Hasher{
		params: argon2id.Params{
			Memory: o.Cost.Memory, Iterations: o.Cost.Iterations, Parallelism: o.Cost.Lanes, SaltLength: 16, KeyLength: 32,
		},
		queue: make(chan struct{}, o.Parallel+o.Waiting),
		slots: make(chan struct{}, o.Parallel),
	}
	var err error
	h.dummy, err = argon2id.CreateHash(rand.Text(), &h.params)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return h, nil
}

// turn is the right to hash, taken with Hasher.enter and given back with leave.
type turn struct{ h *Hasher }

// enter waits for a turn. It returns [ErrBusy] at once when too many wait already, and ctx's error when that ends first.
func (h *Hasher) enter(ctx context.Context) (turn, error) {
	select {
	case h.queue <- struct{}{}:
	default:
		return turn{}, ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return turn{h}, nil
	case <-ctx.Done():
		<-h.queue
		return turn{}, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (t turn) leave() {
	<-t.h.slots
	<-t.h.queue
}

// hash returns the PHC string of the whole password, in NFC.
func (t turn) hash(password string) (string, error) {
	s, err := argon2id.CreateHash(normalPassword(password), &t.h.params)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return s, nil
}

// check reports whether password is the one behind hash, and whether hash was made at another cost than is set now. An
// empty hash never matches and takes the same work. A hash that cannot be read is an error, never a wrong password.
func (t turn) check(password, hash string) (match, stale bool, err error) {
	against := hash
	if against == "" {
		against = t.h.dummy
	}
	params, _, _, err := argon2id.DecodeHash(against)
	if err != nil {
		return false, false, fmt.Errorf("check a password: %w", err)
	}
	// A damaged row must not make argon2 panic or take all memory.
	if params.Iterations < 1 || params.Iterations > 32 || params.Parallelism < 1 || params.Memory > 1<<20 {
		return false, false, errors.New("check a password: the cost in the stored hash is out of bounds")
	}
	match, params, err = argon2id.CheckHash(normalPassword(password), against)
	if err != nil {
		return false, false, fmt.Errorf("check a password: %w", err)
	}
	return match && hash != "", *params != t.h.params, nil
}
