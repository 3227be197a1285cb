package web_test

import (
	"bufio"
	"context"
	"fmt"
	"go/format"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// guideCode gives what the page of a client offers to copy for one kind of software, its parts in order.
func guideCode(page, software string) string {
	var code []string
	for i := 1; ; i++ {
		part := shown(page, fmt.Sprintf("%s-%d", software, i))
		if part == "" {
			return strings.Join(code, "\n\n")
		}
		code = append(code, part)
	}
}

// curlHome is a directory whose .curlrc leads curl to the site, wherever it listens.
func (s *site) curlHome() string {
	s.t.Helper()
	dir := s.t.TempDir()
	rc := "insecure\nconnect-to = \"as.test:443:" + s.listening() + "\"\n"
	if err := os.WriteFile(filepath.Join(dir, ".curlrc"), []byte(rc), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// listening gives the address behind the site's name.
func (s *site) listening() string {
	s.t.Helper()
	c, err := s.http.Transport.(*http.Transport).DialContext(context.Background(), "tcp", "as.test:443")
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	return c.RemoteAddr().(*net.TCPAddr).String()
}

func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

var refreshTokens = regexp.MustCompile(`"refresh_token":"(rgr1_[0-9A-Za-z]+)"`)

// TestTheCurlGuideWorks runs what the page offers to copy, as it stands there, with the secret in its place.
func TestTheCurlGuideWorks(t *testing.T) {
	needs(t, "sh", "curl", "openssl", "sed")
	s := newSite(t)
	adm := s.admin(t)
	home := s.curlHome()
	s.addClient("odd$id'x", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://odd.test/cb?a='$(id)'&b=1"}, Scope: oauth.Scope{"openid", "read"}})
	for _, id := range []string{"CB", "CP", "PW", "PN", "odd$id'x"} {
		t.Run(id, func(t *testing.T) {
			page := adm.get("/admin/clients/" + url.PathEscape(id) + "/connect")
			script := strings.ReplaceAll(guideCode(page.body, "curl"), view.SecretPlaceholder, s.secret[id])
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			sh := exec.CommandContext(ctx, "sh", "-eu", "-c", script)
			sh.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CURL_HOME=" + home}
			stdin, err1 := sh.StdinPipe()
			stdout, err2 := sh.StdoutPipe()
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			var complaints strings.Builder
			sh.Stderr = &complaints
			if err := sh.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stdout)
			lines.Scan()
			callback := s.browser().walk(lines.Text(), "U1")
			fmt.Fprintln(stdin, callback.Query().Get("code"))
			var out []string
			for lines.Scan() {
				out = append(out, lines.Text())
			}
			if err := sh.Wait(); err != nil {
				t.Fatalf("%v: %s\n%s", err, complaints.String(), script)
			}
			tokens := refreshTokens.FindAllStringSubmatch(strings.Join(out, "\n"), -1)
			if len(tokens) != 2 || tokens[0][1] == tokens[1][1] {
				t.Errorf("%q\n%s", out, complaints.String())
			}
		})
	}
}

func TestTheCurlGuideOfAMachineWorks(t *testing.T) {
	needs(t, "sh", "curl")
	s := newSite(t)
	adm := s.admin(t)
	home := s.curlHome()
	for _, method := range []oauth.AuthMethod{oauth.AuthBasic, oauth.AuthPost} {
		id := "job-" + string(method)
		s.addClient(id, oauth.Client{AuthMethod: method, GrantTypes: []string{oauth.GrantClientCredentials}, Scope: oauth.Scope{"read", "write"}})
		script := strings.ReplaceAll(guideCode(adm.get("/admin/clients/"+id+"/connect").body, "curl"), view.SecretPlaceholder, s.secret[id])
		sh := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script)
		sh.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CURL_HOME=" + home}

		out, err := sh.CombinedOutput()

		if err != nil || !strings.Contains(string(out), `"access_token"`) || !strings.Contains(string(out), `"scope":"read write"`) {
			t.Errorf("%s: %v %s", id, err, out)
		}
	}
}

func TestTheCurlGuideOfADeviceWorks(t *testing.T) {
	needs(t, "sh", "curl")
	s := newSite(t)
	adm := s.admin(t)
	home := s.curlHome()
	types := []string{oauth.GrantDeviceCode, oauth.GrantRefreshToken}
	s.addClient("tv", oauth.Client{AuthMethod: oauth.AuthNone, GrantTypes: types, Scope: oauth.Scope{"openid", "read"}})
	page := adm.get("/admin/clients/tv/connect").body
	asks, polls := shown(page, "curl-1"), shown(page, "curl-2")
	run := func(script string) string {
		sh := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script)
		sh.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CURL_HOME=" + home}
		out, err := sh.CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s\n%s", err, out, script)
		}
		return string(out)
	}

	asked := answer{body: run(asks)}
	b := s.browser()
	b.decide(b.bring(asked.text(t, "user_code"), "U1"), "allow")
	out := run(asks + "\n" + strings.Replace(polls, "DEVICE_CODE=...", "DEVICE_CODE="+asked.text(t, "device_code"), 1))

	if tokens := refreshTokens.FindAllString(out, -1); len(tokens) != 1 || !strings.Contains(out, `"scope":"openid read"`) {
		t.Error(out)
	}
}

