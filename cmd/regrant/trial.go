package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"regrant/app/account"
	"regrant/app/oauth"
)

// clientTest is regrant client test: it tries how an application gets along with refresh tokens that rotate.
type clientTest struct {
	Target            []string      `arg:"" name:"target" help:"An address of the application that works only for somebody who is signed in; or, after --, a command and its arguments."`
	Listen            string        `default:"127.0.0.1:8090" placeholder:"ADDR" help:"Where the server of the test listens (default ${default}). The application has to be configured for it: http://ADDR is its issuer."`
	ClientID          string        `name:"client-id" default:"app" placeholder:"ID" help:"The client_id that the application is configured with (default ${default})."`
	ClientSecretStdin bool          `help:"Read the secret that the application is configured with from standard input; without it the client is public."`
	SignIn            string        `placeholder:"URL" help:"Where the application begins a sign-in, if its own address does not."`
	ByHand            bool          `help:"Wait until somebody has signed in to the application; the server lets everybody in who comes to sign in."`
	Header            []string      `sep:"none" placeholder:"\"NAME: VALUE\"" help:"Sent with every call of the address; give it once for each."`
	Expect            string        `placeholder:"TEXT" help:"A call has worked only if its answer contains this."`
	Calls             int           `default:"8" placeholder:"N" help:"How many calls are made at once (default ${default})."`
	Wait              time.Duration `default:"2m" placeholder:"2m" help:"How long to wait for the application to start, or for somebody who signs in by hand (default ${default})."`
	CallTimeout       time.Duration `default:"30s" placeholder:"30s" help:"How long one call may take (default ${default})."`
	clientFlags
}

// trialLife is how long an access token of the test lives unless a flag says otherwise.
const trialLife = 3 * time.Second

// Help is shown by --help.
func (clientTest) Help() string {
	return `The test starts a server of its own, on a database that it removes at the end, and registers the application there with
the settings that the flags give, as in: regrant client create. Then it lets access tokens expire, makes calls at once, loses
an answer of the token endpoint, is out of order for a while, replays an old refresh token and ends the grant, and reports how
the application takes each. --db is not looked at.

An address is called by GET with the cookies that the application has set. The test signs in by following the application to
the server, which asks for no password and no consent. A command has worked if it ends with 0; it finds the tokens of its
sign-in in a file, a token response as JSON, that it should treat as its own store, and the rest in its environment:
REGRANT_TEST_TOKENS (the file), REGRANT_TEST_ISSUER, REGRANT_TEST_CLIENT_ID and REGRANT_TEST_CLIENT_SECRET.

The exit code is 0 if nothing failed; warnings are no failures.

Examples:

    regrant client test --redirect-uri http://localhost:3000/callback --client-secret-stdin http://localhost:3000/me
    regrant client test --policy multi-process -- ./mycli whoami
    regrant client test --by-hand --redirect-uri http://127.0.0.1/callback -- ./mycli whoami`
}

// Run starts the server of the test, tries everything and prints the report.
func (c clientTest) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := c.readKeys(p); err != nil {
		return err
	}
	secret := ""
	if c.ClientSecretStdin {
		var err error
		if secret, err = readClientSecret(p); err != nil {
			return err
		}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	s, err := newTrialServer(ctx, c.Listen, client, secret, newDemoClock(), log, account.DefaultCost())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- s.serve(ctx)
	}()
	t := &trial{server: s, calls: c.Calls, byHand: c.ByHand, pause: sleep, slow: time.Second}
	if !p.JSON {
		t.tell = func(v trialResult) { v.print(p.stdout) }
		s.introduce(p.stdout, c.command())
	}
	t.app = c.app(s)
	results, err := t.run(ctx)
	interrupted := ctx.Err() != nil
	cancel()
	if err := errors.Join(<-ended, s.close()); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	if interrupted {
		return errors.New("interrupted")
	}
	if err := p.print(trialReport(results), func(w io.Writer) { summarise(w, results) }); err != nil {
		return err
	}
	if n := countOf(results, trialFailed); n > 0 {
		return fmt.Errorf("the application failed; what to change is said above (%d of %d)", n, len(results))
	}
	return nil
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isAddress says whether somebody means an address by a word, and not a program.
func isAddress(word string) bool {
	return strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://")
}

// command gives what is to be run, nil for an address.
func (c clientTest) command() []string {
	if isAddress(c.Target[0]) {
		return nil
	}
	return c.Target
}

