package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// nodeClient is a program of testdata/node, a client made of a library of npm, for which the test is the person with the browser.
type nodeClient struct {
	*party
	script string
	given  map[string]any
}

// nodeVisit is where the client sends the person.
type nodeVisit struct {
	Visit string
	Code  string // of a device
	Done  *nodeResult
}

// nodeResult is what the client has to say in the end.
type nodeResult struct {
	Email        string
	AccessTokens int    `json:"access_tokens"`
	SignedOut    string `json:"signed_out"`
	Resource     string
	Scope        string
	ClientID     string `json:"client_id"`
}

// needNode makes sure of Node and of the libraries, as package-lock.json names them.
func needNode(t *testing.T) {
	t.Helper()
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

func TestNodeClientsStaySignedIn(t *testing.T) {
	t.Parallel()
	needNode(t)
	s := newCertified(t)
	for name, c := range map[string]nodeClient{
		"openid-client":           {s.registerAt(nodeCallback, "client_secret_basic"), "openid-client.mjs", map[string]any{"kind": "code", "signed_out": signedOutURI}},
		"openid-client, public":   {s.registerAt(nodeCallback, "none"), "openid-client.mjs", map[string]any{"kind": "code"}},
		"openid-client, FAPI 2.0": s.nodeFAPI(),
		"openid-client, a device": {s.registerAt(nodeCallback, "none", "--grant-type", "urn:ietf:params:oauth:grant-type:device_code", "--grant-type", "refresh_token"),
			"openid-client.mjs", map[string]any{"kind": "device"}},
		"oauth4webapi":              {s.registerAt(nodeCallback, "none", "--dpop"), "oauth4webapi.mjs", map[string]any{"algorithm": "oidc"}},
		"oauth4webapi, by RFC 8414": {s.registerAt(nodeCallback, "none"), "oauth4webapi.mjs", map[string]any{"algorithm": "oauth2"}},
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
func (s *certified) nodeFAPI() nodeClient {
	s.t.Helper()
	f := s.registerFAPI()
	return nodeClient{f.party, "openid-client.mjs", map[string]any{"kind": "fapi", "jwk": privateJWK(s.t, f.key)}}
}

func privateJWK(t *testing.T, key *ecdsa.PrivateKey) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKey{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run starts the program and is its person until it is done.
func (c *nodeClient) run() nodeResult {
	c.t.Helper()
	given := map[string]any{"issuer": c.issuer, "client_id": c.id, "client_secret": c.secret, "redirect_uri": c.redirectURI, "scope": certifiedScope}
	for name, value := range c.given {
		given[name] = value
	}
	b, err := json.Marshal(given)
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(c.t.Context(), "node", c.script)
	cmd.Dir = "testdata/node"
	cmd.Env = append(os.Environ(), "CLIENT="+string(b), "NODE_EXTRA_CA_CERTS="+c.certificate)
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v nodeVisit
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			c.t.Fatalf("%s: %s", c.script, lines.Text())
		}
		if v.Done != nil {
			if err := cmd.Wait(); err != nil {
				c.t.Fatalf("%s: %v %s", c.script, err, said.String())
			}
			return *v.Done
		}
		if _, err := io.WriteString(in, c.visit(v)+"\n"); err != nil {
			c.t.Fatal(err)
		}
	}
	cmd.Wait()
	c.t.Fatalf("%s: %s", c.script, said.String())
	return nodeResult{}
}

// visit is the person's browser: it goes where the client sends it and does there what a person does who agrees, until it is sent to the
// client or there is nothing more to do.
func (c *nodeClient) visit(v nodeVisit) (arrived string) {
	c.t.Helper()
	response, err := c.browser.Get(v.Visit)
	for range 10 {
		got := c.read(response, err)
		if got.location != "" {
			return got.location
		}
		action := ""
		if form := formStart.FindStringSubmatch(got.page); form != nil {
			action = form[1]
		}
		switch at := response.Request.URL; {
		case got.status != http.StatusOK:
			c.t.Fatalf("%s: %d %s", at, got.status, got.page)
		case action == "/device" && v.Code != "":
			fields := url.Values{"user_code": {v.Code}}
			for _, hidden := range hiddenField.FindAllStringSubmatch(got.page, -1) {
				fields.Add(hidden[1], hidden[2])
			}
			response, err = c.browser.PostForm(c.issuer+"/device", fields)
		case strings.HasSuffix(at.Path, "/login"), strings.HasSuffix(at.Path, "/consent"):
			response, err = fill(c.browser, at, got.page, "alice@example.com", realPassword)
		default:
			return at.String()
		}
	}
	c.t.Fatal("no end of pages")
	return ""
}
