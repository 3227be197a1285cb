package web_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/db"
)

// receivers stand for the applications that are told of sign-outs. answer says what the one at an address does; nil: it takes everything.
type receivers struct {
	*site
	answer func(ctx context.Context, url string) error

	mu  sync.Mutex
	got []string // address and logout token, in the order of their arrival
}

func (r *receivers) send(ctx context.Context, url string, m *delivery.Message) error {
	r.mu.Lock()
	r.got = append(r.got, url+" "+strings.TrimPrefix(string(m.Body), "logout_token="))
	r.mu.Unlock()
	if r.answer == nil {
		return nil
	}
	return r.answer(ctx, url)
}

func (s *site) receivers() *receivers { return &receivers{site: s} }

func (r *receivers) courier() *delivery.Courier {
	return delivery.New(r.db, r.server.MakeDelivery, r.send, r.clock.Wall, func(message string, args ...any) { r.t.Error(message, args) })
}

// deliver delivers what is due, and gives the tokens that arrived.
func (r *receivers) deliver() []string {
	r.t.Helper()
	r.got = nil
	if err := r.courier().Deliver(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	return r.got
}

// sids gives address and sid of the tokens, in order.
func (r *receivers) sids(got []string) []string {
	r.t.Helper()
	var sids []string
	for _, g := range got {
		address, token, _ := strings.Cut(g, " ")
		sid, _ := r.verified(token)["sid"].(string)
		sids = append(sids, address+" "+sid)
	}
	slices.Sort(sids)
	return sids
}

func (r *receivers) wantSIDs(got []string, want ...string) {
	r.t.Helper()
	slices.Sort(want)
	if sids := r.sids(got); !slices.Equal(sids, want) {
		r.t.Errorf("told: %q, want %q", sids, want)
	}
}

// listener makes a client that is told of sign-outs at https://ID.test/out.
func (s *site) listener(id string, change ...func(*oauth.Client)) {
	s.t.Helper()
	c := oauth.Client{AuthMethod: oauth.AuthBasic, Trusted: true, RedirectURIs: []string{"https://app.test/cb"}, BackchannelLogoutURI: "https://" + id + ".test/out"}
	for _, change := range change {
		change(&c)
	}
	s.addClient(id, c)
}

// sid is sidOf for U1.
func (s *site) sid(b *browser, client string) string {
	s.t.Helper()
	return s.sidOf(b, client, "U1")
}

// waiting is how many deliveries wait, dead ones too.
func (s *site) waiting() (n int) {
	s.t.Helper()
	s.sql(func(q *sql.DB) error { return q.QueryRow("SELECT COUNT(*) FROM deliveries").Scan(&n) })
	return n
}

var errDown = delivery.Unreachable(errors.New("it answers with status 503"))

func requirementsBackchannel(t *testing.T) {
	ctx := context.Background()

	alone(t, "LO-07 a logout token says what Back-Channel Logout 1.0 §2.4 wants, and nothing that makes it another token", func(t *testing.T, s *site) {
		es256, _ := oauth.PolicyOf(oauth.PresetStandard)
		es256.IDTokenAlg = oauth.AlgES256
		s.listener("rs")
		s.listener("es", func(c *oauth.Client) { c.Policy = es256 })
		b, r := s.browser(), s.receivers()
		sid := s.sid(b, "rs")
		s.sid(b, "es")
		hint := s.idToken(b, "TR") // one that does not want to be told

		b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)

		if len(r.got) != 0 || s.waiting() != 2 {
			t.Fatalf("%d were told by the sign-out itself, %d wait", len(r.got), s.waiting())
		}
		got := r.deliver()
		r.wantSIDs(got, "https://es.test/out "+sid, "https://rs.test/out "+sid)
		ids := map[any]bool{}
		for _, g := range got {
			address, token, _ := strings.Cut(g, " ")
			client, algorithm := strings.TrimSuffix(strings.TrimPrefix(address, "https://"), ".test/out"), "RS256"
			if client == "es" {
				algorithm = "ES256"
			}
			header, claims := jwtPart(t, token, 0), s.verified(token)
			if header["typ"] != "logout+jwt" || header["alg"] != algorithm || header["kid"] == nil {
				t.Errorf("header: %v", header)
			}
			now := float64(s.clock.Wall().Unix())
			for name, want := range map[string]any{"iss": s.issuer, "aud": client, "sub": s.person["U1"].ID, "iat": now, "exp": now + 120} {
				if claims[name] != want {
					t.Errorf("%s is %v, want %v", name, claims[name], want)
				}
			}
			events, _ := claims["events"].(map[string]any)
			event, _ := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
			if len(events) != 1 || event == nil || len(event) != 0 || claims["jti"] == "" || ids[claims["jti"]] || len(claims) != 8 {
				t.Errorf("claims: %v", claims)
			}
			ids[claims["jti"]] = true
			b.signIn("U1")
			b.wantAsked(b.get(s.endSession(url.Values{"id_token_hint": {token}})), http.StatusBadRequest)
			if s.userinfo(token).status != http.StatusUnauthorized || s.active("RS", token) {
				t.Error("a logout token opens something")
			}
		}
		if again := r.deliver(); len(again) != 0 || s.waiting() != 0 || s.verified(hint)["aud"] != "TR" {
			t.Errorf("told again: %q", again)
		}
	})

	alone(t, "LO-07 every way to end a session tells, and its expiry does not", func(t *testing.T, s *site) {
		s.listener("app")
		s.listener("sid", func(c *oauth.Client) { c.LogoutSessionRequired = true })
		r, people := s.receivers(), 0
		// end lets a new person sign in to both in two browsers, and wants those sessions told by number; -1: the person alone.
		end := func(name string, do func(id string, sid [2]string, b [2]*browser) error, app, required []int) {
			t.Helper()
			people++
			who := fmt.Sprintf("P%d", people)
			s.addPerson(who, who+"@example.com", who)
			var sid [2]string
			b := [2]*browser{s.browser(), s.browser()}
			for i := range b {
				sid[i] = s.sidOf(b[i], "app", who)
				s.sidOf(b[i], "sid", who)
			}
			if err := do(s.person[who].ID, sid, b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			var want []string
			for address, numbers := range map[string][]int{"https://app.test/out ": app, "https://sid.test/out ": required} {
				for _, n := range numbers {
					if n < 0 {
						want = append(want, address)
					} else {
						want = append(want, address+sid[n])
					}
				}
			}
			slices.Sort(want)
			got := r.deliver()
			if sids := r.sids(got); !slices.Equal(sids, want) {
				t.Errorf("%s: told %q, want %q", name, sids, want)
			}
			for _, g := range got {
				if sub := s.verified(g[strings.Index(g, " ")+1:])["sub"]; sub != s.person[who].ID {
					t.Errorf("%s: of %v", name, sub)
				}
			}
		}
		now := s.clock.Wall
		first, second, both, person := []int{0}, []int{1}, []int{0, 1}, []int{-1}
		end("sign-out", func(_ string, _ [2]string, b [2]*browser) error {
			b[0].submit(b[0].get(s.issuer+"/logout"), s.issuer+"/logout", nil)
			return nil
		}, first, first)
		end("somebody else signs in", func(_ string, _ [2]string, b [2]*browser) error { b[1].signIn("U2"); return nil }, second, second)
		end("a session is ended", func(id string, sid [2]string, _ [2]*browser) error {
			return s.people.EndSession(ctx, id, sid[0], by, now())
		}, first, first)
		end("the others are ended", func(id string, sid [2]string, _ [2]*browser) error {
			_, err := s.people.EndOtherSessions(ctx, id, sid[0], by, now())
			return err
		}, second, second)
		end("all are ended", func(id string, _ [2]string, _ [2]*browser) error {
			_, err := s.people.EndOtherSessions(ctx, id, "", by, now())
			return err
		}, person, both)
		end("another password", func(id string, sid [2]string, _ [2]*browser) error {
			return s.people.ChangePassword(ctx, account.PasswordChange{PersonID: id, SessionID: sid[0], Current: password, New: "another " + password, EndOthers: true}, by, now())
		}, second, second)
		end("a password by an admin", func(id string, _ [2]string, _ [2]*browser) error {
			return s.people.SetPassword(ctx, id, "another "+password, by, now())
		}, person, both)
		end("the password has to be changed", func(id string, _ [2]string, _ [2]*browser) error { return s.people.ExpirePassword(ctx, id, by, now()) }, person, both)
		end("another role", func(id string, _ [2]string, _ [2]*browser) error {
			return s.people.ChangeRole(ctx, id, account.RoleAuditor, by, now())
		}, person, both)
		end("disabled", func(id string, _ [2]string, _ [2]*browser) error { return s.people.Disable(ctx, id, by, now()) }, person, both)
		end("deleted", func(id string, _ [2]string, _ [2]*browser) error { return s.people.Delete(ctx, id, by, now()) }, person, both)
		end("expired", func(_ string, _ [2]string, _ [2]*browser) error {
			s.pass(40 * 24 * time.Hour)
			_, err := s.people.Sweep(ctx, now())
			return err
		}, nil, nil)
	})

	alone(t, "LO-07 what is not taken is tried again, later each time, for a day, and then left to an admin, who tries it again or forgets it", func(t *testing.T, s *site) {
		s.listener("app")
		b, r := s.browser(), s.receivers()
		r.answer = func(context.Context, string) error { return errDown }
		sid := s.sid(b, "app")
		b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
		adm := s.admin(t)

		var tried []time.Duration
		ids := map[any]bool{}
		for passed := time.Duration(0); passed < 26*time.Hour; {
			for _, g := range r.deliver() {
				tried = append(tried, passed)
				ids[s.verified(g[strings.Index(g, " ")+1:])["jti"]] = true
			}
			step := 5 * time.Second
			if passed >= 10*time.Minute {
				step = 10 * time.Minute // looked at when a day is over, too: a try that is due then still counts
			}
			passed += step
			s.clock.jump(step)
		}
		if len(tried) < 8 || len(tried) > 15 || tried[0] != 0 || tried[1] > 15*time.Second || tried[len(tried)-1] > 24*time.Hour || len(ids) != len(tried) {
			t.Errorf("tried at %v, %d tokens", tried, len(ids))
		}
		for i := 2; i < len(tried); i++ {
			if pause := tried[i] - tried[i-1]; pause < (tried[i-1]-tried[i-2])*3/4 || pause > 5*time.Hour {
				t.Errorf("the pauses do not grow: %v", tried)
			}
		}
		events, err := s.db.Events(ctx, db.EventFilter{Kind: audit.DeliveryFailed}, 10)
		if err != nil || len(events) != 1 || events[0].PersonID != s.person["U1"].ID || events[0].ClientID != "app" || !strings.Contains(events[0].Detail, "503") {
			t.Errorf("%+v, %v", events, err)
		}
		adm.signIn("ADM")
		if page := adm.get("/admin"); !strings.Contains(page.body, "Client app has not heard of one sign-out") {
			t.Error("the overview does not tell")
		}
		page := adm.get("/admin/clients/app")
		if !strings.Contains(page.body, "it answers with status 503") || !strings.Contains(page.body, "Given up") || !strings.Contains(page.body, "https://app.test/out") {
			t.Errorf("the page of the client does not tell: %s", page.body)
		}
		r.answer = nil
		if got := r.deliver(); len(got) != 0 {
			t.Errorf("what is dead was sent: %q", got)
		}
		if a := adm.browser.submit(page, s.issuer+"/admin/clients/app/deliveries/retry", nil); a.status != http.StatusSeeOther {
			t.Fatalf("retry: %d %s", a.status, a.body)
		}
		r.wantSIDs(r.deliver(), "https://app.test/out "+sid)
		if s.waiting() != 0 || strings.Contains(adm.get("/admin/clients/app").body, "status 503") {
			t.Error("it is still there")
		}

		r.answer = func(context.Context, string) error { return errors.New("it answers with status 400") }
		out := func() {
			b := s.browser()
			s.sid(b, "app")
			b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
			r.deliver()
		}
		out()
		adm.browser.submit(adm.get("/admin/clients/app"), s.issuer+"/admin/clients/app/deliveries/discard", nil)
		if s.waiting() != 0 {
			t.Error("it was not forgotten")
		}
		out()
		s.clock.jump(25 * time.Hour) // the server was off meanwhile
		s.sweep()
		if dead, err := s.db.DeadDeliveries(ctx, 5); err != nil || len(dead) != 1 || dead[0].N != 1 {
			t.Errorf("%v, %v", dead, err)
		}
		s.clock.jump(15 * 24 * time.Hour)
		s.sweep()
		if s.waiting() != 0 {
			t.Error("it stays for ever")
		}
	})

	alone(t, "LO-07 one address that hangs keeps neither sign-outs nor others waiting, and a stop loses nothing", func(t *testing.T, s *site) {
		s.listener("hangs")
		s.listener("works")
		r := s.receivers()
		called, taken := make(chan string, 10), make(chan string, 10)
		r.answer = func(ctx context.Context, url string) error {
			if url == "https://works.test/out" {
				taken <- url
				return nil
			}
			called <- url
			<-ctx.Done()
			return ctx.Err()
		}
		out := func() {
			b := s.browser()
			s.sid(b, "hangs")
			s.sid(b, "works")
			b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
		}
		running, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		out()
		go func() { r.courier().Run(running); close(done) }()
		<-called
		<-taken
		out() // while the first still hangs
		<-taken
		stop()
		<-done
		if len(called) != 0 || s.waiting() != 2 {
			t.Errorf("%d more calls to what hangs, %d wait", len(called), s.waiting())
		}
		r.answer = nil
		s.clock.jump(time.Minute)
		if got := r.deliver(); len(got) != 2 {
			t.Errorf("after a restart: %q", got)
		}
	})

	alone(t, "LO-07 the queue is bounded, follows the address of its client and goes with it", func(t *testing.T, s *site) {
		s.listener("app")
		r := s.receivers()
		r.answer = func(context.Context, string) error { return errDown }
		out := func() {
			b := s.browser()
			s.sid(b, "app")
			b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
		}
		out()
		out()
		if got := r.deliver(); len(got) != 1 {
			t.Errorf("%d calls to an address that takes nothing, want 1", len(got))
		}
		s.change("app", func(c *oauth.Client) { c.BackchannelLogoutURI = "https://other.test/out" })
		r.answer = nil
		s.clock.jump(time.Minute)
		for _, g := range r.deliver() {
			if !strings.HasPrefix(g, "https://other.test/out ") {
				t.Errorf("sent to the old address: %s", g)
			}
		}
		if len(r.got) != 2 {
			t.Errorf("%d arrived", len(r.got))
		}

		s.sql(func(q *sql.DB) error {
			_, err := q.Exec(`INSERT INTO deliveries (id, kind, client_id, person_id, url, body, attempts, next_at, last_error, created_at, expires_at)
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT 'n' || i, 'logout', 'app', '', 'https://other.test/out', X'7B7D', 0, 1, '', 1, 9e15 FROM n`, delivery.MaxWaiting)
			return err
		})
		out()
		events, err := s.db.Events(ctx, db.EventFilter{Kind: audit.DeliveryFailed}, 10)
		if err != nil || len(events) != 1 || events[0].Result != "full" || s.waiting() != delivery.MaxWaiting {
			t.Errorf("%+v, %v, %d wait", events, err, s.waiting())
		}
		if err := oauth.RemoveClient(ctx, s.db, "app", s.clock.Wall(), by); err != nil || s.waiting() != 0 {
			t.Errorf("%v, %d wait", err, s.waiting())
		}
	})
}

// sidOf signs somebody in to a client of [site.listener] and gives the session that their ID token names.
func (s *site) sidOf(b *browser, client, who string) string {
	s.t.Helper()
	a := s.exchange(client, b.walk(s.az("CB", url.Values{"client_id": {client}, "scope": {"openid"}}), who), nil)
	wantOK(s.t, a)
	sid, _ := s.verified(a.text(s.t, "id_token"))["sid"].(string)
	return sid
}
