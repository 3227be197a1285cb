package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

type grantCommand struct {
	List   grantList   `cmd:"" help:"List grants, newest first."`
	Show   grantShow   `cmd:"" help:"Show one grant and what happened to it."`
	Revoke grantRevoke `cmd:"" help:"End a grant, or all of a person, of a client, or of the two."`
}

// Help is shown by --help.
func (grantCommand) Help() string {
	return `A grant is what one person allowed one application at one sign-in on one device. Its codes, access tokens and refresh
token die with it.

Examples:

    regrant grant list --user ann@example.com
    regrant grant show 5GJ7NQ2DLXXWFAVZ
    regrant grant revoke --client my-app`
}

// ofWhom chooses grants.
type ofWhom struct {
	User   string `placeholder:"PERSON" help:"Of this person: e-mail address or id."`
	Client string `placeholder:"ID" help:"Of this client_id."`
}

// filter finds who was named, so that a mistyped name is an error and not an empty list.
func (o ofWhom) filter(ctx context.Context, store *db.DB) (oauth.GrantFilter, error) {
	f := oauth.GrantFilter{ClientID: o.Client}
	if o.User != "" {
		person, err := findPerson(ctx, account.New(store, nil, account.Options{}), o.User)
		if err != nil {
			return f, err
		}
		f.PersonID = person.ID
	}
	if o.Client != "" {
		if _, err := store.Client(ctx, o.Client); err != nil {
			return f, noSuchClient(err, o.Client)
		}
	}
	return f, nil
}

type grantList struct {
	ofWhom
	Status string `enum:",active,ended" default:"" placeholder:"STATUS" help:"Only those that are active (or suspended with their client), or those that ended."`
	Limit  int    `default:"1000" placeholder:"N" help:"At most so many (default ${default})."`
}

// Help is shown by --help.
func (grantList) Help() string {
	return `Ended grants are listed for 30 days. --status chooses among the newest, as many as --limit says.

Examples:

    regrant grant list --user ann@example.com --client my-app
    regrant grant list --status active --json | jq -r '.[].grant_id'`
}

func (c grantList) Run(ctx context.Context, p *program) error {
	if c.Limit < 1 {
		return usage("--limit: must be at least 1")
	}
	return p.with(ctx, orFail, func(store *db.DB) error {
		f, err := c.filter(ctx, store)
		if err != nil {
			return err
		}
		f.Limit = c.Limit
		grants, err := store.Grants(ctx, f)
		if err != nil {
			return err
		}
		all := len(grants)
		grants = slices.DeleteFunc(grants, func(g oauth.RefreshState) bool { return !c.wants(grantStatus(g, now())) })
		list := []grantView{}
		var rows [][]string
		for _, g := range grants {
			list = append(list, grantJSON(g, now()))
			rows = append(rows, []string{g.ID, orID(g.Owner.Email, g.PersonID), g.ClientID, grantStatus(g, now()), ago(g.CreatedAt), ago(g.LastUsedAt), g.LastIP})
		}
		return p.print(list, func(w io.Writer) {
			table(w, "no grants", []string{"ID", "PERSON", "CLIENT", "STATUS", "CREATED", "LAST USED", "FROM"}, rows)
			if all == c.Limit {
				fmt.Fprintf(p.stderr, "only the newest %d grants were looked at; see --limit\n", c.Limit)
			}
		})
	})
}

// wants says whether grants of that status are asked for.
func (c grantList) wants(status string) bool {
	ended := status == "revoked" || status == "expired"
	return c.Status == "" || ended == (c.Status == "ended")
}

func orID(text, id string) string {
	if text == "" {
		return id
	}
	return text
}

type grantShow struct {
	ID string `arg:"" name:"id" help:"The grant's id, as list prints it."`
}

// Help is shown by --help.
func (grantShow) Help() string {
	return "The timeline holds the last 16 rotations and replays, the last 100 refusals and changes of address or program, and what the\naudit log says.\n\nExample:\n\n    regrant grant show 5GJ7NQ2DLXXWFAVZ"
}

