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
	EndsAt    *time.Time // when it leaves the JWKS; nil: not replaced yet
	RotatesAt *time.Time // when the schedule replaces it; nil: replaced already, or never
}

// DescribeKeys says what each key does at now: signing keys first, of each algorithm the newest first.
func DescribeKeys(keys []Key, now time.Time) []KeyInfo {
	signer := map[string]Key{}
	newest := map[KeyUse]uint8{}
	for _, k := range keys {
		if s, found := signer[k.Algorithm]; k.Use == KeySigning && !k.ActiveAt.After(now) && (!found || k.ActiveAt.After(s.ActiveAt)) {
			signer[k.Algorithm] = k
		}
		newest[k.Use] = max(newest[k.Use], k.Number)
	}
	infos := make([]KeyInfo, 0, len(keys))
	for _, k := range keys {
		info := KeyInfo{ID: k.ID, Use: k.Use, Algorithm: k.Algorithm, Number: k.Number, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, EndsAt: k.EndsAt, State: KeyRetiring}
		switch {
		case k.EndsAt != nil && !now.Before(*k.EndsAt):
			info.State = KeyEnded
		case k.ActiveAt.After(now):
			info.State = KeyNext
		case k.Use == KeySigning && signer[k.Algorithm].ID == k.ID, k.Use != KeySigning && k.Number == newest[k.Use]:
			info.State = KeyActive
		}
		if k.Use == KeySigning && k.EndsAt == nil {
			at := k.CreatedAt.Add(keyRotationPeriod)
			info.RotatesAt = &at
		}
		infos = append(infos, info)
	}
	order := []KeyUse{KeySigning, KeyToken, KeyDerive, KeyAccess}
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

// PlannedRotation says what rotating at now would do, as [RotateSigningKeys] does it.
type PlannedRotation struct {
	SignsAt time.Time // the new keys sign from then on
	EndsAt  time.Time // the old ones leave the JWKS
	MaxAge  time.Duration
}

// PlanRotation gives the times of a rotation at now.
func PlanRotation(now time.Time) PlannedRotation {
	activeAt := now.Add(JWKSMaxAge)
	return PlannedRotation{SignsAt: activeAt, EndsAt: activeAt.Add(MaxAccessTokenLifetime + keySkew), MaxAge: JWKSMaxAge}
}
