package web_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// family is a grant of a client and a person of its own, with every token that was ever issued for it.
type family struct {
	*site
	client   string
	who      string
	id       string   // of the grant
	tokens   []string // refresh tokens, in the order of their generations
	access   []string
	first    answer
	callback *url.URL // the authorization response
}

// family makes a grant with the whole flow. The client is trusted, so that its person is not asked.
func (s *site) family(change ...func(*oauth.Client)) *family {
	s.t.Helper()
	id := "f" + strings.ToLower(rand.Text()[:12])
	c := oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://" + id + ".test/cb"}, Trusted: true,
		Scope: oauth.Scope{"openid", "profile", "email", "offline_access", "read", "write"}}
	c.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
	for _, change := range change {
		change(&c)
	}
	s.addClient(id, c)
	s.addPerson(id, id+"@example.com", "Somebody")
	return s.another(id, id, "openid read write offline_access")
}

// another makes one more grant of that client and person, on a device of its own.
func (s *site) another(client, who, scope string) *family {
	s.t.Helper()
	return s.browser().grantTo(client, who, scope)
}

// grantTo makes a grant in this browser.
func (b *browser) grantTo(client, who, scope string) *family {
	b.t.Helper()
	f := &family{site: b.site, client: client, who: who}
	f.callback = b.walk(b.az(client, url.Values{"redirect_uri": {"https://" + client + ".test/cb"}, "scope": {scope}}), who)
	f.first = f.redeemed(nil)
	wantOK(b.t, f.first)
	f.keep(f.first)
	f.id = jwtPart(b.t, f.access[0], 1)["grant_id"].(string)
	return f
}

// redeemed presents the code of the grant.
func (f *family) redeemed(set url.Values) answer {
	f.t.Helper()
	return f.as(f.client, url.Values{
		"grant_type": {"authorization_code"}, "code": {f.callback.Query().Get("code")}, "code_verifier": {verifier},
		"redirect_uri": {"https://" + f.client + ".test/cb"},
	}, set)
}

// rotated is the fixture of requirements.md 2.3: R1, generation 0, was used, and R2 is current.
func (s *site) rotated(change ...func(*oauth.Client)) *family {
	s.t.Helper()
	f := s.family(change...)
	wantOK(s.t, f.use(0))
	return f
}

func strict(c *oauth.Client)       { c.Policy, _ = oauth.PolicyOf(oauth.PresetStrict) }
func multiProcess(c *oauth.Client) { c.Policy, _ = oauth.PolicyOf(oauth.PresetMultiProcess) }
func noRotation(c *oauth.Client)   { c.Policy.RotationOff = true }

func (f *family) keep(a answer) {
	if token := a.text(f.t, "refresh_token"); len(f.tokens) == 0 || f.tokens[len(f.tokens)-1] != token {
		f.tokens = append(f.tokens, token)
	}
	f.access = append(f.access, a.text(f.t, "access_token"))
}

// use presents the token of a generation.
func (f *family) use(generation int, set ...url.Values) answer {
	f.t.Helper()
	a := f.present(f.client, f.tokens[generation], set...)
	if a.status == http.StatusOK {
		f.keep(a)
	}
	return a
}

func (f *family) present(client, token string, set ...url.Values) answer {
	f.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	return f.as(client, append([]url.Values{form}, set...)...)
}

// as posts to the token endpoint as client.
func (f *family) as(client string, set ...url.Values) answer {
	f.t.Helper()
	return f.do(f.tokenRequest(client, fieldsOf(set...)))
}

func (f *family) tokenRequest(client string, form url.Values) *http.Request {
	if f.secret[client] == "" {
		form.Set("client_id", client)
		client = ""
	}
	return f.request("/token", client, form)
}

// together presents the token of a generation n times at once.
func (f *family) together(n, generation int) []answer {
	f.t.Helper()
	answers, begin := make([]answer, n), make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		r := f.tokenRequest(f.client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {f.tokens[generation]}})
		all.Go(func() {
			<-begin
			var err error
			if answers[i], err = f.try(r); err != nil {
				f.t.Error(err)
			}
		})
	}
	close(begin)
	all.Wait()
	return answers
}

func (f *family) current() int { return len(f.tokens) - 1 }

// row is what the store has of the grant.
func (f *family) row() oauth.RefreshState {
	f.t.Helper()
	rows, err := f.db.Grants(context.Background(), oauth.GrantFilter{ID: f.id})
	if err != nil || len(rows) != 1 {
		f.t.Fatalf("%d rows: %v", len(rows), err)
	}
	return rows[0]
}

