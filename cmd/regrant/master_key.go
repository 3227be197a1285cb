package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"regrant/db"
)

// masterKeyFlags say where the master key is that seals the keys in the database (design.md section 4).
type masterKeyFlags struct {
	MasterKeyFile string `name:"master-key-file" env:"REGRANT_MASTER_KEY_FILE" placeholder:"FILE" help:"The master key that seals the keys in the database, in a file that only its owner can read; or in REGRANT_MASTER_KEY, or systemd's credential master-key."`
}

const (
	// masterKeyVariable is where the master key may stand instead of a file. It is no flag: those are seen by all who list processes.
	masterKeyVariable = "REGRANT_MASTER_KEY"

	// masterKeyCredential is the name under which systemd may give it (LoadCredential= and LoadCredentialEncrypted=).
	masterKeyCredential = "master-key"

	// credentialsDirectory names the directory in which systemd puts them, where nobody else can enter.
	credentialsDirectory = "CREDENTIALS_DIRECTORY"
)

// key gives the master key; nil: none was given. The database file is the one whose owner the file of the key may have.
func (f masterKeyFlags) key(database string) (*db.MasterKey, error) {
	text, inEnvironment := os.LookupEnv(masterKeyVariable)
	switch {
	case f.MasterKeyFile != "" && inEnvironment:
		return nil, usage("master-key-file: cannot be given together with %s", masterKeyVariable)
	case f.MasterKeyFile != "":
		return readMasterKey("master-key-file", f.MasterKeyFile, database)
	case inEnvironment:
		return parseMasterKey(masterKeyVariable, text)
	}
	if directory := os.Getenv(credentialsDirectory); directory != "" {
		name := filepath.Join(directory, masterKeyCredential)
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return readMasterKey("master-key", name, database)
		}
	}
	return nil, nil
}

// given is key for what cannot be done without.
func (f masterKeyFlags) given(database string) (*db.MasterKey, error) {
	key, err := f.key(database)
	if err == nil && key == nil {
		err = usage("master-key-file: must be given; make a master key with: regrant key generate FILE")
	}
	return key, err
}

// masterKeyFileLimit is more than any spelling of a key needs, bytes.
const masterKeyFileLimit = 1000

// readMasterKey reads a key from a file that nobody else can read (WEB-49). setting is what errors begin with.
func readMasterKey(setting, name, database string) (*db.MasterKey, error) {
	// A pipe would be waited for without end when it is opened.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, usage("%s: %s is not a regular file", setting, name)
	}
	f, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage("%s: there is no file %s; make a master key with: regrant key generate %s", setting, name, name)
	case errors.Is(err, fs.ErrPermission):
		return nil, usage("%s: this user may not read %s", setting, name)
	case err != nil:
		return nil, usage("%s: %v", setting, err)
	}
	defer f.Close()
	info, err := f.Stat() // of the file that is read, not of one that took its name since
	switch {
	case err != nil:
		return nil, usage("%s: %v", setting, err)
	case !info.Mode().IsRegular():
		return nil, usage("%s: %s is not a regular file", setting, name)
	case openToOthers(info) && !isCredential(name, info):
		return nil, usage("%s: others can read %s (mode %04o); run: chmod 600 %s", setting, name, info.Mode().Perm(), name)
	case ownedByOthers(info, database):
		return nil, usage("%s: %s belongs to another user, who can read it; it must belong to the user whom the database belongs to", setting, name)
	}
	content, err := io.ReadAll(io.LimitReader(f, masterKeyFileLimit))
	if err != nil {
		return nil, usage("%s: %v", setting, err)
	}
	return parseMasterKey(setting+": "+name, string(content))
}

// isCredential says whether a file is one that systemd has put where nobody else can enter. Its mode names the group where an access
// list gives it to the user of the service.
func isCredential(name string, info fs.FileInfo) bool {
	directory := os.Getenv(credentialsDirectory)
	return directory != "" && filepath.Dir(filepath.Clean(name)) == filepath.Clean(directory) && info.Mode().Perm()&0o037 == 0
}

// parseMasterKey reads 32 random bytes in base64 or hex. What somebody has made up is refused as far as it shows.
func parseMasterKey(where, text string) (*db.MasterKey, error) {
	text = strings.TrimSpace(text)
	random, err := hex.DecodeString(text)
	if err != nil || len(random) != db.MasterKeySize {
		plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
		random, err = base64.RawStdEncoding.Strict().DecodeString(plain)
	}
	if err != nil || len(random) != db.MasterKeySize {
		return nil, usage("%s must hold 32 random bytes in base64 or hex, as regrant key generate makes them; a passphrase is not a key", where)
	}
	if !looksRandom(random) {
		return nil, usage("%s holds no random bytes; make a master key with: regrant key generate FILE", where)
	}
	return db.NewMasterKey(random)
}

// looksRandom is false for text, and for what repeats a few bytes. Of 32 random bytes that is true once in 10¹³ times.
func looksRandom(b []byte) bool {
	different := map[byte]bool{}
	printable := true
	for _, c := range b {
		different[c] = true
		printable = printable && ' ' <= c && c <= '~'
	}
	return !printable && len(different) >= len(b)/2
}

type keyGenerate struct {
	File string `arg:"" placeholder:"FILE" help:"Where to put it; there must be no such file yet."`
}

// Help is shown by --help.
func (keyGenerate) Help() string {
	return `Makes a master key: 32 random bytes in base64, in a file that only its owner can read. Nothing is changed in the database; see
regrant key seal. Keep a copy of the file, but not where backups of the database are: without it nobody can open sealed keys, and
with both a thief can.

Example:

    regrant key generate /etc/regrant/master.key`
}

func (c keyGenerate) Run(_ context.Context, p *program) error {
	random := make([]byte, db.MasterKeySize)
	rand.Read(random)
	f, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("there is a file %s already; a master key is never overwritten", c.File)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s cannot be made: there is no directory %s", c.File, filepath.Dir(c.File))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(random))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.File))
	}
	return p.said(map[string]any{"file": c.File}, "a new master key is in %s; keep a copy of it apart from the backups of the database", c.File)
}
