package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"regrant/app/account"
)

func TestWEB_32_WhoComesWhileTooManySignInIsToldWhenToComeBack(t *testing.T) {
	s := newSite(t, siteOptions{cost: account.DefaultCost(), queue: 1})
	b := s.browser()
	page := b.get(s.issuer + "/login")
	const crowd = 16 // the hashes of those that are not turned away take longer than all take to come
	answers := make([]answer, crowd)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = b.submit(page, s.issuer+"/login", url.Values{"email": {"nobody@example.com"}, "password": {"wrong-wrong-wrong"}})
		})
	}
	all.Wait()

	waits := map[string]int{}
	for _, a := range answers {
		switch {
		case a.status == http.StatusUnprocessableEntity || a.status == http.StatusTooManyRequests:
		case a.status == http.StatusServiceUnavailable && strings.Contains(a.body, "too busy to answer right now") && strings.Contains(a.body, "seconds"):
			waits[a.header.Get("Retry-After")]++
		default:
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	turnedAway := 0
	for wait, n := range waits {
		if len(wait) != 1 || wait < "3" || wait > "6" {
			t.Errorf("Retry-After %q", wait)
		}
		turnedAway += n
	}
	if turnedAway == 0 || len(waits) < 2 && turnedAway > 8 {
		t.Errorf("%d turned away, to come back after %v seconds", turnedAway, waits)
	}
	if strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Errorf("a crowd is no fault of the server: %s", s.log.String())
	}
	b.signIn("U1")
}
