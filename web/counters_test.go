package web

import (
	"net/http"
	"testing"
	"time"

	"regrant/app/meter"
	"regrant/app/oauth"
)

func TestWEB64RequestsAreCountedByTheRouteAndNeverByTheAddress(t *testing.T) {
	for route, want := range map[string]string{
		"POST /token": "/token", "/token": "/token", "GET /.well-known/openid-configuration": "/.well-known", "POST /login/second": "/login",
		"GET /admin/grants/{id}": "/admin", "GET /admin": "/admin", "GET /{$}": otherEndpoint, "/": otherEndpoint, "": otherEndpoint, "GET /goodbye": otherEndpoint,
		"GET /assets/": "/assets", "/t1/": otherEndpoint, "GET": otherEndpoint,
	} {
		if got := endpoints[endpointOf(route)]; got != want {
			t.Errorf("%q is counted as %s, want %s", route, got, want)
		}
	}
}

func TestWEB64CountingARequestAllocatesNothing(t *testing.T) {
	c := newCounters()
	if n := testing.AllocsPerRun(1000, func() {
		c.answered("POST /token", http.StatusOK, time.Millisecond)
		c.refused(oauth.InvalidGrant)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	seen := 0
	c.EachAnswer(func(endpoint string, status int, n int64) {
		if endpoint == oauth.PathToken && status == http.StatusOK && n == 1001 {
			seen++
		}
	})
	c.EachTime(func(endpoint string, took meter.Reading) {
		if endpoint == oauth.PathToken && took.Count == 1001 && took.Sum == 1001*int64(time.Millisecond) {
			seen++
		}
	})
	c.EachRefusal(func(code oauth.Code, n int64) {
		if code == oauth.InvalidGrant && n == 1001 {
			seen++
		}
	})
	if seen != 3 {
		t.Error("the counts are not what was counted")
	}
}
