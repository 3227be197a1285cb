package oauth_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

// pushes changes how the client standard is told.
func (w *world) pushes(ch oauth.PushChange) (*oauth.Client, string, error) {
	return oauth.ChangePush(context.Background(), w.db, account.NewSealer(w.db, w.clock.Wall), "standard", ch, w.clock.Wall(), adminAnn)
}

func TestWEB48HowAClientIsToldIsInTheAuditLogAndNoSecretIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inMemory(t))
	defer w.close()
	// change wants these members in the log of what it does, and the secret made or not.
	change := func(ch oauth.PushChange, made bool, members ...string) (*oauth.Client, string) {
		t.Helper()
		w.clock.pass(time.Second)
		c, secret, err := w.pushes(ch)
		w.ok(err)
		e := w.lastEvent("standard")
		changes, _ := audit.Changes(e.Detail)
		var keys []string
		for _, c := range changes {
			keys = append(keys, c.Key)
		}
		slices.Sort(keys)
		if !slices.Equal(keys, members) || e.Kind != audit.ClientPushChanged || e.ActorID != "ann" || (secret != "") != made || made && strings.Contains(e.Detail, secret) || strings.Contains(e.Detail, "private") {
			t.Errorf("secret %v, the log says %s %s, want %q", secret != "", e.Kind, e.Detail, members)
		}
		return c, secret
	}

	_, first := change(oauth.PushChange{WebhookURL: new("https://app.test/hook")}, true, "webhook_secret_created", "webhook_url")
	change(oauth.PushChange{WebhookURL: new("https://app.test/other")}, false, "webhook_url")
	c, second := change(oauth.PushChange{NewSecret: true, Overlap: time.Hour}, true, "old_webhook_secret_ends", "webhook_secret_created")
	if first == second || !c.OldWebhookSecret.Living(w.clock.Wall()) || c.OldWebhookSecret.Living(w.clock.Wall().Add(time.Hour)) {
		t.Errorf("the old secret: %+v", c.OldWebhookSecret)
	}
	if c, _ := change(oauth.PushChange{NewSecret: true}, true, "old_webhook_secret_ends", "webhook_secret_created"); c.OldWebhookSecret != nil {
		t.Error("without overlap the old secret ends at once")
	}
	change(oauth.PushChange{SecurityEventURL: new("https://app.test/event"), Authorization: new("Bearer private")}, false, "security_event_authorization", "security_event_url")
	replaced, _, err := w.pushes(oauth.PushChange{Authorization: new("Bearer private, too")})
	w.ok(err)
	if e := w.lastEvent("standard"); !strings.Contains(e.Detail, "security_event_authorization=replaced") || strings.Contains(e.Detail, "private") || len(replaced.SecurityEventAuthorization) == 0 {
		t.Errorf("the log says %s", e.Detail)
	}
	if c, _ := change(oauth.PushChange{SecurityEventURL: new("https://app.test/events")}, false, "security_event_url"); c.SecurityEventAuthorization == nil {
		t.Error("the header goes with a move on the same host")
	}
	// Who is there now was never given the header.
	if c, _ := change(oauth.PushChange{SecurityEventURL: new("https://other.test/events")}, false, "security_event_authorization", "security_event_url"); c.SecurityEventAuthorization != nil {
		t.Error("the header is sent to another host")
	}
	change(oauth.PushChange{SecurityEventURL: new("https://app.test/event"), Authorization: new("Bearer private")}, false, "security_event_authorization", "security_event_url")
	change(oauth.PushChange{Authorization: new("")}, false, "security_event_authorization")
	change(oauth.PushChange{Authorization: new("Bearer private")}, false, "security_event_authorization")
	c, _ = change(oauth.PushChange{WebhookURL: new(""), SecurityEventURL: new("")}, false, "security_event_authorization", "security_event_url", "webhook_secret_created", "webhook_url")
	if c.WebhookSecret != nil || c.OldWebhookSecret != nil || c.SecurityEventAuthorization != nil {
		t.Errorf("what nobody needs any more is kept: %+v", c)
	}

	version := c.Version
	if same, secret, err := w.pushes(oauth.PushChange{WebhookURL: new("")}); err != nil || secret != "" || same.Version != version {
		t.Errorf("what changes nothing: %v, version %d", err, same.Version)
	}
	if _, _, err := w.pushes(oauth.PushChange{WebhookURL: new("https://app.test/hook"), Version: version - 1}); !errors.Is(err, oauth.ErrConflict) {
		t.Errorf("decided before another change: %v", err)
	}
	if _, _, err := oauth.ChangePush(t.Context(), w.db, account.NewSealer(w.db, w.clock.Wall), "nobody", oauth.PushChange{}, w.clock.Wall(), adminAnn); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("a client that is not there: %v", err)
	}
}

func TestWhereAClientCannotBeToldIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inMemory(t))
	defer w.close()
	before, err := w.db.Client(t.Context(), "standard")
	w.ok(err)

	event := new("https://app.test/event")
	for member, changes := range map[string][]oauth.PushChange{
		"webhook_url":        {{WebhookURL: new("http://app.test/hook")}, {WebhookURL: new("https://u@app.test/")}, {WebhookURL: new("https://app.test/#x")}, {NewSecret: true}},
		"security_event_url": {{SecurityEventURL: new("app.test")}, {SecurityEventURL: new("https:///x")}},
		"security_event_authorization": {
			{Authorization: new("Bearer x")}, {SecurityEventURL: event, Authorization: new("Bearer x\r\nX: y")}, {SecurityEventURL: event, Authorization: new(" Bearer x")},
			{SecurityEventURL: event, Authorization: new("Bearer ü")}, {SecurityEventURL: event, Authorization: new(strings.Repeat("x", 4097))},
		},
		"overlap": {{NewSecret: true, Overlap: -1}, {NewSecret: true, Overlap: oauth.MaxSecretOverlap + 1}},
	} {
		for _, ch := range changes {
			_, secret, err := w.pushes(ch)
			if e := oauth.AsError(err); err == nil || secret != "" || e.Code != oauth.InvalidClientMetadata || !strings.HasPrefix(e.Description, member+": ") {
				t.Errorf("%+v: %v", ch, err)
			}
		}
	}

	if after, err := w.db.Client(t.Context(), "standard"); err != nil || after.Version != before.Version {
		t.Errorf("something was written: %v", err)
	}
	_, err = oauth.ChangeClient(t.Context(), w.db, "standard", func(c *oauth.Client) error { c.WebhookURL = "https://app.test/hook"; return nil }, w.clock.Wall(), adminAnn)
	if e := oauth.AsError(err); err == nil || !strings.HasPrefix(e.Description, "webhook_url: ") {
		t.Errorf("a webhook that nothing signs: %v", err)
	}
}
