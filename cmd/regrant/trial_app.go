package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"regrant/app/oauth"
)

// trialApp is an application under test.
type trialApp interface {
	// signIn lets the person sign in, and returns when the application has tokens.
	signIn(ctx context.Context) error
	// call makes the application do something that needs its access token.
	call(ctx context.Context) trialCall
}

// trialCall is how a call went.
type trialCall struct {
	ok   bool
	out  bool   // it asks for another sign-in
	what string // in words, of one that has not worked
}

// trialCallback is the redirect URI of a command that has its tokens from the test.
const trialCallback = "http://127.0.0.1/callback"

// maxTrialAnswer bounds what is read of an answer or an output, in bytes.
const maxTrialAnswer = 4 << 20

// awaitSignIn waits until somebody has signed in by hand.
func awaitSignIn(ctx context.Context, d *trialDoor, before int, wait time.Duration) error {
	for began := time.Now(); time.Since(began) < wait; {
		if _, n := d.tokens(); n > before {
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("nobody has signed in to the application within %s", wait)
}

// trialSite is an application that is called over HTTP, with the cookies of one browser.
type trialSite struct {
	server         *trialServer
	url, signInURL string
	header         http.Header
	expect         string
	byHand         bool
	wait, timeout  time.Duration

	browser *http.Client
	landed  string // where a call that works ends
}

// newBrowser forgets all cookies.
func (a *trialSite) newBrowser() error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	a.browser, a.landed = &http.Client{Jar: jar, Timeout: a.timeout}, ""
	return nil
}

func (a *trialSite) signIn(ctx context.Context) error {
	_, before := a.server.door.tokens()
	if a.browser == nil || !a.byHand {
		if err := a.newBrowser(); err != nil {
			return err
		}
	}
	if a.byHand {
		return awaitSignIn(ctx, a.server.door, before, a.wait)
	}
	response, body, err := a.get(ctx, a.signInURL)
	for began := time.Now(); errors.Is(err, syscall.ECONNREFUSED) && time.Since(began) < a.wait; { // it may be started by and by
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		response, body, err = a.get(ctx, a.signInURL)
	}
	if err != nil {
		return fmt.Errorf("the application does not let anybody in: %w", err)
	}
	if _, n := a.server.door.tokens(); n == before {
		return fmt.Errorf("nobody signed in at the server of the test: %s ended at %s with %s%s; name the address that begins a sign-in with --sign-in, or say --by-hand",
			a.signInURL, response.Request.URL.Redacted(), demoStatus(response.StatusCode), firstLine(body))
	}
	return nil
}

// get follows redirects.
func (a *trialSite) get(ctx context.Context, address string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range a.header {
		r.Header[name] = values
		if name == "Host" {
			r.Host = values[0]
		}
	}
	response, err := a.browser.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTrialAnswer))
	return response, body, err
}

// errToServer ends a call that is sent to the server, where the test would only be signed in again.
var errToServer = errors.New("it sends the person to the server to sign in")

func (a *trialSite) call(ctx context.Context) trialCall {
	calling := *a
	calling.browser = &http.Client{Jar: a.browser.Jar, Timeout: a.browser.Timeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		switch {
		case strings.HasPrefix(r.URL.String(), a.server.issuer+"/"):
			return errToServer
		case len(via) > 20:
			return errors.New("more than 20 redirects")
		}
		return nil
	}}
	response, body, err := calling.get(ctx, a.url)
	switch {
	case errors.Is(err, errToServer):
		return trialCall{out: true, what: errToServer.Error()}
	case err != nil:
		return trialCall{what: err.Error()}
	case response.StatusCode == http.StatusUnauthorized:
		return trialCall{out: true, what: demoStatus(response.StatusCode)}
	case response.StatusCode < 200 || response.StatusCode > 299:
		return trialCall{what: demoStatus(response.StatusCode) + firstLine(body)}
	}
	landed := response.Request.URL.Host + response.Request.URL.Path
	if a.landed != "" && landed != a.landed {
		return trialCall{out: true, what: "it sends the person to " + response.Request.URL.Path}
	}
	if a.expect != "" && !bytes.Contains(body, []byte(a.expect)) {
		return trialCall{what: fmt.Sprintf("%s without %q", demoStatus(response.StatusCode), a.expect)}
	}
	if a.landed == "" { // the first call after a sign-in, which is alone
		a.landed = landed
	}
	return trialCall{ok: true}
}