// goPrograms are the Go guides of the kinds of clients.
func goPrograms(t *testing.T, s *site, adm *adminBrowser) map[string]string {
	s.addClient("job", oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantClientCredentials}, Scope: oauth.Scope{"read", "write"}})
	programs := map[string]string{}
	for _, id := range []string{"CB", "CP", "PN", "job"} {
		programs[id] = guideCode(adm.get("/admin/clients/"+id+"/connect").body, "go")
		if programs[id] == "" {
			t.Errorf("%s has no guide for Go", id)
		}
	}
	return programs
}

func TestTheGoGuidesAreFormattedAndCompile(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	for id, program := range goPrograms(t, s, adm) {
		if formatted, err := format.Source([]byte(program)); err != nil || strings.TrimSpace(string(formatted)) != program {
			t.Errorf("%s: not as gofmt writes it: %v\n%s", id, err, formatted)
		}
		if testing.Short() {
			continue
		}
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", id, err, out)
		}
	}
}

func TestTheJavaScriptAndPythonGuidesParse(t *testing.T) {
	needs(t, "node", "python3")
	s := newSite(t)
	adm := s.admin(t)
	s.addClient("job", oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantClientCredentials}, Scope: oauth.Scope{"read", "write"}})
	check := func(id, software, file string, command ...string) {
		t.Helper()
		code := guideCode(adm.get("/admin/clients/"+id+"/connect").body, software)
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), command[0], append(command[1:], path)...).CombinedOutput(); code == "" || err != nil {
			t.Errorf("%s of %s: %v %s\n%s", software, id, err, out, code)
		}
	}
	s.addClient("tv", oauth.Client{AuthMethod: oauth.AuthNone, GrantTypes: []string{oauth.GrantDeviceCode}, Scope: oauth.Scope{"openid", "read"}})
	check("tv", "javascript", "guide.mjs", "node", "--check")
	for _, id := range []string{"CB", "PN", "PW", "job"} {
		check(id, "javascript", "guide.mjs", "node", "--check")
		if id != "PW" {
			check(id, "python", "guide.py", "python3", "-m", "py_compile")
		}
	}
}

func TestTheGuidesSuitTheKindAndHoldNoSecret(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	s.addClient("job", oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantClientCredentials}, Scope: oauth.Scope{"read"}})
	s.addClient("tv", oauth.Client{AuthMethod: oauth.AuthNone, GrantTypes: []string{oauth.GrantDeviceCode}, Scope: oauth.Scope{"openid", "read"}})
	s.addClient("both", oauth.Client{AuthMethod: oauth.AuthNone, GrantTypes: []string{oauth.GrantAuthorizationCode, oauth.GrantDeviceCode}, RedirectURIs: []string{"https://both.test/"}, Scope: oauth.Scope{"openid", "read"}})
	for id, want := range map[string]string{
		"tv": "curl javascript", "both": "curl device javascript", "CB": "curl go grafana javascript oauth2-proxy python", "PW": "curl javascript", "PN": "curl go javascript python", "job": "curl go javascript python",
	} {
		body := adm.get("/admin/clients/" + id + "/connect").body
		var got []string
		for _, software := range []string{"curl", "device", "go", "grafana", "javascript", "oauth2-proxy", "python"} {
			if code := guideCode(body, software); code != "" {
				got = append(got, software)
				if strings.Contains(code, "{") && regexp.MustCompile(`\{[A-Z_]+\}`).MatchString(code) {
					t.Errorf("%s for %s: a name is left: %s", software, id, code)
				}
				if public := s.client(id).Public(); public == strings.Contains(code, view.SecretPlaceholder) {
					t.Errorf("%s for %s: the placeholder of the secret", software, id)
				}
				if !strings.Contains(code, id) || !strings.Contains(code, "as.test") {
					t.Errorf("%s for %s: without its values", software, id)
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has guides for %v", id, got)
		}
		if s.secret[id] != "" && strings.Contains(body, s.secret[id]) {
			t.Errorf("%s: the secret is shown", id)
		}
	}
}
