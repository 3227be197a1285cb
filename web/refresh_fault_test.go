package web_test

import (
	"net/http"
	"testing"
)

// wantUnavailable is what a fault becomes: never a verdict.
func wantUnavailable(t testing.TB, a answer) {
	t.Helper()
	wantErrorStatus(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
