package web_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// changeSettings sends the form of the settings with what the client has, changed by set.
func (b *adminBrowser) changeSettings(id string, page answer, set url.Values) answer {
	b.t.Helper()
	c := b.client(id)
	form := url.Values{
		"name": {c.Name}, "redirect_uris": {strings.Join(c.RedirectURIs, "\n")}, "scope": c.Scope, "grant_type": c.GrantTypes, "auth_method": {string(c.AuthMethod)},
		"pkce": {"on"},
	}
	for k, v := range set {
		form[k] = v
	}
	return b.submit(page, b.issuer+"/admin/clients/"+id+"/settings", form)
}

func TestWEB48SettingsAreSavedWithBeforeAndAfter(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)

	a := adm.changeSettings("CB", adm.get("/admin/clients/CB/settings"), url.Values{"name": {"Renamed"}, "redirect_uris": {"https://app.test/cb\nhttps://app.test/new"}, "trusted": {"on"}, "require_par": {"on"}, "dpop": {"on"}})

	if page := adm.follow(a); !strings.Contains(page.body, "The settings are saved.") {
		t.Errorf("no notice: %d", page.status)
	}
	c, e := s.client("CB"), s.clientEvent("CB")
	if c.Name != "Renamed" || len(c.RedirectURIs) != 2 || !c.Trusted || c.PKCEWaived || !c.PARRequired || !c.DPoPRequired {
		t.Errorf("saved %+v", c)
	}
	changes, _ := audit.Changes(e.Detail)
	got := map[string][2]string{}
	for _, ch := range changes {
		got[ch.Key] = [2]string{ch.Before, ch.After}
	}
	if len(got) != 5 || got["dpop"] != [2]string{"no", "yes"} || got["require_par"] != [2]string{"no", "yes"} || got["name"] != [2]string{"Client CB", "Renamed"} || got["redirect_uris"] != [2]string{"", "https://app.test/new"} || got["trusted"] != [2]string{"no", "yes"} {
		t.Errorf("the log says %s", e.Detail)
	}
}

func TestASettingThatSomebodyElseChangedMeanwhileLosesNothing(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	page := adm.get("/admin/clients/CB/settings")
	s.change("CB", func(c *oauth.Client) { c.Trusted = true })

	stale := adm.changeSettings("CB", page, url.Values{"name": {"My typing"}})
	if stale.status != 409 || !strings.Contains(stale.body, `value="My typing"`) || s.client("CB").Name != "Client CB" {
		t.Fatalf("%d, stored %s", stale.status, s.client("CB").Name)
	}
	again := adm.changeSettings("CB", stale, url.Values{"name": {"My typing"}})
	if again.status != 303 || s.client("CB").Name != "My typing" {
		t.Errorf("saving again: %d, stored %s", again.status, s.client("CB").Name)
	}
}

