package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRequirementsOfSecrets proves what the commands promise about secrets and the files that hold them.
func TestRequirementsOfSecrets(t *testing.T) {
	t.Run("WEB-45 a client secret is shown once", secretShownOnce)
	t.Run("WEB-49 the files of the database are for their owner only", filesOfTheirOwner)
}

func secretShownOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "regrant.db")
	var secrets []string
	made := func(args ...string) {
		t.Helper()
		var v struct {
			Secret string `json:"client_secret"`
		}
		if err := json.Unmarshal([]byte(command(t, file, append(args, "--json")...)), &v); err != nil || len(v.Secret) < 40 {
			t.Fatalf("%v made %q: %v", args, v.Secret, err)
		}
		secrets = append(secrets, v.Secret)
	}
	made("client", "create", "--name", "App", "--id", "app", "--redirect-uri", "http://127.0.0.1/cb")
	made("api", "create", "--uri", "https://api.example.com", "--name", "API", "--scope", "read")
	made("client", "rotate-secret", "app")

	for _, args := range [][]string{
		{"client", "list"}, {"client", "show", "app"}, {"client", "update", "app", "--name", "Other"}, {"client", "disable", "app"}, {"client", "enable", "app"},
		{"api", "list"}, {"api", "update", "https://api.example.com", "--name", "Other"}, {"key", "list"}, {"grant", "list"}, {"user", "list"}, {"doctor"},
		{"client", "create", "--name", "Second", "--id", "second", "--redirect-uri", "http://127.0.0.1/cb"}, {"client", "delete", "second"},
		{"client", "delete", "app"},
	} {
		for _, form := range [][]string{nil, {"--json"}} {
			if form != nil && len(args) > 1 && (args[1] == "create" || args[1] == "delete") {
				continue // cannot be done twice
			}
			out := command(t, file, append(args, form...)...)
			for _, secret := range secrets {
				if strings.Contains(out, secret) || strings.Contains(out, secret[5:20]) {
					t.Errorf("%v shows a secret again: %s", args, out)
				}
			}
		}
	}
	for _, name := range []string{file, file + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(content), secret) {
				t.Errorf("%s holds a secret", filepath.Base(name))
			}
		}
	}
}

func filesOfTheirOwner(t *testing.T) {
	dir := t.TempDir()
	chmod(t, dir, 0o777)
	file := filepath.Join(dir, "regrant.db")
	command(t, file, "client", "create", "--name", "App", "--redirect-uri", "http://127.0.0.1/cb")

	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

// command runs regrant on a database file and gives what it prints anywhere.
func command(t *testing.T, file string, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	if code := run(append(args, "--db", file), os.Stdin, &out, &errs); code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
	}
	return out.String() + errs.String()
}
