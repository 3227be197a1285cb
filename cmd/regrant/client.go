package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"regrant/app/oauth"
	"regrant/db"
)

type clientCommand struct {
	Create       clientCreate       `cmd:"" help:"Register an application."`
	List         clientList         `cmd:"" help:"List applications."`
	Show         clientShow         `cmd:"" help:"Show one application and its policy."`
	Update       clientUpdate       `cmd:"" help:"Change what is named, and nothing else."`
	RotateSecret clientRotateSecret `cmd:"" help:"Give an application another secret."`
	Push         clientPush         `cmd:"" help:"Tell an application at once that a grant of it has ended."`
	Disable      clientDisable      `cmd:"" help:"Refuse an application until it is enabled again. Its grants stay."`
	Enable       clientEnable       `cmd:"" help:"Accept an application again."`
	Delete       clientDelete       `cmd:"" help:"Remove an application and end its grants."`
	Test         clientTest         `cmd:"" help:"Try how an application takes expiry, lost answers and replays."`
}

// Help is shown by --help.
func (clientCommand) Help() string {
	return `Examples:

    regrant client create --name "My app" --redirect-uri http://localhost:3000/callback
    regrant client update my-app --policy strict
    regrant client rotate-secret my-app --leaked`
}

// which names a client on the command line.
type which struct {
	ID string `arg:"" name:"id" help:"The client_id."`
}

func noSuchClient(err error, id string) error {
	if errors.Is(err, oauth.ErrNotFound) {
		return fmt.Errorf("there is no client %s", id)
	}
	return err
}

type clientCreate struct {
	Name string `required:"" help:"What people see when they are asked to allow it."`
	ID   string `name:"id" help:"The client_id; a random one if not given."`
	clientFlags
}

// Help is shown by --help.
func (clientCreate) Help() string {
	return `The secret is printed once, here. An application that cannot keep one (a single-page app, a mobile app, a command-line
program) is public: --auth-method none. One that signs with a key of its own (--auth-method private_key_jwt) has no secret either: the
server gets its public keys.

Examples:

    regrant client create --name "My app" --redirect-uri https://app.example.com/callback
    regrant client create --name "My CLI" --auth-method none --redirect-uri http://127.0.0.1/callback --policy multi-process
    regrant client create --name "TV app" --auth-method none --grant-type urn:ietf:params:oauth:grant-type:device_code --grant-type refresh_token
    regrant client create --name "Nightly job" --grant-type client_credentials --scope "read" --json
    regrant client create --name "Payments" --redirect-uri https://pay.example.com/cb --auth-method private_key_jwt --jwks keys.json`
}

func (c clientCreate) Run(ctx context.Context, p *program) error {
	if err := c.readKeys(p); err != nil {
		return err
	}
	if err := c.apply(&oauth.Client{}); err != nil {
		return err // whatever the client is
	}
	return p.with(ctx, orCreate, func(store *db.DB) error {
		chosen, err := store.SiteSettings(ctx)
		if err != nil {
			return err
		}
		client := &oauth.Client{ID: c.ID, Name: c.Name, Policy: chosen.Policy}
		if err := c.apply(client); err != nil {
			return err
		}
		if err := c.limit(ctx, store, client); err != nil {
			return err
		}
		secret, err := oauth.RegisterClient(ctx, store, client, now(), operator())
		if errors.Is(err, oauth.ErrExists) {
			return fmt.Errorf("the client_id %s is taken", c.ID)
		}
		if err != nil {
			return err
		}
		return p.print(clientJSON(client, secret), func(w io.Writer) { clientSheet(w, client, secret) })
	})
}

type clientList struct{}

// Help is shown by --help.
func (clientList) Help() string {
	return "The client of an API is not listed here; see: regrant api list\n\nExample:\n\n    regrant client list --json | jq -r '.[].client_id'"
}