func TestWEB40WhatGivesPowerNeedsAFreshProofAndLosesNothing(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	s.clock.step(6 * time.Minute)
	page := adm.get("/admin/clients/CB/settings")

	harmless := adm.changeSettings("CB", page, url.Values{"name": {"Harmless"}})
	page = adm.get("/admin/clients/CB/settings")
	power := adm.changeSettings("CB", page, url.Values{"redirect_uris": {"https://app.test/cb\nhttps://evil.test/cb"}})

	if harmless.status != 303 || s.client("CB").Name != "Harmless" {
		t.Errorf("a name: %d", harmless.status)
	}
	if power.status != 403 || len(s.client("CB").RedirectURIs) != 1 || !strings.Contains(power.body, "https://evil.test/cb") ||
		!strings.Contains(power.body, "/confirm?return=%2Fadmin%2Fclients%2FCB%2Fsettings") {
		t.Errorf("a redirect URI: %d, stored %v", power.status, s.client("CB").RedirectURIs)
	}
	// In another tab of the same browser; then the page that was left open is sent once more.
	confirm := adm.get("/confirm?return=%2Fadmin%2Fclients%2FCB%2Fsettings")
	if a := adm.submit(confirm, s.issuer+"/confirm", url.Values{"password": {password}}); a.status != 303 {
		t.Fatalf("the proof: %d", a.status)
	}
	again := adm.changeSettings("CB", power, url.Values{"redirect_uris": {"https://app.test/cb\nhttps://evil.test/cb"}})
	if again.status != 303 || len(s.client("CB").RedirectURIs) != 2 {
		t.Errorf("after the proof: %d, stored %v", again.status, s.client("CB").RedirectURIs)
	}

	s.clock.step(6 * time.Minute)
	for _, path := range []string{"/rotate", "/end-old-secret", "/disable", "/delete", "/policy/preview?idle=1h"} {
		if a := adm.get("/admin/clients/CB" + path); a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/confirm") {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
	// The address of a preview holds the policy, so a proof on the way to saving loses nothing.
	address := policyPreview("1", url.Values{"idle": {"12h"}})
	if a := adm.post(address, url.Values{"version": {"1"}}); a.status != 303 || a.header.Get("Location") != "/confirm?return="+url.QueryEscape(address) {
		t.Errorf("saving a policy: %d %s", a.status, a.header.Get("Location"))
	}
}

func TestT20AClientWithSignInsDoesNotBecomePublicAndThePageSaysWhy(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	s.change("CB", func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken} })
	s.grant("CB", "openid read")

	a := adm.changeSettings("CB", adm.get("/admin/clients/CB/settings"), url.Values{"auth_method": {"none"}})
	if e := fieldError(a.body, "auth_method"); a.status != 422 || !strings.Contains(e, "active sign-ins") || strings.Contains(a.body, "grant revoke") {
		t.Errorf("%d %q", a.status, e)
	}
	if !strings.Contains(a.body, "/admin/grants?client=CB") {
		t.Error("no way to its grants")
	}
	if _, err := s.db.RevokeGrantsOf(context.Background(), "", "CB", oauth.RevokedAdmin, s.clock.Wall(), audit.Event{At: s.clock.Wall(), Kind: audit.GrantRevoked}); err != nil {
		t.Fatal(err)
	}
	a = adm.changeSettings("CB", adm.get("/admin/clients/CB/settings"), url.Values{"auth_method": {"none"}})
	if a.status != 303 || !s.client("CB").Public() {
		t.Errorf("after the revocation: %d %s", a.status, fieldError(a.body, "auth_method"))
	}
}

func TestT26ADisabledApplicationKeepsItsSignIns(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")

	page := adm.get("/admin/clients/CB/disable")
	if page.status != 200 || !strings.Contains(page.body, "Disable Client CB?") || !strings.Contains(page.body, "1 active sign-in is kept") {
		t.Errorf("the question: %d %s", page.status, page.body)
	}
	if a := adm.follow(adm.submit(page, s.issuer+"/admin/clients/CB/disable", nil)); !strings.Contains(a.body, "is disabled") {
		t.Errorf("after it: %d", a.status)
	}
	if a := s.refresh("CB", token); a.status != 400 || a.text(t, "error") != "unauthorized_client" {
		t.Errorf("a refresh: %d %s", a.status, a.body)
	}
	if e := s.clientEvent("CB"); e.Kind != audit.ClientDisabled || !strings.Contains(e.Detail, "before=") {
		t.Errorf("the log says %s %s", e.Kind, e.Detail)
	}
	if a := adm.post("/admin/clients/CB/enable", nil); a.status != 303 {
		t.Errorf("enable: %d", a.status)
	}
	if a := s.refresh("CB", token); a.status != 200 {
		t.Errorf("a refresh after it: %d %s", a.status, a.body)
	}
}

func TestT27ADeletedApplicationIsGone(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")

	page := adm.get("/admin/clients/CB/delete")
	for _, want := range []string{"Delete Client CB?", "1 active sign-in ends at once", "1 remembered consent is", "10 minutes more"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the question lacks %q", want)
		}
	}
	if c := s.client("CB"); c == nil {
		t.Fatal("asking deletes")
	}
	if a := adm.follow(adm.submit(page, s.issuer+"/admin/clients/CB/delete", nil)); !strings.Contains(a.body, "is deleted") {
		t.Errorf("after it: %d", a.status)
	}
	if a := s.refresh("CB", token); a.status != 401 || a.text(t, "error") != "invalid_client" {
		t.Errorf("a refresh: %d %s", a.status, a.body)
	}
	if a := adm.get("/admin/clients/CB"); a.status != 404 {
		t.Errorf("its page: %d", a.status)
	}
}
