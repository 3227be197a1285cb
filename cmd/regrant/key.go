package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

type keyCommand struct {
	List   keyList   `cmd:"" help:"List the keys."`
	Rotate keyRotate `cmd:"" help:"Replace the signing keys."`
}

// Help is shown by --help.
func (keyCommand) Help() string {
	return "Signing keys are replaced every 90 days by the server itself.\n\nExamples:\n\n    regrant key list\n    regrant key rotate"
}

type keyList struct{}

// Help is shown by --help.
func (keyList) Help() string {
	return "No key material is printed.\n\nExample:\n\n    regrant key list"
}

func (keyList) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		keys, err := store.Keys(ctx)
		if err != nil {
			return err
		}
		return p.keys(keys)
	})
}

type keyRotate struct{}

// Help is shown by --help.
func (keyRotate) Help() string {
	return `New keys are published at once and sign after an hour, when every application knows them. The old ones are published
until the last token that they signed has expired. Nobody is signed out.

Example:

    regrant key rotate`
}

func (keyRotate) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		// A database on which no server ran has no keys at all, and rotating makes signing keys only.
		if _, err := oauth.New(ctx, oauth.Config{}, store); err != nil {
			return err
		}
		added, err := oauth.RotateSigningKeys(ctx, store, now(), operator())
		if err != nil {
			return err
		}
		return p.keys(added)
	})
}

// keyView is a key in JSON, without its material.
type keyView struct {
	KeyID     string     `json:"kid"`
	Use       string     `json:"use"`
	Alg       string     `json:"alg"`
	Status    string     `json:"status"` // published (signs later), active, retiring or ended
	CreatedAt time.Time  `json:"created_at"`
	ActiveAt  time.Time  `json:"active_at"`
	EndsAt    *time.Time `json:"ends_at,omitempty"`
}

func (p *program) keys(keys []oauth.Key) error {
	list := []keyView{}
	var rows [][]string
	waiting := false
	for _, k := range keys {
		status := keyStatus(k, now())
		waiting = waiting || status == "published"
		list = append(list, keyView{k.ID, string(k.Use), k.Algorithm, status, k.CreatedAt, k.ActiveAt, k.EndsAt})
		ends := ""
		if k.EndsAt != nil {
			ends = ago(*k.EndsAt)
		}
		rows = append(rows, []string{k.ID, string(k.Use), k.Algorithm, status, ago(k.CreatedAt), ago(k.ActiveAt), ends})
	}
	return p.print(list, func(w io.Writer) {
		table(w, "no keys yet; the server makes them when it starts", []string{"KEY ID", "USE", "ALG", "STATUS", "CREATED", "ACTIVE", "ENDS"}, rows)
		if waiting {
			fmt.Fprintln(w, "\nA published key signs from the time on at which it becomes active.")
		}
	})
}

func keyStatus(k oauth.Key, now time.Time) string {
	switch {
	case k.EndsAt != nil && !now.Before(*k.EndsAt):
		return "ended"
	case now.Before(k.ActiveAt):
		return "published"
	case k.EndsAt != nil:
		return "retiring"
	}
	return "active"
}