func (c grantShow) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		found, err := store.Grants(ctx, oauth.GrantFilter{ID: c.ID})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("there is no grant %s", c.ID)
		}
		events, err := store.Events(ctx, db.EventFilter{GrantID: c.ID}, 100)
		if err != nil {
			return err
		}
		moments, err := store.Moments(ctx, c.ID, oauth.MomentsKept)
		if err != nil {
			return err
		}
		view := grantJSON(found[0], now())
		view.Timeline = timeline(found[0], moments, events)
		return p.print(view, func(w io.Writer) { grantSheet(w, found[0], view.Timeline) })
	})
}

type grantRevoke struct {
	ID string `arg:"" optional:"" name:"id" help:"The grant's id."`
	ofWhom
}

// Help is shown by --help.
func (grantRevoke) Help() string {
	return `Tokens stop working at once, and nothing brings them back: the person signs in to the application again. With --user and
--client together the consent is withdrawn, too: the person is asked again, and codes on their way are worth nothing.

Examples:

    regrant grant revoke 5GJ7NQ2DLXXWFAVZ
    regrant grant revoke --user ann@example.com
    regrant grant revoke --user ann@example.com --client my-app`
}

func (c grantRevoke) Run(ctx context.Context, p *program) error {
	if many := c.User != "" || c.Client != ""; many == (c.ID != "") {
		return usage("name the id of a grant, or --user, --client or both")
	}
	return p.with(ctx, orFail, func(store *db.DB) error {
		if c.ID != "" {
			return revokeOne(ctx, p, store, c.ID)
		}
		f, err := c.filter(ctx, store)
		if err != nil {
			return err
		}
		if f.PersonID != "" && f.ClientID != "" {
			return withdraw(ctx, p, store, f)
		}
		at := now()
		event := audit.Event{At: at, Kind: audit.GrantRevoked, Origin: operator(), PersonID: f.PersonID, ClientID: f.ClientID,
			Result: string(oauth.RevokedAdmin), Detail: "all=yes"}
		n, err := store.RevokeGrantsOf(ctx, f.PersonID, f.ClientID, oauth.RevokedAdmin, at, event)
		if err != nil {
			return err
		}
		return p.said(map[string]any{"revoked": n}, "revoked %s", countGrants(n))
	})
}

// withdraw ends what one person allowed one client: the remembered consent, the codes and the grants.
func withdraw(ctx context.Context, p *program, store *db.DB, f oauth.GrantFilter) error {
	f.Limit = math.MaxInt32
	grants, err := store.Grants(ctx, f)
	if err != nil {
		return err
	}
	n := 0
	for _, g := range grants {
		if g.Alive() {
			n++
		}
	}
	at := now()
	event := audit.Event{At: at, Kind: audit.ConsentWithdrawn, Origin: operator(), PersonID: f.PersonID, ClientID: f.ClientID, Result: "ok"}
	if err := store.WithdrawConsent(ctx, f.PersonID, f.ClientID, at, event); err != nil {
		return err
	}
	return p.said(map[string]any{"revoked": n}, "withdrew the consent and revoked %s", countGrants(n))
}

func revokeOne(ctx context.Context, p *program, store *db.DB, id string) error {
	g, err := store.Grant(ctx, id)
	if errors.Is(err, oauth.ErrNotFound) {
		return fmt.Errorf("there is no grant %s", id)
	}
	if err != nil {
		return err
	}
	at := now()
	event := audit.Event{At: at, Kind: audit.GrantRevoked, Origin: operator(), PersonID: g.PersonID, ClientID: g.ClientID, GrantID: id,
		Result: string(oauth.RevokedAdmin)}
	alive, err := store.RevokeGrant(ctx, id, oauth.RevokedAdmin, at, event)
	if err != nil {
		return err
	}
	if !alive || !g.Alive() {
		return p.said(map[string]any{"grant_id": id, "revoked": 0}, "%s had ended already", id)
	}
	return p.said(map[string]any{"grant_id": id, "revoked": 1}, "revoked %s", id)
}

func countGrants(n int) string {
	switch {
	case n == 1:
		return "1 grant"
	case n > 10_000: // the store counts no further
		return "more than 10 000 grants"
	}
	return fmt.Sprintf("%d grants", n)
}