func (clientList) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		clients, err := store.Clients(ctx)
		if err != nil {
			return err
		}
		apis, err := store.APIs(ctx)
		if err != nil {
			return err
		}
		list := []clientView{}
		var rows [][]string
		for _, c := range clients {
			if apiOf(apis, c.ID) != nil {
				continue
			}
			list = append(list, clientJSON(&c, ""))
			rows = append(rows, []string{c.ID, c.Name, string(c.AuthMethod), string(c.Policy.Preset), clientStatus(&c), ago(c.CreatedAt)})
		}
		return p.print(list, func(w io.Writer) {
			table(w, "no applications yet; register one with: regrant client create --name … --redirect-uri …",
				[]string{"CLIENT ID", "NAME", "AUTHENTICATION", "POLICY", "STATUS", "CREATED"}, rows)
		})
	})
}

type clientShow struct{ which }

// Help is shown by --help.
func (clientShow) Help() string { return "Example:\n\n    regrant client show my-app" }

func (c clientShow) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		client, err := store.Client(ctx, c.ID)
		if err != nil {
			return noSuchClient(err, c.ID)
		}
		return p.print(clientJSON(client, ""), func(w io.Writer) { clientSheet(w, client, "") })
	})
}

type clientUpdate struct {
	which
	Name *string `help:"What people see when they are asked to allow it."`
	clientFlags
}

// Help is shown by --help.
func (clientUpdate) Help() string {
	return `Only what is named changes. A list that is named is replaced as a whole; --policy sets the whole policy to that of the
preset, and the flags after it change single settings. Living refresh tokens follow the new policy from their next use.

Examples:

    regrant client update my-app --redirect-uri https://app.example.com/callback --redirect-uri https://app.example.com/other
    regrant client update my-app --grace 30s --idle 168h
    regrant client update my-app --no-trusted
    regrant client update my-app --auth-method private_key_jwt --jwks-uri https://app.example.com/jwks.json
    regrant client update my-app --group Staff --group Board
    regrant client update my-app --group ""`
}

func (c clientUpdate) Run(ctx context.Context, p *program) error {
	if err := c.readKeys(p); err != nil {
		return err
	}
	if err := c.apply(&oauth.Client{}); err != nil {
		return err // whatever the client is
	}
	return p.change(ctx, c.ID, func(store *db.DB, client *oauth.Client) error {
		if c.Name != nil {
			client.Name = *c.Name
		}
		return errors.Join(c.apply(client), c.limit(ctx, store, client))
	})
}

type clientDisable struct{ which }

// Help is shown by --help.
func (clientDisable) Help() string { return "Example:\n\n    regrant client disable my-app" }

func (c clientDisable) Run(ctx context.Context, p *program) error {
	return p.change(ctx, c.ID, func(_ *db.DB, client *oauth.Client) error {
		if client.DisabledAt == nil {
			client.DisabledAt = new(now())
		}
		return nil
	})
}

type clientEnable struct{ which }

// Help is shown by --help.
func (clientEnable) Help() string { return "Example:\n\n    regrant client enable my-app" }

func (c clientEnable) Run(ctx context.Context, p *program) error {
	return p.change(ctx, c.ID, func(_ *db.DB, client *oauth.Client) error {
		client.DisabledAt = nil
		return nil
	})
}

// change changes a client and prints it.
func (p *program) change(ctx context.Context, id string, change func(*db.DB, *oauth.Client) error) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		client, err := oauth.ChangeClient(ctx, store, id, func(c *oauth.Client) error { return change(store, c) }, now(), operator())
		if err != nil {
			return noSuchClient(err, id)
		}
		return p.print(clientJSON(client, ""), func(w io.Writer) { clientSheet(w, client, "") })
	})
}

type clientDelete struct{ which }

// Help is shown by --help.
func (clientDelete) Help() string {
	return "People who are signed in to it are signed out of it at once.\n\nExample:\n\n    regrant client delete my-app"
}

func (c clientDelete) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		apis, err := store.APIs(ctx)
		if err != nil {
			return err
		}
		if a := apiOf(apis, c.ID); a != nil {
			return fmt.Errorf("the client %s belongs to an API; delete that: regrant api delete %s", c.ID, a.Resource)
		}
		if err := oauth.RemoveClient(ctx, store, c.ID, now(), operator()); err != nil {
			return noSuchClient(err, c.ID)
		}
		return p.said(map[string]any{"client_id": c.ID, "deleted": true}, "deleted %s; its grants have ended", c.ID)
	})
}
