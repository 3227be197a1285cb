package web_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/db"
	"regrant/web"
)

func requirementsGEN(t *testing.T) {
	all := newSites(t)

	all.rule(t, "GEN-02 nothing that holds tokens, codes, secrets or claims may be cached", func(t *testing.T, s *site) {
		b := s.alice()
		tokens := s.grant("CB", "openid read")
		toClient := b.get(s.az("TR", nil))
		wantCode(t, s, s.az("TR", url.Values{"redirect_uri": nil, "state": {mustQuery(t, toClient, "state")}}), toClient)
		for name, a := range map[string]answer{
			"token": tokens, "token error": s.refresh("CB", "rgr1_nonsense"), "unauthorized": s.postBody("/token", "client_id=CB"),
			"introspection": s.post("/introspect", "RS", url.Values{"token": {tokens.text(t, "access_token")}}), "userinfo": s.userinfo(tokens.text(t, "access_token")),
			"revocation": s.post("/revoke", "CB", url.Values{"token": {"x"}}), "no token": s.fetch("GET", s.issuer+"/userinfo"), "authorization response": toClient,
			"sign-in page": b.get(s.issuer + "/login"), "consent page": b.get(b.get(s.az("PN", nil)).header.Get("Location")), "sign-out page": b.get(s.issuer + "/logout"),
			"home": b.get(s.issuer + "/"), "error page": b.get(s.issuer + "/authorize"), "step": b.get(s.az("PN", nil)),
		} {
			if got := a.header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s: Cache-Control is %q", name, got)
			}
		}
		if got := tokens.header.Get("Pragma"); got != "no-cache" {
			t.Errorf("token: Pragma is %q", got)
		}
	})

	all.rule(t, "GEN-03 endpoints for programs answer in JSON whatever comes", func(t *testing.T, s *site) {
		path := strings.TrimPrefix(s.issuer, "https://as.test")
		for _, endpoint := range []string{"/token", "/revoke", "/introspect"} {
			wantErrorStatus(t, s.postBody(endpoint, "grant_type=refresh_token", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "invalid_request")
			wantErrorStatus(t, s.postBody(endpoint, "a="+strings.Repeat("x", 10<<20)), http.StatusRequestEntityTooLarge, "invalid_request")
			head := "POST " + path + endpoint + " HTTP/1.1\r\nHost: as.test\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
			wantError(t, s.raw(head+"5\r\ntoken\r\nnot a length\r\n"), "invalid_request")
			wantErrorStatus(t, s.fetch("GET", s.issuer+endpoint), http.StatusMethodNotAllowed, "invalid_request")
		}
		a := s.grant("CB", "openid read")
		if strings.HasPrefix(a.body, "\ufeff") || !strings.HasPrefix(a.body, "{") {
			t.Errorf("the body begins with %q", a.body[:4])
		}
	})

	all.rule(t, "GEN-04 a wrong method gets 405 and hears which are right, and TRACE is refused", func(t *testing.T, s *site) {
		for _, c := range []struct{ method, path, allow string }{
			{"GET", "/token", "POST"}, {"PUT", "/revoke", "POST"}, {"GET", "/introspect", "POST"}, {"DELETE", "/userinfo", "GET, POST"},
			{"PUT", "/authorize", "GET, POST"}, {"DELETE", "/login", "GET, POST"}, {"PATCH", "/consent", "GET, POST"},
			{"POST", "/.well-known/openid-configuration", "GET"}, {"POST", "/.well-known/jwks.json", "GET"},
			{"TRACE", "/", "GET, POST"}, {"TRACE", "/token", "GET, POST"},
		} {
			a := s.fetch(c.method, s.issuer+c.path)
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != c.allow {
				t.Errorf("%s %s: %d, Allow %q, want 405, %q", c.method, c.path, a.status, a.header.Get("Allow"), c.allow)
			}
		}
	})

	all.rule(t, "GEN-04 the documents at the root of the host hear of wrong methods too", func(t *testing.T, s *site) {
		path := strings.TrimPrefix(s.issuer, "https://as.test")
		for _, document := range []string{"/.well-known/oauth-authorization-server" + path, "/.well-known/openid-configuration" + path, "/healthz", "/readyz"} {
			for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
				a := s.fetch(method, "https://as.test"+document)
				if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET" {
					t.Errorf("%s %s: %d, Allow %q", method, document, a.status, a.header.Get("Allow"))
				}
			}
			if a := s.fetch("GET", "https://as.test"+document); a.status != http.StatusOK {
				t.Errorf("GET %s: %d", document, a.status)
			}
		}
	})

	all.rule(t, "GEN-05 no header of a request moves the server to another host", func(t *testing.T, s *site) {
		spoofs := [][]string{
			{"X-Forwarded-Host", "evil.test"}, {"Forwarded", "host=evil.test;proto=http"}, {"X-Forwarded-Proto", "evil"}, {"X-Forwarded-Prefix", "/evil"},
			{"X-Forwarded-Server", "evil.test"}, {"X-Host", "evil.test"}, {"X-Original-URL", "/evil"}, {"X-Rewrite-URL", "/evil"}, {"Origin", "https://evil.test"}, {"Referer", "https://evil.test/"},
		}
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/login", "/authorize", strings.TrimPrefix(s.az("CB", nil), s.issuer)} {
			for _, spoof := range append(spoofs, nil) {
				r, err := http.NewRequest("GET", s.issuer+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if spoof == nil {
					r.Host = "evil.test"
				} else {
					r.Header.Set(spoof[0], spoof[1])
				}
				a := s.do(r)
				for name, values := range a.header {
					if strings.Contains(strings.Join(values, " "), "evil") {
						t.Errorf("%s with %q: %s is %q", path, spoof, name, values)
					}
				}
				if strings.Contains(a.body, "evil") {
					t.Errorf("%s with %q: the body says evil", path, spoof)
				}
			}
		}
	})

	addressRules(t)

	all.rule(t, "GEN-08 a request that is too large is refused at once", func(t *testing.T, s *site) {
		started := time.Now()
		body := "grant_type=refresh_token&x="
		wantErrorStatus(t, s.postBody("/token", body+strings.Repeat("x", 64<<10-len(body)+1)), http.StatusRequestEntityTooLarge, "invalid_request")
		wantUnauthorized(t, s.postBody("/token", body+strings.Repeat("x", 64<<10-len(body))))
		wantPageStatus(t, s.browser().get(s.az("CB", url.Values{"x": {strings.Repeat("x", 32<<10)}})), http.StatusRequestURITooLong)
		wantSignIn(t, s, s.browser().get(s.az("CB", url.Values{"x": {strings.Repeat("x", 31<<10)}})))
		if took := time.Since(started); took > 4*time.Second {
			t.Errorf("four requests took %s", took)
		}
	})

	parameterRules(t, all)

	all.rule(t, "GEN-15 a POST with credentials is answered by 303, which sends no form on", func(t *testing.T, s *site) {
		b := s.browser()
		login := b.get(b.get(s.az("PN", nil)).header.Get("Location"))
		a := b.submit(login, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}})
		wantConsent(t, s, a)
		page := b.get(a.header.Get("Location"))
		a = b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(page.body)})
		if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "http://127.0.0.1:49152/cb?code=") {
			t.Errorf("consent: %d %q", a.status, a.header.Get("Location"))
		}
	})

	all.rule(t, "GEN-16 nobody is sent away by what stands in an address or a form", func(t *testing.T, s *site) {
		for _, to := range []string{"//evil.test", `/\evil.test`, "https:evil.test", "/%09/evil.test", "javascript:alert(1)", "\x01https://evil.test", "https://evil.test", "http:/evil.test"} {
			b := s.browser()
			q := url.Values{}
			for _, name := range []string{"return_to", "next", "redirect", "redirect_uri", "url", "continue", "lang", "post_logout_redirect_uri", "request"} {
				q.Set(name, to)
			}
			for _, path := range []string{"/login?", "/logout?", "/consent?", "/?"} {
				wantOwn(t, path+to, b.get(s.issuer+path+q.Encode()))
			}
			q.Del("request")
			page := b.get(s.issuer + "/login?" + q.Encode())
			fields := changed(q, url.Values{"email": {"alice@example.com"}, "password": {password}})
			wantOwn(t, "sign in with "+to, b.submit(page, s.issuer+"/login", fields))
			wantOwn(t, "sign out with "+to, b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", q))
		}
		for _, path := range []string{"//evil.test/", `/\evil.test`, "//evil.test/%2e%2e", "/.//evil.test"} {
			wantOwn(t, path, s.fetch("GET", s.issuer+path))
		}
	})
}

