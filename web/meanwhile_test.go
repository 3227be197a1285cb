package web_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// meanwhile runs once between the authentication of a client and the reading of its refresh token.
type meanwhile struct {
	oauth.Store
	act func()
}

func (m *meanwhile) RefreshState(ctx context.Context, id [16]byte) (*oauth.RefreshState, error) {
	if act := m.act; act != nil {
		m.act = nil
		act()
	}
	return m.Store.RefreshState(ctx, id)
}

func TestARefreshDecidesOnTheClientThatTheWriteChecks(t *testing.T) {
	for name, change := range map[string]func(*oauth.Client){
		"disabled":            func(c *oauth.Client) { now := time.Now(); c.DisabledAt = &now },
		"grant type removed":  func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantAuthorizationCode} },
		"disabled, on replay": func(c *oauth.Client) { now := time.Now(); c.DisabledAt = &now },
	} {
		t.Run("RT-15 "+name, func(t *testing.T) {
			m := &meanwhile{}
			s := newSite(t, siteOptions{store: func(inner oauth.Store) oauth.Store { m.Store = inner; return m }})
			token := s.grant("CB", "openid read").text(t, "refresh_token")
			if name == "disabled, on replay" {
				s.refresh("CB", token)
			}
			m.act = func() { s.change("CB", change) }

			a := s.refresh("CB", token)

			if a.status != 400 || a.text(t, "error") != "unauthorized_client" {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestAClientBecomesPublicOnlyWithoutGrants(t *testing.T) {
	s := newSite(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")
	public := func() error {
		_, err := oauth.ChangeClient(context.Background(), s.db, "CB", func(c *oauth.Client) error {
			c.AuthMethod, c.GrantTypes = oauth.AuthNone, []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
			return nil
		}, s.clock.Wall(), by)
		return err
	}

	if err := public(); err == nil {
		t.Fatal("T20: it became public while a grant of it lives")
	}
	if _, err := s.db.RevokeGrantsOf(context.Background(), "", "CB", oauth.RevokedAdmin, s.clock.Wall(), audit.Event{At: s.clock.Wall(), Kind: audit.GrantRevoked, Origin: by, ClientID: "CB", Result: "ok"}); err != nil {
		t.Fatal(err)
	}
	if err := public(); err != nil {
		t.Fatal(err)
	}

	r := s.request("/token", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"CB"}})
	if a := s.do(r); a.status != 400 || a.text(t, "error") != "invalid_grant" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestRememberedConsentGrows(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.walk(s.az("CB", url.Values{"scope": {"openid read"}, "resource": {"https://api.test/"}}), "U1")
	b.walk(s.az("CB", url.Values{"scope": {"openid list"}, "resource": {"https://other.test/v1"}}), "U1")

	for _, q := range []url.Values{
		{"scope": {"openid read"}, "resource": {"https://api.test/"}, "prompt": {"none"}},
		{"scope": {"openid list"}, "resource": {"https://other.test/v1"}, "prompt": {"none"}},
	} {
		u, err := url.Parse(b.get(s.az("CB", q)).header.Get("Location"))
		if err != nil || u.Query().Get("code") == "" {
			t.Errorf("AZ-16: asked again for what was allowed before: %s %v", u, err)
		}
	}
}

func TestAStaleSessionNeverCountsAsFreshWhenTheClockGoesBack(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	s.clock.step(-time.Hour)

	a := b.get(s.az("TR", url.Values{"prompt": {"login"}}))

	if page := b.get(a.header.Get("Location")); page.status != 200 || len(ticked(page.body)) > 0 {
		t.Errorf("OI-06: %d to %s", a.status, a.header.Get("Location"))
	}
}
