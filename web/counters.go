package web

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"regrant/app/meter"
	"regrant/app/oauth"
)

// Counters are what the server has counted since its start. The command line exports them as metrics. Counting allocates
// nothing and holds nobody up.
type Counters struct {
	flying   atomic.Int64
	answers  [len(endpoints)][statuses]atomic.Int64
	times    [len(endpoints)]*meter.Histogram
	refusals map[oauth.Code]*atomic.Int64
}

// endpoints are what requests are counted by: the first part of a route, never of an address, whose number has no bound.
var endpoints = [...]string{
	oauth.PathToken, oauth.PathPAR, oauth.PathRevoke, oauth.PathIntrospect, oauth.PathUserInfo, oauth.PathAuthorize, oauth.PathForwardAuth, "/.well-known", "/login", "/consent", "/confirm",
	"/logout", "/signup", "/forgot", "/reset", "/invite", "/setup", "/account", "/admin", "/docs", "/assets", "/brand", "/healthz", "/readyz", otherEndpoint,
}

const (
	otherEndpoint = "other"
	firstStatus   = 100
	statuses      = 500 // 100 to 599
)

func newCounters() *Counters {
	c := &Counters{refusals: map[oauth.Code]*atomic.Int64{}}
	for i := range c.times {
		c.times[i] = meter.NewTimes()
	}
	for _, code := range oauth.Codes() {
		c.refusals[code] = new(atomic.Int64)
	}
	return c
}

// answered counts an answer and what it took.
func (c *Counters) answered(route string, status int, took time.Duration) {
	i := endpointOf(route)
	c.times[i].AddTime(took)
	if status = status - firstStatus; status >= 0 && status < statuses {
		c.answers[i][status].Add(1)
	}
}

// endpointOf finds the place of a pattern, as "POST /token" or "/login/second", among the endpoints.
func endpointOf(route string) int {
	path := route[strings.IndexByte(route, ' ')+1:]
	if path != "" {
		if end := strings.IndexByte(path[1:], '/'); end >= 0 {
			path = path[:end+1]
		}
	}
	for i, endpoint := range endpoints {
		if endpoint == path {
			return i
		}
	}
	return len(endpoints) - 1
}

func (c *Counters) refused(code oauth.Code) {
	if n := c.refusals[code]; n != nil {
		n.Add(1)
	}
}

// InFlight gives how many requests are being answered.
func (c *Counters) InFlight() int64 { return c.flying.Load() }

// EachAnswer calls f with how often which endpoint answered with which status. Those that never occurred are left out, except
// the two that matter most of the token endpoint.
func (c *Counters) EachAnswer(f func(endpoint string, status int, n int64)) {
	for i, endpoint := range endpoints {
		for status := range c.answers[i] {
			n := c.answers[i][status].Load()
			if status += firstStatus; n > 0 || endpoint == oauth.PathToken && (status == http.StatusOK || status == http.StatusServiceUnavailable) {
				f(endpoint, status, n)
			}
		}
	}
}

// EachTime calls f with how long the answers of each endpoint took that has given any, and of the token endpoint.
func (c *Counters) EachTime(f func(endpoint string, took meter.Reading)) {
	for i, endpoint := range endpoints {
		if took := c.times[i].Read(); took.Count > 0 || endpoint == oauth.PathToken {
			f(endpoint, took)
		}
	}
}

// EachRefusal calls f with how often each error was told to a program.
func (c *Counters) EachRefusal(f func(code oauth.Code, n int64)) {
	for code, n := range c.refusals {
		f(code, n.Load())
	}
}
