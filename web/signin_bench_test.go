package web_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"regrant/app/account"
	"regrant/app/audit"
)

// BenchmarkSignInOfKnownAndUnknown compares how long answers take about addresses that have an account and that have none (WEB-33).
// So many attempts of each kind, each at an address of its own, so that nothing is throttled, come in an order that chance has made, so
// that a machine that drifts is the same for both. It reports the two medians and the probability, by the test of Kolmogorov and
// Smirnov, that samples of one distribution differ as these do.
//
//	go test -run '^$' -bench SignInOfKnownAndUnknown -benchtime 2000x -timeout 1h ./web
//
// A sign-in costs a real hash, after which the hasher rests (WEB-32). Who comes meanwhile waits for that, whomever either asked about,
// and a median would fall on either side of the wait by chance; so those attempts keep their distance. Without a real hash, the rest of
// the work shows more clearly. What /forgot and /signup do after their answer, which is to send the mail, is not in their time. Who
// asks for the options of passkeys gives no address: there, those whose browser has signed somebody in before are compared with those
// who have not been here.
func BenchmarkSignInOfKnownAndUnknown(b *testing.B) {
	signIn := func(cost account.Cost, apart time.Duration) func(*testing.B) {
		return func(b *testing.B) {
			s := newSite(b, siteOptions{cost: cost})
			visitor := s.browser()
			page := visitor.get(s.issuer + "/login")
			s.benchPeople(b)
			compareTimes(b, func(kind string, i int) (int, float64) {
				s.clock.jump(31 * time.Second) // the address has one guess more
				time.Sleep(apart)
				return timed(func() answer {
					return visitor.submit(page, s.issuer+"/login", url.Values{"email": {fmt.Sprintf("%s%d@example.com", kind, i)}, "password": {"wrong-wrong-wrong"}})
				})
			}, http.StatusUnprocessableEntity)
		}
	}
	b.Run("sign-in", signIn(account.DefaultCost(), 80*time.Millisecond))
	b.Run("sign-in-without-hash", signIn(account.Cost{Memory: 64, Iterations: 1, Lanes: 1}, 0))
	for _, path := range []string{"/forgot", "/signup"} {
		b.Run(path[1:], func(b *testing.B) {
			m := newMailSite(b)
			m.allowSignUp()
			visitor := m.browser()
			page := visitor.get(m.issuer + path)
			m.benchPeople(b)
			compareTimes(b, func(kind string, i int) (int, float64) {
				m.clock.jump(3 * time.Minute) // the network may ask once more
				if i%100 == 0 {
					m.deliver()
				}
				return timed(func() answer {
					return visitor.submit(page, m.issuer+path, url.Values{"email": {fmt.Sprintf("%s%d@example.com", kind, i)}})
				})
			}, http.StatusSeeOther)
		})
	}
	b.Run("passkey-options", func(b *testing.B) {
		s := newSite(b)
		s.enrol(s.authenticator(), "U1")
		browsers := map[string]*browser{"known": s.browser(), "stray": s.browser()}
		browsers["known"].signIn("U2")
		browsers["known"].submit(browsers["known"].get("/logout"), s.issuer+"/logout", nil)
		browsers["stray"].get("/login") // both have the cookie of the browser
		compareTimes(b, func(kind string, _ int) (int, float64) {
			return timed(func() answer { return browsers[kind].get("/login") })
		}, http.StatusOK)
	})
}

// benchPeople makes known0@example.com and so on, one for each attempt.
func (s *site) benchPeople(b *testing.B) {
	b.Helper()
	hash := s.person["U1"].PasswordHash
	for i := range b.N {
		now := s.clock.Wall()
		p := account.Person{
			ID: uuid.NewString(), Email: fmt.Sprintf("known%d@example.com", i), Role: account.RolePerson, PasswordHash: hash,
			PasswordChangedAt: &now, Version: 1, CreatedAt: now, UpdatedAt: now,
		}
		if err := s.db.CreatePerson(context.Background(), p, audit.Event{At: now, Kind: audit.PersonCreated, Origin: by, PersonID: p.ID, Result: "ok"}); err != nil {
			b.Fatal(err)
		}
	}
}

// timed gives the status of an answer and how long that took, in milliseconds.
func timed(ask func() answer) (status int, took float64) {
	began := time.Now()
	a := ask()
	return a.status, time.Since(began).Seconds() * 1000
}

// compareTimes makes b.N attempts of each kind.
func compareTimes(b *testing.B, attempt func(kind string, i int) (status int, took float64), want int) {
	b.Helper()
	order := slices.Repeat([]string{"known", "stray"}, b.N)
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	times := map[string][]float64{}
	b.ResetTimer()
	for _, kind := range order {
		status, took := attempt(kind, len(times[kind]))
		if status != want {
			b.Fatalf("%s: %d", kind, status)
		}
		times[kind] = append(times[kind], took)
	}
	b.StopTimer()
	known, stray := times["known"], times["stray"]
	slices.Sort(known)
	slices.Sort(stray)
	b.ReportMetric(known[len(known)/2], "known-median-ms")
	b.ReportMetric(stray[len(stray)/2], "unknown-median-ms")
	b.ReportMetric(kolmogorovSmirnov(known, stray), "p")
	b.ReportMetric(0, "ns/op")
}

// kolmogorovSmirnov gives the probability that two sorted samples of one distribution differ as these do.
func kolmogorovSmirnov(a, b []float64) float64 {
	var i, j int
	var d float64
	for i < len(a) && j < len(b) {
		if a[i] <= b[j] {
			i++
		} else {
			j++
		}
		d = max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	n := math.Sqrt(float64(len(a)) * float64(len(b)) / float64(len(a)+len(b)))
	lambda, sum := (n+0.12+0.11/n)*d, 0.0
	for k := 1; k <= 100; k++ {
		sum += 2 * math.Pow(-1, float64(k-1)) * math.Exp(-2*float64(k*k)*lambda*lambda)
	}
	return min(max(sum, 0), 1)
}
