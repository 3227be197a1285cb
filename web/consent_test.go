package web_test

import (
	"net/url"
	"testing"

	"regrant/app/oauth"
)

func requirementsConsent(t *testing.T) {
	all := newSites(t)

	all.rule(t, "AZ-11 who refuses sends access_denied, and nothing is granted", func(t *testing.T, s *site) {
		s.register("DENIED", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://denied.test/cb"}})
		b := s.alice()
		for _, fields := range []url.Values{
			{"decision": {"deny"}}, {"decision": {"deny"}, "scope": {"openid", "read"}}, {"scope": {"openid", "read"}}, {"decision": {""}, "scope": {"openid"}}, {"decision": {"Allow"}, "scope": {"openid"}}, {"decision": {"deny", "allow"}, "scope": {"openid"}},
		} {
			address := s.az("CB", url.Values{"client_id": {"DENIED"}, "redirect_uri": {"https://denied.test/cb"}})
			page := b.get(b.get(address).header.Get("Location"))
			wantRedirectError(t, s, address, b.submit(page, s.issuer+"/consent", fields), "access_denied")
			wantPage(t, b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid", "read"}}))
		}
		// Nothing left ticked is a refusal too.
		address := s.az("CB", url.Values{"client_id": {"DENIED"}, "redirect_uri": {"https://denied.test/cb"}, "scope": {"read"}})
		page := b.get(b.get(address).header.Get("Location"))
		wantRedirectError(t, s, address, b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}}), "access_denied")
		if n := s.grants("DENIED"); n != 0 {
			t.Errorf("%d grants", n)
		}
		wantConsent(t, s, b.get(s.az("CB", url.Values{"client_id": {"DENIED"}, "redirect_uri": {"https://denied.test/cb"}}))) // nor remembered
	})

	all.rule(t, "AZ-16 a public client is asked for every time, a trusted one never", func(t *testing.T, s *site) {
		b := s.browser()
		for range 2 {
			b.walk(s.az("PN", nil), "U1")
			wantConsent(t, s, b.get(s.az("PN", nil)))
			address := s.az("PN", url.Values{"prompt": {"none"}})
			wantRedirectError(t, s, address, b.get(address), "consent_required")
		}
		address := s.az("TR", nil)
		wantCode(t, s, address, b.get(address))
		s.register("TRUSTED-NATIVE", oauth.Client{AuthMethod: oauth.AuthNone, Trusted: true, RedirectURIs: []string{"https://tn.test/cb"}})
		address = s.az("PN", url.Values{"client_id": {"TRUSTED-NATIVE"}, "redirect_uri": {"https://tn.test/cb"}})
		wantCode(t, s, address, b.get(address))
	})

	alone(t, "AZ-16 the consent of a confidential client is remembered until more is asked for", func(t *testing.T, s *site) {
		b := s.browser()
		b.walk(s.az("CB", url.Values{"scope": {"openid read write"}}), "U1")
		for _, scope := range []string{"openid read write", "openid read", "write", "write openid read"} {
			address := s.az("CB", url.Values{"scope": {scope}})
			wantCode(t, s, address, b.get(address))
		}
		for _, set := range []url.Values{{"scope": {"openid read list"}}, {"scope": {"email"}}, {"scope": {"openid read"}, "resource": {"https://api.test/"}}, {"prompt": {"consent"}}, {"scope": {"openid offline_access"}, "prompt": {"consent"}}} {
			wantConsent(t, s, b.get(s.az("CB", set)))
		}
		other := s.browser()
		other.signIn("U2")
		wantConsent(t, s, other.get(s.az("CB", nil)))                         // another person
		wantConsent(t, s, b.get(s.az("CX", url.Values{"scope": {"openid"}}))) // another client
		b.walk(s.az("CB", url.Values{"scope": {"openid read"}, "resource": {"https://api.test/"}}), "U1")
		address := s.az("CB", url.Values{"scope": {"openid read"}, "resource": {"https://api.test/"}})
		wantCode(t, s, address, b.get(address))
	})

	alone(t, "AZ-16 what a client was granted while it was confidential does not count once it is public", func(t *testing.T, s *site) {
		b := s.browser()
		tokens := s.exchange("CB", b.walk(s.az("CB", nil), "U1"), nil)
		wantOK(t, tokens)
		address := s.az("CB", nil)
		wantCode(t, s, address, b.get(address))
		s.revoked("CB", url.Values{"token": {tokens.text(t, "refresh_token")}})
		s.change("CB", func(c *oauth.Client) {
			c.AuthMethod, c.GrantTypes = oauth.AuthNone, []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
		})
		wantConsent(t, s, b.get(s.az("CB", nil)))
	})

	alone(t, "AZ-16 what was unticked is not granted, and asked for again", func(t *testing.T, s *site) {
		b := s.alice()
		address := s.az("CB", url.Values{"scope": {"openid read write"}})
		page := b.get(b.get(address).header.Get("Location"))
		a := b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"read"}})
		callback, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.exchange("CB", callback, nil).text(t, "scope"); got != "openid read" { // openid cannot be unticked
			t.Errorf("scope is %q", got)
		}
		wantConsent(t, s, b.get(address))
	})

	alone(t, "AZ-16 offline_access without a prompt counts only where consent covers it or the client is trusted", func(t *testing.T, s *site) {
		offline := url.Values{"scope": {"openid read offline_access"}}
		asking := url.Values{"scope": {"openid read offline_access"}, "prompt": {"consent"}}
		if got := s.tokens("CB", offline).text(t, "scope"); got != "openid read" {
			t.Errorf("without prompt: scope is %q", got)
		}
		if got := s.tokens("CB", asking).text(t, "scope"); got != "openid read offline_access" {
			t.Errorf("with prompt=consent: scope is %q", got)
		}
		if got := s.tokens("CB", offline).text(t, "scope"); got != "openid read offline_access" {
			t.Errorf("after that, remembered: scope is %q", got)
		}
		if got := s.tokens("TR", offline).text(t, "scope"); got != "openid read offline_access" {
			t.Errorf("trusted: scope is %q", got)
		}
		if got := s.tokens("PN", offline).text(t, "scope"); got != "openid read" {
			t.Errorf("public: scope is %q", got)
		}
		address := s.az("PN", url.Values{"scope": {"offline_access"}})
		wantRedirectError(t, s, address, s.alice().get(address), "invalid_scope")
	})
}
