package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/db"
)

type userCommand struct {
	Create       userCreate       `cmd:"" help:"Add a person."`
	List         userList         `cmd:"" help:"List people."`
	Show         userShow         `cmd:"" help:"Show one person."`
	Disable      userDisable      `cmd:"" help:"Keep a person from signing in, and end all that they have."`
	Enable       userEnable       `cmd:"" help:"Let a person sign in again."`
	Delete       userDelete       `cmd:"" help:"Remove a person for good."`
	ResetFactors userResetFactors `cmd:"" help:"Take the second factors of a person away, and end all that they have."`
	SetRole      userSetRole      `cmd:"" help:"Give a person another role."`
	SetPassword  userSetPassword  `cmd:"" help:"Give a person another password, and end all that they have."`
}

// Help is shown by --help.
func (userCommand) Help() string {
	return `A person is named by e-mail address or id.

Examples:

    regrant user create --email ann@example.com --name "Ann Example" --admin
    regrant user list
    regrant user disable ann@example.com`
}

// whom names a person on the command line.
type whom struct {
	Person string `arg:"" name:"person" help:"E-mail address or id."`
}

// do finds the person and hands them on.
func (w whom) do(ctx context.Context, p *program, act func(*db.DB, *account.People, account.Person) error) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		all, err := people(store)
		if err != nil {
			return err
		}
		person, err := findPerson(ctx, all, w.Person)
		if err != nil {
			return err
		}
		return act(store, all, person)
	})
}

func findPerson(ctx context.Context, all *account.People, name string) (account.Person, error) {
	person, err := all.Find(ctx, name)
	if errors.Is(err, account.ErrNotFound) {
		return person, fmt.Errorf("there is no person %s", name)
	}
	return person, err
}

type userCreate struct {
	Email         string `required:"" help:"The address with which the person signs in."`
	Name          string `help:"What the person is called."`
	Role          string `placeholder:"ROLE" help:"person (default), auditor (sees everything, changes nothing) or admin."`
	Admin         bool   `help:"The same as --role admin."`
	EmailVerified bool   `help:"The address is known to be theirs."`
	passwordFlags
}

// Help is shown by --help.
func (userCreate) Help() string {
	return `The password is asked for, or read from standard input:

    regrant user create --email ann@example.com --name "Ann Example"
    pwgen -s 20 1 | regrant user create --email bob@example.com --password-stdin --json`
}

func (c userCreate) Run(ctx context.Context, p *program) error {
	if _, err := account.ParseEmail(c.Email); err != nil {
		return err // before a password is asked for
	}
	role, err := c.role()
	if err != nil {
		return err
	}
	password, err := c.read(p)
	if err != nil {
		return err
	}
	return p.with(ctx, orCreate, func(store *db.DB) error {
		all, err := people(store)
		if err != nil {
			return err
		}
		n := account.NewPerson{Email: c.Email, Name: c.Name, EmailVerified: c.EmailVerified, Password: password, Role: role}
		person, err := all.Create(ctx, n, operator(), now())
		if err != nil {
			return err
		}
		return p.said(personJSON(person), "created %s (id %s)", person.Email, person.ID)
	})
}

// role is the one that was asked for.
func (c userCreate) role() (account.Role, error) {
	switch {
	case c.Admin && c.Role != "" && c.Role != string(account.RoleAdmin):
		return "", usage("--admin and --role %s contradict each other", c.Role)
	case c.Admin:
		return account.RoleAdmin, nil
	case c.Role == "":
		return account.RolePerson, nil
	}
	return parseRole("--role", c.Role)
}

func parseRole(what, text string) (account.Role, error) {
	role, err := account.ParseRole(text)
	if err != nil {
		return "", usage("%s: must be person, auditor or admin, not %q", what, text)
	}
	return role, nil
}

type userList struct{}

// Help is shown by --help.
func (userList) Help() string {
	return `Example, the addresses of all admins:

    regrant user list --json | jq -r '.[] | select(.role == "admin") | .email'`
}

func (userList) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		all, err := people(store)
		if err != nil {
			return err
		}
		list := []personView{}
		var rows [][]string
		for after, page := "", 500; ; {
			some, err := all.List(ctx, after, page)
			if err != nil {
				return err
			}
			for _, person := range some {
				list = append(list, personJSON(person))
				rows = append(rows, []string{person.Email, person.Name, string(person.Role), personStatus(person), ago(person.CreatedAt), person.ID})
			}
			if len(some) < page {
				break
			}
			after = some[len(some)-1].Email
		}
		return p.print(list, func(w io.Writer) {
			table(w, "nobody yet; add somebody with: regrant user create --email …", []string{"EMAIL", "NAME", "ROLE", "STATUS", "CREATED", "ID"}, rows)
		})
	})
}

type userShow struct{ whom }

// Help is shown by --help.
func (userShow) Help() string { return "Example:\n\n    regrant user show ann@example.com" }

func (c userShow) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(store *db.DB, all *account.People, person account.Person) error {
		grants, err := store.Grants(ctx, oauth.GrantFilter{PersonID: person.ID, Limit: math.MaxInt32})
		if err != nil {
			return err
		}
		sessions, err := store.SessionsOf(ctx, person.ID, now())
		if err != nil {
			return err
		}
		factors, err := all.Factors(ctx, person.ID)
		if err != nil {
			return err
		}
		living := 0
		for _, g := range grants {
			if grantStatus(g, now()) == "active" {
				living++
			}
		}
		view := personJSON(person)
		view.Sessions, view.Grants, view.Factors = new(len(sessions)), &living, &factorsView{factors.TOTP, factors.Passkeys, factors.RecoveryCodes}
		return p.print(view, func(w io.Writer) {
			sheet(w, "E-mail", person.Email, "E-mail verified", yesNo(person.EmailVerifiedAt != nil), "Name", person.Name,
				"Role", string(person.Role), "Status", personStatus(person), "Disabled", moment(person.DisabledAt),
				"Signed in", fmt.Sprintf("%d browsers", len(sessions)), "Active grants", fmt.Sprint(living),
				"Password set", passwordText(person), "Second factors", factorsText(factors), "Created", moment(&person.CreatedAt), "Id", person.ID)
		})
	})
}

// personView is a person in JSON, with the names of OpenID Connect Core §5.1 where it has some.
type personView struct {
	Sub               string       `json:"sub"`
	Email             string       `json:"email"`
	EmailVerified     bool         `json:"email_verified"`
	Name              string       `json:"name"`
	Role              string       `json:"role"`
	Status            string       `json:"status"`
	DisabledAt        *time.Time   `json:"disabled_at,omitempty"`
	PasswordChangedAt *time.Time   `json:"password_changed_at,omitempty"`
	CreatedAt         time.Time    `json:"created_at"`
	UpdatedAt         time.Time    `json:"updated_at"`
	PasswordExpired   bool         `json:"password_expired"` // another one has to be chosen at the next sign-in
	Factors           *factorsView `json:"second_factors,omitempty"`
	Sessions          *int         `json:"sessions,omitempty"`
	Grants            *int         `json:"active_grants,omitempty"`
}

func personJSON(p account.Person) personView {
	return personView{
		Sub: p.ID, Email: p.Email, EmailVerified: p.EmailVerifiedAt != nil, Name: p.Name, Role: string(p.Role), Status: personStatus(p),
		DisabledAt: p.DisabledAt, PasswordChangedAt: p.PasswordChangedAt, PasswordExpired: p.PasswordExpiredAt != nil, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

func personStatus(p account.Person) string {
	if p.DisabledAt != nil {
		return "disabled"
	}
	return "active"
}
