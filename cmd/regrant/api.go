package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

type apiCommand struct {
	Create apiCreate `cmd:"" help:"Register a resource server."`
	List   apiList   `cmd:"" help:"List resource servers."`
	Update apiUpdate `cmd:"" help:"Change what is named, and nothing else."`
	Delete apiDelete `cmd:"" help:"Remove a resource server."`
}

// Help is shown by --help.
func (apiCommand) Help() string {
	return `An API owns scopes, and access tokens with those scopes bear its URI as their audience. It checks them by the server's
JWKS, or asks the server at /introspect with a client of its own.

Examples:

    regrant api create --uri https://api.example.com --name "My API" --scope "read write"
    regrant api list`
}

type apiCreate struct {
	URI               string       `name:"uri" required:"" placeholder:"URI" help:"The resource indicator; the audience of access tokens."`
	Name              string       `required:"" help:"What people see when they are asked to allow access to it."`
	Scope             string       `placeholder:"\"A B\"" help:"The scopes that it owns."`
	AccessTokenFormat oauth.Format `placeholder:"FORMAT" help:"jwt or opaque, whatever the client's policy says."`
}

// Help is shown by --help.
func (apiCreate) Help() string {
	return `The secret with which the API calls /introspect is printed once, here.

Example:

    regrant api create --uri https://api.example.com --name "My API" --scope "read write"`
}

func (c apiCreate) Run(ctx context.Context, p *program) error {
	scope, err := parseScope("scope", c.Scope)
	if err != nil {
		return err
	}
	api := &oauth.API{Resource: c.URI, Name: c.Name, Scope: scope, AccessTokenFormat: c.AccessTokenFormat}
	return p.with(ctx, orCreate, func(store *db.DB) error {
		client, secret, err := oauth.RegisterAPI(ctx, store, api, now(), operator())
		if errors.Is(err, oauth.ErrExists) {
			return fmt.Errorf("there is an API %s already", api.Resource)
		}
		if err != nil {
			return err
		}
		view := apiJSON(api)
		view.ClientID, view.ClientSecret = client.ID, secret
		return p.print(view, func(w io.Writer) {
			apiSheet(w, api, secret)
			fmt.Fprintln(w, "\nThe secret is shown only now. With it the API may call /introspect.")
		})
	})
}

type apiList struct{}

// Help is shown by --help.
func (apiList) Help() string { return "Example:\n\n    regrant api list --json" }

func (apiList) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		apis, err := store.APIs(ctx)
		if err != nil {
			return err
		}
		list := []apiView{}
		var rows [][]string
		for _, a := range apis {
			list = append(list, apiJSON(&a))
			rows = append(rows, []string{a.Resource, a.Name, a.Scope.String(), string(a.AccessTokenFormat), a.ClientID})
		}
		return p.print(list, func(w io.Writer) {
			table(w, "no APIs yet; register one with: regrant api create --uri … --name … --scope …",
				[]string{"URI", "NAME", "SCOPE", "FORMAT", "CLIENT ID"}, rows)
		})
	})
}

type apiUpdate struct {
	URI               string        `arg:"" name:"uri" help:"The resource indicator."`
	Name              *string       `help:"What people see when they are asked to allow access to it."`
	Scope             *string       `placeholder:"\"A B\"" help:"The scopes that it owns, all of them."`
	AccessTokenFormat *oauth.Format `placeholder:"FORMAT" help:"jwt or opaque; \"\" for what the client's policy says."`
}

// Help is shown by --help.
func (apiUpdate) Help() string {
	return "The URI itself stays: tokens bear it.\n\nExample:\n\n    regrant api update https://api.example.com --scope \"read write admin\""
}

func (c apiUpdate) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		api, err := findAPI(ctx, store, c.URI)
		if err != nil {
			return err
		}
		set(&api.Name, c.Name)
		set(&api.AccessTokenFormat, c.AccessTokenFormat)
		if c.Scope != nil {
			if api.Scope, err = parseScope("scope", *c.Scope); err != nil {
				return err
			}
		}
		change := oauth.APIChange{Name: api.Name, Scope: api.Scope, AccessTokenFormat: api.AccessTokenFormat, Seen: api.UpdatedAt}
		if api, err = oauth.ChangeAPI(ctx, store, api.ClientID, change, now(), operator()); err != nil {
			return err
		}
		return p.print(apiJSON(api), func(w io.Writer) { apiSheet(w, api, "") })
	})
}

type apiDelete struct {
	URI string `arg:"" name:"uri" help:"The resource indicator."`
}

// Help is shown by --help.
func (apiDelete) Help() string {
	return "Its scopes mean nothing any more and are left out of new tokens; it can introspect no more.\n\nExample:\n\n    regrant api delete https://api.example.com"
}

func (c apiDelete) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		api, err := findAPI(ctx, store, c.URI)
		if err != nil {
			return err
		}
		if _, err := oauth.RemoveAPI(ctx, store, api.ClientID, now(), operator()); err != nil {
			return err
		}
		return p.said(map[string]any{"resource": api.Resource, "deleted": true}, "deleted %s", api.Resource)
	})
}

func findAPI(ctx context.Context, store oauth.Store, uri string) (*oauth.API, error) {
	apis, err := store.APIs(ctx)
	if err != nil {
		return nil, err
	}
	for i := range apis {
		if apis[i].Resource == uri {
			return &apis[i], nil
		}
	}
	return nil, fmt.Errorf("there is no API %s", uri)
}

// apiOf gives the API whose client that is, nil if it is nobody's.
func apiOf(apis []oauth.API, clientID string) *oauth.API {
	for i := range apis {
		if apis[i].ClientID == clientID {
			return &apis[i]
		}
	}
	return nil
}

// apiView is an API in JSON.
type apiView struct {
	Resource          string    `json:"resource"`
	Name              string    `json:"name"`
	Scope             string    `json:"scope"`
	AccessTokenFormat string    `json:"access_token_format,omitempty"`
	ClientID          string    `json:"client_id"`
	ClientSecret      string    `json:"client_secret,omitempty"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
}

func apiJSON(a *oauth.API) apiView {
	return apiView{
		Resource: a.Resource, Name: a.Name, Scope: a.Scope.String(), AccessTokenFormat: string(a.AccessTokenFormat),
		ClientID: a.ClientID, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

func apiSheet(w io.Writer, a *oauth.API, secret string) {
	sheet(w, "URI", a.Resource, "Name", a.Name, "Scope", a.Scope.String(), "Access tokens", string(a.AccessTokenFormat),
		"Client ID", a.ClientID, "Client secret", secret, "Created", moment(&a.CreatedAt))
}
