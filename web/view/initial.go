package view

import (
	"unicode"
	"unicode/utf8"
)

// initial returns the first letter or digit of the first of names that has one, in upper case: what stands in for a
// picture, since none is ever loaded from elsewhere.
func initial(names ...string) string {
	for _, name := range names {
		for _, r := range name {
			if r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				return string(unicode.ToUpper(r))
			}
		}
	}
	return "?"
}
