package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/app/oauth"
)

// requirementsAZ proves what an authorization request must be. The order of the checks is the rule that keeps this server from
// being an open redirector: the client, its redirect URI, and only then what may redirect.
func requirementsAZ(t *testing.T) {
	all := newSites(t)

	all.rule(t, "AZ-01 a client that is missing, unknown or disabled gets a page", func(t *testing.T, s *site) {
		for _, id := range []string{"nope", "", "OFF", "cb", "CB ", "CB\n", "https://evil.test/client", strings.Repeat("x", 5000), "' OR 1=1 --", s.person["U1"].ID, s.secret["RS.id"]} {
			for _, redirectURI := range []string{"https://app.test/cb", "https://off.test/cb", "https://evil.test/cb"} {
				_, a := s.ask("CB", url.Values{"client_id": {id}, "redirect_uri": {redirectURI}})
				wantPage(t, a)
			}
		}
		_, a := s.ask("CB", url.Values{"client_id": nil})
		wantPage(t, a)
		_, a = s.ask("CB", nil)
		wantSignIn(t, s, a)
	})

	all.rule(t, "AZ-02 without a proven redirect URI nothing redirects, whatever else is wrong", func(t *testing.T, s *site) {
		signedIn := s.alice()
		for _, wrong := range []url.Values{
			nil, {"response_type": {"bad"}}, {"prompt": {"none"}}, {"response_mode": {"form_post"}}, {"scope": {`"`}}, {"state": {"a", "b"}}, {"request": {"x"}},
			{"request_uri": {"https://evil.test/r"}}, {"code_challenge": nil}, {"max_age": {"x"}}, {"resource": {"nope"}}, {"id_token_hint": {"x"}}, {"prompt": {"none login"}},
		} {
			for _, redirectURI := range [][]string{{"https://evil.test/cb"}, {"javascript:alert(1)"}, {"https://app.test/cb", "https://evil.test/cb"}, {"https://evil.test/\"><script>"}} {
				set := changed(url.Values{"redirect_uri": redirectURI}, wrong)
				_, a := s.ask("CB", set)
				wantPage(t, a)
				wantPage(t, signedIn.get(s.az("CB", set)))
			}
			// Absent, while several are registered.
			_, a := s.ask("PW", changed(url.Values{"redirect_uri": nil}, wrong))
			wantPage(t, a)
		}
		address, a := s.ask("CB", url.Values{"response_type": {"bad"}})
		wantRedirectError(t, s, address, a, "unsupported_response_type")
		_, a = s.ask("CB", url.Values{"redirect_uri": nil, "scope": {"read"}})
		wantSignIn(t, s, a) // exactly one is registered
		_, a = s.ask("CB", url.Values{"redirect_uri": nil, "scope": {"read openid"}})
		wantPage(t, a) // OpenID Connect Core §3.1.2.1
	})

	all.rule(t, "AZ-03 redirect URIs are compared character by character", func(t *testing.T, s *site) {
		for _, redirectURI := range []string{
			"https://spa.test/cb/", "https://spa.test/CB", "https://SPA.test/cb", "HTTPS://spa.test/cb", "https://spa.test:443/cb", "https://spa.test:8443/cb", "https://spa.test./cb",
			"https://spa.test/%63b", "https://spa.test/c%62", "https://spa.test/x/../cb", "https://spa.test/cb/..", "https://spa.test/cb/../evil", "https://spa.test/..;/cb", "https://spa.test/cb;x=1",
			"https://spa.test/cb/.", "https://spa.test/./cb", "https://spa.test//cb", "https://spa.test/cb%2f", "https://spa.test/%2e%2e/cb", "https://spa.test/cb?", "https://spa.test/cb?x=2", "https://spa.test/cb?x=1&y=2",
			"https://spa.test/cb?X=1", "https://spa.test/cb?x=1&x=1", "https://spa.test/cb#", "https://spa.test/cb#f", "https://spa.test/cb?x=1#f", "https://user@spa.test/cb", "https://spa.test@evil.test/cb", "https://evil.test@spa.test/cb",
			"https://spa.test:x@evil.test/cb", `https://spa.test\@evil.test/cb`, `https://evil.test\.spa.test/cb`, "https://\u017fpa.test/cb", "https://spa.te\u017ft/cb", "https://xn--spa.test/cb", "https://spa\u3002test/cb", "https://spa.test.evil.test/cb",
			"https://evilspa.test/cb", "https://spaxtest/cb", "http://spa.test/cb", "spa.test/cb", "//spa.test/cb", "/cb", "https:/spa.test/cb", "https:spa.test/cb", " https://spa.test/cb", "https://spa.test/cb ", "https://spa.test/cb\n",
			"https://spa.test/cb\t", "https://spa.test/cb%0d%0aX:1", "https://spa.test/cb%00", "https://spa.test/c\u200bb", "https://spa.test", "https://spa.test/", "https://*.test/cb", "https://spa.test/*", "https://spa.test/cbx", "https://spa.test/c", "javascript:https://spa.test/cb",
			"https://spa.test/cb,https://evil.test/", "https://spa.test/cb https://evil.test/",
		} {
			_, a := s.ask("PW", url.Values{"redirect_uri": {redirectURI}})
			if a.status != http.StatusBadRequest {
				t.Errorf("%q: %d, Location %q", redirectURI, a.status, a.header.Get("Location"))
				continue
			}
			wantPage(t, a)
		}
		s.register("KELVIN", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"https://kelvin.test/cb"}})
		for _, redirectURI := range []string{"https://\u212Aelvin.test/cb", "https://kelvin.test/CB"} {
			_, a := s.ask("PW", url.Values{"client_id": {"KELVIN"}, "redirect_uri": {redirectURI}})
			wantPage(t, a)
		}
		// Another client's URI is nobody else's.
		_, a := s.ask("CB", url.Values{"redirect_uri": {"https://foreign.test/cb"}})
		wantPage(t, a)
		_, a = s.ask("PW", nil)
		wantSignIn(t, s, a)
	})

	all.rule(t, "AZ-04 a fragment cannot be registered or used, and a registered query is kept", func(t *testing.T, s *site) {
		s.refuseRegistration(t, "https://spa.test/cb#f", "https://spa.test/cb#", "com.example.app:/cb#x")
		_, a := s.ask("PW", url.Values{"redirect_uri": {"https://spa.test/cb#f"}})
		wantPage(t, a)
		callback := s.code("PW", url.Values{"redirect_uri": {"https://spa.test/cb?x=1"}})
		if !strings.HasPrefix(callback.String(), "https://spa.test/cb?x=1&code=") {
			t.Errorf("sent to %s", callback)
		}
		wantOK(t, s.exchange("PW", callback, url.Values{"redirect_uri": {"https://spa.test/cb?x=1"}}))
		address, a := s.ask("PW", url.Values{"redirect_uri": {"https://spa.test/cb?x=1"}, "scope": {`"`}})
		wantRedirectError(t, s, address, a, "invalid_scope")
	})

	all.rule(t, "AZ-05 response parameters cannot be sown through a redirect URI", func(t *testing.T, s *site) {
		for _, name := range []string{"code", "state", "iss", "error", "error_description", "error_uri", "access_token", "id_token", "token_type", "scope", "response"} {
			s.refuseRegistration(t, "https://spa.test/cb?"+name+"=x", "https://spa.test/cb?a=b&"+name, "http://127.0.0.1/cb?"+name+"=x", "https://spa.test/cb#"+name+"=x", "https://spa.test/cb?%"+escaped(name[0])+name[1:]+"=x")
			for _, separator := range []string{"?", "#", "?a=b&"} {
				_, a := s.ask("PN", url.Values{"redirect_uri": {"http://127.0.0.1:5000/cb" + separator + name + "=x"}})
				wantPage(t, a)
			}
		}
	})

	all.rule(t, "AZ-06 code is the only response type", func(t *testing.T, s *site) {
		address, a := s.ask("CB", url.Values{"response_type": nil})
		wantRedirectError(t, s, address, a, "invalid_request")
		for _, kind := range []string{"token", "id_token", "code token", "code id_token", "id_token token", "none", "Code", " code", "code ", "code code", "device_code"} {
			address, a := s.ask("CB", url.Values{"response_type": {kind}})
			wantRedirectError(t, s, address, a, "unsupported_response_type")
			signedIn := s.alice()
			wantRedirectError(t, s, address, signedIn.get(address), "unsupported_response_type")
		}
	})

	all.rule(t, "AZ-07 a client without the code grant gets no code", func(t *testing.T, s *site) {
		s.register("MACHINE", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://machine.test/cb"}, GrantTypes: []string{oauth.GrantClientCredentials}})
		address, a := s.ask("CB", url.Values{"client_id": {"MACHINE"}, "redirect_uri": {"https://machine.test/cb"}})
		wantRedirectError(t, s, address, a, "unauthorized_client")
	})

	all.rule(t, "AZ-12 query is the only response mode of a client that is not registered for another", func(t *testing.T, s *site) {
		for _, mode := range []string{"fragment", "form_post", "form_post.jwt", "query.jwt", "jwt", "web_message", "Query", "query fragment"} {
			address, a := s.ask("CB", url.Values{"response_mode": {mode}})
			wantRedirectError(t, s, address, a, "invalid_request")
		}
		_, a := s.ask("CB", url.Values{"response_mode": {"query"}})
		wantSignIn(t, s, a)
	})

	all.rule(t, "AZ-17 nobody can register a client by which this server redirects strangers", func(t *testing.T, s *site) {
		for _, path := range []string{"/register", "/connect/register", "/clients"} {
			if a := s.postBody(path, `{"redirect_uris":["https://evil.test/cb"]}`, "Content-Type", "application/json"); a.status != http.StatusNotFound {
				t.Errorf("%s: %d", path, a.status)
			}
		}
		_, a := s.ask("CB", url.Values{"client_id": {"https://evil.test/client.json"}, "redirect_uri": {"https://evil.test/cb"}, "scope": {"bad"}})
		wantPage(t, a)
	})

	all.rule(t, "AZ-20 http is for loopback, schemes that run or read are never registered, and private ones need a dot", func(t *testing.T, s *site) {
		s.refuseRegistration(t,
			"javascript:alert(1)", "javascript://app.test/%0aalert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://app.test/x", "about:blank", "http://app.test/cb", "http://10.0.0.1/cb", "http://127.0.0.2/cb", "http://[::2]/cb",
			"http://127.0.0.1.evil.test/cb", "http://0.0.0.0/cb", "http://0x7f.1/cb", "http://127.1/cb", "http://localhost.evil.test/cb", "ftp://app.test/cb", "ws://app.test/cb", "app:/cb", "myapp://cb", "com.example.app://evil.test/cb", "com.example.app:cb", "https:///cb", "https://", "https:", "",
			"/cb", "app.test/cb", "https://*.app.test/cb", "https://app.test/*", "https://user:pw@app.test/cb", "https://app.test:0/cb", "https://app.test:99999/cb", "https://app.test:/cb", "https://app.test/../cb", "https://app.test/%2e%2e/cb", "https://app.test/..;/cb", "https://App.test/cb", "https://app.test/c b", "https://app.test/cb\n",
			"https://\u0430pp.test/cb", `https://app.test\@evil.test`, "https://app.test/cb?a=1&a=2", "https://app.test/"+strings.Repeat("x", 2000))
		s.register("AZ-20", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"https://app.test/cb", "https://app.test:8443/cb?tenant=1", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:3000/cb", "com.example.app:/cb"}})
	})
}

func escaped(c byte) string {
	return string("0123456789ABCDEF"[c>>4]) + string("0123456789ABCDEF"[c&15])
}

// register adds a client with an id of its own on this site, with every scope.
func (s *site) register(id string, c oauth.Client) {
	s.t.Helper()
	if c.Scope == nil {
		c.Scope = oauth.Scope{"openid", "profile", "email", "offline_access", "read", "write", "list"}
	}
	s.addClient(id, c)
}

// refuseRegistration wants each redirect URI refused when an admin registers it, and when one adds it to a client.
func (s *site) refuseRegistration(t testing.TB, redirectURIs ...string) {
	t.Helper()
	for _, redirectURI := range redirectURIs {
		c := oauth.Client{ID: "refused", Name: "Refused", AuthMethod: oauth.AuthNone, RedirectURIs: []string{"https://good.test/cb", redirectURI}}
		var e *oauth.Error
		if _, err := oauth.RegisterClient(context.Background(), s.db, &c, s.clock.Wall(), by); !errors.As(err, &e) || e.Code != oauth.InvalidRedirectURI {
			t.Errorf("registering %q: %v", redirectURI, err)
		}
		_, err := oauth.ChangeClient(context.Background(), s.db, "PN", func(c *oauth.Client) error { c.RedirectURIs = append(c.RedirectURIs, redirectURI); return nil }, s.clock.Wall(), by)
		if !errors.As(err, &e) || e.Code != oauth.InvalidRedirectURI {
			t.Errorf("adding %q: %v", redirectURI, err)
		}
	}
	if _, err := s.db.Client(context.Background(), "refused"); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("a refused client is stored: %v", err)
	}
}
