package oauth_test

import (
	"context"
	"testing"

	"regrant/app/oauth"
	"regrant/db"
)

// What a server remembers of clients and refresh tokens leads to rotations only. Here another process has just allowed something, of
// which the memory knows nothing, and the app asks for it at once.
func TestWhatIsRememberedRefusesNobody(t *testing.T) {
	for name, c := range map[string]struct {
		forbid, allow func(c *oauth.Client)
		scope         string
	}{
		"a scope is the client's again": {
			forbid: func(c *oauth.Client) { c.Scope = oauth.Scope{"read", "offline_access"} },
			allow:  func(c *oauth.Client) { c.Scope = oauth.Scope{"read", "write", "offline_access"} },
			scope:  "write",
		},
		"a scope survives a refresh again": {
			forbid: func(c *oauth.Client) { c.Policy.ScopesOnRefresh = oauth.Scope{"read"} },
			allow:  func(c *oauth.Client) { c.Policy.ScopesOnRefresh = nil },
			scope:  "write",
		},
		"the client is everybody's again": {
			forbid: func(c *oauth.Client) { c.Restricted = true },
			allow:  func(c *oauth.Client) { c.Restricted = false },
		},
		"the client is enabled again": {
			forbid: func(c *oauth.Client) { c.DisabledAt = &epoch },
			allow:  func(c *oauth.Client) { c.DisabledAt = nil },
		},
		"the client may refresh again": {
			forbid: func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantAuthorizationCode} },
			allow:  func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken} },
		},
		"the client need not prove a key any more": {
			forbid: func(c *oauth.Client) { c.DPoPRequired = true },
			allow:  func(c *oauth.Client) { c.DPoPRequired = false },
		},
		"the client may rotate again": {
			forbid: func(c *oauth.Client) { c.Policy.RotationOff = true },
			allow:  func(c *oauth.Client) { c.Policy.RotationOff = false },
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			w := newWorld(t, inMemory(t))
			defer w.close()
			theirs, err := db.Open(ctx, w.path, db.Options{})
			w.ok(err)
			defer theirs.Close()
			token, _ := w.grant("standard", "ann")
			rotate := func() {
				response, err := w.refresh("standard", token, "")
				w.ok(err)
				token = response.RefreshToken
			}
			rotate()
			_, err = oauth.ChangeClient(ctx, w.db, "standard", func(client *oauth.Client) error { c.forbid(client); return nil }, w.clock.Wall(), device)
			w.ok(err)
			// Now the client is in memory, and the token where it gets one; what follows comes from elsewhere.
			if response, err := w.refresh("standard", token, ""); err == nil {
				token = response.RefreshToken
			}
			_, err = oauth.ChangeClient(ctx, theirs, "standard", func(client *oauth.Client) error { c.allow(client); return nil }, w.clock.Wall(), device)
			w.ok(err)

			if _, err := w.refresh("standard", token, c.scope); err != nil {
				t.Error(err)
			}
			if _, err := w.refresh("standard", token, c.scope); err != nil {
				t.Errorf("and once more: %v", err)
			}
		})
	}
}
