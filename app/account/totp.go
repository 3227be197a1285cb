package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"regrant/app/audit"
)

// One-time codes by time, RFC 6238: 160 random bits, a step of 30 seconds, 6 digits by HMAC-SHA-1, which is what authenticator
// apps take for granted. The step before and the step after count too (WEB-37).
const (
	totpSecretSize = 20 // bytes
	totpPeriod     = 30 // seconds
	totpWindow     = 1  // steps
	totpDigits     = otp.DigitsSix
)

// enrolmentLifetime is how long somebody may take to set an authenticator app up.
const enrolmentLifetime = 30 * time.Minute

// ErrEnrolmentOver says that an enrolment took too long, was of somebody else, or is done already.
var ErrEnrolmentOver = errors.New("account: this enrolment is over")

// TOTPEnrolment is an authenticator app that is being set up. Nothing is stored: the page carries it, sealed for this person and
// this browser, until a first code has shown that it works.
type TOTPEnrolment struct {
	Secret string // as it is typed: base32 (RFC 4648 §6) without padding
	URL    string // as it is scanned: otpauth://totp/…
	Sealed string
}

// NewTOTP begins the enrolment of an authenticator app, which will show it under the name of issuer. The error is the store's.
func (p *People) NewTOTP(person Person, browser []byte, issuer string, now time.Time) (TOTPEnrolment, error) {
	plain := binary.BigEndian.AppendUint64(nil, uint64(now.Unix()))
	secret := make([]byte, totpSecretSize)
	rand.Read(secret)
	sealed, err := p.sealer.Seal(enrolmentPurpose(person.ID, browser), append(plain, secret...))
	if err != nil {
		return TOTPEnrolment{}, err
	}
	return enrolmentOf(person, issuer, secret, base64.RawURLEncoding.EncodeToString(sealed)), nil
}

// OpenTOTP gives an enrolment that a page has carried back. [ErrEnrolmentOver].
func (p *People) OpenTOTP(person Person, browser []byte, issuer, sealed string, now time.Time) (TOTPEnrolment, error) {
	secret, err := p.enrolledSecret(person.ID, browser, sealed, now)
	if err != nil {
		return TOTPEnrolment{}, err
	}
	return enrolmentOf(person, issuer, secret, sealed), nil
}

func enrolmentPurpose(personID string, browser []byte) string {
	return fmt.Sprintf("totp-enrolment:%s:%x", personID, browser)
}

func enrolmentOf(person Person, issuer string, secret []byte, sealed string) TOTPEnrolment {
	text := totpText(secret)
	u := url.URL{
		Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + person.Email,
		// The default algorithm, digits and period are left out: some apps refuse what they do not know. QueryEscape would write a
		// space as +, which apps show as it is.
		RawQuery: "secret=" + text + "&issuer=" + url.PathEscape(issuer),
	}
	return TOTPEnrolment{Secret: text, URL: u.String(), Sealed: sealed}
}

func totpText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

func (p *People) enrolledSecret(personID string, browser []byte, sealed string, now time.Time) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, ErrEnrolmentOver
	}
	plain, err := p.sealer.Open(enrolmentPurpose(personID, browser), raw)
	if errors.Is(err, ErrUnsealable) || err == nil && len(plain) != 8+totpSecretSize {
		return nil, ErrEnrolmentOver
	}
	if err != nil {
		return nil, err
	}
	began := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)
	if age := now.Sub(began); age > enrolmentLifetime || age < -maxLag {
		return nil, ErrEnrolmentOver
	}
	return plain[8:], nil
}

// TOTP is an authenticator app as it is stored.
type TOTP struct {
	Secret   []byte // sealed, see [Sealer]
	LastStep int64  // of the last code that was used, in steps since 1970
}

func totpPurpose(personID string) string { return "totp:" + personID }

// totpStep finds the step of a code around now, 0 for none. It compares with every one of the window, in constant time.
func totpStep(secret []byte, code string, now time.Time) (int64, error) {
	text, middle := totpText(secret), now.Unix()/totpPeriod
	var found int64
	for step := middle - totpWindow; step <= middle+totpWindow; step++ {
		want, err := hotp.GenerateCodeCustom(text, uint64(step), hotp.ValidateOpts{Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("compute a one-time code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	return found, nil
}

// EnrolTOTP makes the authenticator app of an enrolment a factor of the person, for a first code that it shows, which is used up by
// it. In the session s, in which they have just proven who they are ([Session.Fresh]), two factors were shown by it. With the first
// second factor come recovery codes, which nobody sees again. [ErrCredentials] for a wrong code, [ErrEnrolmentOver], also for a
// second caller and for somebody who has an app.
func (p *People) EnrolTOTP(ctx context.Context, s Session, browser []byte, sealed, code string, o audit.Origin, now time.Time) (Session, []string, error) {
	n, recovery, err := p.newTOTP(ctx, s.PersonID, browser, sealed, code, o, now)
	if err != nil {
		return s, nil, err
	}
	if err := p.store.AddTOTP(ctx, n); err != nil {
		return s, nil, err
	}
	if !slices.Contains(s.AMR, AMRMultiFactor) {
		s.AMR = append(slices.Clone(s.AMR), AMROneTime, AMRMultiFactor)
		s.ACR = acrOf(s.AMR)
	}
	return s, recovery, nil
}

// NewFactor is a second factor that is to be kept, with all that goes with it.
type NewFactor struct {
	PersonID  string
	TOTP      *TOTP     // nil: it is a passkey
	Passkey   *Passkey  // nil: it is an authenticator app
	Challenge Challenge // that a passkey has answered, to be spent
	Recovery  [][]byte  // hashes of the recovery codes that come with the first second factor
	Events    []audit.Event
}

// newTOTP checks a first code and gives what is to be kept.
func (p *People) newTOTP(ctx context.Context, personID string, browser []byte, sealed, code string, o audit.Origin, now time.Time) (n NewFactor, recovery []string, err error) {
	now = now.UTC().Truncate(time.Microsecond)
	secret, err := p.enrolledSecret(personID, browser, sealed, now)
	if err != nil {
		return n, nil, err
	}
	step, err := totpStep(secret, plainCode(code), now)
	if err != nil {
		return n, nil, err
	}
	if step == 0 {
		return n, nil, ErrCredentials
	}
	o.Actor, o.ActorID = audit.ByPerson, personID
	if n, recovery, err = p.newFactor(ctx, personID, o, now, "factor", "totp"); err != nil {
		return n, nil, err
	}
	kept, err := p.sealer.Seal(totpPurpose(personID), secret)
	n.TOTP = &TOTP{Secret: kept, LastStep: step}
	return n, recovery, err
}

// newFactor is what every new second factor brings along: its event, and recovery codes if it is the first.
func (p *People) newFactor(ctx context.Context, personID string, o audit.Origin, now time.Time, details ...string) (n NewFactor, recovery []string, err error) {
	n = NewFactor{PersonID: personID, Events: []audit.Event{event(audit.FactorAdded, personID, o, now, details...)}}
	before, err := p.store.Factors(ctx, personID)
	if err != nil || before.Second() {
		return n, nil, err
	}
	recovery, n.Recovery = newRecoveryCodes(personID)
	n.Events = append(n.Events, recoveryMade(personID, len(recovery), false, o, now))
	return n, recovery, nil
}
