package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/app/oauth"
)

func requirementsNA(t *testing.T) {
	all := newSites(t)
	refused := func(t *testing.T, s *site, client string, redirectURIs ...string) {
		t.Helper()
		for _, redirectURI := range redirectURIs {
			_, a := s.ask("PN", url.Values{"client_id": {client}, "redirect_uri": {redirectURI}})
			if a.status != http.StatusBadRequest {
				t.Errorf("%q: %d, Location %q", redirectURI, a.status, a.header.Get("Location"))
				continue
			}
			wantPage(t, a)
		}
	}
	accepted := func(t *testing.T, s *site, client string, redirectURIs ...string) {
		t.Helper()
		for _, redirectURI := range redirectURIs {
			callback := s.code("PN", url.Values{"client_id": {client}, "redirect_uri": {redirectURI}})
			if !strings.HasPrefix(callback.String(), redirectURI+"?code=") && !strings.HasPrefix(callback.String(), redirectURI+"&code=") {
				t.Errorf("%q: sent to %s", redirectURI, callback)
			}
			form := url.Values{"grant_type": {"authorization_code"}, "client_id": {client}, "code": callback.Query()["code"], "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
			wantOK(t, s.postBody("/token", form.Encode()))
		}
	}

	all.rule(t, "NA-01 the port of a loopback redirect is free, and nothing else is", func(t *testing.T, s *site) {
		accepted(t, s, "PN", "http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:80/cb", "http://127.0.0.1:49152/cb", "http://127.0.0.1:65535/cb")
		refused(t, s, "PN",
			"http://127.0.0.1:0/cb", "http://127.0.0.1:99999/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:080/cb", "http://127.0.0.1:+80/cb", "http://127.0.0.1:-1/cb", "http://127.0.0.1: 80/cb", "http://127.0.0.1:80:80/cb", "http://127.0.0.1:x/cb", "http://127.0.0.1:8\u0660/cb",
			"http://127.0.0.1:1/cb2", "http://127.0.0.1:1/", "http://127.0.0.1:1", "http://127.0.0.1:1/cb/", "http://127.0.0.1:1/CB", "http://127.0.0.1:1/cb?x", "http://127.0.0.1:1/cb?", "http://127.0.0.1:1/cb#", "http://127.0.0.1:1/cb#x", "http://127.0.0.1:1//cb", "http://127.0.0.1:1/./cb", "http://127.0.0.1:1/%63b", `http://127.0.0.1:1\cb`,
			"http://127.0.0.2/cb", "http://127.0.0.1.evil/cb", "http://127.0.0.1.evil.test:1/cb", "http://127.0.0.1@evil.test/cb", "http://127.0.0.1:1@evil.test/cb", "http://evil.test@127.0.0.1/cb", "http://@127.0.0.1/cb", "http://127.1/cb", "http://127.0.1/cb", "http://0x7f.1/cb", "http://0x7f.0.0.1/cb", "http://2130706433/cb", "http://0177.0.0.1/cb", "http://127.0.0.1./cb",
			"http://127.0.0.01/cb", "http://127.000.000.001/cb", "http://0.0.0.0/cb", "http://0/cb", "https://127.0.0.1/cb", "https://127.0.0.1:1/cb", "HTTP://127.0.0.1/cb", "http:127.0.0.1/cb", "http:/127.0.0.1/cb", "//127.0.0.1/cb", "http://localhost/cb", "http://localhost:1/cb", "http://[::ffff:127.0.0.1]/cb", "http://127.0.0.1%2f@evil.test/cb", "http://127.0.0.1%00/cb", "http://127.0.0.1:1%2f/cb", "http://\uff11\uff12\uff17.0.0.1/cb")
	})

	all.rule(t, "NA-02 [::1] likewise, and localhost only where it is registered", func(t *testing.T, s *site) {
		accepted(t, s, "PN", "http://[::1]/cb", "http://[::1]:1/cb", "http://[::1]:65535/cb")
		refused(t, s, "PN", "http://[::1]:0/cb", "http://[::1]:1/cb2", "http://[::2]/cb", "http://[0:0:0:0:0:0:0:1]/cb", "http://[::1%25lo]/cb", "http://::1/cb", "http://[::1/cb", "http://[::1]x/cb", "http://[::1].evil.test/cb", "https://[::1]/cb", "http://[::]/cb")
		s.register("LOCAL", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://localhost/cb"}})
		accepted(t, s, "LOCAL", "http://localhost/cb", "http://localhost:3000/cb")
		refused(t, s, "LOCAL", "http://127.0.0.1/cb", "http://127.0.0.1:3000/cb", "http://[::1]/cb", "http://localhost.:3000/cb", "http://LOCALHOST/cb", "http://localhost.evil.test/cb", "http://localhostx/cb", "https://localhost/cb", "http://localhost:0/cb", "http://localhost@evil.test/cb")
		s.register("PORT", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1:8000/cb?tool=x"}})
		accepted(t, s, "PORT", "http://127.0.0.1:8000/cb?tool=x", "http://127.0.0.1:9000/cb?tool=x")
		refused(t, s, "PORT", "http://127.0.0.1:9000/cb", "http://127.0.0.1:9000/cb?tool=y", "http://127.0.0.1:9000/cb?tool=x&y=z")
	})

	all.rule(t, "NA-03 a private-use scheme is a reversed domain name, compared exactly", func(t *testing.T, s *site) {
		s.refuseRegistration(t, "app:/cb", "myapp://cb", "com.example.app://cb", "com.example.app:cb", "com.example.app:")
		accepted(t, s, "PN", "com.example.app:/cb")
		refused(t, s, "PN", "com.example.app:/cb/", "COM.example.app:/cb", "com.example.app:/CB", "com.example.app:cb", "com.example.app://cb", "com.example.app:///cb", "com.example.app.evil:/cb", "com.example.app:/cb?x", "com.example.app:/cb#x", "com.example.app:/")
	})

	all.rule(t, "NA-04 a native client is public: no secret makes it more", func(t *testing.T, s *site) {
		if s.secret["PN"] != "" {
			t.Error("a public client has a secret")
		}
		form := url.Values{"client_id": {"PN"}, "client_secret": {"anything"}, "token": {"x"}}
		wantUnauthorized(t, s.postBody("/introspect", form.Encode()))
		form.Set("grant_type", "client_credentials")
		wantError(t, s.postBody("/token", form.Encode()), "unauthorized_client")
		callback := s.code("PN", nil)
		form = url.Values{"client_id": {"PN"}, "client_secret": {"anything"}, "grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"http://127.0.0.1:49152/cb"}}
		wantError(t, s.postBody("/token", form.Encode()), "invalid_grant") // a secret does not stand for PKCE
	})

	all.rule(t, "NA-05 a native client is never approved silently", func(t *testing.T, s *site) {
		b := s.browser()
		for _, redirectURI := range []string{"http://127.0.0.1:49152/cb", "com.example.app:/cb", "http://[::1]:5/cb"} {
			set := url.Values{"redirect_uri": {redirectURI}}
			b.walk(s.az("PN", set), "U1")
			wantConsent(t, s, b.get(s.az("PN", set)))
			address := s.az("PN", url.Values{"redirect_uri": {redirectURI}, "prompt": {"none"}})
			wantRedirectError(t, s, address, b.get(address), "consent_required")
		}
	})
}
