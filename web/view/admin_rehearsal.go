package view

import (
	"context"
	"io"
)

// AdminRehearsal tries what an application experiences under its client's policy. It posts form_token to its own address.
type AdminRehearsal struct {
	AdminFrame
	ClientHead
	Policy  string // in a few words
	NoToken bool   // sign-ins of this client get no refresh token
	Busy    bool   // somebody else's runs at this moment
	Played  bool
	Summary []string
	Scenes  []RehearsalScene
}

// RehearsalScene is one thing that can happen to an application.
type RehearsalScene struct {
	ID      string
	Title   string
	Text    string
	Tone    string // of Outcome, a badge
	Outcome string // what the person notices
	Steps   []RehearsalStep
	Log     []string // what an admin finds afterwards
	Skipped string   // why it was not played, "" for one that was
}

// RehearsalStep is one request and its answer.
type RehearsalStep struct {
	When   string
	Does   string
	Sends  string // the token, as "R1"
	Gets   string // the token in the answer, "" for none
	Same   bool   // it was given before
	OK     bool
	Status string
	Error  string // the error code
	Lost   bool   // the answer never arrives
	Other  bool   // somebody else's request
}

// Render writes the page.
func (p AdminRehearsal) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
