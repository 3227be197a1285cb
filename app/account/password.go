package account

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"regrant/app/account/zxcvbn"
)

// Lengths of a password in Unicode code points of its NFC form. 15 is NIST SP 800-63B-4 §3.1.1.2 for a password that is the
// only factor; 256 keeps the work bounded and cuts nothing off.
const (
	MinPassword = 15
	MaxPassword = 256
)

// PasswordError says why a password was refused. Key is its text in the message catalogue: password.too_short,
// password.too_long, password.not_text, password.common, password.personal, password.guessable or password.same.
type PasswordError struct {
	Key   string
	Limit int // the length in code points that was missed, else 0
}

func (e *PasswordError) Error() string {
	switch e.Key {
	case "password.too_short":
		return fmt.Sprintf("the password is too short: it needs at least %d characters", e.Limit)
	case "password.too_long":
		return fmt.Sprintf("the password is too long: it may have at most %d characters", e.Limit)
	case "password.not_text":
		return "the password is not valid text"
	case "password.common":
		return "the password is one of those that are guessed first"
	case "password.same":
		return "the password is the one that has to be changed"
	case "password.personal":
		return "the password is made of your name, your address or the name of this service"
	}
	return "the password is easy to guess: it follows a pattern"
}

// normalPassword is the form that is measured and hashed, so that a password typed on another keyboard is the same one.
// Spaces count, at the ends too.
func normalPassword(s string) string { return norm.NFC.String(s) }

// CheckPassword returns a [PasswordError] if password may not be chosen. words are what belongs to the person and the
// service: name, address, host name. It asks for no mix of characters, and no network (WEB-30, WEB-31).
func CheckPassword(password string, words ...string) error {
	if !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return &PasswordError{Key: "password.not_text"}
	}
	if len(password) > 16*MaxPassword { // before any work that grows with it
		return &PasswordError{Key: "password.too_long", Limit: MaxPassword}
	}
	password = normalPassword(password)
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return &PasswordError{Key: "password.too_short", Limit: MinPassword}
	case n > MaxPassword:
		return &PasswordError{Key: "password.too_long", Limit: MaxPassword}
	}

	words = personalWords(words)
	bare := bareWord(password)
	switch {
	case isCommon(bare):
		return &PasswordError{Key: "password.common"}
	case isPersonal(bare, words):
		return &PasswordError{Key: "password.personal"}
	case isRepeated(password):
		return &PasswordError{Key: "password.guessable"}
	}
	// Its time grows with the third power of the length: 1 000 characters take 20 s.
	if zxcvbn.Score(firstRunes(password, 72), words) < 3 {
		return &PasswordError{Key: "password.guessable"}
	}
	return nil
}

// isPersonal reports whether little is left of the password without the words in it.
func isPersonal(bare string, words []string) bool {
	rest := bare
	for _, w := range words {
		rest = strings.ReplaceAll(rest, w, "")
	}
	return rest != bare && utf8.RuneCountInString(rest) < 8
}

// personalWords cuts what belongs to a person into bare words of at least four letters, the longest first.
func personalWords(given []string) []string {
	words := []string{"regrant"}
	for _, g := range given {
		g = strings.ToLower(normalPassword(g))
		parts := strings.FieldsFunc(g, func(r rune) bool { return strings.ContainsRune(" .,@:/_-+'’", r) })
		for _, w := range append(parts, g) {
			if w = bareWord(w); utf8.RuneCountInString(w) >= 4 {
				words = append(words, w)
			}
		}
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(words)
}

// isRepeated reports whether the password is one short piece over and over: "abcabcabcabcabc".
func isRepeated(s string) bool {
	r := []rune(s)
	for n := 1; n <= 8 && n*2 <= len(r); n++ {
		repeated := true
		for i := n; i < len(r) && repeated; i++ {
			repeated = r[i] == r[i-n]
		}
		if repeated {
			return true
		}
	}
	return false
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
