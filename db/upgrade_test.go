package db

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

var updateSchemas = flag.Bool("update-schemas", false, "write to testdata/schema the rows of a database of each schema that has none there")

// fixtureTime is when the rows of the fixtures were written.
var fixtureTime = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// standing is a clock that stands.
type standing time.Time

func (s standing) Wall() time.Time          { return time.Time(s) }
func (s standing) Monotonic() time.Duration { return 0 }

func fixture(version int64) string { return fmt.Sprintf("testdata/schema/%05d.sql", version) }

// atSchema makes a database of an older schema at path, with the rows of its fixture. It gives the refresh token and the secret of
// the client that it belongs to; none before there were grants.
func atSchema(t *testing.T, path string, version int64) (token, secret string) {
	t.Helper()
	schemaAt(t, path, version)
	text, err := os.ReadFile(fixture(version))
	if err != nil {
		t.Fatalf("no fixture of schema %d; write it with: go test ./db -run Schema -update-schemas: %v", version, err)
	}
	damage(t, path, string(text))
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "-- token: "); ok {
			token = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(line, "-- secret: "); ok {
			secret = strings.TrimSpace(v)
		}
	}
	return token, secret
}

// schemaAt makes an empty database of that schema, as the program of then did.
func schemaAt(t *testing.T, path string, version int64) {
	t.Helper()
	pool, err := sql.Open("sqlite", writerDSN(path, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	folder, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, pool, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

// refreshes says whether a token is accepted by the engine of today.
func refreshes(ctx context.Context, d *DB, token, secret string) (string, error) {
	engine, err := oauth.New(ctx, oauth.Config{Issuer: "https://as.test", Time: standing(fixtureTime.Add(time.Hour))}, d)
	if err != nil {
		return "", err
	}
	answer, err := engine.Token(ctx, oauth.TokenRequest{
		Client:    oauth.ClientCredentials{ClientID: "app", Secret: secret, Method: oauth.AuthBasic},
		GrantType: oauth.GrantRefreshToken, RefreshToken: token, By: audit.Origin{IP: "192.0.2.1", UserAgent: "app/1.0"},
	})
	if err != nil {
		return "", fmt.Errorf("refused: %v: %s", err, oauth.AsError(err).Detail)
	}
	return answer.RefreshToken, errors.Join(engine.Flush(ctx))
}

func versionOf(t *testing.T, path string) int64 {
	t.Helper()
	st, err := examine(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return st.version
}

func TestADatabaseOfEachReleasedSchemaIsTakenOver(t *testing.T) { // F16
	if *updateSchemas {
		writeFixtures(t)
	}
	latest := schemaVersion()
	for version := int64(1); version <= latest; version++ {
		if _, err := os.Stat(fixture(version)); version == latest && err != nil {
			continue // it is not released before there is a newer one, or a fixture
		}
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "regrant.db")
			token, secret := atSchema(t, path, version)
			if version >= epochSince && token == "" {
				t.Fatal("the fixture has no token")
			}

			d := openPath(t, path, Options{Server: true})

			if err := d.sound(t.Context(), latest); err != nil {
				t.Error(err)
			}
			if token != "" {
				next, err := refreshes(t.Context(), d, token, secret)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := refreshes(t.Context(), d, next, secret); err != nil {
					t.Error(err)
				}
			}
			snapshot := fmt.Sprintf("%s%s%05d", path, upgradeMark, latest)
			if version == latest {
				if _, err := os.Stat(snapshot); err == nil {
					t.Error("a copy was made although nothing had to change")
				}
				return
			}
			wantPrivate(t, snapshot)
			if got := versionOf(t, snapshot); got != version {
				t.Errorf("the copy has schema %d", got)
			}
		})
	}
}

func TestAFailedMigrationLeavesTheDatabaseAsItWas(t *testing.T) { // F16
	path := filepath.Join(t.TempDir(), "regrant.db")
	const version = 10
	token, secret := atSchema(t, path, version)
	damage(t, path, "ALTER TABLE links ADD COLUMN browser_hash BLOB") // schema 13 adds it; 11 and 12 go well before

	for range 2 {
		_, err := Open(t.Context(), path, Options{Server: true})

		if err == nil || !strings.Contains(err.Error(), "the database is as it was") {
			t.Fatal(err)
		}
		if got := versionOf(t, path); got != version {
			t.Errorf("it has schema %d", got)
		}
		only(t, filepath.Dir(path), "regrant.db", "regrant.db.lock")
	}

	damage(t, path, "ALTER TABLE links DROP COLUMN browser_hash")
	d := openPath(t, path, Options{Server: true})
	if _, err := refreshes(t.Context(), d, token, secret); err != nil {
		t.Error(err)
	}
}

func TestWithoutRoomForTheCopyTheSchemaDoesNotChange(t *testing.T) { // F16, F4
	dir := smallDisk(t, "3m")
	path := filepath.Join(dir, "regrant.db")
	atSchema(t, path, 10)
	fill(t, filepath.Join(dir, "fill"), 300_000)

	_, err := Open(t.Context(), path, Options{Server: true})

	if err == nil || !strings.Contains(err.Error(), "nothing has changed") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "fill")); err != nil {
		t.Fatal(err)
	}
	if got := versionOf(t, path); got != 10 {
		t.Errorf("it has schema %d", got)
	}
}