func (c clientTest) check() error {
	for _, address := range []string{c.Target[0], c.SignIn} {
		if u, err := url.Parse(address); isAddress(address) && (err != nil || u.Host == "") {
			return usage("%q is not an address", address)
		}
	}
	switch command := c.command(); {
	case !isLoopback(c.Listen):
		return usage("listen: %s is not a loopback address; the server of the test lets everybody in", c.Listen)
	case command == nil && len(c.Target) > 1:
		return usage("one address, or a command after --")
	case command == nil && len(c.RedirectURI) == 0:
		return usage("redirect-uri: say where the application's sign-in returns to")
	case command != nil && (c.SignIn != "" || c.Header != nil):
		return usage("--sign-in and --header are for an address, not for a command")
	case c.SignIn != "" && !isAddress(c.SignIn):
		return usage("sign-in: %q is not an address", c.SignIn)
	case c.SignIn != "" && c.ByHand:
		return usage("either --sign-in or --by-hand")
	case c.Calls < 2 || c.Calls > 100:
		return usage("calls: must be from 2 to 100")
	case c.CallTimeout < time.Second || c.Wait < time.Second:
		return usage("call-timeout and wait: must be 1s at least")
	case c.Group != nil:
		return usage("group: the server of the test has no groups")
	}
	for _, h := range c.Header {
		if name, _, ok := strings.Cut(h, ":"); !ok || strings.TrimSpace(name) == "" {
			return usage("header: %q is not of the form NAME: VALUE", h)
		}
	}
	return nil
}

// client is the application's registration.
func (c clientTest) client() (*oauth.Client, error) {
	client := &oauth.Client{ID: c.ClientID, Name: "The application under test", AuthMethod: oauth.AuthNone, Trusted: true}
	client.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
	if c.ClientSecretStdin {
		client.AuthMethod = oauth.AuthBasic
	}
	if c.command() != nil && len(c.RedirectURI) == 0 {
		client.RedirectURIs = []string{trialCallback}
	}
	if err := c.apply(client); err != nil {
		return nil, err
	}
	if c.AccessTokenLifetime == nil {
		client.Policy.AccessTokenLifetime = trialLife
	}
	switch {
	case client.HasSecret() && !c.ClientSecretStdin:
		return nil, usage("auth-method: %s needs --client-secret-stdin", client.AuthMethod)
	case !client.HasSecret() && c.ClientSecretStdin:
		return nil, usage("auth-method: with %s there is no secret to read", client.AuthMethod)
	case !client.Allows(oauth.GrantRefreshToken) && client.GrantTypes != nil:
		return nil, usage("grant-type: without refresh_token there is nothing to test")
	case c.command() != nil && !c.ByHand && (client.AuthMethod == oauth.AuthPrivateKeyJWT || client.DPoPRequired || client.PARRequired):
		return nil, usage("by-hand: with keys of its own, or with --require-par, the command has to sign in itself; say --by-hand")
	}
	return client, nil
}

// app is what is called.
func (c clientTest) app(s *trialServer) trialApp {
	if command := c.command(); command != nil {
		return &trialCommand{server: s, args: command, expect: c.Expect, byHand: c.ByHand, wait: c.Wait, timeout: c.CallTimeout}
	}
	header := http.Header{}
	for _, h := range c.Header {
		name, value, _ := strings.Cut(h, ":")
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	a := &trialSite{server: s, url: c.Target[0], signInURL: c.SignIn, header: header, expect: c.Expect, byHand: c.ByHand, wait: c.Wait, timeout: c.CallTimeout}
	if a.signInURL == "" {
		a.signInURL = a.url
	}
	return a
}

func countOf(results []trialResult, outcome trialOutcome) int {
	n := 0
	for _, r := range results {
		if r.Outcome == outcome {
			n++
		}
	}
	return n
}

// trialReport is the report in JSON.
func trialReport(results []trialResult) map[string]any {
	return map[string]any{
		"passed": countOf(results, trialFailed) == 0, "failed": countOf(results, trialFailed), "warnings": countOf(results, trialWarning),
		"trials": slices.Clip(results),
	}
}

func summarise(w io.Writer, results []trialResult) {
	fmt.Fprintf(w, "\n%d passed, %d with a warning, %d failed\n", countOf(results, trialPassed), countOf(results, trialWarning), countOf(results, trialFailed))
}
