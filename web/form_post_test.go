package web_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"regrant/app/oauth"
)

var postedField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// formFields are the hidden fields of a page.
func formFields(body string) url.Values {
	fields := url.Values{}
	for _, m := range postedField.FindAllStringSubmatch(body, -1) {
		fields.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return fields
}

func requirementsFormPost(t *testing.T) {
	all := newSites(t)
	for _, s := range all {
		s.addClient("FP", oauth.Client{AuthMethod: oauth.AuthBasic, FormPost: true, Trusted: true, Scope: oauth.Scope{"openid", "read"},
			RedirectURIs: []string{"https://form.test:8443/cb?x=1&y=2", "http://[::1]/cb", "com.example.form:/cb"}})
	}
	const uri, policy = "https://form.test:8443/cb?x=1&y=2", "; form-action https://form.test:8443"
	az := func(s *site, set url.Values) string {
		return s.az("CB", merged(url.Values{"client_id": {"FP"}, "redirect_uri": {uri}, "response_mode": {"form_post"}}, set))
	}
	posted := func(t *testing.T, a answer, wantPolicy string) url.Values {
		t.Helper()
		csp := a.header.Get("Content-Security-Policy")
		if a.status != http.StatusOK || a.header.Get("Location") != "" || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
		if !strings.HasSuffix(csp, wantPolicy) || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "script-src 'self';") {
			t.Errorf("policy: %s", csp)
		}
		if strings.Count(a.body, "<form") != 1 || !strings.Contains(a.body, `method="post"`) || strings.Contains(a.body, "onload") {
			t.Errorf("page: %s", a.body)
		}
		return formFields(a.body)
	}

	all.rule(t, "AZ-12 a registered client has its answer posted, each value escaped", func(t *testing.T, s *site) {
		const state = `"><script>alert(1)</script>&amp;<b>é`
		b := s.browser()
		b.signIn("U1")
		page := b.get(az(s, url.Values{"state": {state}}))

		fields := posted(t, page, policy)
		if fields.Get("state") != state || fields.Get("iss") != s.issuer || !strings.HasPrefix(fields.Get("code"), "rgc1_") || len(fields) != 3 {
			t.Fatalf("fields: %v", fields)
		}
		if strings.Contains(page.body, "<script>alert") || !strings.Contains(page.body, `action="https://form.test:8443/cb?x=1&amp;y=2"`) {
			t.Errorf("page: %s", page.body)
		}
		tokens := s.post("/token", "FP", url.Values{"grant_type": {"authorization_code"}, "code": fields["code"], "redirect_uri": {uri}, "code_verifier": {verifier}})
		wantOK(t, tokens)
	})

	all.rule(t, "AZ-12 errors are posted too", func(t *testing.T, s *site) {
		for name, set := range map[string]url.Values{"invalid_scope": {"scope": {`a"b`}}, "login_required": {"prompt": {"none"}}, "unsupported_response_type": {"response_type": {"token"}}, "invalid_request": {"prompt": {"odd"}}} {
			fields := posted(t, s.browser().get(az(s, merged(url.Values{"state": {"s&1"}}, set))), policy)
			if fields.Get("error") != name || fields.Get("state") != "s&1" || fields.Get("iss") != s.issuer || fields.Has("code") {
				t.Errorf("%s: %v", name, fields)
			}
		}
	})

	all.rule(t, "AZ-12 what is posted goes to the proven redirect URI only", func(t *testing.T, s *site) {
		wantPage(t, s.browser().get(az(s, url.Values{"redirect_uri": {"https://form.test:8443/cb"}})))
		fields := posted(t, s.browser().get(az(s, url.Values{"redirect_uri": {"http://[::1]:5000/cb"}, "prompt": {"none"}})), "; form-action http:")
		if fields.Get("error") != "login_required" {
			t.Errorf("loopback: %v", fields)
		}
		for _, set := range []url.Values{{"redirect_uri": {"com.example.form:/cb"}}, {"response_mode": {"form_post", "form_post"}}, {"response_mode": {"form_post.jwt"}}, {"response_mode": {"fragment"}}} {
			a := s.browser().get(az(s, set))
			if location := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.Contains(location, "error=invalid_request") {
				t.Errorf("%v: %d %s", set, a.status, location)
			}
		}
	})
}

func TestChromiumPostsTheAnswer(t *testing.T) {
	chromium := startChromium(t)
	for name, withoutScripts := range map[string]bool{"by itself": false, "by a button where there are no scripts": true} {
		t.Run(name, func(t *testing.T) {
			s := front(t, nil)
			got := make(chan url.Values, 4)
			client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && r.ParseForm() == nil {
					got <- r.PostForm
				}
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprint(w, landed)
			}))
			t.Cleanup(client.Close)
			uri := client.URL + "/cb"
			s.addClient("FP", oauth.Client{AuthMethod: oauth.AuthBasic, FormPost: true, RedirectURIs: []string{uri}, Scope: oauth.Scope{"openid"}})
			b := openTab(t, chromium)
			if withoutScripts {
				if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
					t.Fatal(err)
				}
			}
			onward := func() url.Values {
				t.Helper()
				if withoutScripts {
					b.click(`form button[type=submit]`)
				}
				b.arrive(client.URL, "#landed")
				return <-got
			}
			az := func(set url.Values) string {
				return s.az("CB", merged(url.Values{"client_id": {"FP"}, "redirect_uri": {uri}, "response_mode": {"form_post"}, "scope": {"openid"}, "state": {"é+&=%/?#"}}, set))
			}

			b.open(az(nil))
			b.signIn("alice@example.com", password)
			b.click(`button[name=decision][value=allow]`)
			if withoutScripts {
				b.reach("[data-send-at-once]")
			}
			answer := onward()
			if answer.Get("code") == "" || answer.Get("state") != "é+&=%/?#" || answer.Get("iss") != s.issuer {
				t.Fatalf("the client got %v", answer)
			}
			wantOK(t, s.post("/token", "FP", url.Values{"grant_type": {"authorization_code"}, "code": answer["code"], "redirect_uri": {uri}, "code_verifier": {verifier}}))
			b.open(az(url.Values{"prompt": {"consent"}}))
			b.click(`button[name=decision][value=deny]`)
			if withoutScripts {
				b.reach("[data-send-at-once]")
			}
			if answer := onward(); answer.Get("error") != "access_denied" {
				t.Errorf("after refusing, the client got %v", answer)
			}
			b.none()
		})
	}
}
