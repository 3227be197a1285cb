package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
)

// What a visitor reads leads to nothing: secrets are shortened everywhere.
func TestTheDemoShowsNoSecrets(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	b.signIn("allow")
	secrets := map[string]string{"client secret": d.client.secret}
	var pages strings.Builder
	for _, act := range []string{"call", "refresh", "twice", "lose", "wider", "secret", "expire", "refresh", "sign-out"} {
		for i, token := range b.visitor().tokens.refresh {
			secrets[fmt.Sprint("refresh token ", i)] = token
		}
		secrets["access token before "+act] = b.visitor().tokens.access
		pages.WriteString(b.press(act))
	}
	if len(secrets) < 10 {
		t.Fatalf("only %d secrets", len(secrets))
	}
	for name, secret := range secrets {
		for _, part := range []string{secret, secret[len(secret)/3:], secret[:len(secret)*2/3]} {
			if strings.Contains(pages.String(), part) {
				t.Errorf("a page shows the %s", name)
			}
		}
	}
	if long := regexp.MustCompile(`(rg[rca]1_|eyJ)[A-Za-z0-9_.-]{20,}`).FindString(pages.String()); long != "" {
		t.Errorf("a page shows %s", long)
	}
}

func TestTheDemoAPIRefusesByRFC6750(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	b.signIn("allow")
	for name, c := range map[string]struct {
		authorization string
		status        int
		challenge     string
	}{
		"nothing":        {"", 401, `Bearer realm="Notes API"`},
		"another scheme": {"Basic YTpi", 401, `Bearer realm="Notes API"`},
		"garbage":        {"Bearer garbage", 401, `Bearer realm="Notes API", error="invalid_token", error_description="The access token expired or was revoked"`},
		"a good token":   {"bearer " + b.visitor().tokens.access, 200, ""},
		"refresh token":  {"Bearer " + b.visitor().tokens.current(), 401, `Bearer realm="Notes API", error="invalid_token", error_description="The access token expired or was revoked"`},
	} {
		r, err := http.NewRequest("GET", d.api.url+"/notes", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", c.authorization)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.status || response.Header.Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: %d %q", name, response.StatusCode, response.Header.Get("WWW-Authenticate"))
		}
	}
}

func TestTheDemoAnswersItsOwnVisitorsOnly(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	b.signIn("allow")
	do := func(method, path string, change func(*http.Request)) *http.Response {
		t.Helper()
		r, err := http.NewRequest(method, d.app.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		response, err := (&http.Client{Jar: b.http.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}

	page := do("GET", "/", func(*http.Request) {})
	if csp := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	if got := do("GET", "/", func(r *http.Request) { r.Host = "evil.example" }).StatusCode; got != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", got)
	}
	if got := do("POST", "/act/sign-out", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }).StatusCode; got != http.StatusForbidden {
		t.Errorf("from another site: %d", got)
	}
	if got := do("POST", "/act/nonsense", func(*http.Request) {}).StatusCode; got != http.StatusNotFound {
		t.Errorf("an act that is none: %d", got)
	}
	before := len(b.visitor().scenes)
	do("GET", "/callback?code=rgc1_stolen&state=guess&iss="+url.QueryEscape(d.issuer), func(*http.Request) {})
	if v := b.visitor(); len(v.scenes) != before || v.tokens == nil {
		t.Error("an answer that nobody asked for did something")
	}
	if other := d.browser(t); strings.Contains(other.press("call"), "Alice Archer") {
		t.Error("a second browser sees the first one's sign-in")
	}
}

func TestTheDemoTellsOtherTabs(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	b.signIn("allow")
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, "GET", d.app.url+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	next := func() string {
		t.Helper()
		event := make([]byte, 256)
		n, err := response.Body.Read(event)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(strings.TrimPrefix(string(event[:n]), "data: "))
	}

	first := next()
	_, page := b.send("GET", d.app.url+"/", nil)
	if !strings.Contains(page, `data-version="`+first+`"`) {
		t.Errorf("the stream says %s, the page says something else", first)
	}
	page = b.press("call")
	if second := next(); second == first || !strings.Contains(page, `data-version="`+second+`"`) {
		t.Errorf("after a button: %s", second)
	}
}

// Time that passes at once is service, and no outage: windows end by it.
func TestTheDemoClockClosesWindows(t *testing.T) {
	d := newTestDemo(t)
	b := d.browser(t)
	b.signIn("allow")
	b.press("refresh")
	g := b.grant(b.visitor().tokens.grant)
	if d.engine.Now().Service >= g.WindowEnd {
		t.Fatal("no window is open after a refresh")
	}

	if err := d.clock.pass(t.Context(), d.client.grace, d.engine.Beat); err != nil {
		t.Fatal(err)
	}

	if now := d.engine.Now().Service; now < g.WindowEnd {
		t.Errorf("the window is open for another %d µs", g.WindowEnd-now)
	}
}

// The demo takes the next ports, or any that are free.
func TestTheDemoFindsPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	a, b := &demoPlace{}, &demoPlace{}

	err = demoListen(fmt.Sprintf("127.0.0.1:%d", port-1), a, b)
	for tries := 0; err != nil && tries < 50; tries++ { // the port before is taken too: take another pair
		other, errListen := net.Listen("tcp", "127.0.0.1:0")
		if errListen != nil {
			t.Fatal(errListen)
		}
		defer other.Close()
		port = other.Addr().(*net.TCPAddr).Port
		a, b = &demoPlace{}, &demoPlace{}
		err = demoListen(fmt.Sprintf("127.0.0.1:%d", port-1), a, b)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer a.listener.Close()
	defer b.listener.Close()

	if a.port != fmt.Sprint(port-1) || b.port == fmt.Sprint(port) || b.port == "0" {
		t.Errorf("ports %s and %s, where %d is taken", a.port, b.port, port)
	}
	if err := demoListen(fmt.Sprintf("127.0.0.1:%d", port), &demoPlace{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the server's own port is taken: %v", err)
	}
	at := taken.Addr().String()
	if free := freeNear(at); free == at || !strings.HasPrefix(free, "127.0.0.1:") || freeNear(free) != free {
		t.Errorf("near %s, which is taken, %s is free", at, free)
	}
}

// Who did not say where is not stopped by what listens there.
func TestTheDemoStartsWithoutAnAddressWhereItsPortIsTaken(t *testing.T) {
	if taken, err := net.Listen("tcp", demoAddress); err == nil {
		defer taken.Close()
	} // else another program has it, which is as good

	d, err := newDemo(t.Context(), "", slog.New(slog.DiscardHandler), account.Cost{Memory: 64, Iterations: 1, Lanes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()

	if d.server.host == demoAddress || d.issuer != "http://"+d.server.host || d.introduction().(demoIntroduction).Issuer != d.issuer {
		t.Errorf("it listens on %s and calls itself %s", d.server.host, d.issuer)
	}
}

func TestTheDemoIntroducesItself(t *testing.T) {
	d := newTestDemo(t)
	var text strings.Builder
	d.introduce(&text)
	for _, want := range []string{d.app.url, d.issuer, d.api.url, d.person.email, d.person.password, d.admin.email, d.admin.password} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s is missing from:\n%s", want, text.String())
		}
	}
	b, err := json.Marshal(d.introduction())
	if err != nil || !strings.Contains(string(b), `"application":"`+d.app.url+`"`) {
		t.Errorf("%s %v", b, err)
	}
}
