package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
)

// clientProgram is a client in another language, made of a library of nobody here, for which the test is the person with the browser.
type clientProgram struct {
	*party
	dir     string
	command []string
	given   map[string]any // besides what every client is told
}

// programVisit is where it sends the person.
type programVisit struct {
	Visit string
	Code  string // of a device
	Done  *programResult
}

// programResult is what it has to say in the end.
type programResult struct {
	Email        string
	AccessTokens int    `json:"access_tokens"`
	SignedOut    string `json:"signed_out"`
	Resource     string
	Scope        string
	ClientID     string `json:"client_id"`
}

// run starts the program and is its person until it is done.
func (c *clientProgram) run() programResult {
	c.t.Helper()
	given := map[string]any{"issuer": c.issuer, "client_id": c.id, "client_secret": c.secret, "redirect_uri": c.redirectURI, "scope": certifiedScope}
	for name, value := range c.given {
		given[name] = value
	}
	b, err := json.Marshal(given)
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(c.t.Context(), c.command[0], c.command[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "CLIENT="+string(b), "NODE_EXTRA_CA_CERTS="+c.certificate, "REQUESTS_CA_BUNDLE="+c.certificate, "PYTHONDONTWRITEBYTECODE=1")
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
		var v programVisit
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			c.t.Fatalf("%s: %s", c.command, lines.Text())
		}
		if v.Done != nil {
			if err := cmd.Wait(); err != nil {
				c.t.Fatalf("%s: %v %s", c.command, err, said.String())
			}
			return *v.Done
		}
		if _, err := io.WriteString(in, c.visit(v)+"\n"); err != nil {
			c.t.Fatal(err)
		}
	}
	cmd.Wait()
	c.t.Fatalf("%s: %s", c.command, said.String())
	return programResult{}
}

// visit is the person's browser: it goes where the client sends it and does there what a person does who agrees, until it is sent to the
// client or there is nothing more to do.
func (c *clientProgram) visit(v programVisit) (arrived string) {
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
