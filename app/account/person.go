package account

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Role is what a person may do here.
type Role string

// The roles. An admin and an auditor may do all that a person may.
const (
	RolePerson  Role = "person"
	RoleAuditor Role = "auditor" // reads all that admins read, and changes nothing
	RoleAdmin   Role = "admin"
)

// Roles gives every role, the least powerful first.
func Roles() []Role { return []Role{RolePerson, RoleAuditor, RoleAdmin} }

// Reads says whether the role may read the pages of admins.
func (r Role) Reads() bool { return r == RoleAdmin || r == RoleAuditor }

// Person is one human being with an account. Times are UTC in microseconds.
type Person struct {
	ID                  string     // random UUID; the OpenID Connect sub (Core §2): never an address, never given twice
	Email               string     // as [CanonicalEmail] writes it; empty once deleted
	Name                string     // as the person is called; may be empty
	Role                Role       //
	Language            string     // BCP 47 tag of the language for pages and mails; empty: the browser's
	TimeZone            string     // of [TimeZones], in which times are told; empty: the browser's
	EmailVerifiedAt     *time.Time // nil: nobody has shown that the address is theirs
	PasswordHash        string     // argon2id in PHC format; empty: there is no password
	PasswordChangedAt   *time.Time //
	PasswordExpiredAt   *time.Time // not nil: another one has to be chosen at the next sign-in
	DisabledAt          *time.Time // cannot sign in, and nothing granted works
	DeletedAt           *time.Time // only the id is left
	GrantsRevokedBefore *time.Time // grants made at or before this are dead, also after enabling again
	SessionsEnded       *time.Time // another one whenever their sessions were ended, so that none begins by a proof of before
	Version             int64      // raised by each change that anybody who decided on this person must notice
	CreatedAt           time.Time
	UpdatedAt           time.Time
}

// Active reports whether the person may sign in and be acted for.
func (p Person) Active() bool { return p.DisabledAt == nil && p.DeletedAt == nil }

// HasPassword reports whether the person can sign in with a password.
func (p Person) HasPassword() bool { return p.PasswordHash != "" }

// Errors about people. An error of the store that is none of these is a fault, and never means "no" (GEN-00).
var (
	ErrNotFound   = errors.New("account: there is no such person")
	ErrEmailTaken = errors.New("account: another person has this e-mail address")
	ErrChanged    = errors.New("account: somebody else changed this at the same time")
	ErrDisabled   = errors.New("account: the person is already disabled")
	ErrEnabled    = errors.New("account: the person is not disabled")
)

// InvalidError says what is wrong with a value that somebody typed. Key is its text in the message catalogue.
type InvalidError struct {
	Field string // "email", "name", "role", "language" or "time_zone"
	Key   string // for example "email.invalid"; what is not typed but chosen, as a role, has none ("role.unknown")
}

func (e *InvalidError) Error() string { return "account: " + e.Field + " is not acceptable: " + e.Key }

// CanonicalEmail returns the one spelling of an address by which people are found: without space around it, in Unicode
// NFC, in lower case. Both parts are lowered: RFC 5321 §2.4 lets a mail system tell Ann@ from ann@, but none that people
// use does, and two accounts for one mailbox would be the worse surprise. Nothing else is folded: dots and +tags count.
// Mail goes to the address that the person has, never to the one that somebody typed.
func CanonicalEmail(s string) string {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(s))))
}

// ParseEmail returns the canonical form of s, or an [InvalidError] if it cannot be an address: one @ with something on
// either side, at most 254 bytes (RFC 5321 §4.5.3.1), no space and no control character, nothing that a mail program would decode
// (RFC 2047), dots between other characters only, and a domain of labels that neither begin nor end with a hyphen. Only a mail that
// arrives proves more.
func ParseEmail(s string) (string, error) {
	email, err := typedEmail(s)
	if err != nil {
		return "", err
	}
	local, domain, _ := strings.Cut(email, "@")
	label := func(l string) bool { return strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") }
	if strings.Contains(email, "=?") || slices.Contains(strings.Split(local, "."), "") || slices.ContainsFunc(strings.Split(domain, "."), label) {
		return "", &InvalidError{Field: "email", Key: "email.invalid"}
	}
	return email, nil
}

// typedEmail is ParseEmail for an address by which somebody is looked up: people keep one that was taken before there were more rules.
func typedEmail(s string) (string, error) {
	email := CanonicalEmail(s)
	local, domain, found := strings.Cut(email, "@")
	switch {
	case !found, local == "", domain == "", strings.Contains(domain, "@"), len(email) > 254, len(local) > 64,
		!utf8.ValidString(s), strings.ContainsFunc(email, notInEmail),
		strings.HasPrefix(domain, "."), strings.HasSuffix(domain, "."), strings.Contains(domain, ".."):
		return "", &InvalidError{Field: "email", Key: "email.invalid"}
	}
	return email, nil
}

func notInEmail(r rune) bool {
	return unicode.IsSpace(r) || !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) || strings.ContainsRune(`<>()[]",;:\`, r)
}

// ParseName returns the name with the space around it removed, in NFC. Control characters, bidirectional overrides and
// more than 100 code points are refused with an [InvalidError]; an empty name is fine.
func ParseName(s string) (string, error) {
	name := norm.NFC.String(strings.TrimSpace(s))
	bad := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
	if !utf8.ValidString(s) || utf8.RuneCountInString(name) > 100 || strings.ContainsFunc(name, bad) {
		return "", &InvalidError{Field: "name", Key: "name.invalid"}
	}
	return name, nil
}

// ParseRole returns the role of that name, or an [InvalidError] if there is none.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", &InvalidError{Field: "role", Key: "role.unknown"}
}
