package web_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
)

// TestChromiumSendsOnlyThePublicPartOfAToken pastes tokens into the form for them and looks at what the browser would post, then
// posts it.
func TestChromiumSendsOnlyThePublicPartOfAToken(t *testing.T) {
	chromium := startChromium(t)
	s := front(t, nil)
	s.addAdmin("ADM", "root@example.com")
	f := s.rotated()
	b := openTabFor(t, chromium, 6*time.Minute)
	b.open(s.issuer + "/login")
	b.signIn("root@example.com", password)
	b.arrive(s.issuer+"/admin", "h1")
	b.open(s.issuer + "/admin/refusals")
	posted := func(token string) url.Values {
		t.Helper()
		form, err := url.ParseQuery(b.evaluate(`(() => { const form = document.querySelector("form[data-token-head]"); form.elements.token.value = ` + quote(token) + `; return new URLSearchParams(new FormData(form)).toString() })()`))
		if err != nil {
			t.Fatal(err)
		}
		form.Del("form_token")
		return form
	}

	for token, want := range map[string]string{
		f.tokens[1]: "head", " " + f.tokens[0] + "\n": "head", f.access[0]: "jti", "rgs1_abcdefgh": "kind", f.tokens[1][:80]: "kind", "nonsense": "kind",
	} {
		form := posted(token)
		if !form.Has(want) || form.Has("token") || strings.Contains(form.Encode(), strings.TrimSpace(token)) {
			t.Errorf("%.20q: the browser would post %s", token, form.Encode())
		}
	}
	if jti := posted(f.access[0]); jti.Get("grant_id") != f.id {
		t.Errorf("%v", jti)
	}
	head, _ := oauth.HeadOf(f.tokens[1])
	if got := posted(f.tokens[1]).Get("head"); len(got) != 52 || got[36:44] != "00000001" {
		t.Errorf("the head of %+v is %s", head, got)
	}
	b.evaluate(`document.querySelector("form[data-token-head]").requestSubmit(); ''`)
	b.arrive(s.issuer+"/admin/refusals", ".answer")
	if text := b.evaluate(`document.querySelector(".answer").textContent`); !strings.Contains(text, "It would be accepted") {
		t.Error(text)
	}
	if kept := b.evaluate(`document.querySelector("[name=token]").value`); kept != "" {
		t.Error("the token stands in the page")
	}
}

func quote(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `"`, `\"`), "\n", `\n`) + `"`
}

// TestChromiumSeesTheLifeOfAGrant looks at the pages of grants of every kind, and of refusals, and leaves their pictures.
func TestChromiumSeesTheLifeOfAGrant(t *testing.T) {
	chromium := startChromium(t)
	s := front(t, nil)
	showcase(t, s)
	b := openTabFor(t, chromium, 15*time.Minute)
	b.open(s.issuer + "/login")
	b.signIn("root@example.com", password)
	b.arrive(s.issuer+"/admin", "h1")
	axe := axe(t)

	grants, err := s.db.Grants(context.Background(), oauth.GrantFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var reused, alive string
	for _, g := range grants {
		if g.ReuseClass != "" {
			reused = g.ID
		} else if g.RevokedAt == nil && !g.Owner.Disabled && len(g.Ring) > 4*8 {
			alive = g.ID
		}
	}
	for path, name := range map[string]string{
		"/admin/grants/" + reused: "/grant-reused", "/admin/grants/" + alive: "/grant-alive", "/admin/grants/" + alive + "/revoke": "/grant-revoke",
		"/admin/grants/" + alive + "/scope": "/grant-scope", "/admin/grants/" + alive + "/end": "/grant-end", "/admin/refusals": "/refusals-list",
		"/admin/refusals/1": "/refusal-1", "/admin/refusals?request_id=UNKNOWN": "/refusal-unknown",
	} {
		b.open(s.issuer + path)
		b.lookAt(axe, name)
	}
}
