package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"regrant/app/audit"
)

// ErrNoKeyNumber says that as many keys of one use are alive as a token can tell apart. The oldest have to end first.
var ErrNoKeyNumber = errors.New("oauth: 255 keys of this use are alive, and a token cannot name another")

// keyLife is how keys of one use follow each other.
type keyLife struct {
	algorithms []string
	period     time.Duration // by schedule
	ahead      time.Duration // a new key is known to all for so long before its use
	kept       time.Duration // the one before is kept for so long after that
}

// RotatedUses are the uses whose keys are rotated. What the factor key has sealed cannot be made anew, so it stays.
var RotatedUses = []KeyUse{KeySigning, KeyToken, KeyDerive, KeyAccess}

// life of a signing key ends when the last token that it signed has expired. A token key verifies, and a derive key derives again,
// as long as a grant can live: tokens that do not rotate keep their MAC, admins move the ends of grants, and the windows of a server
// that is off stay open. Neither has to be a secret for the sake of old tokens, so keeping them costs nothing but their rows.
func (u KeyUse) life() keyLife {
	switch u {
	case KeySigning:
		return keyLife{[]string{AlgES256, AlgRS256}, keyRotationPeriod, JWKSMaxAge, MaxAccessTokenLifetime + keySkew}
	case KeyToken:
		return keyLife{[]string{algHMACSHA256}, secretRotationPeriod, secretAhead, maxLifetime + keySkew}
	case KeyDerive:
		return keyLife{[]string{algHKDFSHA256}, secretRotationPeriod, secretAhead, maxLifetime + keySkew}
	case KeyAccess:
		return keyLife{[]string{algAES256GCM}, secretRotationPeriod, secretAhead, MaxAccessTokenLifetime + keySkew}
	}
	return keyLife{}
}

// RotateSigningKeys makes a new key for each algorithm, published at once and active after [JWKSMaxAge], when every cache
// knows it. The key before verifies until the last token that it signed has expired.
func RotateSigningKeys(ctx context.Context, store Store, now time.Time, by audit.Origin) ([]Key, error) {
	return RotateKeys(ctx, store, now, by, KeySigning)
}

// RotateKeys makes a new key for each algorithm of these uses (T40, T41, T42), all or none. A new token, derive or access key is in
// use a minute later, when every process has read it; no token is refused for it. [ErrNoKeyNumber]; a conflict with somebody
// who rotates at the same moment is [ErrExists].
func RotateKeys(ctx context.Context, store Store, now time.Time, by audit.Origin, uses ...KeyUse) ([]Key, error) {
	var due []dueKey
	for _, use := range uses {
		for _, algorithm := range use.life().algorithms {
			due = append(due, dueKey{use, algorithm})
		}
	}
	return rotateKeys(ctx, store, now, by, due)
}

// dueKey is a key that has to be replaced.
type dueKey struct {
	use       KeyUse
	algorithm string
}

func (d dueKey) is(k Key) bool { return k.Use == d.use && k.Algorithm == d.algorithm }

func rotateKeys(ctx context.Context, store Store, now time.Time, by audit.Origin, due []dueKey) ([]Key, error) {
	keys, err := store.Keys(ctx)
	if err != nil {
		return nil, fault("read keys", err)
	}
	ending := map[string]time.Time{}
	var added []Key
	var events []audit.Event
	for _, d := range due {
		life := d.use.life()
		number, err := freeNumber(keys, d)
		if err != nil {
			return nil, err
		}
		k, err := NewKey(d.use, d.algorithm, number, now, now.Add(life.ahead))
		if err != nil {
			return nil, fault("make key", err)
		}
		for _, old := range keys {
			if d.is(old) && old.EndsAt == nil {
				ending[old.ID] = k.ActiveAt.Add(life.kept)
			}
		}
		added = append(added, k)
		events = append(events, audit.Event{At: now, Kind: audit.KeyRotated, Origin: by, Result: "ok",
			Detail: audit.Details("kid", k.ID, "use", string(k.Use), "alg", k.Algorithm, "active_at", k.ActiveAt.Format(time.RFC3339), "number", strconv.Itoa(int(k.Number)))})
	}
	if err := store.AddKeys(ctx, added, ending, events...); err != nil {
		return nil, fault("add keys", err)
	}
	return added, nil
}

// freeNumber gives the number after the newest one, and begins again at 1 after 255.
func freeNumber(keys []Key, d dueKey) (uint8, error) {
	taken := map[uint8]bool{}
	newest := Key{}
	for _, k := range keys {
		if !d.is(k) {
			continue
		}
		taken[k.Number] = true
		if !k.CreatedAt.Before(newest.CreatedAt) {
			newest = k
		}
	}
	for n := newest.Number + 1; n != newest.Number; n++ {
		if n != 0 && !taken[n] {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s keys: %w", d.use, ErrNoKeyNumber)
}

// due names the keys that are older than the schedule allows, and those that should be there and are not. A key that was made while
// the clock was wrong and far ahead does not count.
func (r *keyRing) due(now time.Time) []dueKey {
	var due []dueKey
	for _, use := range RotatedUses {
		life := use.life()
		for _, algorithm := range life.algorithms {
			d := dueKey{use, algorithm}
			if !slices.ContainsFunc(r.all, func(k Key) bool {
				age := now.Sub(k.CreatedAt)
				return d.is(k) && k.EndsAt == nil && -maxClockStep <= age && age <= life.period
			}) {
				due = append(due, d)
			}
		}
	}
	return due
}

// PlannedRotation says what rotating the signing keys at now would do, as [RotateSigningKeys] does it.
type PlannedRotation struct {
	SignsAt time.Time // the new keys sign from then on
	EndsAt  time.Time // the old ones leave the JWKS
	MaxAge  time.Duration
}

// PlanRotation gives the times of a rotation at now.
func PlanRotation(now time.Time) PlannedRotation {
	life := KeySigning.life()
	activeAt := now.Add(life.ahead)
	return PlannedRotation{SignsAt: activeAt, EndsAt: activeAt.Add(life.kept), MaxAge: JWKSMaxAge}
}
