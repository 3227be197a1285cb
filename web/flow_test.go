package web_test

import (
	"net/url"
	"testing"
)

func TestTheWholeFlow(t *testing.T) {
	s := newSite(t)

	first := s.grant("CB", "openid read")
	second := s.refresh("CB", first.text(t, "refresh_token"))

	if second.status != 200 {
		t.Fatalf("refresh: %d %s", second.status, second.body)
	}
	if second.text(t, "refresh_token") == first.text(t, "refresh_token") {
		t.Error("the refresh token was not rotated")
	}
	if !s.active("RS", second.text(t, "access_token")) {
		t.Error("the new access token is not active")
	}
	if a := s.post("/revoke", "CB", url.Values{"token": {second.text(t, "refresh_token")}}); a.status != 200 {
		t.Fatalf("revoke: %d %s", a.status, a.body)
	}
	if s.active("RS", second.text(t, "access_token")) {
		t.Error("the access token outlived its grant")
	}
	if a := s.refresh("CB", second.text(t, "refresh_token")); a.status != 400 || a.text(t, "error") != "invalid_grant" {
		t.Errorf("refresh after revoke: %d %s", a.status, a.body)
	}
}
