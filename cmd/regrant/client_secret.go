package main

import (
	"context"
	"io"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

type clientRotateSecret struct {
	which
	Leaked     bool             `help:"Somebody else may know the secret: the old one dies at once, and every grant with it."`
	Overlap    time.Duration    `default:"24h" placeholder:"24h" help:"For how long the old secret works beside the new one, up to 30d; 0s ends it at once."`
	AuthMethod oauth.AuthMethod `placeholder:"METHOD" help:"Also change how the client authenticates; this makes a public client confidential."`
}

// Help is shown by --help.
func (clientRotateSecret) Help() string {
	return `The new secret is printed once, here. The old one works for another 24 hours, or for --overlap, so that every instance of the
application can be given the new one in peace. After a leak use --leaked: everybody then has to sign in to the application again.

Examples:

    regrant client rotate-secret my-app
    regrant client rotate-secret my-app --overlap 7d
    regrant client rotate-secret my-app --leaked
    regrant client rotate-secret my-cli --auth-method client_secret_basic`
}

func (c clientRotateSecret) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		client, secret, err := oauth.RotateClientSecret(ctx, store, c.ID, oauth.SecretRotation{Method: c.AuthMethod, Overlap: c.Overlap, Leaked: c.Leaked}, now(), operator())
		if err != nil {
			return noSuchClient(err, c.ID)
		}
		return p.print(clientJSON(client, secret), func(w io.Writer) { clientSheet(w, client, secret) })
	})
}
