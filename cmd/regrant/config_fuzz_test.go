package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"regrant/app/oauth"
)

// FuzzSettings: a file and a flag are either understood as they were written or refused in one line, and what is accepted speaks to
// nobody in the clear (GEN-01; 81 in requirements.md part 3).
func FuzzSettings(f *testing.F) {
	for _, text := range []string{
		``, `listen = "127.0.0.1:8080"`, `listen = ":8080"`, `listen = "0.0.0.0:80"` + "\ntrusted-proxy = [\"10.0.0.0/8\"]", `listen = "[::1]:0"`, `listen = 8080`, `lisen = "x"`,
		`issuer = "https://id.example.com"`, `issuer = "https://id.example.com/?x"`, `issuer = "http://evil.test"`, `trusted-proxy = ["0.0.0.0/0"]`, `trusted-proxy = ["10.1.2.3/8", "::1"]`,
		`trusted-proxy = "127.0.0.1"`, `origin = ["https://app.test"]`, `origin = ["https://app.test/"]`, `origin = ["null"]`, `token-budget = -1`, `token-budget = 1e9`, `page-budget = "10"`,
		"[log]\nlevel = \"debug\"\nformat = \"json\"", "[log.level]\nx = 1", "listen = \"a\"\nlisten = \"b\"", `"listen" = '''x'''`, "x = [", "\x00", "listen = \"\\u0000:1\"", "[[serve]]\nlisten=1", "db = \"\"",
	} {
		f.Add(text, "")
		f.Add(text, "--listen=127.0.0.1:9999")
		f.Add(text, "--trusted-proxy=127.0.0.1,10.0.0.0/8")
	}
	f.Fuzz(func(t *testing.T, text, flag string) {
		file, err := readSettings("x.toml", text)
		if err != nil {
			if u := (usageError{}); !errors.As(err, &u) || !strings.HasPrefix(err.Error(), "x.toml: ") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		args := []string{"serve"}
		if strings.HasPrefix(flag, "--listen=") || strings.HasPrefix(flag, "--issuer=") || strings.HasPrefix(flag, "--origin=") || strings.HasPrefix(flag, "--trusted-proxy=") {
			args = append(args, flag)
		}
		g := &grammar{}
		parser, err := kong.New(g, append(parserOptions(), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) { t.Fatalf("%q, %q: exits", text, flag) }), kong.Resolvers(file))...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			return
		}
		for name, value := range file.values {
			if _, isText := value.(string); isText && name == "listen" && len(args) == 1 && g.Serve.Listen != value {
				t.Fatalf("%q: listen is %q", text, g.Serve.Listen)
			}
		}
		if strings.HasPrefix(flag, "--listen=") && g.Serve.Listen != strings.TrimPrefix(flag, "--listen=") {
			t.Fatalf("%q beats %q: %q", text, flag, g.Serve.Listen)
		}
		// What names files would read them.
		only := serveCommand{Listen: g.Serve.Listen, Issuer: g.Serve.Issuer, TrustedProxy: g.Serve.TrustedProxy, Origin: g.Serve.Origin, OpsListen: g.Serve.OpsListen,
			LogFormat: g.Serve.LogFormat, LogLevel: g.Serve.LogLevel, TokenBudget: g.Serve.TokenBudget, PageBudget: g.Serve.PageBudget}
		s, err := only.settings("regrant.db")
		if err != nil {
			return
		}
		if !isLoopback(s.Listen) && !slices.ContainsFunc(s.proxies, elsewhere) {
			t.Fatalf("%q, %q: everybody may connect in the clear at %q", text, flag, s.Listen)
		}
		for _, p := range s.proxies {
			if p.Bits() == 0 || p != p.Masked() {
				t.Fatalf("%q, %q: %s is everybody", text, flag, p)
			}
		}
		if s.TokenBudget < 0 || s.PageBudget < 0 || s.OpsListen != "" && s.OpsListen == s.Listen {
			t.Fatalf("%q, %q: %+v", text, flag, s.serveCommand)
		}
		if s.Issuer != "" && oauth.ValidateIssuer(s.Issuer) != nil {
			t.Fatalf("%q, %q: the issuer is %q", text, flag, s.Issuer)
		}
		for _, origin := range s.Origin {
			if strings.ContainsAny(origin, " /*@") && strings.Count(origin, "/") != 2 {
				t.Fatalf("%q, %q: %q is an origin", text, flag, origin)
			}
		}
		s.logger(io.Discard)
	})
}
