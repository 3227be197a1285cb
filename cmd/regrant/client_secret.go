package main

import (
	"context"
	"io"

	"regrant/app/oauth"
	"regrant/db"
)

type clientRotateSecret struct {
	which
	Leaked     bool             `help:"Somebody else may know the secret: the old one dies at once, and every grant with it."`
	AuthMethod oauth.AuthMethod `placeholder:"METHOD" help:"Also change how the client authenticates; this makes a public client confidential."`
}

// Help is shown by --help.
func (clientRotateSecret) Help() string {
	return `The new secret is printed once, here. The old one works for another 24 hours, so that every instance of the application
can be given the new one in peace. After a leak use --leaked: everybody then has to sign in to the application again.

Examples:

    regrant client rotate-secret my-app
    regrant client rotate-secret my-app --leaked
    regrant client rotate-secret my-cli --auth-method client_secret_basic`
}

func (c clientRotateSecret) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		client, secret, err := oauth.RotateClientSecret(ctx, store, c.ID, c.AuthMethod, c.Leaked, now(), operator())
		if err != nil {
			return noSuchClient(err, c.ID)
		}
		return p.print(clientJSON(client, secret), func(w io.Writer) { clientSheet(w, client, secret) })
	})
}