// unchanged fails if the row is not what it was.
func (f *family) unchanged(before oauth.RefreshState) {
	f.t.Helper()
	if diff := cmp.Diff(before, f.row()); diff != "" {
		f.t.Errorf("the row has changed:\n%s", diff)
	}
}

// alive wants the newest token and the last access token to be active, and every older refresh token not.
func (f *family) alive() {
	f.t.Helper()
	if !f.active("RS", f.access[len(f.access)-1]) {
		f.t.Error("the last access token is not active")
	}
	for i, token := range f.tokens {
		if f.secret[f.client] == "" {
			break // a public client cannot ask
		}
		if got, want := f.active(f.client, token), i == f.current(); got != want {
			f.t.Errorf("generation %d of %d: active is %v", i, f.current(), got)
		}
	}
}

// dead wants nothing that was ever issued to work, whoever asks.
func (f *family) dead() {
	f.t.Helper()
	for i, token := range f.access {
		if f.active("RS", token) {
			f.t.Errorf("access token %d outlives the grant", i)
		}
	}
	for i, token := range f.tokens {
		if f.secret[f.client] != "" && f.active(f.client, token) {
			f.t.Errorf("generation %d introspects as active", i)
		}
		wantError(f.t, f.present(f.client, token), "invalid_grant")
	}
}

// revoked wants the grant dead for that reason.
func (f *family) revoked(reason oauth.RevokedReason) {
	f.t.Helper()
	f.dead()
	for f.row().RevokedAt == nil && f.sweep() > 0 {
		continue
	}
	if got := f.row().RevokedReason; got != reason {
		f.t.Errorf("revoked for %q, want %q", got, reason)
	}
}

func (s *site) sweep() int {
	s.t.Helper()
	n, err := s.db.Sweep(context.Background(), s.clock.Wall(), 100)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// events gives the audit events of that kind about the grant, the newest first.
func (f *family) events(kind audit.Kind) []audit.Event {
	f.t.Helper()
	f.flush()
	events, err := f.db.Events(context.Background(), db.EventFilter{GrantID: f.id, Kind: kind}, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	return events
}

// onlyEvent gives the one event of that kind.
func (f *family) onlyEvent(kind audit.Kind) audit.Event {
	f.t.Helper()
	events := f.events(kind)
	if len(events) != 1 {
		f.t.Fatalf("%d events %s, want 1", len(events), kind)
	}
	return events[0]
}

// moment is a row of a grant's timeline.
type moment struct{ kind, detail string }

func (f *family) moments() []moment {
	f.t.Helper()
	f.flush()
	var moments []moment
	f.sql(func(q *sql.DB) error {
		rows, err := q.Query("SELECT kind, detail FROM grant_moments WHERE grant_id = ? ORDER BY id", f.id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var m moment
			if err := rows.Scan(&m.kind, &m.detail); err != nil {
				return err
			}
			moments = append(moments, m)
		}
		return rows.Err()
	})
	return moments
}

// days adds up what was counted for the grant.
func (f *family) days() (c oauth.DayCount) {
	f.t.Helper()
	f.flush()
	f.sql(func(q *sql.DB) error {
		return q.QueryRow("SELECT COALESCE(SUM(rotations), 0), COALESCE(SUM(replays), 0), COALESCE(SUM(refusals), 0) FROM grant_days WHERE grant_id = ?", f.id).
			Scan(&c.Rotations, &c.Replays, &c.Refusals)
	})
	return c
}

func (s *site) flush() {
	s.t.Helper()
	if err := s.engine.Flush(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

// sql looks at the file, or damages it, behind the server's back.
func (s *site) sql(do func(*sql.DB) error) {
	s.t.Helper()
	q, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		s.t.Fatal(err)
	}
	defer q.Close()
	if err := do(q); err != nil {
		s.t.Fatal(err)
	}
}

// introspect gives the whole answer to an introspection request.
func (s *site) introspect(asker, token string) map[string]any {
	s.t.Helper()
	a := s.post("/introspect", asker, url.Values{"token": {token}})
	wantOK(s.t, a)
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		s.t.Fatal(err)
	}
	return m
}

// at gives the moment that far from now.
func (s *site) at(d time.Duration) time.Time { return s.clock.Wall().Add(d) }

// fieldsOf joins forms; the later ones win, and a nil value takes a field away.
func fieldsOf(forms ...url.Values) url.Values {
	out := url.Values{}
	for _, form := range forms {
		for name, values := range form {
			out[name] = values
			if values == nil {
				delete(out, name)
			}
		}
	}
	return out
}
