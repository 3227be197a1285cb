package oauth

import (
	"errors"
	"hash/crc32"
	"math"
	"math/big"
	"strings"
)

// Tokens and secrets are a prefix, a fixed-width base62 number and a CRC-32, so that secret scanners can tell a real
// one from a look-alike and a checksum error costs nothing.
const (
	refreshTokenPrefix = "rgr1_"
	accessTokenPrefix  = "rga1_"
	secretPrefix       = "rgs1_"
	codePrefix         = "rgc1_"
	deviceCodePrefix   = "rgd1_"
	initialTokenPrefix = "rgi1_"
	ownTokenPrefix     = "rgm1_"

	checksumWidth = 6 // base62 characters that hold 32 bits
)

var errSpelling = errors.New("oauth: not a spelling of a token")

// base62Width is how many characters n bytes take.
func base62Width(n int) int { return int(math.Ceil(float64(n*8) / math.Log2(62))) }

// encodeBase62 appends b as a big-endian number of fixed width, digits before lower case before upper case.
func encodeBase62(b []byte) string {
	digits := new(big.Int).SetBytes(b).Text(62)
	return strings.Repeat("0", base62Width(len(b))-len(digits)) + digits
}

// decodeBase62 reads exactly n bytes, and only from the one spelling that [encodeBase62] gives.
func decodeBase62(s string, n int) ([]byte, error) {
	if len(s) != base62Width(n) {
		return nil, errSpelling
	}
	for _, c := range []byte(s) {
		// big.Int would also take signs and underscores.
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return nil, errSpelling
		}
	}
	number, ok := new(big.Int).SetString(s, 62)
	if !ok || number.BitLen() > n*8 {
		return nil, errSpelling
	}
	return number.FillBytes(make([]byte, n)), nil
}

// spell writes b with its prefix and checksum.
func spell(prefix string, b []byte) string {
	s := prefix + encodeBase62(b)
	return s + checksum(s)
}

// unspell is the inverse of [spell] for n bytes.
func unspell(prefix, s string, n int) ([]byte, error) {
	if !strings.HasPrefix(s, prefix) || len(s) != len(prefix)+base62Width(n)+checksumWidth {
		return nil, errSpelling
	}
	body, sum := s[:len(s)-checksumWidth], s[len(s)-checksumWidth:]
	if checksum(body) != sum {
		return nil, errSpelling
	}
	return decodeBase62(body[len(prefix):], n)
}

func checksum(s string) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" // as big.Int has them
	var text [checksumWidth]byte
	sum := crc32.ChecksumIEEE([]byte(s))
	for i := len(text) - 1; i >= 0; i-- {
		text[i], sum = digits[sum%62], sum/62
	}
	return string(text[:])
}

// unspellAny is the inverse of [spell] for a number of bytes that the width tells.
func unspellAny(prefix, s string) ([]byte, error) {
	width := len(s) - len(prefix) - checksumWidth
	n := int(float64(width) * math.Log2(62) / 8)
	if n <= 0 || base62Width(n) != width {
		return nil, errSpelling
	}
	return unspell(prefix, s, n)
}
