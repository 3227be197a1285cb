package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/web"
)

var webhookSecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/]{43}=`)

// TestAnAdminLetsAnApplicationBeTold sets the addresses, sees the secret once, makes another one and takes all away.
func TestAnAdminLetsAnApplicationBeTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	adm, auditor := s.admin(t), s.auditor(t)
	const page, form, secrets = "/admin/clients/CB/push", "/admin/clients/CB/push/change", "/admin/clients/CB/push/secret"
	send := func(path string, set url.Values) answer {
		t.Helper()
		return adm.browser.submit(adm.get(path), s.issuer+path, set)
	}

	wrong := send(form, url.Values{"webhook_url": {"http://app.test/hook"}, "security_event_url": {"https://app.test/event"}, "authorization": {"Bearer private"}})
	if wrong.status != http.StatusUnprocessableEntity || fieldError(wrong.body, "webhook_url") == "" || !strings.Contains(wrong.body, "https://app.test/event") || s.client("CB").WebhookURL != "" {
		t.Errorf("%d, stored %q", wrong.status, s.client("CB").WebhookURL)
	}
	made := send(form, url.Values{"webhook_url": {"https://app.test/hook"}, "security_event_url": {"https://app.test/event"}, "authorization": {"Bearer private"}})
	first := webhookSecret.FindString(made.body)
	if made.status != http.StatusOK || first == "" || made.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", made.status, made.body)
	}
	for _, b := range []*adminBrowser{adm, auditor} {
		shown := b.get(page)
		if shown.status != http.StatusOK || webhookSecret.MatchString(shown.body) || strings.Contains(shown.body, "Bearer private") ||
			!strings.Contains(shown.body, "https://app.test/hook") || !strings.Contains(shown.body, "https://app.test/event") || !strings.Contains(shown.body, "Sent with each event") {
			t.Errorf("%d %s", shown.status, shown.body)
		}
	}
	if a := auditor.get(form); a.status != http.StatusForbidden || strings.Contains(auditor.get(page).body, form) {
		t.Errorf("an auditor: %d", a.status)
	}
	stale := adm.get(form)
	if a := send(form, url.Values{"webhook_url": {"https://app.test/other"}, "security_event_url": {"https://app.test/event"}}); a.status != http.StatusSeeOther {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := adm.browser.submit(stale, s.issuer+form, url.Values{"webhook_url": {"https://app.test/third"}}); a.status != http.StatusConflict || !strings.Contains(a.body, "https://app.test/third") {
		t.Errorf("decided before another change: %d", a.status)
	}
	if c := s.client("CB"); c.WebhookURL != "https://app.test/other" || c.SecurityEventAuthorization == nil {
		t.Errorf("stored %q, header %v", c.WebhookURL, c.SecurityEventAuthorization != nil)
	}

	again := send(secrets, url.Values{"overlap": {"24h"}})
	if second := webhookSecret.FindString(again.body); again.status != http.StatusOK || second == "" || second == first || !s.client("CB").OldWebhookSecret.Living(s.clock.Wall().Add(23*time.Hour)) {
		t.Errorf("another secret: %d", again.status)
	}
	if a := send(secrets, url.Values{"overlap": {"forever"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an overlap that is none: %d", a.status)
	}
	if a := send(form, url.Values{"webhook_url": {""}, "security_event_url": {"https://app.test/event"}, "no_authorization": {"on"}}); a.status != http.StatusSeeOther {
		t.Errorf("%d %s", a.status, a.body)
	}
	if c := s.client("CB"); c.WebhookURL != "" || c.WebhookSecret != nil || c.SecurityEventURL == "" || c.SecurityEventAuthorization != nil {
		t.Errorf("stored %+v", c)
	}
	if a := adm.get(secrets); a.status != http.StatusSeeOther {
		t.Errorf("a secret without a webhook: %d", a.status)
	}
	s.clock.step(6 * time.Minute)
	for _, path := range []string{form, secrets} {
		if a := adm.get(path); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/confirm") {
			t.Errorf("%s without a fresh proof: %d", path, a.status)
		}
	}
}

func TestAnAdminSendsATestAndSeesTheAnswer(t *testing.T) {
	t.Parallel()
	var got []sent
	var refused error
	s := newSite(t, siteOptions{config: func(c *web.Config) {
		c.Send = func(_ context.Context, url string, m *delivery.Message) error {
			got = append(got, sent{url, m})
			return refused
		}
	}})
	w, adm := s.tells("CB"), s.admin(t)
	w.push(oauth.PushChange{Authorization: new("Bearer private")})
	test := func(kind string) answer {
		t.Helper()
		return adm.post("/admin/clients/CB/push/test", url.Values{"kind": {kind}})
	}

	if a := test("webhook"); a.status != http.StatusOK || len(got) != 1 || got[0].url != "https://CB.test/hook" || !strings.Contains(a.body, "It was taken.") || w.hook(got[0])["type"] != "webhook.test" {
		t.Errorf("%d %s", a.status, a.body)
	}
	refused = errors.New("it answers with status 400, invalid_key: no such key")
	a := test("security_event")
	if len(got) != 2 || got[1].url != "https://CB.test/event" || got[1].m.Header["Authorization"] != "Bearer private" || strings.Contains(a.body, "private") || !strings.Contains(a.body, "invalid_key: no such key") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	event := w.event(got[1])
	if events, _ := event["events"].(map[string]any); events["https://schemas.openid.net/secevent/ssf/event-type/verification"] == nil || len(events) != 1 {
		t.Errorf("the event says %v", event)
	}
	if a := test("logout"); a.status != http.StatusSeeOther || len(got) != 2 || s.waiting() != 0 {
		t.Errorf("%d, %d sent, %d wait", a.status, len(got), s.waiting())
	}
}
