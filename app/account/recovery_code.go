package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"regexp"
	"strconv"
	"strings"
	"time"

	"regrant/app/audit"
)

// RecoveryCodes is how many a person has at first. Each stands in once for a second factor that was lost (WEB-38).
const RecoveryCodes = 10

// recoverySize is how many characters of base32 a code has: 80 random bits, so that a fast hash is enough.
const recoverySize = 16

var recoveryCode = regexp.MustCompile(`^[A-Z2-7]{16}$`)

// newRecoveryCodes makes codes in groups of four, as people read them, and their hashes.
func newRecoveryCodes(personID string) (codes []string, hashes [][]byte) {
	for range RecoveryCodes {
		code := rand.Text()[:recoverySize]
		hashes = append(hashes, hashRecoveryCode(personID, code))
		codes = append(codes, strings.ToLower(code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:]))
	}
	return codes, hashes
}

func hashRecoveryCode(personID, code string) []byte {
	h := sha256.Sum256([]byte("recovery\n" + personID + "\n" + code))
	return h[:]
}

// plainCode is a code as it is compared: without what people put between groups, in capitals. Base32 has no 0 and no 1, which
// are easily read for letters.
func plainCode(s string) string {
	s = strings.ToUpper(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -\u00a0\u2010\u2011\u2013\t\r\n", r) {
			return -1
		}
		return r
	}, s))
	if len(s) == recoverySize {
		s = strings.NewReplacer("0", "O", "1", "I").Replace(s)
	}
	return s
}

// recoveryMade says that there are new codes, with the first second factor or in place of others.
func recoveryMade(personID string, n int, replaced bool, o audit.Origin, now time.Time) audit.Event {
	return event(audit.RecoveryCodesMade, personID, o, now, "factor", "recovery_codes", "codes", strconv.Itoa(n), "replaced", strconv.FormatBool(replaced))
}

// NewRecoveryCodes makes new codes, which nobody sees again; the old ones die. That it is the person who asks was proven before
// ([Session.Fresh]). [ErrNotFound] for somebody who has no second factor.
func (p *People) NewRecoveryCodes(ctx context.Context, personID string, o audit.Origin, now time.Time) ([]string, error) {
	o.Actor, o.ActorID = audit.ByPerson, personID
	codes, hashes := newRecoveryCodes(personID)
	if err := p.store.PutRecoveryCodes(ctx, personID, hashes, recoveryMade(personID, len(codes), true, o, now)); err != nil {
		return nil, err
	}
	return codes, nil
}
