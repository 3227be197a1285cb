package oauth

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameLength of a client or an API, characters.
const maxNameLength = 200

// validName says whether people can be shown a name where they decide whom to trust: one line with something to see on it, and nothing
// that turns the text around it about (WEB-12).
func validName(name string) bool {
	visible := func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }
	deceives := func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
	}
	return utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxNameLength && strings.ContainsFunc(name, visible) && !strings.ContainsFunc(name, deceives)
}
