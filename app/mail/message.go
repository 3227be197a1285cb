package mail

import (
	"time"

	"regrant/app/account"
)

// Kind says what a mail is about.
type Kind string

// The kinds of mails.
const (
	Invitation    Kind = "invitation"
	Reset         Kind = "reset"          // a link to choose another password
	ConfirmSignUp Kind = "confirm_signup" // a link that makes the account
	HasAccount    Kind = "has_account"    // somebody tried to sign up with an address that has an account
	ConfirmEmail  Kind = "confirm_email"  // a link that makes this the address of an account
	EmailTaken    Kind = "email_taken"    // somebody tried to make this the address of another account

	NewDevice        Kind = "new_device"
	Reuse            Kind = "reuse" // an application was signed out because an old refresh token of it came back
	Reported         Kind = "reported"
	FactorAdded      Kind = "factor_added"
	FactorRemoved    Kind = "factor_removed"
	FactorReset      Kind = "factor_reset"
	RecoveryCodeUsed Kind = "recovery_code_used"
	NewRecoveryCodes Kind = "new_recovery_codes" // in place of others
	CopySuspected    Kind = "copy_suspected"     // of a passkey
	PasswordChanged  Kind = "password_changed"
	EmailChanged     Kind = "email_changed" // to the old address
	EmailIsNow       Kind = "email_is_now"  // to the new one

	Test Kind = "test"
)

// What somebody asks for. Each turns into a mail of another kind, or into none, when it is sent.
const (
	AskedReset       Kind = "asked_reset"
	AskedSignUp      Kind = "asked_signup"
	AskedEmailChange Kind = "asked_email_change"
)

// Message is a mail that is to be written. Times are UTC.
type Message struct {
	ID       string `json:"id"` // random; the same at every attempt, so that receivers can tell a second copy
	Kind     Kind   `json:"kind"`
	PersonID string `json:"person_id,omitempty"` // who is written to; empty for somebody who has no account
	To       string `json:"to,omitempty"`        // canonical address; empty: the one that the person has when it is sent
	Language string `json:"language,omitempty"`  // what the request accepted, for readers who have chosen no language

	Link     string    `json:"link,omitempty"`     // what to follow, with its token
	LinkEnds time.Time `json:"link_ends,omitzero"` // until when
	Request  string    `json:"request,omitempty"`  // the authorization that waits in the browser of whoever asked

	At        time.Time `json:"at,omitzero"` // when it happened
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
	ClientID  string    `json:"client_id,omitempty"`
	Factor    string    `json:"factor,omitempty"` // as the event names it: totp, passkey or recovery_codes
	ByAdmin   bool      `json:"by_admin,omitempty"`

	CreatedAt time.Time `json:"-"`
	ExpiresAt time.Time `json:"-"` // from then on it is of no use
}

// Letter is a mail with its words.
type Letter struct {
	ID      string // for the Message-ID
	To      string // address
	Name    string // of the reader; may be empty
	Subject string
	Text    string
	HTML    string
	Date    time.Time
}

// Reader is who reads a letter. A person without an account has an address only.
type Reader struct {
	account.Person
	Address string
}
