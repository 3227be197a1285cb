package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"regrant/app/audit"
)

// ErrCode says that a code is wrong, or was used before.
var ErrCode = errors.New("account: that code is not right, or was used before")

// codeLimits are how often a code may be tried: five times, then once in five minutes, so never more than five times in five
// minutes (WEB-37). Whoever knows the password and guesses delays other strangers, not a device of the person's own, and never for
// longer than that: there is no end after which only known devices get in, for the owner may have none.
func codeLimits(l Limits) Limits {
	l.Free, l.PressedFree, l.Hard = 5, min(l.PressedFree, 5), 0
	l.FirstDelay, l.MaxDelay = 5*time.Minute, 5*time.Minute
	return l
}

// codeGuess is one try of a code, counted apart from passwords: a right password gives back nothing of it.
func (p *People) codeGuess(person Person, device string, o audit.Origin, now time.Time) Guess {
	g := newGuess(codeLimits(p.limits), person.Email, device, o, now)
	g.AccountCounter = codeCounter(person.ID)
	if device != "" {
		g.DeviceCounter = counterName("code-device", person.ID, device)
	}
	return g
}

// Second is a second factor that was found right, as it is used up.
type Second struct {
	Guess    Guess       // is given back
	TOTPStep int64       // of a code of the authenticator app; 0: it was another factor
	Recovery []byte      // hash of a recovery code; nil: it was another factor
	Passkey  *PasskeyUse // nil: it was another factor
	AMR      []string
	Events   []audit.Event // besides that of the sign-in
}

// checkCode finds out what a code is: one of the authenticator app, or a recovery code. The guess is counted before it is looked
// at. [ErrCode], [ThrottledError]; what cannot be a code is [ErrCode] and counts for nothing.
func (p *People) checkCode(ctx context.Context, person Person, code, device string, o audit.Origin, now time.Time) (*Second, error) {
	code = plainCode(code)
	isRecovery := recoveryCode.MatchString(code)
	if !isRecovery && !sixDigits(code) {
		return nil, ErrCode
	}
	g := p.codeGuess(person, device, o, now)
	guessed, err := p.store.CountGuess(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("check a code: %w", err)
	}
	if guessed.Person == nil || guessed.Person.ID != person.ID {
		return nil, ErrChanged // deleted, or given another address, since it was found
	}
	second := &Second{Guess: g}
	if isRecovery {
		second.Recovery, second.AMR = hashRecoveryCode(person.ID, code), []string{AMRMultiFactor}
		second.Events = append(second.Events, event(audit.RecoveryCodeUsed, person.ID, o, now, "factor", "recovery_codes"))
		return second, nil
	}
	totp, err := p.store.TOTP(ctx, person.ID)
	if errors.Is(err, ErrNotFound) {
		return nil, p.codeFailed(ctx, g, person.ID, o, now)
	}
	if err != nil {
		return nil, fmt.Errorf("check a code: %w", err)
	}
	secret, err := p.sealer.Open(totpPurpose(person.ID), totp.Secret)
	if err != nil {
		return nil, fmt.Errorf("check a code: %w", err)
	}
	if second.TOTPStep, err = totpStep(secret, code, now); err != nil {
		return nil, err
	}
	if second.TOTPStep <= totp.LastStep {
		return nil, p.codeFailed(ctx, g, person.ID, o, now)
	}
	second.AMR = []string{AMROneTime, AMRMultiFactor}
	return second, nil
}

func sixDigits(s string) bool {
	return len(s) == totpDigits.Length() && !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < '0' || c > '9' })
}

// codeFailed records a code that was counted and turned out wrong, and returns [ErrCode].
func (p *People) codeFailed(ctx context.Context, g Guess, personID string, o audit.Origin, now time.Time) error {
	e := event(audit.SignInFailed, personID, o, now)
	e.Result = "wrong code"
	if err := p.store.FailSignIn(ctx, g, e); err != nil {
		return fmt.Errorf("check a code: %w", err)
	}
	return ErrCode
}
