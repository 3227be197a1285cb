package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"regrant/app/settings"
	"regrant/db"
)

func TestANewClientBeginsWithThePolicyOfTheSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "regrant.db")
	store, err := db.Open(t.Context(), file, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := settings.Default()
	s.Policy.Idle, s.Policy.Grace = 7*24*time.Hour, 20*time.Second
	if _, err := settings.Save(t.Context(), store, s, settings.LogoChange{}, now(), operator()); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	for args, want := range map[string][2]float64{"": {7 * 86400, 20}, "--grace=5s": {7 * 86400, 5}, "--policy=strict": {30 * 86400, 0}} {
		line := []string{"client", "create", "--db", file, "--json", "--name", "App", "--redirect-uri", "https://app.test/cb"}
		if args != "" {
			line = append(line, args)
		}
		var out, problems bytes.Buffer
		if code := run(line, os.Stdin, &out, &problems); code != 0 {
			t.Fatal(problems.String())
		}
		var made struct{ Idle, Grace float64 }
		if err := json.Unmarshal(out.Bytes(), &made); err != nil {
			t.Fatal(err)
		}
		if got := [2]float64{made.Idle, made.Grace}; got != want {
			t.Errorf("%q: got %v, want %v", args, got, want)
		}
	}
}
