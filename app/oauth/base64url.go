package oauth

import "strings"

const base64URLAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// isBase64URL says whether s is base64url without padding, RFC 4648 §5, in the one spelling of its bytes. Go's decoder skips
// line breaks and, unless it is strict, the bits that the last character has and nobody needs (RFC 4648 §3.5).
func isBase64URL(s string) bool {
	last := 0
	for _, c := range []byte(s) {
		if last = strings.IndexByte(base64URLAlphabet, c); last < 0 {
			return false
		}
	}
	switch len(s) % 4 {
	case 1:
		return false
	case 2:
		return last&0b1111 == 0
	case 3:
		return last&0b11 == 0
	}
	return true
}
