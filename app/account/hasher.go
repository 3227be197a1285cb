package account

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
)

// ErrBusy says that as many passwords wait to be hashed as may. It is answered with 503 and Retry-After.
var ErrBusy = errors.New("account: too many sign-ins at once")

// Cost is what one hash costs. The default is the line of OWASP's table for argon2id that says 19 MiB, twice over, one lane: as good
// as 46 MiB once over, for a third less work, and it leaves the caches of the machine to those who refresh.
type Cost struct {
	Memory     uint32 // KiB
	Iterations uint32
	Lanes      uint8
}

// DefaultCost takes about 20 ms of one core.
func DefaultCost() Cost { return Cost{Memory: 19 * 1024, Iterations: 2, Lanes: 1} }

// HasherOptions bound the work of a [Hasher]. A zero field takes its default.
type HasherOptions struct {
	Cost     Cost
	Parallel int // hashes at a time; default one less than the cores, at least 1 and at most 4
	Waiting  int // callers that may wait for their turn; default 64
}

// Hasher hashes and checks passwords with argon2id. It runs few at a time and rests between two, so that signing in takes
// neither all the memory nor the cores that answer refreshes, and makes few wait, so that a flood is told to come back (WEB-32).
type Hasher struct {
	params argon2id.Params
	turns  turns
	dummy  string // of a password that nobody knows, for accounts that do not exist
}

// NewHasher returns a hasher, or an error for a cost that is out of bounds.
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
		turns: turns{places: o.Waiting, free: o.Parallel, rest: restOf(o.Parallel, runtime.GOMAXPROCS(0))},
	}
	h.dummy = h.nobodys()
	return h, bounded(h.dummy)
}

// nobodys spells a hash that no password is known to lead to: salt and key are random. Nothing has to be hashed for it.
func (h *Hasher) nobodys() string {
	salt, key := make([]byte, h.params.SaltLength), make([]byte, h.params.KeyLength)
	rand.Read(salt)
	rand.Read(key)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.params.Memory, h.params.Iterations, h.params.Parallelism,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// hash returns the PHC string of the whole password, in NFC.
func (t *turn) hash(password string) (string, error) {
	defer t.works()()
	s, err := argon2id.CreateHash(normalPassword(password), &t.of.params)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return s, nil
}

// check reports whether password is the one behind hash, and whether hash was made at another cost than is set now. An
// empty hash never matches and takes the same work as like, the hash of somebody's password, or as a new one if that is empty
// too. A hash that cannot be read is an error, never a wrong password.
func (t *turn) check(password, hash, like string) (match, stale bool, err error) {
	defer t.works()()
	against := hash
	if against == "" {
		against = dummyLike(like, t.of.dummy)
	}
	if err := bounded(against); err != nil {
		return false, false, fmt.Errorf("check a password: %w", err)
	}
	match, params, err := argon2id.CheckHash(normalPassword(password), against)
	if err != nil {
		return false, false, fmt.Errorf("check a password: %w", err)
	}
	return match && hash != "", *params != t.of.params, nil
}

// bounded refuses a hash whose cost cannot be read or paid: a damaged row must not make argon2 panic or take all memory.
func bounded(hash string) error {
	params, _, _, err := argon2id.DecodeHash(hash)
	if err != nil {
		return err
	}
	if params.Iterations < 1 || params.Iterations > 32 || params.Parallelism < 1 || params.Memory > 1<<20 {
		return errors.New("the cost in the stored hash is out of bounds")
	}
	return nil
}

// dummyLike is the hash of a password that nobody knows, at the cost of like where that can be read.
func dummyLike(like, dummy string) string {
	theirs, ours := strings.SplitAfter(like, "$"), strings.SplitAfter(dummy, "$")
	if bounded(like) != nil || len(theirs) != len(ours) {
		return dummy
	}
	return strings.Join(append(theirs[:4], ours[4:]...), "") // the salt and the key stand at the end
}
