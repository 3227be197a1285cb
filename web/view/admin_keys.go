package view

import (
	"context"
	"io"
	"time"
)

// AdminKeys is the page of the keys. It holds no material of any.
type AdminKeys struct {
	AdminFrame
	Now     time.Time
	Signing []KeyRow
	Others  []KeyRow // that protect tokens and are never published
	JWKS    string   // address of the published halves
	Pending bool     // a rotation is under way
	Seal    KeySeal
}

// KeySeal says whether the keys are sealed with a master key.
type KeySeal struct {
	Tone      string // of a badge
	State     string
	Explained string
	Command   string // what is to be run; "": nothing
}

// KeyRow is one key.
type KeyRow struct {
	ID        string
	Algorithm string
	Use       string // only of keys that do not sign
	Tone      string // of a badge
	State     string
	Explained string
	CreatedAt time.Time
	ActiveAt  time.Time
	EndsAt    *time.Time
	RotatesAt *time.Time
}

// AdminKeysRotate asks before the signing keys are rotated.
type AdminKeysRotate struct {
	AdminFrame
	Problem string
	Confirm Confirm
}

// Render writes the page.
func (p AdminKeys) Render(ctx context.Context, w io.Writer) error { return p.page().Render(ctx, w) }

// Render writes the page.
func (p AdminKeysRotate) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