// wantOwn wants an answer that stays on this origin.
func wantOwn(t testing.TB, what string, a answer) {
	t.Helper()
	location := a.header.Get("Location")
	u, err := url.Parse(location)
	if err != nil || location != "" && (u.Scheme != "" || u.Host != "" || !strings.HasPrefix(location, "/") || strings.HasPrefix(location, `/\`)) {
		t.Errorf("%q: sent to %q", what, location)
	}
	if a.header.Get("Refresh") != "" || strings.Contains(strings.ToLower(a.body), "http-equiv=\"refresh") {
		t.Errorf("%q: the page refreshes", what)
	}
}

func mustQuery(t testing.TB, a answer, name string) string {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

func addressRules(t *testing.T) {
	failedFrom := func(t *testing.T, s *site, forwarded string) string {
		t.Helper()
		wantUnauthorized(t, s.postBody("/token", "grant_type=client_credentials", "Authorization", basic("CB", "wrong"), "X-Forwarded-For", forwarded, "Forwarded", "for="+forwarded, "X-Real-IP", forwarded))
		if err := s.engine.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		events, err := s.db.Events(context.Background(), db.EventFilter{Kind: audit.ClientAuthFailed}, 1)
		if err != nil || len(events) != 1 {
			t.Fatalf("no event of the failure: %v", err)
		}
		return events[0].IP
	}
	alone(t, "GEN-06 without a trusted proxy the address is the socket's", func(t *testing.T, s *site) {
		if got := failedFrom(t, s, "203.0.113.9"); got != "127.0.0.1" {
			t.Errorf("the audit log says %q", got)
		}
	})
	trusted := siteOptions{config: func(c *web.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }}
	alone(t, "GEN-06 of a trusted proxy's list the last foreign address counts", func(t *testing.T, s *site) {
		if got := failedFrom(t, s, "198.51.100.1, 203.0.113.9, 127.0.0.7"); got != "203.0.113.9" {
			t.Errorf("the audit log says %q", got)
		}
	}, trusted)
	limited := siteOptions{config: func(c *web.Config) { c.TokenBudget = 5 }}
	alone(t, "GEN-06 a made-up address does not evade the limit", func(t *testing.T, s *site) {
		last := answer{}
		for i := range 16 {
			last = s.postBody("/introspect", "token=x", "Authorization", basic("CB", s.secret["CB"]), "X-Forwarded-For", "203.0.113."+string(rune('0'+i%10)))
		}
		wantErrorStatus(t, last, http.StatusTooManyRequests, "temporarily_unavailable")
		if last.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}, limited)

	alone(t, "GEN-07 codes, tokens and secrets are long, random and never the same", func(t *testing.T, s *site) {
		seen := map[string]bool{}
		b := s.alice()
		rounds := 200
		if testing.Short() {
			rounds = 20
		}
		for range rounds {
			callback, err := url.Parse(b.get(s.az("TR", nil)).header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			a := s.exchange("TR", callback, nil)
			for _, secret := range []string{callback.Query().Get("code"), a.text(t, "refresh_token"), jwtPart(t, a.text(t, "access_token"), 1)["jti"].(string)} {
				random := secret[strings.LastIndexByte(secret, '_')+1:]
				if len(random) < 22 || seen[secret] {
					t.Fatalf("too short, or seen before: %q", secret)
				}
				seen[secret] = true
			}
		}
		for client, secret := range s.secret {
			if secret != "" && !strings.HasSuffix(client, ".id") && len(strings.TrimPrefix(secret, "rgs1_")) < 43 {
				t.Errorf("the secret of %s has %d characters", client, len(secret))
			}
		}
	})
}
