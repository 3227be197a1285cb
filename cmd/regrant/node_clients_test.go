package main

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// needNode makes sure of Node and of the libraries, as package-lock.json names them.
func needNode(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("programs in other languages take their time, and are not watched by the race detector")
	}
	missing := func(why string) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	version, err := exec.Command("node", "--version").Output()
	major, _, _ := strings.Cut(strings.TrimPrefix(string(version), "v"), ".")
	if n, _ := strconv.Atoi(major); err != nil || n < 20 {
		missing("Node 20 is not installed")
	}
	libraries.once.Do(func() {
		wanted, err1 := os.Stat("testdata/node/package-lock.json")
		there, err2 := os.Stat("testdata/node/node_modules/.package-lock.json")
		if err1 == nil && err2 == nil && there.ModTime().After(wanted.ModTime()) {
			return
		}
		install := exec.Command("npm", "ci")
		install.Dir = "testdata/node"
		if out, err := install.CombinedOutput(); err != nil {
			libraries.missing = fmt.Sprintf("npm ci: %v %s", err, out)
		}
	})
	if libraries.missing != "" {
		missing(libraries.missing)
	}
}

var libraries struct {
	once    sync.Once
	missing string
}

const nodeCallback = "https://rp.example/callback" // openid-client cuts off what query it has

// node is a program of testdata/node, made of a library of npm.
func node(p *party, script string, given map[string]any) *clientProgram {
	return &clientProgram{party: p, dir: "testdata/node", command: []string{"node", script}, given: given}
}

func TestNodeClientsStaySignedIn(t *testing.T) {
	t.Parallel()
	needNode(t)
	s := newCertified(t)
	for name, c := range map[string]*clientProgram{
		"openid-client":             node(s.registerAt(nodeCallback, "client_secret_basic"), "openid-client.mjs", map[string]any{"kind": "code", "signed_out": signedOutURI}),
		"openid-client, public":     node(s.registerAt(nodeCallback, "none"), "openid-client.mjs", map[string]any{"kind": "code"}),
		"openid-client, FAPI 2.0":   s.nodeFAPI(),
		"openid-client, a device":   node(s.registerAt(nodeCallback, "none", "--grant-type", "urn:ietf:params:oauth:grant-type:device_code", "--grant-type", "refresh_token"), "openid-client.mjs", map[string]any{"kind": "device"}),
		"oauth4webapi":              node(s.registerAt(nodeCallback, "none", "--dpop"), "oauth4webapi.mjs", map[string]any{"algorithm": "oidc"}),
		"oauth4webapi, by RFC 8414": node(s.registerAt(nodeCallback, "none"), "oauth4webapi.mjs", map[string]any{"algorithm": "oauth2"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.party = c.of(t)
			c.browser = s.browser(t, nil) // a session of its own, which it may end
			done := c.run()
			if done.Email != "alice@example.com" || done.AccessTokens != 11 {
				t.Errorf("%+v", done)
			}
			if c.given["signed_out"] != nil {
				if done.SignedOut != signedOutURI+"?state=bye" {
					t.Errorf("signed out to %q", done.SignedOut)
				}
				c.isSignedOut()
			}
		})
	}
}

// nodeFAPI is a client of the FAPI 2.0 Security Profile.
func (s *certified) nodeFAPI() *clientProgram {
	s.t.Helper()
	f := s.registerFAPI()
	return node(f.party, "openid-client.mjs", map[string]any{"kind": "fapi", "jwk": privateJWK(s.t, f.key)})
}

func privateJWK(t *testing.T, key *ecdsa.PrivateKey) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKey{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
