package account

import (
	"context"
	"strings"
	"time"

	"golang.org/x/text/language"

	"regrant/app/audit"
)

// Preferences are what people change about themselves: what they are called, and how pages speak to them.
type Preferences struct {
	Name     string
	Language string // BCP 47; "" leaves it to the browser
	TimeZone string // of [TimeZones]; "" leaves it to the browser
	Version  int64  // of the person who was shown
}

// ParseLanguage returns the canonical spelling of a BCP 47 tag, "" for none, or an [InvalidError].
func ParseLanguage(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	tag, err := language.Parse(s)
	if err != nil || tag == language.Und || len(s) > 35 {
		return "", &InvalidError{Field: "language", Key: "language.unknown"}
	}
	return tag.String(), nil
}

// ChangePreferences writes them. Errors: [InvalidError], [ErrNotFound], [ErrChanged] if somebody else changed the person since.
func (p *People) ChangePreferences(ctx context.Context, id string, f Preferences, o audit.Origin, now time.Time) error {
	person, err := p.Find(ctx, id)
	if err != nil {
		return err
	}
	name, err := ParseName(f.Name)
	if err != nil {
		return err
	}
	tag, err := ParseLanguage(f.Language)
	if err != nil {
		return err
	}
	if _, err := ParseTimeZone(f.TimeZone); err != nil {
		return err
	}
	if f.Version != person.Version {
		return ErrChanged
	}
	var changed []string
	for _, c := range []struct{ what, before, after string }{
		{"name", person.Name, name}, {"language", person.Language, tag}, {"time_zone", person.TimeZone, f.TimeZone},
	} {
		if c.before != c.after {
			changed = append(changed, c.what)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	person.Name, person.Language, person.TimeZone = name, tag, f.TimeZone
	return p.store.PutPreferences(ctx, person, event(audit.PersonUpdated, id, o, now, "changed", strings.Join(changed, ",")))
}
