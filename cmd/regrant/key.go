package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

type keyCommand struct {
	List     keyList     `cmd:"" help:"List the keys."`
	Rotate   keyRotate   `cmd:"" help:"Replace keys by new ones."`
	Generate keyGenerate `cmd:"" help:"Make a master key."`
	Seal     keySeal     `cmd:"" help:"Seal the keys in the database with a master key."`
	Unseal   keyUnseal   `cmd:"" help:"Write them as they are again."`
}

// Help is shown by --help.
func (keyCommand) Help() string {
	return "The server itself replaces signing keys every 90 days and the other keys once a year.\n\nExamples:\n\n    regrant key list\n    regrant key rotate\n    regrant key seal --master-key-file master.key"
}

type keyList struct{}

// Help is shown by --help.
func (keyList) Help() string {
	return "No key material is printed, and no master key is needed.\n\nExample:\n\n    regrant key list"
}

func (keyList) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		keys, err := store.StoredKeys(ctx)
		if err != nil {
			return err
		}
		return p.keys(keys)
	})
}

type keyRotate struct {
	masterKeyFlags
	Use []string `enum:"signing,token,derive,access,all" default:"signing" placeholder:"USE" help:"Which keys: signing, token, derive, access, or all (default ${default}). Give it once for each."`
}

// Help is shown by --help.
func (keyRotate) Help() string {
	return `New signing keys are published at once and sign after an hour, when every application knows them. The old ones are published
until the last token that they signed has expired. The other keys never leave the server, and new ones are in use after a minute:
token is the key of the MAC in refresh tokens, derive the one from which their successors are derived, access the one that encrypts
opaque access tokens. Old token and derive keys are kept as long as a grant can live. Nobody is signed out.

Examples:

    regrant key rotate
    regrant key rotate --use token --use derive
    regrant key rotate --use all`
}

func (c keyRotate) Run(ctx context.Context, p *program) error {
	return p.withMasterKey(ctx, c.masterKeyFlags, func(store *db.DB) error {
		// A database on which no server ran has no keys at all, and rotating makes new ones only.
		if _, err := oauth.New(ctx, oauth.Config{}, store); err != nil {
			return err
		}
		added, err := oauth.RotateKeys(ctx, store, now(), operator(), c.uses()...)
		if err != nil {
			return err
		}
		keys, err := store.StoredKeys(ctx)
		if err != nil {
			return err
		}
		return p.keys(only(keys, added))
	})
}

// only gives those of the stored keys that were added, in that order.
func only(stored []db.StoredKey, added []oauth.Key) (keys []db.StoredKey) {
	for _, a := range added {
		for _, k := range stored {
			if k.ID == a.ID {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func (c keyRotate) uses() []oauth.KeyUse {
	if slices.Contains(c.Use, "all") {
		return oauth.RotatedUses
	}
	var uses []oauth.KeyUse
	for _, use := range c.Use {
		if !slices.Contains(uses, oauth.KeyUse(use)) {
			uses = append(uses, oauth.KeyUse(use))
		}
	}
	return uses
}

// keyView is a key in JSON, without its material.
type keyView struct {
	KeyID     string     `json:"kid"`
	Use       string     `json:"use"`
	Alg       string     `json:"alg"`
	Sealed    bool       `json:"sealed"`
	Status    string     `json:"status"` // published (is used later), active, retiring or ended
	CreatedAt time.Time  `json:"created_at"`
	ActiveAt  time.Time  `json:"active_at"`
	EndsAt    *time.Time `json:"ends_at,omitempty"`
}

func (p *program) keys(keys []db.StoredKey) error {
	list := []keyView{}
	var rows [][]string
	waiting := false
	for _, k := range keys {
		status := keyStatus(k.Key, now())
		waiting = waiting || status == "published"
		list = append(list, keyView{k.ID, string(k.Use), k.Algorithm, k.SealedAt != nil, status, k.CreatedAt, k.ActiveAt, k.EndsAt})
		ends, sealed := "", "no"
		if k.SealedAt != nil {
			sealed = "yes"
		}
		if k.EndsAt != nil {
			ends = ago(*k.EndsAt)
		}
		rows = append(rows, []string{k.ID, string(k.Use), k.Algorithm, sealed, status, ago(k.CreatedAt), ago(k.ActiveAt), ends})
	}
	return p.print(list, func(w io.Writer) {
		table(w, "no keys yet; the server makes them when it starts", []string{"KEY ID", "USE", "ALG", "SEALED", "STATUS", "CREATED", "ACTIVE", "ENDS"}, rows)
		if waiting {
			fmt.Fprintln(w, "\nA published key is used from the time on at which it becomes active.")
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
