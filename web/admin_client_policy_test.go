package web_test

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// policyPreview is the address of a preview with the fields of the standard policy, changed by set.
func policyPreview(version string, set url.Values) string {
	q := url.Values{
		"version": {version}, "preset": {"standard"}, "refresh": {"always"}, "rotation": {"on"}, "grace": {"10s"}, "idle": {"30d"}, "absolute": {"180d"},
		"on_reuse": {"revoke"}, "stale_generations": {"0"}, "max_grants": {"50"}, "refresh_limit": {"0"}, "access_token_lifetime": {"10m"},
		"access_token_format": {"jwt"}, "id_token_alg": {"RS256"}, "scopes_on_refresh": {"all"},
	}
	for k, v := range set {
		q[k] = v
	}
	return "/admin/clients/CB/policy/preview?" + q.Encode()
}

// save posts the form of a preview.
func (b *adminBrowser) save(address string, page answer) answer {
	b.t.Helper()
	version := hiddenValue(page.body, "version")
	return b.post(address, url.Values{"version": {version}})
}

func TestAPolicyIsPreviewedAndThenSaved(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	address := policyPreview("1", url.Values{
		"idle": {"12 h"}, "absolute": {"7d"}, "grace": {"0"}, "access_token_lifetime": {"90s"}, "access_token_format": {"opaque"}, "max_grants": {"3"},
		"refresh_limit": {"60"}, "on_reuse": {"report"}, "rotation": {"off"}, "refresh": {"offline_access"}, "id_token_alg": {"ES256"},
		"scopes_on_refresh": {"some"}, "keep": {"openid", "read"}, "stale_generations": {"2"}, "preset": {"strict"},
	})

	preview := adm.get(address)
	if c := s.client("CB"); preview.status != 200 || c.Version != 1 || c.Policy.Idle != 30*24*time.Hour {
		t.Fatalf("a preview: %d, %+v", preview.status, c.Policy)
	}
	for _, want := range []string{"30 days", "12 hours", "180 days", "7 days", "RS256", "ES256", "openid read"} {
		if !strings.Contains(preview.body, want) {
			t.Errorf("the preview lacks %q", want)
		}
	}
	if a := adm.follow(adm.save(address, preview)); !strings.Contains(a.body, "The policy is saved.") {
		t.Fatalf("%d %s", a.status, a.body)
	}

	want := oauth.Policy{
		Preset: oauth.PresetStrict, Refresh: oauth.RefreshOffline, RotationOff: true, Idle: 12 * time.Hour, Absolute: 7 * 24 * time.Hour,
		AccessTokenLifetime: 90 * time.Second, AccessTokenFormat: oauth.FormatOpaque, IDTokenAlg: "ES256", MaxGrants: 3, RefreshLimit: 60,
		ScopesOnRefresh: oauth.Scope{"openid", "read"}, OnReuse: oauth.ReuseReports, StaleGenerations: 2,
	}
	got := s.client("CB").Policy
	if got.ScopesOnRefresh.String() != want.ScopesOnRefresh.String() {
		t.Errorf("scopes that survive: %s", got.ScopesOnRefresh)
	}
	got.ScopesOnRefresh, want.ScopesOnRefresh = nil, nil
	if gotText, wantText := policyString(got), policyString(want); gotText != wantText {
		t.Errorf("saved\n%s, want\n%s", gotText, wantText)
	}
	changes, _ := audit.Changes(s.clientEvent("CB").Detail)
	if len(changes) != 14 {
		t.Errorf("the log names %d settings instead of 14: %v", len(changes), changes)
	}
}

func policyString(p oauth.Policy) string {
	return strings.Join([]string{string(p.Preset), string(p.Refresh), p.Grace.String(), p.Idle.String(), p.Absolute.String(), p.AccessTokenLifetime.String(),
		string(p.AccessTokenFormat), p.IDTokenAlg, string(p.OnReuse), string(rune('0' + p.MaxGrants%10)), string(rune('0' + p.StaleGenerations))}, " ")
}