// fill leaves so many bytes of a disk.
func fill(t *testing.T, name string, left int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size := int64(0)
	for {
		n, err := f.Write(make([]byte, 4096))
		if size += int64(n); err != nil {
			break
		}
	}
	if err := f.Truncate(size - int64(left)); err != nil {
		t.Fatal(err)
	}
}

// dieAtStatement kills the process when the n-th statement that changes something is about to run.
func dieAtStatement(n int) {
	die := dyingAt(n)
	sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, _ string) error {
		return conn.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(func(action sqlite.AuthorizerActionCode, _, _, _, _ string) sqlite.AuthorizerReturnCode {
			switch action {
			case sqlite.AuthCreateTable, sqlite.AuthCreateIndex, sqlite.AuthCreateView, sqlite.AuthDropView, sqlite.AuthAlterTable, sqlite.AuthInsert,
				sqlite.AuthUpdate, sqlite.AuthDelete, sqlite.AuthTransaction:
				die("", 0, 0)
			}
			return sqlite.AuthorizerOK
		})
	})
}

func TestAnUpgradeThatIsKilledCanAlwaysBeginAgain(t *testing.T) { // F16: kill -9 at every statement
	step := 45
	if os.Getenv("REGRANT_FAULTS") == "full" {
		step = 1
	}
	const version = 4
	seen := map[int64]int{}
	killed := 0
	for n := 1; ; n += step {
		path := filepath.Join(t.TempDir(), "regrant.db")
		token, secret := atSchema(t, path, version)
		cmd := child(t, "open", path)
		cmd.Env = append(cmd.Env, fmt.Sprintf("REGRANT_DB_TEST_STATEMENT=%d", n))
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("at statement %d: %v: %s", n, err, out)
		}
		killed++
		seen[versionOf(t, path)]++

		d, err := Open(t.Context(), path, Options{Server: true})
		if err != nil {
			t.Fatalf("at statement %d: %v", n, err)
		}
		if err := d.sound(t.Context(), schemaVersion()); err != nil {
			t.Errorf("at statement %d: %v", n, err)
		}
		if _, err := refreshes(t.Context(), d, token, secret); err != nil {
			t.Errorf("at statement %d: %v", n, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		// The way back is always there: to what was before the first attempt.
		if got := versionOf(t, fmt.Sprintf("%s%s%05d", path, upgradeMark, schemaVersion())); got != version && seen[schemaVersion()] == 0 {
			t.Errorf("at statement %d: the copy has schema %d", n, got)
		}
	}
	t.Logf("killed at %d statements, left at schemas %v", killed, seen)
	if killed < 8 || len(seen) < 3 {
		t.Error("this did not kill where it should")
	}
}

// writeFixtures writes the rows that a database of each schema could have, from one that the program of today has made.
func writeFixtures(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	d := openTest(t, Options{})
	by := audit.Origin{Actor: audit.ByCommand, ActorID: "root"}
	ann := account.Person{ID: "ann", Email: "ann@example.com", Name: "Ann", Role: account.RoleAdmin, PasswordHash: "x", CreatedAt: fixtureTime}
	if err := d.CreatePerson(ctx, ann, audit.Event{At: fixtureTime, Kind: audit.PersonCreated, Origin: by, PersonID: "ann", Result: "ok"}); err != nil {
		t.Fatal(err)
	}
	engine, err := oauth.New(ctx, oauth.Config{Issuer: "https://as.test", Time: standing(fixtureTime)}, d)
	if err != nil {
		t.Fatal(err)
	}
	c := oauth.Client{ID: "app", Name: "App", RedirectURIs: []string{"https://app.test/cb"}, Scope: oauth.Scope{"read", "offline_access"}}
	if _, _, err := oauth.RegisterAPI(ctx, d, &oauth.API{Resource: "https://api.test/", Name: "API", Scope: oauth.Scope{"read"}}, fixtureTime, by); err != nil {
		t.Fatal(err)
	}
	if err := engine.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	c.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
	secret, err := oauth.RegisterClient(ctx, d, &c, fixtureTime, by)
	if err != nil {
		t.Fatal(err)
	}
	code, verifier := rand.Text(), strings.Repeat("verifier-", 6)
	hash, challenge := sha256.Sum256([]byte(code)), sha256.Sum256([]byte(verifier))
	if err := d.IssueCode(ctx, "", &oauth.AuthorizationCode{
		Hash: hash[:], ClientID: "app", PersonID: "ann", SessionID: "session", RedirectURI: "https://app.test/cb", Scope: c.Scope,
		CodeChallenge: base64.RawURLEncoding.EncodeToString(challenge[:]), Authentication: oauth.Authentication{AuthTime: fixtureTime},
		CreatedAt: fixtureTime, ExpiresAt: fixtureTime.Add(time.Minute),
	}, nil, nil); err != nil {
		t.Fatal(err)
	}
	answer, err := engine.Token(ctx, oauth.TokenRequest{
		Client:    oauth.ClientCredentials{ClientID: "app", Secret: secret, Method: oauth.AuthBasic},
		GrantType: oauth.GrantAuthorizationCode, Code: code, CodeVerifier: verifier, By: audit.Origin{IP: "192.0.2.1", UserAgent: "app/1.0"},
	})
	if err != nil {
		t.Fatal(err, oauth.AsError(err).Detail)
	}
	if err := errors.Join(engine.Flush(ctx), d.Checkpoint(ctx, true)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata/schema", 0o755); err != nil {
		t.Fatal(err)
	}
	for version := int64(1); version <= schemaVersion(); version++ {
		if _, err := os.Stat(fixture(version)); err == nil {
			continue // what was released stays as it was
		}
		path := filepath.Join(t.TempDir(), "old.db")
		schemaAt(t, path, version)
		text := fmt.Sprintf("-- Rows of a database of schema %d, written by: go test ./db -run Schema -update-schemas\n", version)
		if version >= epochSince {
			text += fmt.Sprintf("-- token: %s\n-- secret: %s\n", answer.RefreshToken, secret)
		}
		if err := os.WriteFile(fixture(version), []byte(text+rowsFor(t, d, path)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// rowsFor gives the rows of d that fit the tables of an older database, as statements.
func rowsFor(t *testing.T, d *DB, old string) string {
	t.Helper()
	pool, err := sql.Open("sqlite", sourceDSN(d.path))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	if _, err := pool.Exec("ATTACH ? AS old", old); err != nil {
		t.Fatal(err)
	}
	list := func(query string, args ...any) (out []string) {
		rows, err := pool.Query(query, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return out
	}
	var b strings.Builder
	for _, table := range list(`SELECT name FROM old.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> 'goose_db_version' ORDER BY name`) {
		now := list("SELECT name FROM pragma_table_info(?, 'main')", table)
		var columns, quotedValues []string
		for _, c := range list("SELECT name FROM pragma_table_info(?, 'old')", table) {
			if slices.Contains(now, c) {
				columns, quotedValues = append(columns, quoted(c)), append(quotedValues, "quote("+quoted(c)+")")
			}
		}
		for _, values := range list("SELECT " + strings.Join(quotedValues, " || ', ' || ") + " FROM main." + quoted(table)) {
			fmt.Fprintf(&b, "INSERT OR REPLACE INTO %s (%s)\nVALUES (%s);\n", quoted(table), strings.Join(columns, ", "), values)
		}
	}
	return b.String()
}
