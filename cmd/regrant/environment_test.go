package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"regrant/web"
)

func TestTheEnvironmentSaysByWhatEachSettingWasSet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "regrant.toml")
	if err := os.WriteFile(file, []byte("issuer = \"https://id.example\"\nlisten = \":1\"\norigin = [\"https://a.example\", \"https://b.example\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REGRANT_LISTEN", "127.0.0.1:2")
	t.Setenv("REGRANT_LOG_LEVEL", "debug")
	parsed, err := parse([]string{"serve", "--config", file, "--log-level", "warn", "--tls-key=key.pem"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}

	got := map[string]web.Setting{}
	for _, s := range parsed.environment() {
		got[s.Name] = s
	}

	for name, want := range map[string]web.Setting{
		"issuer":     {Value: "https://id.example", Source: "file"},
		"listen":     {Value: "127.0.0.1:2", Source: "environment"},
		"log-level":  {Value: "warn", Source: "flag"},
		"tls-key":    {Value: "key.pem", Source: "flag"},
		"origin":     {Value: "https://a.example, https://b.example", Source: "file"},
		"log-format": {Value: "text", Source: "default"},
		"config":     {Value: file, Source: "flag"},
		"db":         {Value: "regrant.db", Source: "default"},
		"ops-listen": {Source: "default"},
	} {
		want.Name = name
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, there := got["json"]; there {
		t.Error("json is no setting")
	}
}
