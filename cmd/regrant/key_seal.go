package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"regrant/app/audit"
	"regrant/db"
)

type keySeal struct {
	masterKeyFlags
	NewMasterKeyFile string `name:"new-master-key-file" placeholder:"FILE" help:"Seal the keys anew, with this master key. The server must be stopped."`
}

// Help is shown by --help.
func (keySeal) Help() string {
	return `Seals every key in the database with the master key. Then the file, or a backup of it, is of no use to a thief who does not have
the master key: it signs nothing, and no refresh token can be made from it. The server needs the master key each time it starts.

A server that runs meanwhile must have been started with the same master key; nobody notices anything. What was copied or backed up
before still holds the keys as they were: if it may have been stolen, rotate them too.

Examples:

    regrant key generate master.key
    regrant key seal --master-key-file master.key
    regrant key rotate --use all --master-key-file master.key
    regrant key seal --master-key-file master.key --new-master-key-file next.key`
}

func (c keySeal) Run(ctx context.Context, p *program) error {
	with, err := c.given(p.DB)
	if err != nil {
		return err
	}
	return p.withMasterKey(ctx, c.masterKeyFlags, func(store *db.DB) error {
		if c.NewMasterKeyFile == "" {
			return p.seal(ctx, store, with, "")
		}
		seal, err := store.KeySeal(ctx)
		if err != nil {
			return err
		}
		if seal.SealedAt == nil {
			return usage("new-master-key-file: the keys in %s are not sealed yet; leave it out", p.DB)
		}
		next, err := readMasterKey("new-master-key-file", c.NewMasterKeyFile, p.DB)
		if err != nil {
			return err
		}
		return p.seal(ctx, store, next, audit.Details("master_key", "replaced"))
	})
}

type keyUnseal struct{ masterKeyFlags }

// Help is shown by --help.
func (keyUnseal) Help() string {
	return `Writes the keys as they are, so that no master key is needed any more. Then whoever can read the database or a backup of it can
sign tokens. A running server goes on.

Example:

    regrant key unseal --master-key-file master.key`
}

func (c keyUnseal) Run(ctx context.Context, p *program) error {
	return p.withMasterKey(ctx, c.masterKeyFlags, func(store *db.DB) error { return p.seal(ctx, store, nil, "") })
}

// seal seals all keys; with nil it unseals them.
func (p *program) seal(ctx context.Context, store *db.DB, with *db.MasterKey, detail string) error {
	kind, done, already := audit.KeysSealed, "the keys in %s are sealed", "the keys in %s are sealed with this master key already"
	if with == nil {
		kind, done, already = audit.KeysUnsealed, "the keys in %s are not sealed any more", "the keys in %s are not sealed"
	}
	changed, err := store.SealKeys(ctx, with, audit.Event{At: now(), Kind: kind, Origin: operator(), Result: "ok", Detail: detail})
	switch {
	case errors.Is(err, db.ErrServerLacksKey) && detail != "":
		return fmt.Errorf("a server is running on %s; stop it, seal the keys anew, and start it with the new master key", p.DB)
	case errors.Is(err, db.ErrServerLacksKey):
		return fmt.Errorf("a server is running on %s without this master key, and could not go on; start it again with the key, or stop it, and then seal", p.DB)
	case errors.Is(err, db.ErrOldKeysInWAL):
		return fmt.Errorf("the keys in %s are sealed, but readers kept %s-wal from being emptied, which holds them as they were; run this once more", p.DB, p.DB)
	case err != nil:
		return p.masterKeyRefused(err)
	}
	if !changed {
		done = already
	}
	if with != nil {
		if kept := db.KeptKeys(ctx, p.DB); len(kept) > 0 {
			fmt.Fprintf(p.stderr, "regrant: keys that are not sealed are still in %s: remove what you need no more, and rotate the keys\n", strings.Join(kept, ", "))
		}
	}
	return p.said(map[string]any{"sealed": with != nil, "changed": changed}, done, p.DB)
}

// withMasterKey is with for what needs the keys: the database is opened with the master key, if one is given. When the keys are sealed
// and none is, it says so.
func (p *program) withMasterKey(ctx context.Context, flags masterKeyFlags, do func(*db.DB) error) error {
	key, err := flags.key(p.DB)
	if err != nil {
		return err
	}
	store, err := p.open(ctx, orFail, db.Options{MasterKey: key})
	if err != nil {
		return err
	}
	seal, err := store.KeySeal(ctx)
	switch {
	case err != nil:
	case seal.SealedAt != nil && key == nil:
		err = p.masterKeyRefused(db.ErrSealed)
	default:
		err = do(store)
	}
	return errors.Join(err, store.Close())
}

// masterKeyRefused says in one line what to do about a master key that is missing or wrong; any other error it gives back.
func (p *program) masterKeyRefused(err error) error {
	switch {
	case errors.Is(err, db.ErrSealed):
		return fmt.Errorf("the keys in %s are sealed; give the master key with --master-key-file, in %s, or as systemd's credential %s", p.DB, masterKeyVariable, masterKeyCredential)
	case errors.Is(err, db.ErrWrongMasterKey):
		return fmt.Errorf("the keys in %s are sealed with another master key than the one that was given", p.DB)
	}
	return err
}
