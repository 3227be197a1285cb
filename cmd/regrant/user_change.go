package main

import (
	"context"
	"errors"

	"regrant/app/account"
	"regrant/db"
)

type userDisable struct{ whom }

// Help is shown by --help.
func (userDisable) Help() string {
	return "Every browser is signed out, every grant ends at once and stays ended.\n\nExample:\n\n    regrant user disable ann@example.com"
}

func (c userDisable) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(_ *db.DB, all *account.People, person account.Person) error {
		err := all.Disable(ctx, person.ID, operator(), now())
		if errors.Is(err, account.ErrDisabled) {
			return p.said(personJSON(person), "%s was disabled already", person.Email)
		}
		return told(ctx, p, all, person.ID, err, "disabled %s; all sessions and grants have ended")
	})
}

type userEnable struct{ whom }

// Help is shown by --help.
func (userEnable) Help() string {
	return "What disabling ended stays ended.\n\nExample:\n\n    regrant user enable ann@example.com"
}

func (c userEnable) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(_ *db.DB, all *account.People, person account.Person) error {
		err := all.Enable(ctx, person.ID, operator(), now())
		if errors.Is(err, account.ErrEnabled) {
			return p.said(personJSON(person), "%s was not disabled", person.Email)
		}
		return told(ctx, p, all, person.ID, err, "enabled %s")
	})
}

type userDelete struct{ whom }

// Help is shown by --help.
func (userDelete) Help() string {
	return `Sessions and grants end at once. The id is never given to anybody else, the address is free again.

Example:

    regrant user delete ann@example.com`
}

func (c userDelete) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(_ *db.DB, all *account.People, person account.Person) error {
		if err := all.Delete(ctx, person.ID, operator(), now()); err != nil {
			return err
		}
		gone := map[string]any{"sub": person.ID, "email": person.Email, "deleted": true}
		return p.said(gone, "deleted %s", person.Email)
	})
}

type userSetRole struct {
	whom
	Role string `arg:"" name:"role" help:"person, auditor or admin."`
}

// Help is shown by --help.
func (userSetRole) Help() string {
	return `A person signs in to applications; an auditor sees everything in the dashboard and changes nothing; an admin may do everything.
Every browser is signed out, so that no session outlives the role it was made for.

Example:

    regrant user set-role ann@example.com auditor`
}

func (c userSetRole) Run(ctx context.Context, p *program) error {
	role, err := parseRole("role", c.Role)
	if err != nil {
		return err
	}
	return c.do(ctx, p, func(_ *db.DB, all *account.People, person account.Person) error {
		err := all.ChangeRole(ctx, person.ID, role, operator(), now())
		if errors.Is(err, account.ErrUnchanged) {
			return p.said(personJSON(person), "%s has that role already", person.Email)
		}
		return told(ctx, p, all, person.ID, err, "changed the role of %s; all browsers are signed out")
	})
}

type userSetPassword struct {
	whom
	passwordFlags
}

// Help is shown by --help.
func (userSetPassword) Help() string {
	return `Every browser is signed out and every grant ends, since whoever knew the old password may be in.

Examples:

    regrant user set-password ann@example.com
    pwgen -s 20 1 | regrant user set-password ann@example.com --password-stdin`
}

func (c userSetPassword) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(_ *db.DB, all *account.People, person account.Person) error {
		password, err := c.read(p)
		if err != nil {
			return err
		}
		err = all.SetPassword(ctx, person.ID, password, operator(), now())
		return told(ctx, p, all, person.ID, err, "set the password of %s; all sessions and grants have ended")
	})
}

// told prints the person as they are after an act that ended with err.
func told(ctx context.Context, p *program, all *account.People, id string, err error, sentence string) error {
	if err != nil {
		return err
	}
	person, err := all.Find(ctx, id)
	if err != nil {
		return err
	}
	return p.said(personJSON(person), sentence, person.Email)
}
