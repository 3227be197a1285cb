package main

import (
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

func TestARealBrowserSignsInToARealClient(t *testing.T) {
	b := newDemoTab(t)
	s := newRealServer(t)
	a := newApplication(t, s, []string{oidc.ScopeOpenID, "profile", "email"})

	b.open(a.server.URL + "/")
	b.fill("#email", "alice@example.com")
	b.fill("#password", realPassword)
	b.click(`form[action$="/login"] button[type=submit]`)
	b.click(`button[name=decision][value=allow]`)
	b.reach("#hello")
	if hello := b.text(`document.querySelector("#hello").innerText`); hello != "Hello Alice Archer" {
		t.Errorf("the application says %q", hello)
	}

	first := a.signedIn(t)
	if n := stays(t, a, a.config.TokenSource(t.Context(), first), first, 3*time.Second); n < 2 {
		t.Errorf("%d refreshes in 3 s", n)
	}
}
