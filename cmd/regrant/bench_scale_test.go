package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

// BenchmarkScale measures the same server on files of more and more grants: how soon it is ready, 64 chains of refreshes, its memory,
// the file, a backup beside the refreshes, and the sweeper, which a hundredth of the grants waits for. REGRANT_BENCH_GRANTS names the
// sizes, by default 10000 100000 1000000; five million take 8 GB of disk and ten minutes.
//
//	go test -run '^$' -bench Scale -benchtime 1x -timeout 2h ./cmd/regrant
func BenchmarkScale(b *testing.B) {
	sizes := os.Getenv("REGRANT_BENCH_GRANTS")
	if sizes == "" {
		sizes = "10000 100000 1000000"
	}
	r := &benchReport{Title: "grants"}
	for _, size := range strings.Fields(sizes) {
		n, err := strconv.Atoi(size)
		if err != nil {
			b.Fatalf("REGRANT_BENCH_GRANTS: %v", err)
		}
		r.add(b, size, scaleOf(b, n))
	}
	r.print(b, "file-MB", "ready-ms", "req/s", "p50-ms", "p99-ms", "cpu-s/1000", "MB", "WAL-MB", "backup-s", "beside-backup-req/s", "beside-backup-p99-ms",
		"sweep-idle-ms", "sweep-rows/s", "sweep-longest-ms")
}

func scaleOf(b *testing.B, grants int) map[string]float64 {
	b.Helper()
	long := benchSeconds(b)
	site := seedBenchSite(b, benchClients, oauth.Scope{"profile"})
	site.fillUp(b, grants)
	figures := map[string]float64{"file-MB": float64(fileSize(b, site.file)) / 1e6}

	figures["ready-ms"] = float64(site.serve(b)) / 1e6
	wal := watchFile(b, site.file+"-wal")
	site.drive(b, benchClients, long/5, site.refreshes())
	for unit, value := range site.drive(b, benchClients, long, site.refreshes()).figures() {
		figures[unit] = value
	}

	copied := make(chan time.Duration, 1)
	go func() {
		began := time.Now()
		binary, err := benchBinary()
		if err == nil {
			var out []byte
			if out, err = exec.Command(binary, "backup", "--db", site.file, filepath.Join(filepath.Dir(site.file), "backup.db")).CombinedOutput(); err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
		}
		if err != nil {
			b.Error(err)
		}
		copied <- time.Since(began)
	}()
	beside := site.driveUntil(b, benchClients, func() bool { return len(copied) == 1 }, site.refreshes())
	figures["backup-s"] = (<-copied).Seconds()
	figures["beside-backup-req/s"], figures["beside-backup-p99-ms"] = beside.Rate, beside.P99
	figures["MB"], figures["WAL-MB"] = residentMemory(b, site.pid), float64(wal())/(1<<20)
	site.stop()
	for unit, value := range site.sweep(b) {
		figures[unit] = value
	}
	return figures
}

// driveUntil is drive for as long as something else takes, which must end.
func (s *benchSite) driveUntil(b testing.TB, callers int, over func() bool, act func(i int, c *wire) error) *measured {
	b.Helper()
	return s.measure(b, callers, func(i int, c *wire) (bool, error) { return !over(), act(i, c) })
}

