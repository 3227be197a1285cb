package oauth

import (
	"slices"
	"time"
)

// KeyState is where a key is in its life.
type KeyState string

// The states.
const (
	KeyNext     KeyState = "next"     // published, signs later
	KeyActive   KeyState = "active"   // signs, or protects, what is made now
	KeyRetiring KeyState = "retiring" // signs no more; its tokens are still valid
	KeyEnded    KeyState = "ended"    // published no more
)

// KeyInfo is what may be shown of a key: everything but its material.
type KeyInfo struct {
	ID        string // kid
	Use       KeyUse
	Algorithm string
	Number    uint8
	State     KeyState
	CreatedAt time.Time
	ActiveAt  time.Time
	EndsAt    *time.Time // when it leaves the JWKS, or is removed; nil: not replaced yet
	RotatesAt *time.Time // when the schedule replaces it; nil: replaced already, or never
}

// DescribeKeys says what each key does at now: signing keys first, of each algorithm the newest first.
func DescribeKeys(keys []Key, now time.Time) []KeyInfo {
	inForce := map[dueKey]Key{} // the newest active one
	for _, k := range keys {
		of := dueKey{k.Use, k.Algorithm}
		if f, found := inForce[of]; !k.ActiveAt.After(now) && (!found || k.ActiveAt.After(f.ActiveAt)) {
			inForce[of] = k
		}
	}
	infos := make([]KeyInfo, 0, len(keys))
	for _, k := range keys {
		info := KeyInfo{ID: k.ID, Use: k.Use, Algorithm: k.Algorithm, Number: k.Number, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, EndsAt: k.EndsAt, State: KeyRetiring}
		switch {
		case k.EndsAt != nil && !now.Before(*k.EndsAt):
			info.State = KeyEnded
		case k.ActiveAt.After(now):
			info.State = KeyNext
		case inForce[dueKey{k.Use, k.Algorithm}].ID == k.ID:
			info.State = KeyActive
		}
		if period := k.Use.life().period; period > 0 && k.EndsAt == nil {
			at := k.CreatedAt.Add(period)
			info.RotatesAt = &at
		}
		infos = append(infos, info)
	}
	order := []KeyUse{KeySigning, KeyToken, KeyDerive, KeyAccess, KeyFactor}
	slices.SortStableFunc(infos, func(a, b KeyInfo) int {
		if a.Use != b.Use {
			return slices.Index(order, a.Use) - slices.Index(order, b.Use)
		}
		if a.Algorithm != b.Algorithm {
			return slices.Index([]string{AlgES256, AlgRS256}, a.Algorithm) - slices.Index([]string{AlgES256, AlgRS256}, b.Algorithm)
		}
		return b.ActiveAt.Compare(a.ActiveAt)
	})
	return infos
}
