package db

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBothEnginesHaveTheSameTablesAndColumns(t *testing.T) {
	sqlite := sqliteColumns(t)
	postgres := postgresColumns(t)

	if diff := cmp.Diff(postgres, sqlite); diff != "" {
		t.Errorf("migrations/postgres (-) and migrations/sqlite (+) differ:\n%s", diff)
	}
}

func TestSQLiteTablesAreStrict(t *testing.T) {
	d := openTest(t, Options{})
	rows, err := d.readers.pool.Query(`SELECT name FROM pragma_table_list
		WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite%' AND name <> 'goose_db_version'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		t.Errorf("table %s is not STRICT", name)
	}
}

// sqliteColumns asks a migrated database what "table.column" is.
func sqliteColumns(t *testing.T) map[string]string {
	t.Helper()
	d := openTest(t, Options{})
	rows, err := d.readers.pool.Query(`SELECT t.name, c.name, c.type, c."notnull" OR c.pk > 0
		FROM pragma_table_list t JOIN pragma_table_info(t.name) c
		WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name <> 'goose_db_version'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns := map[string]string{}
	for rows.Next() {
		var table, column, typ string
		var notNull bool
		if err := rows.Scan(&table, &column, &typ, &notNull); err != nil {
			t.Fatal(err)
		}
		twin := map[string]string{"INTEGER": "BIGINT", "BLOB": "BYTEA", "TEXT": "TEXT"}[typ]
		if twin == "" {
			t.Errorf("%s.%s has type %s, which has no twin", table, column, typ)
		}
		columns[table+"."+column] = describe(twin, notNull)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return columns
}

func describe(typ string, notNull bool) string {
	if notNull {
		return typ + " NOT NULL"
	}
	return typ
}

var (
	comments    = regexp.MustCompile(`--[^\n]*`)
	createTable = regexp.MustCompile(`(?s)CREATE TABLE (\w+)\s*\((.*?)\n\s*\);`)
	addColumn   = regexp.MustCompile(`ALTER TABLE (\w+)\s+ADD COLUMN ([^;]+);`)
	unknown     = regexp.MustCompile(`DROP TABLE|DROP COLUMN|RENAME`)
	primaryKey  = regexp.MustCompile(`PRIMARY KEY\s*\(([^)]*)\)`)
	parenthesis = regexp.MustCompile(`\([^()]*\)`)
	constraint  = regexp.MustCompile(`^(PRIMARY|UNIQUE|FOREIGN|CHECK|CONSTRAINT)\b`)
)

// postgresColumns reads the same from the text of the migrations.
func postgresColumns(t *testing.T) map[string]string {
	t.Helper()
	columns := map[string]string{}
	add := func(table, column string) {
		column = strings.TrimSpace(column)
		words := strings.Fields(column)
		if len(words) < 2 || constraint.MatchString(column) {
			return
		}
		notNull := strings.Contains(column, "NOT NULL") || strings.Contains(column, "PRIMARY KEY")
		columns[table+"."+words[0]] = describe(words[1], notNull)
	}
	files, err := filepath.Glob("migrations/postgres/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := comments.ReplaceAllString(string(b), "")
		if unknown.MatchString(text) {
			t.Fatalf("%s drops or renames: teach this test to follow it", file)
		}
		for _, m := range createTable.FindAllStringSubmatch(text, -1) {
			table, body := m[1], m[2]
			keys := primaryKey.FindStringSubmatch(body)
			for parenthesis.MatchString(body) {
				body = parenthesis.ReplaceAllString(body, "")
			}
			for column := range strings.SplitSeq(body, ",") {
				add(table, column)
			}
			if keys != nil {
				for key := range strings.SplitSeq(keys[1], ",") {
					name := table + "." + strings.TrimSpace(key)
					columns[name] = describe(strings.TrimSuffix(columns[name], " NOT NULL"), true)
				}
			}
		}
		for _, m := range addColumn.FindAllStringSubmatch(text, -1) {
			add(m[1], parenthesis.ReplaceAllString(m[2], ""))
		}
	}
	return columns
}
