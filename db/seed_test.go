package db

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// What [seed] makes.
const (
	seedClients = 20
	seedPerTen  = 10 // grants a person, on average
)

// seedTime is the time of a seeded database: open grants are alive at it.
var seedTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// seed fills a new database with grants, a tenth as many people, and clients of very different size, as a server would have them
// after half a year: 85 of 100 are open, 10 revoked (one of them for reuse), 5 expired. It writes past the store, by SQL alone and
// with the indexes put off, so that a million takes a minute rather than ten. Their refresh tokens are rows, not tokens. Each run
// makes the same but for the ids.
func seed(tb testing.TB, d *DB, grants int) {
	tb.Helper()
	now, day := seedTime.UnixMicro(), (24 * time.Hour).Microseconds()
	counts := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d) ", n)
	}
	people := max(grants/seedPerTen, 10)
	err := d.alone(tb.Context(), "seed", func(s *session) error {
		put, err := s.putOffIndexes("grants", "refresh_tokens", "people")
		if err != nil {
			return err
		}
		for _, statement := range []string{
			"BEGIN IMMEDIATE",
			counts(people) + fmt.Sprintf(`INSERT INTO people (id, email, name, role, password_hash, version, created_at, updated_at)
				SELECT 'person-' || i, 'person' || i || '@example.com', 'Person ' || i || ' of Example', 'person', '', 1, %[1]d, %[1]d FROM n`, now-200*day),
			counts(seedClients) + fmt.Sprintf(`INSERT INTO clients (id, name, token_endpoint_auth_method, redirect_uris, grant_types, scope, preset, refresh,
				grace, idle_lifetime, absolute_lifetime, access_token_lifetime, access_token_format, id_token_alg, max_grants, refresh_limit, on_reuse,
				stale_generations, version, created_at, updated_at)
				SELECT 'client-' || i, 'Application ' || i, 'client_secret_basic', 'https://app.example/cb', 'authorization_code refresh_token', 'openid read',
				'standard', 'always', 10000000, %[2]d, %[3]d, 600000000, 'jwt', 'RS256', 50, 0, 'revoke', 0, 1, %[1]d, %[1]d FROM n`, now-200*day, 30*day, 180*day),
			// Half of all grants are of one client, a quarter of the next, and so on; kind is of 100.
			counts(grants) + fmt.Sprintf(`, g AS MATERIALIZED (SELECT i, i * 2654435761 %% 4294967296 / 4096 %% 1000 AS size,
				i * 2246822519 %% 4294967296 / 8192 %% 100 AS kind, i * 3266489917 %% 4294967296 / 512 %% 1000000 * (28 * %[2]d / 1000000) AS rest,
				i * 668265263 %% 4294967296 / 256 %% 1000000 * (120 * %[2]d / 1000000) AS life FROM n)
				INSERT INTO grants (id, person_id, client_id, session_id, scope, resources, auth_time, acr, amr, ip, user_agent, created_at, ends_at,
				revoked_at, revoked_reason, reuse_class, version, state, used_hour)
				SELECT lower(hex(randomblob(10))), 'person-' || (i %% %[3]d),
				'client-' || CASE WHEN size < 500 THEN 0 WHEN size < 750 THEN 1 WHEN size < 875 THEN 2 ELSE 3 + size %% (%[4]d - 3) END,
				'session-' || i, 'openid read', '', %[1]d - rest - life, '1', 'pwd', '192.0.' || (i %% 50) || '.' || (i %% 199),
				'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
				%[1]d - rest - life - CASE WHEN kind >= 95 THEN 31 * %[2]d ELSE 0 END, %[1]d - rest - life + 180 * %[2]d,
				CASE WHEN kind BETWEEN 85 AND 94 THEN %[1]d - rest / 2 END,
				CASE WHEN kind = 85 THEN 'reuse' WHEN kind BETWEEN 86 AND 94 THEN 'user' END,
				CASE WHEN kind = 85 THEN CASE i %% 3 WHEN 0 THEN 'theft' WHEN 1 THEN 'race' ELSE 'lost_response' END END, 1,
				CASE WHEN kind < 85 THEN 'open' WHEN kind < 95 THEN 'revoked' ELSE 'expired' END,
				(%[1]d - rest - CASE WHEN kind >= 95 THEN 31 * %[2]d ELSE 0 END) / 3600000000 FROM g`, now, day, people, seedClients),
			fmt.Sprintf(`INSERT INTO refresh_tokens (token_id, grant_id, generation, epoch, current_hash, window_end, rotated_at, idle_deadline, absolute_deadline,
				last_used_at, last_ip, last_user_agent, ring)
				SELECT randomblob(16), id, 7, 0, randomblob(32), 0, used_hour * 3600000000, used_hour * 3600000000 + 30 * %d, ends_at, used_hour * 3600000000, ip,
				user_agent, zeroblob(128) FROM grants`, day),
			"COMMIT",
		} {
			if err := s.exec(statement); err != nil {
				return fmt.Errorf("%.60s…: %w", statement, err)
			}
		}
		for _, index := range put {
			if err := s.exec(index); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// putOffIndexes drops the indexes of tables and gives the statements that make them again.
func (s *session) putOffIndexes(tables ...string) (again []string, err error) {
	ctx := context.Background()
	for _, table := range tables {
		rows, err := s.conn.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", table)
		if err != nil {
			return nil, err
		}
		var names []string
		for rows.Next() {
			var name, text string
			if err := rows.Scan(&name, &text); err != nil {
				return nil, err
			}
			names, again = append(names, name), append(again, text)
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := s.exec("DROP INDEX " + name); err != nil {
				return nil, err
			}
		}
	}
	return again, nil
}

// seeded is a database with that many grants.
func seeded(tb testing.TB, grants int) *DB {
	tb.Helper()
	d := openPath(tb, filepath.Join(tb.TempDir(), "regrant.db"), Options{})
	seed(tb, d, grants)
	return d
}
