package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"regrant/app/oauth"
)

// benchSeconds is how long each load of a benchmark runs: REGRANT_BENCH_SECONDS, by default 5.
func benchSeconds(b testing.TB) time.Duration {
	b.Helper()
	text := os.Getenv("REGRANT_BENCH_SECONDS")
	if text == "" {
		return 5 * time.Second
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds <= 0 {
		b.Fatalf("REGRANT_BENCH_SECONDS: %q", text)
	}
	return time.Duration(seconds * float64(time.Second))
}

const (
	benchRounds  = 3      // of each load, in turn with the others; the median counts
	benchAged    = 50_000 // rotations after which the rate must be what it was
	benchClients = 64     // the load that the targets speak of
)

// BenchmarkRefresh drives chains of refreshes, each answer feeding the next request, over HTTP keep-alive from this process against
// the real binary with its durable database: a confidential client by Basic, JWT access tokens by ES256, no openid. Beside it, in
// turns, it drives the same server without a store, an echo of JSON, and the bare disk, so that what counts are ratios of one run.
//
//	go test -run '^$' -bench 'Refresh$' -benchtime 1x -timeout 1h ./cmd/regrant
func BenchmarkRefresh(b *testing.B) {
	long := benchSeconds(b)
	site, openid := seedBenchSite(b, 256, oauth.Scope{"profile"}), seedBenchSite(b, benchClients, oauth.Scope{"openid", "profile"})
	bare, echo := seedBenchSite(b, benchClients, oauth.Scope{"profile"}), seedBenchSite(b, benchClients, oauth.Scope{"profile"})
	ops := site.opsForProfiles(b)
	site.serve(b, ops...)
	openid.serve(b)
	bare.standIn(b, "no-store")
	echo.standIn(b, "echo")
	wal := watchFile(b, site.file+"-wal")

	for _, s := range []*benchSite{site, openid, bare, echo} {
		s.drive(b, len(s.tokens), long/5, s.refreshes()) // warm
	}
	rows := []struct {
		name string
		site *benchSite
		n    int
	}{
		{"refresh, 1 client", site, 1}, {"refresh, 16", site, 16}, {"refresh, 64", site, benchClients}, {"refresh, 256", site, 256},
		{"refresh with an ID token, 64", openid, benchClients}, {"no store, 1", bare, 1}, {"no store, 64", bare, benchClients},
		{"echo, 64", echo, benchClients},
	}
	runs, syncs := make([][]*measured, len(rows)), 0.0
	rotations, counted, size := 0, 0, int64(0)
	for round := range benchRounds {
		if round == 1 {
			// By now each grant has the one row that counts its uses of the day. What grows from here on would grow for ever.
			counted, size = rotations, fileSize(b, site.file)
		}
		for i, row := range rows {
			m := row.site.drive(b, row.n, long, row.site.refreshes())
			runs[i] = append(runs[i], m)
			if row.site == site {
				rotations += m.Requests
			}
		}
		syncs += syncRate(b, filepath.Dir(site.file)) / benchRounds
	}
	site.profile(b, ops)
	growth := float64(fileSize(b, site.file)-size) / float64(rotations-counted) * 10_000

	r := &benchReport{Title: "refresh grants"}
	of := map[string]*measured{}
	for i, row := range rows {
		m := median(runs[i])
		of[row.name] = m
		figures := m.figures()
		if row.site == site {
			figures["growth-B/10000"] = growth
		}
		r.add(b, row.name, figures)
	}
	// The rate of a database that has rotated much, against that of one which has not: the fresh one is made for it, and both are
	// measured in turns.
	for rotations < benchAged {
		rotations += site.drive(b, 256, long, site.refreshes()).Requests
	}
	fresh := seedBenchSite(b, benchClients, oauth.Scope{"profile"})
	fresh.serve(b)
	fresh.drive(b, benchClients, long/5, fresh.refreshes())
	var aged, new []*measured
	for range benchRounds {
		aged = append(aged, site.drive(b, benchClients, long, site.refreshes()))
		new = append(new, fresh.drive(b, benchClients, long, fresh.refreshes()))
	}
	r.add(b, fmt.Sprintf("after %d rotations, 64", rotations), median(aged).figures())
	r.add(b, "fresh, 64", median(new).figures())
	r.add(b, "fdatasync of the disk", map[string]float64{"req/s": syncs})
	r.add(b, "ratios", map[string]float64{
		"of-no-store": of["refresh, 64"].Rate / of["no store, 64"].Rate, "of-echo": of["refresh, 64"].Rate / of["echo, 64"].Rate,
		"1-client-of-fdatasync": of["refresh, 1 client"].Rate / syncs, "aged-of-fresh": median(aged).Rate / median(new).Rate,
	})
	r.add(b, "server", map[string]float64{"MB": residentMemory(b, site.pid), "WAL-MB": float64(wal()) / (1 << 20), "ready-ms": readyTime(b)})
	r.print(b, "req/s", "p50-ms", "p95-ms", "p99-ms", "cpu-s/1000", "growth-B/10000", "of-no-store", "of-echo", "1-client-of-fdatasync", "aged-of-fresh", "MB", "WAL-MB", "ready-ms")
}

// opsForProfiles are the flags that a server is started with whose profiles are wanted: REGRANT_BENCH_PROFILES names the directory that
// they go to.
func (s *benchSite) opsForProfiles(b testing.TB) []string {
	if os.Getenv("REGRANT_BENCH_PROFILES") == "" {
		return nil
	}
	return []string{"--ops-listen", freeBenchAddress(b)}
}

// profile drives the load once more and leaves profiles of the server: of its CPU time, of what it allocated, and of what it waited for.
func (s *benchSite) profile(b testing.TB, ops []string) {
	b.Helper()
	if len(ops) == 0 {
		return
	}
	var all sync.WaitGroup
	all.Go(func() { s.saveProfile(b, ops[1], "profile?seconds=8", "cpu") })
	s.drive(b, benchClients, 9*time.Second, s.refreshes())
	all.Wait()
	for _, name := range []string{"allocs", "mutex", "block"} {
		s.saveProfile(b, ops[1], name, name)
	}
}

func (s *benchSite) saveProfile(b testing.TB, ops, query, name string) {
	b.Helper()
	response, err := s.http.Get("http://" + ops + "/debug/pprof/" + query)
	if err != nil {
		b.Error(err)
		return
	}
	defer response.Body.Close()
	profile, err := io.ReadAll(response.Body)
	if err == nil {
		err = os.WriteFile(filepath.Join(os.Getenv("REGRANT_BENCH_PROFILES"), name+".prof"), profile, 0o644)
	}
	if err != nil {
		b.Error(err)
	}
}

// readyTime is the milliseconds from the start of the process until it is ready, the median of 15 starts on a database that has
// been used.
func readyTime(b *testing.B) float64 {
	b.Helper()
	s := seedBenchSite(b, 1, oauth.Scope{"profile"})
	var all []*measured
	for range 15 {
		took := s.serve(b)
		s.stop()
		all = append(all, &measured{Rate: took.Seconds() * 1000})
	}
	return median(all).Rate
}

// watchFile notes the greatest size of a file until the function that it returns is called, which gives it.
func watchFile(b *testing.B, path string) (greatest func() int64) {
	b.Helper()
	var (
		most int64
		over = make(chan struct{})
		all  sync.WaitGroup
	)
	all.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if info, err := os.Stat(path); err == nil {
				most = max(most, info.Size())
			}
		}
	})
	stop := sync.OnceFunc(func() { close(over); all.Wait() })
	b.Cleanup(stop)
	return func() int64 { stop(); return most }
}

// residentMemory is the memory that a process holds now, in MB.
func residentMemory(b testing.TB, pid int) float64 { return memoryOf(b, pid, "VmRSS:") }
