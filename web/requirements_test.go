package web_test

import (
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"regrant/web"
)

// TestRequirements proves the protocol's rules from outside, over real HTTPS. Each subtest bears the id of its row in the
// list of requirements, so
//
//	go test ./web -run TestRequirements/RT-12
//
// runs the proof of one rule, and -run TestRequirements/AZ those of a group. A group lives in the file named after its
// concept.
func TestRequirements(t *testing.T) {
	requirementsGEN(t)
	requirementsAZ(t)
	requirementsAuthorizationAnswers(t)
	requirementsPAR(t)
	requirementsDP(t)
	requirementsFormPost(t)
	requirementsConsent(t)
	requirementsTK(t)
	requirementsCA(t)
	requirementsPJ(t)
	requirementsPK(t)
	requirementsBR(t)
	requirementsRV(t)
	requirementsIN(t)
	requirementsMETA(t)
	requirementsJAT(t)
	requirementsRI(t)
	requirementsOI(t)
	requirementsPrompt(t)
	requirementsClaims(t)
	requirementsDV(t)
	requirementsTX(t)
	requirementsDCR(t)
	requirementsCI(t)
	requirementsLO(t)
	requirementsBackchannel(t)
	requirementsNA(t)
	requirementsMCP(t)
	requirementsOmission(t)
	requirementsWEB(t)
	requirementsRT(t)
}

// issuers are the two on which every rule is proven: at the root of a host, and below a path.
var issuers = []string{"https://as.test", "https://as.test/t1"}

// sites are servers that rules share, one for each issuer. A rule that moves the clock or counts what a server holds takes a
// site of its own, see [alone].
type sites []*site

func newSites(t *testing.T) sites {
	t.Helper()
	var all sites
	for _, issuer := range issuers {
		all = append(all, newSite(t, siteOptions{issuer: issuer}))
	}
	return all
}

// rule proves one rule on every issuer.
func (all sites) rule(t *testing.T, name string, check func(t *testing.T, s *site)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for _, s := range all {
			t.Run(strings.TrimPrefix(s.issuer, "https://"), func(t *testing.T) {
				t.Parallel()
				check(t, s.in(t))
			})
		}
	})
}

// alone proves one rule on a site that no other rule sees.
func alone(t *testing.T, name string, check func(t *testing.T, s *site), options ...siteOptions) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		check(t, newSite(t, options...))
	})
}

// in gives the site to one test, which reports to t and whose own clients others do not see.
func (s *site) in(t testing.TB) *site {
	mine := *s
	mine.t, mine.secret, mine.person = t, maps.Clone(s.secret), maps.Clone(s.person)
	return &mine
}

// ticking makes each look of the pages at their clock a millisecond later than the last, so that a sign-in comes after the
// request that asked for it, as in the world.
func ticking() siteOptions {
	return siteOptions{config: func(c *web.Config) {
		var looks atomic.Int64
		now := c.Now
		c.Now = func() time.Time { return now().Add(time.Duration(looks.Add(1)) * time.Millisecond) }
	}}
}
