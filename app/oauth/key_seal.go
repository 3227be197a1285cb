package oauth

import (
	"context"
	"time"
)

// KeySeal says how the keys lie in the database.
type KeySeal struct {
	SealedAt *time.Time // nil: as they are
	Held     bool       // this process was given a master key
}

// KeyKeeper is what admins need of a database to see how its keys lie there.
type KeyKeeper interface {
	// KeySeal says whether the keys are sealed with a master key.
	KeySeal(ctx context.Context) (KeySeal, error)
}
