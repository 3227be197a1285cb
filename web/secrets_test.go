package web_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"regrant/app/oauth"
	"regrant/db"
)

// ledger collects every secret that a site has issued or was sent.
type ledger map[string]string

func (l ledger) add(kind, secret string) {
	if len(secret) >= 12 {
		l[secret] = kind
	}
}

var (
	secretMember = regexp.MustCompile(`"(access_token|refresh_token|id_token|client_secret)":"([^"]+)"`)
	codeInURL    = regexp.MustCompile(`[?&]code=([^&]+)`)
)

// listen notes what is secret in what passes between a client and the server.
func (l ledger) listen(s *site) {
	next := s.http.Transport
	s.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		for _, c := range r.Cookies() {
			l.add("cookie", c.Value)
		}
		if _, secret, ok := r.BasicAuth(); ok {
			l.add("client secret", secret)
		}
		if h := r.Header.Get("Authorization"); h != "" {
			l.add("Authorization header", h)
		}
		if r.Body != nil && r.GetBody != nil {
			body, _ := r.GetBody()
			var b bytes.Buffer
			b.ReadFrom(body)
			if form, err := url.ParseQuery(b.String()); err == nil {
				for _, name := range []string{"password", "code", "code_verifier", "refresh_token", "client_secret", "token", "access_token", "form_token"} {
					for _, v := range form[name] {
						l.add(name, v)
					}
				}
			}
		}
		response, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		b.ReadFrom(response.Body)
		response.Body.Close()
		response.Body = http.NoBody
		if b.Len() > 0 {
			response.Body = readCloser{bytes.NewReader(b.Bytes())}
		}
		for _, c := range response.Cookies() {
			l.add("cookie", c.Value)
		}
		for _, m := range secretMember.FindAllStringSubmatch(b.String(), -1) {
			l.add(m[1], m[2])
		}
		for _, m := range hiddenField.FindAllStringSubmatch(b.String(), -1) {
			if m[1] == "form_token" {
				l.add("form token", m[2])
			}
		}
		for _, m := range codeInURL.FindAllStringSubmatch(response.Header.Get("Location"), -1) {
			l.add("code", m[1])
		}
		return response, nil
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// forms are the ways in which a secret may lie about.
func forms(secret string) map[string][]byte {
	all := map[string][]byte{
		"as it is": []byte(secret), "in base64": []byte(base64.RawStdEncoding.EncodeToString([]byte(secret))), "in base64url": []byte(base64.RawURLEncoding.EncodeToString([]byte(secret))),
		"URL-encoded": []byte(url.QueryEscape(secret)), "in hex": []byte(hex.EncodeToString([]byte(secret))),
	}
	if raw, err := base64.RawURLEncoding.DecodeString(secret); err == nil && len(raw) >= 16 {
		all["decoded"] = raw
		all["decoded, in hex"] = []byte(hex.EncodeToString(raw))
	}
	// Most of it is enough to guess the rest. The beginning of a JWT is the same in all of them.
	if len(secret) > 40 && !strings.HasPrefix(secret, "eyJ") {
		all["cut off"] = []byte(secret[:len(secret)*2/3])
	}
	return all
}

// files gives what lies on the disk: the database, its WAL, whatever else is there. They are copied by another process, since
// closing a file of SQLite's in this one would drop its locks.
func files(t *testing.T, s *site) map[string][]byte {
	t.Helper()
	to := t.TempDir()
	if out, err := exec.Command("cp", "-R", filepath.Dir(s.path)+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v %s", err, out)
	}
	all := map[string][]byte{}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[filepath.Base(path)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func noSecretsAnywhere(t *testing.T) {
	s := newSite(t)
	secrets := ledger{}
	secrets.listen(s)
	for name, secret := range s.secret {
		if !strings.HasSuffix(name, ".id") {
			secrets.add("client secret", secret)
		}
	}

	crawl(s)
	everythingWithTokens(t, s)
	misplaced(s, secrets)
	secondFactors(s, secrets)
	if err := s.people.SetPassword(context.Background(), s.person["U2"].ID, "quartz-lantern-meadow-41", by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	secrets.add("password", "quartz-lantern-meadow-41")
	s.pass(3 * time.Second) // what is written behind gets written

	kinds := map[string]int{}
	for _, kind := range secrets {
		kinds[kind]++
	}
	t.Logf("%d secrets: %v", len(secrets), kinds)
	for _, kind := range []string{"cookie", "code", "refresh_token", "access_token", "id_token", "client secret", "code_verifier", "password", "form token", "Authorization header", "secret of an app", "recovery code", "unfinished sign-in"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s was collected, so none was looked for", kind)
		}
	}
	places := files(t, s)
	places["the log"] = []byte(s.log.String())
	if len(places["regrant.db"])+len(places["regrant.db-wal"]) < 100<<10 || !bytes.Contains(append(places["regrant.db"], places["regrant.db-wal"]...), []byte("alice@example.com")) {
		t.Fatal("the files hold nothing, so nothing was looked at")
	}
	if !strings.Contains(s.log.String(), `"request_id"`) || len(s.log.String()) < 10_000 {
		t.Fatal("the log holds nothing, so nothing was looked at")
	}
	for secret, kind := range secrets {
		for form, bytesOf := range forms(secret) {
			for place, content := range places {
				if i := bytes.Index(content, bytesOf); i >= 0 {
					t.Errorf("a %s %s is in %s: …%q…", kind, form, place, content[max(0, i-200):min(len(content), i+60)])
				}
			}
		}
	}
	for _, word := range []string{"code=", "Bearer ", "Basic ", "Set-Cookie", "code_verifier=", "password="} {
		if strings.Contains(s.log.String(), word) {
			t.Errorf("the log holds %q", word)
		}
	}
}

// secondFactors adds an authenticator app, and signs in with it and with a recovery code.
func secondFactors(s *site, secrets ledger) {
	b := s.browser()
	b.signIn("U2")
	page := b.get("/account/security/totp")
	app := s.scan(page)
	secrets.add("secret of an app", app.secret)
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(app.secret)
	if err != nil {
		s.t.Fatal(err)
	}
	secrets.add("secret of an app", string(raw))
	codes := recoveryCodes(b.submit(page, "/account/security/totp", url.Values{"code": {app.code(0)}}))
	for _, code := range codes {
		secrets.add("recovery code", code)
		secrets.add("recovery code", strings.ToUpper(strings.ReplaceAll(code, "-", "")))
	}
	for _, code := range []string{app.code(1), codes[0], codes[0], "wrong-code-0000-0000"} {
		other := s.browser()
		a := other.password(other.get(s.issuer+"/login"), "U2")
		step, _ := url.Parse(a.header.Get("Location"))
		secrets.add("unfinished sign-in", step.Query().Get("step"))
		other.second(other.wantStep(a, "/login/second"), code)
	}
}

// everythingWithTokens issues, rotates, replays, reuses, introspects and revokes.
func everythingWithTokens(t *testing.T, s *site) {
	for _, client := range []string{"CB", "CP", "PN", "PW", "TR"} {
		first := s.grant(client, "openid profile email read")
		second := s.refresh(client, first.text(t, "refresh_token"))
		s.refresh(client, first.text(t, "refresh_token")) // replay in the window
		s.active("RS", second.text(t, "access_token"))
		s.active("RS", second.text(t, "refresh_token"))
		s.refresh("CX", second.text(t, "refresh_token")) // another client's
		s.post("/token", client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.text(t, "refresh_token")}, "scope": {"write"}})
		s.pass(15 * time.Second)
		s.refresh(client, first.text(t, "refresh_token")) // reuse
		s.refresh(client, second.text(t, "refresh_token"))
		if client != "PN" && client != "PW" {
			s.post("/revoke", client, url.Values{"token": {second.text(t, "access_token")}})
		}
		u := s.browser().walk(s.az(client, nil), "U1")
		s.redeem(client, u)
		s.redeem(client, u) // code replay
		s.redeem("CX", s.browser().walk(s.az(client, nil), "U1"))
	}
	s.change("CB", func(c *oauth.Client) { c.Policy.AccessTokenFormat = oauth.FormatOpaque })
	opaque := s.grant("CB", "openid read")
	s.active("RS", opaque.text(t, "access_token"))
	s.post("/revoke", "CB", url.Values{"token": {opaque.text(t, "access_token")}})
	s.active("RS", opaque.text(t, "access_token"))
	s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
}

// misplaced sends secrets where they do not belong, as people and programs do.
func misplaced(s *site, secrets ledger) {
	token := s.grant("CB", "openid read")
	refresh, access := token.text(s.t, "refresh_token"), token.text(s.t, "access_token")
	u := s.browser().walk(s.az("CB", nil), "U1")
	code := u.Query().Get("code")
	for _, secret := range []string{refresh, access, code, s.secret["CB"]} {
		secrets.add("misplaced secret", secret)
		s.do(get(s.az("CB", url.Values{"client_id": {secret}})))
		s.do(get(s.az("CB", url.Values{"redirect_uri": {"https://app.test/" + secret}})))
		s.do(get(s.az("CB", url.Values{"scope": {secret}})))
		s.do(get(s.az("CB", url.Values{"resource": {"https://api.test/" + secret}})))
		s.do(get(s.az("CB", url.Values{"prompt": {secret}, "response_type": {secret}})))
		s.do(get(s.az("CB", url.Values{secret: {"a", "b"}})))
		s.do(get(s.az("CB", url.Values{"id_token_hint": {secret}})))
		for _, path := range []string{"/userinfo?access_token=", "/token?refresh_token=", "/authorize?code=", "/?code=", "/login?request=", "/consent?request=", "/token/", "/docs/", "/assets/"} {
			s.do(get(s.issuer + path + url.QueryEscape(secret)))
		}
		s.post("/token?refresh_token="+url.QueryEscape(secret), "CB", url.Values{"grant_type": {"refresh_token"}})
		for _, client := range []string{"CB", "PN"} {
			for _, name := range []string{"grant_type", "scope", "resource", "redirect_uri", "code", "code_verifier", "client_id", "token_type_hint", "refresh_token", "client_assertion"} {
				form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, name: {secret}}
				s.post("/token", client, form)
				s.post("/introspect", client, merged(form, url.Values{"token": {"x"}}))
			}
		}
		swapped := s.request("/token", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
		swapped.SetBasicAuth(url.QueryEscape(secret), "CB") // id and secret swapped
		s.do(swapped)
		swapped = s.request("/userinfo", "", nil)
		swapped.Header.Set("Authorization", "Bearer "+secret)
		s.do(swapped)
	}
	b := s.browser()
	s.attempt(b, password, password) // the password typed into the wrong field
	s.attempt(b, password+"@example.com", password)
	s.attempt(b, "alice@example.com", "quite-wrong-thing-55")
}

func logInjection(t *testing.T) {
	s := newSite(t)
	nasty := []string{"x\r\nlevel=ERROR msg=forged", "\x1b[31mred\x1b[0m", "\u202egnp.exe", "a\u2028b", "\u0085next", "{\"level\":\"ERROR\"}", "\x7f\x08\x08", "\u2066x\u2069", "<b>\xff\xfe"}
	for i, text := range nasty {
		name := strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == unicode.ReplacementChar {
				return '.'
			}
			return r
		}, text)
		path := url.PathEscape(text)
		r := get(s.issuer + "/" + path)
		r.Header.Set("User-Agent", name)
		r.Header.Set("X-Request-Id", name)
		r.Header.Set("X-Forwarded-For", name)
		s.do(r)
		for _, address := range []string{"/token/" + path, "/docs/" + path, "/login?request=" + url.QueryEscape(text), "/authorize?client_id=" + url.QueryEscape(text)} {
			s.do(get(s.issuer + address))
		}
		s.do(get(s.az("CB", url.Values{"redirect_uri": {text}})))
		s.do(get(s.az("CB", url.Values{"response_type": {text}, "prompt": {text}})))
		for _, parameter := range []string{"grant_type", "scope", "resource", "client_id", "refresh_token", "code"} {
			s.post("/token", "CB", url.Values{"grant_type": {"refresh_token"}, parameter: {text}})
		}
		// A name that hides something is refused, and what stands in the log of that is looked at as well.
		_, err := oauth.ChangeClient(t.Context(), s.db, "CX", func(c *oauth.Client) error { c.Name = "n" + name; return nil }, s.clock.Wall(), by)
		if refused := (*oauth.Error)(nil); err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		s.rename("CX", "n"+name)
		s.change("CX", func(c *oauth.Client) { c.Name = "Client CX" }) // the event holds the name from before
		b := s.browser()
		s.attempt(b, text, text)
		page := b.get(s.issuer + "/login")
		sign := b.request("/login", "", merged(hidden(page, "form_token"), url.Values{"email": {s.person["U1"].Email}, "password": {password}}))
		sign.Header.Set("User-Agent", name)
		if a := b.send(sign); a.status != http.StatusSeeOther {
			t.Errorf("sign-in %d: %d", i, a.status)
		}
		s.clock.jump(time.Hour)
	}
	check := func(where, text string) {
		for _, c := range text {
			if unicode.IsControl(c) && c != '\n' || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029' {
				t.Errorf("%s holds %U: %.300q", where, c, text)
				return
			}
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(s.log.String()), "\n") {
		if !strings.HasPrefix(line, `{"time":"`) || !strings.HasSuffix(line, "}") {
			t.Errorf("a line that the log did not write: %.200q", line)
		}
		check("the log", line)
	}
	events, err := s.db.Events(context.Background(), db.EventFilter{}, 10_000)
	if err != nil || len(events) < len(nasty) {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for _, e := range events {
		for _, field := range []string{e.UserAgent, e.Detail, e.Result, e.IP, e.RequestID, e.ActorID, e.ClientID, e.PersonID} {
			check("event "+string(e.Kind), field)
			if strings.Contains(field, "\n") {
				t.Errorf("event %s holds a line break: %q", e.Kind, field)
			}
		}
	}
	if !bytes.Contains([]byte(s.log.String()), []byte(`\\u202e`)) {
		t.Error("the log does not show the override in its escaped form, so none was met")
	}
}
