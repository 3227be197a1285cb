package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db"
)

// BenchmarkRefreshBesideSignIns measures what a flood of sign-ins does to those who are signed in (WEB-32): 500 at a time, each at an
// account and from an address of its own, so that nothing is throttled, beside 16 chains of refreshes. Whoever is turned away comes
// back when Retry-After says, as people do. Windows without and with the flood alternate, so that a machine that drifts is the same for
// both. It reports the rate of refreshes alone and beside the flood, their ratio, the latency of refreshes, how many of the flood were
// answered, the most memory that the server used, and how long the slowest of a few people took to get in during the flood, with a
// browser that they had signed in with before and with a new one.
//
//	go test -run '^$' -bench RefreshBesideSignIns -benchtime 1x ./cmd/regrant
func BenchmarkRefreshBesideSignIns(b *testing.B) {
	const chains, signIns, rounds, people, window = 16, 500, 3, 4, 10 * time.Second
	site := newBenchSite(b, chains, "--trusted-proxy", "127.0.0.1", "--page-budget", "0")
	passwords := site.addPeople(b, 2*people)
	known := make([]benchVisitor, people)
	for i := range known {
		known[i] = site.visitor(b, 1)
		known[i].signIn(b, i, passwords[i])
	}
	for b.Loop() {
		site.refreshFor(b, chains, window/5) // warm
		var alone, beside []time.Duration
		answers := map[int]int{}
		for range rounds {
			alone = append(alone, site.refreshFor(b, chains, window)...)
			flood := site.flood(b, signIns)
			beside = append(beside, site.refreshFor(b, chains, window)...)
			for status, n := range flood() {
				answers[status] += n
			}
		}
		flood := site.flood(b, signIns)
		time.Sleep(window / 5)
		took := make([]time.Duration, 2*people)
		var all sync.WaitGroup
		for i := range took {
			all.Go(func() {
				v := site.visitor(b, 1)
				if i < people {
					v = known[i]
				}
				took[i] = v.signIn(b, i, passwords[i])
			})
		}
		all.Wait()
		flood()
		slices.Sort(alone)
		slices.Sort(beside)
		seconds := rounds * window.Seconds()
		b.ReportMetric(float64(len(alone))/seconds, "grants/s-alone")
		b.ReportMetric(float64(len(beside))/seconds, "grants/s-beside")
		b.ReportMetric(float64(len(beside))/float64(len(alone)), "ratio")
		b.ReportMetric(float64(alone[len(alone)*99/100])/1e6, "p99-ms-alone")
		b.ReportMetric(float64(beside[len(beside)*99/100])/1e6, "p99-ms-beside")
		b.ReportMetric(float64(answers[http.StatusUnprocessableEntity])/seconds, "sign-ins/s")
		b.ReportMetric(float64(answers[http.StatusServiceUnavailable])/seconds, "turned-away/s")
		b.ReportMetric(peakMemory(b, site.pid), "peak-MB")
		b.ReportMetric(slices.Max(took[:people]).Seconds(), "s-known-browser")
		b.ReportMetric(slices.Max(took[people:]).Seconds(), "s-new-browser")
		for status, n := range answers {
			if status != http.StatusUnprocessableEntity && status != http.StatusServiceUnavailable {
				b.Errorf("%d sign-ins were answered with %d", n, status)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

// addPeople makes so many people, person0@example.com and so on, and gives their passwords.
func (s *benchSite) addPeople(b *testing.B, n int) (passwords []string) {
	b.Helper()
	store, err := db.Open(b.Context(), s.file, db.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	hasher, err := account.NewHasher(account.HasherOptions{})
	if err != nil {
		b.Fatal(err)
	}
	all := account.New(store, hasher, account.Options{})
	for i := range n {
		p := account.NewPerson{Email: fmt.Sprintf("person%d@example.com", i), Password: rand.Text()}
		if _, err := all.Create(b.Context(), p, audit.Origin{Actor: audit.ByCommand, ActorID: "bench"}, time.Now().UTC()); err != nil {
			b.Fatal(err)
		}
		passwords = append(passwords, p.Password)
	}
	return passwords
}

// refreshFor drives that many chains for a while and gives the latency of each grant.
func (s *benchSite) refreshFor(b *testing.B, chains int, long time.Duration) []time.Duration {
	b.Helper()
	latencies := make([][]time.Duration, chains)
	var all sync.WaitGroup
	end := time.Now().Add(long)
	for i := range chains {
		all.Go(func() {
			for began := time.Now(); began.Before(end); began = time.Now() {
				next, err := s.next(s.tokens[i])
				if err != nil {
					b.Error(err)
					return
				}
				s.tokens[i] = next
				latencies[i] = append(latencies[i], time.Since(began))
			}
		})
	}
	all.Wait()
	return slices.Concat(latencies...)
}

var benchFormToken = regexp.MustCompile(`name="form_token" value="([^"]+)"`)

// benchVisitor is a browser in front of the sign-in page.
type benchVisitor struct {
	site  *benchSite
	http  *http.Client
	token string
}

func (s *benchSite) visitor(b *testing.B, width int) benchVisitor {
	b.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	v := benchVisitor{site: s, http: &http.Client{
		Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: width}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	page, err := v.http.Get("http://" + s.address + "/login")
	if err != nil {
		b.Fatal(err)
	}
	token := benchFormToken.FindStringSubmatch(readAll(b, page))
	if token == nil {
		b.Fatal("the page has no form")
	}
	v.token = token[1]
	return v
}

// try tries to sign in from an address. wait is how long the answer asks to wait before the next try.
func (v benchVisitor) try(b *testing.B, email, password, address string) (status int, wait time.Duration) {
	form := url.Values{"form_token": {v.token}, "email": {email}, "password": {password}}
	r, err := http.NewRequest("POST", "http://"+v.site.address+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		b.Error(err)
		return 0, 0
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-Forwarded-For", address)
	response, err := v.http.Do(r)
	if err != nil {
		b.Error(err)
		return 0, 0
	}
	readAll(b, response)
	if response.StatusCode == http.StatusServiceUnavailable {
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			b.Errorf("turned away without a time to come back: %q", response.Header.Get("Retry-After"))
		}
		wait = time.Duration(seconds) * time.Second
	}
	return response.StatusCode, wait
}

// signIn signs a person of addPeople in who comes back as long as they are told to, and gives how long that took.
func (v benchVisitor) signIn(b *testing.B, number int, password string) time.Duration {
	const patience = 3 * time.Minute
	for began := time.Now(); time.Since(began) < patience; {
		status, wait := v.try(b, fmt.Sprintf("person%d@example.com", number), password, fmt.Sprintf("192.0.2.%d", number))
		if status == http.StatusSeeOther {
			return time.Since(began)
		}
		if status != http.StatusServiceUnavailable {
			b.Errorf("the right password of person %d: %d", number, status)
			return 0
		}
		time.Sleep(wait)
	}
	b.Errorf("person %d was not let in for %s", number, patience)
	return patience
}

// benchStrangers counts those of all floods, each of which tries an account and comes from an address of its own.
var benchStrangers atomic.Int64

// flood keeps that many sign-ins under way until the function that it returns is called, which gives how they were answered.
func (s *benchSite) flood(b *testing.B, width int) (stop func() map[int]int) {
	b.Helper()
	v, over := s.visitor(b, width), make(chan struct{})
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	answers := map[int]int{}
	for range width {
		all.Go(func() {
			for {
				i := benchStrangers.Add(1)
				status, wait := v.try(b, fmt.Sprintf("nobody%d@example.com", i), "wrong-wrong-wrong", fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255))
				mu.Lock()
				answers[status]++
				mu.Unlock()
				select {
				case <-over:
					return
				case <-time.After(wait):
				}
			}
		})
	}
	return func() map[int]int {
		close(over)
		all.Wait()
		return answers
	}
}

func readAll(b *testing.B, r *http.Response) string {
	b.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.Error(err)
	}
	return string(body)
}

// peakMemory is the most that a process had resident, MB: VmHWM of proc(5).
func peakMemory(b testing.TB, pid int) float64 { return memoryOf(b, pid, "VmHWM:") }

// memoryOf is a size in the status of a process, in MB.
func memoryOf(b testing.TB, pid int, name string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("no /proc to read the server's memory from")
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, name); found {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb / 1024
		}
	}
	b.Fatalf("no %s in the status of the process", name)
	return 0
}
