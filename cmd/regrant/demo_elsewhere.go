package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/term"

	"regrant/app/oauth"
	"regrant/web/view"
)

// demoElsewhere says for which client of which server the application alone runs.
type demoElsewhere struct {
	Server            string            `group:"At a server that is running" placeholder:"URL" help:"Start the application only, for a client of this server."`
	ClientID          string            `group:"At a server that is running" name:"client-id" placeholder:"ID" help:"The client's id."`
	ClientSecretStdin bool              `group:"At a server that is running" help:"Read the client's secret from standard input; a public client has none."`
	AuthMethod        *oauth.AuthMethod `group:"At a server that is running" placeholder:"METHOD" help:"How the client sends its secret: client_secret_basic (default) or client_secret_post."`
	Scope             string            `group:"At a server that is running" placeholder:"\"A B\"" help:"What to ask for (default \"openid profile email offline_access\")."`
}

// demoClient is the application as the server knows it.
type demoClient struct {
	id     string
	secret string // "" for a public client
	method oauth.AuthMethod
	scope  string        // what it asks for at sign-in
	wider  string        // what nobody allows it at sign-in
	grace  time.Duration // the window of its policy; 0 where that is the server's to know
}

// demoEndpoints are the server's, RFC 8414 §2.
type demoEndpoints struct{ authorize, token, userinfo, revoke, introspect string }

// endpointsOf are those of our own server.
func endpointsOf(issuer string) demoEndpoints {
	return demoEndpoints{issuer + "/authorize", issuer + "/token", issuer + "/userinfo", issuer + "/revoke", issuer + "/introspect"}
}

// demoResource is what the access token opens: the demo's API, or at a server elsewhere its userinfo endpoint. The last three are
// keys of the catalogue.
type demoResource struct{ url, party, gives, title, rule string }

// elsewhere says whether the server is somebody else's.
func (d *demo) elsewhere() bool { return d.engine == nil }

// client is the one that the flags name, nil for the whole demo.
func (f demoElsewhere) client(p *program) (*demoClient, error) {
	if f.Server == "" {
		if f.ClientID != "" || f.ClientSecretStdin || f.AuthMethod != nil || f.Scope != "" {
			return nil, usage("server: say with --server where the client is registered")
		}
		return nil, nil
	}
	if f.ClientID == "" {
		return nil, usage("client-id: say with --client-id which client of the server the application is")
	}
	c := &demoClient{id: f.ClientID, method: oauth.AuthNone, scope: f.Scope}
	if c.scope == "" {
		c.scope = oauth.DefaultScope.String()
	}
	scope, err := oauth.ParseScope(c.scope)
	if err != nil || len(scope) == 0 {
		return nil, usage("scope: %q is not a list of scopes", c.scope)
	}
	c.scope, c.wider = scope.String(), "everything"
	if f.AuthMethod != nil {
		c.method = *f.AuthMethod
	} else if f.ClientSecretStdin {
		c.method = oauth.AuthBasic
	}
	switch c.method {
	case oauth.AuthBasic, oauth.AuthPost:
		if !f.ClientSecretStdin {
			return nil, usage("auth-method: %s needs --client-secret-stdin", c.method)
		}
	case oauth.AuthNone:
		if f.ClientSecretStdin {
			return nil, usage("auth-method: with none there is no secret to read")
		}
		return c, nil
	default:
		return nil, usage("auth-method: the demo knows client_secret_basic, client_secret_post and none")
	}
	c.secret, err = readClientSecret(p)
	return c, err
}

// readClientSecret reads it from standard input, and from a terminal without showing it.
func readClientSecret(p *program) (string, error) {
	if term.IsTerminal(int(p.stdin.Fd())) {
		secret, err := p.ask("Client secret: ")
		if secret = strings.TrimSpace(secret); err == nil && secret == "" {
			err = usage("client-secret-stdin: no secret was typed")
		}
		return secret, err
	}
	text, err := io.ReadAll(io.LimitReader(p.stdin, 64<<10))
	if err != nil {
		return "", fmt.Errorf("read the client secret: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || len(strings.Fields(secret)) > 1 {
		return "", usage("client-secret-stdin: standard input must hold the secret and nothing else")
	}
	return secret, nil
}

// demoAppAddress is where the application listens when nobody says where, so that its redirect URI can be known beforehand.
const demoAppAddress = "127.0.0.1:8081"

// newDemoElsewhere makes the application alone, for a client of the server at that address. Where listen is "", it takes a port
// that is free.
func newDemoElsewhere(ctx context.Context, listen, server string, client demoClient, log *slog.Logger) (d *demo, err error) {
	d = emptyDemo(log)
	d.client = client
	if err := d.discover(ctx, strings.TrimSuffix(server, "/")); err != nil {
		return d, err
	}
	d.opens = demoResource{url: d.at.userinfo, party: view.DemoServer, gives: "demo.says.claims", title: "demo.scene.called_userinfo.title", rule: "demo.scene.called_userinfo.rule"}
	d.places = []*demoPlace{&d.app}
	if listen == "" {
		listen = freeNear(demoAppAddress)
	}
	if err := demoListen(listen, d.places...); err != nil {
		return d, err
	}
	d.app.handler = d.appHandler()
	return d, nil
}

// discover reads what the server says of itself, OpenID Connect Discovery §4, and believes only a server that is at its own
// issuer (§4.3).
func (d *demo) discover(ctx context.Context, issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return usage("server: %q is not an address such as http://localhost:8080", issuer)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer+"/.well-known/openid-configuration", nil)
	if err != nil {
		return usage("server: %q is not an address such as http://localhost:8080", issuer)
	}
	r.Header.Set("User-Agent", demoAgent)
	answer := receive(d.http, r)
	if failed := (*url.Error)(nil); errors.As(answer.Err, &failed) {
		answer.Err = failed.Err
	}
	if answer.Err != nil {
		return fmt.Errorf("server: %s does not answer (%w); is the server running?", issuer, answer.Err)
	}
	var m struct {
		Issuer    string `json:"issuer"`
		Authorize string `json:"authorization_endpoint"`
		Token     string `json:"token_endpoint"`
		Userinfo  string `json:"userinfo_endpoint"`
		Revoke    string `json:"revocation_endpoint"`
	}
	if err := json.Unmarshal(answer.Body, &m); answer.Status != http.StatusOK || err != nil || m.Issuer == "" || m.Authorize == "" || m.Token == "" {
		return fmt.Errorf("server: at %s there is no OpenID Connect server: /.well-known/openid-configuration answers %s", issuer, demoStatus(answer.Status))
	}
	if m.Issuer != issuer {
		return fmt.Errorf("server: the server at %s calls itself %q; name it so: --server %q", issuer, m.Issuer, m.Issuer)
	}
	d.issuer, d.at = issuer, demoEndpoints{authorize: m.Authorize, token: m.Token, userinfo: m.Userinfo, revoke: m.Revoke}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	d.server = demoPlace{name: u.Hostname(), port: port, host: u.Host, url: issuer}
	return nil
}