func TestAPolicyThatCannotBeComesBackWithAMessageAtEachField(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	wrong := url.Values{"idle": {"200d"}, "grace": {"5m"}, "access_token_lifetime": {"10"}, "max_grants": {"many"}, "stale_generations": {"9"}, "refresh_limit": {"-1"}}

	a := adm.get(policyPreview("1", wrong))

	if a.status != 422 {
		t.Fatalf("%d", a.status)
	}
	for field, value := range wrong {
		if fieldError(a.body, field) == "" {
			t.Errorf("%s has no message", field)
		}
		if !strings.Contains(a.body, `value="`+value[0]+`"`) {
			t.Errorf("%s lost its value %s", field, value[0])
		}
	}
	if a := adm.post(policyPreview("1", wrong), url.Values{"version": {"1"}}); a.status != 422 || s.client("CB").Version != 1 {
		t.Errorf("saved past the preview: %d", a.status)
	}
	s.addClient("PUB", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1/cb"}})
	public := strings.Replace(policyPreview("1", url.Values{"rotation": {"off"}}), "/CB/", "/PUB/", 1)
	if a := adm.get(public); a.status != 422 || fieldError(a.body, "rotation") == "" {
		t.Errorf("a public client that does not rotate: %d", a.status)
	}
}

func TestAPolicyThatSomebodyElseChangedMeanwhileLosesNothing(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	address := policyPreview("1", url.Values{"idle": {"5d"}})
	preview := adm.get(address)
	s.change("CB", func(c *oauth.Client) { c.Policy.Absolute = 90 * 24 * time.Hour })

	stale := adm.save(address, preview)
	if stale.status != 409 || !strings.Contains(stale.body, "Somebody else changed") || !strings.Contains(stale.body, "5 days") || s.client("CB").Policy.Idle == 5*24*time.Hour {
		t.Fatalf("%d", stale.status)
	}
	if a := adm.save(address, stale); a.status != 303 || s.client("CB").Policy.Idle != 5*24*time.Hour {
		t.Errorf("saving again: %d", a.status)
	}
}

func TestAPresetFillsTheFormAndSavesNothing(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)

	a := adm.get("/admin/clients/CB/policy?preset=multi-process")

	if a.status != 200 || !strings.Contains(a.body, `value="1m"`) || !strings.Contains(a.body, "not saved yet") || s.client("CB").Version != 1 {
		t.Errorf("%d", a.status)
	}
	if a := adm.get("/admin/clients/CB/policy/preview"); a.status != 303 {
		t.Errorf("a preview of nothing: %d", a.status)
	}
	if a := adm.get(policyPreview("1", nil)); a.status != 200 || !strings.Contains(a.body, "Nothing changes") {
		t.Errorf("the same policy: %d", a.status)
	}
	edit := "/admin/clients/CB/policy?" + strings.SplitN(policyPreview("1", url.Values{"idle": {"5d"}}), "?", 2)[1]
	if a := adm.get(edit); a.status != 200 || !strings.Contains(a.body, `value="5d"`) {
		t.Errorf("back to the form: %d", a.status)
	}
}

