package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"regrant/app/account"
	"regrant/db"
)

type userResetFactors struct{ whom }

// Help is shown by --help.
func (userResetFactors) Help() string {
	return `For somebody who has lost their device and their recovery codes. Make sure that it is really them who ask: from then on the
password alone lets in. Every browser is signed out and every grant ends.

Example:

    regrant user reset-factors ann@example.com`
}

func (c userResetFactors) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(_ *db.DB, all *account.People, person account.Person) error {
		err := all.ResetFactors(ctx, person.ID, operator(), now())
		if errors.Is(err, account.ErrUnchanged) {
			return p.said(personJSON(person), "%s has no second factor", person.Email)
		}
		return told(ctx, p, all, person.ID, err, "removed the second factors of %s; all sessions and grants have ended")
	})
}

// factorsView are the second factors of a person in JSON.
type factorsView struct {
	TOTP          bool `json:"totp"`
	Passkeys      int  `json:"passkeys"`
	RecoveryCodes int  `json:"recovery_codes"` // that were not used yet
}

func factorsText(f account.Factors) string {
	var names []string
	if f.TOTP {
		names = append(names, "authenticator app")
	}
	if f.Passkeys > 0 {
		names = append(names, fmt.Sprintf("%d passkeys", f.Passkeys))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(append(names, fmt.Sprintf("%d recovery codes", f.RecoveryCodes)), ", ")
}

// passwordText says when the password was chosen, and whether it may be kept.
func passwordText(p account.Person) string {
	if p.PasswordExpiredAt != nil {
		return moment(p.PasswordChangedAt) + ", must be changed at the next sign-in"
	}
	return moment(p.PasswordChangedAt)
}
