package oauth_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

var (
	apiNoon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	apiAdmin = audit.Origin{Actor: audit.ByAdmin, ActorID: "boss"}
)

// withAPI is a database with one resource server.
func withAPI(t *testing.T) (*db.DB, *oauth.API) {
	t.Helper()
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "regrant.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	api := &oauth.API{Resource: "https://api.test/", Name: "Orders", Scope: oauth.Scope{"read", "write"}}
	if _, _, err := oauth.RegisterAPI(t.Context(), d, api, apiNoon, apiAdmin); err != nil {
		t.Fatal(err)
	}
	return d, api
}

func lastAudit(t *testing.T, d *db.DB) audit.Event {
	t.Helper()
	events, err := d.Events(t.Context(), db.EventFilter{}, 1)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	return events[0]
}

func TestChangeAPI(t *testing.T) {
	t.Run("name, scopes and format change, with before and after in the log", func(t *testing.T) {
		d, api := withAPI(t)

		got, err := oauth.ChangeAPI(t.Context(), d, api.ClientID, oauth.APIChange{Name: "Orders", Scope: oauth.Scope{"read"}, AccessTokenFormat: oauth.FormatOpaque, Seen: api.UpdatedAt}, apiNoon.Add(time.Hour), apiAdmin)

		if err != nil {
			t.Fatal(err)
		}
		stored, err := oauth.FindAPI(t.Context(), d, api.ClientID)
		if diff := cmp.Diff(got, stored); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
		if !stored.Scope.Equal(oauth.Scope{"read"}) || stored.AccessTokenFormat != oauth.FormatOpaque || !stored.UpdatedAt.Equal(apiNoon.Add(time.Hour)) {
			t.Errorf("%+v", stored)
		}
		e := lastAudit(t, d)
		changes, others := audit.Changes(e.Detail)
		if diff := cmp.Diff([]audit.Changed{{Key: "scope", Before: "read write", After: "read"}, {Key: "format", After: "opaque"}}, changes); diff != "" {
			t.Error(diff)
		}
		if e.Kind != audit.APIUpdated || e.ActorID != "boss" || len(others) != 1 || others[0].Value != "https://api.test/" {
			t.Errorf("%+v", e)
		}
	})

	t.Run("what was looked at must still be there", func(t *testing.T) {
		d, api := withAPI(t)
		change := oauth.APIChange{Name: "Other", Scope: api.Scope, Seen: api.UpdatedAt.Add(-time.Microsecond)}
		if _, err := oauth.ChangeAPI(t.Context(), d, api.ClientID, change, apiNoon, apiAdmin); !errors.Is(err, oauth.ErrConflict) {
			t.Fatal(err)
		}
		if _, err := oauth.ChangeAPI(t.Context(), d, "api-none", change, apiNoon, apiAdmin); !errors.Is(err, oauth.ErrNotFound) {
			t.Fatal(err)
		}
	})

	t.Run("of many who change the same state one wins, even where the clock stands still", func(t *testing.T) {
		d, api := withAPI(t)
		var won, told atomic.Int32
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				change := oauth.APIChange{Name: "Name " + string(rune('a'+i)), Scope: api.Scope, Seen: api.UpdatedAt}
				switch _, err := oauth.ChangeAPI(context.Background(), d, api.ClientID, change, apiNoon, apiAdmin); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, oauth.ErrConflict):
					told.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || told.Load() != 11 {
			t.Errorf("%d won, %d were told", won.Load(), told.Load())
		}
	})

	t.Run("what cannot be is refused and what is the same is not written", func(t *testing.T) {
		d, api := withAPI(t)
		_, err := oauth.ChangeAPI(t.Context(), d, api.ClientID, oauth.APIChange{Name: "Orders", Scope: oauth.Scope{"openid"}}, apiNoon, apiAdmin)
		if oauth.AsError(err).Code != oauth.InvalidClientMetadata {
			t.Fatal(err)
		}
		if _, err := oauth.ChangeAPI(t.Context(), d, api.ClientID, oauth.APIChange{Name: api.Name, Scope: api.Scope}, apiNoon.Add(time.Hour), apiAdmin); err != nil {
			t.Fatal(err)
		}
		if e := lastAudit(t, d); e.Kind != audit.APICreated {
			t.Error(e.Kind)
		}
	})
}

func TestRemoveAPI(t *testing.T) {
	d, api := withAPI(t)
	if _, err := oauth.RemoveAPI(t.Context(), d, api.ClientID, apiNoon, apiAdmin); err != nil {
		t.Fatal(err)
	}
	if _, err := oauth.FindAPI(t.Context(), d, api.ClientID); !errors.Is(err, oauth.ErrNotFound) {
		t.Error(err)
	}
	if _, err := d.Client(t.Context(), api.ClientID); !errors.Is(err, oauth.ErrNotFound) {
		t.Error("its client is still there", err)
	}
	if e := lastAudit(t, d); e.Kind != audit.APIDeleted || e.ClientID != api.ClientID {
		t.Errorf("%+v", e)
	}
	if _, err := oauth.RemoveAPI(t.Context(), d, api.ClientID, apiNoon, apiAdmin); !errors.Is(err, oauth.ErrNotFound) {
		t.Error(err)
	}
}

func TestUseOfScopeNamesWhoWouldMissIt(t *testing.T) {
	d, _ := withAPI(t)
	for id, scope := range map[string]oauth.Scope{"a": {"openid", "write"}, "b": {"openid", "read"}} {
		c := &oauth.Client{ID: id, Name: "Client " + id, RedirectURIs: []string{"https://app.test/cb"}, Scope: scope}
		if _, err := oauth.RegisterClient(t.Context(), d, c, apiNoon, apiAdmin); err != nil {
			t.Fatal(err)
		}
	}

	use, err := oauth.UseOfScope(t.Context(), d, oauth.Scope{"write", "gone"})

	if err != nil || len(use.Clients) != 1 || use.Clients[0].ID != "a" || use.Grants != 0 || use.More {
		t.Errorf("%+v %v", use, err)
	}
}

func TestFindResourceKnowsEverySpelling(t *testing.T) {
	d, api := withAPI(t)
	for resource, want := range map[string]error{"https://api.test/": nil, "HTTPS://API.test/": nil, "https://api.test": oauth.ErrNotFound, "nonsense": oauth.ErrNotFound} {
		got, err := oauth.FindResource(t.Context(), d, resource)
		if !errors.Is(err, want) || want == nil && got.ClientID != api.ClientID {
			t.Errorf("%s: %v %v", resource, got, err)
		}
	}
}
