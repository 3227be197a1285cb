package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

// checkFiles looks for files of the database that other users can read (WEB-49).
func checkFiles(path string) finding {
	var wrong []string
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		if info, err := os.Stat(name); err == nil && openToOthers(info) {
			wrong = append(wrong, fmt.Sprintf("%s had mode %04o", name, info.Mode().Perm()))
		}
	}
	if len(wrong) > 0 {
		return finding{"files", "warning", strings.Join(wrong, "; ") + "; other users may have read secrets; the mode is mended now"}
	}
	if info, err := os.Stat(filepath.Dir(path)); err == nil && info.Mode().Perm()&0o022 != 0 && info.Mode()&os.ModeSticky == 0 {
		return finding{"files", "warning", fmt.Sprintf("other users can replace files in %s (mode %04o)", filepath.Dir(path), info.Mode().Perm())}
	}
	return finding{"files", "ok", "only their owner can read them"}
}

// checkComplete looks whether the file is a copy of a database that was in use.
func checkComplete(ctx context.Context, path string) finding {
	err := db.CheckComplete(ctx, path)
	if errors.Is(err, db.ErrIncomplete) {
		return finding{"complete", "failed", strings.TrimPrefix(err.Error(), db.ErrIncomplete.Error()+": ") + "; make copies with: regrant backup"}
	}
	// Whatever else is wrong with the file, the checks after this one meet and tell it.
	return finding{"complete", "ok", "it is no copy of a database in use"}
}

// checkMail says whether the settings that are in force here let a server send mails. It asks no mail server: the button on the page
// of settings does.
func checkMail(f smtpFlags) finding {
	s, err := f.settings()
	switch {
	case err != nil:
		return finding{"mail", "failed", err.Error()}
	case s == nil:
		return finding{"mail", "ok", "not set up; links are handed over by admins"}
	}
	return finding{"mail", "ok", "goes through " + s.String()}
}

// rotationOverdue is how old the newest signing key may be: the server rotates after 90 days.
const rotationOverdue = 97 * 24 * time.Hour

// checkKeys looks whether the server has every key that it needs, and can read them. Without the master key it cannot look into sealed
// ones.
func checkKeys(ctx context.Context, store *db.DB) (finding, error) {
	seal, err := store.KeySeal(ctx)
	if err != nil {
		return finding{}, err
	}
	closed := seal.SealedAt != nil && !seal.Held
	keys, err := keysOf(ctx, store, closed)
	if errors.Is(err, db.ErrFault) && !closed && seal.SealedAt != nil {
		return finding{"keys", "failed", err.Error()}, nil
	}
	if err != nil {
		return finding{}, err
	}
	if len(keys) == 0 {
		return finding{"keys", "ok", "none yet; the server makes them when it starts"}, nil
	}
	var wrong []string
	overdue := false
	for _, need := range []struct {
		use oauth.KeyUse
		alg string
	}{{oauth.KeySigning, oauth.AlgES256}, {oauth.KeySigning, oauth.AlgRS256}, {oauth.KeyToken, ""}, {oauth.KeyDerive, ""}, {oauth.KeyAccess, ""}} {
		of := slices.DeleteFunc(slices.Clone(keys), func(k oauth.Key) bool {
			return k.Use != need.use || need.alg != "" && k.Algorithm != need.alg || keyStatus(k, now()) == "ended"
		})
		name := strings.TrimSpace(string(need.use) + " " + need.alg)
		if !slices.ContainsFunc(of, func(k oauth.Key) bool { return keyStatus(k, now()) != "published" }) {
			wrong = append(wrong, "no "+name+" key is in force")
		}
		newest := time.Time{}
		for _, k := range of {
			if !closed && !readable(k) {
				wrong = append(wrong, "the "+name+" key "+k.ID+" is damaged")
			}
			if k.CreatedAt.After(newest) {
				newest = k.CreatedAt
			}
		}
		overdue = overdue || need.use == oauth.KeySigning && now().Sub(newest) > rotationOverdue
	}
	all := fmt.Sprintf("%d keys, all that are needed", len(keys))
	if closed {
		all += "; they are sealed, and without the master key nobody can look into them"
	}
	f := judge("keys", all, wrong)
	if f.Status == "ok" && overdue {
		f = finding{"keys", "warning", "a signing key is older than 90 days; the server replaces it within a minute of running"}
	}
	return f, nil
}

// keysOf gives all keys, of closed ones without their material.
func keysOf(ctx context.Context, store *db.DB, closed bool) ([]oauth.Key, error) {
	if !closed {
		return store.Keys(ctx)
	}
	stored, err := store.StoredKeys(ctx)
	var keys []oauth.Key
	for _, k := range stored {
		keys = append(keys, k.Key)
	}
	return keys, err
}

// checkSeal says whether a stolen copy of the file can sign tokens. That it can is how Regrant begins, and no failure.
func checkSeal(ctx context.Context, store *db.DB) (finding, error) {
	seal, err := store.KeySeal(ctx)
	if err != nil {
		return finding{}, err
	}
	switch {
	case seal.SealedAt != nil && len(db.KeptKeys(ctx, store.Path())) > 0:
		return finding{"master key", "warning", "the keys are sealed since " + seal.SealedAt.Format(time.RFC3339) + ", but not in " +
			strings.Join(db.KeptKeys(ctx, store.Path()), ", ") + "; remove what you need no more, or run: regrant key rotate --use all"}, nil
	case seal.SealedAt != nil:
		return finding{"master key", "ok", "the keys are sealed since " + seal.SealedAt.Format(time.RFC3339) + "; a copy of the file signs nothing"}, nil
	case seal.Held:
		return finding{"master key", "warning", "one is given, and the keys are not sealed with it yet; run: regrant key seal"}, nil
	}
	return finding{"master key", "ok", "none: whoever can read the file or a backup of it can sign tokens; see: regrant key seal --help"}, nil
}

func readable(k oauth.Key) bool {
	if k.Use == oauth.KeySigning {
		_, err := x509.ParsePKCS8PrivateKey(k.Material)
		return err == nil
	}
	return len(k.Material) == 32
}
