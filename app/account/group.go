package account

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Group is a group of people. Applications may be limited to it, and are told of it by Claim. Times are UTC in microseconds.
type Group struct {
	ID          string // random
	Name        string // no two read alike, see [GroupKey]
	Description string // may be empty
	Claim       string // what stands for the group in the claim groups; empty: nothing
	Version     int64  // raised by every change of the above
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// GroupEntry is a group in a list.
type GroupEntry struct {
	Group
	Members int
	Clients int // that are limited to it, alone or with others
}

// Errors about groups.
var (
	ErrNoGroup   = errors.New("account: there is no such group")
	ErrNameTaken = errors.New("account: another group has this name")
)

// Bounds of what is said of a group, characters.
const (
	maxGroupName        = 60
	maxGroupDescription = 300
	maxClaim            = 100
)

// GroupKey gives the form in which names of groups are compared: Staff and staff are one.
func GroupKey(name string) string { return cases.Fold().String(norm.NFKC.String(name)) }

// ParseGroup returns the group with its texts as they are kept: in NFC, without space around them. What nobody could see, or
// what is too long, is an [InvalidError] of the field name, description or claim.
func ParseGroup(g Group) (Group, error) {
	g.Name, g.Description, g.Claim = tidy(g.Name), tidy(g.Description), tidy(g.Claim)
	switch {
	case g.Name == "" || !visible(g.Name, maxGroupName):
		return g, &InvalidError{Field: "name", Key: "group.name_invalid"}
	case !visible(g.Description, maxGroupDescription):
		return g, &InvalidError{Field: "description", Key: "group.description_invalid"}
	case !visible(g.Claim, maxClaim):
		return g, &InvalidError{Field: "claim", Key: "group.claim_invalid"}
	}
	return g, nil
}

func tidy(s string) string { return norm.NFC.String(strings.TrimSpace(s)) }

// visible says whether a text is one line of at most max characters without anything that hides or turns about what people read.
func visible(s string, max int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= max && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
	})
}