func TestThePreviewCountsWhatWouldHaveBeenRefused(t *testing.T) {
	s := newSite(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")
	for _, rest := range []time.Duration{time.Hour, 40 * time.Hour, 3 * 24 * time.Hour} {
		s.clock.step(rest)
		token = s.refresh("CB", token).text(t, "refresh_token")
	}
	if err := s.engine.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	adm := s.admin(t)

	a := adm.get(policyPreview("1", url.Values{"idle": {"24h"}}))

	text := html.UnescapeString(a.body)
	if effect := text[strings.Index(text, "Effect"):]; !strings.Contains(effect, "3 refreshes, 2 would have been refused") {
		t.Errorf("%d %s", a.status, effect)
	}
}

func TestT28ASecretIsRotatedWithTwoAliveAndShownOnce(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	old, token := s.secret["CB"], s.grant("CB", "openid read").text(t, "refresh_token")

	page := adm.get("/admin/clients/CB/rotate")
	a := adm.submit(page, s.issuer+"/admin/clients/CB/rotate", url.Values{"overlap": {"7d"}})
	fresh := shown(a.body, "client-secret")
	if a.status != 200 || !strings.HasPrefix(fresh, "rgs1_") || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if ends := s.client("CB").OldSecret.EndsAt; !ends.Equal(s.clock.Wall().Add(7 * 24 * time.Hour)) {
		t.Errorf("the old one ends %s", ends)
	}
	if again := adm.submit(page, s.issuer+"/admin/clients/CB/rotate", url.Values{"overlap": {"7d"}}); again.status != 409 || strings.Contains(again.body, "rgs1_") {
		t.Errorf("sent twice: %d", again.status)
	}
	a = s.refresh("CB", token) // with the old one
	s.secret["CB"] = fresh
	if b := s.refresh("CB", a.text(t, "refresh_token")); a.status != 200 || b.status != 200 {
		t.Errorf("old %d, new %d", a.status, b.status)
	}

	credentials := adm.get("/admin/clients/CB/credentials")
	if strings.Contains(credentials.body, fresh) || !strings.Contains(credentials.body, "Old, still works") {
		t.Error("the page of the secrets")
	}
	end := adm.submit(adm.get("/admin/clients/CB/end-old-secret"), s.issuer+"/admin/clients/CB/end-old-secret", nil)
	if page := adm.follow(end); !strings.Contains(page.body, "The old secret has ended.") || strings.Contains(page.body, "Old, still works") {
		t.Errorf("ended: %d", end.status)
	}
	s.secret["CB"] = old
	if a := s.refresh("CB", token); a.status != 401 {
		t.Errorf("the old one after its end: %d", a.status)
	}
	if e := s.clientEvent("CB"); strings.Contains(e.Detail, old) || strings.Contains(e.Detail, fresh) {
		t.Error("a secret is in the log")
	}
}

func TestT28ALeakedSecretEndsEverySignIn(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")

	page := adm.get("/admin/clients/CB/rotate")
	if !strings.Contains(page.body, "the 1 active sign-in:") {
		t.Error("the question does not say what ends")
	}
	if a := adm.submit(page, s.issuer+"/admin/clients/CB/rotate", url.Values{"overlap": {"2y"}}); a.status != 422 || s.client("CB").Version != 1 {
		t.Errorf("an overlap that is not offered: %d", a.status)
	}
	a := adm.submit(page, s.issuer+"/admin/clients/CB/rotate", url.Values{"overlap": {"24h"}, "leaked": {"on"}})

	s.secret["CB"] = shown(a.body, "client-secret")
	if c := s.client("CB"); a.status != 200 || c.OldSecret != nil {
		t.Fatalf("%d, old secret %v", a.status, c.OldSecret)
	}
	if a := s.refresh("CB", token); a.status != 400 || a.text(t, "error") != "invalid_grant" {
		t.Errorf("a refresh: %d %s", a.status, a.body)
	}
}

func TestT20APublicApplicationGetsASecret(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)

	if a := adm.get("/admin/clients/PW/credentials"); !strings.Contains(a.body, "/admin/clients/PW/rotate") || !strings.Contains(a.body, "No secret") {
		t.Errorf("its credentials: %d", a.status)
	}
	page := adm.get("/admin/clients/PW/rotate")
	if a := adm.submit(page, s.issuer+"/admin/clients/PW/rotate", url.Values{"method": {"none"}}); a.status != 422 {
		t.Errorf("no method: %d", a.status)
	}
	a := adm.submit(page, s.issuer+"/admin/clients/PW/rotate", url.Values{"method": {"client_secret_post"}})
	if c := s.client("PW"); a.status != 200 || shown(a.body, "client-secret") == "" || c.AuthMethod != oauth.AuthPost {
		t.Errorf("%d %s", a.status, c.AuthMethod)
	}
}
