package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// checkChallenge reads code_challenge and code_challenge_method of an authorization request: S256 only, since plain
// protects nothing that a thief of the request could not read (RFC 7636 §4.2, RFC 9700 §2.1.1). Without method the
// default would be plain, so a method must be named.
func checkChallenge(challenge, method string, waived bool) error {
	switch {
	case challenge == "" && method == "" && waived:
		return nil
	case challenge == "":
		return because(RulePKCE, refuse(InvalidRequest, "The code_challenge is missing (PKCE, RFC 7636)."))
	case method != "S256":
		return because(RulePKCE, refuse(InvalidRequest, "The code_challenge_method must be S256."))
	case len(challenge) != 43 || !isBase64URL(challenge):
		return because(RulePKCE, refuse(InvalidRequest, "The code_challenge must be 43 characters of base64url."))
	}
	return nil
}

// verifierMatches compares a code_verifier with the challenge that the code was issued for: RFC 7636 §4.6. Without a
// challenge no verifier may come either, else a downgrade went unnoticed (RFC 9700 §4.8.2).
func verifierMatches(challenge, verifier string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for _, c := range []byte(verifier) {
		if !isUnreserved(c) {
			return false
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(want), []byte(challenge)) == 1
}

// isUnreserved is the alphabet of RFC 7636 §4.1.
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}
