package web_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestSigningInAsSomebodyElseSignsTheFirstPersonOut(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	tokens := s.redeem("CB", b.walk(s.az("CB", url.Values{"scope": {"openid read"}}), "U1"))

	b.signIn("U2")

	if a := s.refresh("CB", tokens.text(t, "refresh_token")); a.status != 400 || a.text(t, "error") != "invalid_grant" {
		t.Errorf("a grant without offline_access outlived the sign-out of its session: %d %s", a.status, a.body)
	}
	if page := b.get(s.issuer + "/"); !strings.Contains(page.body, s.person["U2"].Name) || strings.Contains(page.body, s.person["U1"].Name) {
		t.Error("the browser is not the second person's")
	}
}

func TestTheSignInPageOfSomebodyWhoIsSignedInLeadsOnWithOneAnswer(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	consent := b.get(s.az("CB", nil)).header.Get("Location")

	page := b.get(strings.Replace(consent, "/consent", "/login", 1))

	if page.status != 303 || page.header.Get("Location") != consent || page.body != "" {
		t.Errorf("got %d to %q with %d bytes, want 303 to %q and nothing else", page.status, page.header.Get("Location"), len(page.body), consent)
	}
}
