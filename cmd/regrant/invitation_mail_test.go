package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// From an admin's invitation over the mail that arrives to the account that its link makes: the binary serves, and a mail server
// on this machine takes its mails by STARTTLS and a password.
func TestAnInvitationArrivesByMailAndItsLinkWorks(t *testing.T) {
	mailServer := newSMTPServer(t, func(s *smtpServer) { s.user, s.password = "regrant", "velvet lantern" })
	t.Setenv("SSL_CERT_FILE", mailServer.cert)
	t.Setenv("REGRANT_SMTP_PASSWORD", "velvet lantern")
	listen, database := freeAddress(t), filepath.Join(t.TempDir(), "regrant.db")
	issuer := "http://" + strings.Replace(listen, "127.0.0.1", "localhost", 1)
	setup := startProgram(t, "", regexp.MustCompile(`http://\S+/setup/\S+`), "regrant", "serve", "--db", database, "--listen", listen,
		"--smtp-addr", mailServer.addr, "--smtp-user", "regrant", "--mail-from", "Acme Sign-in <id@acme.example>")
	admin, carl := newFormBrowser(t), newFormBrowser(t)
	admin.submit(setup, "/setup/", url.Values{"name": {"Ann"}, "email": {"ann@example.com"}, "password": {proofPassword}})
	if page := admin.get(issuer + "/admin/settings"); !strings.Contains(page, mailServer.addr+" (STARTTLS) as regrant") || strings.Contains(page, "velvet") {
		t.Error("the page of settings does not say how mails go, or shows the password")
	}

	page := admin.submit(issuer+"/admin/people/invite", "/admin/people/invite", url.Values{"email": {"carl@example.com"}, "name": {"Carl"}, "role": {"person"}})

	mail := mailServer.await()
	header, parts := mail.read(t)
	link := regexp.MustCompile(`(?m)^http://\S+/invite/\S+$`).FindString(parts["text/plain"])
	if !mail.secure || mail.to != "carl@example.com" || header.Get("From") != `"Acme Sign-in" <id@acme.example>` || link == "" || !strings.Contains(parts["text/html"], link) {
		t.Fatalf("got %+v", mail)
	}
	if !strings.Contains(page, link) {
		t.Error("the page does not show the same link")
	}
	carl.submit(link, "/invite/", url.Values{"name": {"Carl"}, "password": {"quilt-harbour-velvet-18"}})
	if page := carl.get(issuer + "/account/security"); !strings.Contains(page, "carl@example.com") {
		t.Errorf("nobody is signed in: %s", page)
	}

	admin.submit(issuer+"/admin/settings", "/admin/settings/test-mail", nil)
	if got := mailServer.await(); got.to != "ann@example.com" {
		t.Errorf("the test mail went to %s", got.to)
	}
}

// formBrowser keeps cookies and fills in forms.
type formBrowser struct {
	t      *testing.T
	client *http.Client
}

func newFormBrowser(t *testing.T) *formBrowser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &formBrowser{t, &http.Client{Jar: jar}}
}

func (b *formBrowser) get(address string) string {
	b.t.Helper()
	response, err := b.client.Get(address)
	return b.body(response, err)
}

// submit fills in the form of a page whose action contains that, and gives the page that follows.
func (b *formBrowser) submit(address, action string, fields url.Values) string {
	b.t.Helper()
	response, err := b.try(address, action, fields)
	return b.body(response, err)
}

// try is submit for a server that may not be there, or may refuse.
func (b *formBrowser) try(address, action string, fields url.Values) (*http.Response, error) {
	shown, err := b.client.Get(address)
	if err != nil {
		return nil, err
	}
	page, err := io.ReadAll(shown.Body)
	shown.Body.Close()
	if err != nil {
		return nil, err
	}
	for _, form := range formStart.FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(form[1], action) {
			continue
		}
		values := url.Values{}
		for _, hidden := range hiddenField.FindAllStringSubmatch(form[2], -1) {
			values.Add(hidden[1], hidden[2])
		}
		for name, v := range fields {
			values[name] = v
		}
		to, err := shown.Request.URL.Parse(form[1])
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(values.Encode()))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return b.client.Do(r)
	}
	return nil, &formMissing{address, action, shown.StatusCode, string(page)}
}

// formMissing says that a page does not have the form that somebody wanted to fill in.
type formMissing struct {
	address, action string
	status          int
	page            string
}

func (e *formMissing) Error() string {
	return fmt.Sprintf("%s (%d) has no form for %s: %s", e.address, e.status, e.action, e.page)
}

func (b *formBrowser) body(response *http.Response, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %d %s %v", response.Request.URL, response.StatusCode, text, err)
	}
	return string(text)
}
