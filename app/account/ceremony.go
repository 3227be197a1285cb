package account

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ceremonyLifetime is how long a browser may take to answer (WEB-39).
const ceremonyLifetime = 5 * time.Minute

// The ceremonies. An answer to one is no answer to another.
const (
	ceremonyEnrol  = "passkey enrol"   // make a passkey
	ceremonySignIn = "passkey sign-in" // show any passkey, with the user verified: it is the only proof
	ceremonyProve  = "passkey prove"   // show one of a person's who is known by another proof
)

// Ceremony is a question to the passkeys of a browser. Nothing is written for it: what the server must know when the answer
// comes goes to the browser and back, sealed.
type Ceremony struct {
	Options string // for the browser's own API, JSON of WebAuthn §5.8.2 or §5.8.3
	State   string // comes back with the answer; opaque
}

// PasskeyAnswer is what a browser sends in the end.
type PasskeyAnswer struct {
	State      string // of the ceremony
	Credential string // what the browser's API gave, in JSON
}

// ceremonyState is what is sealed. Library is the challenge and what else the library wants to see again.
type ceremonyState struct {
	BoundTo   string          `json:"bound_to"` // what the browser must still hold: the hash of its cookie, and its session or step
	ExpiresAt time.Time       `json:"expires_at"`
	Library   json.RawMessage `json:"library"`
}

func (c ceremonyState) challenge() Challenge {
	return Challenge{Hash: hashChallenge(string(c.Library)), ExpiresAt: c.ExpiresAt}
}

func (k *Passkeys) begin(kind, boundTo string, options, state []byte, now time.Time) (Ceremony, error) {
	if boundTo == "" {
		panic("account.Passkeys: a ceremony must be bound to a browser")
	}
	plain, err := json.Marshal(ceremonyState{BoundTo: boundTo, ExpiresAt: now.Add(ceremonyLifetime).UTC(), Library: state})
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a ceremony: %w", err)
	}
	sealed, err := k.people.sealer.Seal(kind, plain)
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a ceremony: %w", err)
	}
	return Ceremony{Options: string(options), State: base64.RawURLEncoding.EncodeToString(sealed)}, nil
}

// resume opens the state of a ceremony of that kind; [ErrPasskeyRefused] for a strange, foreign or late one.
func (k *Passkeys) resume(kind, boundTo, state string, now time.Time) (ceremonyState, error) {
	var c ceremonyState
	if !k.Offered() {
		return c, fmt.Errorf("%w: %w", ErrPasskeyRefused, ErrNoPasskeys)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil {
		return c, fmt.Errorf("%w: the ceremony is malformed", ErrPasskeyRefused)
	}
	plain, err := k.people.sealer.Open(kind, sealed)
	if errors.Is(err, ErrUnsealable) {
		return c, fmt.Errorf("%w: the ceremony is not one of this kind", ErrPasskeyRefused)
	}
	if err != nil {
		return c, fmt.Errorf("resume a ceremony: %w", err)
	}
	if err := json.Unmarshal(plain, &c); err != nil {
		return c, fmt.Errorf("%w: the ceremony is malformed", ErrPasskeyRefused) // unreachable: we have sealed it
	}
	left := c.ExpiresAt.Sub(now)
	switch {
	case c.BoundTo != boundTo || boundTo == "":
		return c, fmt.Errorf("%w: the ceremony is another browser's", ErrPasskeyRefused)
	case left <= 0 || left > ceremonyLifetime:
		return c, fmt.Errorf("%w: the ceremony is over", ErrPasskeyRefused)
	}
	return c, nil
}
