package web_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// journal writes down what a site does with its database.
type journal struct {
	mu         sync.Mutex
	statements []string
}

// statementName is how sqlc marks a statement.
var statementName = regexp.MustCompile(`^-- name: (\w+)`)

func (l *journal) trace(statement string) {
	name := statement
	if m := statementName.FindStringSubmatch(statement); m != nil {
		name = m[1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.statements = append(l.statements, name)
}

// forget gives what was written down, and begins anew.
func (l *journal) forget() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.statements
	l.statements = nil
	return all
}

// kept is the statement whose answer all visitors share for a moment, so that it is the clock that decides who asks.
const kept = "Setting"

// TestWEB_33_ItIsTheSameWorkWhetherSomebodyExistsOrNot holds the statements that are run, in their order, and the rows that come and go
// in each table, index entries with them, against each other. What no count shows is left to the benchmarks of times.
func TestWEB_33_ItIsTheSameWorkWhetherSomebodyExistsOrNot(t *testing.T) {
	t.Parallel()
	l := &journal{}
	m := newMailSite(t, siteOptions{trace: l.trace})
	ctx := context.Background()
	m.allowSignUp()
	for _, name := range []string{"off", "gone", "two"} {
		m.addPerson(name, name+"@example.com", strings.ToUpper(name))
	}
	for _, err := range []error{m.people.Disable(ctx, m.person["off"].ID, by, m.clock.Wall()), m.people.Delete(ctx, m.person["gone"].ID, by, m.clock.Wall())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	key := m.authenticator()
	m.enrol(key, "U1")
	m.enrolApp("two")
	q, err := sql.Open("sqlite", "file:"+m.path+"?_pragma=busy_timeout(5000)&mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	tables := tablesOf(t, q)

	type work struct {
		statements []string
		rows       map[string]int // by table
		status     int
	}
	done := func(act func() answer) work {
		t.Helper()
		m.clock.jump(time.Hour) // the address has all its guesses
		before := rowsOf(t, q, tables)
		l.forget()
		a := act()
		w := work{rows: rowsOf(t, q, tables), status: a.status}
		maps.DeleteFunc(w.rows, func(table string, n int) bool { return n == before[table] })
		for _, name := range l.forget() {
			if name != kept {
				w.statements = append(w.statements, name)
			}
		}
		for table := range w.rows {
			w.rows[table] -= before[table]
		}
		return w
	}
	written := map[string]bool{}
	// unseen is an act before those that are compared, which makes what is made once for all of them.
	same := func(what string, unseen func() answer, acts map[string]func() answer) {
		t.Helper()
		done(unseen)
		names := slices.Sorted(maps.Keys(acts))
		first := done(acts[names[0]])
		for table := range first.rows {
			written[table] = true
		}
		for _, name := range names[1:] {
			if other := done(acts[name]); fmt.Sprint(other) != fmt.Sprint(first) {
				t.Errorf("%s: %s and %s differ:\n%v\n%v", what, names[0], name, first, other)
			}
		}
	}

	people := []string{"alice@example.com", "bob@example.com", "off@example.com", "gone@example.com", "aaaa@example.com", "nobody@example.com", "zzzz@example.org", "no address"}
	guess := func(email, password string) func() answer {
		return func() answer {
			b := m.browser()
			page := b.get("/login")
			l.forget()
			return b.submit(page, m.issuer+"/login", url.Values{"email": {email}, "password": {password}})
		}
	}
	each := func(of func(email string) func() answer, emails []string) map[string]func() answer {
		acts := map[string]func() answer{}
		for _, email := range emails {
			acts[email] = of(email)
		}
		return acts
	}
	const wrong = "wrong-wrong-wrong"
	for _, time := range []string{"first", "second"} {
		same("a "+time+" wrong password", guess("unseen@example.com", wrong), each(func(email string) func() answer { return guess(email, wrong) }, people))
	}
	same("the right password of somebody disabled", guess("unseen@example.com", password), each(func(email string) func() answer { return guess(email, password) }, []string{"off@example.com", "gone@example.com", "nobody@example.com"}))
	for range 12 {
		for _, email := range people {
			m.clock.jump(time.Hour)
			guess(email, wrong)()
		}
	}
	same("a guess that has to wait", guess("unseen@example.com", wrong), each(func(email string) func() answer {
		return func() answer {
			guess(email, wrong)()
			a := guess(email, wrong)()
			if a.status != http.StatusTooManyRequests {
				t.Errorf("%s need not wait: %d", email, a.status)
			}
			return a
		}
	}, people))

	for _, path := range []string{"/forgot", "/signup"} {
		ask := func(email string) func() answer {
			return func() answer {
				b := m.browser()
				page := b.get(path)
				l.forget()
				return b.submit(page, m.issuer+path, url.Values{"email": {email}})
			}
		}
		for i := range 5 { // more than an address gets
			same(fmt.Sprintf("%s, time %d", path, i+1), ask("unseen@example.com"), each(ask, people[:len(people)-1]))
		}
	}

	visited := m.browser()
	visited.signIn("U2")
	visited.submit(visited.get("/logout"), m.issuer+"/logout", nil)
	look := func(b *browser) func() answer { return func() answer { return b.get("/login") } }
	same("the options of passkeys", look(m.browser()), map[string]func() answer{"who was here": look(visited), "who was not here": look(m.browser())})
	show := func(credential func(page answer) string) func() answer {
		return func() answer {
			b := m.browser()
			page := b.get("/login")
			shown := credential(page)
			l.forget()
			return b.showPasskey(page, shown)
		}
	}
	stranger := m.authenticator()
	stranger.make(`{"rp":{"id":"as.test"},"user":{"id":"` + b64.EncodeToString([]byte("x")) + `"},"challenge":"AAAA"}`)
	unknown := show(func(page answer) string { return stranger.show(m.optionsOf(page)) })
	same("a passkey", unknown, map[string]func() answer{
		"that nobody has": unknown,
		"that somebody has, shown as somebody else's": show(func(page answer) string {
			forged := *key
			forged.otherUser = "somebody else"
			return forged.show(m.optionsOf(page))
		}),
	})

	owner := m.browser()
	in := owner.submit(owner.get("/login"), m.issuer+"/login", url.Values{"email": {"two@example.com"}, "password": {password}})
	address, err := url.Parse(in.header.Get("Location"))
	if err != nil || address.Path != "/login/second" {
		t.Fatalf("%d to %v, %v", in.status, address, err)
	}
	step := func(token string) func() answer {
		return func() answer {
			b := m.browser()
			form := b.get("/login")
			l.forget()
			return b.submit(form, m.issuer+"/login/second", url.Values{"step": {token}, "code": {"123456"}})
		}
	}
	same("a second step", step("unseen"), map[string]func() answer{"of another browser": step(address.Query().Get("step")), "that nobody has": step("ABCDEFGHIJKLMNOPQRSTUVWXYZ")})

	// Each row makes one entry in each index, unless an index leaves rows out.
	for table, indexes := range partialIndexes(t, q) {
		if written[table] {
			t.Errorf("%s was written to, and %v leave rows of it out", table, indexes)
		}
	}
	for _, table := range []string{"throttle", "audit_events", "mails", "mail_counts"} {
		if !written[table] {
			t.Errorf("nothing came into %s", table)
		}
	}
}

func tablesOf(t *testing.T, q *sql.DB) (names []string) {
	t.Helper()
	rows, err := q.Query(`SELECT name FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

func rowsOf(t *testing.T, q *sql.DB, tables []string) map[string]int {
	t.Helper()
	rows := map[string]int{}
	for _, table := range tables {
		var n int
		if err := q.QueryRow(`SELECT COUNT(*) FROM ` + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		rows[table] = n
	}
	return rows
}

func partialIndexes(t *testing.T, q *sql.DB) map[string][]string {
	t.Helper()
	rows, err := q.Query(`SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	partial := map[string][]string{}
	for rows.Next() {
		var table, name string
		if err := rows.Scan(&table, &name); err != nil {
			t.Fatal(err)
		}
		partial[table] = append(partial[table], name)
	}
	if len(partial["people"]) == 0 {
		t.Error("the partial index of people was not found") // so the question finds none
	}
	return partial
}
