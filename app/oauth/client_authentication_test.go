package oauth_test

import (
	"context"
	"testing"

	"regrant/app/oauth"
	"regrant/db"
)

// A client that another process changes is taken from memory for a moment. Nobody is refused for that, and no refresh is decided by
// what the client was.
func TestT28AClientChangedByAnotherProcessIsBelievedAtOnce(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx := context.Background()
	token, _ := w.grant("standard", "ann")
	elsewhere, err := db.Open(ctx, w.path, db.Options{})
	w.ok(err)
	defer elsewhere.Close()

	for range 20 {
		first, err := w.refresh("standard", token, "")
		w.ok(err)
		old := w.secret["standard"]
		_, secret, err := oauth.RotateClientSecret(ctx, elsewhere, "standard", oauth.SecretRotation{}, w.clock.Wall(), device)
		w.ok(err)

		w.secret["standard"] = secret
		second, err := w.refresh("standard", first.RefreshToken, "")
		if err != nil {
			t.Fatalf("with the new secret: %v", err)
		}
		w.secret["standard"] = old
		if _, err := w.refresh("standard", second.RefreshToken, ""); err == nil {
			t.Fatal("the old secret still refreshes")
		}
		w.secret["standard"], token = secret, second.RefreshToken
	}

	_, err = oauth.ChangeClient(ctx, elsewhere, "standard", func(c *oauth.Client) error { now := w.clock.Wall(); c.DisabledAt = &now; return nil }, w.clock.Wall(), device)
	w.ok(err)
	if _, err := w.refresh("standard", token, ""); oauth.AsError(err).Code != oauth.UnauthorizedClient {
		t.Errorf("T26: right after another process disabled it: %v", err)
	}
}
