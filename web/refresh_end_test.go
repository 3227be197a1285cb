package web_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

// endRules are the transitions by which people, admins and clients end or suspend a grant, and those that must not.
func endRules(rule ruleFunc) {
	ctx := context.Background()
	rule("T19 a stricter method of authentication holds from the next refresh", func(t *testing.T, s *site) {
		f := s.family()
		s.change(f.client, func(c *oauth.Client) { c.AuthMethod = oauth.AuthPost })
		wantUnauthorized(t, f.use(0))
		wantOK(t, s.post("/token", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {f.tokens[0]},
			"client_id": {f.client}, "client_secret": {s.secret[f.client]}}))
	})
	rule("T20 a confidential client with living grants cannot become public", func(t *testing.T, s *site) {
		f := s.family()
		becomePublic := func(c *oauth.Client) error { c.AuthMethod = oauth.AuthNone; return nil }
		if _, err := oauth.ChangeClient(ctx, s.db, f.client, becomePublic, s.clock.Wall(), by); err == nil {
			t.Fatal("it became public")
		}
		wantOK(t, f.use(0))
		if _, err := s.db.RevokeGrantsOf(ctx, "", f.client, oauth.RevokedAdmin, s.clock.Wall(), audit.Event{At: s.clock.Wall(), Kind: audit.GrantRevoked, Origin: by}); err != nil {
			t.Fatal(err)
		}
		if _, err := oauth.ChangeClient(ctx, s.db, f.client, becomePublic, s.clock.Wall(), by); err != nil {
			t.Fatal(err)
		}
		f.secret[f.client] = ""
		f.dead()
	})
	rule("T21 disabling a person ends every grant at once, and enabling brings none back", func(t *testing.T, s *site) {
		f := s.rotated()
		g, bystander := s.another(f.client, f.who, "openid read offline_access"), s.rotated()
		if err := s.people.Disable(ctx, s.person[f.who].ID, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		for _, dead := range []*family{f, g} {
			dead.dead()
		}
		s.pass(time.Minute)
		if err := s.people.Enable(ctx, s.person[f.who].ID, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		for _, dead := range []*family{f, g} {
			dead.dead()
			dead.revoked("user_disabled")
			if n := len(dead.events(audit.GrantReuse)); n != 0 {
				t.Error("it counts as reuse")
			}
		}
		bystander.alive()
		s.another(f.client, f.who, "openid read").alive()
	})
	rule("T22 a person whose sign-in is throttled goes on refreshing", func(t *testing.T, s *site) {
		f := s.family()
		b := s.browser()
		for i := 0; ; i++ {
			page := b.get(s.issuer + "/login")
			a := b.submit(page, s.issuer+"/login", url.Values{"email": {s.person[f.who].Email}, "password": {"wrong"}})
			if a.status == http.StatusTooManyRequests {
				break
			}
			if i == 50 {
				t.Fatal("nobody is throttled")
			}
		}
		wantOK(t, f.use(0))
		f.alive()
	})
	rule("T23 deleting a person ends everything, and their rows follow", func(t *testing.T, s *site) {
		f := s.rotated()
		id := s.person[f.who].ID
		if err := s.people.Delete(ctx, id, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		f.revoked("user_deleted")
		if p, err := s.db.PersonByID(ctx, id); err != nil || p.DeletedAt == nil || p.Email != "" {
			t.Errorf("the id could be given again: %+v %v", p, err)
		}
		s.pass(31 * 24 * time.Hour)
		for s.sweep() > 0 {
		}
		if rows, err := s.db.Grants(ctx, oauth.GrantFilter{PersonID: id}); err != nil || len(rows) != 0 {
			t.Errorf("%d rows are left: %v", len(rows), err)
		}
		wantError(t, f.use(1), "invalid_grant")
	})
	rule("T24 a person who changes the password keeps this session and, unless told otherwise, nothing else", func(t *testing.T, s *site) {
		for _, endOthers := range []bool{true, false} {
			here := s.family()
			elsewhere := s.another(here.client, here.who, "openid read offline_access")
			c := account.PasswordChange{PersonID: s.person[here.who].ID, SessionID: here.row().SessionID, Current: password, New: "quilt-lantern-48-fjord", EndOthers: endOthers}
			if err := s.people.ChangePassword(ctx, c, by, s.clock.Wall()); err != nil {
				t.Fatal(err)
			}
			here.alive()
			if endOthers {
				elsewhere.revoked(oauth.RevokedPassword)
			} else {
				elsewhere.alive()
			}
		}
	})
	rule("T24 a password that somebody else sets ends everything", func(t *testing.T, s *site) {
		f := s.rotated()
		if err := s.people.SetPassword(ctx, s.person[f.who].ID, "quilt-lantern-48-fjord", by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		f.revoked(oauth.RevokedPassword)
	})
	rule("T26 a disabled client keeps its tokens and gets them back", func(t *testing.T, s *site) {
		f := s.rotated()
		before := f.row()
		s.change(f.client, func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now })
		for i := range f.tokens {
			wantError(t, f.use(i), "unauthorized_client")
		}
		if s.active("RS", f.access[1]) {
			t.Error("its access tokens are active")
		}
		if row := f.row(); row.RevokedAt != nil || row.Generation != before.Generation {
			t.Error("the row has changed")
		}
		s.change(f.client, func(c *oauth.Client) { c.DisabledAt = nil })
		f.alive()
		wantOK(t, f.use(1))
	})
	rule("T27 a deleted client has no grants", func(t *testing.T, s *site) {
		f := s.rotated()
		if err := s.db.DeleteClient(ctx, f.client, audit.Event{At: s.clock.Wall(), Kind: audit.ClientDeleted, Origin: by, ClientID: f.client}); err != nil {
			t.Fatal(err)
		}
		wantUnauthorized(t, f.use(1))
		for _, token := range f.access {
			if s.active("RS", token) {
				t.Error("an access token outlives its client")
			}
		}
		s.addClient(f.client, oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://" + f.client + ".test/cb"}})
		f.dead() // a new client of that name inherits nothing
	})
	rule("T28 during a rotation both secrets work, and grants stay", func(t *testing.T, s *site) {
		f := s.rotated()
		old := s.secret[f.client]
		_, secret, err := oauth.RotateClientSecret(ctx, s.db, f.client, oauth.SecretRotation{Overlap: oauth.SecretOverlap}, s.clock.Wall(), by)
		if err != nil {
			t.Fatal(err)
		}
		wantOK(t, f.use(1))
		s.secret[f.client] = secret
		wantOK(t, f.use(2))
		s.pass(24 * time.Hour)
		s.secret[f.client] = old
		wantUnauthorized(t, f.use(3))
		s.secret[f.client] = secret
		wantOK(t, f.use(3))
	})
	rule("T28 a leaked secret dies at once with every grant", func(t *testing.T, s *site) {
		f, bystander := s.rotated(), s.rotated()
		old := s.secret[f.client]
		_, secret, err := oauth.RotateClientSecret(ctx, s.db, f.client, oauth.SecretRotation{Leaked: true}, s.clock.Wall(), by)
		if err != nil {
			t.Fatal(err)
		}
		wantUnauthorized(t, f.use(1))
		s.secret[f.client] = secret
		f.dead()
		if old == secret {
			t.Error("the secret is the same")
		}
		bystander.alive()
	})
	rule("T29 removing a redirect URI has no effect", func(t *testing.T, s *site) {
		f := s.family()
		s.change(f.client, func(c *oauth.Client) { c.RedirectURIs = []string{"https://elsewhere.test/cb"} })
		wantOK(t, f.use(0))
		f.alive()
	})
	rule("T30 a client that may not refresh any more keeps its grants", func(t *testing.T, s *site) {
		f := s.rotated()
		before := f.row()
		s.change(f.client, func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantAuthorizationCode} })
		for i := range f.tokens {
			wantError(t, f.use(i), "unauthorized_client")
		}
		if row := f.row(); row.RevokedAt != nil || row.Generation != before.Generation {
			t.Error("the row has changed")
		}
		s.change(f.client, func(c *oauth.Client) { c.GrantTypes = append(c.GrantTypes, oauth.GrantRefreshToken) })
		wantOK(t, f.use(1))
	})
	rule("T31 withdrawing consent ends every grant of the pair", func(t *testing.T, s *site) {
		f := s.rotated()
		g, bystander := s.another(f.client, f.who, "openid read"), s.rotated()
		e := audit.Event{At: s.clock.Wall(), Kind: audit.ConsentWithdrawn, Origin: by}
		if err := s.db.WithdrawConsent(ctx, s.person[f.who].ID, f.client, s.clock.Wall(), e); err != nil {
			t.Fatal(err)
		}
		f.revoked(oauth.RevokedConsent)
		g.revoked(oauth.RevokedConsent)
		bystander.alive()
	})
	rule("T32 revoking one device leaves the others", func(t *testing.T, s *site) {
		f := s.rotated()
		other := s.another(f.client, f.who, "openid read offline_access")
		f.revoke(oauth.RevokedPerson)
		f.revoked(oauth.RevokedPerson)
		other.alive()
		wantOK(t, other.use(0))
	})
	rule("T33 a scope that the client has lost", func(t *testing.T, s *site) {
		f := s.family()
		s.change(f.client, func(c *oauth.Client) { c.Scope = oauth.Scope{"openid", "read", "offline_access"} })
		before := f.row()
		wantError(t, f.use(0, url.Values{"scope": {"read write"}}), "invalid_scope")
		f.unchanged(withClientVersion(before, f.row()))
		a := f.use(0)
		wantOK(t, a)
		if got := a.text(t, "scope"); got != "openid read offline_access" {
			t.Errorf("scope is %q", got)
		}
		if got := s.introspect("RS", f.access[1])["scope"]; got != "openid read offline_access" {
			t.Errorf("the access token has %q", got)
		}
		s.change(f.client, func(c *oauth.Client) { c.Scope = oauth.Scope{"openid", "read", "write", "offline_access"} })
		if got := f.use(1).text(t, "scope"); got != "openid read write offline_access" {
			t.Errorf("given back, scope is %q", got)
		}
	})
	rule("T33 a scope that the server has lost", func(t *testing.T, s *site) {
		s.addAPI("T33", "https://t33.test/", "paint", "draw")
		f := s.family(func(c *oauth.Client) { c.Scope = append(c.Scope, "paint", "draw") })
		g := s.another(f.client, f.who, "openid paint draw offline_access")
		apis, err := s.db.APIs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range apis {
			if a.Name == "T33" {
				a.Scope = oauth.Scope{"draw"}
				if err := s.db.UpdateAPI(ctx, &a, audit.Event{At: s.clock.Wall(), Kind: audit.APIUpdated, Origin: by}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.engine.Reload(ctx); err != nil {
			t.Fatal(err)
		}
		wantError(t, g.use(0, url.Values{"scope": {"paint"}}), "invalid_scope")
		if got := g.use(0).text(t, "scope"); got != "openid draw offline_access" {
			t.Errorf("scope is %q", got)
		}
	})
	rule("T33 a client that has lost offline_access", func(t *testing.T, s *site) {
		f := s.rotated()
		plain := s.another(f.client, f.who, "openid read")
		s.change(f.client, func(c *oauth.Client) { c.Scope = oauth.Scope{"openid", "read", "write"} })
		wantError(t, f.use(1), "invalid_grant")
		f.revoked(oauth.RevokedScope)
		f.onlyEvent(audit.GrantRevoked)
		wantOK(t, plain.use(0))
	})
	rule("T33 nothing is left", func(t *testing.T, s *site) {
		f := s.rotated()
		plain := s.another(f.client, f.who, "openid read")
		s.change(f.client, func(c *oauth.Client) { c.Scope = oauth.Scope{"email", "write"} })
		before := plain.row()
		wantError(t, plain.use(0), "invalid_scope")
		plain.unchanged(before)
		s.change(f.client, func(c *oauth.Client) { c.Scope = oauth.Scope{"openid", "read"} })
		wantOK(t, plain.use(0))
	})
	rule("T35 signing out ends what has no offline_access", func(t *testing.T, _ *site) {
		s := newSite(t) // browser sessions live by the machine's clock, which the shared site is far ahead of
		client := s.family()
		b := s.browser()
		online, offline := b.grantTo(client.client, client.who, "openid read"), b.grantTo(client.client, client.who, "openid read offline_access")
		if a := b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil); a.status != http.StatusSeeOther {
			t.Fatalf("sign out: %d %s", a.status, a.body)
		}
		online.revoked(oauth.RevokedLogout)
		offline.alive()
		client.alive() // of another session
	})
	rule("T36 a code that comes a second time ends its grant", func(t *testing.T, s *site) {
		f := s.rotated()
		wantError(t, f.redeemed(nil), "invalid_grant")
		f.revoked(oauth.RevokedCodeReplay)
		f.onlyEvent(audit.CodeReplayed)
	})
	rule("T37 with a wrong verifier, from another address or client it ends nothing", func(t *testing.T, s *site) {
		f := s.rotated()
		before := f.row()
		wantError(t, f.redeemed(url.Values{"code_verifier": {verifier[1:] + "x"}}), "invalid_grant")
		wantError(t, f.redeemed(url.Values{"code_verifier": nil}), "invalid_grant")
		wantError(t, f.redeemed(url.Values{"redirect_uri": {"https://other.test/cb"}}), "invalid_grant")
		wantError(t, f.as("CX", url.Values{"grant_type": {"authorization_code"}, "code": {f.callback.Query().Get("code")}, "code_verifier": {verifier}}), "invalid_grant")
		f.unchanged(before)
		f.alive()
	})
	rule("T38 revoking an old generation ends the grant", func(t *testing.T, s *site) {
		for _, generation := range []int{0, 1, 2} {
			f := s.rotated()
			wantOK(t, f.use(1))
			other := s.another(f.client, f.who, "openid read")
			if a := s.post("/revoke", f.client, url.Values{"token": {f.tokens[generation]}}); a.status != http.StatusOK {
				t.Fatalf("revoke: %d %s", a.status, a.body)
			}
			f.revoked(oauth.RevokedClient)
			f.onlyEvent(audit.GrantRevoked)
			other.alive()
		}
	})
	rule("T50 of more grants than allowed the oldest idle one makes way", func(t *testing.T, s *site) {
		first := s.family(func(c *oauth.Client) { c.Policy.MaxGrants = 2 })
		s.pass(time.Minute)
		second := s.another(first.client, first.who, "openid read")
		s.pass(time.Minute)
		wantOK(t, first.use(0)) // so the second is idle for longer
		s.pass(time.Minute)
		third := s.another(first.client, first.who, "openid read")
		second.revoked(oauth.RevokedEvicted)
		second.onlyEvent(audit.GrantEvicted)
		first.alive()
		third.alive()
	})
	rule("RV-11 revoking with an expired token of a living grant ends it", func(t *testing.T, s *site) {
		f := s.rotated()
		s.pass(31 * 24 * time.Hour)
		if a := s.post("/revoke", f.client, url.Values{"token": {f.tokens[0]}}); a.status != http.StatusOK {
			t.Fatal(a.status)
		}
		f.revoked(oauth.RevokedClient)
	})
	rule("each way to revoke ends a grant by itself", func(t *testing.T, s *site) { // GHSA-83c4-ffjp-mxp9
		for name, person := range map[string]bool{"by the person": true, "by the client": false} {
			f := s.rotated()
			id, client := s.person[f.who].ID, ""
			if !person {
				id, client = "", f.client
			}
			n, err := s.db.RevokeGrantsOf(ctx, id, client, oauth.RevokedAdmin, s.clock.Wall(), audit.Event{At: s.clock.Wall(), Kind: audit.GrantRevoked, Origin: by})
			if err != nil || n != 1 {
				t.Fatal(name, n, err)
			}
			f.revoked(oauth.RevokedAdmin)
			s.pass(time.Second)
			s.another(f.client, f.who, "openid read").alive()
		}
	})
}

// withClientVersion is a row as it was, of a client that was changed since.
func withClientVersion(before, now oauth.RefreshState) oauth.RefreshState {
	before.ClientVersion = now.ClientVersion
	return before
}
