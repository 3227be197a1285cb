package web_test

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

var apiSecret = regexp.MustCompile(`rgs1_[0-9A-Za-z]+`)

func TestAnAPIIsRegisteredInTheBrowserAndIntrospectsAtOnce(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)

	page := adm.post("/admin/apis/new", url.Values{"uri": {"https://Orders.test/v1"}, "name": {"Orders <i>API</i>"}, "scope": {"orders.read\norders.write"}, "access_token_format": {"opaque"}})

	if page.status != 200 || page.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", page.status, page.header)
	}
	if strings.Contains(page.body, "<i>API") {
		t.Error("WEB-12 the name became markup")
	}
	secret := apiSecret.FindString(page.body)
	api, err := oauth.FindResource(t.Context(), s.db, "https://orders.test/v1")
	if err != nil || secret == "" {
		t.Fatal(err, secret)
	}
	if api.AccessTokenFormat != oauth.FormatOpaque || !api.Scope.Equal(oauth.Scope{"orders.read", "orders.write"}) {
		t.Errorf("%+v", api)
	}
	for _, want := range []string{"curl -s https://as.test/introspect", api.ClientID + ":" + secret} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	s.secret["NEW"], s.secret["NEW.id"] = secret, api.ClientID
	if s.active("NEW", "nonsense") {
		t.Error("nonsense is active")
	}
	if e := lastEventOf(t, s, audit.APICreated); e.ActorID != s.person["ADM"].ID || e.Actor != audit.ByAdmin || e.ClientID != api.ClientID {
		t.Errorf("%+v", e)
	}

	t.Run("WEB-45 no page shows the secret again", func(t *testing.T) {
		for _, path := range []string{"/admin/apis", "/admin/apis/" + api.ClientID, "/admin/apis/" + api.ClientID + "/edit", "/admin/apis/" + api.ClientID + "/rotate-secret", "/admin/audit"} {
			a := adm.get(path)
			if a.status != 200 || strings.Contains(a.body, secret) {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})

	t.Run("another secret, and the old one until it ends", func(t *testing.T) {
		path := "/admin/apis/" + api.ClientID + "/rotate-secret"
		fields := url.Values{"version": {hiddenValue(adm.get(path).body, "version")}, "overlap": {"1h"}}
		a := adm.post(path, fields)
		next := apiSecret.FindString(a.body)
		if a.status != 200 || next == "" || next == secret {
			t.Fatalf("%d %q", a.status, next)
		}
		if again := adm.post(path, fields); again.status != 409 || apiSecret.MatchString(again.body) {
			t.Errorf("sent twice: %d", again.status)
		}
		if bad := adm.post(path, url.Values{"version": fields["version"], "overlap": {"9y"}}); bad.status != 422 {
			t.Errorf("a strange overlap: %d", bad.status)
		}
		s.active("NEW", "x") // the old one
		s.secret["NEW"] = next
		s.active("NEW", "x")
		s.clock.jump(2 * time.Hour)
		s.secret["NEW"] = secret
		if a := s.post("/introspect", "NEW", url.Values{"token": {"x"}}); a.status != 401 {
			t.Errorf("the old secret after its end: %d", a.status)
		}
	})
}

func TestAnAPIThatCannotBeIsRefusedAndNothingTypedIsLost(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	for name, c := range map[string]struct {
		fields url.Values
		id     string
	}{
		"no address":       {url.Values{"uri": {"orders"}, "name": {"Orders"}, "scope": {"a"}}, "uri-error"},
		"a fragment":       {url.Values{"uri": {"https://x.test/#a"}, "name": {"Orders"}, "scope": {"a"}}, "uri-error"},
		"one that is here": {url.Values{"uri": {"HTTPS://api.test/"}, "name": {"Orders"}, "scope": {"a"}}, "uri-error"},
		"no name":          {url.Values{"uri": {"https://x.test"}, "name": {" "}, "scope": {"a"}}, "name-error"},
		"a server's scope": {url.Values{"uri": {"https://x.test"}, "name": {"Orders"}, "scope": {"a openid"}}, "scope-error"},
		"a bad scope":      {url.Values{"uri": {"https://x.test"}, "name": {"Orders"}, "scope": {`a"b`}}, "scope-error"},
		"a strange format": {url.Values{"uri": {"https://x.test"}, "name": {"Orders"}, "scope": {"a"}, "access_token_format": {"xml"}}, "access_token_format-error"},
	} {
		t.Run(name, func(t *testing.T) {
			a := adm.post("/admin/apis/new", c.fields)
			if a.status != 422 || !strings.Contains(a.body, `id="`+c.id+`"`) {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if uri := c.fields.Get("uri"); !strings.Contains(a.body, `value="`+uri+`"`) {
				t.Error("the address that was typed is lost")
			}
		})
	}
	if apis, _ := s.db.APIs(t.Context()); len(apis) != 2 {
		t.Errorf("%d APIs", len(apis))
	}
}

func TestTakingAwayAScopeSaysWhoHasIt(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	s.grant("CB", "openid read write")
	path := "/admin/apis/" + s.secret["RS.id"]
	form := adm.get(path + "/edit")
	fields := url.Values{"name": {"Renamed"}, "scope": {"read"}, "access_token_format": {""}, "seen": {hiddenValue(form.body, "seen")}}

	ask := adm.post(path+"/edit", fields)

	if ask.status != 200 || !strings.Contains(ask.body, "Remove write from RS?") || !strings.Contains(ask.body, "1 open grant has") || !strings.Contains(ask.body, "Client CB") {
		t.Fatalf("%d %s", ask.status, ask.body)
	}
	if api, _ := oauth.FindAPI(t.Context(), s.db, s.secret["RS.id"]); len(api.Scope) != 2 {
		t.Error("it was taken away without the answer")
	}
	for _, name := range []string{"name", "scope", "seen", "removes", "access_token_format"} {
		fields.Set(name, hiddenValue(ask.body, name))
	}
	done := adm.follow(adm.post(path+"/edit", fields))
	if !strings.Contains(done.body, "Saved.") || !strings.Contains(done.body, "Renamed") {
		t.Error(done.body)
	}
	e := lastEventOf(t, s, audit.APIUpdated)
	changes, _ := audit.Changes(e.Detail)
	if len(changes) != 2 || changes[0].Before != "RS" || changes[1].Before != "read write" || changes[1].After != "read" {
		t.Errorf("%+v", changes)
	}
	if stale := adm.post(path+"/edit", url.Values{"name": {"Other"}, "scope": {"read"}, "seen": fields["seen"]}); stale.status != 409 || !strings.Contains(stale.body, `value="Other"`) {
		t.Errorf("on top of another change: %d", stale.status)
	}
}

func TestAnAPIIsDeletedAfterAQuestion(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	path := "/admin/apis/" + s.secret["RS.id"]
	ask := adm.get(path + "/delete")
	if ask.status != 200 || !strings.Contains(ask.body, "Delete RS?") || !strings.Contains(ask.body, "It can introspect no more") {
		t.Fatalf("%d %s", ask.status, ask.body)
	}

	done := adm.follow(adm.post(path+"/delete", nil))

	if done.status != 200 || !strings.Contains(done.body, "The API is deleted.") {
		t.Error(done.status)
	}
	if a := s.post("/introspect", "RS", url.Values{"token": {"x"}}); a.status != 401 {
		t.Errorf("it still introspects: %d", a.status)
	}
	for _, a := range []answer{adm.get(path), adm.post(path+"/delete", nil)} {
		if a.status != 404 {
			t.Errorf("afterwards: %d", a.status)
		}
	}
}

func TestOnlyAdminsAndOwnFormsTouchAPIs(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	path := "/admin/apis/" + s.secret["RS.id"]
	for _, p := range []string{"/admin/apis/new", path + "/edit", path + "/rotate-secret", path + "/delete"} {
		if a := alice.post(p, nil); a.status != 403 {
			t.Errorf("a person, %s: %d", p, a.status)
		}
		if a := adm.postForm(p, url.Values{"form_token": {"x"}}); a.status != 403 {
			t.Errorf("a foreign form, %s: %d", p, a.status)
		}
	}
	s.clock.jump(6 * time.Minute)
	for _, p := range []string{"/admin/apis/new", path + "/edit", path + "/rotate-secret", path + "/delete"} {
		if a := adm.post(p, nil); a.status != 303 || !strings.Contains(a.header.Get("Location"), "/confirm") {
			t.Errorf("WEB-40 without a fresh proof, %s: %d", p, a.status)
		}
	}
	if a := adm.get("/admin/apis/api-nothing"); a.status != 404 {
		t.Errorf("an unknown one: %d", a.status)
	}
}

// forgetfulAPIs is a store that cannot read the APIs any more once down.
type forgetfulAPIs struct {
	oauth.Store
	down *atomic.Bool
}

func (f forgetfulAPIs) APIs(ctx context.Context) ([]oauth.API, error) {
	if f.down.Load() {
		return nil, errors.New("disk on fire")
	}
	return f.Store.APIs(ctx)
}

func TestTheSecretOfAnAPIIsShownThoughTheEngineCannotReload(t *testing.T) {
	var down atomic.Bool
	s := newSite(t, siteOptions{store: func(store oauth.Store) oauth.Store { return forgetfulAPIs{store, &down} }})
	adm := s.admin(t)
	down.Store(true)

	a := adm.post("/admin/apis/new", url.Values{"uri": {"https://new.test"}, "name": {"New"}, "scope": {"new.read"}})

	if a.status != 200 || !apiSecret.MatchString(a.body) {
		t.Errorf("%d, and the secret is lost", a.status)
	}
}