// firstLine gives what an answer begins with, to be shown after something else.
func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if line == "" {
		return ""
	}
	if len(line) > 120 {
		line = strings.ToValidUTF8(line[:120], "") + "…"
	}
	return ": " + safe([]string{line})[0]
}

// lastLine gives what an output ends with, which is where programs say why they fail.
func lastLine(output []byte) string {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return firstLine(lines[len(lines)-1])
}

// trialCommand is an application that runs once for each call.
type trialCommand struct {
	server        *trialServer
	args          []string
	expect        string
	byHand        bool
	wait, timeout time.Duration
}

// tokenFile is where the command keeps its tokens.
func (a *trialCommand) tokenFile() string { return filepath.Join(a.server.dir, "tokens.json") }

func (a *trialCommand) signIn(ctx context.Context) error {
	_, before := a.server.door.tokens()
	if a.byHand {
		return awaitSignIn(ctx, a.server.door, before, a.wait)
	}
	tokens, err := a.server.obtain(ctx)
	if err != nil {
		return fmt.Errorf("sign in for the command: %w", err)
	}
	return os.WriteFile(a.tokenFile(), tokens, 0o600)
}

func (a *trialCommand) call(ctx context.Context) trialCall {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	command := exec.CommandContext(ctx, a.args[0], a.args[1:]...)
	command.Env = append(os.Environ(), "REGRANT_TEST_ISSUER="+a.server.issuer, "REGRANT_TEST_CLIENT_ID="+a.server.client.ID, "REGRANT_TEST_CLIENT_SECRET="+a.server.secret)
	if !a.byHand {
		command.Env = append(command.Env, "REGRANT_TEST_TOKENS="+a.tokenFile())
	}
	command.WaitDelay = time.Second
	var out, complaint capped
	command.Stdout, command.Stderr = &out, &complaint
	err := command.Run()
	switch {
	case ctx.Err() != nil:
		return trialCall{what: fmt.Sprintf("it has not ended within %s", a.timeout)}
	case err != nil:
		text := complaint.kept
		if len(bytes.TrimSpace(text)) == 0 {
			text = out.kept
		}
		return trialCall{what: err.Error() + lastLine(text)}
	case a.expect != "" && !bytes.Contains(out.kept, []byte(a.expect)):
		return trialCall{what: fmt.Sprintf("its output is without %q", a.expect)}
	}
	return trialCall{ok: true}
}

// capped keeps the first bytes of an output, and lets the rest go.
type capped struct{ kept []byte }

// Write implements io.Writer.
func (c *capped) Write(b []byte) (int, error) {
	c.kept = append(c.kept, b[:min(len(b), maxTrialAnswer-len(c.kept))]...)
	return len(b), nil
}

// obtain signs the person in to the client as an application would, RFC 6749 §4.1 with PKCE, and gives the token response.
func (s *trialServer) obtain(ctx context.Context) ([]byte, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	callback := s.client.RedirectURIs[0]
	back := errors.New("back at the application")
	var answer url.Values
	browser := &http.Client{Jar: jar, Transport: inside{s.door}, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback+"?") {
			answer = r.URL.Query()
			return back
		}
		return nil
	}}
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"client_id": {s.client.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {s.client.Scope.String()}, "state": {rand.Text()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.issuer+"/authorize?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if response, err := browser.Do(r); err == nil {
		response.Body.Close()
		return nil, fmt.Errorf("the server answers %s at %s", demoStatus(response.StatusCode), response.Request.URL.Path)
	} else if !errors.Is(err, back) {
		return nil, err
	}
	if answer.Get("code") == "" {
		return nil, fmt.Errorf("the server answers %s: %s", answer.Get("error"), answer.Get("error_description"))
	}
	status, body, err := s.askToken(ctx, s.door, url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}})
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("the token endpoint answers %s%s", demoStatus(status), firstLine(body))
	}
	return body, nil
}

// askToken asks the token endpoint as the client, without the network.
func (s *trialServer) askToken(ctx context.Context, at http.Handler, form url.Values) (status int, body []byte, err error) {
	switch s.client.AuthMethod {
	case oauth.AuthPost:
		form.Set("client_secret", s.secret)
		fallthrough
	case oauth.AuthNone:
		form.Set("client_id", s.client.ID)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if s.client.AuthMethod == oauth.AuthBasic {
		r.SetBasicAuth(url.QueryEscape(s.client.ID), url.QueryEscape(s.secret)) // RFC 6749 §2.3.1
	}
	response, err := (inside{at}).RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}
