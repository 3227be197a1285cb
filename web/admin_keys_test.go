package web_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func TestThePageOfKeysShowsEachKeyAndNoMaterial(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)

	page := adm.get("/admin/keys")

	if page.status != 200 || !strings.Contains(page.body, "https://as.test/.well-known/jwks.json") {
		t.Fatalf("%d %s", page.status, page.body)
	}
	keys, err := s.db.Keys(t.Context())
	if err != nil || len(keys) < 5 {
		t.Fatal(keys, err)
	}
	for _, k := range keys {
		if k.Use == oauth.KeySigning && !strings.Contains(page.body, k.ID) {
			t.Errorf("%s is not shown", k.ID)
		}
		for _, form := range []string{string(k.Material), hex.EncodeToString(k.Material), base64.StdEncoding.EncodeToString(k.Material), base64.RawURLEncoding.EncodeToString(k.Material)} {
			if strings.Contains(page.body, form) {
				t.Errorf("the material of %s %s is on the page", k.Use, k.ID)
			}
		}
	}
}

func TestRotatingKeysIsAskedForAndDoneOnce(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	before, err := s.db.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := adm.get("/admin/keys/rotate")
	for _, want := range []string{"Nov 22, 2026, 11:00 am UTC", "Nov 22, 2026, 12:05 pm UTC", "1 hour"} {
		if !strings.Contains(ask.body, want) {
			t.Errorf("the question lacks %q: %s", want, ask.body)
		}
	}
	fields := url.Values{"seen": {hiddenValue(ask.body, "seen")}}

	done := adm.follow(adm.post("/admin/keys/rotate", fields))

	if !strings.Contains(done.body, "New signing keys are published") || !strings.Contains(done.body, "A rotation is under way") {
		t.Error(done.body)
	}
	after, _ := s.db.Keys(t.Context())
	if len(after) != len(before)+2 {
		t.Fatalf("%d keys became %d", len(before), len(after))
	}
	jwks := s.browser().get("https://as.test/.well-known/jwks.json")
	if got := strings.Count(jwks.body, `"kid"`); got != 4 {
		t.Errorf("%d keys are published: %s", got, jwks.body)
	}
	if e := lastEventOf(t, s, audit.KeyRotated); e.ActorID != s.person["ADM"].ID || e.Actor != audit.ByAdmin {
		t.Errorf("%+v", e)
	}
	again := adm.post("/admin/keys/rotate", fields)
	if again.status != 409 || !strings.Contains(again.body, "rotated meanwhile") {
		t.Errorf("the form sent twice: %d", again.status)
	}
	if now, _ := s.db.Keys(t.Context()); len(now) != len(after) {
		t.Errorf("%d keys after the form was sent twice", len(now))
	}

	s.clock.jump(time.Hour)
	adm.browser.signIn("ADM")
	if page := adm.get("/admin/keys"); strings.Contains(page.body, "A rotation is under way") || strings.Count(page.body, "Signs no more") != 2 {
		t.Error("after an hour the new keys sign", page.body)
	}
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	for _, a := range []answer{alice.get("/admin/keys"), alice.get("/admin/keys/rotate"), alice.post("/admin/keys/rotate", fields)} {
		if a.status != 403 {
			t.Errorf("a person: %d", a.status)
		}
	}
}
