package main

import (
	"context"
	"crypto/x509"
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

// rotationOverdue is how old the newest signing key may be: the server rotates after 90 days.
const rotationOverdue = 97 * 24 * time.Hour

// checkKeys looks whether the server has every key that it needs, and can read them.
func checkKeys(ctx context.Context, store *db.DB) (finding, error) {
	keys, err := store.Keys(ctx)
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
			if !readable(k) {
				wrong = append(wrong, "the "+name+" key "+k.ID+" is damaged")
			}
			if k.CreatedAt.After(newest) {
				newest = k.CreatedAt
			}
		}
		overdue = overdue || need.use == oauth.KeySigning && now().Sub(newest) > rotationOverdue
	}
	f := judge("keys", fmt.Sprintf("%d keys, all that are needed", len(keys)), wrong)
	if f.Status == "ok" && overdue {
		f = finding{"keys", "warning", "a signing key is older than 90 days; the server replaces it within a minute of running"}
	}
	return f, nil
}

func readable(k oauth.Key) bool {
	if k.Use == oauth.KeySigning {
		_, err := x509.ParsePKCS8PrivateKey(k.Material)
		return err == nil
	}
	return len(k.Material) == 32
}
