package oauth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"regrant/app/audit"
)

// RegistrationMode says who may register clients besides admins, RFC 7591 §3.
type RegistrationMode string

// The modes.
const (
	RegistrationOff     RegistrationMode = "off"   // nobody
	RegistrationByToken RegistrationMode = "token" // whoever has an initial access token of an admin
	RegistrationOpen    RegistrationMode = "open"  // anybody, within bounds
)

// RegistrationRules are what an admin decides about clients that register themselves.
type RegistrationRules struct {
	Mode       RegistrationMode
	PerAddress int           // how many one address may register in a day without a token
	Total      int           // how many there may be at once
	Unused     time.Duration // after so long without use one goes
	Scope      Scope         // what they may ask for
	Documents  DocumentRules // of clients that are known by an address; Unused and Scope hold for them, too
}

// Bounds of the rules.
const (
	MaxRegistrationsPerAddress = 1_000
	MaxRegisteredClients       = 10_000
	MinRegisteredUnused        = 24 * time.Hour
	MaxRegisteredUnused        = 366 * 24 * time.Hour
)

// registrationDay is how long a registration counts against its address.
const registrationDay = 24 * time.Hour

// DefaultRegistrationRules are those of a new server: nobody registers clients but admins.
func DefaultRegistrationRules() RegistrationRules {
	return RegistrationRules{Mode: RegistrationOff, PerAddress: 10, Total: 1_000, Unused: 30 * 24 * time.Hour, Scope: slices.Clone(DefaultScope), Documents: DocumentRules{Total: 1_000}}
}

// Validate refuses rules that pass a bound, naming the setting before a colon.
func (r RegistrationRules) Validate() error {
	bad := func(format string, args ...any) error {
		return refuse(InvalidRequest, fmt.Sprintf(format, args...))
	}
	switch {
	case r.Mode != RegistrationOff && r.Mode != RegistrationByToken && r.Mode != RegistrationOpen:
		return bad("registration: must be off, token or open")
	case r.PerAddress < 1 || r.PerAddress > MaxRegistrationsPerAddress:
		return bad("registration_per_address: must be from 1 to %d", MaxRegistrationsPerAddress)
	case r.Total < 1 || r.Total > MaxRegisteredClients:
		return bad("registration_total: must be from 1 to %d", MaxRegisteredClients)
	case r.Unused < MinRegisteredUnused || r.Unused > MaxRegisteredUnused:
		return bad("registration_unused: must be from 1 to 366 days")
	case len(r.Scope) == 0:
		return bad("registration_scope: choose at least one")
	}
	return r.Documents.validate()
}

// RegistrationTerms are the rules, and the policy with which clients begin.
type RegistrationTerms struct {
	RegistrationRules
	Policy Policy
}

// SelfRegistration is all that one registration by a client changes.
type SelfRegistration struct {
	Client    *Client
	TokenHash []byte // of the initial access token that is used up once; nil: none
	Holder    string // the address that it counts against; "": none
	Bound     WaitingBound
	Since     time.Time // from then on what an address has registered counts
	Event     audit.Event
}

// RegistrationStore is what registrations by clients need of a database, as [Store] says it.
type RegistrationStore interface {
	// RegistrationTerms gives the rules in force.
	RegistrationTerms(ctx context.Context) (RegistrationTerms, error)
	// RegisterItself adds a client that registered itself. [ErrSpent] if its token has no use left, [ErrTooMany] if its holder has
	// registered Bound.Holder since Since, [ErrFull] if there are Bound.All; [ErrExists] as CreateClient. Nothing is changed then, and
	// of any number of callers no more get in than there is room and the token has uses.
	RegisterItself(ctx context.Context, r *SelfRegistration) error
	// InitialToken gives an initial access token, one that is over too.
	InitialToken(ctx context.Context, hash []byte) (*InitialToken, error)
	// InitialTokens gives all of them, the newest first.
	InitialTokens(ctx context.Context) ([]InitialToken, error)
	// AddInitialToken keeps one; [ErrTooMany] if there are max.
	AddInitialToken(ctx context.Context, t *InitialToken, max int, event audit.Event) error
	// RevokeInitialToken removes one; [ErrNotFound] if there is none. Clients that came with it stay.
	RevokeInitialToken(ctx context.Context, id string, event audit.Event) error
	// KeepDocumentClient adds a client that is known by its address. Where there are k.Total of them, the one that was not seen for the
	// longest makes way, if nobody is signed in to it and no admin has disabled or restricted it; else [ErrFull]. [ErrExists] as
	// CreateClient.
	KeepDocumentClient(ctx context.Context, k *DocumentClient) error
	// NoteDocument notes that the document of a client was read and says what is stored. Nothing happens where it is gone.
	NoteDocument(ctx context.Context, id string, readAt, freshUntil time.Time) error
	// CountClients counts the clients of a source, up to max.
	CountClients(ctx context.Context, source ClientSource, max int) (int, error)
}
