package account

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

// blocklist.txt holds the passwords of policy length that are tried first: one bare word a line, sorted. What it was made
// from, and how, stands in blocklist_gen.go.
//
//go:generate go run blocklist_gen.go
//go:embed blocklist.txt
var blocklistText string

var blocklist = sync.OnceValue(func() map[string]struct{} {
	words := make(map[string]struct{}, 1<<13)
	for w := range strings.Lines(blocklistText) {
		words[strings.TrimSpace(w)] = struct{}{}
	}
	return words
})

// isCommon reports whether a password, given as a bare word, is on the list: as it is, or without the digits that people
// put at its ends.
func isCommon(bare string) bool {
	list := blocklist()
	_, found := list[bare]
	if !found {
		_, found = list[strings.TrimFunc(bare, unicode.IsDigit)]
	}
	return found
}

// bareWord is what is left of a text when case, spaces and punctuation don't count.
func bareWord(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