// fillUp puts that many grants into the database beside those of the chains, each with its refresh token: copies of the first, of a
// tenth as many people, made over half a year. A hundredth ended long enough ago to be swept. It writes by SQL, with the
// indexes put off, so that a million takes half a minute.
func (s *benchSite) fillUp(b testing.TB, grants int) {
	b.Helper()
	ctx := context.Background()
	file, err := sql.Open("sqlite", "file:"+s.file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	file.SetMaxOpenConns(1)
	do := func(statement string, args ...any) {
		b.Helper()
		if _, err := file.ExecContext(ctx, statement, args...); err != nil {
			b.Fatalf("%.80s…: %v", statement, err)
		}
	}
	rows, err := file.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('grants', 'refresh_tokens', 'people')")
	if err != nil {
		b.Fatal(err)
	}
	indexes := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			b.Fatal(err)
		}
		indexes[name] = text
	}
	if err := rows.Close(); err != nil {
		b.Fatal(err)
	}
	for name := range indexes {
		do("DROP INDEX " + name)
	}
	const count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
	now, day := time.Now().UnixMicro(), (24 * time.Hour).Microseconds()
	s.copyRows(b, file, "people", count, max(grants/10, 1), map[string]string{"id": "'p-' || i", "email": "'p' || i || '@example.com'", "name": "'Person ' || i"}, "1 = 1")
	created := fmt.Sprintf("%d - (i %% 150) * %d - i", now, day)
	s.copyRows(b, file, "grants", count, grants, map[string]string{
		"id": "printf('g-%012d', i)", "person_id": fmt.Sprintf("'p-' || (1 + i %% %d)", max(grants/10, 1)), "session_id": "'s-' || i", "created_at": created,
		"ends_at":    fmt.Sprintf("CASE WHEN i %% 100 = 0 THEN %d ELSE %d END", now-60*day, now+100*day),
		"revoked_at": fmt.Sprintf("CASE WHEN i %% 100 = 0 THEN %d END", now-60*day), "revoked_reason": "CASE WHEN i % 100 = 0 THEN 'user' END",
		"state": "CASE WHEN i % 100 = 0 THEN 'revoked' ELSE 'open' END", "used_hour": fmt.Sprint(now / time.Hour.Microseconds()),
	}, "id = (SELECT MIN(id) FROM grants WHERE id NOT LIKE 'g-%')")
	s.copyRows(b, file, "refresh_tokens", count, grants, map[string]string{
		"token_id": "randomblob(16)", "grant_id": "printf('g-%012d', i)", "current_hash": "randomblob(32)",
		"idle_deadline": fmt.Sprint(now + 20*day), "absolute_deadline": fmt.Sprint(now + 100*day), "ring": "zeroblob(128)",
	}, "grant_id = (SELECT MIN(id) FROM grants WHERE id NOT LIKE 'g-%')")
	for _, text := range indexes {
		do(text)
	}
	do("PRAGMA wal_checkpoint(TRUNCATE)")
}

// copyRows copies one row of a table that many times, with some of its columns changed by expressions of i.
func (s *benchSite) copyRows(b testing.TB, file *sql.DB, table, count string, n int, changed map[string]string, which string) {
	b.Helper()
	rows, err := file.Query("SELECT * FROM " + table + " LIMIT 0")
	if err != nil {
		b.Fatal(err)
	}
	columns, err := rows.Columns()
	if err == nil {
		err = rows.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	values := make([]string, len(columns))
	for i, column := range columns {
		if values[i] = "t." + column; changed[column] != "" {
			values[i] = changed[column]
		}
	}
	statement := fmt.Sprintf("INSERT INTO %s (%s) %s SELECT %s FROM n, (SELECT * FROM %s WHERE %s LIMIT 1) t",
		table, strings.Join(columns, ", "), count, strings.Join(values, ", "), table, which)
	if _, err := file.Exec(statement, n); err != nil {
		b.Fatalf("%s: %v", table, err)
	}
}

// sweep runs the sweeper without a server until nothing is left, and once more.
func (s *benchSite) sweep(b testing.TB) map[string]float64 {
	b.Helper()
	store, err := db.Open(context.Background(), s.file, db.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	var longest, took time.Duration
	rows := 0
	for {
		began := time.Now()
		n, err := store.Sweep(context.Background(), time.Now().UTC(), 500)
		if err != nil {
			b.Fatal(err)
		}
		last := time.Since(began)
		if n == 0 {
			return map[string]float64{"sweep-idle-ms": float64(last) / 1e6, "sweep-rows/s": float64(rows) / max(took.Seconds(), 1e-9), "sweep-longest-ms": float64(longest) / 1e6}
		}
		rows, took, longest = rows+n, took+last, max(longest, last)
	}
}
