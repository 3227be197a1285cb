package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// fetchMain is the transcripts' HTTP client: fetch [-status 200] [-u id:secret] [-d form] [-H "Name: value"] URL. It prints
// the body.
func fetchMain() {
	status := flag.Int("status", http.StatusOK, "")
	client := flag.String("u", "", "")
	form := flag.String("d", "", "")
	has := flag.String("has", "", "")
	flag.Parse()
	body, err := fetch(flag.Arg(0), *client, *form, *status)
	fmt.Println(body)
	if err == nil && !strings.Contains(body, *has) {
		err = fmt.Errorf("the body does not contain %s", *has)
	}
	exitWith(err)
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// insecure is a client that any certificate will do for.
var insecure = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}

// fetch sends GET, or POST where there is a form, and wants that status.
func fetch(address, client, form string, status int) (string, error) {
	method := http.MethodGet
	if form != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, address, strings.NewReader(form))
	if err != nil {
		return "", err
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if id, secret, found := strings.Cut(client, ":"); found {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	}
	response, err := insecure.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != status {
		err = fmt.Errorf("status %d, not %d", response.StatusCode, status)
	}
	return string(body), err
}

const (
	scriptVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-test-verifier"
	scriptCallback = "http://localhost:3000/callback"
)

// signInMain goes through the whole code flow as a person with a browser: signin ISSUER CLIENT SECRET EMAIL PASSWORD SCOPE.
// The client's redirect URI is scriptCallback. It prints the token response.
func signInMain() {
	a := os.Args[1:]
	code, err := browse(a[0], a[1], a[3], a[4], a[5])
	exitWith(err)
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {scriptCallback}, "code_verifier": {scriptVerifier}}
	body, err := fetch(a[0]+"/token", a[1]+":"+a[2], form.Encode(), http.StatusOK)
	fmt.Println(body)
	exitWith(err)
}

var (
	hiddenField  = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	consentField = regexp.MustCompile(`name="(scope|claim)" value="([^"]+)"`)
	formStart    = regexp.MustCompile(`(?s)<form[^>]* action="([^"]+)"[^>]*>(.*?)</form>`)
)

// browse signs in and allows everything until the browser leaves for the client, and gives the code.
func browse(issuer, client, email, password, scope string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	challenge := sha256.Sum256([]byte(scriptVerifier))
	q := url.Values{
		"client_id": {client}, "redirect_uri": {scriptCallback}, "response_type": {"code"}, "scope": {scope}, "state": {"s"}, "prompt": {"consent"}, // without which nobody gets offline_access
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	response, err := browser.Get(issuer + "/authorize?" + q.Encode())
	for range 10 {
		if err != nil {
			return "", err
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		switch {
		case response.StatusCode == http.StatusSeeOther && strings.HasPrefix(response.Header.Get("Location"), scriptCallback):
			location, err := response.Location()
			if err != nil {
				return "", err
			}
			if code := location.Query().Get("code"); code != "" {
				return code, nil
			}
			return "", fmt.Errorf("no code: %s", location)
		case response.StatusCode == http.StatusSeeOther:
			location, _ := response.Location()
			response, err = browser.Get(location.String())
		case response.StatusCode == http.StatusOK:
			response, err = fill(browser, response.Request.URL, string(body), email, password)
		default:
			return "", fmt.Errorf("status %d: %s", response.StatusCode, body)
		}
	}
	return "", errors.New("no end of pages")
}

// fill submits the form of a sign-in or consent page.
func fill(browser *http.Client, page *url.URL, body, email, password string) (*http.Response, error) {
	return fillAndDecide(browser, page, body, email, password, "allow")
}

// fillAndDecide does the same for somebody who may say no.
func fillAndDecide(browser *http.Client, page *url.URL, body, email, password, decision string) (*http.Response, error) {
	for _, form := range formStart.FindAllStringSubmatch(body, -1) {
		fields := url.Values{}
		for _, hidden := range hiddenField.FindAllStringSubmatch(form[2], -1) {
			fields.Add(hidden[1], hidden[2])
		}
		switch {
		case strings.HasSuffix(form[1], "/login"):
			fields.Set("email", email)
			fields.Set("password", password)
		case strings.HasSuffix(form[1], "/consent"):
			fields.Set("decision", decision)
			for _, box := range consentField.FindAllStringSubmatch(form[2], -1) {
				fields.Add(box[1], box[2])
			}
		default:
			continue
		}
		action, err := page.Parse(form[1])
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequest(http.MethodPost, action.String(), strings.NewReader(fields.Encode()))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return browser.Do(r)
	}
	return nil, fmt.Errorf("no form to fill in on %s: %s", page, body)
}
