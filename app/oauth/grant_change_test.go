package oauth_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// TestNoRefreshThatBeginsAfterANarrowingReturnsWhatWasTaken races refreshes with the narrowing of their grant. One that begins
// after the change has committed must not name the scope; one before may, and its successors must not.
func TestNoRefreshThatBeginsAfterANarrowingReturnsWhatWasTaken(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx, admin := context.Background(), audit.Origin{Actor: audit.ByAdmin, ActorID: "root"}
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	var wide, narrow int
	for range rounds {
		token, id := w.grant("multi-process", "ann") // whose policy forgives that one of them is a little behind
		g, err := w.db.Grant(ctx, id)
		w.ok(err)
		var done sync.WaitGroup
		var mu sync.Mutex
		var narrowed time.Time
		current := token
		for range 4 {
			done.Go(func() {
				for range 3 {
					mu.Lock()
					presented := current
					mu.Unlock()
					began := time.Now()
					response, err := w.refresh("multi-process", presented, "")
					mu.Lock()
					committed := narrowed
					if err == nil {
						current = response.RefreshToken
						has := contains(response.Scope, "write")
						if has && !committed.IsZero() && began.After(committed) {
							t.Errorf("a refresh that began after the narrowing returned %q", response.Scope)
						}
						if has {
							wide++
						} else {
							narrow++
						}
					}
					mu.Unlock()
				}
			})
		}
		done.Go(func() {
			w.ok(w.engine.NarrowGrant(ctx, w.db, id, g.Version, oauth.Scope{"read", "offline_access"}, admin))
			mu.Lock()
			narrowed = time.Now()
			mu.Unlock()
		})
		done.Wait()
		last, err := w.refresh("multi-process", current, "")
		if err == nil && contains(last.Scope, "write") {
			t.Fatalf("afterwards: %q", last.Scope)
		}
	}
	if wide == 0 || narrow == 0 {
		t.Errorf("%d wide and %d narrow: nothing was raced", wide, narrow)
	}
}

func contains(scope, token string) bool {
	s, err := oauth.ParseScope(scope)
	return err == nil && s.Has(token)
}

func TestAChangeOfAGrantThatEndedOrChangedMeanwhileChangesNothing(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx, admin := context.Background(), audit.Origin{Actor: audit.ByAdmin, ActorID: "root"}
	_, id := w.grant("multi-process", "ann")
	g, err := w.db.Grant(ctx, id)
	w.ok(err)
	soon := w.clock.Wall().Add(time.Hour)

	w.ok(w.engine.ChangeGrantEnd(ctx, w.db, id, g.Version, soon, admin))

	if err := w.engine.NarrowGrant(ctx, w.db, id, g.Version, oauth.Scope{"read"}, admin); !errors.Is(err, oauth.ErrConflict) {
		t.Errorf("an old version: %v", err)
	}
	if err := w.db.NarrowGrant(ctx, g, oauth.Scope{"read"}, oauth.Claims{}, false, w.event(audit.GrantNarrowed)); !errors.Is(err, oauth.ErrConflict) {
		t.Errorf("an old version in the store: %v", err)
	}
	if err := w.db.ChangeGrantEnd(ctx, g, soon, w.event(audit.GrantEndChanged)); !errors.Is(err, oauth.ErrConflict) {
		t.Errorf("an old version in the store: %v", err)
	}
	g, err = w.db.Grant(ctx, id)
	w.ok(err)
	if !g.Scope.Has("write") || !g.EndsAt.Equal(soon) {
		t.Errorf("%v until %v", g.Scope, g.EndsAt)
	}
	w.ok(w.engine.EndGrant(ctx, id, admin))
	if err := w.db.NarrowGrant(ctx, g, oauth.Scope{"read"}, oauth.Claims{}, false, w.event(audit.GrantNarrowed)); !errors.Is(err, oauth.ErrConflict) {
		t.Errorf("a revoked grant: %v", err)
	}
	for _, err := range []error{
		w.engine.NarrowGrant(ctx, w.db, id, g.Version+1, oauth.Scope{"read"}, admin), w.engine.ChangeGrantEnd(ctx, w.db, id, g.Version+1, soon, admin), w.engine.EndGrant(ctx, id, admin),
	} {
		if !errors.Is(err, oauth.ErrGrantEnded) {
			t.Errorf("a revoked grant: %v", err)
		}
	}
	if err := w.engine.EndGrant(ctx, "nobody's", admin); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("no grant: %v", err)
	}
}

// meanwhile does something right before a rotation is written, when it has been decided.
type meanwhile struct {
	oauth.Store
	do func()
}

func (m *meanwhile) RotateRefreshToken(ctx context.Context, r *oauth.Rotation) error {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Store.RotateRefreshToken(ctx, r)
}

func TestARotationThatWasDecidedBeforeANarrowingIsDecidedAgain(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx, admin := context.Background(), audit.Origin{Actor: audit.ByAdmin, ActorID: "root"}
	store := &meanwhile{Store: w.db}
	w.start(store)
	token, id := w.grant("standard", "ann")
	g, err := w.db.Grant(ctx, id)
	w.ok(err)
	store.do = func() { w.ok(w.engine.NarrowGrant(ctx, w.db, id, g.Version, oauth.Scope{"read"}, admin)) }

	response, err := w.refresh("standard", token, "")

	w.ok(err)
	if response.Scope != "read" || store.do != nil {
		t.Errorf("the refresh returned %q", response.Scope)
	}

	g, err = w.db.Grant(ctx, id)
	w.ok(err)
	now := w.clock.Wall()
	store.do = func() {
		w.ok(w.engine.ChangeGrantEnd(ctx, w.db, id, g.Version, now.Add(time.Second), admin))
		w.clock.pass(2 * time.Second)
	}
	if response, err := w.refresh("standard", response.RefreshToken, ""); err == nil {
		t.Errorf("a grant whose end was moved into the past meanwhile was refreshed: %q", response.Scope)
	}
}
